import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HistoryEntry } from '#contract'
import { simulate, type World } from '#world'
import { seedsOr } from './support/seed.ts'

/** A block of a quarter of a million bits every five minutes. */
const LINK = { clockHz: 24_000 }

/** The receiving end of the one link: the one whose device is aligned. */
const receiver = (world: World) => {
  const { links, alarms, audit } =
    world.site('cambridge').serving?.parts ?? assert.fail('it serves')
  return { link: links[0], alarms, audit }
}

const entriesOf = (world: World): Promise<readonly HistoryEntry[]> =>
  world.passing(receiver(world).link.history.entries(0, 1000))

const turnsOf = (entries: readonly HistoryEntry[]): readonly string[] =>
  entries.flatMap((entry) => {
    if (entry.kind === 'state') return [`${entry.state} ${entry.reason}`.trim()]
    return entry.kind === 'alignment' ? [`${entry.cause} ${entry.outcome}`] : []
  })

test('a fibre that turns light slowly is aligned anew, and keys grow on', async () => {
  const [seed] = seedsOr(61)
  using world = await simulate({ sites: ['bristol', 'cambridge'], seed, link: LINK })
  await world.run({ minutes: 30 })
  world.fibres[0].setAttack({ kind: 'drift', radiansPerSecond: 4e-5 })
  await world.run({ hours: 1.5 })
  const entries = await entriesOf(world)
  assert.deepEqual(turnsOf(entries).slice(0, 8), [
    ...['starting session-closed', 'calibrating alignment', 'running', 'start done'],
    ...['recovering alignment', 'degraded alignment-drift', 'running', 'drift sound'],
  ])
  const blocks = entries.filter((entry) => entry.kind === 'block')
  assert(blocks.length > 20 && blocks.every(({ secretBits }) => secretBits > 0))
  const { link, audit } = receiver(world)
  const { totals } = link.history
  assert(totals.alignments >= 3, 'at the start, and twice since')
  assert.equal(totals.epsilonSpent, blocks.at(-1)?.epsilonSpent)
  const log = await world.passing(audit.entries({ after: -1 }, 1000))
  const kinds = log.map(({ event }) => event.kind)
  for (const kind of ['alignment-begun', 'alignment-ended', 'started', 'degraded', 'recovered']) {
    assert(kinds.includes(`link.${kind}`), kind)
  }
  assert.deepEqual(world.violations, [])
})

test('Eve who lets her listening look like drift is not aligned away', async () => {
  const [seed] = seedsOr(62)
  using world = await simulate({ sites: ['bristol', 'cambridge'], seed, link: LINK })
  await world.run({ minutes: 30 })
  for (let fraction = 0.01; fraction < 0.16; fraction += 0.01) {
    world.fibres[0].setAttack({ kind: 'intercept-resend', fraction })
    await world.run({ minutes: 5 })
  }
  const { link, alarms } = receiver(world)
  const entries = await entriesOf(world)
  const ended = entries.filter((entry) => entry.kind === 'alignment' && entry.cause === 'drift')
  assert(
    ended.length >= 1 && ended.every((entry) => 'outcome' in entry && entry.outcome === 'failed'),
  )
  const standing = alarms.standing.map(({ kind }) => kind)
  assert(standing.includes('link.alignment-failed'), standing.join(' '))
  assert.equal(link.view().state, 'degraded')
  // What a block is worth follows its own counts: more errors, less key, and in the end none.
  const worth = entries.flatMap((entry) => (entry.kind === 'block' ? [entry.secretBits] : []))
  assert(worth[0] > 70_000 && worth.slice(-3).every((bits) => bits < 10_000), worth.join(' '))
  assert.deepEqual(world.violations, [])
})
