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
  square,
  timesX,
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
  const tables = new Uint8Array(POWERS.length * TABLE_OCTETS)
  let power = elementOf(key)
  for (let at = POWERS.length - 1; at >= 0; at--) {
    fillTable(tables.subarray(at * TABLE_OCTETS, (at + 1) * TABLE_OCTETS), power)
    power = square(power)
  }
  return tables
}

function fillTable(table: Uint8Array, key: Element): void {
  const multiples = new Int32Array(16 * 4)
  let element = key
  for (let place = 0; place < 32; place++) {
    // The high bit of a nibble is its lowest power of x.
    for (let bit = 8; bit > 0; bit >>= 1) {
      multiples.set(element, 4 * bit)
      element = timesX(element)
    }
    for (let nibble = 3; nibble < 16; nibble++) {
      const low = nibble & -nibble
      for (let word = 0; word < 4 && low !== nibble; word++) {
        multiples[4 * nibble + word] =
          multiples[4 * low + word] ^ multiples[4 * (nibble ^ low) + word]
      }
    }
    for (let j = 0; j < 16; j++) {
      const [base, word, shift] = [(j * 32 + place) * 16, j >> 2, 24 - 8 * (j & 3)]
      for (let nibble = 0; nibble < 16; nibble++) {
        table[base + nibble] = multiples[4 * nibble + word] >> shift
      }
    }
  }
  multiples.fill(0)
}

type HashKernel = wasm.Kernel<'multiply' | 'absorb' | 'finish'>

let shared: HashKernel | undefined
/** Whose tables are in the kernel's memory. */
let loaded: Uint8Array | undefined

const MESSAGE_OCTETS = 2 ** 16
