/**
 * The polynomial hash octet by octet, by tables of multiples of the key: the plain way.
 *
 * For engines without vectors, and the oracle of `hash-lanes`. The tables are read at places that
 * depend on the key and the message: a program that shares this machine's cache may learn about the
 * key from the time this takes.
 *
 * @module
 */

import { elementOf, lengthBlock, timesX, type KeyedHash } from './keyed-hash.ts'

/** A hash with 64 KiB of tables for its key. */
export function tableHash(key: Uint8Array): KeyedHash {
  /** Word w of (octet b at place i) times the key stands at ((i · 256) + b) · 4 + w. */
  const table = new Int32Array(16 * 256 * 4)
  fillTable(table, key)
  return {
    digestOf: (parts) => digestOf(table, parts),
    clear: () => table.fill(0),
  }
}

function digestOf(table: Int32Array, parts: readonly Uint8Array[]): Uint8Array {
  const state = new Int32Array(4)
  const block = new Uint8Array(16)
  let held = 0
  let octets = 0
  for (const part of parts) {
    octets += part.length
    let at = 0
    if (held > 0) {
      at = Math.min(16 - held, part.length)
      block.set(part.subarray(0, at), held)
      held += at
      if (held < 16) continue
      absorb(table, state, block, 0, 16)
    }
    const end = at + ((part.length - at) & ~15)
    absorb(table, state, part, at, end)
    held = part.length - end
    block.fill(0)
    block.set(part.subarray(end), 0)
  }
  if (held > 0) absorb(table, state, block, 0, 16)
  absorb(table, state, lengthBlock(octets), 0, 16)
  const out = new DataView(new ArrayBuffer(16))
  for (let word = 0; word < 4; word++) out.setInt32(word * 4, state[word])
  return new Uint8Array(out.buffer)
}

/**
 * state ← (state ⊕ block) · key, for each 16-octet block from `from` up to `to`.
 *
 * A block is four words, and each word takes four entries of the table. The entries of one word are
 * summed before the next word is read, so that few values are held at a time.
 */
function absorb(
  table: Int32Array,
  state: Int32Array,
  octets: Uint8Array,
  from: number,
  to: number,
): void {
  let [a, b, c, d] = state
  for (let at = from; at < to; at += 16) {
    const w = a ^ wordAt(octets, at)
    const x = b ^ wordAt(octets, at + 4)
    const y = c ^ wordAt(octets, at + 8)
    const z = d ^ wordAt(octets, at + 12)
    a = b = c = d = 0
    const w0 = (w >>> 22) & 0x3fc
    const w1 = 1024 + ((w >>> 14) & 0x3fc)
    const w2 = 2048 + ((w >>> 6) & 0x3fc)
    const w3 = 3072 + ((w << 2) & 0x3fc)
    a ^= table[w0] ^ table[w1] ^ table[w2] ^ table[w3]
    b ^= table[w0 + 1] ^ table[w1 + 1] ^ table[w2 + 1] ^ table[w3 + 1]
    c ^= table[w0 + 2] ^ table[w1 + 2] ^ table[w2 + 2] ^ table[w3 + 2]
    d ^= table[w0 + 3] ^ table[w1 + 3] ^ table[w2 + 3] ^ table[w3 + 3]
    const x0 = 4096 + ((x >>> 22) & 0x3fc)
    const x1 = 5120 + ((x >>> 14) & 0x3fc)
    const x2 = 6144 + ((x >>> 6) & 0x3fc)
    const x3 = 7168 + ((x << 2) & 0x3fc)
    a ^= table[x0] ^ table[x1] ^ table[x2] ^ table[x3]
    b ^= table[x0 + 1] ^ table[x1 + 1] ^ table[x2 + 1] ^ table[x3 + 1]
    c ^= table[x0 + 2] ^ table[x1 + 2] ^ table[x2 + 2] ^ table[x3 + 2]
    d ^= table[x0 + 3] ^ table[x1 + 3] ^ table[x2 + 3] ^ table[x3 + 3]
    const y0 = 8192 + ((y >>> 22) & 0x3fc)
    const y1 = 9216 + ((y >>> 14) & 0x3fc)
    const y2 = 10240 + ((y >>> 6) & 0x3fc)
    const y3 = 11264 + ((y << 2) & 0x3fc)
    a ^= table[y0] ^ table[y1] ^ table[y2] ^ table[y3]
    b ^= table[y0 + 1] ^ table[y1 + 1] ^ table[y2 + 1] ^ table[y3 + 1]
    c ^= table[y0 + 2] ^ table[y1 + 2] ^ table[y2 + 2] ^ table[y3 + 2]
    d ^= table[y0 + 3] ^ table[y1 + 3] ^ table[y2 + 3] ^ table[y3 + 3]
    const z0 = 12288 + ((z >>> 22) & 0x3fc)
    const z1 = 13312 + ((z >>> 14) & 0x3fc)
    const z2 = 14336 + ((z >>> 6) & 0x3fc)
    const z3 = 15360 + ((z << 2) & 0x3fc)
    a ^= table[z0] ^ table[z1] ^ table[z2] ^ table[z3]
    b ^= table[z0 + 1] ^ table[z1 + 1] ^ table[z2 + 1] ^ table[z3 + 1]
    c ^= table[z0 + 2] ^ table[z1 + 2] ^ table[z2 + 2] ^ table[z3 + 2]
    d ^= table[z0 + 3] ^ table[z1 + 3] ^ table[z2 + 3] ^ table[z3 + 3]
  }
  state[0] = a
  state[1] = b
  state[2] = c
  state[3] = d
}

const wordAt = (octets: Uint8Array, at: number): number =>
  (octets[at] << 24) | (octets[at + 1] << 16) | (octets[at + 2] << 8) | octets[at + 3]

function fillTable(table: Int32Array, key: Uint8Array): void {
  let element = elementOf(key)
  for (let place = 0; place < 16; place++) {
    const base = place << 8
    // The high bit of an octet is the lowest power of x: key · x^(8·place + 0 … 7).
    for (let bit = 0x80; bit > 0; bit >>= 1) {
      table.set(element, (base + bit) << 2)
      element = timesX(element)
    }
    for (let octet = 3; octet < 256; octet++) {
      const low = octet & -octet
      if (low === octet) continue
      for (let word = 0; word < 4; word++) {
        table[((base + octet) << 2) + word] =
          table[((base + low) << 2) + word] ^ table[((base + (octet ^ low)) << 2) + word]
      }
    }
  }
}
