/**
 * Parameters that both ends agree on, and those that no link may have.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hex, linkId, siteId } from '#base'
import { pairLink, PULSES, smallLink, threeStateLink } from './fixture.test.ts'
import {
  linkParameters,
  padsPerReserve,
  parametersHash,
  readLinkParameters,
  type LinkParameters,
} from './parameters.ts'
import { QkdRefusal } from './refusal.ts'

const names = {
  link: linkId('bristol-cambridge'),
  transmitter: siteId('bristol'),
  receiver: siteId('cambridge'),
  pulses: PULSES,
}

test('an operator chooses the link and its pulses; everything else has a default', () => {
  const parameters = linkParameters(names)
  assert.equal(parameters.bound, 'wiesemann-2024')
  assert.equal(parameters.frameBits, 65_536)
  assert.equal(parameters.reserveOctets, 2 * (16 + 16 * 256))
  assert.equal(padsPerReserve(parameters), 256)
  const fromFile: unknown = JSON.parse(JSON.stringify(parameters))
  assert.deepEqual(readLinkParameters(fromFile), parameters)
})

test('the hash of the parameters depends on every one of them, and not on their order', () => {
  const base = linkParameters(names)
  const reordered = Object.fromEntries(Object.entries(base).toReversed())
  assert.equal(hashOf(readLinkParameters(reordered)), hashOf(base))
  const [signal, decoy] = PULSES.intensities
  const changes: Partial<LinkParameters>[] = [
    { link: linkId('bristol-london') },
    { transmitter: siteId('london') },
    { receiver: siteId('london') },
    { pulses: { ...PULSES, clockHz: 2e9 } },
    { pulses: { ...PULSES, intensities: [{ ...signal, meanPhotonNumber: 0.51 }, decoy] } },
    { pulses: { ...PULSES, keyBasisProbability: { transmitter: 0.6, receiver: 0.7 } } },
    { bound: 'rusca-2018' },
    { blockBits: 2_000_000 },
    { epsilons: { secrecy: 1e-10, correctness: 1e-14 } },
    { qberMax: 0.07 },
    { reserveOctets: 2 * (16 + 16 * 128) },
    { bootstrap: 'psk' },
    { frameBits: 32_768 },
    { correction: 'ldpc' },
    { reconciliation: 'few-rounds' },
    { leakCharge: 'two-way' },
    { amplification: 'toeplitz' },
    { blocksInFlightMax: 2 },
    { batchesInFlightMax: 2 },
    { stallMs: 1000 },
  ]
  const hashes = changes.map((change) => hashOf(linkParameters({ ...base, ...change })))
  assert.equal(new Set([...hashes, hashOf(base)]).size, changes.length + 1)
  // The protocol has no second value with these pulses; the other way round is tried below.
  assert.equal(changes.length, Object.keys(base).length + 1, 'every parameter is tried')
})

test('parameters of which no key can come, or that are none, are refused', () => {
  const good = smallLink()
  const [signal, decoy] = PULSES.intensities
  const pulses = (change: object): object => ({ ...PULSES, ...change })
  const bad: readonly object[] = [
    { receiver: 'bristol' },
    { link: 'Bristol' },
    { bound: 'lim-2014' },
    { bound: 'asymptotic-lo-ma' },
    { pulses: pulses({ intensities: [decoy, signal] }) },
    { pulses: pulses({ intensities: [signal] }) },
    { pulses: pulses({ intensities: [signal, { ...decoy, probability: 0.4 }] }) },
    { pulses: pulses({ keyBasisProbability: { transmitter: 1, receiver: 0.5 } }) },
    { blockBits: 1023 },
    { blockBits: 2 ** 25 + 1 },
    { epsilons: { secrecy: 0, correctness: 1e-15 } },
    { epsilons: { secrecy: NaN, correctness: 1e-15 } },
    { qberMax: 0.26 },
    { reserveOctets: 545 },
    { reserveOctets: 512 },
    { frameBits: 1040 },
    { frameBits: 65_568 },
    { correction: 'turbo' },
    { stallMs: 1.5 },
    { more: 1 },
  ]
  for (const change of bad) {
    assert.throws(
      () => readLinkParameters({ ...good, ...change }),
      (error) => error instanceof QkdRefusal && error.code === 'PARAMETERS_INVALID',
      JSON.stringify(change),
    )
  }
  for (const value of [null, [], 'link', { ...good, pulses: null }]) {
    assert.throws(() => readLinkParameters(value), QkdRefusal)
  }
})

test('protocol, source and bound belong together, whichever of them is changed', () => {
  const [pairs, weak] = [pairLink(), smallLink()]
  assert.equal(pairs.protocol, 'bbm92')
  assert.equal(pairs.bound, 'tomamichel-2012')
  assert.equal(weak.protocol, 'decoy-bb84')
  assert.notEqual(hashOf(pairs), hashOf(weak))
  // Both are in the hash, for ends that differ in one of them by some fault.
  assert.notEqual(hashOf({ ...pairs, protocol: 'decoy-bb84' }), hashOf(pairs))
  const { source, ...unsaid } = pairs.pulses
  assert.equal(source, 'entangled-pairs')
  assert.notEqual(hashOf({ ...pairs, pulses: unsaid }), hashOf(pairs))
  const one = [{ meanPhotonNumber: 0.01, probability: 1 }]
  const two = [
    { meanPhotonNumber: 0.02, probability: 0.5 },
    { meanPhotonNumber: 0.01, probability: 0.5 },
  ]
  const bad: readonly object[] = [
    { ...weak, bound: 'tomamichel-2012' },
    // The one that would betray its keys: weak pulses, as many as can be taken for single photons.
    { ...weak, bound: 'tomamichel-2012', pulses: { ...weak.pulses, intensities: one } },
    { ...weak, protocol: 'bbm92' },
    { ...weak, pulses: { ...weak.pulses, source } },
    { ...weak, protocol: 'bbm92', bound: 'tomamichel-2012' },
    { ...weak, protocol: 'bbm92', bound: 'tomamichel-2012', pulses: unsaid },
    { ...pairs, pulses: unsaid },
    { ...pairs, protocol: 'decoy-bb84' },
    { ...pairs, protocol: 'e91' },
    { ...pairs, bound: 'wiesemann-2024' },
    { ...pairs, bound: 'lim-2014' },
    { ...pairs, pulses: { ...pairs.pulses, source: 'weak-pulses' } },
    { ...pairs, pulses: { ...pairs.pulses, intensities: two } },
    { ...pairs, pulses: { ...pairs.pulses, intensities: [] } },
  ]
  for (const [at, value] of bad.entries()) {
    assert.throws(
      () => readLinkParameters(value),
      (error) => error instanceof QkdRefusal && error.code === 'PARAMETERS_INVALID',
      String(at),
    )
  }
})

test('three states have their own protocol and bound, and a hash that its proof allows', () => {
  const three = threeStateLink()
  assert.equal(three.protocol, 'three-state-bb84')
  assert.equal(three.bound, 'three-state')
  assert.equal(three.amplification, 'toeplitz')
  const { source, ...unsaid } = three.pulses
  assert.equal(source, 'three-states')
  assert.notEqual(hashOf({ ...three, pulses: unsaid }), hashOf(three))
  assert.notEqual(hashOf({ ...three, protocol: 'decoy-bb84' }), hashOf(three))
  const weak = smallLink()
  const one = [{ meanPhotonNumber: 0.3, probability: 1 }]
  const bad: readonly (readonly [object, RegExp])[] = [
    [{ ...three, amplification: 'modular' }, /toeplitz amplification/],
    // The formula for four states, which takes it that no channel favours the one of the test basis.
    [{ ...three, bound: 'wiesemann-2024' }, /a bound for three-state-bb84/],
    [{ ...three, bound: 'rusca-2018' }, /a bound for three-state-bb84/],
    [{ ...three, protocol: 'decoy-bb84' }, /three-state-bb84 from three-states/],
    [{ ...three, pulses: unsaid }, /decoy-bb84 from weak-pulses/],
    [{ ...three, pulses: { ...three.pulses, source: 'entangled-pairs' } }, /bbm92 from/],
    [{ ...three, pulses: { ...three.pulses, intensities: one } }, /2 intensities/],
    [{ ...weak, bound: 'three-state', amplification: 'toeplitz' }, /a bound for decoy-bb84/],
    [{ ...weak, pulses: { ...weak.pulses, source } }, /three-state-bb84 from three-states/],
  ]
  for (const [value, message] of bad) {
    assert.throws(
      () => readLinkParameters(value),
      (error) =>
        error instanceof QkdRefusal &&
        error.code === 'PARAMETERS_INVALID' &&
        message.test(error.message),
      String(message),
    )
  }
})

const hashOf = (parameters: LinkParameters): string => hex(parametersHash(parameters))
