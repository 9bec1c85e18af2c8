/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { epochMs } from '#base'
import { lifeAfter, meaningOf, newLife, type LinkFacts, type LinkLife } from './link-life.ts'

const well: LinkFacts = {
  suspicion: undefined,
  isEnabled: true,
  hasDevice: true,
  hasSession: true,
  failures: 0,
  isAligning: false,
  complaints: [],
  lastCause: undefined,
}
const at = (ms: number) => epochMs(1_800_000_000_000 + ms)

/** Lives through changes of what is true, a second each. @returns states, and what each meant */
function live(...changes: readonly Partial<LinkFacts>[]): readonly string[] {
  let life = newLife(at(0))
  return changes.map((change, second) => {
    const next = lifeAfter(life, { ...well, ...change }, at(1000 * (second + 1)))
    const words = [next.state, next.reason, meaningOf(life, next) ?? '']
    life = next
    return words.filter((word) => word !== '').join(' ')
  })
}

test('a link starts, calibrates, runs, degrades, recovers and runs again', () => {
  assert.deepEqual(
    live(
      { hasDevice: false, hasSession: false },
      { hasSession: false },
      { isAligning: true },
      {},
      { complaints: ['alignment-drift', 'error-step'] },
      { isAligning: true, complaints: ['alignment-drift'] },
      {},
    ),
    [
      'starting device-away',
      'starting session-closed',
      'calibrating alignment',
      'running link.started',
      'degraded alignment-drift link.degraded',
      'recovering alignment',
      'running link.recovered',
    ],
  )
})

test('a suspicion suspends whatever else is true, and its end is a recovery', () => {
  const suspicion = 'qber-above-limit'
  assert.deepEqual(
    live(
      { suspicion, hasDevice: false, hasSession: false, failures: 9 },
      { suspicion, isAligning: true },
      { suspicion, complaints: ['error-step'], lastCause: 'too-short' },
      {},
    ),
    [
      'suspended qber-above-limit link.suspended',
      'suspended qber-above-limit',
      'suspended qber-above-limit',
      'running link.recovered',
    ],
  )
})

test('a link that cannot be reached is down after several tries, not after the first', () => {
  const away = { hasDevice: false, hasSession: false }
  assert.deepEqual(live({}, away, { ...away, failures: 3 }, { ...away, failures: 4 }, {}), [
    'running link.started',
    'recovering device-away',
    'recovering device-away',
    'down device-away link.down',
    'running link.recovered',
  ])
})

test('a block without key degrades a link until one gives key, and an alarm is named first', () => {
  assert.deepEqual(
    live(
      {},
      { lastCause: 'too-short' },
      { lastCause: 'too-short', complaints: ['error-step'] },
      {},
    ),
    [
      'running link.started',
      'degraded too-short link.degraded',
      'degraded error-step',
      'running link.recovered',
    ],
  )
})

const facts = fc.record({
  suspicion: fc.option(fc.constantFrom('photocurrent', 'decoy-statistics'), { nil: undefined }),
  isEnabled: fc.boolean(),
  hasDevice: fc.boolean(),
  hasSession: fc.boolean(),
  failures: fc.nat(6),
  isAligning: fc.boolean(),
  complaints: fc.subarray(['error-step', 'alignment-drift']),
  lastCause: fc.option(fc.constant('too-short'), { nil: undefined }),
})

test('a link runs or degrades only with device, session and no suspicion; since moves with the state', () => {
  fc.assert(
    fc.property(fc.array(facts, { minLength: 1, maxLength: 20 }), (story) => {
      let life: LinkLife = newLife(at(0))
      story.forEach((now, second) => {
        const next = lifeAfter(life, now, at(second + 1))
        const makesBlocks = next.state === 'running' || next.state === 'degraded'
        if (makesBlocks) {
          assert(now.hasDevice && now.hasSession && !now.isAligning && now.suspicion === undefined)
          assert(now.isEnabled)
        }
        assert.equal(next.state === 'suspended', now.suspicion !== undefined)
        assert.equal(next.reason === '', next.state === 'running')
        assert.equal(next.since, next.state === life.state ? life.since : at(second + 1))
        assert(!life.hasRun || next.hasRun)
        if (next.hasRun) assert(next.state !== 'starting' && next.state !== 'calibrating')
        assert.equal(lifeAfter(next, now, at(99)), next, 'the same facts change nothing')
        life = next
      })
    }),
    { seed: 1, numRuns: 500 },
  )
})
