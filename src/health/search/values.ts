/**
 * What an index holds of a resource: for each search parameter its values, typed and compact.
 *
 * Values are plain arrays of texts, numbers and null, so that they travel as CBOR as they are. The
 * parameter's type says which form a value has; nothing here knows how they are kept.
 *
 * @see FHIR R4 §3.1.1.4 search parameter types
 * @module
 */

import { NHS_NUMBER_SYSTEM } from '../ownership.ts'
import { isObject, type Json, type JsonObject } from '../json.ts'
import { ALWAYS, intervalOfDate, numberIn, type Interval } from './interval.ts'
import type { Found } from './path.ts'

/**
 * System (null where none is given), code (null where there is only a text), text for `:text` (or
 * null), and for an identifier the codings of its type, each `system|code`.
 */
export type TokenValue = readonly [
  system: string | null,
  code: string | null,
  text: string | null,
  kinds?: readonly string[],
]
/** As written. */
export type StringValue = string
/** Milliseconds since 1970, the upper end excluded. */
export type DateValue = Interval
/** Lower and upper end, both included; the same for a plain number. */
export type NumberValue = Interval
/** As a number, with system, code and the unit as written. */
export type QuantityValue = readonly [
  low: number,
  high: number,
  system: string | null,
  code: string | null,
  unit: string | null,
]
/** The literal reference, the type it names, and the identifier by which it refers logically. */
export type ReferenceValue = readonly [
  reference: string | null,
  type: string | null,
  system: string | null,
  identifier: string | null,
]
export type UriValue = string
/** Values of each component of one element. */
export type CompositeValue = readonly (readonly IndexValue[])[]
/** Latitude and longitude, degrees. */
export type PositionValue = readonly [latitude: number, longitude: number]

export type IndexValue =
  | TokenValue
  | StringValue
  | Interval
  | QuantityValue
  | ReferenceValue
  | CompositeValue
  | PositionValue

/** Types of search parameters; `special` is `near`, the only one of R4. */
export type ParameterType =
  | 'string'
  | 'token'
  | 'date'
  | 'number'
  | 'quantity'
  | 'reference'
  | 'uri'
  | 'composite'
  | 'special'

/** The values of one element for a parameter of this type; none if it has nothing to say. */
export function valuesOf(
  type: Exclude<ParameterType, 'composite'>,
  found: Found,
): readonly IndexValue[] {
  switch (type) {
    case 'token':
      return tokens(found.value)
    case 'string':
      return strings(found.value)
    case 'date':
      return dates(found.value)
    case 'number':
      return numbers(found.value)
    case 'quantity':
      return quantities(found.value)
    case 'reference':
      return references(found.value)
    case 'uri':
      return text(found.value) === '' ? [] : [cut(text(found.value))]
    case 'special':
      return positions(found.value)
  }
}

function tokens(value: Json): readonly TokenValue[] {
  if (typeof value === 'string') return [[null, cut(value), null]]
  if (typeof value === 'boolean') return [[null, String(value), null]]
  if (!isObject(value)) return []
  if (Array.isArray(value['coding']) || (value['text'] !== undefined && !('value' in value))) {
    const codings = listed(value['coding']).flatMap(tokens)
    const said = text(value['text'])
    return said === '' ? codings : [...codings, [null, null, cut(said)]]
  }
  if (typeof value['value'] === 'string') return [identifierOrContact(value)]
  const code = optional(value['code'])
  if (code === null && value['display'] === undefined && value['system'] === undefined) return []
  return [[optional(value['system']), code, optional(value['display'])]]
}

/** An Identifier, or a ContactPoint, whose system is no URI and is said by the parameter's name. */
function identifierOrContact(value: JsonObject): TokenValue {
  const system = optional(value['system'])
  const content = text(value['value']).trim()
  if (system !== null && CONTACT_SYSTEMS.has(system)) return [null, cut(content), null]
  const type = isObject(value['type']) ? value['type'] : {}
  const kinds = listed(type['coding'])
    .filter(isObject)
    .map((coding) => `${text(coding['system'])}|${text(coding['code'])}`)
  const code = cut(system === NHS_NUMBER_SYSTEM ? withoutSpaces(content) : content)
  const said = optional(type['text'])
  return kinds.length === 0 ? [system, code, said] : [system, code, said, kinds]
}

/** An identifier's value as compared: people write NHS numbers in groups. */
export const withoutSpaces = (value: string): string => value.replaceAll(/[\s-]/g, '')

function strings(value: Json): readonly StringValue[] {
  if (typeof value === 'string') return value === '' ? [] : [cut(value)]
  if (!isObject(value)) return []
  return STRING_PARTS.flatMap((name) =>
    listed(value[name]).filter((part) => typeof part === 'string'),
  )
    .filter((part) => part !== '')
    .map(cut)
}

function dates(value: Json): readonly DateValue[] {
  if (typeof value === 'string') {
    const interval = intervalOfDate(value)
    return interval === undefined ? [] : [interval]
  }
  if (!isObject(value)) return []
  const { start, end, event, repeat } = value
  if (start !== undefined || end !== undefined) return period(value)
  const events = listed(event).flatMap(dates)
  const bounds = isObject(repeat) ? repeat['boundsPeriod'] : undefined
  return [...events, ...(isObject(bounds) ? period(bounds) : [])]
}

function period({ start, end }: JsonObject): readonly DateValue[] {
  const low = start === undefined ? ALWAYS[0] : intervalOfDate(text(start))?.[0]
  const high = end === undefined ? ALWAYS[1] : intervalOfDate(text(end))?.[1]
  return low === undefined || high === undefined ? [] : [[low, high]]
}

function numbers(value: Json): readonly NumberValue[] {
  const plainNumber = numberIn(value)
  if (plainNumber !== undefined) return [[plainNumber, plainNumber]]
  return quantities(value).map(([low, high]) => [low, high])
}

function quantities(value: Json): readonly QuantityValue[] {
  if (!isObject(value)) return []
  const { low, high, currency } = value
  if (low !== undefined || high !== undefined) return range(value)
  const number = numberIn(value['value'])
  if (number === undefined) return []
  if (currency !== undefined) return [[number, number, CURRENCIES, optional(currency), null]]
  const [from, to] = compared(number, text(value['comparator']))
  return [[from, to, ...unitOf(value)]]
}

function range({ low, high }: JsonObject): readonly QuantityValue[] {
  const [least, most] = [low, high].map((end) => (isObject(end) ? end : undefined))
  const from = numberIn(least?.['value']) ?? LEAST
  const to = numberIn(most?.['value']) ?? MOST
  return [[from, to, ...unitOf(least ?? most ?? {})]]
}

const unitOf = (value: JsonObject) =>
  [optional(value['system']), optional(value['code']), optional(value['unit'])] as const

/** `< 5` may be any number below. */
function compared(number: number, comparator: string): Interval {
  if (comparator.startsWith('<')) return [LEAST, number]
  return comparator.startsWith('>') ? [number, MOST] : [number, number]
}

function references(value: Json): readonly ReferenceValue[] {
  // A canonical or a plain URI.
  if (typeof value === 'string') return value === '' ? [] : [[cut(value), null, null, null]]
  if (!isObject(value)) return []
  const reference = optional(value['reference'])
  const identifier = isObject(value['identifier']) ? value['identifier'] : {}
  const [system, code] = [optional(identifier['system']), optional(identifier['value'])]
  if (reference === null && code === null) return []
  // What is contained in the resource is nothing that a search could name.
  if (reference?.startsWith('#') === true) return []
  return [[reference, optional(value['type']), system, code]]
}

function positions(value: Json): readonly PositionValue[] {
  if (!isObject(value)) return []
  const [latitude, longitude] = [numberIn(value['latitude']), numberIn(value['longitude'])]
  return latitude === undefined || longitude === undefined ? [] : [[latitude, longitude]]
}

const listed = (value: Json | undefined): readonly Json[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value]
const text = (value: Json | undefined): string => (typeof value === 'string' ? value : '')
const optional = (value: Json | undefined): string | null =>
  typeof value === 'string' && value !== '' ? cut(value) : null
const cut = (value: string): string =>
  value.length > VALUE_CHARACTERS ? value.slice(0, VALUE_CHARACTERS) : value

/** No number is smaller, or greater; infinities have no place in what is sealed. */
const [LEAST, MOST] = [-Number.MAX_VALUE, Number.MAX_VALUE]
/** Characters of one text in an index: what stands behind them is not found. */
const VALUE_CHARACTERS = 2048
/** The system of currencies (BCP 13 has none for money itself). */
const CURRENCIES = 'urn:iso:std:iso:4217'
const CONTACT_SYSTEMS: ReadonlySet<string> = new Set(
  'phone fax email pager url sms other'.split(' '),
)
/** Parts of a HumanName and an Address that a search by name or address means. */
const STRING_PARTS =
  'text family given prefix suffix line city district state postalCode country'.split(' ')
