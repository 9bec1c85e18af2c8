/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { historyView, sinceOf } from './commands/link-history.ts'

const now = Date.UTC(2026, 10, 21, 12)

test('--since is a time ago or a time, in UTC unless it says otherwise', () => {
  assert.equal(sinceOf('90s', now), now - 90_000)
  assert.equal(sinceOf('15m', now), now - 900_000)
  assert.equal(sinceOf('24h', now), now - 86_400_000)
  assert.equal(sinceOf('7d', now), now - 7 * 86_400_000)
  assert.equal(sinceOf('2026-11-20', now), Date.UTC(2026, 10, 20))
  assert.equal(sinceOf('2026-11-20T08:30', now), Date.UTC(2026, 10, 20, 8, 30))
  assert.equal(sinceOf('2026-11-20 08:30:05', now), Date.UTC(2026, 10, 20, 8, 30, 5))
  assert.equal(sinceOf('2026-11-20T08:30Z', now), Date.UTC(2026, 10, 20, 8, 30))
  assert.equal(sinceOf('2026-11-20T08:30+02:00', now), Date.UTC(2026, 10, 20, 6, 30))
  for (const wrong of ['', '15', 'm', '-5m', '15 m', '1w', 'yesterday', '2026-13-01', '12']) {
    assert.throws(() => sinceOf(wrong, now), { code: 'ARGUMENT_INVALID' }, wrong)
  }
})

test('a history shows its sums, and each entry on a line of its own', () => {
  const text = historyView({
    link: 'bristol-cambridge',
    totals: {
      since: now,
      blocksDistilled: 1,
      blocksDiscarded: { 'too-short': 2 },
      siftedBits: 3_000_000,
      secretBits: 300_000,
      leakBits: 90_000,
      epsilonSpent: 1.1e-10,
      alarms: 1,
      alignments: 1,
    },
    entries: [
      { kind: 'state', at: now, state: 'degraded', reason: 'error-step' },
      { kind: 'alarm', at: now, alarm: 'error-step', change: 'cleared' },
      {
        ...{ kind: 'block', at: now, epoch: 3, sequence: 7, outcome: 'distilled', cause: '' },
        ...{ testErrorRate: 0.0123, keyErrorRate: null, efficiency: 1.0567, leakBits: 90_000 },
        ...{ siftedBits: 1_000_000, secretBits: 300_000, seconds: 2 },
        ...{ epsilon: 1.1e-10, epsilonSpent: 1.1e-10 },
      },
    ],
  })
  const lines = text.split('\n')
  assert.match(text, /too-short 2/)
  assert.match(lines.at(-3) ?? '', /^2026-11-21 12:00:00 {2}degraded: error-step$/)
  assert.match(lines.at(-2) ?? '', /alarm error-step cleared$/)
  assert.match(
    lines.at(-1) ?? '',
    /block 3\/7 +– +1\.23 % +500 kb\/s +150 kb\/s +90\.0 kbit +1\.057 +1\.10e-10$/,
  )
})
