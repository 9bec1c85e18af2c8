/**
 * What compromised sites learn of keys.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { keyId, linkId, siteId } from '#base'
import type { ProvenancePart } from '#keystore'
import {
  EXPOSURES,
  exposureOf,
  exposureOfAll,
  smallestCoalition,
  type Adversary,
} from './exposure.ts'

const direct: ProvenancePart = {
  source: 'simulated',
  randomness: 'simulated',
  authentication: 'wegman-carter-from-reserve',
  assumptions: [],
  epsilon: 1e-9,
  seenBy: ['bristol', 'fibre-west', 'london'],
  link: linkId('bristol-london'),
  epoch: 1,
  sequence: 2,
  from: siteId('bristol'),
  to: siteId('london'),
  offset: 0,
  octets: 20,
}

/** Octets that `bristol` sent to `ipswich` in shares held by these parties between the two. */
const relayed = (...between: readonly (readonly string[])[]): ProvenancePart => ({
  ...direct,
  authentication: 'relay-wrap',
  seenBy: ['bristol', 'ipswich'],
  to: siteId('ipswich'),
  octets: 12,
  shares: between.map((parties) => ({
    way: ['bristol', 'ipswich'],
    heldBy: ['bristol', ...parties, 'ipswich'],
    source: 'simulated',
    epsilon: 1e-9,
  })),
})

const by = (breaksWrap: boolean, ...compromised: readonly string[]): Adversary => ({
  compromised: new Set(compromised),
  breaksWrap,
})

test('shares, wrap and key fall one after the other', () => {
  const parts = [relayed(['london', 'fibre-east'], ['oxford', 'cambridge'])]
  const learnt = (adversary: Adversary) => exposureOf({ parts }, adversary).exposure
  assert.equal(learnt(by(true)), 'nothing')
  assert.equal(learnt(by(true, 'elsewhere')), 'nothing')
  assert.equal(learnt(by(true, 'london')), 'shares')
  assert.equal(learnt(by(true, 'london', 'fibre-east')), 'shares')
  assert.equal(learnt(by(false, 'london', 'oxford')), 'wrapped')
  assert.equal(learnt(by(true, 'london', 'oxford')), 'key')
  assert.equal(learnt(by(true, 'fibre-east', 'cambridge')), 'key')
  assert.equal(learnt(by(false, 'ipswich')), 'key')
})

test('over a single path one compromised node leaves only the wrap', () => {
  const parts = [relayed(['london', 'cambridge'])]
  assert.equal(exposureOf({ parts }, by(false, 'cambridge')).exposure, 'wrapped')
  assert.deepEqual(smallestCoalition(parts[0])?.length, 1)
})

test('octets of a direct link are known to its ends and to whoever runs a simulated fibre', () => {
  for (const party of direct.seenBy) {
    assert.equal(exposureOf({ parts: [direct] }, by(false, party)).exposure, 'key')
  }
  assert.equal(exposureOf({ parts: [direct] }, by(true, 'cambridge')).exposure, 'nothing')
  assert.equal(smallestCoalition(direct), undefined)
  const silent = { ...direct, seenBy: [] }
  assert.equal(exposureOf({ parts: [silent] }, by(false, 'london')).exposure, 'key')
})

test('a key of two blocks is as exposed as the worse of them, and it says how many octets', () => {
  const parts = [direct, relayed(['cambridge'])]
  const { exposure, octetsKnown, octets } = exposureOf({ parts }, by(false, 'fibre-west'))
  assert.deepEqual(
    { exposure, octetsKnown, octets },
    { exposure: 'key', octetsKnown: 20, octets: 32 },
  )
  assert.equal(exposureOf({ parts }, by(false, 'cambridge')).octetsKnown, 0)
  assert.equal(exposureOf({ parts }, by(true, 'cambridge')).octetsKnown, 12)
})

test('of several keys the exposed ones are counted and named', () => {
  const ids = [1, 2, 3].map((at) => keyId(`00000000-0000-4000-8000-00000000000${String(at)}`))
  const all = [direct, relayed(['london']), relayed(['oxford'], ['london'])].map((part, at) => ({
    keyId: ids[at],
    provenance: { parts: [part] },
  }))
  const { counts, exposed } = exposureOfAll(all, by(false, 'oxford'))
  assert.deepEqual(counts, { nothing: 2, shares: 1, wrapped: 0, key: 0 })
  assert.deepEqual(
    exposed.map((one) => one.keyId),
    [ids[2]],
  )
  assert.deepEqual(exposed[0].parts[0].shares, [['oxford'], []])
})

const PARTIES = ['a', 'b', 'c', 'd', 'e', 'ipswich']
const parties = fc.uniqueArray(fc.constantFrom(...PARTIES), { minLength: 0, maxLength: 4 })
const anyPart = fc
  .array(parties, { minLength: 1, maxLength: 4 })
  .map((between) => relayed(...between))

test('more compromised sites, or a broken wrap, never teach less', () => {
  const rank = (parts: readonly ProvenancePart[], adversary: Adversary): number =>
    EXPOSURES.indexOf(exposureOf({ parts }, adversary).exposure)
  fc.assert(
    fc.property(fc.array(anyPart, { maxLength: 3 }), parties, parties, (parts, some, more) => {
      const all = [...some, ...more]
      assert(rank(parts, by(false, ...some)) <= rank(parts, by(false, ...all)))
      assert(rank(parts, by(false, ...some)) <= rank(parts, by(true, ...some)))
    }),
  )
})

test('the smallest coalition holds every share, and no smaller one does', () => {
  const subsets = (all: readonly string[]): string[][] =>
    all.reduce<string[][]>((sets, one) => [...sets, ...sets.map((set) => [...set, one])], [[]])
  fc.assert(
    fc.property(anyPart, (part) => {
      const covers = (set: readonly string[]): boolean =>
        exposureOf({ parts: [part] }, by(false, ...set)).exposure === 'wrapped'
      const sizes = subsets(['a', 'b', 'c', 'd', 'e'])
        .filter(covers)
        .map(({ length }) => length)
      const found = smallestCoalition(part)
      if (sizes.length === 0) assert.equal(found, undefined)
      else assert(found !== undefined && covers(found) && found.length === Math.min(...sizes))
    }),
  )
})
