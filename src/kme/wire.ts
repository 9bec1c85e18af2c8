/**
 * Requests and answers as GS QKD 014 spells them, and nowhere else.
 *
 * @see ETSI GS QKD 014 V1.1.1 §6.1 to §6.6
 * @module
 */

import { concat, isUuid, keyId, saeId, utf8, type KeyId, type SaeId, type SecretBytes } from '#base'
import type { JsonValue } from './json.ts'
import { invalidRequest, MESSAGE } from './refusal.ts'

/** A Key request of §6.2, with defaults filled in. */
export interface KeyRequest {
  readonly number: number
  readonly sizeBits: number
  readonly additionalSlaves: readonly SaeId[]
  /** Names and values of extensions, in order of appearance. */
  readonly mandatory: readonly Extension[]
  readonly optional: readonly Extension[]
}

/** One extension of a request: its name, with a vendor's prefix, and its value. */
export interface Extension {
  readonly name: string
  readonly value: JsonValue
}

/** What a KME allows; members of Status (§6.1). */
export interface KmeLimits {
  readonly keySizeBits: number
  readonly minKeySizeBits: number
  readonly maxKeySizeBits: number
  readonly maxKeysPerRequest: number
  /** Additional slaves; 0 means no multicast. */
  readonly maxSaeIds: number
}

/** Where today's clients differ from each other, or from the text. */
export interface Dialect {
  /**
   * Accept `additional_slave_SAE_IDs: []`. Default true; one conformance suite wants it refused.
   */
  readonly emptyAdditionalSlaves: boolean
  /** Accept `GET …/dec_keys?key_IDs=a,b`, which the standard does not know. Default false. */
  readonly keyIdsQuery: boolean
  /** Pass over members and parameters that the standard does not know. Default false: refuse. */
  readonly unknownMembers: boolean
}

/** The dialect unless told otherwise. */
export const STRICT_DIALECT: Dialect = {
  emptyAdditionalSlaves: true,
  keyIdsQuery: false,
  unknownMembers: false,
}

/** A key in an answer. */
export interface KeyInContainer {
  readonly keyId: KeyId
  readonly octets: SecretBytes
  /** Becomes `key_extension`: JSON of an object. */
  readonly extension?: string
}

/** Reads a Key request (§6.2) from a POST body. @throws KmeRefusal */
export function readKeyRequest(
  body: JsonValue | undefined,
  limits: KmeLimits,
  dialect: Dialect,
): KeyRequest {
  const members = membersOf(body === undefined ? NO_MEMBERS : body, KEY_REQUEST, dialect)
  // Absent has a default; null is no number.
  const { number = 1, size = limits.keySizeBits } = {
    number: members.get('number'),
    size: members.get('size'),
  }
  return {
    number: checkNumber(number, limits),
    sizeBits: checkSize(size, limits),
    additionalSlaves: readSlaves(members.get('additional_slave_SAE_IDs'), limits, dialect),
    mandatory: readExtensions(members.get('extension_mandatory'), 'extension_mandatory'),
    optional: readExtensions(members.get('extension_optional'), 'extension_optional'),
  }
}

/** Reads a Key request from a query: only `number` and `size` (§5.2). @throws KmeRefusal */
export function readKeyQuery(
  query: URLSearchParams,
  limits: KmeLimits,
  dialect: Dialect,
): KeyRequest {
  checkParameters(query, ['number', 'size'], dialect)
  return {
    number: checkNumber(wholeIn(query, 'number') ?? 1, limits),
    sizeBits: checkSize(wholeIn(query, 'size') ?? limits.keySizeBits, limits),
    additionalSlaves: [],
    mandatory: [],
    optional: [],
  }
}

/** Reads Key IDs (§6.4) from a POST body, in order. @throws KmeRefusal */
export function readKeyIds(
  body: JsonValue | undefined,
  limits: KmeLimits,
  dialect: Dialect,
): { readonly keyIds: readonly KeyId[]; readonly extension: Extension[] } {
  if (body === undefined) throw invalidRequest('Expected a body with key_IDs')
  const members = membersOf(body, KEY_IDS, dialect)
  const extension = members.get('key_IDs_extension')
  const list = members.get('key_IDs')
  if (!Array.isArray(list)) throw invalidRequest('key_IDs: expected an array')
  const ids = (list as readonly JsonValue[]).map((item) => {
    const entry = membersOf(item, KEY_ID, dialect, 'key_IDs')
    objectIn(entry.get('key_ID_extension'), 'key_ID_extension')
    return entry.get('key_ID')
  })
  return {
    keyIds: checkKeyIds(ids, limits),
    extension: extensionsOf(objectIn(extension, 'key_IDs_extension')),
  }
}

/** Reads the one key_ID of a GET (§5.2). @throws KmeRefusal */
export function readKeyIdQuery(
  query: URLSearchParams,
  limits: KmeLimits,
  dialect: Dialect,
): readonly KeyId[] {
  const { keyIdsQuery } = dialect
  checkParameters(query, keyIdsQuery ? ['key_ID', 'key_IDs'] : ['key_ID'], dialect)
  const one = query.getAll('key_ID')
  const many = keyIdsQuery ? query.getAll('key_IDs').flatMap((list) => list.split(',')) : []
  const ids = [...one, ...many]
  if (ids.length === 0) throw invalidRequest('key_ID: expected one in the query')
  if (ids.length > 1 && many.length === 0) throw invalidRequest('key_ID: expected only one')
  return checkKeyIds(ids, limits)
}

/** Status (§6.1), spelled as the standard spells it. */
export const toStatus = (
  pool: {
    readonly sourceKme: string
    readonly targetKme: string
    readonly master: SaeId
    readonly slave: SaeId
    readonly storedKeys: number
    readonly maxKeys: number
  },
  limits: KmeLimits,
) => ({
  source_KME_ID: pool.sourceKme,
  target_KME_ID: pool.targetKme,
  master_SAE_ID: pool.master,
  slave_SAE_ID: pool.slave,
  key_size: limits.keySizeBits,
  stored_key_count: pool.storedKeys,
  max_key_count: pool.maxKeys,
  max_key_per_request: limits.maxKeysPerRequest,
  max_key_size: limits.maxKeySizeBits,
  min_key_size: limits.minKeySizeBits,
  max_SAE_ID_count: limits.maxSaeIds,
})

/**
 * A Key container (§6.3), spelled as the standard spells it, as octets.
 *
 * Never a string: strings cannot be cleared. Whoever sends the octets may clear them afterwards.
 * The keys stay the caller's.
 */
export function toKeyContainer(keys: readonly KeyInContainer[]): Uint8Array<ArrayBuffer> {
  const parts = [utf8('{"keys":[')]
  keys.forEach(({ keyId: id, octets, extension }, at) => {
    parts.push(utf8(`${at === 0 ? '' : ','}{"key_ID":"${id}","key":"`), base64Octets(octets))
    const more = extension === undefined ? '' : `,"key_extension":${extension}`
    parts.push(utf8(`"${more}}`))
  })
  const container = concat(...parts, utf8(']}'))
  for (const part of parts) part.fill(0)
  return container as Uint8Array<ArrayBuffer>
}

/** Error (§6.5). `details` is an array of objects, and left out where it says nothing. */
export const toError = (message: string, details?: readonly Readonly<Record<string, string>>[]) =>
  details === undefined ? { message } : { message, details }

/** A slave or master SAE ID out of a path. @throws KmeRefusal */
export function readSaeId(text: string): SaeId {
  try {
    return saeId(decodeURIComponent(text))
  } catch {
    throw invalidRequest('The path does not hold an SAE ID: 1 to 64 characters of a URI segment')
  }
}

function membersOf(
  value: JsonValue,
  known: readonly string[],
  dialect: Dialect,
  place = 'The body',
): ReadonlyMap<string, JsonValue> {
  if (!(value instanceof Map)) throw invalidRequest(`${place}: expected an object`)
  const members = value as ReadonlyMap<string, JsonValue>
  const strange = [...members.keys()].some((name) => !known.includes(name))
  if (strange && !dialect.unknownMembers) {
    throw invalidRequest(`${place}: has a member other than ${known.join(', ')}`)
  }
  return members
}

function checkNumber(value: JsonValue, { maxKeysPerRequest }: KmeLimits): number {
  if (isWhole(value) && value >= 1 && value <= maxKeysPerRequest) return value
  throw invalidRequest(`number: expected a whole number from 1 to ${maxKeysPerRequest}`)
}

/** A size in bits, within the limits. @throws KmeRefusal */
export function checkSize(value: JsonValue, { minKeySizeBits, maxKeySizeBits }: KmeLimits): number {
  const range = `expected a whole number of bits from ${minKeySizeBits} to ${maxKeySizeBits}`
  if (!isWhole(value)) throw invalidRequest(`size: ${range}`)
  if (value % 8 !== 0) throw invalidRequest(MESSAGE.sizeNotOctets)
  if (value >= minKeySizeBits && value <= maxKeySizeBits) return value
  throw invalidRequest(`size: ${range}`)
}

function readSlaves(
  value: JsonValue | undefined,
  { maxSaeIds }: KmeLimits,
  dialect: Dialect,
): readonly SaeId[] {
  const name = 'additional_slave_SAE_IDs'
  if (value === undefined) return []
  if (!Array.isArray(value)) throw invalidRequest(`${name}: expected an array`)
  const items = value as readonly JsonValue[]
  if (items.length === 0 && !dialect.emptyAdditionalSlaves) {
    throw invalidRequest(`${name}: expected at least one SAE ID`)
  }
  if (items.length > maxSaeIds) throw invalidRequest(`${name}: expected at most ${maxSaeIds}`)
  const slaves = items.map((item) => {
    try {
      return saeId(typeof item === 'string' ? item : '')
    } catch {
      throw invalidRequest(`${name}: expected SAE IDs of 1 to 64 URI characters`)
    }
  })
  if (new Set(slaves).size === slaves.length) return slaves
  throw invalidRequest(`${name}: names an SAE twice`)
}

function readExtensions(value: JsonValue | undefined, name: string): readonly Extension[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) throw invalidRequest(`${name}: expected an array of objects`)
  const items = value as readonly JsonValue[]
  if (items.length > EXTENSIONS_MAX) {
    throw invalidRequest(`${name}: expected at most ${EXTENSIONS_MAX} objects`)
  }
  return items.flatMap((item) => {
    if (item instanceof Map) return extensionsOf(item as ReadonlyMap<string, JsonValue>)
    throw invalidRequest(`${name}: expected an array of objects`)
  })
}

const extensionsOf = (members: ReadonlyMap<string, JsonValue> | undefined): Extension[] =>
  [...(members ?? [])].map(([name, value]) => ({ name, value }))

function objectIn(
  value: JsonValue | undefined,
  name: string,
): ReadonlyMap<string, JsonValue> | undefined {
  if (value === undefined) return undefined
  if (value instanceof Map) return value as ReadonlyMap<string, JsonValue>
  throw invalidRequest(`${name}: expected an object`)
}

function checkKeyIds(
  values: readonly (JsonValue | undefined)[],
  { maxKeysPerRequest }: KmeLimits,
): readonly KeyId[] {
  if (values.length === 0 || values.length > maxKeysPerRequest) {
    throw invalidRequest(`key_IDs: expected 1 to ${maxKeysPerRequest}`)
  }
  const ids = values.map((value) => {
    if (typeof value === 'string' && isUuid(value)) return keyId(value)
    throw invalidRequest('key_ID: expected a UUID')
  })
  if (new Set(ids).size === ids.length) return ids
  throw invalidRequest('key_IDs: names a key twice')
}

function checkParameters(
  query: URLSearchParams,
  known: readonly string[],
  { unknownMembers }: Dialect,
): void {
  const strange = [...query.keys()].some((name) => !known.includes(name))
  if (!strange || unknownMembers) return
  throw invalidRequest(`The query has a parameter other than ${known.join(', ')}: use POST`)
}

/** A whole number out of a query, if it is there. @throws KmeRefusal */
export function wholeIn(query: URLSearchParams, name: string): number | undefined {
  const values = query.getAll(name)
  if (values.length === 0) return undefined
  if (values.length === 1 && /^[0-9]{1,9}$/.test(values[0])) return Number(values[0])
  throw invalidRequest(`${name}: expected one whole number in the query`)
}

const isWhole = (value: JsonValue): value is number => Number.isSafeInteger(value)

/** Base64 of RFC 4648 table 1, padded, as octets that can be cleared. */
export function base64Octets(secret: SecretBytes): Uint8Array {
  const octets = secret.reveal()
  const out = new Uint8Array(Math.ceil(octets.length / 3) * 4)
  for (let from = 0, to = 0; from < octets.length; from += 3, to += 4) {
    const left = octets.length - from
    const [a, b, c] = [
      octets[from],
      left > 1 ? octets[from + 1] : 0,
      left > 2 ? octets[from + 2] : 0,
    ]
    out[to] = ALPHABET[a >> 2]
    out[to + 1] = ALPHABET[((a & 3) << 4) | (b >> 4)]
    out[to + 2] = left > 1 ? ALPHABET[((b & 15) << 2) | (c >> 6)] : PAD
    out[to + 3] = left > 2 ? ALPHABET[c & 63] : PAD
  }
  return out
}

const ALPHABET = utf8('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')
const [PAD] = utf8('=')
const NO_MEMBERS: ReadonlyMap<string, JsonValue> = new Map()
const KEY_REQUEST = [
  'number',
  'size',
  'additional_slave_SAE_IDs',
  'extension_mandatory',
  'extension_optional',
]
const KEY_IDS = ['key_IDs', 'key_IDs_extension']
const KEY_ID = ['key_ID', 'key_ID_extension']
/** Objects in one list of extensions. */
const EXTENSIONS_MAX = 32
