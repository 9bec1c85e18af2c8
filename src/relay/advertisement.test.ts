/**
 * Advertisements: what is taken, refused, aged, passed on, and found out.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { epochMs, linkId, SeededRandom, siteId, toCbor, type SiteId } from '#base'
import { newDualSigner, signDual, verifierOf, type DualSigner } from '#crypto'
import {
  ADVERTISED_LINKS_MAX,
  ADVERTISEMENT_OCTETS_MAX,
  readAdvertisement,
  signAdvertisement,
  type Advertisement,
  type LinkReport,
} from './advertisement.ts'
import {
  CLOCK_SKEW_MS,
  expire,
  holdingsOf,
  lackingIn,
  newAdvertisementTable,
  nextNumber,
  PACE_MS,
  pardon,
  receive,
  type AdvertisementTable,
  type Arrival,
  type Received,
  type Send,
} from './advertisement-table.ts'
import { heardOf } from './heard-topology.ts'
import { networkOf, site } from './networks.test.ts'
import { newTopology, type LinkState, type Network } from './topology.ts'

const signers = new Map<SiteId, DualSigner>()
const signerOf = (of: SiteId): DualSigner => {
  const signer = signers.get(of) ?? newDualSigner()
  signers.set(of, signer)
  return signer
}

/** 0–1 over link 0, 1–2 over link 1, 2–0 over link 2. */
const TRIANGLE = networkOf(3, [
  [0, 1],
  [1, 2],
  [2, 0],
])
const LIFE_MS = 60_000
const NOW = epochMs(1_790_000_000_000)

const reportOf = (link: number, peer: number, more: Partial<LinkReport> = {}): LinkReport => ({
  link: linkId(`l${String(link)}`),
  peer: site(peer),
  status: 'active',
  sendOctets: 1000,
  receiveOctets: 2000,
  secretBitsPerSecond: 5000,
  consumptionBitsPerSecond: 100,
  qberPpm: 20_000,
  qberTrendPpmPerHour: 0,
  suspect: false,
  ...more,
})

const saying = (of: number, more: Partial<Advertisement> = {}): Advertisement => ({
  site: site(of),
  boot: 1,
  sequence: 0,
  at: NOW,
  uptimeMs: 10_000,
  lifeMs: LIFE_MS,
  links: [reportOf(of, (of + 1) % 3), reportOf((of + 2) % 3, (of + 2) % 3)],
  ...more,
})

const signed = (of: number, more: Partial<Advertisement> = {}): Uint8Array =>
  signAdvertisement(saying(of, more), signerOf(site(of))).octets

/** Site 0 receives something from site 1. */
const arriving = (octets: Uint8Array, more: Partial<Arrival> = {}): Arrival => ({
  octets,
  from: site(1),
  neighbours: [site(1), site(2)],
  network: TRIANGLE,
  verifierOf: (of) => (signers.has(of) ? verifierOf(signerOf(of)) : undefined),
  now: NOW,
  nowMs: 500_000,
  ...more,
})

const fresh = newAdvertisementTable(site(0))
const takes = (table: AdvertisementTable, octets: Uint8Array, more: Partial<Arrival> = {}) => {
  const received = receive(table, arriving(octets, more))
  assert.equal(received.outcome.kind, 'taken')
  return received.table
}
const refusalOf = ({ outcome }: Received): string =>
  outcome.kind === 'refused' ? outcome.reason : outcome.kind

test('a good advertisement is taken and passed on to all neighbours but the one it came from', () => {
  const octets = signed(1)
  const { outcome, sends } = receive(fresh, arriving(octets))
  assert.deepEqual(outcome, { kind: 'taken', advertisement: saying(1) })
  assert.deepEqual(sends, [{ to: site(2), octets }])
})

test('what is said again is known, what is older is answered with what is held', () => {
  const table = takes(fresh, signed(1, { sequence: 5 }))
  const held = table.entries.get(site(1))!.held!.octets
  assert.deepEqual(receive(table, arriving(held)), { table, outcome: { kind: 'known' }, sends: [] })
  for (const old of [{ sequence: 4 }, { boot: 0, sequence: 9 }]) {
    const { outcome, sends } = receive(table, arriving(signed(1, old), { nowMs: 600_000 }))
    assert.deepEqual(outcome, { kind: 'older' })
    assert.deepEqual(sends, [{ to: site(1), octets: held }])
  }
  takes(table, signed(1, { boot: 2 }), { nowMs: 600_000 })
})

test('one octet changed anywhere in an advertisement is found', () => {
  const octets = signed(1)
  fc.assert(
    fc.property(fc.nat(octets.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
      const changed = octets.slice()
      changed[at] ^= by
      assert.equal(receive(fresh, arriving(changed)).outcome.kind, 'refused')
    }),
    { numRuns: 60 },
  )
})

test('forged, unknown, foreign, repeated and malformed advertisements are refused', () => {
  const other = signAdvertisement(saying(1), signerOf(site(2))).octets
  assert.equal(refusalOf(receive(fresh, arriving(other))), 'signature-invalid')
  const refused = (octets: Uint8Array, more: Partial<Arrival> = {}): string =>
    refusalOf(receive(fresh, arriving(octets, more)))
  assert.equal(refused(signed(1), { verifierOf: () => undefined }), 'site-unknown')
  assert.equal(refused(signed(1, { links: [reportOf(2, 0)] })), 'link-foreign')
  assert.equal(refused(signed(1, { links: [reportOf(1, 0)] })), 'link-foreign')
  assert.equal(refused(signed(1, { links: [reportOf(1, 2), reportOf(1, 2)] })), 'malformed')
  assert.equal(refused(new Uint8Array(ADVERTISEMENT_OCTETS_MAX + 1)), 'malformed')
  const body = toCbor({ v: 1, ...saying(1), links: [], more: 1 })
  const bad = toCbor({ v: 1, body, ...signDual(signerOf(site(1)), 'other', body) })
  assert.equal(refused(bad), 'malformed')
  // A link that this site has not configured yet does no harm to the others.
  takes(fresh, signed(1, { links: [reportOf(1, 2), { ...reportOf(7, 2) }] }))
})

test('one signature of the two is not enough', () => {
  const { body } = readAdvertisement(signed(1))
  const label = 'photonward/link-advertisement/v1'
  const good = signDual(signerOf(site(1)), label, body)
  const other = signDual(signerOf(site(2)), label, body)
  takes(fresh, toCbor({ v: 1, body, ...good }))
  for (const half of [
    { ...good, mlDsa: other.mlDsa },
    { ...good, ed25519: other.ed25519 },
  ]) {
    const received = receive(fresh, arriving(toCbor({ v: 1, body, ...half })))
    assert.equal(refusalOf(received), 'signature-invalid')
  }
})

test('the wall clock is asked at the first hearing only', () => {
  const wrong = [NOW - LIFE_MS - CLOCK_SKEW_MS - 1, NOW + CLOCK_SKEW_MS + 1].map(epochMs)
  for (const at of wrong) {
    assert.equal(refusalOf(receive(fresh, arriving(signed(1, { at })))), 'not-current')
    const table = takes(fresh, signed(1))
    const octets = signed(1, { at, sequence: 1, uptimeMs: 20_000 })
    const later = takes(table, octets, { nowMs: 510_000 })
    const { table: empty } = expire(later, 510_000 + LIFE_MS + 1000)
    const again = signed(1, { at, sequence: 2, uptimeMs: 80_000 })
    const received = receive(empty, arriving(again, { nowMs: 571_000 }))
    assert.equal(refusalOf(received), 'not-current')
  }
  takes(fresh, signed(1, { at: epochMs(NOW - LIFE_MS - CLOCK_SKEW_MS) }))
  takes(fresh, signed(1, { at: epochMs(NOW + CLOCK_SKEW_MS) }))
})

test('a site that speaks too often is not heard until the pace is kept', () => {
  const table = takes(fresh, signed(1))
  const next = signed(1, { sequence: 1, uptimeMs: 10_000 + PACE_MS })
  const early = receive(table, arriving(next, { nowMs: 500_000 + PACE_MS - 1 }))
  assert.equal(refusalOf(early), 'too-soon')
  takes(table, next, { nowMs: 500_000 + PACE_MS })
})

test('what is over is let go, and its number is not forgotten', () => {
  const octets = signed(1)
  const table = takes(fresh, octets)
  assert.equal(expire(table, 500_000 + LIFE_MS).table, table)
  const { table: empty, gone } = expire(table, 500_000 + LIFE_MS + 1)
  assert.deepEqual(gone, [site(1)])
  assert.equal(receive(empty, arriving(octets)).outcome.kind, 'known')
  assert.equal(empty.entries.get(site(1))!.held, undefined)
  takes(empty, signed(1, { sequence: 1, uptimeMs: 110_000 }), { nowMs: 600_000 })
})

test('an advertisement that is held back ages while it is held', () => {
  const table = takes(fresh, signed(1))
  const next = signed(1, { sequence: 1, uptimeMs: 20_000 })
  const prompt = takes(table, next, { nowMs: 510_000 })
  assert.equal(prompt.entries.get(site(1))!.saidMs, 510_000)
  const slow = takes(table, next, { nowMs: 540_000 })
  // Ten seconds after the first by its own clock; 40 ms are allowed for drift.
  assert.equal(slow.entries.get(site(1))!.saidMs, 510_040)
  const late = receive(table, arriving(next, { nowMs: 510_200 + LIFE_MS }))
  assert.equal(refusalOf(late), 'held-back')
})

test('a site that says two things under one number is found, kept as proof, and passed on', () => {
  const first = signed(1, { sequence: 3 })
  const second = signed(1, { sequence: 3, links: [reportOf(1, 2)] })
  const table = takes(fresh, first)
  const { table: after, outcome, sends } = receive(table, arriving(second, { from: site(2) }))
  assert(outcome.kind === 'equivocation')
  assert.deepEqual([outcome.proof.first, outcome.proof.second], [first, second])
  assert.deepEqual(sends, [
    { to: site(1), octets: second },
    { to: site(2), octets: first },
  ])
  assert.equal(receive(after, arriving(second)).outcome.kind, 'known')
  const both = takes(after, signed(0), { from: site(0) })
  const suspected = heardOf(newTopology(TRIANGLE), both, [site(0), site(1)])
  assert.equal(suspected.states[0]?.suspect, true)
  const next = takes(both, signed(1, { sequence: 4, uptimeMs: 20_000 }), { nowMs: 510_000 })
  assert.equal(heardOf(suspected, next, [site(1)]).states[0]?.suspect, true)
  const pardoned = heardOf(suspected, pardon(both, site(1)), [site(1)])
  assert.equal(pardoned.states[0]?.suspect, false)
})

test('a neighbour that has not heard of a lie is given the proof', () => {
  const theirs = takes(fresh, signed(1, { sequence: 3 }))
  const first = theirs.entries.get(site(1))!.held!.octets
  const second = signed(1, { sequence: 3, links: [] })
  const { table } = receive(theirs, arriving(second))
  assert.deepEqual(lackingIn(table, holdingsOf(theirs)), [second])
  assert.deepEqual(lackingIn(table, []), [first, second])
  assert.deepEqual(lackingIn(table, holdingsOf(table)), [])
  assert.deepEqual(lackingIn(theirs, holdingsOf(table)), [])
})

test('the same words signed anew are no lie, and a forged second is no proof', () => {
  const table = takes(fresh, signed(1, { sequence: 3 }))
  const again = signed(1, { sequence: 3 })
  assert.equal(receive(table, arriving(again)).outcome.kind, 'known')
  const words = saying(1, { sequence: 3, links: [] })
  const forged = signAdvertisement(words, signerOf(site(2))).octets
  const received = receive(table, arriving(forged))
  assert.equal(refusalOf(received), 'signature-invalid')
  assert.equal(received.table, table)
})

test('a lie about a number that was passed on already is found as well', () => {
  const first = takes(fresh, signed(1, { sequence: 3 }))
  const table = takes(first, signed(1, { sequence: 4, uptimeMs: 20_000 }), { nowMs: 510_000 })
  const second = signed(1, { sequence: 3, links: [] })
  assert.equal(receive(table, arriving(second)).outcome.kind, 'equivocation')
})

test('a site that lost its store learns from its peers how far it was', () => {
  assert.deepEqual(nextNumber(fresh, 1), { boot: 1, sequence: 0 })
  const own = takes(fresh, signed(0), { from: site(0) })
  assert.deepEqual(nextNumber(own, 1), { boot: 1, sequence: 1 })
  assert.deepEqual(nextNumber(own, 2), { boot: 2, sequence: 0 })
  const before = receive(own, arriving(signed(0, { boot: 7, sequence: 9 }), { nowMs: 600_000 }))
  assert.deepEqual(before, { table: own, outcome: { kind: 'own-ahead', boot: 7 }, sends: [] })
  const boot = nextNumber(own, 8)
  assert.deepEqual(boot, { boot: 8, sequence: 0 })
})

test('a link is as good as the worse of its ends says, and nothing if one is silent', () => {
  const worse: Partial<LinkReport> = {
    status: 'passive',
    sendOctets: 1500,
    receiveOctets: 900,
    secretBitsPerSecond: 4000,
    consumptionBitsPerSecond: 200,
    qberPpm: 30_000,
    qberTrendPpmPerHour: 50,
    suspect: true,
  }
  const one = takes(fresh, signed(1))
  const silent = heardOf(newTopology(TRIANGLE), one, [site(1)])
  assert.deepEqual(silent.states, [undefined, undefined, undefined])
  const links = [reportOf(0, 1, worse), reportOf(2, 2)]
  const both = takes(one, signed(0, { links, uptimeMs: 5 }), { from: site(0), nowMs: 510_000 })
  const expected: LinkState = {
    status: 'passive',
    // Link 0 runs from site 0 to site 1.
    freeOctets: [1500, 900],
    secretBitsPerSecond: 4000,
    consumptionBitsPerSecond: 200,
    qberPpm: 30_000,
    qberTrendPpmPerHour: 50,
    suspect: true,
    saidMs: 500_000,
  }
  const heard = heardOf(silent, both, [site(0), siteId('elsewhere')])
  assert.deepEqual(heard.states, [expected, undefined, undefined])
  const modest = [reportOf(0, 0, { sendOctets: 600, receiveOctets: 700 }), reportOf(1, 2)]
  const less = takes(both, signed(1, { links: modest, sequence: 1 }), { nowMs: 501_000 })
  assert.deepEqual(heardOf(heard, less, [site(1)]).states[0]?.freeOctets, [700, 600])
  const { table, gone } = expire(both, 565_000)
  assert.deepEqual(heardOf(heard, table, gone).states[0], undefined)
})

test('as many links as are allowed, with the longest names, fit into the limit of octets', () => {
  const name = (at: number): string => `${'x'.repeat(59)}${String(at).padStart(4, '0')}`
  const links = Array.from({ length: ADVERTISED_LINKS_MAX + 1 }, (_, at) => ({
    ...reportOf(0, 0),
    link: linkId(name(at)),
    peer: siteId(name(at)),
    sendOctets: 1e12,
    receiveOctets: 1e12,
    secretBitsPerSecond: 1e12,
    consumptionBitsPerSecond: 1e12,
    qberPpm: 1_000_000,
    qberTrendPpmPerHour: -1_000_000,
  }))
  const numbers = { boot: 2 ** 53 - 1, sequence: 2 ** 53 - 1, uptimeMs: 2 ** 53 - 1 }
  const most = saying(1, { ...numbers, links: links.slice(1), site: siteId('y'.repeat(63)) })
  const { octets } = signAdvertisement(most, signerOf(site(1)))
  assert(octets.length <= ADVERTISEMENT_OCTETS_MAX, `${String(octets.length)} octets`)
  assert.deepEqual(readAdvertisement(octets).advertisement, most)
  assert.throws(() => signAdvertisement({ ...most, links }, signerOf(site(1))))
})

/** Floods between sites over wires that lose and reorder, then compares holdings along each link. */
function settle(network: Network, seed: number, said: readonly Send[]): AdvertisementTable[] {
  const random = new SeededRandom(seed)
  const tables = network.nodes.map((node) => newAdvertisementTable(node.site))
  const neighboursOf = (at: number) =>
    network.links.flatMap(({ a, b }) => (a === site(at) ? [b] : b === site(at) ? [a] : []))
  const wire: (Send & { readonly from: SiteId })[] = said.map((send) => ({
    ...send,
    from: send.to,
  }))
  const drain = (loss: number): void => {
    for (let steps = 0; wire.length > 0; steps++) {
      assert(steps < 5000, 'flooding ends')
      const [{ from, to, octets }] = wire.splice(random.below(wire.length), 1)
      if (from !== to && random.chance(loss)) continue
      const at = network.nodeAt.get(to)!
      const arrival = arriving(octets, { from, neighbours: neighboursOf(at), network })
      const { table, sends } = receive(tables[at], arrival)
      tables[at] = table
      wire.push(...sends.map((send) => ({ ...send, from: to })))
    }
  }
  drain(0.4)
  for (let round = 0; round < network.nodes.length; round++) {
    for (const { a, b } of network.links) {
      const [atA, atB] = [network.nodeAt.get(a)!, network.nodeAt.get(b)!]
      const toB = lackingIn(tables[atA], holdingsOf(tables[atB]))
      const toA = lackingIn(tables[atB], holdingsOf(tables[atA]))
      wire.push(...toB.map((octets) => ({ from: a, to: b, octets })))
      wire.push(...toA.map((octets) => ({ from: b, to: a, octets })))
    }
    drain(0)
  }
  return tables
}

const RING = networkOf(5, [
  [0, 1],
  [1, 2],
  [2, 3],
  [3, 4],
  [4, 0],
])
const inRing = (of: number, more: Partial<Advertisement> = {}): Uint8Array =>
  signed(of, { links: [reportOf(of, (of + 1) % 5), reportOf((of + 4) % 5, (of + 4) % 5)], ...more })

test('every site hears of every other, whatever the wires lose and reorder', () => {
  const said = RING.nodes.map(({ site: to }, at) => ({ to, octets: inRing(at) }))
  for (let seed = 0; seed < 10; seed++) {
    const tables = settle(RING, seed, said)
    for (const { entries } of tables) assert.equal(entries.size, 5)
    const [first, ...others] = tables.map((table) =>
      heardOf(
        newTopology(RING),
        table,
        RING.nodes.map((node) => node.site),
      ),
    )
    assert(first.states.every((state) => state !== undefined))
    for (const other of others) assert.deepEqual(other, first)
  }
})

test('a site that tells its two neighbours different things is found by every honest one', () => {
  // Site 0 says one thing to site 1 and another to site 4.
  const said = [
    { to: site(1), octets: inRing(0, { sequence: 1 }) },
    { to: site(4), octets: inRing(0, { sequence: 1, links: [] }) },
  ]
  for (let seed = 0; seed < 10; seed++) {
    for (const { own, entries } of settle(RING, seed, said)) {
      if (own !== site(0)) assert(entries.get(site(0))?.equivocation !== undefined, own)
    }
  }
})
