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

import { Refusal, utf8 } from '#base'
import { readForeignKeys, type ForeignKey } from './client-keys.ts'
import { KmeClientRefusal } from './client-refusal.ts'
import { readJson, type JsonValue } from './json.ts'

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
}

/**
 * Sends a request over an authenticated connection and waits for its answer, each with a limit.
 *
 * Rejects with a `KmeClientRefusal` `KME_CLIENT_UNANSWERED` or `KME_CLIENT_ANSWER_TOO_LONG`.
 */
export type KmeClientTransport = (request: KmeClientRequest) => Promise<KmeClientResponse>

/** What a KME says of itself. Undefined what it does not say, or says as 0. */
export interface ForeignStatus {
  /** Bits of a key where no size is asked for. */
  readonly keySizeBits: number | undefined
  readonly minKeySizeBits: number | undefined
  readonly maxKeySizeBits: number | undefined
  readonly maxKeysPerRequest: number | undefined
  readonly storedKeys: number | undefined
}

export class KmeClient {
  readonly #ask: KmeClientTransport
  /** Whether the KME has shown that it takes no POST. */
  #getOnly = false

  constructor(transport: KmeClientTransport) {
    this.#ask = transport
  }

  /** What the KME can give for a slave SAE. @throws KmeClientRefusal */
  async status(slave: string): Promise<ForeignStatus> {
    const path = pathOf(slave, 'status')
    const { status, body } = await this.#ask({ method: 'GET', path, body: undefined })
    if (status !== 200) throw refused(status, body, 'status')
    const said = objectIn(body)
    if (said === undefined) {
      throw new KmeClientRefusal('KME_CLIENT_ANSWER_INVALID', 'Expected of the KME a status')
    }
    const known = (name: string): number | undefined => {
      const value = said.get(name)
      return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
        ? value
        : undefined
    }
    return {
      keySizeBits: known('key_size'),
      minKeySizeBits: known('min_key_size'),
      maxKeySizeBits: known('max_key_size'),
      maxKeysPerRequest: known('max_key_per_request'),
      storedKeys: known('stored_key_count'),
    }
  }

  /**
   * Fresh keys, which the slave SAE can have by their key_IDs. Asked for once, whatever happens.
   *
   * @throws KmeClientRefusal
   */
  async encKeys(
    slave: string,
    { number, sizeBits }: { readonly number: number; readonly sizeBits: number },
  ): Promise<readonly ForeignKey[]> {
    const path = pathOf(slave, 'enc_keys')
    const post = { path, json: JSON.stringify({ number, size: sizeBits }) }
    const get = `${path}?number=${number}&size=${sizeBits}`
    return checked(await this.#keysOf('enc_keys', post, [get]), { number, sizeBits })
  }

  /**
   * Keys that a master SAE has had, in the order of `ids`. Asked for once, whatever happens.
   *
   * @throws KmeClientRefusal
   */
  async decKeys(
    master: string,
    { ids, sizeBits }: { readonly ids: readonly string[]; readonly sizeBits: number },
  ): Promise<readonly ForeignKey[]> {
    const path = pathOf(master, 'dec_keys')
    const post = { path, json: JSON.stringify({ key_IDs: ids.map((id) => ({ key_ID: id })) }) }
    const gets = ids.map((id) => `${path}?key_ID=${encodeURIComponent(id)}`)
    const keys = await this.#keysOf('dec_keys', post, gets)
    const found = checked(keys, { number: ids.length, sizeBits })
    const byId = new Map(found.map((key) => [sameId(key.id), key]))
    const ordered = ids.flatMap((id) => byId.get(sameId(id)) ?? [])
    if (ordered.length === ids.length) return ordered
    drop(found)
    throw differs('other keys than those asked for')
  }

  /** By POST, or by GET where the KME has said that it takes no POST: then it has not acted on it. */
  async #keysOf(
    call: 'enc_keys' | 'dec_keys',
    { path, json }: { readonly path: string; readonly json: string },
    gets: readonly string[],
  ): Promise<readonly ForeignKey[]> {
    if (!this.#getOnly) {
      const { status, body } = await this.#ask({ method: 'POST', path, body: utf8(json) })
      if (status === 200) return readForeignKeys(body)
      if (status !== 405 && status !== 501) throw refused(status, body, call)
      this.#getOnly = true
      body.fill(0)
    }
    const keys: ForeignKey[] = []
    try {
      for (const get of gets) {
        const { status, body } = await this.#ask({ method: 'GET', path: get, body: undefined })
        if (status !== 200) throw refused(status, body, call)
        keys.push(...readForeignKeys(body))
      }
      return keys
    } catch (error) {
      drop(keys)
      throw error
    }
  }
}

/** Clears keys that nobody will use. */
export function drop(keys: readonly ForeignKey[]): void {
  for (const { octets } of keys) octets[Symbol.dispose]()
}

function checked(
  keys: readonly ForeignKey[],
  { number, sizeBits }: { readonly number: number; readonly sizeBits: number },
): readonly ForeignKey[] {
  const ids = new Set(keys.map(({ id }) => sameId(id)))
  const isLength = keys.every(({ octets }) => octets.reveal().length * 8 === sizeBits)
  if (keys.length === number && ids.size === number && isLength) return keys
  drop(keys)
  if (keys.length !== number) throw differs(`${keys.length} keys where ${number} were asked for`)
  if (isLength) throw differs('a key_ID twice')
  throw differs(`a key that has not the ${sizeBits} bits asked for`)
}

/** UUIDs are the same in either case (RFC 9562 §4). */
const sameId = (id: string): string => id.toLowerCase()

const differs = (got: string): KmeClientRefusal =>
  new KmeClientRefusal('KME_CLIENT_ANSWER_DIFFERS', `The KME gave ${got}`)

const pathOf = (sae: string, call: string): string =>
  `/api/v1/keys/${encodeURIComponent(sae)}/${call}`

/**
 * What a status other than 200 means. The standard has 400, 401 and 503; an empty pool is any of
 * 400, 404, 429 and 503 in the field. What the KME writes is not repeated: it may hold anything.
 */
function refused(status: number, body: Uint8Array, call: string): KmeClientRefusal {
  const facts = { status }
  const says = objectIn(body)?.get('message')
  const why = (code: KmeClientRefusal['code'], message: string): KmeClientRefusal =>
    new KmeClientRefusal(code, `The KME answered ${status}: ${message}`, { facts })
  if (status === 401 || status === 403) return why('KME_CLIENT_DENIED', 'this SAE is denied')
  if (call === 'dec_keys' && (status === 400 || status === 404)) {
    return why('KME_CLIENT_KEY_NOT_FOUND', 'a key asked for is not there')
  }
  const isEmpty = status === 404 || status === 429 || status === 503
  const saysSo = typeof says === 'string' && /enough|exhausted|insufficient|no key/i.test(says)
  if (call === 'enc_keys' && (isEmpty || (status === 400 && saysSo))) {
    return why('KME_CLIENT_EXHAUSTED', 'it has not so many keys now')
  }
  return why('KME_CLIENT_REFUSED', 'it does not take the request')
}

/** The members of a JSON object, if it is one. Clears the octets. */
function objectIn(body: Uint8Array): ReadonlyMap<string, JsonValue> | undefined {
  try {
    const value = readJson(body)
    return value instanceof Map ? (value as ReadonlyMap<string, JsonValue>) : undefined
  } catch (error) {
    if (error instanceof Refusal) return undefined
    throw error
  } finally {
    body.fill(0)
  }
}
