/**
 * Dates and numbers as intervals: what their spelling leaves open is what they may mean.
 *
 * `2020-02` is a month, `100` everything that rounds to it. Both ends of a date are milliseconds
 * since 1970, the upper one excluded. A date without a time zone is taken as UTC: a search for a
 * day at the other end of the world may be hours off, as FHIR leaves to the server.
 *
 * @see FHIR R4 §3.1.1.4.7 date, §3.1.1.4.5 number
 * @module
 */

import { isExact, type Json } from '../json.ts'

/** Lower and upper end. */
export type Interval = readonly [low: number, high: number]

/** A number as spelled: its value, and the interval of what rounds to it. */
export interface Spelled {
  readonly value: number
  /** From (included) … to (excluded). */
  readonly range: Interval
}

/** The interval of a FHIR date, dateTime or instant; undefined if it is none. */
export function intervalOfDate(text: string): Interval | undefined {
  const found = DATE.exec(text)
  if (found === null) return undefined
  const [, year, month, day, hour, minute, second, fraction, zone] = found as unknown as Parts
  const [y, m, d] = [Number(year), Number(month ?? 1), Number(day ?? 1)]
  if (m < 1 || m > 12 || d < 1 || d > daysIn(y, m)) return undefined
  if (month === undefined) return [startOf(y, 1, 1), startOf(y + 1, 1, 1)]
  if (day === undefined)
    return [startOf(y, m, 1), m === 12 ? startOf(y + 1, 1, 1) : startOf(y, m + 1, 1)]
  const start = startOf(y, m, d)
  if (hour === undefined) return [start, start + DAY_MS]
  const offset = offsetMs(zone)
  const [h, min, s] = [Number(hour), Number(minute), Number(second ?? 0)]
  if (h > 23 || min > 59 || s > 60 || offset === undefined) return undefined
  const at = start + (h * 60 + min) * MINUTE_MS + s * 1000 - offset
  if (second === undefined) return [at, at + MINUTE_MS]
  if (fraction === undefined) return [at, at + 1000]
  const digits = Math.min(fraction.length, 3)
  const low = at + Number(fraction.slice(0, 3).padEnd(3, '0'))
  return [low, low + 10 ** (3 - digits)]
}

/** A decimal as spelled; undefined if it is none. */
export function spelledNumber(text: string): Spelled | undefined {
  const found = text.length <= NUMBER_CHARACTERS ? NUMBER.exec(text) : null
  if (found === null) return undefined
  const [, decimals, exponent] = found as readonly (string | undefined)[]
  const value = Number(text)
  const half = 0.5 * 10 ** (Number(exponent ?? 0) - (decimals ?? '').length)
  // Unlike FHIR's example of `1e2` (95 to 105), its rule as of `5.40e-3`: half of the last digit.
  return Number.isFinite(value) ? { value, range: [value - half, value + half] } : undefined
}

/** The number of a JSON value that is one. */
export function numberIn(value: Json | undefined): number | undefined {
  if (typeof value === 'number') return value
  return isExact(value) ? Number(value.rawJSON) : undefined
}

/** Before and after every date that FHIR can spell. */
export const ALWAYS: Interval = [-8.64e15, 8.64e15]

/** Milliseconds since 1970 of a day's beginning, in the Gregorian calendar. */
function startOf(year: number, month: number, day: number): number {
  // Years begin in March here, so that the day of a leap year is the last (Hinnant, civil days).
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return (era * 146_097 + dayOfEra - 719_468) * DAY_MS
}

function daysIn(year: number, month: number): number {
  if (month !== 2) return [4, 6, 9, 11].includes(month) ? 30 : 31
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
}

function offsetMs(zone: string | undefined): number | undefined {
  if (zone === undefined || zone === 'Z') return 0
  const [hours, minutes] = zone.slice(1).split(':').map(Number)
  if (hours > 14 || minutes > 59) return undefined
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * MINUTE_MS
}

type Parts = readonly [string, string, ...(string | undefined)[]]
const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const NUMBER_CHARACTERS = 64
const DATE =
  /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?)?)?)?$/
const NUMBER = /^[+-]?\d+(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/
