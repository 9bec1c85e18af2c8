/**
 * One-way correction: codes, syndromes, decoder, and the cutting of blocks.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hex, SeededRandom } from '#base'
import { sha256 } from '#crypto'
import { binaryEntropy } from '../bounds/entropy.ts'
import { blockHash, hashOctets } from '../verification.ts'
import { buildCode, DEGREE_MAX, type Code } from './code.ts'
import { Decoder } from './decoder.ts'
import { codeFor, gatherFrames, scatterFrames, SyndromeDecoder, SyndromeTeller } from './frames.ts'
import { checksFor, codingFor, isCoding, LDPC_FRAME_BITS_MAX, shapeOf } from './plan.ts'
import { syndromeOf } from './syndrome.ts'

const SMALL = { lift: 32, columns: 96, rows: 40 }

test('both ends build the same code, today and in the next version', () => {
  const code = buildCode({ lift: 256, columns: 489, rows: 48 })
  assert.deepEqual(buildCode({ lift: 256, columns: 489, rows: 48 }), code)
  const parts = [code.starts, code.column, code.shift]
  const digest = parts.map((part) => hex(sha256(new Uint8Array(part.buffer))).slice(0, 16))
  assert.deepEqual(digest, CODE_DIGEST)
})

test('no cycle of a code has four edges, at every size that blocks are coded in', () => {
  for (const [bits, rate] of [
    [125_000, 0.01],
    [125_000, 0.05],
    [20_000, 0.02],
    [9_000, 0.05],
  ]) {
    const coding = codingFor(bits, rate)
    assert.equal(fourCycles(codeFor(shapeOf(coding))), 0, `${bits} bits at ${rate}`)
  }
  // The count is able to see one.
  const square = { lift: 32, columns: 2, rows: 2, starts: Int32Array.of(0, 2, 4) }
  const [column, shift] = [Int32Array.of(0, 1, 0, 1), Int32Array.of(0, 5, 3, 8)]
  assert(fourCycles({ ...square, column, shift }) > 0)
})

test('rows of a code are evenly filled and columns have the edges they should', () => {
  const code = buildCode({ lift: 256, columns: 400, rows: 100 })
  const edges = new Map<number, number>()
  for (const column of code.column) edges.set(column, (edges.get(column) ?? 0) + 1)
  assert.equal(edges.size, 400)
  assert.equal([...edges.values()].filter((degree) => degree === 2).length, 90)
  const rows = Array.from({ length: 100 }, (_, row) => code.starts[row + 1] - code.starts[row])
  assert(Math.max(...rows) - Math.min(...rows) <= 3)
})

test('a packed syndrome is the parity of each check, bit by bit', () => {
  const code = buildCode(SMALL)
  fc.assert(
    fc.property(fc.integer({ min: 0 }), fc.integer({ min: 1, max: 40 * 32 }), (seed, checks) => {
      const words = randomWords(new SeededRandom(seed), 96)
      assert.deepEqual([...syndromeOf(code, words, checks)], slowSyndrome(code, words, checks))
    }),
    { numRuns: 40 },
  )
})

test('what the decoder returns has the syndrome asked for, whatever that is', () => {
  const code = buildCode(SMALL)
  const decoder = new Decoder(code)
  let [decoded, undecoded] = [0, 0]
  for (let seed = 0; seed < 300; seed++) {
    const random = new SeededRandom(seed)
    const errorRate = 0.02 + 0.06 * random.unit()
    const checks = 1000 + random.below(280)
    // Every tenth syndrome is of no likely pattern at all.
    const syndrome =
      seed % 10 === 0
        ? slowMask(randomWords(random, Math.ceil(checks / 32)), checks)
        : syndromeOf(code, errorsAt(random, 96, errorRate), checks)
    const input = { syndrome, checks, bits: 96 * 32, errorRate, iterationsMax: 30 }
    const found = decoder.decode(input)
    if (found.kind === 'undecoded') {
      undecoded++
      assert.equal(found.iterations, 30)
    } else {
      decoded++
      assert.deepEqual([...syndromeOf(code, found.errors, checks)], [...syndrome])
    }
  }
  assert(decoded > 100 && undecoded >= 30, `${decoded} decoded, ${undecoded} not`)
})

test('no errors need one iteration, and bits known to be right are never changed', () => {
  const code = buildCode(SMALL)
  const decoder = new Decoder(code)
  const none = { checks: 1280, errorRate: 0.03, iterationsMax: 40 }
  const clean = decoder.decode({ ...none, syndrome: new Int32Array(40), bits: 96 * 32 })
  assert(clean.kind === 'decoded' && clean.iterations === 1)
  assert(clean.errors.every((word) => word === 0))
  for (let seed = 0; seed < 20; seed++) {
    const errors = errorsAt(new SeededRandom(seed), 96, 0.04)
    errors.fill(0, 80)
    const syndrome = syndromeOf(code, errors, 1280)
    const found = decoder.decode({ ...none, syndrome, bits: 80 * 32 })
    assert(found.kind === 'decoded')
    assert.deepEqual([...found.errors], [...errors])
  }
})

test('a block comes out equal to the transmitter’s, each bit of each syndrome counted', () => {
  for (const [bits, errorRate] of [
    [30_000, 0.01],
    [30_000, 0.03],
    [30_000, 0.05],
    [9_001, 0.08],
    [200_000, 0.02],
  ]) {
    const { run, sent, received, told, coding } = corrected(bits, errorRate)
    assert.deepEqual(run.undecoded, [])
    assert.deepEqual(received, sent)
    assert.equal(run.leakBits, coding.frames * coding.checks)
    assert.equal(Math.ceil(coding.checks / 8) * coding.frames, told)
  }
})

test('at QBER 1, 3 and 5 % frames of a megabit block leak below 1.3 times the least', () => {
  for (const errorRate of [0.01, 0.03, 0.05]) {
    const { frameBits, checks } = codingFor(1_000_000, errorRate, 100_000)
    assert(checks / (frameBits * binaryEntropy(errorRate)) < 1.3, `${errorRate}`)
  }
})

test('a frame with more errors than its checks can correct stays as it was', () => {
  const { run, received, before } = corrected(30_000, 0.05, { expected: 0.03 })
  assert.deepEqual(run.undecoded, [0])
  assert.deepEqual(received, before)
  assert(run.leakBits > 0, 'its checks count all the same')
})

test('a wrong word with a right syndrome is taken for right, and caught by the hash', () => {
  const coding = { frames: 1, frameBits: 96 * 32, checks: 32 }
  const code = codeFor(shapeOf(coding))
  const sent = randomWords(new SeededRandom(8), 96)
  const received = sent.slice()
  // Two errors in the same check of the only row that is told.
  for (const edge of [0, 1]) {
    const at = code.column[edge] * code.lift + code.shift[edge]
    received[at >> 5] ^= 1 << (at & 31)
  }
  const run = new SyndromeDecoder(received, coding, 0.01)
  assert.equal(run.take(new SyndromeTeller(sent, coding).tell(0)), true)
  assert.deepEqual(run.undecoded, [])
  assert.notDeepEqual(received, sent)
  const key = new SeededRandom(10).octets(16)
  const hash = (words: Int32Array): string =>
    hex(blockHash(key, new Uint8Array(words.buffer), hashOctets(3072, 1e-15)))
  assert.notEqual(hash(received), hash(sent))
})

test('a syndrome of a wrong length or with bits behind its end is none', () => {
  const coding = codingFor(9000, 0.03)
  const words = randomWords(new SeededRandom(1), 282)
  const octets = new SyndromeTeller(words, coding).tell(0)
  const run = new SyndromeDecoder(words.slice(), coding, 0.03)
  assert.equal(run.take(octets.subarray(1)), undefined)
  assert.equal(run.take(Uint8Array.of(...octets, 0)), undefined)
  const odd = { ...coding, checks: coding.checks - (coding.checks % 8) + 3 }
  const ending = new SyndromeTeller(words, odd).tell(0)
  const refusing = new SyndromeDecoder(words.slice(), odd, 0.03)
  const over = ending.slice()
  over[over.length - 1] |= 8
  assert.equal(refusing.take(over), undefined)
  assert.equal(refusing.take(ending), true)
  assert.equal(run.take(octets), true)
  assert.equal(run.taken, 1)
})

test('a coding covers its block, and the nearest that does not is refused', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1024, max: 2 ** 22 }),
      fc.double({ min: 0, max: 0.25, noNaN: true }),
      (bits, rate) => {
        const coding = codingFor(bits, rate)
        const { frames, frameBits, checks } = coding
        assert(isCoding(coding, bits))
        assert(!isCoding({ ...coding, frames: frames + 1 }, bits))
        assert(!isCoding({ ...coding, frames: frames - 1 }, bits))
        assert(!isCoding({ ...coding, frameBits: frameBits + 1 }, bits))
        assert(!isCoding({ ...coding, frameBits: LDPC_FRAME_BITS_MAX + 32 }, bits))
        assert(!isCoding({ ...coding, checks: frameBits }, bits))
        assert(!isCoding({ ...coding, checks: Math.floor(frameBits / 20) }, bits))
        const { lift, columns, rows } = shapeOf(coding)
        assert(lift * columns >= frameBits && lift * rows >= checks && rows < columns)
        assert(frameBits <= LDPC_FRAME_BITS_MAX)
      },
    ),
  )
})

test('codes can be built for every coding, the shortest blocks and extreme rates included', () => {
  for (const bits of [1024, 2048, 4096, 131_072]) {
    for (const rate of [0, 0.001, 0.06, 0.25]) {
      const code = codeFor(shapeOf(codingFor(bits, rate)))
      const widths = Array.from(code.starts.slice(1), (end, row) => end - code.starts[row])
      assert(Math.max(...widths) <= DEGREE_MAX && Math.min(...widths) >= 2)
    }
  }
})

test('more errors expected, or a worse estimate of them, never mean fewer checks', () => {
  for (const frameBits of [2048, 30_016, 125_024]) {
    let before = 0
    for (let share = 0.001; share < 0.12; share += 0.001) {
      const checks = checksFor(frameBits, share)
      assert(checks >= before)
      before = checks
    }
  }
  assert(codingFor(100_000, 0.02, 1000).checks > codingFor(100_000, 0.02, 100_000).checks)
})

test('frames put back are where they were', () => {
  const words = Int32Array.from({ length: 11 }, (_, at) => at + 1)
  const gathered = gatherFrames(words, 128, [0, 2])
  assert.deepEqual([...gathered], [1, 2, 3, 4, 9, 10, 11, 0])
  const into = new Int32Array(11)
  scatterFrames(gathered, 128, { frames: [0, 2], into })
  assert.deepEqual([...into], [1, 2, 3, 4, 0, 0, 0, 0, 9, 10, 11])
})

/** One block corrected, coded for `expected` in place of its rate of errors. */
function corrected(bits: number, errorRate: number, { expected = errorRate } = {}) {
  const random = new SeededRandom(bits + 1000 * errorRate)
  const length = Math.ceil(bits / 32)
  const sent = randomWords(random, length)
  const errors = errorsAt(random, length, errorRate)
  const received = sent.map((word, at) => word ^ errors[at])
  const before = received.slice()
  const coding = codingFor(bits, expected)
  const teller = new SyndromeTeller(sent, coding)
  const run = new SyndromeDecoder(received, coding, expected)
  let told = 0
  for (let frame = 0; frame < coding.frames; frame++) {
    const octets = teller.tell(frame)
    told += octets.length
    run.take(octets)
  }
  return { run, sent, received, before, told, coding }
}

function fourCycles({ lift, rows, starts, column, shift }: Code): number {
  let cycles = 0
  for (let a = 0; a < rows; a++) {
    for (let b = a + 1; b < rows; b++) {
      const seen = new Set<number>()
      for (let e = starts[a]; e < starts[a + 1]; e++) {
        for (let g = starts[b]; g < starts[b + 1]; g++) {
          if (column[e] !== column[g]) continue
          const difference = (shift[e] - shift[g] + lift) % lift
          if (seen.has(difference)) cycles++
          seen.add(difference)
        }
      }
    }
  }
  return cycles
}

function slowSyndrome(code: Code, words: Int32Array, checks: number): number[] {
  const syndrome = new Int32Array(Math.ceil(checks / 32))
  for (let check = 0; check < checks; check++) {
    const row = Math.floor(check / code.lift)
    let parity = 0
    for (let edge = code.starts[row]; edge < code.starts[row + 1]; edge++) {
      const lane = (check + code.shift[edge]) % code.lift
      const at = code.column[edge] * code.lift + lane
      parity ^= (words[at >> 5] >>> (at & 31)) & 1
    }
    syndrome[check >> 5] |= parity << (check & 31)
  }
  return [...syndrome]
}

function slowMask(words: Int32Array, bits: number): Int32Array {
  if (bits % 32 !== 0) words[words.length - 1] &= (1 << (bits % 32)) - 1
  return words
}

const randomWords = (random: SeededRandom, length: number): Int32Array =>
  Int32Array.from({ length }, () => random.uint32())

function errorsAt(random: SeededRandom, length: number, rate: number): Int32Array {
  const errors = new Int32Array(length)
  for (let at = 0; at < 32 * length; at++) {
    if (random.chance(rate)) errors[at >> 5] |= 1 << (at & 31)
  }
  return errors
}

const CODE_DIGEST = ['b749a292e0ae8fd4', 'cf0c39ec14f821fb', '8187b4f63807f420']
