/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AttackView } from '#contract'
import { checkedAttack, noAttack } from '#optics'
import { attackOf } from './attacks.ts'

const kinds: Readonly<Record<AttackView['kind'], true>> = {
  none: true,
  'intercept-resend': true,
  'photon-number-splitting': true,
  'beam-splitting': true,
  blinding: true,
  'time-shift': true,
  'trojan-horse': true,
  'bright-light': true,
  'fibre-cut': true,
  'failing-source': true,
  drift: true,
}

test('every attack that can be asked for is one that the simulation takes', () => {
  for (const kind of Object.keys(kinds) as AttackView['kind'][]) {
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
  for (const at of ['transmitter', 'receiver'] as const) {
    for (const kind of ['blinding', 'bright-light', 'time-shift'] as const) {
      const aimed = attackOf({ kind, fraction: 1, at })
      assert.ok('at' in aimed && aimed.at === at, kind)
    }
  }
  const drift = attackOf({ kind: 'drift', fraction: 1, degreesPerMinute: 60 })
  assert.ok(drift.kind === 'drift' && Math.abs(drift.radiansPerSecond - Math.PI / 180) < 1e-12)
  for (const kind of ['intercept-resend', 'photon-number-splitting'] as const) {
    const bold = attackOf({ kind, fraction: 1, stealth: 0.25 })
    assert.deepEqual(bold, { kind, fraction: 1, stealth: 0.25 })
  }
  const bent = attackOf({ kind: 'fibre-cut', fraction: 0.5 })
  assert.ok(bent.kind === 'fibre-cut' && Math.abs(bent.lossDb - 3.0103) < 1e-4)
})
