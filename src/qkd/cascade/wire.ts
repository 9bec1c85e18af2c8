/**
 * What the two ends of a Cascade run say to each other in one round, packed to the bit.
 *
 * The receiver's question: one octet of flags, the number of new searches (4 octets,
 * little-endian); one bit for each running search (1: the error is in the first half), in the order
 * of the searches; after a pass was opened one bit for each block and frame (1: odd); then each new
 * search as a word, little-endian: where its range is divided (`halving.ts`) in bits 0–15, slot of the
 * pass in 16–19, frame in 20–24. The transmitter's answer: for each running search the parity of the
 * left part, or the block parities of a new pass.
 *
 * @module
 */

/** The parities that come with this question are of blocks of the pass opened before. */
export const FLAG_ODD_BLOCKS = 1
/** The next pass shall be opened: the answer is its block parities. */
export const FLAG_OPEN_PASS = 2
/** Nothing more is asked. */
export const FLAG_DONE = 4

/** Octets before the bits of a question. */
export const QUESTION_HEAD_OCTETS = 5

/** Octets that hold so many bits. */
export const octetsOf = (bits: number): number => (bits + 7) >> 3

/** Appends words of `width` bits each, the low end first. */
export function packWords(
  words: Int32Array,
  width: number,
  into: Uint8Array,
  offset: number,
): void {
  let held = 0
  let heldBits = 0
  let at = offset
  for (const word of words) {
    for (let from = 0; from < width; from += 8) {
      const take = Math.min(8, width - from)
      held |= ((word >>> from) & ((1 << take) - 1)) << heldBits
      heldBits += take
      if (heldBits >= 8) {
        into[at++] = held & 0xff
        held >>>= 8
        heldBits -= 8
      }
    }
  }
  if (heldBits > 0) into[at] = held
}

/** Reads words of `width` bits each, as `packWords` wrote them. */
export function unpackWords(
  from: Uint8Array,
  offset: number,
  count: number,
  width: number,
): Int32Array {
  const words = new Int32Array(count)
  let held = 0
  let heldBits = 0
  let at = offset
  for (let index = 0; index < count; index++) {
    let word = 0
    for (let low = 0; low < width; low += 8) {
      const take = Math.min(8, width - low)
      if (heldBits < take) {
        held |= from[at++] << heldBits
        heldBits += 8
      }
      word |= (held & ((1 << take) - 1)) << low
      held >>>= take
      heldBits -= take
    }
    words[index] = word
  }
  return words
}
