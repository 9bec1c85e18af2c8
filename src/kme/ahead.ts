/**
 * Keys made before they are asked for: for pairs of SAEs that ask often, so that a request is answered
 * with one commit and no word to the other site.
 *
 * A few seconds of asking show how many a pair takes. Of so many a stretch is reserved and activated
 * at the slave's KME in the background, and made up again when half of it is gone. Whatever is not
 * asked for within a minute is withdrawn at both ends, which costs its bits: so a pair that seldom
 * asks has none made ahead, and all pairs together never more than a small part of a pool.
 *
 * These keys are bound to their master and slaves like any others. Rates, quotas, shares and policies
 * are the caller's, and count when a key is given out, not when it is made.
 *
 * @module
 */

import { noteOf, type Clock, type Log, type SaeId, type SiteId } from '#base'
import { ACTIVATION_KEY_OCTETS_MAX, ACTIVATION_KEYS_MAX } from '#keystore'
import type { DeliveredKey, Keystore, Reservation } from '#keystore'
import type { ActivationAnswer } from './peering.ts'

/** Keys of one size that a master shares with the same slaves at one site. */
export interface Pairing {
  readonly peer: SiteId
  readonly master: SaeId
  readonly slaves: readonly SaeId[]
  readonly sizeBits: number
}

/** What keys made ahead stand on. */
export interface AheadOptions {
  readonly keystore: Pick<Keystore, 'reserve' | 'issueNext' | 'leftOf' | 'abandon' | 'pool'>
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly log: Log
  /** How long keys wait to be fetched, once they are given out. */
  readonly lifeMs: number
  /** Has the peer take keys. @returns undefined once it holds all of them */
  readonly activate: (reservation: Reservation) => Promise<ActivationAnswer | undefined>
  /** Bits that a master may have of a pool in which so many are, by its share. */
  readonly shareBits: (master: SaeId, peer: SiteId, availableBits: number) => number
}

/** The keys made ahead at one KME. */
export class Ahead {
  readonly #options: AheadOptions
  readonly #shelves = new Map<string, Shelf>()
  #closed = false

  constructor(options: AheadOptions) {
    this.#options = options
  }

  /**
   * Takes keys that are there, and sees that more come if they are wanted.
   *
   * @returns undefined if there are not so many: they are to be made for the request then
   * @throws PortRefusal if the store refuses: these keys are given up then
   */
  take(pairing: Pairing, number: number): Promise<readonly DeliveredKey[]> | undefined {
    if (this.#closed || number > NUMBER_MAX) return undefined
    const shelf = this.#shelfOf(pairing)
    if (shelf === undefined) return undefined
    const nowMs = this.#options.clock.monotonicMs()
    shelf.demand = demandAt(shelf, nowMs) + number
    shelf.atMs = nowMs
    void this.#clean(shelf, nowMs)
    const stretches = shelf.stretches.map(({ reservation }) => reservation)
    const issued = this.#options.keystore.issueNext(stretches, number)
    if (this.#left(shelf) <= this.#target(shelf) / 2) this.#fill(shelf)
    return issued
  }

  /** How many keys of a pairing could be taken now. */
  stored(pairing: Pairing): number {
    const shelf = this.#shelves.get(nameOf(pairing))
    return shelf === undefined ? 0 : this.#left(shelf)
  }

  /** Bits of the keys made ahead for a master with the KME of one site. */
  storedBits(master: SaeId, peer: SiteId): number {
    return this.#bits((one) => one.master === master && one.peer === peer)
  }

  /** Gives up what nobody asks for any more. The host calls it about once a second. */
  async tend(): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs()
    for (const [name, shelf] of this.#shelves) {
      await this.#clean(shelf, nowMs)
      const isIdle = shelf.stretches.length === 0 && shelf.filling === undefined
      if (isIdle && demandAt(shelf, nowMs) < DEMAND_LEAST) this.#shelves.delete(name)
    }
  }

  /**
   * Gives up all of them, durably when it resolves; none are made from now on.
   *
   * @returns whose keys they were
   */
  async close(): Promise<ReadonlySet<SiteId>> {
    this.#closed = true
    const peers = new Set<SiteId>()
    for (const shelf of this.#shelves.values()) {
      await shelf.filling
      if (shelf.stretches.length > 0) peers.add(shelf.pairing.peer)
      await this.#drop(shelf, 'no longer served', () => true)
    }
    return peers
  }

  #shelfOf(pairing: Pairing): Shelf | undefined {
    const name = nameOf(pairing)
    const present = this.#shelves.get(name)
    if (present !== undefined || this.#shelves.size >= SHELVES_MAX) return present
    const nothing = { stretches: [], demand: 0, atMs: 0, notBeforeMs: 0, filling: undefined }
    const shelf: Shelf = { pairing, ...nothing }
    this.#shelves.set(name, shelf)
    return shelf
  }

  /** Makes keys until there are as many as are wanted; one stretch after the other. */
  #fill(shelf: Shelf): void {
    const { clock } = this.#options
    if (shelf.filling !== undefined || this.#closed) return
    if (clock.monotonicMs() < shelf.notBeforeMs || this.#wanted(shelf) === 0) return
    shelf.filling = this.#make(shelf)
      .catch((error: unknown) => {
        const { code } = noteOf(error)
        this.#options.log.write('warning', 'kme.none-made-ahead', {
          peer: shelf.pairing.peer,
          code,
        })
        shelf.notBeforeMs = clock.monotonicMs() + PAUSE_MS
      })
      .finally(() => {
        shelf.filling = undefined
      })
  }

  async #make(shelf: Shelf): Promise<void> {
    const { keystore, clock, lifeMs, activate, log } = this.#options
    const { peer } = shelf.pairing
    for (let number = this.#wanted(shelf); number > 0; number = this.#wanted(shelf)) {
      const untilMs = clock.monotonicMs() + SHELF_MS
      const reservation = await keystore.reserve({
        ...{ ...shelf.pairing, number, ahead: true },
        // Counted at the slave's KME from now on: a key that is given out last has its life as well.
        lifeMs: lifeMs + SHELF_MS,
      })
      const answer = await activate(reservation)
      if (answer === undefined && !this.#closed) {
        shelf.stretches = [...shelf.stretches, { reservation, untilMs }]
        continue
      }
      const cause = answer?.kind === 'refused' ? answer.cause : 'no answer'
      await keystore.abandon(reservation, cause)
      if (this.#closed) return
      log.write('warning', 'kme.activation-failed', { peer, cause })
      shelf.notBeforeMs = clock.monotonicMs() + PAUSE_MS
      // What a slave cannot fetch is not to be given to a master.
      if (cause === 'quarantined') await this.#dropAll(peer, cause)
      return
    }
  }

  /** Keys to be made now: all that are missing, as far as one message goes and bits can be spared. */
  #wanted(shelf: Shelf): number {
    const { keystore, shareBits } = this.#options
    const { peer, master, sizeBits } = shelf.pairing
    const pool = keystore.pool(peer)
    // Nobody knows what became of earlier keys there: no more are risked.
    if (this.#closed || pool.pendingVoids > 0) return 0
    const { applicationBits } = pool
    const made = this.#bits((one) => one.peer === peer)
    const spared = Math.floor((applicationBits + made) / SPARED) - made
    const own = this.storedBits(master, peer)
    const bits = Math.min(spared, shareBits(master, peer, applicationBits + own) - own)
    const inMessage = Math.floor((ACTIVATION_KEY_OCTETS_MAX * 8) / sizeBits)
    const number = Math.min(
      Math.floor(bits / sizeBits),
      this.#target(shelf) - this.#left(shelf),
      ...[ACTIVATION_KEYS_MAX, inMessage],
    )
    return number < STRETCH_LEAST ? 0 : number
  }

  /** How many keys there should be: what is likely to be asked for within a second. */
  #target({ demand }: Shelf): number {
    return Math.min(KEYS_MAX, Math.floor((demand * 1000) / DEMAND_MS))
  }

  #left({ stretches }: Shelf): number {
    const { keystore } = this.#options
    return stretches.reduce((sum, { reservation }) => sum + keystore.leftOf(reservation), 0)
  }

  #bits(such: (pairing: Pairing) => boolean): number {
    let bits = 0
    for (const shelf of this.#shelves.values()) {
      if (such(shelf.pairing)) bits += this.#left(shelf) * shelf.pairing.sizeBits
    }
    return bits
  }

  /** Gives up what is too old, or may not be used; forgets what is used up. */
  #clean(shelf: Shelf, nowMs: number): Promise<void> {
    const { keystore } = this.#options
    const isOver = ({ reservation, untilMs }: Stretch): boolean =>
      untilMs <= nowMs || keystore.leftOf(reservation) === 0
    return this.#drop(shelf, 'not asked for', isOver)
  }

  async #dropAll(peer: SiteId, cause: string): Promise<void> {
    for (const shelf of this.#shelves.values()) {
      if (shelf.pairing.peer === peer) await this.#drop(shelf, cause, () => true)
    }
  }

  /** Off the shelf at once, given up durably when it resolves. Of what is used up nothing is left. */
  async #drop(shelf: Shelf, cause: string, such: (stretch: Stretch) => boolean): Promise<void> {
    const over = shelf.stretches.filter(such)
    if (over.length === 0) return
    shelf.stretches = shelf.stretches.filter((stretch) => !over.includes(stretch))
    for (const { reservation } of over) await this.#options.keystore.abandon(reservation, cause)
  }
}

/** Keys of one pairing, and how many were asked for. */
interface Shelf {
  readonly pairing: Pairing
  stretches: readonly Stretch[]
  /** Keys asked for, fewer the longer ago, as of `atMs`. */
  demand: number
  atMs: number
  /** No more are made before this, by the monotonic clock. */
  notBeforeMs: number
  filling: Promise<void> | undefined
}

/** Keys that the peer holds. */
interface Stretch {
  readonly reservation: Reservation
  /** By the monotonic clock. */
  readonly untilMs: number
}

const demandAt = ({ demand, atMs }: Shelf, nowMs: number): number =>
  demand * Math.exp(-(nowMs - atMs) / DEMAND_MS)

const nameOf = ({ peer, master, slaves, sizeBits }: Pairing): string =>
  [peer, sizeBits, master, ...slaves].join(' ')

/** What was asked for counts so long; then it has mostly worn off. */
const DEMAND_MS = 2000
/** Below it a pairing is forgotten. */
const DEMAND_LEAST = 0.5
/** Keys of one request that are taken from those made ahead: many are cheap to make at once. */
const NUMBER_MAX = 16
/** Keys made ahead for one pairing. */
const KEYS_MAX = 1024
/** Fewer are not worth their message: whoever asks for fewer in a second has none made ahead. */
const STRETCH_LEAST = 16
/** All keys made ahead with a peer are at most such a part of what applications may have. */
const SPARED = 8
/** How long they wait to be asked for. */
const SHELF_MS = 60_000
/** How long a peer that did not take keys is left alone. */
const PAUSE_MS = 2000
/** Pairings that are counted at once. */
const SHELVES_MAX = 1024
