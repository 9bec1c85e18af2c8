/**
 * A message of each kind of the classical channel.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeMessage, decodeMessage, MESSAGE_KINDS, type Message } from './messages.ts'

const octets = (size: number): Uint8Array => new Uint8Array(size).fill(1)
const tag = { source: '1/0', pad: 3, tag: octets(16) }

/** One message of each kind, as large as it needs to be. */
export const EXAMPLES: readonly Message[] = [
  {
    kind: 'hello',
    version: 1,
    parameters: octets(32),
    from: 'bristol',
    role: 'transmitter',
    nonce: octets(16),
    epoch: 4,
    sources: [{ id: 'bootstrap-1', next: 0 }],
  },
  { kind: 'tag', block: 1, phase: 'sifting', ...tag },
  {
    kind: 'detections',
    batch: 5,
    slotCount: 1000,
    simulated: true,
    count: 2,
    gapWidth: 1,
    gaps: octets(2),
    bases: octets(1),
    testBits: octets(1),
  },
  {
    kind: 'sifted',
    block: 0,
    batch: 5,
    matches: octets(1),
    intensityLow: octets(1),
    intensityHigh: octets(0),
    testBits: octets(1),
  },
  { kind: 'unsifted', batch: 5 },
  { kind: 'code', block: 0, frames: 2, frameBits: 64, checks: 16 },
  { kind: 'syndrome', block: 0, frame: 0, octets: octets(2) },
  { kind: 'undecoded', block: 0, frames: [1] },
  { kind: 'plan', block: 0, frames: 2, frameBits: 64, blockBits: [8, 32], keptPasses: 1 },
  { kind: 'question', block: 0, strips: [{ strip: 0, octets: octets(5) }] },
  { kind: 'parities', block: 0, strips: [{ strip: 0, octets: octets(5) }] },
  { kind: 'corrected', block: 0 },
  { kind: 'hash', block: 0, key: octets(16), hash: octets(8) },
  { kind: 'verdict', block: 0, equal: false },
  { kind: 'frameHashes', block: 0, key: octets(16), hashes: octets(8) },
  { kind: 'disclose', block: 0, frames: [1] },
  { kind: 'disclosed', block: 0, octets: octets(8) },
  { kind: 'errors', block: 0, errors: [1, 2], leakBits: 3, verificationBits: 4, secretBits: 5 },
  { kind: 'length', block: 0, secretBits: 5 },
  { kind: 'seed', block: 0, octets: octets(9) },
  { kind: 'stored', block: 0 },
  { kind: 'abort', block: 0, cause: 'stalled', proof: tag },
]

test('there is an example of every kind of message', () => {
  const kinds = EXAMPLES.map((message) => decodeMessage(encodeMessage(0, message)).message.kind)
  assert.deepEqual(new Set(kinds), new Set(MESSAGE_KINDS))
})
