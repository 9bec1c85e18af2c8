/**
 * Differences and sums of slots, sixteen at a time, as WebAssembly; the plain way beside it.
 *
 * Works through a batch in pieces that stay in the first caches. Everything here is public.
 *
 * @module
 */

import { wasm } from '#base'

const { addWords, assembled, constant, equalOctets, highBits, load, octets, or, packHalves } = wasm
const { packWords, plus, shuffle, smallerWords, subtractWords } = wasm

/** The two loops that touch every detection. */
export interface GapLanes {
  /**
   * Puts the gap before each slot into `into`, or 255 if it is that large, and what each such gap has
   * above 255 into `rests`, which has room for as many as there are slots.
   *
   * @returns       how many such gaps there are; −1 unless slots increase strictly below 2³¹
   */
  readonly gapsOf: (slots: Uint32Array, into: Uint8Array, rests: Uint32Array) => number
  /**
   * Undoes it. All slots must come out below 2³¹.
   *
   * @param gaps    one octet for each slot
   * @param rests   what the gaps of 255 have above that, in turn; 0 behind its end
   * @returns       how many gaps of 255 there are
   */
  readonly slotsOf: (gaps: Uint8Array, rests: Uint32Array, into: Uint32Array) => number
}

/** On vectors; `undefined` where the engine has none. */
export function vectorGaps(): GapLanes | undefined {
  shared ??= gapKernel(PLACES.end)
  if (shared === undefined) return undefined
  const { memory, call } = shared
  const words = new Int32Array(memory, PLACES.words, PIECE)
  /** The slot before a piece, and the piece. */
  const slotsFrom = new Int32Array(memory, PLACES.words - 4, 1 + PIECE)
  const gaps = new Uint8Array(memory, PLACES.gaps, PIECE)
  /** Which of sixteen octets are 255. */
  const full = new Int32Array(memory, PLACES.full, PIECE / GROUP)
  const seen = new Int32Array(memory, PLACES.seen, 4)
  const carry = new Int32Array(memory, PLACES.carry, 4)
  return {
    gapsOf: (slots, into, rests) => {
      slotsFrom[0] = -1
      const whole = slots.length - (slots.length % GROUP)
      let large = 0
      for (let at = 0; at < whole; at += PIECE) {
        const piece = slots.subarray(at, Math.min(whole, at + PIECE))
        const count = piece.length
        words.set(piece)
        call.narrow(PLACES.words, PLACES.words + 4 * count, PLACES.gaps)
        if (!seen.every((all) => all >= 0)) return -1
        into.set(gaps.subarray(0, count), at)
        for (let group = 0; GROUP * group < count; group++) {
          for (let rest = full[group]; rest !== 0; rest &= rest - 1) {
            // One word on: where the first is the slot before them all.
            const index = GROUP * group + 32 - Math.clz32(rest & -rest)
            rests[large++] = slotsFrom[index] - slotsFrom[index - 1] - 1 - FULL
          }
        }
        slotsFrom[0] = words[count - 1]
      }
      return plainGapsOf(slots, { into, from: whole, rests, large })
    },
    slotsOf: (from, rests, into) => {
      carry.fill(-1)
      let large = 0
      for (let at = 0; at < from.length; at += PIECE) {
        const piece = from.subarray(at, at + PIECE)
        const count = piece.length
        gaps.set(piece)
        call.widen(PLACES.gaps, PLACES.gaps + count, PLACES.words)
        for (let group = 0; GROUP * group < count; group++) {
          for (let left = full[group]; left !== 0; left &= left - 1) {
            const index = GROUP * group + 31 - Math.clz32(left & -left)
            // Behind the last gap stands what a piece before has left.
            if (index >= count) continue
            if (large < rests.length) words[index] += rests[large]
            large++
          }
        }
        call.sum(PLACES.words, PLACES.words + 4 * count)
        into.set(words.subarray(0, count), at)
      }
      return large
    },
  }
}

/** One at a time. */
export const plainGaps: GapLanes = {
  gapsOf: (slots, into, rests) => plainGapsOf(slots, { into, from: 0, rests, large: 0 }),
  slotsOf: (gaps, rests, into) => {
    let next = 0
    let large = 0
    for (let index = 0; index < gaps.length; index++) {
      const rest = gaps[index] === FULL ? (rests.at(large++) ?? 0) : 0
      next = (next + gaps[index] + rest) | 0
      into[index] = next
      next = (next + 1) | 0
    }
    return large
  },
}

/** From slot `from` on, where `large` gaps before it were large. */
function plainGapsOf(
  slots: Uint32Array,
  state: {
    readonly into: Uint8Array
    readonly from: number
    readonly rests: Uint32Array
    readonly large: number
  },
): number {
  const { into, from, rests } = state
  let { large } = state
  let before = from === 0 ? -1 : slots[from - 1] | 0
  for (let index = from; index < slots.length; index++) {
    const slot = slots[index] | 0
    const gap = (slot - before - 1) | 0
    if ((slot | gap) < 0) return -1
    into[index] = gap < FULL ? gap : FULL
    if (gap >= FULL) rests[large++] = gap - FULL
    before = slot
  }
  return large
}

/** The octet that says that a gap is larger still. */
export const FULL = 255

/** Detections that the kernel works on at once, and that one piece of a batch has. */
const GROUP = 16
const PIECE = 4096

const PLACES = {
  /** Or of all slots and gaps of a piece, in four lanes. */
  seen: 0,
  /** The slot before a piece, four times. */
  carry: 16,
  /** Behind a word that holds the slot before them. */
  words: 48,
  gaps: 48 + 4 * PIECE,
  full: 48 + 5 * PIECE,
  /** A vector is stored where a word is meant. */
  end: 48 + 5 * PIECE + PIECE / 4 + 12,
} as const

type Lanes = wasm.Expression<'v128'>

/** The same word four times, below 256. */
const words = (value: number): Lanes => wide(octets(value), 0)

/** Each word moved up by `count` words; zeros come in. */
const up = (a: Lanes, count: number): Lanes =>
  shuffle(
    octets(0),
    a,
    Array.from({ length: 16 }, (_, at) => (at < 4 * count ? 0 : 16 + at - 4 * count)),
  )

/** Four octets of a, from `first` on, as words. */
const wide = (a: Lanes, first: number): Lanes =>
  shuffle(
    a,
    octets(0),
    Array.from({ length: 16 }, (_, at) => (at % 4 === 0 ? first + at / 4 : 16)),
  )

const LAST_WORD = Array.from({ length: 16 }, (_, at) => 12 + (at % 4))

/**
 * `narrow(from, to, into)`: gaps of words as octets. `widen(from, to, into)`: octets plus one as
 * words. `sum(from, to)`: running sums of words, upon the carry. Each at least one group of sixteen.
 */
const gapKernel = assembled([
  {
    name: 'narrow',
    parameters: 3,
    write: (body, from, to, into) => {
      const seen = body.keep(octets(0))
      const marks = body.keep(constant(PLACES.full))
      const one = body.keep(words(1))
      const full = body.keep(words(FULL))
      body.repeat(from, 4 * GROUP, to, () => {
        const gaps = [0, 16, 32, 48].map((at) => {
          const slots = body.keep(load(from, at))
          const before = load(plus(from, constant(-4)), at)
          const gap = body.keep(subtractWords(subtractWords(slots, before), one))
          body.set(seen, or(seen, or(slots, gap)))
          return smallerWords(gap, full)
        })
        const halves = [packWords(gaps[0], gaps[1]), packWords(gaps[2], gaps[3])]
        const packed = body.keep(packHalves(halves[0], halves[1]))
        body.store(into, 0, packed)
        body.set(into, plus(into, constant(GROUP)))
        body.store(marks, 0, highBits(equalOctets(packed, octets(FULL))))
        body.set(marks, plus(marks, constant(4)))
      })
      body.store(constant(PLACES.seen), 0, seen)
    },
  },
  {
    name: 'widen',
    parameters: 3,
    write: (body, from, to, into) => {
      const marks = body.keep(constant(PLACES.full))
      const one = body.keep(words(1))
      body.repeat(from, GROUP, to, () => {
        const gaps = body.keep(load(from))
        body.store(marks, 0, highBits(equalOctets(gaps, octets(FULL))))
        body.set(marks, plus(marks, constant(4)))
        for (let at = 0; at < 4; at++) body.store(into, 16 * at, addWords(wide(gaps, 4 * at), one))
        body.set(into, plus(into, constant(4 * GROUP)))
      })
    },
  },
  {
    name: 'sum',
    parameters: 2,
    write: (body, from, to) => {
      const carry = body.keep(load(constant(PLACES.carry)))
      body.repeat(from, 4 * GROUP, to, () => {
        for (let at = 0; at < 64; at += 16) {
          const one = body.keep(load(from, at))
          const two = body.keep(addWords(one, up(one, 1)))
          const four = addWords(two, up(two, 2))
          const sums = body.keep(addWords(four, carry))
          body.store(from, at, sums)
          body.set(carry, shuffle(sums, sums, LAST_WORD))
        }
      })
      body.store(constant(PLACES.carry), 0, carry)
    },
  },
])

let shared: ReturnType<typeof gapKernel>
