/**
 * How a block is cut for one-way correction, and how many checks of each frame are told.
 *
 * The transmitter decides from the error rate it expects, before anything was compared. Every check
 * is a bit of leakage; too few, and frames have to be corrected by Cascade after all. A frame fails
 * by its number of errors, so checks are told for the rate that a frame exceeds once in 40.
 *
 * @module
 */

import { binaryEntropy } from '../bounds/entropy.ts'
import { DEGREE_MAX, type CodeShape } from './code.ts'

/** How a block is coded; the last frame may be short and is filled up with zeros. */
export interface Coding {
  readonly frames: number
  /** Bits of each frame, a multiple of 32. */
  readonly frameBits: number
  /** Bits of syndrome told for each frame. */
  readonly checks: number
}

/**
 * The coding of a block.
 *
 * @param errorRate   expected
 * @param sample      detections from which that was estimated; 0 if it is a mere guess
 */
export function codingFor(bits: number, errorRate: number, sample = 0): Coding {
  const frames = Math.ceil(bits / LDPC_FRAME_BITS_MAX)
  const frameBits = 32 * Math.ceil(bits / frames / 32)
  const rate = Math.min(Math.max(errorRate, RATE_MIN), RATE_MAX)
  const spread = 1 / frameBits + (sample > 0 ? 1 / sample : 0)
  const exceeded = Math.min(RATE_MAX, rate + DEVIATIONS * Math.sqrt(rate * (1 - rate) * spread))
  return { frames, frameBits, checks: checksFor(frameBits, exceeded) }
}

/** Checks that correct a frame with this share of errors, but for rare ones. */
export function checksFor(frameBits: number, share: number): number {
  const short = SHORT_COST * Math.sqrt(RATE_STEEP / share / frameBits)
  const checks = frameBits * binaryEntropy(share) * (factorAt(share) + short)
  return Math.ceil(Math.min(CHECKS_MOST * frameBits, Math.max(CHECKS_LEAST * frameBits, checks)))
}

/** Whether a coding is one that a transmitter may announce for a block of so many bits. */
export function isCoding({ frames, frameBits, checks }: Coding, bits: number): boolean {
  return (
    frameBits % 32 === 0 &&
    frameBits <= LDPC_FRAME_BITS_MAX &&
    frames * frameBits >= bits &&
    (frames - 1) * frameBits < bits &&
    checks >= Math.floor(CHECKS_LEAST * frameBits) &&
    checks <= Math.ceil(CHECKS_MOST * frameBits)
  )
}

/**
 * The code for such frames; those of much the same length share one. Positions behind the frame's
 * bits are 0 at both ends; checks beyond those told, less than a row, are not used.
 */
export function shapeOf({ frameBits, checks }: Omit<Coding, 'frames'>): CodeShape {
  let lift = LIFT_MAX
  while (lift > LIFT_MIN && frameBits < COLUMNS_MIN * lift) lift /= 2
  const columns = Math.max(COLUMNS_LEAST, Math.ceil(frameBits / lift))
  const rows = Math.max(ROWS_MIN, Math.ceil(checks / lift))
  return { lift, columns: roundUp(columns, COLUMNS_STEP), rows }
}

const roundUp = (value: number, step: number): number => step * Math.ceil(value / step)

/** Checks told to long frames, as a multiple of the least possible. */
function factorAt(share: number): number {
  const above = FACTORS.findIndex(([at]) => share <= at)
  if (above === 0) return FACTORS[0][1]
  if (above < 0) return FACTORS[FACTORS.length - 1][1]
  const [low, high] = [FACTORS[above - 1], FACTORS[above]]
  const part = Math.log(share / low[0]) / Math.log(high[0] / low[0])
  return low[1] + part * (high[1] - low[1])
}

/** Largest frame; a block of 10⁶ bits has eight. */
export const LDPC_FRAME_BITS_MAX = 131_072

/**
 * Checks told over the least possible, by share of errors. Frames of 125,000 bits are decoded with
 * 1.17, 1.15, 1.105, 1.095, 1.11, 1.135; the rest spares half of the iterations.
 */
const FACTORS: readonly (readonly [share: number, factor: number])[] = [
  [0.005, 1.2],
  [0.01, 1.155],
  [0.02, 1.15],
  [0.03, 1.155],
  [0.05, 1.165],
  [0.08, 1.175],
]
/** What short frames cost more. */
const SHORT_COST = 0.15
const RATE_STEEP = 128
const RATE_MIN = 0.0005
const RATE_MAX = 0.12
/** Standard deviations that the number of errors may be above what is expected. */
const DEVIATIONS = 2
/** Fewer would need rows of more edges than a decoder holds. */
const CHECKS_LEAST = 0.056
const CHECKS_MOST = 0.75
const LIFT_MAX = 256
const LIFT_MIN = 32
const COLUMNS_MIN = 200
const COLUMNS_LEAST = 64
const COLUMNS_STEP = 16
const ROWS_MIN = Math.ceil((6.5 * COLUMNS_LEAST) / DEGREE_MAX)
