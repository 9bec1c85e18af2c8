/**
 * The exchange of one site: sends records, receives them, and shows how transfers stand.
 *
 * @module
 */

import { uuid, type SiteId } from '#base'
import type { ExchangeContext } from './context.ts'
import { Erasures } from './erasures.ts'
import { Inbox } from './inbox.ts'
import { Outbox, type SendRequest } from './outbox.ts'
import { ExchangeRefusal } from './refusal.ts'
import {
  selectAfter,
  selectNewest,
  selectOpen,
  selectTransfer,
  transferOf,
  type Transfer,
} from './tables.ts'

/** Answers a peer's question; the site routes questions here by their method. */
export type ExchangeHandler = (from: SiteId, payload: Uint8Array) => Promise<Uint8Array>

export class Exchange {
  readonly #context: ExchangeContext
  readonly #outbox: Outbox
  readonly #inbox: Inbox
  /** Erasures, which go where records went. */
  readonly erasures: Erasures
  /** What peers may ask, by method. */
  readonly handlers: Readonly<Record<string, ExchangeHandler>>

  constructor(context: ExchangeContext) {
    this.#context = context
    this.#outbox = new Outbox(context)
    const inbox = new Inbox(context)
    this.#inbox = inbox
    const erasures = new Erasures(context, {
      isSending: (patient) => this.#outbox.isSending(patient),
      forgetFrom: (peer) => inbox.forgetFrom(peer),
    })
    this.erasures = erasures
    this.handlers = {
      'exchange/offer': (from, payload) => inbox.offer(from, payload),
      'exchange/items': (from, payload) => inbox.items(from, payload),
      'exchange/commit': (from, payload) => inbox.commit(from, payload),
      'exchange/erase': (from, payload) => erasures.obey(from, payload),
    }
  }

  /** Goes on with what was not finished. */
  start(): void {
    this.#outbox.kick()
    this.#inbox.start()
    this.erasures.start()
  }

  /** Puts a patient's whole record on the list of what is to be sent. */
  send(request: SendRequest): Promise<Transfer> {
    return this.#outbox.send(request)
  }

  /** Keys may have come: transfers that wait for one are tried again. */
  keysCame(): void {
    this.#outbox.keysCame()
  }

  /** One transfer, sent or received. @throws ExchangeRefusal `TRANSFER_UNKNOWN` */
  async transfer(id: string): Promise<Transfer> {
    const { site, store } = this.#context
    const transfer = uuid(id)
    for (const direction of ['out', 'in'] as const) {
      const row = (await store.read(selectTransfer(site, direction, transfer))).at(0)
      if (row !== undefined) return this.#withProgress(transferOf(row))
    }
    throw new ExchangeRefusal('TRANSFER_UNKNOWN', 'No such transfer is known here')
  }

  /** The newest transfers first. */
  async newest(limit: number): Promise<readonly Transfer[]> {
    const { site, store } = this.#context
    const rows = await store.read(selectNewest(site, limit))
    return rows.map((row) => this.#withProgress(transferOf(row)))
  }

  /** All transfers, in order of their ids. */
  async *all(): AsyncGenerator<Transfer> {
    const { site, store } = this.#context
    for (let after = ''; ;) {
      const rows = await store.read(selectAfter(site, after, PAGE_ROWS))
      for (const row of rows) yield transferOf(row)
      const last = rows.at(-1)
      if (last === undefined) return
      after = transferOf(last).transfer
    }
  }

  /** How many outgoing transfers are not finished. */
  async openCount(): Promise<number> {
    const { site, store } = this.#context
    return (await store.read(selectOpen(site))).length
  }

  async stop(): Promise<void> {
    await Promise.all([this.#inbox.stop(), this.#outbox.stop(), this.erasures.stop()])
  }

  #withProgress(transfer: Transfer): Transfer {
    const done = this.#outbox.progress(transfer.transfer)
    return done === undefined ? transfer : { ...transfer, itemsDone: done }
  }
}

/** Transfers read at a time. */
const PAGE_ROWS = 100
