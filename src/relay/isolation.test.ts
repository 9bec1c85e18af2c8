/**
 * What taking links out of use would cut.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkId, SeededRandom, type SiteId } from '#base'
import { networkOf, site, topologyOf } from './networks.test.ts'
import { isolationBy } from './isolation.ts'
import type { Network } from './topology.ts'

/** Hospitals 0, 2, 3 and 5; trusted nodes 1 and 4: 0–1–2, 1–4 twice, 3–4–5. */
const NETWORK = networkOf(
  6,
  [
    [0, 1],
    [1, 2],
    [1, 4],
    [1, 4],
    [3, 4],
    [4, 5],
  ],
  (node, at) => (at === 1 || at === 4 ? { ...node, kind: 'trusted-node' } : node),
)
const links = (...numbers: readonly number[]) => numbers.map((at) => linkId(`l${String(at)}`))

test('the only link of a hospital isolates it; of two between the halves either may go', () => {
  const topology = topologyOf(NETWORK)
  assert.deepEqual(isolationBy(topology, links(0)), { isolated: [site(0)], pairsLost: 3 })
  assert.deepEqual(isolationBy(topology, links(2)), { isolated: [], pairsLost: 0 })
  assert.deepEqual(isolationBy(topology, links(2, 3)), { isolated: [], pairsLost: 4 })
  assert.deepEqual(isolationBy(topology, links(0, 2, 3)), {
    isolated: [site(0), site(2)],
    pairsLost: 5,
  })
})

test('a link that is down, suspect or unheard is no way that could remain', () => {
  for (const change of [{ status: 'off' }, { suspect: true }, undefined] as const) {
    const topology = topologyOf(NETWORK, { 3: change })
    assert.equal(isolationBy(topology, links(2)).pairsLost, 4)
  }
  const passive = topologyOf(NETWORK, { 3: { status: 'passive', freeOctets: [0, 0] } })
  assert.equal(isolationBy(passive, links(2)).pairsLost, 0)
})

test('who is isolated already is not isolated by one more link', () => {
  const topology = topologyOf(NETWORK, { 0: { status: 'off' } })
  assert.deepEqual(isolationBy(topology, links(0)), { isolated: [], pairsLost: 0 })
})

test('ways do not lead through sites to be avoided or that do not relay', () => {
  const topology = topologyOf(NETWORK)
  assert.deepEqual(isolationBy(topology, links(0), new Set([site(1)])).pairsLost, 0)
  const through = networkOf(
    3,
    [
      [0, 1],
      [1, 2],
    ],
    (node, at) => (at === 1 ? { ...node, relays: false } : node),
  )
  // Site 1 has a way to either of the others, which have none to each other.
  const expected = { isolated: [site(0)], pairsLost: 1 }
  assert.deepEqual(isolationBy(topologyOf(through), links(0)), expected)
  assert.throws(() => isolationBy(topology, [linkId('other')]), { code: 'RELAY_LINK_UNKNOWN' })
})

test('who reaches whom is what one finds by trying each pair', () => {
  for (let seed = 0; seed < 300; seed++) {
    const random = new SeededRandom(seed)
    const nodes = 2 + random.below(7)
    const pairs = Array.from({ length: random.below(12) }, (): readonly [number, number] => {
      const a = random.below(nodes)
      return [a, (a + 1 + random.below(nodes - 1)) % nodes]
    })
    const network = networkOf(nodes, pairs, (node) => ({
      ...node,
      kind: random.chance(0.6) ? 'hospital' : 'trusted-node',
      relays: random.chance(0.7),
    }))
    const avoid = new Set(network.nodes.map((node) => node.site).filter(() => random.chance(0.2)))
    const out = [...network.links.keys()].filter(() => random.chance(0.3))
    const [had, has] = [[], out].map((gone) => pairsJoined(network, avoid, new Set(gone)))
    const reaches = (joined: ReadonlySet<string>, name: string): boolean =>
      [...joined].some((pair) => pair.split(' ').includes(name))
    const isolated = network.nodes
      .map((node) => node.site)
      .filter((name) => reaches(had, name) && !reaches(has, name))
    const found = isolationBy(topologyOf(network), links(...out), avoid)
    assert.deepEqual(found, { isolated, pairsLost: had.size - has.size }, `seed ${String(seed)}`)
  }
})

/** Pairs of hospitals between which a way leads, found by growing ways until none is new. */
function pairsJoined(
  { nodes, links: all }: Network,
  avoid: ReadonlySet<SiteId>,
  gone: ReadonlySet<number>,
): ReadonlySet<string> {
  const joins = all
    .filter((_, at) => !gone.has(at))
    .flatMap(({ a, b }) => [[a, b] as const, [b, a] as const])
  const ways = new Set(joins.map(([a, b]) => `${a} ${b}`))
  const mayPass = (name: string): boolean =>
    nodes.some((node) => node.site === name && node.relays && !avoid.has(node.site))
  for (const way of ways) {
    const [from, middle] = way.split(' ')
    if (!mayPass(middle)) continue
    for (const [a, b] of joins) if (a === middle && b !== from) ways.add(`${from} ${b}`)
  }
  const hospitals = nodes.filter(({ kind }) => kind === 'hospital').map((node) => node.site)
  return new Set(
    hospitals.flatMap((a) =>
      hospitals.filter((b) => a < b && ways.has(`${a} ${b}`)).map((b) => `${a} ${b}`),
    ),
  )
}
