/**
 * Subscriptions at work: what is new is looked at as whoever subscribed, and the endpoint is told.
 *
 * A requested subscription is tried first: an endpoint that answers makes it active. An active one
 * is told once for everything new that fits it since it was last told; a knock that is not answered
 * is repeated, later each time, and after enough of them the subscription is in error, which its
 * Subscription says. How far it is survives a restart: an endpoint may be told twice, never not.
 *
 * Goes by the time of writing: what is written with a clock more than ten seconds behind is missed.
 *
 * @see FHIR R4 Subscription, §2.46.4 (rest-hook)
 * @module
 */

import {
  AssertionFailure,
  epochMs,
  HOUR_MS,
  logFacts,
  MINUTE_MS,
  SECOND_MS,
  type Cancel,
  type SecretBytes,
} from '#base'
import { accountOf } from '#audit'
import { fulfils, indexValuesOf, parseSearch, type Filter, type JsonObject } from '#health'
import type { Opened, PastPlace } from '#vault'
import { newCallLog, type FhirOptions } from '../context.ts'
import { FhirRefusal } from '../refusal.ts'
import type { Session } from '../session.ts'
import { askedForSearch } from '../showing.ts'
import { ownerOf } from './owner.ts'
import { watchedBy, type Watched } from './subscription.ts'
import { keepWatch, SEEN_MAX, watchOf, type Watch, type WatchStore } from './watch.ts'

/** What the host brings for subscriptions; without it none is taken in. */
export interface HookOptions {
  /** Addresses that may be told, `https:`; one that ends with a slash means what is below it. */
  readonly endpoints: readonly string[]
  /** Asks an endpoint, by POST without a body. @returns the status of its answer */
  readonly knock: (url: string, headers: Readonly<Record<string, string>>) => Promise<number>
  /** A session for whoever subscribed, by the name in the log; undefined for who may no more. */
  readonly sessionFor: (actor: string) => Promise<Session | undefined> | Session | undefined
  /** 32 octets for what is kept; stays the host's, until the server is disposed. */
  readonly key: SecretBytes
}

/** Owns the watching of one daemon, until it is disposed. */
export class Hooks implements Disposable {
  readonly #options: FhirOptions
  readonly #hooks: HookOptions
  /** Newest versions of the subscriptions that are not off; undefined: to be looked for. */
  #known: readonly Opened[] | undefined
  #knownAt = 0
  #next: Cancel
  #isOver = false

  constructor(options: FhirOptions, hooks: HookOptions) {
    this.#options = options
    this.#hooks = hooks
    this.#next = options.clock.after(TICK_MS, () => this.#again())
  }

  /** Says that a subscription was written. */
  changed(): void {
    this.#known = undefined
  }

  #again(): void {
    void this.round()
      .catch((error: unknown) => {
        // The store and the keys may be gone before a round has noticed.
        if (this.#ended()) return
        if (error instanceof AssertionFailure) throw error
        this.#options.log.write('error', 'fhir.hooks-stopped', logFacts(error))
      })
      .finally(() => {
        if (!this.#isOver) this.#next = this.#options.clock.after(TICK_MS, () => this.#again())
      })
  }

  /** Asked anew each time, for it may end while anything is awaited. */
  #ended(): boolean {
    return this.#isOver
  }

  /** Looks once what is new for each subscription, and tells those that are due. */
  async round(): Promise<void> {
    for (const subscription of await this.#subscriptions()) {
      if (this.#ended()) return
      try {
        await this.#tend(subscription)
      } catch (error) {
        if (this.#ended() || error instanceof AssertionFailure) throw error
        if (error instanceof FhirRefusal && error.code === 'FHIR_FORBIDDEN') {
          await this.#put(subscription, NO_MORE)
          continue
        }
        this.#options.log.write('error', 'fhir.hook-failed', logFacts(error))
      }
    }
  }

  async #subscriptions(): Promise<readonly Opened[]> {
    const { clock, vault, base = '' } = this.#options
    const isOld = clock.monotonicMs() - this.#knownAt > KNOWN_MS
    if (this.#known !== undefined && !isOld) return this.#known
    const about = { type: 'Subscription', parameters: WATCHING, now: clock.now(), bases: [base] }
    this.#known = []
    this.#knownAt = clock.monotonicMs()
    const asked = { actor: ACTOR, act: 'find', told: TOLD, judge: () => true } as const
    const { matches } = await vault.search({ ...parseSearch(about), count: HOOKS_MAX }, asked)
    return (this.#known = matches)
  }

  async #tend(subscription: Opened): Promise<void> {
    const { clock, base = '' } = this.#options
    const now = clock.now()
    const watched = watchedBy(this.#options, base, subscription.value)
    const session = await this.#hooks.sessionFor(ownerOf(subscription.value) ?? '')
    if (session === undefined) {
      await this.#put(subscription, NO_MORE)
      return
    }
    const before = (await watchOf(this.#store(), subscription.id)) ?? begun(subscription)
    if (subscription.value['status'] === 'requested') {
      await this.#tell(subscription, watched, { ...before, isPending: true })
      return
    }
    const watch = await this.#looked(watched, session, before)
    if (watch.isPending && watch.nextAt <= now) await this.#tell(subscription, watched, watch)
    else if (watch !== before) await keepWatch(this.#store(), subscription.id, watch)
  }

  /** What is new since a watch, as the session may see it; the same watch where nothing is. */
  async #looked({ type, filters }: Watched, session: Session, watch: Watch): Promise<Watch> {
    const { vault, clock } = this.#options
    // Long after it nothing can have been written before it by a clock that differs a little.
    const isSettled = clock.now() - watch.upTo > OVERLAP_MS
    const since = epochMs(Math.max(0, isSettled ? watch.upTo + 1 : watch.upTo - OVERLAP_MS))
    const fresh: Opened[] = []
    // As a search, so that nobody learns by a knock what he is shown masked.
    const about = { types: [type], filters, sort: [] }
    const asked = await askedForSearch({ session, log: newCallLog() }, about, 'past')
    const judge = (opened: Opened) => {
      fresh.push(opened)
      return asked.judge(opened)
    }
    const query = { type, since, limit: PAGE, without: new Set(watch.seen) }
    let isFitting = false
    for (let after: PastPlace | undefined; ;) {
      const page = await vault.past({ ...query, ...(after && { after }) }, { ...asked, judge })
      isFitting ||= page.versions.some((opened) => isFittingTo(filters, opened))
      after = page.next
      if (after === undefined) break
    }
    if (fresh.length === 0) return watch
    const upTo = epochMs(Math.max(watch.upTo, ...fresh.map(({ at }) => at)))
    const recent = fresh.filter(({ at }) => at >= upTo - OVERLAP_MS).map(nameOf)
    return {
      ...{ ...watch, upTo, isPending: watch.isPending || isFitting },
      seen: [...recent, ...watch.seen].slice(0, SEEN_MAX),
    }
  }

  /** Knocks, and keeps what came of it. */
  async #tell(subscription: Opened, { endpoint, headers }: Watched, watch: Watch): Promise<void> {
    const { clock } = this.#options
    const isFirst = subscription.value['status'] === 'requested'
    if (watch.nextAt > clock.now()) return
    if (await this.#isAnswered(endpoint, headers)) {
      const done = { ...watch, isPending: false, failures: 0, nextAt: epochMs(0) }
      await keepWatch(this.#store(), subscription.id, done)
      if (isFirst) await this.#put(subscription, { status: 'active' })
      return
    }
    const failures = watch.failures + 1
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), HOUR_MS)
    const isLast = failures >= (isFirst ? FIRST_FAILURES_MAX : FAILURES_MAX)
    // Whoever asks for it again begins anew, with what is still to be told.
    const later = isLast
      ? { failures: 0, nextAt: epochMs(0) }
      : { failures, nextAt: epochMs(clock.now() + pause) }
    await keepWatch(this.#store(), subscription.id, { ...watch, ...later })
    if (!isLast) return
    await this.#put(subscription, { status: 'error', error: 'The endpoint does not answer' })
  }

  async #isAnswered(endpoint: string, headers: Watched['headers']): Promise<boolean> {
    try {
      const status = await this.#hooks.knock(endpoint, headers)
      return status >= 200 && status < 300
    } catch (error) {
      if (error instanceof AssertionFailure) throw error
      return false
    }
  }

  /** Says in a Subscription what became of it, unless it was changed meanwhile. */
  async #put(subscription: Opened, said: JsonObject): Promise<void> {
    const { id, version } = subscription
    const { value } = subscription
    const rest = Object.fromEntries(Object.entries(value).filter(([member]) => member !== 'error'))
    const name = { type: 'Subscription', id }
    this.changed()
    const put = { ...name, kind: 'put', value: { ...rest, ...said }, expect: version } as const
    const unit = {
      actor: ACTOR,
      act: 'next',
      told: TOLD,
      names: [name],
      plan: () => [put],
    } as const
    await this.#options.vault.write(unit)
  }

  #store(): WatchStore {
    return { ...this.#options, key: this.#hooks.key }
  }

  [Symbol.dispose](): void {
    this.#isOver = true
    this.#next()
  }
}

/** A subscription watches from when it was written. */
const begun = ({ at }: Opened): Watch => ({
  ...{ upTo: at, seen: [], isPending: false, failures: 0, nextAt: epochMs(0) },
})

function isFittingTo(filters: readonly Filter[], opened: Opened): boolean {
  if (opened.isGone) return false
  const { type, id, at, value } = opened
  const entry = { type, id, lastUpdated: at, values: indexValuesOf(value) }
  return filters.every((filter) => fulfils(entry, filter, new Map()))
}

const nameOf = ({ type, id, version }: Opened): string => `${type}/${id}/${version}`

const ACTOR = 'subscriptions'
const TOLD = { account: accountOf(ACTOR) }
const WATCHING = [['status', 'requested,active']] as const
/** Subscriptions that a site tends. */
const HOOKS_MAX = 256
const NO_MORE = { status: 'error', error: 'Whoever subscribed may no more' }
const TICK_MS = 2 * SECOND_MS
/** After which subscriptions that another daemon took in are looked for. */
const KNOWN_MS = 5 * MINUTE_MS
/** Looked at twice, for clocks of several daemons that differ. */
const OVERLAP_MS = 10 * SECOND_MS
const PAGE = 200
/** Pauses double from this to an hour; so many knocks come to about half a day. */
const FIRST_PAUSE_MS = 5 * SECOND_MS
const FAILURES_MAX = 20
const FIRST_FAILURES_MAX = 3
