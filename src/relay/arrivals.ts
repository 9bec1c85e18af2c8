/**
 * Shares that have come to their end, until all of their block are there.
 *
 * In memory only: a share that a crash loses is lost with its block. Holds so many blocks at most;
 * more push out the oldest, so that a neighbour who begins and never ends takes up little room.
 *
 * @module
 */

import type { Share } from './forward.ts'
import type { ShareStory } from './messages.ts'
import { RelayRefusal } from './refusal.ts'
import type { RelayedBlock } from './wrap.ts'

/** A share that has come, still wrapped. */
export interface Arrived {
  readonly octets: Uint8Array
  readonly story: ShareStory
}

interface Waiting {
  readonly block: RelayedBlock
  readonly shares: Map<number, Arrived>
}

export class Arrivals implements Disposable {
  /** Oldest first. */
  readonly #waiting = new Map<string, Waiting>()

  /**
   * Keeps a copy of a share. One that is there already stays: a second under its name is refused.
   *
   * @throws RelayRefusal `RELAY_MESSAGE_INVALID`
   */
  add({ block, index, way, trail }: Share, octets: Uint8Array): void {
    const name = nameOf(block)
    const found = this.#waiting.get(name) ?? { block, shares: new Map<number, Arrived>() }
    if (found.shares.has(index) || found.block.shares !== block.shares) {
      throw new RelayRefusal('RELAY_MESSAGE_INVALID', 'This share of the block has come before')
    }
    found.shares.set(index, { octets: octets.slice(), story: { way, trail } })
    this.#waiting.set(name, found)
    for (const oldest of this.#waiting.keys()) {
      if (this.#waiting.size <= WAITING_MAX) break
      this.#forget(oldest)
    }
  }

  /**
   * All shares of a block, in their order; the caller's to clear.
   *
   * @throws RelayRefusal `RELAY_SHARES_MISSING`
   */
  take(block: RelayedBlock): readonly Arrived[] {
    const name = nameOf(block)
    const shares = this.#waiting.get(name)?.shares
    const all = Array.from({ length: block.shares }, (_, index) => shares?.get(index))
    const found = all.filter((one) => one !== undefined)
    if (found.length < all.length) {
      const message = `Of ${all.length} shares ${found.length} are here`
      throw new RelayRefusal('RELAY_SHARES_MISSING', message)
    }
    this.#waiting.delete(name)
    return found
  }

  [Symbol.dispose](): void {
    for (const name of [...this.#waiting.keys()]) this.#forget(name)
  }

  #forget(name: string): void {
    for (const { octets } of this.#waiting.get(name)?.shares.values() ?? []) octets.fill(0)
    this.#waiting.delete(name)
  }
}

const nameOf = ({ link, session, epoch, sequence }: RelayedBlock): string =>
  `${link} ${session} ${String(epoch)}/${String(sequence)}`

/** Blocks of which shares may wait: of 64 KiB and eight shares, 32 MiB. */
const WAITING_MAX = 64
