/**
 * Erasures that travel: ordered from every site that received the record, and obeyed here for others.
 *
 * To whom a record went is read from the transfers; whoever was ever offered it counts. Orders are
 * durable and repeated until the site's signed word has come, so a site that is down keeps the
 * erasure pending. What was not finished when the daemon ended is listed anew at the next start.
 *
 * Another site can have erased here only what it has sent here, and never what this site sealed
 * itself; a legal hold here keeps its order waiting. Whoever obeys an order passes it on to those
 * to whom he has passed the record, and says that it is done once they have.
 *
 * @module
 */

import {
  HOUR_MS,
  hex,
  logFacts,
  MINUTE_MS,
  noteOf,
  sameOctets,
  type Cancel,
  type SiteId,
  type Uuid,
} from '#base'
import { sha256 } from '#crypto'
import type { Erased, ErasureOrder } from '#vault'
import type { ExchangeContext } from './context.ts'
import {
  checkOrder,
  invalid,
  orderHash,
  readOrderAnswer,
  readWord,
  signOrder,
  signWord,
  writeOrderAnswer,
  type Order,
  type Word,
} from './erasure-messages.ts'
import {
  erasureOf,
  insertErasure,
  insertHeir,
  selectErasures,
  selectReceivers,
  selectSent,
  selectWaiting,
  updateErasure,
  type ErasureRow,
} from './erasure-rows.ts'
import { ExchangeRefusal } from './refusal.ts'

/** How an erasure stands. */
export interface ErasureStanding extends Erased {
  readonly sites: readonly {
    readonly site: SiteId
    readonly reason: string
    /** The verified word of the site; undefined while it has none, or its keys are not known. */
    readonly word: Word | undefined
    readonly isDone: boolean
  }[]
}

/** The transfers beside which erasures are made: nothing of a record may overtake its erasure. */
export interface Traffic {
  /** Whether a record of this site is on its way at this moment. */
  isSending(patient: Uuid): boolean
  /** Gives up what a peer has begun to send here. */
  forgetFrom(peer: SiteId): Promise<void>
}

export class Erasures {
  readonly #context: ExchangeContext
  readonly #traffic: Traffic
  #stopped = false
  #timer: Cancel | undefined
  #running: Promise<void> | undefined
  #again = false
  /** Orders that failed, and how often. */
  readonly #failures = new Map<string, number>()
  /** Orders of other sites are obeyed one at a time. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(context: ExchangeContext, traffic: Traffic) {
    this.#context = context
    this.#traffic = traffic
  }

  /** Lists what was erased while nobody listed it, and goes on with what waits. */
  start(): void {
    this.#again = true
    this.#running ??= this.#resume().finally(() => {
      this.#running = undefined
    })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.()
    await Promise.all([this.#running, this.#turn.catch(() => undefined)])
  }

  /** Erases a patient here, and orders it from all who received the record. @throws VaultRefusal */
  async erase(patient: Uuid, order: ErasureOrder): Promise<ErasureStanding> {
    const erased = await this.#context.vault.erase(patient, order)
    await this.#list(erased)
    this.#kick()
    return await this.#standingOf(erased)
  }

  /** How the erasure of a patient stands; undefined if none was erased. */
  async standing(patient: Uuid): Promise<ErasureStanding | undefined> {
    const erased = await this.#context.vault.erased(patient)
    return erased && (await this.#standingOf(erased))
  }

  /** Answers an order of another site. */
  obey(from: SiteId, octets: Uint8Array): Promise<Uint8Array> {
    const mine = this.#turn.then(() => this.#obey(from, octets))
    this.#turn = mine.catch(() => undefined)
    return mine
  }

  async #obey(from: SiteId, octets: Uint8Array): Promise<Uint8Array> {
    const { site, keysOf, vault } = this.#context
    const by = keysOf(from)
    if (by === undefined) throw invalid('its sender is not known')
    const order = checkOrder(octets, { from, to: site, by })
    await this.#traffic.forgetFrom(from)
    await this.#eraseFor(order)
    const burials = await vault.burials(new Set(order.objects))
    const passedOn = new Set<SiteId>()
    const open = new Set<string>()
    for (const patient of burials.patients) {
      for (const row of await this.#rowsOf(patient)) {
        if (row.peer === from) continue
        passedOn.add(row.peer)
        if (row.state === 'waiting') open.add(row.peer)
      }
    }
    if (open.size > 0) return writeOrderAnswer({ kind: 'waiting', sites: [...open] })
    return writeOrderAnswer({ kind: 'done', word: await this.#giveWord(order, passedOn, burials) })
  }

  async #giveWord(
    { erasure, from, hash }: Order & { readonly hash: Uint8Array },
    passedOn: ReadonlySet<SiteId>,
    burials: { readonly objects: number; readonly at: Word['at'] | undefined },
  ): Promise<Uint8Array> {
    const { site, store, clock, signer, audit } = this.#context
    const now = clock.now()
    const at = burials.at ?? now
    const items = burials.objects
    const about = { erasure, from, site, order: hash, items, at, passedOn: [...passedOn] }
    const word = signWord(about, signer)
    const facts = { erasure, items, word: hex(sha256(word)) }
    await store.commit([audit.append({ kind: 'erasure.obeyed', at: now, actor: from, facts })])
    return word
  }

  /** Erases what the order names and its sender has sent here. @throws VaultRefusal `VAULT_HELD` */
  async #eraseFor({ from, cause, objects }: Order): Promise<void> {
    const { site, store, vault } = this.#context
    const named = new Set(objects)
    const patients = new Set([...(await vault.foreign(named)).values()].flat())
    for (const patient of patients) {
      if ((await store.read(selectSent(site, from, patient))).length === 0) continue
      const erased = await vault.eraseObjects(patient, {
        ...{ cause, actor: from, objects: await this.#foreignOf(patient, named) },
        also: (heir) => insertHeir(site, heir, patient),
      })
      if (erased !== undefined) await this.#list(erased)
    }
    if (patients.size > 0) this.#kick()
  }

  /** Those of the named objects that the patient holds and another site sealed. */
  async #foreignOf(patient: Uuid, named: ReadonlySet<Uuid>): Promise<ReadonlySet<Uuid>> {
    const foreign = await this.#context.vault.foreign(named)
    return new Set([...foreign].filter(([, of]) => of.includes(patient)).map(([object]) => object))
  }

  /** Writes down an order for each site that received the record and has none yet. */
  async #list({ patient, cause, objects, at }: Erased): Promise<void> {
    const { site, store, clock, signer, audit } = this.#context
    const known = new Set((await this.#rowsOf(patient)).map(({ peer }) => peer))
    const rows = await store.read(selectReceivers(site, patient))
    for (const peer of rows.map((row) => String(row['peer']) as SiteId)) {
      if (known.has(peer)) continue
      const order = signOrder(
        { erasure: patient, from: site, to: peer, at, cause, objects },
        signer,
      )
      const begunAt = clock.now()
      const row = { patient, peer, state: 'waiting', reason: '', begunAt, order } as const
      const facts = { erasure: patient, to: peer, order: hex(orderHash(order)) }
      await store.commit([
        insertErasure(site, { ...row, word: undefined }),
        audit.append({ kind: 'erasure.ordered', at: begunAt, actor: site, facts }),
      ])
    }
  }

  async #resume(): Promise<void> {
    const { vault, log } = this.#context
    try {
      for await (const patient of vault.everyErased()) {
        const erased = await vault.erased(patient)
        if (erased !== undefined) await this.#list(erased)
      }
    } catch (error) {
      log.write('error', 'erasure.list-failed', logFacts(error))
    }
    await this.#run()
  }

  #kick(): void {
    if (this.#stopped) return
    this.#again = true
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
  }

  async #run(): Promise<void> {
    const { site, store, clock, log } = this.#context
    while (this.#again && !this.#hasStopped()) {
      this.#again = false
      this.#timer?.()
      let waiting = 0
      try {
        for (const row of (await store.read(selectWaiting(site))).map(erasureOf)) {
          if (this.#hasStopped()) return
          if (!(await this.#attempt(row))) waiting++
        }
      } catch (error) {
        log.write('error', 'erasure.list-failed', logFacts(error))
        waiting++
      }
      if (waiting > 0) this.#timer = clock.after(this.#pauseMs(), () => this.#kick())
    }
  }

  #hasStopped(): boolean {
    return this.#stopped
  }

  /** Until the next attempt: longer the more often those that wait have failed. */
  #pauseMs(): number {
    const least = Math.min(...this.#failures.values(), FAILURES_MAX)
    return Math.min(RETRY_MS * 2 ** least, HOUR_MS)
  }

  /** @returns whether the order is done */
  async #attempt(row: ErasureRow): Promise<boolean> {
    const { ask, log } = this.#context
    const { patient, peer, order } = row
    const name = `${patient} ${peer}`
    if (this.#traffic.isSending(patient)) return false
    try {
      const answer = readOrderAnswer(await ask(peer, METHOD, order))
      if (answer.kind === 'done') {
        await this.#finish(row, answer.word)
        this.#failures.delete(name)
        return true
      }
      await this.#note(row, 'PASSED_ON')
    } catch (error) {
      log.write('info', 'erasure.attempt-failed', { erasure: patient, peer, ...logFacts(error) })
      await this.#note(row, noteOf(error).code).catch((failure: unknown) => {
        log.write('error', 'erasure.note-failed', logFacts(failure))
      })
    }
    this.#failures.set(name, (this.#failures.get(name) ?? 0) + 1)
    return false
  }

  async #note(row: ErasureRow, reason: string): Promise<void> {
    const { site, store } = this.#context
    if (row.reason !== reason) await store.commit([updateErasure(site, { ...row, reason })])
  }

  async #finish(row: ErasureRow, octets: Uint8Array): Promise<void> {
    const { site, store, clock, audit } = this.#context
    const word = this.#checked(row, octets)
    const { patient: erasure, peer } = row
    const facts = { erasure, from: peer, items: word.items, word: hex(sha256(octets)) }
    await store.commit([
      updateErasure(site, { ...row, state: 'done', reason: '', word: octets }),
      audit.append({ kind: 'erasure.attested', at: clock.now(), actor: peer, facts }),
    ])
  }

  /** The word of a site on an order. @throws ExchangeRefusal `ERASURE_INVALID` */
  #checked({ patient, peer, order }: ErasureRow, octets: Uint8Array): Word {
    const { site, keysOf } = this.#context
    const by = keysOf(peer)
    if (by === undefined) throw new ExchangeRefusal('ERASURE_INVALID', 'The site is not known')
    const word = readWord(octets, by)
    const isOurs = word.erasure === patient && word.from === site && word.site === peer
    if (isOurs && sameOctets(word.order, orderHash(order))) return word
    throw invalid('it is about another erasure')
  }

  async #standingOf(erased: Erased): Promise<ErasureStanding> {
    const sites = (await this.#rowsOf(erased.patient)).map((row) => ({
      ...{ site: row.peer, reason: row.reason, isDone: row.state === 'done' },
      word: this.#wordIn(row),
    }))
    return { ...erased, sites }
  }

  #wordIn(row: ErasureRow): Word | undefined {
    if (row.word === undefined) return undefined
    try {
      return this.#checked(row, row.word)
    } catch {
      // Its keys are others today: the word stands in the row, and is not shown as verified.
      return undefined
    }
  }

  async #rowsOf(patient: Uuid): Promise<readonly ErasureRow[]> {
    const { site, store } = this.#context
    return (await store.read(selectErasures(site, patient))).map(erasureOf)
  }
}

const METHOD = 'exchange/erase'
const RETRY_MS = 2000
/** More failures make no longer pause than … */
const FAILURES_MAX = Math.ceil(Math.log2((10 * MINUTE_MS) / RETRY_MS))
