/**
 * The receiving end of transfers.
 *
 * An offer opens a transfer; parts of items are kept durably as they come; a commit verifies all of
 * it and puts items, receipt and log entry into the vault's store in one transaction. So a transfer
 * is here whole or not at all, and once: repeating any message changes nothing and gets the same
 * answer. After a crash the sender offers anew, and only what is missing travels again.
 *
 * What a peer has begun and not ended takes up room here. So each may have only so much of it, the
 * newest of which counts, and what was not offered again for a day is forgotten.
 *
 * @module
 */

import {
  concat,
  DAY_MS,
  epochMs,
  hex,
  HOUR_MS,
  logFacts,
  sameOctets,
  toCbor,
  type Cancel,
  type SiteId,
  type Statement,
  type Uuid,
} from '#base'
import { containerHash } from '#envelope'
import { LINK_CLASS, type Protection, type Session } from '#session'
import type { ItemProtection, ReceivedItem } from '#vault'
import type { ExchangeContext } from './context.ts'
import {
  disposeKeys,
  manifestHash,
  openManifest,
  TRANSFER_OCTETS_MAX,
  type Manifest,
} from './manifest.ts'
import {
  PART_OCTETS,
  readCommit,
  readOffer,
  readParts,
  writeAnswer,
  type OfferAnswer,
  type Part,
} from './messages.ts'
import { signReceipt } from './receipt.ts'
import { ExchangeRefusal } from './refusal.ts'
import {
  deleteParts,
  deletePartsOf,
  deleteUnfinished,
  insertPart,
  insertTransfer,
  selectLapsed,
  selectParts,
  selectProgress,
  selectTransfer,
  selectUnfinished,
  transferOf,
  updateTransfer,
  type Transfer,
} from './tables.ts'

/** An offer that was taken: its keys are in memory only. */
interface Taken {
  readonly from: SiteId
  readonly manifest: Manifest
  readonly hash: Uint8Array
  readonly protection: Protection
}

export class Inbox {
  readonly #context: ExchangeContext
  /** By transfer; oldest first. A sender that finds its offer gone offers again. */
  readonly #taken = new Map<Uuid, Taken>()
  /** Messages of one peer are handled one at a time. */
  readonly #turns = new Map<SiteId, Promise<unknown>>()
  #sweeping: Cancel | undefined
  #stopped = false

  constructor(context: ExchangeContext) {
    this.#context = context
  }

  /** Forgets what has lapsed, now and from time to time. */
  start(): void {
    void this.#sweep()
  }

  /** Takes nothing more; resolves once what was in hand has ended, and forgets all keys then. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#sweeping?.()
    await Promise.all(this.#turns.values())
    for (const { manifest } of this.#taken.values()) disposeKeys(manifest)
    this.#taken.clear()
  }

  async offer(from: SiteId, octets: Uint8Array): Promise<Uint8Array> {
    const offer = readOffer(octets)
    return writeAnswer(
      await this.#inTurn(from, async () => {
        const known = await this.#known(offer.transfer)
        if (known !== undefined && known.peer !== from) throw otherSites()
        if (known?.state === 'imported') return importedAnswer(known)
        using session = this.#context.sessions.take(from, offer.session)
        if (session === undefined) throw offerUnknown()
        const manifest = this.#open(from, offer, session)
        return await this.#take({ from, manifest, session, known })
      }),
    )
  }

  async items(from: SiteId, octets: Uint8Array): Promise<Uint8Array> {
    const { transfer, parts } = readParts(octets)
    return this.#inTurn(from, async () => {
      const taken = this.#takenFrom(from, transfer)
      const { site, store } = this.#context
      await store.commit(parts.map((part) => insertPart(site, rowOf(taken, transfer, part))))
      return new Uint8Array(0)
    })
  }

  async commit(from: SiteId, octets: Uint8Array): Promise<Uint8Array> {
    const { transfer, manifest } = readCommit(octets)
    return writeAnswer(
      await this.#inTurn(from, async () => {
        const known = await this.#known(transfer)
        if (known === undefined) throw offerUnknown()
        if (known.peer !== from) throw otherSites()
        if (known.state === 'imported') return importedAnswer(known)
        const same = sameOctets(known.manifestHash ?? NONE, manifest)
        if (!same) throw new ExchangeRefusal('TRANSFER_DIFFERS', 'The transfer has other items')
        return this.#import(known, this.#takenFrom(from, transfer))
      }),
    )
  }

  #open(
    from: SiteId,
    { transfer, manifest }: ReturnType<typeof readOffer>,
    session: Session,
  ): Manifest {
    const senderKeys = this.#context.keysOf(from)
    if (senderKeys === undefined) throw offerInvalid('The sender is not known')
    const about = { transfer, from, to: this.#context.site, senderKeys, key: session.receiveKey }
    const opened = openManifest(manifest, about)
    const total = opened.items.reduce((sum, { octets }) => sum + octets, 0)
    if (opened.dataClass !== session.dataClass || session.purpose !== 'transfer') {
      disposeKeys(opened)
      throw offerInvalid('The session is for another class of data')
    }
    if (opened.dataClass === LINK_CLASS) {
      disposeKeys(opened)
      throw linkClass('OFFER_INVALID')
    }
    if (total > TRANSFER_OCTETS_MAX) {
      disposeKeys(opened)
      throw new ExchangeRefusal('TRANSFER_TOO_LARGE', 'The transfer has too many octets')
    }
    return opened
  }

  async #take(input: {
    from: SiteId
    manifest: Manifest
    session: Session
    known: Transfer | undefined
  }): Promise<OfferAnswer> {
    const { from, manifest, session, known } = input
    const { site, store } = this.#context
    const { transfer, items } = manifest
    const hash = manifestHash(manifest)
    const row = this.#rowOf(manifest, { from, hash, protection: session.protection }, known)
    const statements: Statement[] = []
    if (known === undefined) statements.push(insertTransfer(site, row))
    else statements.push(updateTransfer(site, row, known.state))
    if (known !== undefined && !sameOctets(known.manifestHash ?? NONE, hash)) {
      statements.push(deleteParts(site, transfer))
    }
    statements.push(...(await this.#makeRoom(row)))
    await store.commit(statements)
    this.#keep({ from, manifest, hash, protection: session.protection })
    const progress = await store.read(selectProgress(site, transfer))
    const whole = progress.filter(({ held, whole }) => Number(held) === Number(whole))
    const held = new Set(whole.map((row) => String(row['hash'])))
    const here = items.flatMap((item, at) => (held.has(hex(item.hash)) ? [at] : []))
    return { kind: 'wanted', held: here }
  }

  #rowOf(
    { transfer, dataClass, items }: Manifest,
    about: { from: SiteId; hash: Uint8Array; protection: Protection },
    known: Transfer | undefined,
  ): Transfer {
    const now = this.#context.clock.now()
    return {
      transfer,
      direction: 'in',
      peer: about.from,
      patient: undefined,
      dataClass,
      mode: about.protection.mode,
      state: 'receiving',
      reason: '',
      items: items.length,
      itemsDone: 0,
      octets: items.reduce((sum, { octets }) => sum + octets, 0),
      createdAt: known?.createdAt ?? now,
      offeredAt: now,
      finishedAt: undefined,
      protection: toCbor({ ...about.protection }),
      manifestHash: about.hash,
      receipt: undefined,
    }
  }

  #keep(taken: Taken): void {
    const { transfer } = taken.manifest
    const before = this.#taken.get(transfer)
    if (before !== undefined) disposeKeys(before.manifest)
    this.#taken.delete(transfer)
    this.#taken.set(transfer, taken)
    const ofPeer = [...this.#taken].filter(([, { from }]) => from === taken.from)
    for (const [oldest] of ofPeer.slice(0, -OFFERS_MAX)) this.#drop(oldest)
  }

  /** Forgets the keys of an offer. */
  #drop(transfer: Uuid): void {
    const taken = this.#taken.get(transfer)
    if (taken !== undefined) disposeKeys(taken.manifest)
    this.#taken.delete(transfer)
  }

  /** Gives up a peer's oldest unfinished transfers where there would be too many with this one. */
  async #makeRoom({ transfer, peer, octets }: Transfer): Promise<readonly Statement[]> {
    const { site, store } = this.#context
    const rows = await store.read(selectUnfinished(site, peer))
    const others = rows.map(transferOf).filter((other) => other.transfer !== transfer)
    let total = others.reduce((sum, other) => sum + other.octets, octets)
    const given: Transfer[] = []
    for (const other of others) {
      if (others.length - given.length < UNFINISHED_MAX && total <= UNFINISHED_OCTETS_MAX) break
      total -= other.octets
      given.push(other)
    }
    return given.flatMap((other) => this.#forget(other, 'crowded-out'))
  }

  /** Gives up what a peer has begun to send: what he still may send he offers again. */
  forgetFrom(peer: SiteId): Promise<void> {
    return this.#inTurn(peer, async () => {
      const { site, store } = this.#context
      const begun = (await store.read(selectUnfinished(site, peer))).map(transferOf)
      for (const one of begun) await store.commit(this.#forget(one, 'erasure'))
    })
  }

  #forget(
    { transfer, peer }: Transfer,
    cause: 'crowded-out' | 'lapsed' | 'erasure',
  ): readonly Statement[] {
    const { site, clock, audit } = this.#context
    this.#drop(transfer)
    const event = { kind: 'transfer.forgotten', at: clock.now(), actor: site }
    return [
      deleteUnfinished(site, transfer),
      deleteParts(site, transfer),
      audit.append({ ...event, facts: { transfer, from: peer, cause } }),
    ]
  }

  async #sweep(): Promise<void> {
    const { site, store, clock, log } = this.#context
    try {
      const before = epochMs(Math.max(0, clock.now() - LAPSE_MS))
      const rows = await store.read(selectLapsed(site, before, SWEPT_AT_ONCE_MAX))
      for (const lapsed of rows.map(transferOf)) {
        await this.#inTurn(lapsed.peer, async () => {
          const now = await this.#known(lapsed.transfer)
          const isOver = now?.state !== 'receiving' || now.offeredAt >= before
          if (!isOver) await store.commit(this.#forget(now, 'lapsed'))
        })
      }
    } catch (error) {
      log.write('error', 'transfer.sweep-failed', logFacts(error))
    }
    if (!this.#stopped) this.#sweeping = clock.after(SWEEP_MS, () => void this.#sweep())
  }

  #takenFrom(from: SiteId, transfer: Uuid): Taken {
    const taken = this.#taken.get(transfer)
    if (taken?.from !== from) throw offerUnknown()
    return taken
  }

  async #import(known: Transfer, taken: Taken): Promise<OfferAnswer> {
    const { vault, site, store, clock, audit, signer } = this.#context
    const { from, manifest, protection, hash } = taken
    const items = await this.#assemble(taken)
    const receipt = await vault.exclusively(async () => {
      const staged = await vault.stageImport({ from, actor: from }, items)
      const at = clock.now()
      const written = staged.written
      const signed = signReceipt(
        {
          transfer: manifest.transfer,
          from,
          to: site,
          manifest: hash,
          items: items.length,
          written,
          protection,
          at,
        },
        signer,
      )
      const done: Transfer = {
        ...known,
        patient: staged.patients.at(0),
        state: 'imported',
        itemsDone: items.length,
        finishedAt: at,
        receipt: signed,
      }
      const facts = { transfer: manifest.transfer, from, items: items.length, written }
      await store.commit([
        ...staged.statements,
        updateTransfer(site, done, known.state),
        deleteParts(site, manifest.transfer),
        audit.append({
          kind: 'transfer.imported',
          at,
          actor: from,
          facts: { ...facts, ...how(protection) },
        }),
      ])
      return signed
    })
    this.#drop(manifest.transfer)
    return { kind: 'imported', receipt }
  }

  async #assemble({ manifest, protection }: Taken): Promise<readonly ReceivedItem[]> {
    const { site, store } = this.#context
    const way: ItemProtection = {
      mode: protection.mode,
      used: protection.used,
      record: toCbor({ ...protection }),
    }
    const items: ReceivedItem[] = []
    for (const { hash, octets, dataKey, proof, protections } of manifest.items) {
      const rows = await store.read(selectParts(site, manifest.transfer, hex(hash)))
      const container = concat(...rows.map((row) => row['octets'] as Uint8Array))
      if (container.length === octets && !isOf(container, hash)) {
        // Spoilt on its way: away with it, so that it is sent anew.
        await store.commit([deletePartsOf(site, manifest.transfer, hex(hash))])
        throw new ExchangeRefusal('ITEM_INVALID', 'An item is not as its manifest says')
      }
      if (container.length !== octets) {
        throw new ExchangeRefusal('ITEMS_MISSING', 'Not all items of the transfer have come', {
          facts: { items: manifest.items.length, missing: items.length },
        })
      }
      items.push({ container, dataKey, proof, protections: [...protections, way] })
    }
    return items
  }

  async #known(transfer: Uuid): Promise<Transfer | undefined> {
    const { site, store } = this.#context
    const row = (await store.read(selectTransfer(site, 'in', transfer))).at(0)
    return row === undefined ? undefined : transferOf(row)
  }

  #inTurn<T>(peer: SiteId, work: () => Promise<T>): Promise<T> {
    if (this.#stopped) {
      const message = 'This site is going down; it takes transfers again once it is back'
      return Promise.reject(new ExchangeRefusal('EXCHANGE_STOPPING', message))
    }
    const mine = (this.#turns.get(peer) ?? Promise.resolve()).then(work)
    this.#turns.set(
      peer,
      mine.catch(() => undefined),
    )
    return mine
  }
}

/** Whether octets are the container of this hash. */
function isOf(container: Uint8Array, hash: Uint8Array): boolean {
  try {
    return sameOctets(containerHash(container), hash)
  } catch {
    return false
  }
}

/** Facts of a protection for the log. */
export const how = ({ mode, used, keyIds, keySource }: Protection) => ({
  mode,
  used,
  keyIds,
  keySource,
})

/** The row of a part, if it fits the manifest. @throws ExchangeRefusal `ITEM_INVALID` */
function rowOf({ manifest }: Taken, transfer: Uuid, { item, place, octets }: Part) {
  const listed = manifest.items.at(item)
  const expected = Math.min(PART_OCTETS, (listed?.octets ?? 0) - place * PART_OCTETS)
  if (listed === undefined || octets.length !== expected) {
    throw new ExchangeRefusal('ITEM_INVALID', 'A part does not fit its item', {
      facts: { item, place, expected, got: octets.length },
    })
  }
  return { transfer, hash: hex(listed.hash), place, octets, whole: listed.octets }
}

function importedAnswer({ receipt }: Transfer): OfferAnswer {
  if (receipt === undefined) {
    throw new ExchangeRefusal('TRANSFER_DIFFERS', 'The receipt of the transfer is missing')
  }
  return { kind: 'imported', receipt }
}

const otherSites = (): ExchangeRefusal =>
  new ExchangeRefusal('TRANSFER_DIFFERS', 'The transfer is another site’s')

const offerUnknown = (): ExchangeRefusal =>
  new ExchangeRefusal('OFFER_UNKNOWN', 'No such offer is open here; offer the transfer again')
/** No record travels under what a link's own authentication is content with. */
export const linkClass = (code: 'TRANSFER_INVALID' | 'OFFER_INVALID'): ExchangeRefusal =>
  new ExchangeRefusal(code, `The class ${LINK_CLASS} is no class of records`)
const offerInvalid = (why: string): ExchangeRefusal => new ExchangeRefusal('OFFER_INVALID', why)

const NONE = new Uint8Array(0)
/** Offers of one peer whose keys are held at once; the oldest of more has to be offered again. */
const OFFERS_MAX = 4
/** Transfers of one peer that are unfinished here, and their octets: the oldest of more go. */
export const UNFINISHED_MAX = 16
const UNFINISHED_OCTETS_MAX = 2 * TRANSFER_OCTETS_MAX
/** How long an unfinished transfer stays that is not offered again. */
const LAPSE_MS = DAY_MS
const SWEEP_MS = HOUR_MS
const SWEPT_AT_ONCE_MAX = 100
