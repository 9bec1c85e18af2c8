/**
 * A client of ETSI GS QKD 014, as an SAE would be one: asks a KME of any maker for keys.
 *
 * Pure request → response: whoever makes one brings the connection. It copes with what KMEs in the
 * field do differently from the text, and is strict about what matters: as many keys as asked for, of
 * the length asked for, each key_ID once. It never repeats a request that may have been acted on.
 *
 * Does not authenticate the KME: the connection does. Nobody can tell from keys how they were made.
 *
 * @see ETSI GS QKD 014 V1.1.1 §5, §6
 * @module
 */

import { utf8 } from '#base'
import {
  checked,
  inOrder,
  isPassing,
  refused,
  statusIn,
  type ForeignStatus,
  type KmeCall,
} from './client-answers.ts'
import { drop, readForeignKeys, type ForeignKey } from './client-keys.ts'
import { KmeClientRefusal, type KmeClientRefusalCode } from './client-refusal.ts'

/** One request to a KME. */
export interface KmeClientRequest {
  readonly method: 'GET' | 'POST'
  /** Path and query, below the address of the KME. */
  readonly path: string
  /** JSON; undefined of a GET. */
  readonly body: Uint8Array | undefined
}

/** One answer of a KME. */
export interface KmeClientResponse {
  readonly status: number
  /** The client's from then on, and cleared by it. */
  readonly body: Uint8Array
  /** What `Retry-After` says, in seconds, if it does. */
  readonly retryAfterS?: number
}

/**
 * Sends a request over an authenticated connection and waits for its answer, each with a limit.
 *
 * Rejects with a `KmeClientRefusal`: `KME_CLIENT_UNREACHED` only if no octet of the request can have
 * come to the KME, else `KME_CLIENT_UNANSWERED` or `KME_CLIENT_ANSWER_TOO_LONG`.
 */
export type KmeClientTransport = (request: KmeClientRequest) => Promise<KmeClientResponse>

/** How often a request is tried that certainly was not acted on, and how time passes between. */
export interface KmeClientPatience {
  /** Tries of one request, the first included. */
  readonly triesMax: number
  readonly pause: (milliseconds: number) => Promise<void>
}

/** What keys are asked for. */
export interface KeyWish {
  /** Left out: 1. */
  readonly number?: number
  /** Left out: what the KME gives by itself, of any length. */
  readonly sizeBits?: number
  /** Further slaves that can have the same keys. */
  readonly additionalSlaves?: readonly string[]
  /** Objects of one name and value each: refused unless the KME keeps them all. */
  readonly extensionMandatory?: readonly KeyExtension[]
  readonly extensionOptional?: readonly KeyExtension[]
}

export type KeyExtension = Readonly<Record<string, unknown>>

/** Keys that are fetched by their key_IDs. */
export interface KeysSought {
  readonly ids: readonly string[]
  /** Left out: of any length. */
  readonly sizeBits?: number
}

export class KmeClient {
  readonly #transport: KmeClientTransport
  readonly #patience: KmeClientPatience
  /** Whether the KME has shown that it takes no POST. */
  #getOnly = false

  /** @param patience   without it, nothing is ever asked for twice */
  constructor(transport: KmeClientTransport, patience: KmeClientPatience = NO_PATIENCE) {
    this.#transport = transport
    this.#patience = patience
  }

  /** What the KME can give for a slave SAE. @throws KmeClientRefusal */
  async getStatus(slave: string): Promise<ForeignStatus> {
    const request = { method: 'GET', path: pathOf(slave, 'status'), body: undefined } as const
    const { status, body } = await this.#ask(request)
    if (status !== 200) throw refused(status, body, 'status')
    return statusIn(body)
  }

  /**
   * Keys that one request may name, by the KME's status. Who gives no status is asked for few.
   *
   * @throws KmeClientRefusal `KME_CLIENT_SIZE_UNMET`, and what `getStatus` throws
   */
  async keysAtOnce(otherSae: string, sizeBits?: number): Promise<number> {
    const status = await this.#statusIfSaid(otherSae)
    const { minKeySizeBits: least = sizeBits ?? 0, maxKeySizeBits: most = sizeBits ?? 0 } = status
    if (sizeBits !== undefined && (sizeBits < least || sizeBits > most)) {
      const message = `Expected a KME that gives keys of ${sizeBits} bits, its are ${least} to ${most}`
      throw new KmeClientRefusal('KME_CLIENT_SIZE_UNMET', message, { facts: { least, most } })
    }
    return Math.min(status.maxKeysPerRequest ?? KEYS_UNKNOWN, KEYS_AT_ONCE_MAX)
  }

  /**
   * Fresh keys, which the slave SAE can have by their key_IDs, in one request.
   *
   * @throws KmeClientRefusal
   */
  encKeys(slave: string, wish: KeyWish = {}): Promise<readonly ForeignKey[]> {
    return this.#encKeys(slave, wish, this.#patience)
  }

  /**
   * Fresh keys in as many requests as the KME's limits need; where fewer are there than asked for at
   * once, fewer are asked for. Each answer is given out before the next request: what fails later
   * takes nothing away.
   *
   * @throws KmeClientRefusal once not even one key can be had
   */
  async *encKeysInParts(
    slave: string,
    { number: all = 1, ...wish }: KeyWish,
  ): AsyncGenerator<readonly ForeignKey[], void> {
    let most = await this.keysAtOnce(slave, wish.sizeBits)
    for (let left = all; left > 0;) {
      const number = Math.min(most, left)
      const patience = number === 1 ? this.#patience : NO_PATIENCE
      try {
        const keys = await this.#encKeys(slave, { ...wish, number }, patience)
        left -= number
        yield keys
      } catch (error) {
        // Where fewer are there than asked for, a KME may give none.
        if (number === 1 || !isNothingGone(error)) throw error
        most = Math.floor(number / 2)
      }
    }
  }

  /**
   * Keys that a master SAE has had, in the order of `ids`: all of them or a refusal. Of a KME that
   * takes GET only, what came before a refusal is lost; see `decKeysInParts`.
   *
   * @throws KmeClientRefusal
   */
  async decKeys(master: string, sought: KeysSought): Promise<readonly ForeignKey[]> {
    const keys: ForeignKey[] = []
    try {
      for await (const part of this.#decKeys(master, sought)) keys.push(...part)
      return keys
    } catch (error) {
      drop(keys)
      throw error
    }
  }

  /**
   * Keys that a master SAE has had, in the order of `ids`, in as many requests as the KME's limits
   * need. Each answer is given out before the next request.
   *
   * @throws KmeClientRefusal
   */
  async *decKeysInParts(
    master: string,
    { ids, ...sought }: KeysSought,
  ): AsyncGenerator<readonly ForeignKey[], void> {
    const most = await this.keysAtOnce(master, sought.sizeBits)
    for (let at = 0; at < ids.length; at += most) {
      yield* this.#decKeys(master, { ids: ids.slice(at, at + most), ...sought })
    }
  }

  async #encKeys(
    slave: string,
    wish: KeyWish,
    patience: KmeClientPatience,
  ): Promise<readonly ForeignKey[]> {
    const { number = 1, sizeBits } = wish
    const path = pathOf(slave, 'enc_keys')
    const answer = await this.#post({ path, json: requestOf(wish) }, 'enc_keys', patience)
    if (answer !== undefined) return checked(answer, { number, sizeBits })
    if (!isSimple(wish)) {
      const message = 'The KME takes GET only, which has no additional slaves and no extensions'
      throw new KmeClientRefusal('KME_CLIENT_REFUSED', message)
    }
    const size = sizeBits === undefined ? '' : `&size=${sizeBits}`
    const keys = await this.#get(`${path}?number=${number}${size}`, 'enc_keys', patience)
    return checked(keys, { number, sizeBits })
  }

  /** In one answer by POST, else one key for each. */
  async *#decKeys(
    master: string,
    { ids, sizeBits }: KeysSought,
  ): AsyncGenerator<readonly ForeignKey[], void> {
    const path = pathOf(master, 'dec_keys')
    const json = { key_IDs: ids.map((id) => ({ key_ID: id })) }
    const answer = await this.#post({ path, json }, 'dec_keys', this.#patience)
    if (answer !== undefined) {
      yield inOrder(checked(answer, { number: ids.length, sizeBits }), ids)
      return
    }
    for (const id of ids) {
      const one = `${path}?key_ID=${encodeURIComponent(id)}`
      const keys = await this.#get(one, 'dec_keys', this.#patience)
      yield inOrder(checked(keys, { number: 1, sizeBits }), [id])
    }
  }

  /** Undefined where the KME has said that it takes no POST: then it has not acted on it. */
  async #post(
    { path, json }: { readonly path: string; readonly json: object },
    call: KmeCall,
    patience: KmeClientPatience,
  ): Promise<readonly ForeignKey[] | undefined> {
    if (this.#getOnly) return undefined
    const request = { method: 'POST', path, body: utf8(JSON.stringify(json)) } as const
    const { status, body } = await this.#ask(request, patience)
    if (status === 200) return readForeignKeys(body)
    if (status !== 405 && status !== 501) throw refused(status, body, call)
    this.#getOnly = true
    body.fill(0)
    return undefined
  }

  async #get(
    path: string,
    call: KmeCall,
    patience: KmeClientPatience,
  ): Promise<readonly ForeignKey[]> {
    const { status, body } = await this.#ask({ method: 'GET', path, body: undefined }, patience)
    if (status !== 200) throw refused(status, body, call)
    return readForeignKeys(body)
  }

  async #statusIfSaid(otherSae: string): Promise<Partial<ForeignStatus>> {
    try {
      return await this.getStatus(otherSae)
    } catch (error) {
      if (error instanceof KmeClientRefusal && UNSAID.has(error.code)) return {}
      throw error
    }
  }

  /**
   * Asks, and asks again only where the KME certainly did nothing: it was not reached, or it says
   * that it gives nothing now.
   */
  async #ask(
    request: KmeClientRequest,
    { triesMax, pause }: KmeClientPatience = this.#patience,
  ): Promise<KmeClientResponse> {
    for (let tried = 1; ; tried++) {
      let waitMs = Math.min(PAUSE_MS * 2 ** (tried - 1), PAUSE_MS_MAX)
      try {
        const answer = await this.#transport(request)
        if (!isPassing(answer.status) || tried >= triesMax) return answer
        answer.body.fill(0)
        if (answer.retryAfterS !== undefined) waitMs = answer.retryAfterS * 1000
      } catch (error) {
        const isSafe = error instanceof KmeClientRefusal && error.code === 'KME_CLIENT_UNREACHED'
        if (!isSafe || tried >= triesMax) throw error
      }
      await pause(Math.min(waitMs, PAUSE_MS_MAX))
    }
  }
}

/** A Key request of §6.2. Members that say nothing are left out: some KMEs refuse an empty list. */
function requestOf(wish: KeyWish): object {
  const { number = 1, sizeBits: size } = wish
  const lists = {
    additional_slave_SAE_IDs: wish.additionalSlaves,
    extension_mandatory: wish.extensionMandatory,
    extension_optional: wish.extensionOptional,
  }
  const said = Object.entries(lists).filter(([, list]) => list !== undefined && list.length > 0)
  return { number, size, ...Object.fromEntries(said) }
}

/** Whether GET can say it all. What is optional may be left unsaid. */
const isSimple = ({ additionalSlaves = [], extensionMandatory = [] }: KeyWish): boolean =>
  additionalSlaves.length === 0 && extensionMandatory.length === 0

const isNothingGone = (error: unknown): boolean =>
  error instanceof KmeClientRefusal && NOTHING_GONE.has(error.code)

const pathOf = (sae: string, call: KmeCall): string =>
  `/api/v1/keys/${encodeURIComponent(sae)}/${call}`

const NO_PATIENCE: KmeClientPatience = { triesMax: 1, pause: () => Promise.resolve() }
/** Before the second try, where the KME does not say when; twice that before each further one. */
const PAUSE_MS = 250
const PAUSE_MS_MAX = 30_000
/** Of a KME that does not say how many it gives. */
const KEYS_UNKNOWN = 8
/** Of any KME: what is lost with one answer. */
const KEYS_AT_ONCE_MAX = 128
/** For which fewer keys may be had. */
const NOTHING_GONE: ReadonlySet<KmeClientRefusalCode> = new Set([
  'KME_CLIENT_EXHAUSTED',
  'KME_CLIENT_REFUSED',
])
const UNSAID: ReadonlySet<KmeClientRefusalCode> = new Set([
  'KME_CLIENT_REFUSED',
  'KME_CLIENT_ANSWER_INVALID',
])
