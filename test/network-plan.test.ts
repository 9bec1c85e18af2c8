/**
 * Networks of files: what the doors refuse, plans against hand-computed networks, maps.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  NetworkFileRefusal,
  openNetworkFile,
  type NetworkFile,
  type NetworkPlanView,
  type PlannedPair,
} from '#contract'
import { ShapeRefusal } from '#base'
import {
  channelLossDb,
  freeSpaceBudget,
  isPairLink,
  namedLink,
  OpticsRefusal,
  overPath,
  pathOf,
  rooftopPaths,
} from '#optics'
import { RESERVE_OCTETS } from '../study/block-defaults.ts'
import { explainPreset } from '../study/explain.ts'
import { withFibre, without } from '../study/network/changes.ts'
import { fairShares, type Use } from '../study/network/fair-share.ts'
import { linkRateOf } from '../study/network/link-rate.ts'
import {
  drawNetwork,
  networkNames,
  paceNetwork,
  planNetwork,
  readNetwork,
} from '../study/network/mod.ts'
import { padBitsPerBit } from '../study/network/rated-network.ts'

const assumed = (value: number) => ({ value, source: 'assumed' })

/** A network of these sites, with links of so many decibels. */
function fileOf(
  sites: readonly string[],
  links: Readonly<Record<string, readonly [string, string, number]>>,
  pairs: readonly (readonly [a: string, b: string, shares: number, sharesLeast?: number])[],
): NetworkFile {
  return openNetworkFile({
    ...{ name: 'test', title: 'A <test> & more', remarks: [] },
    nodes: sites.map((site, at) => ({
      ...{ site, title: site, kind: site.startsWith('r') ? 'trusted-node' : 'hospital' },
      place: { latitude: 52 + (at % 3) * 0.05, longitude: at * 0.05, source: 'assumed' },
    })),
    links: Object.values(links).map(([a, b, lossDb]) => ({
      ...{ a, b, medium: 'fibre', preset: 'cambridge-metro' },
      ...{ lengthKm: assumed(lossDb * 5), lossDb: assumed(lossDb) },
    })),
    pairs: pairs.map(([a, b, shares, sharesLeast = 1]) => ({ a, b, shares, sharesLeast })),
  })
}

/** Between a and b one trusted node above and one below. */
const diamond = (shares: number, sharesLeast = 1): NetworkFile =>
  fileOf(
    ['a', 'r1', 'r2', 'b'],
    { 1: ['a', 'r1', 4], 2: ['r1', 'b', 6], 3: ['a', 'r2', 8], 4: ['r2', 'b', 5] },
    [['a', 'b', shares, sharesLeast]],
  )

const secretOf = (plan: NetworkPlanView, link: string): number =>
  plan.links.find((one) => one.link === link)!.secretBitsPerSecond

const near = (actual: number, expected: number): void => {
  assert(Math.abs(actual - expected) <= 1e-6 * Math.abs(expected), `${actual} is not ${expected}`)
}

test('every network that comes with the product reads, and every pair of it gets keys', () => {
  const names = networkNames()
  assert.deepEqual(names, ['cambridge-metro', 'campus', 'national', 'ukqn', 'ukqntel'])
  for (const name of names) {
    const file = readNetwork(name)
    assert.equal(file.name, name)
    for (const { a, b, keysPerHour } of planNetwork(file).pairs) {
      assert(keysPerHour > 1000, `${name}: ${a} and ${b} get ${keysPerHour} keys an hour`)
    }
  }
})

test('the long routes are as long as published, and every span says that it is assumed', () => {
  for (const [name, km] of [
    ['ukqn', 410],
    ['ukqntel', 125],
  ] as const) {
    const { links } = readNetwork(name)
    near(
      links.reduce((sum, { lengthKm }) => sum + lengthKm.value, 0),
      km,
    )
    for (const { lengthKm, lossDb } of links) {
      assert.match(lengthKm.source, /^assumed: the published/)
      assert.match(lossDb.source, /^assumed/)
    }
  }
})

test('the hop through the air loses what the model of a rooftop path says', () => {
  const budget = freeSpaceBudget(rooftopPaths.night.figures)
  const hops = readNetwork('campus').links.filter(({ medium }) => medium === 'air')
  assert.equal(hops.length, 1)
  assert(Math.abs(hops[0].lossDb.value - channelLossDb(budget.channel)) < 0.01)
  assert.equal(hops[0].lengthKm.value, rooftopPaths.night.figures.lengthKm)
})

test('no two buildings of the campus are more than 2 km of a hop apart', () => {
  for (const { lengthKm } of readNetwork('campus').links) assert(lengthKm.value <= 2)
})

test('a link gives what link explain says, less the reserve of each block', () => {
  const [link] = readNetwork('cambridge-metro').links
  const blockBits = 4_000_000
  const explained = explainPreset({
    ...{ preset: 'cambridge-metro', lengthKm: undefined, bound: undefined, blockBits },
    ...{ efficiency: 1.06, optimise: false },
  })
  const terms = explained.sections.flatMap((one) => one.terms)
  const seconds = terms.find(({ name }) => name === 'seconds')!.value
  near(linkRateOf(link).secretBitsPerSecond, (explained.secretBits - 8 * RESERVE_OCTETS) / seconds)
})

test('data on the fibre costs key, and more of it costs more', () => {
  const link = readNetwork('ukqntel').links.at(-1)!
  const data = link.data!
  const dark = structuredClone(link)
  delete dark.data
  const more = { ...link, data: { ...data, channelsEachWay: assumed(20) } }
  const [without, published, crowded] = [dark, link, more].map((one) => linkRateOf(one))
  assert(without.secretBitsPerSecond > published.secretBitsPerSecond)
  assert(published.secretBitsPerSecond > crowded.secretBitsPerSecond)
  assert(without.qber < published.qber)
})

test('a link that loses too much gives no key, and no way leads over it', () => {
  const file = fileOf(['a', 'r1', 'b'], { 1: ['a', 'r1', 4], 2: ['r1', 'b', 40] }, [['a', 'b', 1]])
  const plan = planNetwork(file)
  assert.equal(secretOf(plan, 'r1-b'), 0)
  assert.deepEqual(plan.pairs[0].ways, [])
  assert.equal(plan.pairs[0].keysPerHour, 0)
  assert.equal(plan.pairs[0].bottleneck, null)
})

test('two shares on two ways: as fast as the worst link, and each pad pays its tag and wrap', () => {
  const plan = planNetwork(diamond(2))
  const [pair] = plan.pairs
  assert.deepEqual(new Set(pair.ways.map((way) => way.join())), new Set(['a,r1,b', 'a,r2,b']))
  near(padBitsPerBit(8192), (8192 + 16 + 32) / 8192)
  const worst = secretOf(plan, 'a-r2')
  near(pair.secretBitsPerSecond, worst / padBitsPerBit(8192))
  assert.equal(pair.bottleneck, 'a-r2')
  assert.equal(pair.keysPerHour, Math.floor((pair.secretBitsPerSecond * 3600) / 256))
  for (const { usedBitsPerSecond } of plan.links) near(usedBitsPerSecond, worst)
})

test('one site of two ways learns a share that says nothing; the only one all but the wrap', () => {
  const two = planNetwork(diamond(2))
  assert.equal(two.pairs[0].coalition, 2)
  assert.deepEqual(two.exposure, [
    { site: 'a', own: 1, wrapped: [], shares: [], nothing: 0 },
    { site: 'r1', own: 0, wrapped: [], shares: ['a-b'], nothing: 0 },
    { site: 'r2', own: 0, wrapped: [], shares: ['a-b'], nothing: 0 },
    { site: 'b', own: 1, wrapped: [], shares: [], nothing: 0 },
  ])
  const one = planNetwork(diamond(1))
  assert.equal(one.pairs[0].coalition, 1)
  const [via] = one.pairs[0].ways
  for (const { site, wrapped, nothing } of one.exposure.slice(1, 3)) {
    assert.deepEqual(wrapped, site === via[1] ? ['a-b'] : [])
    assert.equal(nothing, site === via[1] ? 0 : 1)
  }
})

test('neighbours use their own link, in one share, and no other site learns anything', () => {
  const plan = planNetwork(readNetwork('cambridge-metro'))
  for (const { a, b, ways, coalition, secretBitsPerSecond } of plan.pairs) {
    assert.deepEqual(ways, [[a, b]])
    assert.equal(coalition, null)
    near(secretBitsPerSecond, secretOf(plan, `${a}-${b}`))
  }
  for (const { own, nothing } of plan.exposure) assert.deepEqual([own, nothing], [2, 1])
})

test('with a site gone there is one way, the cut is named, and a pair that wants two gets none', () => {
  const lenient = planNetwork(diamond(2), { without: ['r2'], add: [] }).pairs[0]
  assert.deepEqual(lenient.ways, [['a', 'r1', 'b']])
  assert.deepEqual(lenient.cut, ['r1'])
  const strict = planNetwork(diamond(2, 2), { without: ['b-r2'], add: [] }).pairs[0]
  assert.deepEqual(strict.ways, [])
  assert.deepEqual(strict.cut, ['r1'])
  assert.equal(strict.secretBitsPerSecond, 0)
})

test('a pair that loses an end is named, and its keys go to the others', () => {
  const before = planNetwork(readNetwork('ukqn'))
  const after = planNetwork(readNetwork('ukqn'), { without: ['london-stevenage'], add: [] })
  const rate = ({ pairs }: NetworkPlanView, of: (pair: PlannedPair) => boolean): number =>
    pairs.find(of)!.secretBitsPerSecond
  const first = ({ a, b }: PlannedPair): boolean => a === 'bristol' && b === 'london'
  near(rate(after, first), 2 * rate(before, first))
  const { pairsLost } = planNetwork(readNetwork('ukqn'), { without: ['cambridge'], add: [] })
  assert.deepEqual(pairsLost, ['london-cambridge', 'bristol-cambridge'])
})

test('a fibre more is a further way, and the plan would have said so', () => {
  const chain = fileOf(
    ['a', 'r1', 'r2', 'b'],
    { 1: ['a', 'r1', 4], 2: ['r1', 'b', 6], 4: ['r2', 'b', 5] },
    [['a', 'b', 2]],
  )
  const plan = planNetwork(chain)
  assert.equal(plan.pairs[0].ways.length, 1)
  const said = plan.extensions.find(({ what }) => what.startsWith('a-r2:'))
  assert.equal(said?.waysGained, 1)
  const { pairs } = planNetwork(chain, { without: [], add: [said.what] })
  assert.equal(pairs[0].ways.length, 2)
  near(pairs[0].secretBitsPerSecond, said.least.after)
})

test('a node half-way on the bottleneck brings what the plan says', () => {
  const [node] = planNetwork(readNetwork('ukqntel')).extensions
  assert.equal(node.kind, 'node')
  assert.equal(node.what, 'bury-ipswich')
  assert(node.least.after > 3 * node.least.before)
})

test('what is to be left out or added must make sense', () => {
  const file = diamond(2)
  const refused = (work: () => unknown): void => {
    assert.throws(work, (error) => error instanceof NetworkFileRefusal)
  }
  for (const text of [
    'a-b',
    'a-b:',
    'a-b:0',
    'a-b:x',
    'a-b:1:2',
    'a-c:1',
    'a-a:1',
    'a-r1:1',
    'ab:1',
  ]) {
    refused(() => withFibre(file, text))
  }
  for (const gone of ['c', 'a-b', 'a']) refused(() => without(file, gone))
  assert.equal(withFibre(file, 'a-b:12').links.length, 5)
  assert.equal(without(file, 'r1-a').file.links.length, 3)
})

test('a file that contradicts itself, or hides where a figure is from, is refused', () => {
  const good = JSON.parse(JSON.stringify(readNetwork('ukqn'))) as NetworkFile
  const changed = (
    change: (file: { -readonly [K in keyof NetworkFile]: NetworkFile[K] }) => void,
  ) => {
    const file = structuredClone(good)
    change(file)
    return file
  }
  const [link] = good.links
  const [pair] = good.pairs
  const wrongForms = [
    changed((file) => void (file.links[0] = { ...link, lossDb: { value: 3 } as never })),
    changed((file) => void (file.links[0] = { ...link, lossDb: { value: -1, source: 'x' } })),
    changed((file) => void Object.assign(file, { clock: 1 })),
    changed((file) => void (file.nodes[0] = { ...file.nodes[0], site: 'Bristol' })),
    changed((file) => void (file.pairs = [])),
  ]
  for (const file of wrongForms) {
    assert.throws(
      () => openNetworkFile(file),
      (error) => error instanceof ShapeRefusal,
    )
  }
  const contradictions = [
    changed((file) => void file.nodes.push(file.nodes[0])),
    changed((file) => void file.links.push({ ...link, a: link.b, b: link.a })),
    changed((file) => void (file.links[0] = { ...link, b: 'paris' })),
    changed((file) => void (file.links[0] = { ...link, b: link.a })),
    changed((file) => void file.pairs.push({ ...pair, a: pair.b, b: pair.a })),
    changed((file) => void (file.pairs[0] = { ...pair, shares: 1, sharesLeast: 2 })),
  ]
  for (const file of contradictions) {
    assert.throws(
      () => openNetworkFile(file),
      (error) => error instanceof NetworkFileRefusal,
    )
  }
  assert.deepEqual(openNetworkFile(good), readNetwork('ukqn'))
})

test('fair shares of two links by hand', () => {
  // Three want the first link of 9, one of them the second of 2 as well: 2, then 3.5 each.
  const demands = [[0], [0], [0, 1]].map((links) => links.map((link) => ({ link, bitsPerBit: 1 })))
  assert.deepEqual(fairShares(demands, [9, 2]), [
    { rate: 3.5, bottleneck: 0 },
    { rate: 3.5, bottleneck: 0 },
    { rate: 2, bottleneck: 1 },
  ])
  assert.deepEqual(fairShares([[]], [1]), [{ rate: 0, bottleneck: undefined }])
})

test('fair shares fit, and whoever is kept back has the most on a link that is full', () => {
  const links = 5
  const use = fc.record({ link: fc.nat(links - 1), bitsPerBit: fc.integer({ min: 1, max: 3 }) })
  const demand = fc.uniqueArray(use, { minLength: 1, maxLength: 4, selector: (one) => one.link })
  const capacities = fc.array(fc.integer({ min: 1, max: 1000 }), {
    minLength: links,
    maxLength: links,
  })
  fc.assert(
    fc.property(fc.array(demand, { minLength: 1, maxLength: 8 }), capacities, (demands, most) => {
      const shares = fairShares(demands, most)
      const used = (link: number): number =>
        demands.reduce((sum, uses, at) => sum + bitsOn(uses, link) * shares[at].rate, 0)
      for (const [link, capacity] of most.entries()) assert(used(link) <= capacity * (1 + 1e-9))
      for (const { rate, bottleneck } of shares) {
        assert(bottleneck !== undefined && used(bottleneck) >= most[bottleneck] * (1 - 1e-9))
        for (const [at, uses] of demands.entries()) {
          if (bitsOn(uses, bottleneck) > 0) assert(shares[at].rate <= rate * (1 + 1e-9))
        }
      }
    }),
  )
})

const bitsOn = (uses: readonly Use[], link: number): number =>
  uses.find((use) => use.link === link)?.bitsPerBit ?? 0

test('a map shows every site, link and pair, and nothing breaks out of it', () => {
  const file = diamond(2)
  const svg = drawNetwork(planNetwork(file))
  for (const { site } of file.nodes) assert(svg.includes(`>${site}</text>`), site)
  // Four links, the halo of the one that is full, five in the legend.
  assert.equal(svg.match(/<line /g)!.length, 4 + 1 + 5)
  assert(svg.includes('a ↔ b') && svg.includes('2 of 2 ways: '))
  assert(svg.includes('A &lt;test&gt; &amp; more') && !svg.includes('<test>'))
  const numbers = [...svg.matchAll(/ (?:x|y|x1|y1|x2|y2|width)="([^"%]*)"/g)].map(
    ([, value]) => value,
  )
  assert(
    numbers.every((value) => Number.isFinite(Number(value))),
    'every coordinate is a number',
  )
})

test('sites of one street stand apart on a map of a country', () => {
  const svg = drawNetwork(planNetwork(readNetwork('national')))
  const marks = [...svg.matchAll(/<circle cx="([^"]*)" cy="([^"]*)" r="9"/g)]
  const places = marks.map(([, x, y]) => [Number(x), Number(y)] as const)
  for (const [at, [x, y]] of places.entries()) {
    for (const [x2, y2] of places.slice(at + 1)) {
      assert(Math.hypot(x - x2, y - y2) > 60, `${x},${y} covers ${x2},${y2}`)
    }
  }
})

test('one machine runs all links at the same pace, and none above its own clock', () => {
  const file = readNetwork('national')
  const most = { blockBits: 1_000_000, siftedBitsPerSecond: 2_000_000 }
  const paces = paceNetwork(file, most)
  assert.equal(paces.length, file.links.length)
  for (const { clockHz, fullHz, secondsPerBlock, secretBitsPerSecond, link } of paces) {
    assert(clockHz <= fullHz && secretBitsPerSecond > 0, link)
    // Dead times of nanoseconds cost a fast link detections, and a slow one none.
    const alike = Math.abs(secondsPerBlock / ((paces.length * 1e6) / 2e6) - 1) < 0.05
    assert(alike || clockHz === fullHz, `${link}: ${secondsPerBlock} s`)
  }
  const slower = paceNetwork(file, { ...most, clockHz: 1_000_000 })
  assert(slower.every(({ clockHz }) => clockHz === 1_000_000))
})

test('devices over another path: what is surveyed takes the place of the preset', () => {
  const path = { lengthKm: 30, lossDb: 7, backgroundProbability: 2e-6 }
  for (const name of ['cambridge-metro', 'metro-bbm92', 'thuringia-69km']) {
    const { link } = namedLink(name)
    const moved = overPath(link, path)
    const { lengthKm, lossDb } = pathOf(moved)
    near(lengthKm, 30)
    near(lossDb, 7)
    const channel = isPairLink(moved) ? moved.receiver.channel : moved.channel
    assert.equal(channel.backgroundProbability, 2e-6)
    assert.deepEqual(moved.settings, link.settings)
  }
  // The source of thuringia-69km stands at one end, and stays there.
  const oneSided = overPath(namedLink('thuringia-69km').link, path)
  assert(isPairLink(oneSided) && oneSided.transmitter.channel.insertionLossDb === 0)
  assert.throws(
    () => overPath(namedLink('cambridge-metro').link, { lengthKm: -1, lossDb: 7 }),
    (error) => error instanceof OpticsRefusal,
  )
})
