/**
 * Keys made of borrowed bits: what a daemon that follows gives out by itself, from lots of the one
 * that leads.
 *
 * The steps are those of a key store, reserved, activated at the peer, issued, each durable before
 * the next, and each asks in its own commit whether the lot is still borrowed (`lots.ts`). The octets
 * of a lot are in this memory only, never on a disk of this daemon; each is cleared once it was given
 * out. Whatever goes wrong gives up more bits than needed, never fewer.
 *
 * @module
 */

import {
  newUuid,
  keyId,
  SecretBytes,
  type Clock,
  type RandomSource,
  type SiteId,
  type Store,
  type Uuid,
} from '#base'
import { sha256 } from '#crypto'
import type { ReserveRequest } from './allocation.ts'
import type { LentLot } from './lots.ts'
import { insertLotPart, issueLotPart, useLot } from './lot-rows.ts'
import type { DeliveredKey } from './parts.ts'
import { originDigest } from './provenance.ts'
import type { KeyAudit } from './room.ts'
import { activationOctets } from './wire.ts'

/** The way to the daemon that lends. */
export interface Lender {
  /** A lot, if one is to be had now. */
  borrow(peer: SiteId, octets: number): Promise<LentLot | undefined>
  /** Has what is left of lots, and single reservations, withdrawn for good. */
  giveBack(what: {
    readonly lots: readonly Uuid[]
    readonly reservations: readonly Uuid[]
  }): Promise<void>
}

/** What borrowed keys stand on. */
export interface BorrowedInput {
  readonly site: SiteId
  readonly store: Store
  readonly clock: Clock
  readonly random: RandomSource
  readonly audit: KeyAudit
  /** Random name of this start of the daemon, under which it borrows. */
  readonly holder: string
  readonly lender: Lender
}

/** Borrowed bits on their way to become keys. To be issued or abandoned, once. */
export interface BorrowedReservation {
  readonly id: Uuid
  readonly peer: SiteId
  /** For the peer, to be acknowledged before `issue`. */
  readonly message: Uint8Array
  readonly keys: readonly DeliveredKey[]
  readonly lot: Borrowed
}

interface Borrowed extends LentLot {
  /** Octets that were taken, from the first on. */
  used: number
  /** Reservations of it that are neither issued nor abandoned. */
  open: number
}

/** The lots that a daemon has borrowed. Owns their octets. */
export class BorrowedKeys {
  readonly #input: BorrowedInput
  readonly #stocks = new Map<SiteId, Borrowed[]>()
  readonly #borrowing = new Map<SiteId, Promise<void>>()
  /** No lot is asked for before this, by the monotonic clock. */
  readonly #askAfterMs = new Map<SiteId, number>()
  /** What the lender has not heard of yet. */
  readonly #back = { lots: new Set<Uuid>(), reservations: new Set<Uuid>() }
  #closed = false

  constructor(input: BorrowedInput) {
    this.#input = input
  }

  /** Asks for a lot if few octets are left here besides so many. Does not wait for it. */
  prepare(peer: SiteId, octets: number): void {
    const stock = this.#stocks.get(peer) ?? []
    const left = stock.reduce((sum, one) => sum + one.range.octets - one.used, 0)
    if (left - octets < LOT_OCTETS / 2) this.#borrow(peer)
  }

  /**
   * Takes bits for keys, durably.
   *
   * @returns undefined if there are not enough here now: the daemon that leads may have them
   * @throws PortRefusal if the store refuses, or the lot was revoked: it is given up then
   */
  async reserve(request: Omit<ReserveRequest, 'use'>): Promise<BorrowedReservation | undefined> {
    const { peer, sizeBits, number } = request
    const octets = (sizeBits / 8) * number
    const stock = this.#stocks.get(peer) ?? []
    const lot = stock.find((one) => one.range.octets - one.used >= octets)
    return lot === undefined ? undefined : this.#take(lot, octets, request)
  }

  /** Makes keys final: durable when it resolves. @throws PortRefusal: the keys are given up then */
  async issue(reservation: BorrowedReservation): Promise<readonly DeliveredKey[]> {
    const { id, peer, keys, lot } = reservation
    const { site, store, clock, audit, holder } = this.#input
    const facts = { peer, keyIds: keys.map((key) => key.keyId) }
    const leaf = audit.append({ kind: 'key.issued', at: clock.now(), actor: peer, facts })
    try {
      await store.commit([issueLotPart(site, { id, lot: lot.lot, holder }), leaf])
      this.#end(lot)
      return keys
    } catch (error) {
      this.abandon(reservation)
      throw error
    }
  }

  /** Gives up reserved keys for good. The lender hears of it, now or later. */
  abandon({ id, keys, lot }: BorrowedReservation): void {
    for (const { octets } of keys) octets[Symbol.dispose]()
    this.#back.reservations.add(id)
    this.#end(lot)
  }

  /** Gives up the lot of a reservation, with all that is reserved of it: the peer has no use for it. */
  giveUpLot({ peer, lot }: BorrowedReservation): void {
    this.#drop(peer, lot)
    this.#back.lots.add(lot.lot)
  }

  /** Tells the lender what it has not heard of. The host calls it about once a second. */
  async tend(): Promise<void> {
    const lots = [...this.#back.lots]
    const reservations = [...this.#back.reservations].slice(0, GIVEN_BACK_MAX)
    if (lots.length + reservations.length === 0) return
    await this.#input.lender.giveBack({ lots, reservations })
    for (const id of lots) this.#back.lots.delete(id)
    for (const id of reservations) this.#back.reservations.delete(id)
  }

  /** Gives everything back and clears it. To be called once no request is under way. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#borrowing.values())
    for (const [peer, stock] of this.#stocks) {
      for (const lot of stock) {
        this.#drop(peer, lot)
        this.#back.lots.add(lot.lot)
      }
    }
    await this.tend()
  }

  /** Claims octets of a lot. Claim and commit in one turn. */
  async #take(
    lot: Borrowed,
    octets: number,
    request: Omit<ReserveRequest, 'use'>,
  ): Promise<BorrowedReservation> {
    const { site, store, clock, random, audit, holder } = this.#input
    const { peer, master, slaves, sizeBits, number, lifeMs } = request
    const from = lot.used
    lot.used += octets
    lot.open++
    const keys = this.#cut(lot, from, { site, peer, number, keyOctets: sizeBits / 8 })
    if (lot.used === lot.range.octets) this.#drop(peer, lot)
    const id = newUuid(random)
    const keyIds = keys.map((key) => key.keyId)
    const { epoch, sequence } = lot.range
    const message = activationOctets({
      ...{ id, link: lot.link, keyIds, keyOctets: sizeBits / 8, master, slaves, lifeMs },
      ranges: [{ epoch, sequence, from: lot.range.from + from, octets }],
      origins: sha256(originDigest(lot.origin)),
    })
    const facts = { peer, slaves, sizeBits, keyIds, links: [lot.link] }
    try {
      await store.commit([
        useLot(site, { lot: lot.lot, holder, from, to: lot.used }),
        insertLotPart(site, { id, lot: lot.lot, message }),
        audit.append({ kind: 'key.reserved', at: clock.now(), actor: master, facts }),
      ])
    } catch (error) {
      for (const key of keys) key.octets[Symbol.dispose]()
      this.#drop(peer, lot)
      this.#back.lots.add(lot.lot)
      throw error
    }
    return { id, peer, message, keys, lot }
  }

  /** Cuts keys out of a lot and clears them there. */
  #cut(
    lot: Borrowed,
    from: number,
    about: { site: SiteId; peer: SiteId; number: number; keyOctets: number },
  ): readonly DeliveredKey[] {
    const { site, peer, number, keyOctets } = about
    const { epoch, sequence } = lot.range
    return Array.from({ length: number }, (_, at) => {
      const start = from + at * keyOctets
      const own = lot.material.reveal().subarray(start, start + keyOctets)
      const octets = SecretBytes.copyOf(own)
      own.fill(0)
      const place = { link: lot.link, epoch, sequence, offset: lot.range.from + start }
      const part = { ...lot.origin, ...place, octets: keyOctets, from: site, to: peer }
      return { keyId: keyId(newUuid(this.#input.random)), octets, provenance: { parts: [part] } }
    })
  }

  /** Asks for a lot, one at a time, and not again at once if there was none. */
  #borrow(peer: SiteId): void {
    const { clock, lender } = this.#input
    if (this.#closed || this.#borrowing.has(peer)) return
    if (clock.monotonicMs() < (this.#askAfterMs.get(peer) ?? 0)) return
    const borrowing = lender
      .borrow(peer, LOT_OCTETS)
      .then((lot) => {
        if (lot === undefined) this.#askAfterMs.set(peer, clock.monotonicMs() + REFUSED_MS)
        else
          this.#stocks.set(peer, [...(this.#stocks.get(peer) ?? []), { ...lot, used: 0, open: 0 }])
      })
      .catch(() => void this.#askAfterMs.set(peer, clock.monotonicMs() + REFUSED_MS))
      .finally(() => this.#borrowing.delete(peer))
    this.#borrowing.set(peer, borrowing)
  }

  /** A reservation is over; so is its lot, if it was the last of one that is used up. */
  #end(lot: Borrowed): void {
    lot.open--
    if (lot.open === 0 && lot.used === lot.range.octets) this.#back.lots.add(lot.lot)
  }

  /** Clears a lot of which nothing is to be given out any more. */
  #drop(peer: SiteId, lot: Borrowed): void {
    lot.material[Symbol.dispose]()
    const stock = this.#stocks.get(peer) ?? []
    this.#stocks.set(
      peer,
      stock.filter((one) => one !== lot),
    )
  }
}

/** Octets of a lot: 2,048 keys of 256 bits. What is not used of it when a daemon dies is lost. */
const LOT_OCTETS = 65_536
/** How long the lender is left alone after it had nothing to lend. */
const REFUSED_MS = 1000
const GIVEN_BACK_MAX = 1024
