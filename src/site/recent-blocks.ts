/**
 * The newest blocks of a link with all that is known of each, for whoever asks how a key came about.
 *
 * In memory alone: the history of the link keeps what matters of a block for longer. Holds no key bit.
 *
 * @module
 */

import type { TransmitterObservables } from '#optics'
import type { BlockReport } from '#qkd'

/** A block, and what the device of this end had observed last when it ended. */
export interface RecentBlock {
  readonly report: BlockReport
  readonly observed: TransmitterObservables | undefined
}

export class RecentBlocks {
  /** Oldest first. */
  readonly #blocks: RecentBlock[] = []

  take(report: BlockReport, observed: TransmitterObservables | undefined): void {
    this.#blocks.push({ report, observed })
    if (this.#blocks.length > RECENT_BLOCKS_MAX) this.#blocks.shift()
  }

  /** Undefined before the first. */
  get last(): RecentBlock | undefined {
    return this.#blocks.at(-1)
  }

  /** @param name   epoch and sequence: `3/17` */
  named(name: string): RecentBlock | undefined {
    return this.#blocks.find(({ report }) => nameOf(report) === name)
  }
}

const nameOf = ({ epoch, sequence }: BlockReport): string => `${String(epoch)}/${String(sequence)}`

/** As many as a person scrolls through; some 2 kB each. */
export const RECENT_BLOCKS_MAX = 100
