/**
 * Requests and answers as GS QKD 020 spells them, and nowhere else.
 *
 * @see ETSI GS QKD 020 V1.1.1 (ext_key_container, ack_containers, void_container, version_container)
 * @module
 */

import { concat, isUuid, keyId, saeId, utf8, type KeyId, type SaeId, type SecretBytes } from '#base'
import { liftValues } from './etsi-020-lift.ts'
import { refusedAs, type ProblemType } from './etsi-020-problem.ts'
import { readJson, type JsonValue } from './json.ts'
import { KmeRefusal } from './refusal.ts'
import { base64Octets } from './wire.ts'

/** Which applications a key is shared between. */
export interface Sharing {
  readonly initiator: SaeId
  readonly targets: readonly SaeId[]
}

/** Extensions by name; maps, because names come from outside. */
export type Extensions = ReadonlyMap<string, JsonValue>

/** A key that is handed over. Whoever has it owns the octets. */
export interface ExternalKey {
  readonly keyId: KeyId
  readonly octets: SecretBytes
  readonly extension?: Extensions | undefined
}

/** A request to take keys. */
export interface Transfer extends Sharing {
  readonly keys: readonly ExternalKey[]
  /** Where to acknowledge; undefined asks for the synchronous mode. */
  readonly callback: string | undefined
  readonly mandatory: Extensions
  readonly optional: Extensions
}

/** A request to void keys. */
export interface VoidRequest extends Sharing {
  /** Empty: all that are shared between these. */
  readonly keyIds: readonly KeyId[]
  readonly callback: string | undefined
}

/** What has become of keys. */
export type AckStatus = (typeof ACK_STATUSES)[number]

/** What has become of some keys that these applications share. */
export interface Ack extends Sharing {
  readonly keyIds: readonly KeyId[]
  readonly status: AckStatus
}

/** What a KME says that it can do. */
export interface Versions {
  readonly versions: readonly string[]
  readonly capabilities: readonly string[]
}

/** Reads a request to take keys, and clears the body. Whoever gets it owns the keys. @throws KmeRefusal */
export function readTransfer(body: Uint8Array, limits: { readonly octetsMax: number }): Transfer {
  const values = liftValues(body)
  let isRead = false
  try {
    const members = objectOf(body, 'invalid-parameter')
    const list = needed(members, 'keys')
    if (!Array.isArray(list)) throw invalid('keys', 'expected an array')
    const items = list as readonly JsonValue[]
    if (items.length < 1 || items.length > TRANSFER_KEYS_MAX) {
      throw invalid('keys', `expected 1 to ${TRANSFER_KEYS_MAX} keys`)
    }
    const keys = items.map((item) => keyOf(item, values, limits.octetsMax))
    if (new Set(keys.map((key) => key.keyId)).size < keys.length) {
      throw invalid('keys', 'names a key_id twice')
    }
    const used = new Set(keys.map(({ octets }) => octets))
    if (used.size < values.length) throw invalid('keys', 'has more values than keys')
    const transfer = {
      ...sharingOf(members),
      keys,
      callback: callbackOf(members),
      mandatory: extensionsOf(members, 'extension_mandatory'),
      optional: extensionsOf(members, 'extension_optional'),
    }
    isRead = true
    return transfer
  } finally {
    body.fill(0)
    if (!isRead) for (const octets of values) octets?.[Symbol.dispose]()
  }
}

/** A request to take keys, as octets, for there are keys in it; the caller clears them. */
export function transferOctets(transfer: Transfer): Uint8Array {
  const { keys, initiator, targets, callback, mandatory, optional } = transfer
  const rest = jsonText(
    new Map<string, JsonValue>([
      ['initiator_sae_id', initiator],
      ['target_sae_ids', targets],
      ...(callback === undefined ? [] : [['ack_callback_url', callback] as const]),
      ...(mandatory.size === 0 ? [] : [['extension_mandatory', mandatory] as const]),
      ...(optional.size === 0 ? [] : [['extension_optional', optional] as const]),
    ]),
  )
  const parts = [utf8('{"keys":[')]
  keys.forEach(({ keyId: id, octets, extension }, at) => {
    const more = extension === undefined ? '' : `,"extension":${jsonText(extension)}`
    parts.push(
      ...[utf8(`${at === 0 ? '' : ','}{"key_id":"${id}","value":"`), base64Octets(octets)],
      utf8(`"${more}}`),
    )
  })
  const octets = concat(...parts, utf8(`],${rest.slice(1)}`))
  for (const part of parts) part.fill(0)
  return octets
}

/** Reads acknowledgements, from a request or from a synchronous answer. @throws KmeRefusal */
export function readAcks(body: Uint8Array): readonly Ack[] {
  const list = readAs(body, 'ack-not-understood')
  if (!Array.isArray(list)) throw notAcks('expected an array')
  const items = list as readonly JsonValue[]
  if (items.length > ACKS_MAX) throw notAcks(`expected at most ${ACKS_MAX} containers`)
  return items.map((item) => {
    if (!(item instanceof Map)) throw notAcks('expected objects')
    const members = item as Members
    const status = ACK_STATUSES.find((one) => one === members.get('ack_status'))
    if (status === undefined) throw notAcks('an ack_status is none of the standard')
    const ids = members.get('key_id_container')
    if (!Array.isArray(ids)) throw notAcks('expected key_id_container to be an array')
    const entries = ids as readonly JsonValue[]
    if (entries.length > ACKS_MAX) throw notAcks(`expected at most ${ACKS_MAX} key_ids`)
    const keyIds = entries.map((entry) =>
      keyIdOf(entry instanceof Map ? (entry as Members).get('key_id') : undefined),
    )
    return { ...sharingOf(members), keyIds, status }
  })
}

/** Acknowledgements, in containers of no more keys than one may have. */
export const acksText = (acks: readonly Ack[]): string =>
  JSON.stringify(
    acks.flatMap(({ keyIds, status, initiator, targets }) =>
      Array.from({ length: Math.max(1, Math.ceil(keyIds.length / ACKS_MAX)) }, (_, at) => ({
        key_id_container: keyIds
          .slice(at * ACKS_MAX, (at + 1) * ACKS_MAX)
          .map((id) => ({ key_id: id })),
        ack_status: status,
        initiator_sae_id: initiator,
        target_sae_ids: targets,
      })),
    ),
  )

/** Reads a request to void keys. @throws KmeRefusal */
export function readVoid(body: Uint8Array): VoidRequest {
  const members = objectOf(body, 'void-request-not-understood')
  const list = needed(members, 'key_ids')
  if (!Array.isArray(list)) throw invalid('key_ids', 'expected an array')
  const items = list as readonly JsonValue[]
  if (items.length > ACKS_MAX) throw invalid('key_ids', `expected at most ${ACKS_MAX}`)
  const confirmation = members.get('all_confirmation')
  if (confirmation !== undefined && typeof confirmation !== 'boolean') {
    throw invalid('all_confirmation', 'expected true or false')
  }
  if (items.length === 0 && confirmation !== true) {
    throw refusedAs(
      'no-key-ids-or-confirmation',
      'no_all_confirmation',
      'Without key_ids all keys between the SAEs are voided: all_confirmation must be true',
    )
  }
  extensionsOf(members, 'extension')
  const keyIds = [...new Set(items.map(keyIdOf))]
  return { ...sharingOf(members), keyIds, callback: callbackOf(members) }
}

/** A request to void keys. */
export const voidText = ({ keyIds, initiator, targets, callback }: VoidRequest): string =>
  JSON.stringify({
    key_ids: keyIds,
    initiator_sae_id: initiator,
    target_sae_ids: targets,
    ...(callback === undefined ? {} : { ack_callback_url: callback }),
  })

/** Reads what a KME can do. @throws KmeRefusal */
export function readVersions(body: Uint8Array): Versions {
  const members = objectOf(body, 'invalid-parameter')
  const texts = (name: string): readonly string[] => {
    const list = members.get(name) ?? []
    if (!Array.isArray(list)) throw invalid(name, 'expected an array')
    return (list as readonly JsonValue[]).filter((one) => typeof one === 'string')
  }
  return { versions: texts('versions'), capabilities: texts('capabilities') }
}

/** JSON of a value that `readJson` has read. */
export function jsonText(value: JsonValue): string {
  if (value instanceof Map) {
    const members = [...(value as Members)].map(
      ([name, one]) => `${JSON.stringify(name)}:${jsonText(one)}`,
    )
    return `{${members.join(',')}}`
  }
  if (Array.isArray(value)) return `[${(value as readonly JsonValue[]).map(jsonText).join(',')}]`
  return JSON.stringify(value)
}

/** Whether a name is one of an extension: `E`, a Private Enterprise Number, and what it chose. */
export const isExtensionName = (name: string): boolean =>
  EXTENSION_NAME.test(name) && !name.startsWith(`E${ETSI_PEN}_`)

type Members = ReadonlyMap<string, JsonValue>

function keyOf(
  item: JsonValue,
  values: readonly (SecretBytes | undefined)[],
  octetsMax: number,
): ExternalKey {
  if (!(item instanceof Map)) throw invalid('keys', 'expected objects')
  const members = item as Members
  const id = keyIdOf(needed(members, 'key_id'))
  const place = needed(members, 'value')
  const octets =
    typeof place === 'string' && /^[0-9]+$/.test(place) ? values.at(Number(place)) : undefined
  if (octets === undefined || octets.length < 1 || octets.length > octetsMax) {
    throw invalid('value', `expected 1 to ${octetsMax} octets in base64 of RFC 4648 table 1`)
  }
  const extension = extensionsOf(members, 'extension')
  return { keyId: id, octets, extension: extension.size === 0 ? undefined : extension }
}

function sharingOf(members: Members): Sharing {
  const targets = needed(members, 'target_sae_ids')
  if (!Array.isArray(targets)) throw invalid('target_sae_ids', 'expected an array')
  const items = targets as readonly JsonValue[]
  if (items.length < 1 || items.length > TARGETS_MAX) {
    throw invalid('target_sae_ids', `expected 1 to ${TARGETS_MAX} SAE IDs`)
  }
  const saes = items.map((one) => saeIdOf(one, 'target_sae_ids'))
  if (new Set(saes).size < saes.length) throw invalid('target_sae_ids', 'names an SAE twice')
  return {
    initiator: saeIdOf(needed(members, 'initiator_sae_id'), 'initiator_sae_id'),
    targets: saes,
  }
}

function saeIdOf(value: JsonValue, name: string): SaeId {
  try {
    return saeId(typeof value === 'string' ? value : '')
  } catch {
    throw invalid(name, 'expected an SAE ID of 1 to 64 URI characters, without delimiters of paths')
  }
}

function keyIdOf(value: JsonValue | undefined): KeyId {
  if (typeof value === 'string' && isUuid(value)) return keyId(value)
  throw invalid('key_id', 'expected a UUID')
}

function callbackOf(members: Members): string | undefined {
  const url = members.get('ack_callback_url')
  if (url === undefined) return undefined
  if (typeof url === 'string' && url.length <= URL_MAX && url.startsWith('https://')) return url
  throw invalid('ack_callback_url', `expected a URL of https, of at most ${URL_MAX} characters`)
}

function extensionsOf(members: Members, name: string): Extensions {
  const value = members.get(name)
  if (value === undefined) return NONE
  if (!(value instanceof Map)) throw invalid(name, 'expected an object')
  const extensions = value as Members
  if (extensions.size < 1 || extensions.size > ACKS_MAX) {
    throw invalid(name, `expected 1 to ${ACKS_MAX} members`)
  }
  if ([...extensions.keys()].every(isExtensionName)) return extensions
  throw invalid(name, 'expected names of the form E<PEN>_name')
}

function objectOf(body: Uint8Array, type: ProblemType): Members {
  const value = readAs(body, type)
  if (value instanceof Map) return value as Members
  throw refusedAs(type, 'malformed_body', 'Expected the body to be an object')
}

function readAs(body: Uint8Array, type: ProblemType): JsonValue {
  try {
    return readJson(body)
  } catch (error) {
    if (!(error instanceof KmeRefusal)) throw error
    throw refusedAs(type, 'malformed_body', error.message)
  }
}

function needed(members: Members, name: string): JsonValue {
  const value = members.get(name)
  if (value !== undefined) return value
  throw refusedAs('missing-parameters', 'missing_parameters', `Expected the member ${name}`)
}

const invalid = (name: string, expected: string): KmeRefusal =>
  refusedAs('invalid-parameter', name, `${name}: ${expected}`)

const notAcks = (expected: string): KmeRefusal =>
  refusedAs('ack-not-understood', 'ack_not_understood', `Acknowledgements: ${expected}`)

/** What an acknowledgement may say. */
const ACK_STATUSES = ['relayed', 'failed', 'voided', 'failed to void', 'key not present'] as const
/** Keys that one request may hand over; the standard sets no limit. */
export const TRANSFER_KEYS_MAX = 128
/** Containers of acknowledgements, and key_ids in one, by the standard. */
export const ACKS_MAX = 1024
/** Targets of one request; the standard lets a KME limit them. */
const TARGETS_MAX = 16
const URL_MAX = 1024
const EXTENSION_NAME = /^E[0-9]{1,10}_[\x21-\x7e]{1,128}$/
/** ETSI's own Private Enterprise Number, reserved by the standard. */
const ETSI_PEN = '13019'
const NONE: Extensions = new Map()
