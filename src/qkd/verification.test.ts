/**
 * Verification: what hashes are worth, and how a block that differs is repaired.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom, type Bits } from '#base'
import { peerOf, type Role } from './authentication.ts'
import type { BlockWork, Lane } from './block-work.ts'
import type { WorkMessage } from './messages.ts'
import { Orders } from './cascade/permutation.ts'
import { cutInto } from './cascade/plan.ts'
import { drawBatch, PULSES, randomFrom, ROLES, smallLink } from './fixture.test.ts'
import { ReceiverBlock } from './receiver.ts'
import { SiftedBlock } from './sifted-block.ts'
import { acceptSifting, announce, answerSifting } from './sifting.ts'
import { TransmitterBlock } from './transmitter.ts'
import {
  blockHash,
  frameHashes,
  frameOf,
  framesThatDiffer,
  hashOctets,
  verificationFailure,
} from './verification.ts'

test('a hash has as many octets as its ε asks for, and no more', () => {
  for (const bits of [1000, 60_000, 1e6, 1e8]) {
    for (const correctness of [1e-6, 1e-10, 1e-15, 1e-20]) {
      const octets = hashOctets(bits, correctness)
      assert(verificationFailure(bits, octets) <= correctness)
      assert(verificationFailure(bits, octets - 1) > correctness)
    }
  }
  assert.equal(hashOctets(1e6, 1e-15), 8)
  assert.equal(hashOctets(1e6, 1e-60), 16)
})

test('two blocks that differ have the same hash about as seldom as they should', () => {
  // One octet only, so that collisions are seen at all: 2⁻⁸ each, for a message of one term.
  const random = new SeededRandom(1)
  let same = 0
  for (let trial = 0; trial < 1500; trial++) {
    const [block, key] = [random.octets(16), random.octets(16)]
    const other = block.with(trial % 16, block[trial % 16] ^ (1 + random.below(255)))
    if (blockHash(key, block, 1)[0] === blockHash(key, other, 1)[0]) same++
  }
  assert(same > 0 && same < 20, `${same} of 1500`)
})

test('hashes of frames name the frames that differ', () => {
  const random = new SeededRandom(2)
  const cut = { frames: 5, frameBits: 256 }
  const [key, block] = [random.octets(16), random.octets(4 * 32 + 9)]
  const other = block.slice()
  other[33] ^= 4
  other[4 * 32 + 8] ^= 1
  const own = frameHashes(key, block, cut)
  assert.deepEqual(framesThatDiffer(own, frameHashes(key, other, cut)), [1, 4])
  assert.deepEqual(framesThatDiffer(own, own), [])
  assert.equal(framesThatDiffer(own, own.subarray(4)), undefined)
  assert.equal(frameOf(block, cut, 4).length, 9)
})

const LINK = smallLink({ frameBits: 4096 })

/** Two works of one block, joined without a channel; every tag fits. */
class Bench {
  readonly sifted = { transmitter: new SiftedBlock(2), receiver: new SiftedBlock(2) }
  readonly keys: Partial<Record<Role, Bits>> = {}
  readonly discards: string[] = []
  readonly works: Readonly<Record<Role, BlockWork>>
  readonly #queue: (() => void)[] = []
  /** Called before the receiver sees a hash. */
  beforeHash: () => void = () => undefined
  /** What is heard instead of what was said. */
  forge: (message: WorkMessage) => WorkMessage = (message) => message

  constructor() {
    const pulses = { pulses: PULSES, weather: { errorRate: 0.01, transmission: 0.1 } }
    const drawn = drawBatch(new SeededRandom(4), 0, 180_000, pulses)
    const { announcement, outcomes } = announce(drawn.detections)
    const answer = answerSifting(announcement, drawn.choices.choices, this.sifted.transmitter)
    acceptSifting(outcomes, answer, this.sifted.receiver)
    this.works = {
      transmitter: new TransmitterBlock(0, this.sifted.transmitter, this.#lane('transmitter')),
      receiver: new ReceiverBlock(0, this.sifted.receiver, this.#lane('receiver')),
    }
  }

  run(): void {
    for (const role of ROLES) this.works[role].begin()
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) next()
  }

  /** Bits of the last octet of the block that are not of it. */
  get spareBits(): number {
    return (8 - (this.sifted.receiver.key.length & 7)) & 7
  }

  /** Makes one bit of the receiver's block wrong. */
  spoil(at: number): void {
    this.sifted.receiver.key.words[at >> 5] ^= 1 << (at & 31)
  }

  #lane(role: Role): Lane {
    const peer = peerOf(role)
    return {
      parameters: LINK,
      random: randomFrom(role === 'receiver' ? 1 : 2),
      orders: new Orders(new Uint8Array(32)),
      latest: undefined,
      say: (message) => {
        this.#queue.push(() => {
          if (message.kind === 'hash') this.beforeHash()
          if (this.discards.length === 0) this.works[peer].message(this.forge(message))
        })
      },
      tag: (phase) => {
        this.#queue.push(() => {
          if (this.discards.length > 0) return
          assert(this.works[peer].expectsTag(phase), `${peer} expects a tag for ${phase}`)
          this.works[peer].tagged(phase)
        })
      },
      discard: (cause) => this.discards.push(`${role} ${cause}`),
      finish: (key) => (this.keys[role] = key),
    }
  }
}

/** A block in which so many hashes meet a wrong bit in the first frame. */
function repaired(times: number): Bench {
  const bench = new Bench()
  let left = times
  bench.beforeHash = () => {
    if (left-- > 0) bench.spoil(1003)
  }
  bench.run()
  return bench
}

test('a frame with an error left is disclosed and paid for, and the block gives a key', () => {
  const [clean, bench] = [repaired(0), repaired(1)]
  assert.deepEqual(bench.discards, [])
  assert.deepEqual(bench.keys.transmitter, bench.keys.receiver)
  const { frameBits, frames } = cutInto(bench.sifted.receiver.key.length, LINK.frameBits)
  for (const role of ROLES) {
    const [before, after] = [clean.works[role].tally, bench.works[role].tally]
    assert.equal(after.disclosedFrames, 1)
    assert.equal(after.reconciliationBits - before.reconciliationBits, frameBits)
    // A second hash of the block, and one of each of its frames.
    assert.equal(after.verificationBits, 2 * before.verificationBits + 32 * frames)
    assert.deepEqual(after.keyErrors, before.keyErrors, 'statistics are as if Cascade had found it')
    const [full, less] = [before.keyLength?.secretBits ?? 0, after.keyLength?.secretBits ?? 0]
    assert(less > 0 && full - less >= frameBits, 'ℓ pays for every bit disclosed')
  }
})

test('a block that still differs after one repair is discarded at both ends', () => {
  const bench = repaired(2)
  assert.deepEqual(bench.discards, ['receiver verification-failed'])
  assert.deepEqual(bench.keys, {})
})

test('frames disclosed are those asked for, whole and nothing more', () => {
  const forgeries: Readonly<Record<string, (octets: Uint8Array) => Uint8Array>> = {
    'an octet less': (octets) => octets.subarray(1),
    'an octet more': (octets) => new Uint8Array([...octets, 0]),
    'a bit behind the end of the block': (octets) => octets.with(octets.length - 1, 0xff),
  }
  for (const [what, change] of Object.entries(forgeries)) {
    const bench = new Bench()
    assert(bench.spareBits > 0)
    let hashes = 0
    bench.beforeHash = () => {
      // The last frame, which ends where the block ends.
      if (hashes++ === 0) bench.spoil(bench.sifted.receiver.key.length - 3)
    }
    bench.forge = (message) =>
      message.kind === 'disclosed' ? { ...message, octets: change(message.octets) } : message
    assert.throws(
      () => {
        bench.run()
      },
      { code: 'MESSAGE_INVALID' },
      what,
    )
    assert.deepEqual(bench.keys, {})
  }
})
