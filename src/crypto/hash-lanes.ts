/**
 * The polynomial hash sixteen blocks at a time, on vector instructions.
 *
 * Lane i takes every sixteenth block and multiplies by the sixteenth power of the key; in the end
 * lanes are brought together by lower powers. Zero blocks *before* a message do not change its hash,
 * so they fill it up to whole groups.
 *
 * All hashes share one kernel and its memory. Each has its tables, which are copied there when it
 * is used after another.
 *
 * @module
 */

import type { wasm } from '#base'
import { GROUP_OCTETS, hashKernel, LANES, PLACES, POWERS, TABLE_OCTETS } from './hash-kernel.ts'
import {
  elementOf,
  lengthBlock,
  REDUCTION,
  square,
  type Element,
  type KeyedHash,
} from './keyed-hash.ts'

/** A hash with 40 KiB of tables for its key; `undefined` where the engine has no vectors. */
export function laneHash(key: Uint8Array): KeyedHash | undefined {
  shared ??= hashKernel(PLACES.message + MESSAGE_OCTETS)
  if (shared === undefined) return undefined
  const kernel = shared
  const tables = tablesOf(key)
  return {
    digestOf: (parts) => {
      if (loaded !== tables) new Uint8Array(kernel.memory).set(tables)
      loaded = tables
      return digestOf(kernel, parts)
    },
    clear: () => {
      tables.fill(0)
      if (loaded === tables) new Uint8Array(kernel.memory).set(tables)
    },
  }
}

function digestOf({ memory, call }: HashKernel, parts: readonly Uint8Array[]): Uint8Array {
  const message = new Uint8Array(memory, PLACES.message, MESSAGE_OCTETS)
  const octets = parts.reduce((sum, part) => sum + part.length, 0)
  const padding = new Uint8Array((16 - (octets % 16)) % 16)
  const blocks = (octets + padding.length) / 16 + 1
  let filled = (GROUP_OCTETS - ((16 * blocks) % GROUP_OCTETS)) % GROUP_OCTETS
  let used = 0
  for (const part of [...parts, padding, lengthBlock(octets)]) {
    for (let at = 0; at < part.length;) {
      const taken = part.subarray(at, at + MESSAGE_OCTETS - filled)
      message.set(taken, filled)
      at += taken.length
      filled += taken.length
      used = Math.max(used, filled)
      if (filled < MESSAGE_OCTETS) continue
      call.absorb(PLACES.message, PLACES.message + filled)
      filled = 0
    }
  }
  if (filled > 0) call.absorb(PLACES.message, PLACES.message + filled)
  call.finish()
  const product = new Uint8Array(memory, PLACES.product, GROUP_OCTETS)
  const digest = Uint8Array.from({ length: 16 }, (_, j) => product[LANES * j + LANES - 1])
  new Uint8Array(memory, PLACES.state, 2 * GROUP_OCTETS).fill(0)
  message.fill(0, 0, used)
  return digest
}

/** For each power: the multiples by every nibble in every place, octet by octet of the product. */
function tablesOf(key: Uint8Array): Uint8Array {
  const tables = new Int32Array((POWERS.length * TABLE_OCTETS) / 4)
  let power = elementOf(key)
  for (let at = POWERS.length - 1; at >= 0; at--) {
    fillTable(tables.subarray((at * TABLE_OCTETS) / 4, ((at + 1) * TABLE_OCTETS) / 4), power)
    power = square(power)
  }
  return new Uint8Array(tables.buffer)
}

/**
 * The sixteen multiples of an octet of the product stand in four words, one for each nibble: what a
 * bit of the nibble adds is that octet in all places whose nibbles have the bit.
 */
function fillTable(table: Int32Array, key: Element): void {
  /** The key times x⁰ to x⁴ from the place's first power on, as the bits of a nibble go. */
  const multiples = new Int32Array(4 * 5)
  multiples.set(key)
  for (let place = 0; place < 32; place++) {
    for (let at = 0; at < 16; at += 4) nextMultiple(multiples, at)
    for (let j = 0; j < 16; j++) {
      const [word, shift] = [j >> 2, 24 - 8 * (j & 3)]
      const eight = Math.imul((multiples[word] >>> shift) & 0xff, ALL)
      const four = Math.imul((multiples[4 + word] >>> shift) & 0xff, ALL)
      const two = Math.imul((multiples[8 + word] >>> shift) & 0xff, TWOS)
      const one = Math.imul((multiples[12 + word] >>> shift) & 0xff, ONES)
      const base = (j * 32 + place) * 4
      table[base] = two ^ one
      table[base + 1] = four ^ two ^ one
      table[base + 2] = eight ^ two ^ one
      table[base + 3] = eight ^ four ^ two ^ one
    }
    multiples.copyWithin(0, 16)
  }
  multiples.fill(0)
}

/** The element after the one at a place: x times it, as `timesX`, without a new array. */
function nextMultiple(multiples: Int32Array, at: number): void {
  const [a, b, c, d] = [multiples[at], multiples[at + 1], multiples[at + 2], multiples[at + 3]]
  multiples[at + 4] = (a >>> 1) ^ (REDUCTION & -(d & 1))
  multiples[at + 5] = (b >>> 1) | (a << 31)
  multiples[at + 6] = (c >>> 1) | (b << 31)
  multiples[at + 7] = (d >>> 1) | (c << 31)
}

/** A word of four octets, as this machine orders them. */
const wordOf = (...octets: readonly number[]): number =>
  new Int32Array(Uint8Array.from(octets).buffer)[0]

/** In which of four nibbles in a row a bit is set: those of eight and four are in all, or in none. */
const ALL = wordOf(1, 1, 1, 1)
const TWOS = wordOf(0, 0, 1, 1)
const ONES = wordOf(0, 1, 0, 1)

type HashKernel = wasm.Kernel<'multiply' | 'absorb' | 'finish'>

let shared: HashKernel | undefined
/** Whose tables are in the kernel's memory. */
let loaded: Uint8Array | undefined

const MESSAGE_OCTETS = 2 ** 16
