/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AttackShape, type AttackView } from '#contract'
import { checkedAttack, noAttack } from '#optics'
import { attackOf } from './attacks.ts'

const kinds: readonly AttackView['kind'][] = AttackShape.properties.kind.anyOf.map(
  ({ const: kind }) => kind,
)

test('every attack that can be asked for is one that the simulation takes', () => {
  assert.ok(kinds.length >= 11)
  for (const kind of kinds) {
    for (const fraction of [0, 0.5, 1]) {
      const attack = checkedAttack(attackOf({ kind, fraction }))
      assert.equal(attack.kind, kind)
    }
  }
  assert.equal(attackOf({ kind: 'none', fraction: 1 }), noAttack)
})

test('what is asked for is what happens', () => {
  assert.deepEqual(attackOf({ kind: 'bright-light', fraction: 1, powerUw: 3 }), {
    kind: 'bright-light',
    powerUw: 3,
  })
  const shift = attackOf({ kind: 'time-shift', fraction: 0.4, shiftPs: 12 })
  assert.deepEqual(shift, { kind: 'time-shift', fraction: 0.4, shiftPs: 12 })
  const drift = attackOf({ kind: 'drift', fraction: 1, degreesPerMinute: 60 })
  assert.ok(drift.kind === 'drift' && Math.abs(drift.radiansPerSecond - Math.PI / 180) < 1e-12)
  const bent = attackOf({ kind: 'fibre-cut', fraction: 0.5 })
  assert.ok(bent.kind === 'fibre-cut' && Math.abs(bent.lossDb - 3.0103) < 1e-4)
})
