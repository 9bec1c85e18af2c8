/**
 * When the devices of a link are to align themselves anew, and whether that helped.
 *
 * Stands at the receiving end, beside the trend of the error rate. Asks at the start, when the rate
 * has crept up without any mark of an attack, and when the operator says so; then compares the first
 * whole blocks after it with the best that the link has been. What has come back was drift. What
 * has not is an alarm: a device out of order, or somebody who listens to more and more of the pulses
 * so that it looks like drift.
 *
 * Nothing is learned from an alignment that did not help: the best stays the best, so an attack
 * does not become the usual by being aligned at. Nothing here enters a bound either: each block is
 * worth what its own counts say, before an alignment and after it. What remains to whoever feigns
 * drift is the time of a few alignments an hour, and the test light itself: calibration can be
 * steered so that detectors differ (Jain et al., Phys. Rev. Lett. 107, 110501 (2011)), which is for
 * the alarms of balance and arrival times to see; their baselines are not learned anew here.
 *
 * @module
 */

import type { AlarmBoard } from './alarm-board.ts'
import type { ErrorTrend } from './alarms-trend.ts'
import { sum } from './block-work.ts'
import type { AlignmentCause, AlignmentEnd } from './effects.ts'
import type { SiftedBlock } from './sifted-block.ts'

/** What of a closed block is looked at. */
export type TestedBlock = Pick<SiftedBlock, 'testErrors' | 'testDetections' | 'firstBatch'>

export interface AlignmentHost {
  readonly board: AlarmBoard
  readonly trend: ErrorTrend
  /** Above this the error rate has an alarm of its own, and says nothing of a trend. */
  readonly qberMax: number
  /** Monotonic milliseconds. */
  readonly nowMs: () => number
  /** Absent at the end whose device does not align. */
  readonly ask: ((cause: AlignmentCause) => void) | undefined
  readonly ended: (end: AlignmentEnd) => void
}

/** Owner of the alignment of one link. */
export class AlignmentWatch {
  readonly #host: AlignmentHost
  #state: Idle | Asked | Judging = IDLE
  /** Error rate of the test basis in the last block. */
  #latest: number | undefined
  /** Whether the devices have been aligned since this engine was made. */
  #begun = false
  /** When alignments of the last hour were asked for. */
  #recentMs: number[] = []
  /** Events without an end, such as failed tags, as of the last blocks; oldest first. */
  #events: number[] = []

  constructor(host: AlignmentHost) {
    this.#host = host
  }

  /** A session has opened: the first of an engine begins with an alignment. */
  opened(): void {
    if (!this.#begun) this.#ask('start')
  }

  /** A session is over: an answer may be lost, and batches may be numbered anew. */
  closed(): void {
    if (this.#state.kind !== 'idle') this.#end(this.#state, 'cut-short')
  }

  /** The operator asks for it: whatever the signs, and however often. */
  askedFor(): void {
    if (this.#state.kind !== 'asked') this.#ask('operator')
  }

  /** The devices say that they are aligned, before this batch. */
  aligned(firstBatch: number): void {
    if (this.#state.kind !== 'asked') return
    const { cause, before } = this.#state
    this.#begun = true
    if (before === undefined) this.#end(this.#state, 'done')
    else
      this.#state = {
        kind: 'judging',
        cause,
        before,
        firstBatch,
        errors: 0,
        detections: 0,
        blocks: 0,
      }
  }

  /** The devices could not align themselves. */
  refused(): void {
    if (this.#state.kind !== 'asked') return
    this.#begun = true
    this.#end(this.#state, 'refused')
  }

  /** A block of trusted batches has closed. */
  block(block: TestedBlock): void {
    const { board, trend, qberMax } = this.#host
    const [errors, detections] = [sum(block.testErrors), sum(block.testDetections)]
    if (detections === 0) return
    const rate = errors / detections
    this.#latest = rate
    const said = rate <= qberMax ? trend.block({ errors, detections }) : 'unknown'
    this.#events = [...this.#events, board.events].slice(-EVENT_BLOCKS)
    if (this.#state.kind === 'judging') this.#judge(this.#state, block, { errors, detections })
    else if (said === 'drifting' && this.#mayAsk()) this.#ask('drift')
    // What no alignment cured has gone by itself.
    else if (said === 'steady') board.condition('alignment-failed', false)
  }

  #judge(
    judging: Judging,
    { firstBatch = -1 }: TestedBlock,
    test: { readonly errors: number; readonly detections: number },
  ): void {
    // Sifted before, or partly.
    if (firstBatch < judging.firstBatch) return
    const errors = judging.errors + test.errors
    const detections = judging.detections + test.detections
    const blocks = judging.blocks + 1
    if (blocks < BLOCKS_TO_JUDGE) {
      this.#state = { ...judging, errors, detections, blocks }
      return
    }
    const { board, trend } = this.#host
    const after = errors / detections
    const isSound = trend.isAsGoodAsEver(after, detections)
    const best = trend.best ?? after
    board.condition('alignment-failed', !isSound, { before: judging.before, rate: after, best })
    if (isSound) trend.realigned(after)
    this.#end(judging, isSound ? 'sound' : 'failed', after)
  }

  #end(of: Asked | Judging, outcome: AlignmentEnd['outcome'], after?: number): void {
    this.#state = IDLE
    const { cause, before } = of
    this.#host.ended({
      ...{ cause, outcome },
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
    })
  }

  #ask(cause: AlignmentCause): void {
    const { nowMs, ask } = this.#host
    if (ask === undefined) return
    this.#recentMs = [...this.#recent(), nowMs()]
    this.#state = { kind: 'asked', cause, before: this.#latest }
    ask(cause)
  }

  #mayAsk(): boolean {
    const { board } = this.#host
    if (this.#state.kind !== 'idle') return false
    const recent = this.#recent()
    // What an alignment did not cure is tried again, but seldom.
    if (board.isRaised('alignment-failed') && recent.length > 0) return false
    const isQuiet = this.#events.every((count) => count === this.#events[0])
    return isQuiet && !board.marksOfAttack && recent.length < ALIGNMENTS_AN_HOUR_MAX
  }

  #recent(): number[] {
    const oldest = this.#host.nowMs() - HOUR_MS
    return this.#recentMs.filter((atMs) => atMs > oldest)
  }
}

interface Idle {
  readonly kind: 'idle'
}
/** The devices are at it. */
interface Asked {
  readonly kind: 'asked'
  readonly cause: AlignmentCause
  /** Error rate until then; undefined before the first block. */
  readonly before: number | undefined
}
/** Blocks are awaited that were sifted wholly after it. */
interface Judging {
  readonly kind: 'judging'
  readonly cause: AlignmentCause
  readonly before: number
  readonly firstBatch: number
  readonly errors: number
  readonly detections: number
  readonly blocks: number
}
const IDLE: Idle = { kind: 'idle' }

/** Alignments that this end asks for by itself in any hour, at most. */
export const ALIGNMENTS_AN_HOUR_MAX = 6
const HOUR_MS = 3_600_000
/** Blocks after an alignment that tell whether it helped. */
const BLOCKS_TO_JUDGE = 2
/** Counts that must be equal: three blocks have gone by without a failed tag or the like. */
const EVENT_BLOCKS = 4
