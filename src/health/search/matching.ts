/**
 * Whether an entry of an index is what a search asks for; exact, whatever found the entry.
 *
 * @see FHIR R4 §3.1.1.4
 * @module
 */

import type { EpochMs } from '#base'
import { patientParametersOf } from '../definitions.ts'
import type { IndexValues } from './extraction.ts'
import { fold } from './fold.ts'
import type { Interval } from './interval.ts'
import { searchParametersOf, type SearchParameter } from './parameters.ts'
import { REFERENCE } from './path.ts'
import type { Filter, Modifier, NumberOperand, Operand, Prefix } from './query.ts'
import type {
  CompositeValue,
  IndexValue,
  ParameterType,
  PositionValue,
  QuantityValue,
  ReferenceValue,
  TokenValue,
} from './values.ts'

/** One resource as an index knows it. */
export interface SearchEntry {
  readonly type: string
  readonly id: string
  readonly lastUpdated: EpochMs
  readonly values: IndexValues
}

/** For chains: the references `Type/id` that fulfil them. Made by whoever has all entries. */
export type Resolved = ReadonlyMap<Filter, ReadonlySet<string>>

/** Whether an entry fulfils a condition. Chains and `_has` must have been resolved. */
export function fulfils(entry: SearchEntry, filter: Filter, resolved: Resolved): boolean {
  switch (filter.kind) {
    case 'id':
      return filter.anyOf.has(entry.id)
    case 'updated': {
      const at: Interval = [entry.lastUpdated, entry.lastUpdated + 1]
      return filter.anyOf.some((operand) => isMatch('date', at, operand, undefined))
    }
    case 'missing':
      return entry.values.has(filter.parameter.code) !== filter.isMissing
    case 'parameter':
      return fulfilsParameter(entry, filter)
    case 'chain': {
      const targets = resolved.get(filter)
      return localReferences(entry, filter.parameter.code).some((to) => targets?.has(to) === true)
    }
    case 'has':
      return resolved.get(filter)?.has(`${entry.type}/${entry.id}`) === true
    case 'compartment': {
      const { references, codesOf } = filter
      if (references.includes(`${entry.type}/${entry.id}`)) return true
      return codesOf(entry.type).some((code) =>
        localReferences(entry, code).some((to) => references.includes(to)),
      )
    }
    case 'dated':
      return isDated(entry, filter.range)
  }
}

/** Whether care that an entry tells of reaches into an interval; what has no dates always does. */
function isDated({ type, values }: SearchEntry, [from, to]: Interval): boolean {
  const dates = [...values].flatMap(([code, list]) => {
    const isDate = searchParametersOf(type).get(code)?.type === 'date'
    return isDate && !LIFE_DATES.includes(code) ? (list as readonly Interval[]) : []
  })
  return dates.length === 0 || dates.some(([low, high]) => low < to && from < high)
}

/** The condition that an entry is in the compartment of a patient of this server. */
export const inPatientCompartment = (id: string): Filter => ({
  kind: 'compartment',
  references: [`Patient/${id}`],
  codesOf: patientParametersOf,
})

/** References `Type/id` that an entry has for a parameter, without versions. */
export function localReferences(entry: SearchEntry, code: string): readonly string[] {
  const values = (entry.values.get(code) ?? []) as readonly ReferenceValue[]
  return values.flatMap(([reference]) => (reference === null ? [] : [unversioned(reference)]))
}

function fulfilsParameter(
  entry: SearchEntry,
  { parameter, modifier, anyOf }: Extract<Filter, { kind: 'parameter' }>,
): boolean {
  const values = entry.values.get(parameter.code) ?? []
  const isAny = values.some((value) =>
    anyOf.some((operand) => isMatch(parameter, value, operand, modifier)),
  )
  return modifier === 'not' ? !isAny : isAny
}

type Groups = Readonly<Partial<Record<string, string>>>
type Typed = ParameterType | SearchParameter

function isMatch(
  typed: Typed,
  value: IndexValue,
  operand: Operand,
  modifier: Modifier | undefined,
): boolean {
  switch (operand.kind) {
    case 'string':
      return isString(typed, value, operand, modifier)
    case 'token':
      return isToken(value as TokenValue, operand)
    case 'of-type': {
      const [, code, , kinds] = value as TokenValue
      return kinds?.includes(operand.type) === true && code?.toLowerCase() === operand.code
    }
    case 'date':
      return isDate(value as Interval, operand.prefix, operand.range)
    case 'number':
      return isNumber(value as Interval, operand)
    case 'quantity':
      return isQuantity(value as QuantityValue, operand)
    case 'reference':
    case 'target-id':
      return isReference(value as ReferenceValue, operand)
    case 'identifier': {
      const [, , system, code] = value as ReferenceValue
      return isToken([system, code, null], { ...operand, kind: 'token' })
    }
    case 'uri':
      return isUri(value as string, operand.uri, modifier)
    case 'composite':
      return isComposite(value as CompositeValue, operand.parts)
    case 'near':
      return distanceKm(value as PositionValue, operand) <= operand.distanceKm
  }
}

function isString(
  typed: Typed,
  value: IndexValue,
  { exact, folded }: Extract<Operand, { kind: 'string' }>,
  modifier: Modifier | undefined,
): boolean {
  const isToken = typeof typed === 'object' && typed.type === 'token'
  const text = isToken ? (value as TokenValue)[2] : (value as string)
  if (text === null) return false
  if (modifier === 'exact') return text === exact
  return modifier === 'contains' ? fold(text).includes(folded) : fold(text).startsWith(folded)
}

function isToken([system, code]: TokenValue, asked: Extract<Operand, { kind: 'token' }>): boolean {
  if (code === null && (asked.code !== undefined || system === null)) return false
  if (asked.code !== undefined && code?.toLowerCase() !== asked.code) return false
  return asked.system === undefined || asked.system === system
}

/** The table of FHIR R4 §3.1.1.4.5.1, for a value that may itself be an interval. */
function isDate([low, high]: Interval, prefix: Prefix, [from, to]: Interval): boolean {
  const isWithin = from <= low && high <= to
  switch (prefix) {
    case 'eq':
      return isWithin
    case 'ne':
      return !isWithin
    case 'gt':
      return high > to
    case 'lt':
      return low < from
    case 'ge':
      return high > to || isWithin
    case 'le':
      return low < from || isWithin
    case 'sa':
      return low >= to
    case 'eb':
      return high <= from
    case 'ap':
      return low < to && from < high
  }
}

/** As for dates, but that comparisons are with exactly the number (§3.1.1.4.5). */
function isNumber([low, high]: Interval, { prefix, value, range }: NumberOperand): boolean {
  const [from, to] = range
  const isWithin = from <= low && high < to
  switch (prefix) {
    case 'eq':
      return isWithin
    case 'ne':
      return !isWithin
    case 'gt':
      return high > value
    case 'lt':
      return low < value
    case 'ge':
      return high >= value
    case 'le':
      return low <= value
    case 'sa':
      return low > value
    case 'eb':
      return high < value
    case 'ap':
      return low <= to && from <= high
  }
}

function isQuantity(
  [low, high, system, code, unit]: QuantityValue,
  asked: Extract<Operand, { kind: 'quantity' }>,
): boolean {
  if (asked.system !== undefined && asked.system !== system) return false
  const isUnit = asked.code === undefined || asked.code === code
  const isSaid = asked.system === undefined && asked.code === unit
  return (isUnit || isSaid) && isNumber([low, high], asked.number)
}

function isReference(
  [reference]: ReferenceValue,
  asked: Extract<Operand, { kind: 'reference' | 'target-id' }>,
): boolean {
  if (reference === null) return false
  if (asked.kind === 'reference') {
    if (reference === asked.reference || unversioned(reference) === asked.reference) return true
    // A canonical may name its version after the URL.
    return reference.startsWith(`${asked.reference}|`)
  }
  const found: Groups | undefined = REFERENCE.exec(reference)?.groups
  if (found === undefined || found['base'] !== undefined || found['id'] !== asked.id) return false
  return asked.targets.length === 0 || asked.targets.includes(found['type'] ?? '')
}

function isUri(value: string, asked: string, modifier: Modifier | undefined): boolean {
  if (modifier === 'below') return isBelow(value, asked)
  return modifier === 'above' ? isBelow(asked, value) : value === asked
}

const isBelow = (uri: string, above: string): boolean =>
  uri === above || uri.startsWith(above.endsWith('/') ? above : `${above}/`)

function isComposite(values: CompositeValue, asked: readonly Operand[]): boolean {
  return asked.every((operand, at) =>
    values[at].some((value) => isMatch('composite', value, operand, undefined)),
  )
}

/** Great-circle distance on a sphere of the Earth's mean radius. */
function distanceKm(
  [latitude, longitude]: PositionValue,
  from: { readonly latitude: number; readonly longitude: number },
): number {
  const [a, b] = [latitude * RADIAN, from.latitude * RADIAN]
  const between = (longitude - from.longitude) * RADIAN
  const half = Math.sin((a - b) / 2) ** 2 + Math.cos(a) * Math.cos(b) * Math.sin(between / 2) ** 2
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(half)))
}

const unversioned = (reference: string): string => {
  const at = reference.indexOf('/_history/')
  return at < 0 ? reference : reference.slice(0, at)
}
/** Dates that are of a person, not of care. */
const LIFE_DATES: readonly string[] = ['birthdate', 'death-date']
const RADIAN = Math.PI / 180
const EARTH_RADIUS_KM = 6371.0088
