import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KEY_SOURCES, linkId, siteId, type SiteId } from '#base'
import {
  combined,
  provenanceOctets,
  readProvenance,
  summary,
  summaryText,
  type Provenance,
  type ProvenancePart,
} from '#keystore'
import { layoutOf, segmentAt, segmentSpan, ownerOf, halfSpan } from './layout.ts'
import { originOctets, originOf, readOrigin } from './provenance.ts'
import { bristol, cambridge, origin } from './two-ends.test.ts'

const part: ProvenancePart = {
  ...origin,
  source: 'hardware',
  link: linkId('bristol-cambridge'),
  epoch: 2,
  sequence: 5,
  from: bristol,
  to: cambridge,
  offset: 32,
  octets: 32,
}
const one: Provenance = { parts: [part] }

test('a combined key keeps all parts, is as good as its weakest, and its ε add up', () => {
  const london = siteId('london')
  const other: Provenance = {
    parts: [
      { ...part, sequence: 6, source: 'simulated', epsilon: 1e-6, seenBy: [cambridge, london] },
      { ...part, offset: 64 },
    ],
  }
  const both = combined(one, other)
  assert.equal(both.parts.length, 3)
  assert.deepEqual(summary(both), {
    source: 'simulated',
    epsilon: 1e-9 + 1e-6,
    seenBy: [bristol, cambridge, london],
    heldWrappedBy: [],
    authentication: ['pre-shared'],
    links: [part.link],
  })
  assert.equal(summaryText(one), 'hardware, ε 1.0e-9, seen by bristol and cambridge')
  assert.throws(() => summary({ parts: [] }), /comes from somewhere/)
})

test('no source calls a mix with it better than itself', () => {
  for (const [at, source] of KEY_SOURCES.entries()) {
    for (const [otherAt, other] of KEY_SOURCES.entries()) {
      const mixed = combined(one, {
        parts: [
          { ...part, source },
          { ...part, source: other },
        ],
      })
      assert.equal(summary(mixed).source, KEY_SOURCES[Math.min(at, otherAt)])
    }
  }
})

test('a provenance says the same after its journey, and one octet more is refused', () => {
  const octets = provenanceOctets(one)
  assert.deepEqual(readProvenance(octets), one)
  assert.throws(() => readProvenance(Uint8Array.of(...octets, 0)))
  assert.deepEqual(readOrigin(originOctets(origin)), origin)
  const again = originOf({ ...origin, seenBy: [cambridge, bristol, cambridge] })
  assert.deepEqual(originOctets(again), originOctets(origin))
  for (const wrong of [
    { ...origin, source: 'quantum' },
    { ...origin, epsilon: -1 },
    { ...origin, epsilon: Number.NaN },
    { ...origin, seenBy: ['Bristol'] },
    { ...origin, more: 1 },
  ]) {
    assert.throws(() => originOf(wrong))
  }
})

test('of a relayed part, who has held all its shares is named unless it has seen the bits anyway', () => {
  const [london, oxford] = ['london', 'oxford'].map(siteId)
  const share = (...between: readonly SiteId[]) => ({
    way: [bristol, ...between, cambridge],
    heldBy: [bristol, ...between, cambridge],
    source: 'hardware' as const,
    epsilon: 1e-9,
  })
  const held = (...shares: ReturnType<typeof share>[]) =>
    summary({ parts: [{ ...part, seenBy: [bristol, cambridge], shares }] }).heldWrappedBy
  assert.deepEqual(held(share(london)), [london])
  assert.deepEqual(held(share(london), share(oxford)), [])
  assert.deepEqual(held(share(london, oxford), share(oxford)), [oxford])
  assert.deepEqual(held(share()), [])
  const relayed = originOf({ ...origin, shares: [share(london)] })
  assert.deepEqual(readOrigin(originOctets(relayed)), relayed)
  assert.throws(() => originOf({ ...origin, shares: [] }))
})

test('a block is divided into reserves, halves and segments without gap or overlap', () => {
  for (const bits of [8224 * 8 + 1024, 8224 * 8 + 1031, 1_000_003, 8192 * 16]) {
    for (const reserveOctets of [0, 64, 8224]) {
      const layout = layoutOf({ bits, reserveOctets, segmentOctets: 2048 })
      let at = 0
      for (let segment = 0; segment < layout.segments; segment++) {
        const span = segmentSpan(layout, segment)
        assert.equal(span.from, at)
        assert(span.octets > 0)
        at += span.octets
        const owner = ownerOf(layout, segment)
        if (owner === undefined) continue
        const inHalf = halfSpan(layout, segment)
        assert.equal(segmentAt(layout, owner, inHalf.from), segment)
        assert.equal(segmentAt(layout, owner, inHalf.from + inHalf.octets - 1), segment)
      }
      assert.equal(at, reserveOctets + 2 * layout.halfOctets)
      assert(Math.floor(bits / 8) - at <= 1)
    }
  }
  const shortest = 8224 * 8 + 1024
  assert.throws(() => layoutOf({ bits: shortest - 1, reserveOctets: 8224, segmentOctets: 2048 }))
  assert.throws(() => layoutOf({ bits: NaN, reserveOctets: 0, segmentOctets: 2048 }))
})
