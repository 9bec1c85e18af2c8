/**
 * What the answers of a foreign KME mean: refusals by status and words, and whether keys are those that
 * were asked for.
 *
 * Tolerant of how a KME says a thing, strict about what matters: number, length, identity.
 *
 * @see ETSI GS QKD 014 V1.1.1 §5.3, §6
 * @module
 */

import { Refusal } from '#base'
import { drop, type ForeignKey } from './client-keys.ts'
import { KmeClientRefusal } from './client-refusal.ts'
import { readJson, type JsonValue } from './json.ts'

/** What a KME says of itself. Undefined what it does not say, or says as 0. */
export interface ForeignStatus {
  /** Who is who, as the KME names them: texts; undefined what is none. */
  readonly sourceKme: string | undefined
  readonly targetKme: string | undefined
  readonly masterSae: string | undefined
  readonly slaveSae: string | undefined
  /** Bits of a key where no size is asked for. */
  readonly keySizeBits: number | undefined
  readonly minKeySizeBits: number | undefined
  readonly maxKeySizeBits: number | undefined
  readonly maxKeysPerRequest: number | undefined
  /** Of one request, beside the slave in its path. */
  readonly maxAdditionalSlaves: number | undefined
  readonly storedKeys: number | undefined
}

/** The methods of the standard. */
export type KmeCall = 'status' | 'enc_keys' | 'dec_keys'

/** Reads a status and clears `body`. @throws KmeClientRefusal `KME_CLIENT_ANSWER_INVALID` */
export function statusIn(body: Uint8Array): ForeignStatus {
  const said = objectIn(body)
  if (said === undefined) {
    throw new KmeClientRefusal('KME_CLIENT_ANSWER_INVALID', 'Expected of the KME a status')
  }
  const known = (name: string): number | undefined => {
    const value = said.get(name)
    return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined
  }
  const named = (name: string): string | undefined => {
    const value = said.get(name)
    return typeof value === 'string' && NAME.test(value) ? value : undefined
  }
  return {
    sourceKme: named('source_KME_ID'),
    targetKme: named('target_KME_ID'),
    masterSae: named('master_SAE_ID'),
    slaveSae: named('slave_SAE_ID'),
    keySizeBits: known('key_size'),
    minKeySizeBits: known('min_key_size'),
    maxKeySizeBits: known('max_key_size'),
    maxKeysPerRequest: known('max_key_per_request'),
    maxAdditionalSlaves: known('max_SAE_ID_count'),
    storedKeys: known('stored_key_count'),
  }
}

/**
 * The keys, if they are as many and as long as asked for and each has a key_ID of its own; else they
 * are cleared.
 *
 * @param wanted.sizeBits   undefined where any length will do
 * @throws KmeClientRefusal `KME_CLIENT_ANSWER_DIFFERS`
 */
export function checked(
  keys: readonly ForeignKey[],
  { number, sizeBits }: { readonly number: number; readonly sizeBits: number | undefined },
): readonly ForeignKey[] {
  const ids = new Set(keys.map(({ id }) => sameId(id)))
  const isLength = keys.every(({ octets: { length } }) =>
    sizeBits === undefined ? length > 0 : length * 8 === sizeBits,
  )
  if (keys.length === number && ids.size === number && isLength) return keys
  drop(keys)
  if (keys.length !== number) throw differs(`${keys.length} keys where ${number} were asked for`)
  if (isLength) throw differs('a key_ID twice')
  throw differs(`a key that has not the ${sizeBits ?? 'least'} bits asked for`)
}

/** The keys by the key_IDs that were asked for, in that order. @throws KmeClientRefusal as `checked` */
export function inOrder(keys: readonly ForeignKey[], ids: readonly string[]): ForeignKey[] {
  const byId = new Map(keys.map((key) => [sameId(key.id), key]))
  const ordered = ids.flatMap((id) => byId.get(sameId(id)) ?? [])
  if (ordered.length === ids.length) return ordered
  drop(keys)
  throw differs('other keys than those asked for')
}

/**
 * What a status other than 200 means. The standard has 400, 401 and 503; an empty pool is any of
 * 400, 404, 429 and 503 in the field. What the KME writes is not repeated: it may hold anything.
 * Clears `body`.
 */
export function refused(status: number, body: Uint8Array, call: KmeCall): KmeClientRefusal {
  const facts = { status }
  const says = objectIn(body)?.get('message')
  const why = (code: KmeClientRefusal['code'], message: string): KmeClientRefusal =>
    new KmeClientRefusal(code, `The KME answered ${status}: ${message}`, { facts })
  if (status === 401 || status === 403) return why('KME_CLIENT_DENIED', 'this SAE is denied')
  if (call === 'dec_keys' && (status === 400 || status === 404)) {
    return why('KME_CLIENT_KEY_NOT_FOUND', 'a key asked for is not there')
  }
  const isBusy = isPassing(status)
  const saysSo = typeof says === 'string' && /enough|exhausted|insufficient|no key/i.test(says)
  if (call === 'enc_keys' && (isBusy || status === 404 || (status === 400 && saysSo))) {
    return why('KME_CLIENT_EXHAUSTED', 'it has not so many keys now')
  }
  if (isBusy) return why('KME_CLIENT_UNAVAILABLE', 'it cannot answer this now')
  return why('KME_CLIENT_REFUSED', 'it does not take the request')
}

/** Whether a status says that the same request may be answered later: too many requests, unavailable. */
export const isPassing = (status: number): boolean => status === 429 || status === 503

/** UUIDs are the same in either case (RFC 9562 §4). */
const sameId = (id: string): string => id.toLowerCase()

/** Printable, and not too long to be shown. */
const NAME = /^[\x20-\x7e]{1,128}$/

const differs = (got: string): KmeClientRefusal =>
  new KmeClientRefusal('KME_CLIENT_ANSWER_DIFFERS', `The KME gave ${got}`)

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
