/**
 * What one end has counted since its engine was made.
 *
 * @module
 */

import {
  addAccounts,
  EMPTY_ACCOUNT,
  type BitAccount,
  type BlockReport,
  type DiscardCause,
  type LinkStatus,
} from './report.ts'

/** Running totals. */
export class Totals {
  /** Error rates of the latest block that gave a key. */
  latest: { readonly key: number; readonly test: number } | undefined
  #account: BitAccount = EMPTY_ACCOUNT
  #batches = 0
  #dropped = 0
  #detections = 0
  #distilled = 0
  readonly #discarded: Partial<Record<DiscardCause, number>> = {}
  #late = 0
  #epsilon = 0
  #testErrorRate: number | undefined
  #keyErrorRate: number | undefined
  #efficiency: number | undefined

  /** A batch was taken in, or dropped because the engine was busy. */
  batch(detections: number, taken: boolean): void {
    if (taken) this.#batches++
    else this.#dropped++
    if (taken) this.#detections += detections
  }

  /** A message came for a block that had ended here. */
  late(): void {
    this.#late++
  }

  /** The fate of a block is known. */
  block(report: BlockReport): void {
    const { cause, epsilons, testErrorRate, keyErrorRate } = report
    this.#account = addAccounts(this.#account, report.account)
    this.#testErrorRate = testErrorRate
    this.#keyErrorRate = keyErrorRate ?? this.#keyErrorRate
    this.#efficiency = report.efficiency ?? this.#efficiency
    if (cause !== undefined) {
      this.#discarded[cause] = (this.#discarded[cause] ?? 0) + 1
      return
    }
    this.#distilled++
    this.#epsilon += epsilons.secrecy + epsilons.correctness + epsilons.authentication
    if (keyErrorRate !== undefined) this.latest = { key: keyErrorRate, test: testErrorRate }
  }

  status(): Omit<
    LinkStatus,
    'role' | 'state' | 'epoch' | 'busy' | 'blocksInFlight' | 'siftingBits' | 'padsLeft' | 'observed'
  > {
    return {
      batches: this.#batches,
      batchesDropped: this.#dropped,
      detections: this.#detections,
      blocksDistilled: this.#distilled,
      blocksDiscarded: { ...this.#discarded },
      messagesLate: this.#late,
      account: this.#account,
      epsilonSpent: this.#epsilon,
      testErrorRate: this.#testErrorRate,
      keyErrorRate: this.#keyErrorRate,
      efficiency: this.#efficiency,
    }
  }
}
