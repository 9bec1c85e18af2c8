/**
 * Parameters that both ends agree on, and those that no link may have.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hex, linkId, siteId } from '#base'
import { PULSES, smallLink } from './fixture.test.ts'
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
    { frameBits: 32_768 },
    { reconciliation: 'few-rounds' },
    { leakCharge: 'two-way' },
    { amplification: 'toeplitz' },
    { blocksInFlightMax: 2 },
    { batchesInFlightMax: 2 },
    { stallMs: 1000 },
  ]
  const hashes = changes.map((change) => hashOf(linkParameters({ ...base, ...change })))
  assert.equal(new Set([...hashes, hashOf(base)]).size, changes.length + 1)
  assert.equal(changes.length, Object.keys(base).length + 2, 'every parameter is tried')
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

const hashOf = (parameters: LinkParameters): string => hex(parametersHash(parameters))
