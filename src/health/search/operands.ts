/**
 * Values of a search, read as the type of their parameter asks.
 *
 * Every reader returns undefined for what it cannot read, and the caller refuses it without
 * repeating it.
 *
 * @see FHIR R4 §3.1.1.4.5 to §3.1.1.4.14
 * @module
 */

import type { EpochMs } from '#base'
import { isResourceType } from '../definitions.ts'
import { NHS_NUMBER_SYSTEM } from '../ownership.ts'
import { isResourceId } from '../shape.ts'
import { splitEscaped, unescaped } from './escapes.ts'
import { fold } from './fold.ts'
import { intervalOfDate, spelledNumber, type Interval } from './interval.ts'
import type { Component, SearchParameter } from './parameters.ts'
import { REFERENCE } from './path.ts'
import { withoutSpaces } from './values.ts'
import { PREFIXES, type NumberOperand, type Operand, type Prefix } from './query.ts'

/** What values may be read against. */
export interface Reading {
  /** For `ap`, which is wider the further a date is away. */
  readonly now: EpochMs
  /** URLs under which this server is reached: a reference below one of them is local. */
  readonly bases: readonly string[]
}

/** The operand of one value of a parameter without a modifier; undefined if it is none. */
export function operandOf(
  parameter: SearchParameter | Component,
  text: string,
  reading: Reading,
): Operand | undefined {
  switch (parameter.type) {
    case 'composite':
      return composite(parameter.components, text, reading)
    case 'string':
      return string(text)
    case 'token':
      return token(text)
    case 'date':
      return date(text, reading.now)
    case 'number':
      return number(text)
    case 'quantity':
      return quantity(text)
    case 'reference':
      return reference(text, parameter.targets, reading.bases)
    case 'uri':
      return uri(text)
    case 'special':
      return near(text)
  }
}

/** A string, as it is and folded. */
export function string(text: string): Operand | undefined {
  const exact = unescaped(text)
  if (exact === undefined || exact === '') return undefined
  return { kind: 'string', exact, folded: fold(exact) }
}

/** `code`, `system|code`, `|code`, `system|`. */
export function token(text: string): Extract<Operand, { kind: 'token' }> | undefined {
  const parts = splitEscaped(text, '|').map(unescaped)
  const [first, second] = parts
  if (first === undefined || parts.length > 2 || parts.includes(undefined)) return undefined
  if (parts.length === 1) {
    return first === '' ? undefined : { kind: 'token', system: undefined, code: lower(first) }
  }
  const plain = first === NHS_NUMBER_SYSTEM ? withoutSpaces(second ?? '') : (second ?? '')
  const code = plain === '' ? undefined : lower(plain)
  if (first === '' && code === undefined) return undefined
  return { kind: 'token', system: first === '' ? null : first, code }
}

/** `type-system|type-code|value` of an identifier (§3.1.1.4.10, :of-type). */
export function ofType(text: string): Operand | undefined {
  const parts = splitEscaped(text, '|').map(unescaped)
  const [system, code, value] = parts
  if (parts.length !== 3 || parts.some((part) => part === undefined || part === ''))
    return undefined
  return { kind: 'of-type', type: `${system ?? ''}|${code ?? ''}`, code: lower(value ?? '') }
}

/** `:identifier` of a reference. */
export function identifier(text: string): Operand | undefined {
  const read = token(text)
  if (read?.code === undefined) return undefined
  return { kind: 'identifier', system: read.system, code: read.code }
}

export function date(text: string, now: EpochMs): Operand | undefined {
  const [prefix, rest] = prefixOf(text)
  // A plus that nobody encoded arrives as a space.
  const range = intervalOfDate(rest.replace(/ (?=\d\d:\d\d$)/, '+'))
  if (range === undefined) return undefined
  if (prefix !== 'ap') return { kind: 'date', prefix, range }
  const [low, high] = range
  const margin = Math.abs(now - (low + high) / 2) / 10
  return { kind: 'date', prefix, range: [low - margin, high + margin] }
}

/** `Type/id`, `id`, or a URL; a reference to this server's own base becomes relative. */
export function reference(
  text: string,
  targets: readonly string[],
  bases: readonly string[],
): Operand | undefined {
  const plain = unescaped(text)
  if (plain === undefined || plain === '') return undefined
  const base = bases.find((url) => plain.startsWith(`${url}/`))
  const local = base === undefined ? plain : plain.slice(base.length + 1)
  if (isResourceId(local)) return { kind: 'target-id', id: local, targets }
  const found: Readonly<Partial<Record<string, string>>> | undefined = REFERENCE.exec(local)?.groups
  if (found !== undefined) {
    const isKnown = found['base'] !== undefined || isResourceType(found['type'] ?? '')
    return isKnown ? { kind: 'reference', reference: local } : undefined
  }
  return /^[a-z][a-z0-9+.-]*:\S+$/i.test(local)
    ? { kind: 'reference', reference: local }
    : undefined
}

export function uri(text: string): Operand | undefined {
  const plain = unescaped(text)
  return plain === undefined || !/^\S+$/.test(plain) ? undefined : { kind: 'uri', uri: plain }
}

function number(text: string): NumberOperand | undefined {
  const [prefix, rest] = prefixOf(text)
  const spelled = spelledNumber(rest)
  if (spelled === undefined) return undefined
  const { value } = spelled
  const margin = Math.abs(value) / 10
  const around: Interval = [value - margin, value + margin]
  return { kind: 'number', prefix, value, range: prefix === 'ap' ? around : spelled.range }
}

/** `5.4`, `5.4|system|code`, `5.4||unit`. */
function quantity(text: string): Operand | undefined {
  const parts = splitEscaped(text, '|').map(unescaped)
  const [amount, system, code] = parts
  const read = amount === undefined ? undefined : number(amount)
  if (read === undefined || parts.length > 3) return undefined
  if (system !== undefined && (code === undefined || code === '')) return undefined
  return { kind: 'quantity', number: read, system: system === '' ? undefined : system, code }
}

/** `latitude|longitude|distance|units`; 10 km where no distance is given. */
function near(text: string): Operand | undefined {
  const [latitude, longitude, distance = '10', unit = 'km', ...more] = splitEscaped(text, '|')
  const degrees = [latitude, longitude].map((part) => spelledNumber(part)?.value)
  const far = spelledNumber(distance)?.value
  const scale = UNITS_KM[unit]
  const [north, east]: readonly (number | undefined)[] = degrees
  if (north === undefined || east === undefined || far === undefined) return undefined
  if (scale === undefined || more.length > 0 || far < 0) return undefined
  if (Math.abs(north) > 90 || Math.abs(east) > 180) return undefined
  return { kind: 'near', latitude: north, longitude: east, distanceKm: far * scale }
}

function composite(
  components: readonly Component[],
  text: string,
  reading: Reading,
): Operand | undefined {
  const values = splitEscaped(text, '$')
  if (values.length !== components.length) return undefined
  const parts = components.map((component, at) => operandOf(component, values[at], reading))
  return parts.every((part) => part !== undefined) ? { kind: 'composite', parts } : undefined
}

function prefixOf(text: string): readonly [Prefix, string] {
  const prefix = PREFIXES.find((known) => text.startsWith(known))
  return prefix === undefined ? ['eq', text] : [prefix, text.slice(prefix.length)]
}

const lower = (text: string): string => text.toLowerCase()
const UNITS_KM: Readonly<Partial<Record<string, number>>> = {
  km: 1,
  m: 0.001,
  mi: 1.609344,
  '[mi_i]': 1.609344,
  '[mi_us]': 1.609347,
}
