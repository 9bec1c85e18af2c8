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
 * why a drift is an alarm too, and why neither weakens the bound.
 *
 * @module
 */

import type { AlarmBoard } from './alarm-board.ts'
import { sum } from './block-work.ts'
import type { SiftedBlock } from './sifted-block.ts'

/** The error rates of one link's blocks, in their order. */
export class ErrorTrend {
  readonly #board: AlarmBoard
  /** Average over the last blocks; undefined before the first. */
  #usual: number | undefined
  /** The lowest average so far. */
  #best = 1
  #blocks = 0

  constructor(board: AlarmBoard) {
    this.#board = board
  }

  /** Notes the test basis of one block. */
  block({ testErrors, testDetections }: Pick<SiftedBlock, 'testErrors' | 'testDetections'>): void {
    const [errors, detections] = [sum(testErrors), sum(testDetections)]
    if (detections < DETECTIONS_MIN) return
    const rate = errors / detections
    const usual = this.#usual ?? rate
    this.#blocks++
    const chance = SIGMAS * Math.sqrt((Math.max(usual, 1 / detections) * 2) / detections)
    const stepped = this.#blocks > BLOCKS_TO_SETTLE && rate - usual > STEP_LEAST + chance
    this.#board.condition('error-step', stepped, { rate, usual })
    if (stepped) return
    this.#usual = usual + (rate - usual) / AVERAGED_BLOCKS
    if (this.#blocks <= BLOCKS_TO_SETTLE) return
    this.#best = Math.min(this.#best, this.#usual)
    const drifted = this.#usual - this.#best > DRIFT_LEAST + chance / 2
    this.#board.condition('alignment-drift', drifted, { rate: this.#usual, best: this.#best })
  }
}

/** Test detections below which a block says too little. */
const DETECTIONS_MIN = 500
const BLOCKS_TO_SETTLE = 3
const AVERAGED_BLOCKS = 4
/** Standard deviations that chance is allowed, and a step beyond them. */
const SIGMAS = 6
const STEP_LEAST = 0.005
const DRIFT_LEAST = 0.005
