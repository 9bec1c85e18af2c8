/**
 * The sending end of transfers: a durable list of what is to be sent, and the attempts to send it.
 *
 * Nothing of a session is kept: an attempt collects the record, opens a session, offers, sends what
 * the receiver lacks, and asks it to commit. Any failure leaves the transfer waiting; the next
 * attempt begins anew and the receiver keeps what it has. A transfer is over when a good receipt is
 * durable here, or when a site refuses it for a reason that will not go away.
 *
 * A session uses up a QKD key. So nothing that can be known before opens one, and attempts that
 * failed after one was open are made less and less often.
 *
 * @module
 */

import {
  concat,
  logFacts,
  newTimeUuid,
  noteOf,
  PortRefusal,
  sameOctets,
  SecretBytes,
  toCbor,
  type Cancel,
  type SiteId,
  type Uuid,
} from '#base'
import { rewrap, WrapCounter, WrappingKey } from '#envelope'
import { LINK_CLASS, strongerMode, type ProtectionMode, type Session } from '#session'
import type { PreparedExport } from '#vault'
import type { ExchangeContext } from './context.ts'
import { how, linkClass } from './inbox.ts'
import {
  disposeKeys,
  ITEM_OCTETS_MAX,
  ITEMS_MAX,
  manifestHash,
  sealManifest,
  TRANSFER_OCTETS_MAX,
  type Manifest,
  type ManifestItem,
} from './manifest.ts'
import {
  PART_OCTETS,
  PARTS_OCTETS,
  readAnswer,
  writeCommit,
  writeOffer,
  writeParts,
  type Part,
} from './messages.ts'
import { checkReceipt } from './receipt.ts'
import { ExchangeRefusal } from './refusal.ts'
import {
  insertTransfer,
  selectOpen,
  selectTransfer,
  transferOf,
  updateTransfer,
  type Transfer,
} from './tables.ts'

export interface SendRequest {
  readonly patient: Uuid
  readonly to: SiteId
  readonly dataClass: string
  /** Default: the policy's for the class. */
  readonly mode: ProtectionMode | undefined
  readonly actor: string
}

/** A failed transfer between two attempts. */
interface Pause {
  readonly failures: number
  readonly forKey: boolean
  untilMs: number
}

export class Outbox {
  readonly #context: ExchangeContext
  #stopped = false
  #running: Promise<void> | undefined
  #again = false
  #timer: Cancel | undefined
  /** Transfers whose last attempt failed, and when the next is due. */
  readonly #pauses = new Map<Uuid, Pause>()
  /** Whose record is on its way. */
  #sending: Uuid | undefined
  /** Items of the transfer under way that the receiver has. */
  readonly #done = new Map<Uuid, number>()

  constructor(context: ExchangeContext) {
    this.#context = context
  }

  /**
   * Puts a transfer on the list, durably, and begins.
   *
   * @throws ExchangeRefusal `TRANSFER_INVALID`, `RECORD_NOT_FOUND`
   */
  async send(request: SendRequest): Promise<Transfer> {
    const { site, store, clock, random, audit, vault, keysOf, defaultMode } = this.#context
    const { patient, to, dataClass, actor } = request
    if (to === site || keysOf(to) === undefined) {
      throw new ExchangeRefusal('TRANSFER_INVALID', 'No such site is known as a receiver')
    }
    if (dataClass === LINK_CLASS) throw linkClass('TRANSFER_INVALID')
    if ((await vault.patients({ at: patient })).length === 0) {
      throw new ExchangeRefusal('RECORD_NOT_FOUND', 'There is no such patient')
    }
    const at = clock.now()
    const mode =
      request.mode === undefined ? defaultMode : strongerMode(request.mode, 'post-quantum')
    const transfer: Transfer = {
      transfer: newTimeUuid(random, at),
      direction: 'out',
      peer: to,
      patient,
      dataClass,
      mode,
      state: 'waiting',
      reason: '',
      items: 0,
      itemsDone: 0,
      octets: 0,
      createdAt: at,
      offeredAt: at,
      finishedAt: undefined,
      protection: undefined,
      manifestHash: undefined,
      receipt: undefined,
    }
    const facts = { transfer: transfer.transfer, to, class: dataClass, mode }
    await store.commit([
      insertTransfer(site, transfer),
      audit.append({ kind: 'transfer.queued', at, actor, facts }),
    ])
    this.kick()
    return transfer
  }

  /** Items of a transfer that have arrived, while it is under way. */
  progress(transfer: Uuid): number | undefined {
    return this.#done.get(transfer)
  }

  /** Whether a record is on its way at this moment. */
  isSending(patient: Uuid): boolean {
    return this.#sending === patient
  }

  /** Tries what is due: called when a transfer has come, and at the start. */
  kick(): void {
    if (this.#stopped) return
    this.#again = true
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
  }

  /** A key may be had again: what waits for one is due now. */
  keysCame(): void {
    let due = false
    for (const pause of this.#pauses.values()) {
      if (!pause.forKey) continue
      pause.untilMs = 0
      due = true
    }
    if (due) this.kick()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.()
    await this.#running
  }

  async #run(): Promise<void> {
    const { clock } = this.#context
    while (this.#again && !this.#hasStopped()) {
      this.#again = false
      this.#timer?.()
      for (const transfer of await this.#open()) {
        if (this.#hasStopped()) return
        const pause = this.#pauses.get(transfer.transfer)
        if (pause !== undefined && pause.untilMs > clock.monotonicMs()) continue
        await this.#attempt(transfer)
      }
      this.#sleep()
    }
  }

  /** Wakes up when the first pause is over. */
  #sleep(): void {
    const { clock } = this.#context
    const first = Math.min(...[...this.#pauses.values()].map(({ untilMs }) => untilMs))
    if (!Number.isFinite(first)) return
    this.#timer = clock.after(Math.max(1, first - clock.monotonicMs()), () => this.kick())
  }

  #hasStopped(): boolean {
    return this.#stopped
  }

  async #open(): Promise<readonly Transfer[]> {
    const { site, store, log } = this.#context
    try {
      return (await store.read(selectOpen(site))).map(transferOf)
    } catch (error) {
      log.write('error', 'transfer.list-failed', { code: noteOf(error).code })
      return []
    }
  }

  async #attempt(transfer: Transfer): Promise<void> {
    const { log, clock } = this.#context
    const id = transfer.transfer
    const attempt = { spent: false }
    this.#sending = transfer.patient
    try {
      await this.#deliver(transfer, attempt)
      this.#pauses.delete(id)
    } catch (error) {
      const { code } = noteOf(error)
      const over = FINAL.has(code)
      const failures = (this.#pauses.get(id)?.failures ?? 0) + 1
      const isDear = attempt.spent && !(error instanceof PortRefusal)
      const most = isDear ? RETRY_DEAR_MS_MAX : RETRY_MS_MAX
      const untilMs = clock.monotonicMs() + Math.min(most, RETRY_MS * 2 ** (failures - 1))
      if (over) this.#pauses.delete(id)
      else this.#pauses.set(id, { failures, untilMs, forKey: WAITS_FOR_KEY.has(code) })
      const facts = { transfer: id, peer: transfer.peer, ...logFacts(error) }
      log.write(over ? 'warning' : 'info', 'transfer.attempt-failed', facts)
      await this.#note(id, { code, over }).catch((failure: unknown) => {
        log.write('error', 'transfer.note-failed', logFacts(failure))
      })
    } finally {
      this.#sending = undefined
      this.#done.delete(id)
    }
  }

  /** Writes down why an attempt failed. */
  async #note(id: Uuid, { code, over }: { code: string; over: boolean }): Promise<void> {
    const { site, store, clock, audit } = this.#context
    const row = (await store.read(selectTransfer(site, 'out', id))).at(0)
    if (row === undefined) return
    const now = transferOf(row)
    if (now.state === 'delivered' || (now.reason === code && now.state === 'waiting')) return
    const at = clock.now()
    const next: Transfer = over
      ? { ...now, state: 'refused', reason: code, finishedAt: at }
      : { ...now, state: 'waiting', reason: code }
    const kind = over ? 'transfer.refused' : 'transfer.waiting'
    const facts = { transfer: id, to: now.peer, reason: code }
    await store.commit([
      updateTransfer(site, next, now.state),
      audit.append({ kind, at, actor: site, facts }),
    ])
  }

  async #deliver(transfer: Transfer, attempt: { spent: boolean }): Promise<void> {
    const { sessions, site, store } = this.#context
    const { peer, dataClass, mode } = transfer
    const wish = { dataClass, mode }
    await sessions.prepare(peer, wish)
    const record = await this.#collect(transfer)
    attempt.spent = true
    using session = await sessions.open(peer, wish)
    const { manifest, containers } = await this.#wrap(transfer, record, session)
    try {
      const hash = manifestHash(manifest)
      const octets = containers.reduce((sum, container) => sum + container.length, 0)
      const sending: Transfer = {
        ...transfer,
        state: 'sending',
        reason: '',
        items: containers.length,
        octets,
        protection: toCbor({ ...session.protection }),
        manifestHash: withHash(transfer.manifestHash, hash),
      }
      await store.commit([updateTransfer(site, sending, transfer.state)])
      const receipt = await this.#carry(sending, { session, manifest, containers, hash })
      await this.#finish(sending, receipt)
    } finally {
      disposeKeys(manifest)
    }
  }

  /** @returns the receipt, not checked yet */
  async #carry(
    { transfer, peer }: Transfer,
    load: {
      session: Session
      manifest: Manifest
      containers: readonly Uint8Array[]
      hash: Uint8Array
    },
  ): Promise<Uint8Array> {
    const { ask, signer, random } = this.#context
    const { session, manifest, containers, hash } = load
    const sealed = sealManifest(manifest, { signer, random, key: session.sendKey })
    const offer = writeOffer({ transfer, session: session.id, manifest: sealed })
    const answer = readAnswer(await ask(peer, 'exchange/offer', offer))
    if (answer.kind === 'imported') return answer.receipt
    const held = new Set(answer.held)
    this.#done.set(transfer, held.size)
    for (const parts of messagesOf(containers, held)) {
      await ask(peer, 'exchange/items', writeParts(transfer, parts))
      const last = parts[parts.length - 1].item
      this.#done.set(transfer, Math.min(containers.length, Math.max(held.size, last + 1)))
    }
    const done = readAnswer(await ask(peer, 'exchange/commit', writeCommit(transfer, hash)))
    if (done.kind === 'imported') return done.receipt
    throw new ExchangeRefusal('ITEMS_MISSING', 'The receiver lacks items that were sent')
  }

  async #finish(sending: Transfer, octets: Uint8Array): Promise<void> {
    const { site, store, clock, audit, keysOf } = this.#context
    const { transfer, peer, manifestHash: manifest } = sending
    const keys = keysOf(peer)
    if (keys === undefined || manifest === undefined) {
      throw new ExchangeRefusal('RECEIPT_INVALID', 'The keys of the receiver are not known')
    }
    const receipt = checkReceipt(
      octets,
      { transfer, from: site, to: peer, manifests: hashesIn(manifest) },
      keys,
    )
    const at = clock.now()
    const done: Transfer = {
      ...sending,
      state: 'delivered',
      itemsDone: receipt.items,
      finishedAt: at,
      // Of the attempt that was imported, which need not be the last one made.
      protection: toCbor({ ...receipt.protection }),
      receipt: octets,
    }
    const facts = { transfer, to: peer, items: receipt.items, ...how(receipt.protection) }
    await store.commit([
      updateTransfer(site, done, 'sending'),
      audit.append({ kind: 'transfer.delivered', at, actor: site, facts }),
    ])
  }

  /** The patient's record as it is now, verified. @throws ExchangeRefusal, VaultRefusal */
  async #collect({ patient }: Transfer): Promise<PreparedExport> {
    if (patient === undefined) throw new ExchangeRefusal('TRANSFER_INVALID', 'No patient is named')
    const limits = {
      itemsMax: ITEMS_MAX,
      itemOctetsMax: ITEM_OCTETS_MAX,
      octetsMax: TRANSFER_OCTETS_MAX,
    }
    const record = await this.#context.vault
      .prepareExport(patient, limits)
      .catch((cause: unknown) => {
        if (noteOf(cause).code !== 'VAULT_DAMAGED') throw cause
        const message = 'The record cannot be read at this site; it is not sent until it is sound'
        throw new ExchangeRefusal('RECORD_DAMAGED', message, { cause })
      })
    if (record.kind === 'prepared') return record
    throw new ExchangeRefusal('TRANSFER_TOO_LARGE', 'The record is too large for a transfer')
  }

  /** Each container of the record wrapped for this session and nobody else. */
  async #wrap(
    { transfer, peer, dataClass }: Transfer,
    record: PreparedExport,
    session: Session,
  ): Promise<{
    manifest: Manifest
    containers: readonly Uint8Array[]
  }> {
    const { site, random } = this.#context
    const items: ManifestItem[] = []
    const containers: Uint8Array[] = []
    const manifest: Manifest = { transfer, from: site, to: peer, dataClass, items }
    using secret = session.exportSecret('photonward/transfer-wraps/v1', 32)
    const counter = new WrapCounter()
    using wrap = new WrappingKey({ id: session.id, key: secret, counter })
    try {
      for await (const item of record.give({ to: peer, actor: site })) {
        const { hash, dataKey, proof, protections } = item
        items.push({ hash, octets: 0, dataKey, proof, protections })
        const by = SecretBytes.copyOf(dataKey.reveal())
        const container = rewrap({ container: item.container, by, wrapUnder: [wrap], random })
        by[Symbol.dispose]()
        items[items.length - 1] = { hash, octets: container.length, dataKey, proof, protections }
        containers.push(container)
      }
      return { manifest, containers }
    } catch (error) {
      disposeKeys(manifest)
      throw error
    }
  }
}

/** Parts of the containers that are not held, in messages of a few megabytes. */
export function* messagesOf(
  containers: readonly Uint8Array[],
  held: ReadonlySet<number>,
): Generator<readonly Part[]> {
  let parts: Part[] = []
  let octets = 0
  for (const [item, container] of containers.entries()) {
    if (held.has(item)) continue
    for (let place = 0; place * PART_OCTETS < container.length; place++) {
      const part = container.subarray(place * PART_OCTETS, (place + 1) * PART_OCTETS)
      parts.push({ item, place, octets: part })
      octets += part.length
      if (octets < PARTS_OCTETS && parts.length < PARTS_A_MESSAGE) continue
      yield parts
      parts = []
      octets = 0
    }
  }
  if (parts.length > 0) yield parts
}

/** Appends the hash of an offer to those of earlier ones, unless it is the same as the last. */
function withHash(before: Uint8Array | undefined, hash: Uint8Array): Uint8Array {
  const hashes = before === undefined ? [] : hashesIn(before)
  const last = hashes.at(-1)
  if (last !== undefined && sameOctets(last, hash)) return concat(...hashes)
  return concat(...hashes.slice(1 - OFFERS_KEPT), hash)
}

const hashesIn = (joined: Uint8Array): readonly Uint8Array[] =>
  Array.from({ length: joined.length / HASH_OCTETS }, (_, at) =>
    joined.subarray(at * HASH_OCTETS, (at + 1) * HASH_OCTETS),
  )

/** Reasons that another attempt will not change. */
const FINAL: ReadonlySet<string> = new Set([
  'TRANSFER_TOO_LARGE',
  'TRANSFER_INVALID',
  'TRANSFER_DIFFERS',
  'CLASS_UNKNOWN',
  'MODE_RESERVED',
  'RECORD_DAMAGED',
  'VAULT_ITEM_REFUSED',
  'VAULT_NOT_SYNTHETIC',
  'VAULT_NOT_FOUND',
  'VAULT_ERASED',
  'VAULT_TOO_MANY_SUBJECTS',
])

/** Different offers of one transfer that a receipt may still be for. */
const OFFERS_KEPT = 64
const HASH_OCTETS = 32
/** Reasons that go when a QKD key can be had. */
const WAITS_FOR_KEY: ReadonlySet<string> = new Set([
  'QUANTUM_KEY_REQUIRED',
  'QUANTUM_KEY_SIMULATED',
])
const RETRY_MS = 1000
const RETRY_MS_MAX = 60_000
/** Where each attempt used up a key: some hundred of them a day. */
const RETRY_DEAR_MS_MAX = 900_000
const PARTS_A_MESSAGE = 1024
