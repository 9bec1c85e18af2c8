/**
 * Holder keys at work: what is derived from a holder's key, lent to those who use it and cleared when
 * the last is done; and those that stay for a while, because the same charts are read again.
 *
 * A key that stays is lent only against the holder's row as it is now: whoever asks has read the row,
 * and what was opened from another row, or from one that is gone, is not lent. So an erased or
 * rotated key acts at once, in every process. Memory that holds these keys holds the site key too,
 * which opens all of them.
 *
 * @module
 */

import { assert, hex, type Clock, type Row, type SecretBytes, type SiteId, type Uuid } from '#base'
import { WrappingKey, type WrapCounter } from '#envelope'
import { ChartKey } from './chart-key.ts'
import { chartKeyOf, traceKeyOf, type Holder } from './keys.ts'
import { numberOf, octetsOf } from './rows.ts'
import { TrailKey } from './trail-key.ts'

/** Keys derived from one holder's, and how many use them. */
class Derived {
  /** Wraps and opens the data keys of the holder's versions. */
  readonly wrapping: WrappingKey
  /** Seals and opens the index of the holder's resources. */
  readonly chart: ChartKey
  /** Seals and tags what the log keeps about the holder. */
  readonly trail: TrailKey
  #users = 0

  constructor(site: SiteId, { id }: Holder, key: SecretBytes, counter: WrapCounter | undefined) {
    this.wrapping = new WrappingKey({ id, key, ...(counter && { counter }) })
    this.chart = new ChartKey(site, id, chartKeyOf(key))
    this.trail = new TrailKey(site, traceKeyOf(key))
  }

  take(): this {
    this.#users++
    return this
  }

  giveBack(): void {
    if (--this.#users > 0) return
    this.wrapping[Symbol.dispose]()
    this.chart[Symbol.dispose]()
    this.trail[Symbol.dispose]()
  }
}

/** A holder with its key at work. Whoever got it disposes it. */
export class HolderKey implements Disposable {
  readonly holder: Holder
  #derived: Derived | undefined

  /** Used by `newHolderKey` and `KeptKeys`. */
  constructor(holder: Holder, derived: Derived) {
    this.holder = holder
    this.#derived = derived.take()
  }

  get wrapping(): WrappingKey {
    return this.#live.wrapping
  }

  get chart(): ChartKey {
    return this.#live.chart
  }

  get trail(): TrailKey {
    return this.#live.trail
  }

  get #live(): Derived {
    assert(this.#derived !== undefined, 'a holder key is not used after its disposal')
    return this.#derived
  }

  [Symbol.dispose](): void {
    this.#derived?.giveBack()
    this.#derived = undefined
  }
}

/**
 * The key of a new holder.
 *
 * @param key   not kept, stays with its owner
 */
export const newHolderKey = (
  { site, ...holder }: Holder & { readonly site: SiteId },
  key: SecretBytes,
  counter?: WrapCounter,
): HolderKey => new HolderKey(holder, new Derived(site, holder, key, counter))

interface Kept {
  /** The holder's row from which it was opened. */
  readonly row: string
  readonly holder: Holder
  readonly derived: Derived
  readonly until: number
}

/** Keys that stay for a while. Owns them; those that are lent are cleared when they come back. */
export class KeptKeys implements Disposable {
  readonly #site: SiteId
  readonly #clock: Clock
  /** Oldest first; at most `KEPT_MAX`. */
  readonly #kept = new Map<Uuid, Kept>()

  constructor({ site, clock }: { readonly site: SiteId; readonly clock: Clock }) {
    this.#site = site
    this.#clock = clock
  }

  /**
   * The key of the holder with this row as it is now.
   *
   * @param counter   left out where the key only opens
   * @param open      how the row is opened, unless it is known what it holds
   */
  lend(id: Uuid, row: Row, { counter, open }: KeySource): HolderKey {
    const kept = this.#kept.get(id)
    const spelled = spelling(row)
    const now = this.#clock.monotonicMs()
    const fits = counter === undefined || kept?.derived.wrapping.counter === counter
    if (kept !== undefined && kept.row === spelled && fits && now < kept.until) {
      return new HolderKey(kept.holder, kept.derived)
    }
    this.forget(id)
    const opened = open()
    using key = opened.key
    const { holder } = opened
    const derived = new Derived(this.#site, holder, key, counter).take()
    this.#kept.set(id, { row: spelled, holder, derived, until: now + KEPT_MS })
    for (const [oldest, { until }] of this.#kept) {
      if (this.#kept.size <= KEPT_MAX && now < until) break
      this.forget(oldest)
    }
    return new HolderKey(holder, derived)
  }

  /** Keeps a key no longer. */
  forget(id: Uuid): void {
    this.#kept.get(id)?.derived.giveBack()
    this.#kept.delete(id)
  }

  /** Keeps none of them any longer. */
  [Symbol.dispose](): void {
    for (const id of [...this.#kept.keys()]) this.forget(id)
  }
}

/** Where a key comes from that is not at hand. */
interface KeySource {
  readonly counter: WrapCounter | undefined
  /** The holder of the row, and its key, which is the caller's. @throws VaultRefusal */
  readonly open: () => { readonly holder: Holder; readonly key: SecretBytes }
}

/** Everything in a holder's row. */
const spelling = (row: Row): string =>
  [
    hex(octetsOf(row, 'wrapped')),
    ...[numberOf(row, 'kek'), numberOf(row, 'kind'), numberOf(row, 'made_at')],
    String(row['origin']),
  ].join(' ')

/** Holders whose keys stay, some two kilobytes each. */
const KEPT_MAX = 4096
/** How long a key stays after it was opened. */
const KEPT_MS = 5 * 60_000
