/**
 * `kill -9` of the daemon of a trusted node with a share in its hands: before the far end has heard of it,
 * and after. Two hospitals that share no fibre lose the block at most, and tell one story of every other.
 *
 * Whoever stands between the trusted node and the far end holds the share, or its answer, back.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { placeInNetwork } from '#gateway'
import { Interceptor, questionIn, untouched } from '../support/interceptor.ts'
import { makeSites, type TestSite } from '../support/sites.ts'
import { entriesOf } from '../support/standing.ts'
import { until } from '../support/until.ts'

const NAMES = ['bristol', 'london', 'cambridge'] as const
const FIBRES = [
  ['bristol', 'london'],
  ['london', 'cambridge'],
] as const
const HOP = 'relay/hop'

test(
  'a trusted node killed with a share in hands costs its block',
  { timeout: 280_000 },
  async (t) => {
    const { sites, start } = await makeSites(t, { names: NAMES, fibres: FIBRES })
    const { bristol, london, cambridge } = sites
    const links = FIBRES.map(([a, b]) => ({ link: `${a}-${b}`, a, b }))
    const nodes = NAMES.map((site) => {
      const kind = site === 'london' ? ('trusted-node' as const) : ('hospital' as const)
      return { site, kind, relays: true }
    })
    for (const [site, peer] of [
      [bristol, 'cambridge'],
      [london, undefined],
      [cambridge, 'bristol'],
    ] as const) {
      const sizes = { shares: 1, sharesLeast: 1, blockOctets: 8192, targetBits: 131_072 }
      const relays = peer === undefined ? [] : [{ peer, ...sizes }]
      const about = { nodes, links, relays, blockBits: 500_000, checkpointMs: 5000 }
      await placeInNetwork(site.folder, about)
    }
    await using between = await Interceptor.between(london, cambridge)
    const held = heldOnce(between, 'question')
    await start()

    await t.test('before the far end has heard of it', async () => {
      await held
      await killedAndBack(london, between)
      await keysFlow(bristol, cambridge)
      // The processes of the simulated fibres know every pad.
      assert.deepEqual(await holdersOf(bristol), [
        ...FIBRES.map((ends) => `fibre-${ends.join('-')}`),
        'london',
      ])
    })

    await t.test('after the far end has taken it, its word under way', async () => {
      const answer = heldOnce(between, 'answer')
      // Keys have to go, so that more are wanted.
      await spend(bristol, answer)
      await killedAndBack(london, between)
      await keysFlow(bristol, cambridge)
      await keysFlow(cambridge, bristol)
    })

    await t.test(
      'no place of a block was used twice, and both ends tell the same of each',
      async () => {
        const [here, there] = await Promise.all([blocksOf(bristol), blocksOf(cambridge)])
        assert(here.size > 0)
        for (const [place, kinds] of here) {
          assert.equal(kinds.filter((kind) => kind === 'key.block-held').length, 1, place)
          // What one end uses, the other holds: it was confirmed there before.
          if (kinds.includes('key.block-available')) {
            assert(there.get(place)?.includes('key.block-available'), place)
          }
        }
        for (const site of [bristol, london, cambridge]) {
          assert.deepEqual((await site.verify()).faults, [], site.name)
        }
      },
    )
  },
)

/** The next share on its last hop, or the answer to it, which does not arrive. */
function heldOnce(between: Interceptor, what: 'question' | 'answer'): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const shares = new Set<number>()
  between.meddling = (channel, octets) => {
    if (channel !== 'peer' || questionIn(octets).method !== HOP) return [octets]
    shares.add(questionIn(octets).id)
    if (what === 'answer') return [octets]
    resolve()
    return []
  }
  between.answering = (channel, octets) => {
    if (what === 'question' || channel !== 'peer' || !shares.has(questionIn(octets).id))
      return [octets]
    resolve()
    return []
  }
  return promise
}

async function killedAndBack(site: TestSite, between: Interceptor): Promise<void> {
  await site.daemon.kill()
  ;[between.meddling, between.answering] = [untouched, untouched]
  await site.daemon.start()
}

/** Makes keys until something has happened. */
async function spend({ ward }: TestSite, happened: Promise<void>): Promise<void> {
  let isOver = false
  void happened.then(() => (isOver = true))
  await until('a share is under way', async () => {
    if (!isOver) await ward.encKeys('cambridge.ward', 64)
    return isOver
  })
}

/** Waits until keys of one end are the keys of the other. */
async function keysFlow(from: TestSite, to: TestSite): Promise<void> {
  const made = await until(`${from.name} has keys with ${to.name}`, () =>
    from.ward.encKeys(`${to.name}.ward`, 8),
  )
  const ids = made.map(({ key_ID }) => key_ID)
  assert.deepEqual(await to.ward.decKeys(`${from.name}.ward`, ids), made)
  assert.equal(await to.ward.decKeys(`${from.name}.ward`, ids), undefined, 'once')
}

/** Who has passed on every share of the next key, each wrapped from end to end. */
async function holdersOf({ ward }: TestSite): Promise<unknown> {
  const wanted = { extension_mandatory: [{ photonward_provenance: true }] }
  const { body } = await ward.ask('POST', 'cambridge.ward/enc_keys', wanted)
  type Told = { photonward_provenance: { held_wrapped_by: unknown } }
  const [key] = (JSON.parse(body) as { keys: readonly { key_extension: Told }[] }).keys
  return key.key_extension.photonward_provenance.held_wrapped_by
}

/** What became of each relayed block at a site, by its place. */
async function blocksOf(site: TestSite): Promise<ReadonlyMap<string, readonly string[]>> {
  const blocks = new Map<string, string[]>()
  for (const { kind, facts } of await entriesOf(site)) {
    const { link, epoch, sequence } = facts
    if (!kind.startsWith('key.block-') || FIBRES.some((ends) => link === ends.join('-'))) continue
    const place = `${String(link)} ${String(epoch)}-${String(sequence)}`
    blocks.set(place, [...(blocks.get(place) ?? []), kind])
  }
  return blocks
}
