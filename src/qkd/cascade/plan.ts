/**
 * The plan of a Cascade run: how a block is cut into frames, and the block sizes of each pass.
 *
 * The receiver decides it from the error rate it expects and announces it; a plan that fits the
 * errors badly costs leakage, never secrecy.
 *
 * @module
 */

import { assert } from '#base'
import { FRAME_BITS_MAX } from './permutation.ts'
import { STRIP_FRAMES_MAX } from './slices.ts'

/** How a block of sifted bits is cut; the last frame may be short and is filled up with zeros. */
export interface Cut {
  readonly frames: number
  /** Bits of each frame, a multiple of 32. */
  readonly frameBits: number
}

/** Block sizes in bits, pass by pass, all at least 2 and none above the frame. */
export interface Plan {
  readonly blockBits: readonly number[]
  /** Passes whose parities stay known; each later pass takes the place of the one before. */
  readonly keptPasses: number
}

/**
 * Cuts `bits` into as few frames of at most `frameBits` as leave little of the last one empty.
 *
 * Sizes come from a coarse grid, so that blocks of slightly different length share their orders.
 */
export function cutInto(bits: number, frameBits: number): Cut {
  assert(bits >= 1 && frameBits >= 32 && frameBits <= FRAME_BITS_MAX, 'a cut has bits')
  assert(frameBits % 32 === 0, 'a frame has whole words')
  if (bits <= frameBits) return { frames: 1, frameBits: Math.ceil(bits / 32) * 32 }
  const grid = Math.max(32, (frameBits >> 5) & ~31)
  let best: Cut | undefined
  let bestFill = Infinity
  for (let size = frameBits; size >= (frameBits * 7) / 8; size -= grid) {
    const frames = Math.ceil(bits / size)
    const fill = frames * size - bits
    if (fill < bestFill) [best, bestFill] = [{ frames, frameBits: size }, fill]
  }
  assert(best !== undefined, 'at least one size was tried')
  return best
}

/** Strips of a cut, each of up to 32 frames that are worked on side by side. */
export const stripsOf = ({ frames }: Cut): number => Math.ceil(frames / STRIP_FRAMES_MAX)

/**
 * What a plan is for. `least-leak` reveals 1.035 to 1.05 times the least possible (QBER 1 to 6 %)
 * in 200 to 500 rounds; `few-rounds` 1.045 to 1.075 times, in some 150, for channels with a long
 * way to go.
 */
export type PlanAim = 'least-leak' | 'few-rounds'

/**
 * The plan for frames of this size at this rate of errors.
 *
 * Blocks are powers of two: a range of 2^k places is halved k times without loss, where any other
 * size costs up to 0.086 bits a search. The fewer errors a block of pass 1 holds, the larger may
 * pass 2 be. Larger blocks leak less, but one correction then upsets more of them, and rounds add
 * up. Then follow one pass over sixteenths and single parities of random halves: each finds a frame
 * that still has errors with probability 1/2.
 */
export function planFor(frameBits: number, errorRate: number, aim: PlanAim = 'least-leak'): Plan {
  const rate = Math.min(Math.max(errorRate, RATE_MIN), RATE_MAX)
  const { errorsMax, growth } = AIMS[aim]
  let first = 2
  while (first * 2 * rate <= errorsMax) first *= 2
  const factor = growth.find((step) => first * rate <= step.errorsMax)?.factor ?? 2
  const half = Math.max(2, Math.ceil(frameBits / 2))
  const kept = [first, first * factor, Math.max(frameBits / 16, first * factor)]
  const blockBits = [...kept.map((bits) => Math.min(Math.ceil(bits), half)), ...lateHalves(half)]
  return { blockBits, keptPasses: kept.length }
}

const lateHalves = (half: number): number[] => Array.from({ length: LATE_PASSES }, () => half)

const RATE_MIN = 1e-4
const RATE_MAX = 0.25
/**
 * Errors that a block of pass 1 holds at most on average, and how much larger pass 2 is. Measured.
 */
const AIMS = {
  'least-leak': {
    errorsMax: 1.4,
    growth: [
      { errorsMax: 0.75, factor: 8 },
      { errorsMax: 1.1, factor: 4 },
    ],
  },
  'few-rounds': { errorsMax: 1, growth: [{ errorsMax: 0.7, factor: 4 }] },
} as const
/** Parities of halves: 10 leave an error in at most one frame of some ten thousand. */
const LATE_PASSES = 10
