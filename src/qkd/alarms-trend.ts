/**
 * Tells slow drift of the error rate from a step, block by block.
 *
 * Devices drift: fibres warm up, polarisation turns, the error rate creeps up over many blocks, and
 * wants a new alignment. Somebody who begins to listen to a part of the pulses makes a step from one
 * block to the next. The bound takes account of both; the trend says which it is.
 *
 * A step is judged against the recent average and the chance of so few test detections; the average
 * does not follow it, so it stands until the rate comes back. A drift is judged against the best
 * average since the link ran well. Whoever raises his share slowly enough looks like drift: that is
 * why a drift is an alarm too, and why neither weakens the bound. Aligning the devices tells the two
 * apart (`alignment.ts`).
 *
 * @module
 */

import type { AlarmBoard } from './alarm-board.ts'

/** What a block says of the error rate; `unknown` where it says too little. */
export type TrendWord = 'unknown' | 'steady' | 'drifting' | 'stepped'

/** The error rates of one link's blocks, in their order. */
export class ErrorTrend {
  readonly #board: AlarmBoard
  /** Average over the last blocks; undefined before the first. */
  #usual: number | undefined
  /** The lowest average so far. */
  #best: number | undefined
  #blocks = 0

  constructor(board: AlarmBoard) {
    this.#board = board
  }

  /** The lowest average so far; undefined while too few blocks are known. */
  get best(): number | undefined {
    return this.#best
  }

  /** Notes the test basis of one block. */
  block({ errors, detections }: TestCounts): TrendWord {
    if (detections < DETECTIONS_MIN) return 'unknown'
    const rate = errors / detections
    const usual = this.#usual ?? rate
    this.#blocks++
    const chance = chanceOf(usual, detections)
    const stepped = this.#blocks > BLOCKS_TO_SETTLE && rate - usual > STEP_LEAST + chance
    this.#board.condition('error-step', stepped, { rate, usual })
    if (stepped) return 'stepped'
    this.#usual = usual + (rate - usual) / AVERAGED_BLOCKS
    if (this.#blocks <= BLOCKS_TO_SETTLE) return 'unknown'
    this.#best = Math.min(this.#best ?? 1, this.#usual)
    const drifted = this.#usual - this.#best > DRIFT_LEAST + chance / 2
    this.#board.condition('alignment-drift', drifted, { rate: this.#usual, best: this.#best })
    return drifted ? 'drifting' : 'steady'
  }

  /** Whether a rate over so many test detections is what the link has been at its best. */
  isAsGoodAsEver(rate: number, detections: number): boolean {
    const best = this.#best
    if (best === undefined) return true
    return rate - best <= DRIFT_LEAST + chanceOf(best, Math.max(1, detections))
  }

  /** The devices have been aligned, and the rate is this since: a drift has ended. */
  realigned(rate: number): void {
    this.#usual = rate
    this.#best = Math.min(this.#best ?? 1, rate)
    this.#board.condition('alignment-drift', false)
  }
}

/** Errors and detections of the test basis, of all intensities. */
interface TestCounts {
  readonly errors: number
  readonly detections: number
}

/** By how much chance may move the rate of so many detections. */
const chanceOf = (usual: number, detections: number): number =>
  SIGMAS * Math.sqrt((Math.max(usual, 1 / detections) * 2) / detections)

/** Test detections below which a block says too little. */
const DETECTIONS_MIN = 500
const BLOCKS_TO_SETTLE = 3
const AVERAGED_BLOCKS = 4
/** Standard deviations that chance is allowed, and a step beyond them. */
const SIGMAS = 6
const STEP_LEAST = 0.005
const DRIFT_LEAST = 0.005
