/**
 * Dates of FHIR as intervals: `2024-05` is a month. The upper end is excluded.
 *
 * @see FHIR R4 §2.24.0.2, date, dateTime and instant
 * @module
 */

import { DAY_MS } from '#base'

/** Milliseconds since 1970, from (included) to (excluded). */
export type Interval = readonly [low: number, high: number]

/** The interval of a FHIR date, dateTime or instant; undefined if it is none. No zone is UTC. */
export function intervalOfDate(text: string): Interval | undefined {
  const parts = DATE.exec(text)?.groups as Readonly<Record<string, string | undefined>> | undefined
  if (parts === undefined) return undefined
  const { year, month, day, hour, minute, second, fraction, zone } = parts
  const [y, m, d] = [Number(year), Number(month ?? 1), Number(day ?? 1)]
  if (m < 1 || m > 12 || d < 1 || d > daysIn(y, m)) return undefined
  const start = dayNumber(y, m, d) * DAY_MS
  if (month === undefined) return [start, dayNumber(y + 1, 1, 1) * DAY_MS]
  if (day === undefined) return [start, start + daysIn(y, m) * DAY_MS]
  if (hour === undefined) return [start, start + DAY_MS]
  const [h, min, s] = [Number(hour), Number(minute), Number(second ?? 0)]
  if (h > 23 || min > 59 || s > 60) return undefined
  const at = start + ((h * 60 + min) * 60 + s) * 1000 - zoneMs(zone)
  if (second === undefined) return [at, at + 60_000]
  if (fraction === undefined) return [at, at + 1000]
  const ms = at + Math.floor(Number(`0${fraction}`) * 1000)
  return [ms, ms + 1]
}

/** Days since 1970-01-01 in the proleptic Gregorian calendar (Hinnant, days_from_civil). */
function dayNumber(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}

function zoneMs(zone: string | undefined): number {
  if (zone === undefined || zone === 'Z') return 0
  const sign = zone.startsWith('-') ? -1 : 1
  return sign * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4))) * 60_000
}

const DATE =
  /^(?<year>\d{4})(?:-(?<month>\d{2})(?:-(?<day>\d{2})(?:T(?<hour>\d{2}):(?<minute>\d{2})(?::(?<second>\d{2})(?<fraction>\.\d{1,9})?)?(?<zone>Z|[+-]\d{2}:\d{2})?)?)?)?$/
