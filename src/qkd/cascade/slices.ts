/**
 * Bit slicing: up to 32 frames side by side, so that one word operation serves all of them.
 *
 * A strip of frames becomes one array of 32-bit words; word x holds bit x of every frame, frame f
 * in bit f. Parities of the same range of all frames then cost what one frame would cost.
 *
 * @see Warren, Hacker's Delight (2nd ed.), §7-3, for the transposition of a bit matrix
 * @module
 */

import { assert } from '#base'

/** Frames that fit side by side into one word. */
export const STRIP_FRAMES_MAX = 32

/** How a strip lies in the packed words of a block. */
export interface StripShape {
  /** Frames in the strip, 1 to 32. */
  readonly frames: number
  /** Bits of each frame, a multiple of 32. */
  readonly frameBits: number
}

/**
 * Slices the frames that stand one after another in `words`; what lies behind its end counts as 0.
 *
 * @param words   packed bits, bit i in bit (i mod 32) of word ⌊i / 32⌋; not kept
 * @returns       `frameBits` words, owned by the caller
 */
export function sliceFrames(words: Int32Array, { frames, frameBits }: StripShape): Int32Array {
  assert(frames >= 1 && frames <= STRIP_FRAMES_MAX && frameBits % 32 === 0, 'a strip has a shape')
  const frameWords = frameBits / 32
  const sliced = new Int32Array(frameBits)
  const square = new Int32Array(32)
  for (let column = 0; column < frameWords; column++) {
    for (let frame = 0; frame < frames; frame++) {
      const at = frame * frameWords + column
      square[frame] = at < words.length ? words[at] : 0
    }
    transpose(square)
    sliced.set(square, column * 32)
    square.fill(0)
  }
  return sliced
}

/**
 * Undoes `sliceFrames`.
 *
 * @param into   receives the packed bits of the frames, as many words as it has
 */
export function unsliceFrames(
  sliced: Int32Array,
  { frames, frameBits }: StripShape,
  into: Int32Array,
): void {
  const frameWords = frameBits / 32
  const square = new Int32Array(32)
  for (let column = 0; column < frameWords; column++) {
    square.set(sliced.subarray(column * 32, column * 32 + 32))
    transpose(square)
    for (let frame = 0; frame < frames; frame++) {
      const at = frame * frameWords + column
      if (at < into.length) into[at] = square[frame]
    }
  }
}

/** Transposes a matrix of 32 × 32 bits in place: bit j of word i becomes bit i of word j. */
function transpose(square: Int32Array): void {
  let mask = 0x0000ffff
  for (let step = 16; step !== 0; step >>= 1, mask ^= mask << step) {
    for (let row = 0; row < 32; row = (row + step + 1) & ~step) {
      const swap = ((square[row] >>> step) ^ square[row + step]) & mask
      square[row + step] ^= swap
      square[row] ^= swap << step
    }
  }
}
