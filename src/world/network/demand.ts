/**
 * Applications of hospitals that ask for keys, over a day: GS QKD 014 requests into the real KMEs.
 *
 * The master asks, and again if there is nothing to be had or no answer; then its slave fetches the
 * keys at the other end, and now and then asks for them once more, which must be refused.
 *
 * @module
 */

import { saeId, utf8, type SaeId, type SeededRandom, type SiteId } from '#base'
import type { SimulatedTime } from '../ports/mod.ts'
import type { Accounts } from './accounts.ts'
import type { Run } from './node.ts'
import type { ScenarioPair } from './scenario.ts'

export interface DemandInput {
  readonly pairs: readonly ScenarioPair[]
  /** The daemon of a site; undefined while there is none. */
  readonly nodeOf: (site: SiteId) => Run | undefined
  readonly time: SimulatedTime
  readonly chance: SeededRandom
  readonly accounts: Accounts
}

/** The application of a site. */
export const applicationAt = (site: SiteId): SaeId => saeId(`ward.${site}`)

interface KeyContainer {
  readonly keys: readonly { readonly key_ID: string; readonly key: string }[]
}

type Answer =
  | { readonly kind: 'answer'; readonly status: number; readonly body: KeyContainer }
  /** The daemon is down, or went down: nobody knows what it did. */
  | { readonly kind: 'none' }

export class Demand {
  /** How long each request waited for its keys, milliseconds. */
  readonly waitsMs: number[] = []
  /** Requests in hand. */
  open = 0
  readonly #input: DemandInput

  constructor(input: DemandInput) {
    this.#input = input
  }

  /** Spreads so many requests over a time; by day there are more of them. */
  plan(requests: number, minutes: number): void {
    const { time } = this.#input
    for (let one = 0; one < requests; one++) {
      time.after(this.#moment(minutes) * 60_000, () => void this.#request())
    }
  }

  /** A moment within so many minutes of a day that begins at midnight. */
  #moment(minutes: number): number {
    const { chance } = this.#input
    for (;;) {
      const at = chance.unit() * minutes
      const busy = 1 - DAY_SWING * Math.cos((2 * Math.PI * at) / MINUTES_OF_DAY)
      if (minutes < MINUTES_OF_DAY || chance.chance(busy / (1 + DAY_SWING))) return at
    }
  }

  async #request(): Promise<void> {
    const { pairs, chance, accounts, time } = this.#input
    accounts.count('requests')
    this.open++
    const { a, b } = chance.pick(pairs)
    const [master, slave] = chance.chance(0.5) ? [a, b] : [b, a]
    const number = 1 + chance.below(KEYS_MAX)
    const begun = time.elapsedMs
    const made = await this.#make(master, slave, number)
    if (made === undefined) accounts.count('requests refused')
    else {
      this.waitsMs.push(time.elapsedMs - begun)
      accounts.count(time.elapsedMs - begun < SOON_MS ? 'requests served' : 'requests waited')
      await this.#pause(1000 * (1 + chance.below(FETCH_SECONDS_MAX)))
      await this.#fetch(slave, master, made)
    }
    this.open--
  }

  /** Asks until there are keys, or the application gives up. */
  async #make(
    master: SiteId,
    slave: SiteId,
    number: number,
  ): Promise<KeyContainer['keys'] | undefined> {
    const { accounts } = this.#input
    const path = `/api/v1/keys/${applicationAt(slave)}/enc_keys`
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      if (attempt > 0) await this.#pause(AGAIN_MS)
      const answer = await this.#call(master, path, { number, size: 256 })
      if (answer.kind === 'none') accounts.count('requests without an answer')
      else if (answer.status === 200) {
        accounts.made(answer.body.keys)
        return answer.body.keys
      } else {
        accounts.count(`enc_keys answered ${String(answer.status)}`)
        accounts.check('enc_keys refuses by 503 only', answer.status === 503, () => path)
      }
    }
    return undefined
  }

  async #fetch(slave: SiteId, master: SiteId, made: KeyContainer['keys']): Promise<void> {
    const { accounts, chance } = this.#input
    const path = `/api/v1/keys/${applicationAt(master)}/dec_keys`
    const names = made.map(({ key_ID }) => ({ key_ID }))
    let isDoubtful = false
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      if (attempt > 0) await this.#pause(AGAIN_MS)
      const answer = await this.#call(slave, path, { key_IDs: names })
      if (answer.kind === 'none') isDoubtful = true
      else if (answer.status === 200) {
        accounts.fetched(answer.body.keys)
        if (chance.chance(TWICE_SHARE)) await this.#fetchAgain(slave, path, names)
        return
      } else if (answer.status === 400) {
        // Burned with an answer that was lost, withdrawn with a declared node, or too old.
        accounts.count(
          isDoubtful ? 'keys burned with a lost answer' : 'keys withdrawn',
          made.length,
        )
        return
      }
    }
    accounts.count('keys never fetched', made.length)
  }

  async #fetchAgain(slave: SiteId, path: string, names: readonly object[]): Promise<void> {
    const again = await this.#call(slave, path, { key_IDs: names })
    if (again.kind === 'none') return
    this.#input.accounts.check('a second fetch is refused', again.status !== 200, () => path)
  }

  async #call(site: SiteId, path: string, body: object): Promise<Answer> {
    const run = this.#input.nodeOf(site)
    if (run === undefined) return { kind: 'none' }
    const answer = await Promise.race([handled(run, site, path, body), run.over])
    if (answer === 'over') return { kind: 'none' }
    const { status } = answer
    const parsed: unknown = JSON.parse(new TextDecoder().decode(utf8Of(answer.body)))
    return { kind: 'answer', status, body: parsed as KeyContainer }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resume) => void this.#input.time.after(ms, () => resume()))
  }
}

const utf8Of = (body: Uint8Array | string): Uint8Array =>
  typeof body === 'string' ? utf8(body) : body

const handled = (run: Run, site: SiteId, path: string, body: object) =>
  run.kme.handle({
    ...{ method: 'POST', path, query: new URLSearchParams(), contentType: 'application/json' },
    body: utf8(JSON.stringify(body)),
    client: {
      ...{ commonName: applicationAt(site), uriNames: [] },
      ...{ serialNumber: '00', fingerprint: '00'.repeat(32) },
    },
  })

const MINUTES_OF_DAY = 1440
/** At noon there are so much more requests than on average, at midnight so much fewer. */
const DAY_SWING = 0.6
/** A request is for up to so many keys of 256 bits. */
const KEYS_MAX = 31
/** Served within this it has not waited. */
const SOON_MS = 1000
/** An application asks again after this, and gives up after a quarter of an hour. */
const AGAIN_MS = 30_000
const ATTEMPTS_MAX = 30
const FETCH_SECONDS_MAX = 20
/** Share of fetches that are tried a second time. */
const TWICE_SHARE = 0.05
