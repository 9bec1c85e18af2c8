/**
 * The transmitter's memory: choices of the latest batches, each given out once.
 *
 * @module
 */

import type { TransmitterChoices } from './device.ts'
import type { RandomWords } from './random-words.ts'
import { choicesIn, forgetChoices, type ChoiceRecord } from './record.ts'
import { OpticsRefusal } from './refusal.ts'

/** Owner of choice records. Overwrites each when it is answered, too old, or dropped. */
export class ChoiceMemory {
  readonly #batchesMax: number
  readonly #words: RandomWords
  /** By batch, oldest first. Undefined once answered: asked again, it is refused as repeated. */
  readonly #records = new Map<number, ChoiceRecord | undefined>()
  /** Batches up to this one have been made. */
  #newest = -1

  constructor(batchesMax: number, words: RandomWords) {
    this.#batchesMax = batchesMax
    this.#words = words
  }

  /** Batches whose choices are held. */
  get held(): number {
    return [...this.#records.values()].filter((record) => record !== undefined).length
  }

  /** Takes ownership of a record, and forgets the oldest beyond the limit. */
  remember(record: ChoiceRecord): void {
    this.#records.set(record.batch, record)
    this.#newest = record.batch
    for (const batch of this.#records.keys()) {
      if (this.#records.size <= this.#batchesMax) return
      this.#forget(batch)
    }
  }

  /** Notes that batches up to this one have been made, remembered or not. */
  pass(batch: number): void {
    this.#newest = batch
  }

  /**
   * The choices of one batch at these slots. A refused question changes nothing.
   *
   * @throws OpticsRefusal OPTICS_BATCH_UNKNOWN, OPTICS_BATCH_FORGOTTEN, OPTICS_BATCH_REPEATED or
   *         OPTICS_SLOTS_INVALID
   */
  answer(batch: number, slots: Uint32Array): TransmitterChoices {
    const record = this.#records.get(batch)
    if (record === undefined) throw this.#absence(batch)
    const choices = choicesIn(record, slots, this.#words)
    forgetChoices(record)
    this.#records.set(batch, undefined)
    return { batch, choices, observables: record.observables }
  }

  /** Overwrites and forgets everything. */
  clear(): void {
    for (const batch of this.#records.keys()) this.#forget(batch)
  }

  #forget(batch: number): void {
    const record = this.#records.get(batch)
    if (record !== undefined) forgetChoices(record)
    this.#records.delete(batch)
  }

  #absence(batch: number): OpticsRefusal {
    const facts = { batch }
    if (this.#records.has(batch)) {
      const message = 'The choices of this batch were given out already'
      return new OpticsRefusal('OPTICS_BATCH_REPEATED', message, { facts })
    }
    if (Number.isInteger(batch) && batch >= 0 && batch <= this.#newest) {
      const message = 'The choices of this batch are no longer remembered'
      return new OpticsRefusal('OPTICS_BATCH_FORGOTTEN', message, { facts })
    }
    return new OpticsRefusal('OPTICS_BATCH_UNKNOWN', 'There is no such batch', { facts })
  }
}
