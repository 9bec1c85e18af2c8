/**
 * Masking for display: enough is left of an element to work with it, too little to carry it away.
 *
 * | element    | what is left                                                         |
 * | ---------- | -------------------------------------------------------------------- |
 * | identifier | system, use, the last three characters of values of seven and more   |
 * | name       | initials                                                             |
 * | birthDate  | the year; of people of ninety and more nothing                       |
 * | deceased   | the year                                                             |
 * | address    | country, state, the first half of a British postal code or 3 digits  |
 * | telecom    | system, use, the last two digits of a number                         |
 * | any other  | nothing                                                              |
 *
 * @see 45 CFR 164.514(b)(2) for the ages; FHIR R4 §6.1.1 security labels
 * @module
 */

import { isObject, type Json, type JsonObject } from '#health'

/**
 * What is left of a masked member of a resource; undefined for nothing.
 *
 * @param today   `YYYY-MM-DD`, for ages
 */
export function maskedMember(name: string, value: Json, today: string): Json | undefined {
  const mask = MASKS[name]
  if (mask === undefined) return undefined
  const masked = (Array.isArray(value) ? value : [value]).flatMap((one) => {
    const left = mask(one, today)
    return left === undefined ? [] : [left]
  })
  if (masked.length === 0) return undefined
  return Array.isArray(value) ? masked : masked[0]
}

/** Whether something of a resource was masked, by its own label. */
export function isMasked({ meta }: JsonObject): boolean {
  const labels = isObject(meta) && Array.isArray(meta['security']) ? meta['security'] : []
  return labels.some((label) => isObject(label) && label['code'] === MASKED.code)
}

type Mask = (value: Json, today: string) => Json | undefined

const MASKS: Readonly<Partial<Record<string, Mask>>> = {
  identifier: (value) => {
    if (!isObject(value)) return undefined
    const { use, system, type, value: text } = value
    return parts({ use, type, system, value: lastOf(text, IDENTIFIER_LAST, IDENTIFIER_LEAST) })
  },
  name: (value) => {
    if (!isObject(value)) return undefined
    const { use, family, given } = value
    const initials = Array.isArray(given) ? given.flatMap((one) => initialOf(one) ?? []) : []
    return parts({
      ...{ use, family: initialOf(family) },
      ...(initials.length > 0 ? { given: initials } : {}),
    })
  },
  birthDate: (value, today) => {
    const year = yearOf(value)
    return year !== undefined && Number(yearOf(today)) - Number(year) < OLDEST_SHOWN
      ? year
      : undefined
  },
  deceasedDateTime: (value) => yearOf(value),
  deceasedBoolean: (value) => value,
  address: (value) => {
    if (!isObject(value)) return undefined
    const { use, state, country, postalCode } = value
    return parts({ use, state, country, postalCode: districtOf(postalCode) })
  },
  telecom: (value) => {
    if (!isObject(value)) return undefined
    const { use, system, value: text } = value
    const left = system === 'phone' || system === 'sms' ? lastOf(text, 2, PHONE_LEAST) : undefined
    return parts({ use, system, value: left })
  },
}

/** An object of the members that are there; undefined for none. */
function parts(members: Readonly<Record<string, Json | undefined>>): JsonObject | undefined {
  const kept = Object.entries(members).filter((one): one is [string, Json] => one[1] !== undefined)
  return kept.length === 0 ? undefined : Object.fromEntries(kept)
}

function lastOf(value: Json | undefined, last: number, least: number): string | undefined {
  if (typeof value !== 'string') return undefined
  const bare = value.replaceAll(/[\s-]/g, '')
  return bare.length < least ? DOTS : `${DOTS}${bare.slice(-last)}`
}

const initialOf = (value: Json | undefined): string | undefined => {
  const first = typeof value === 'string' ? value.trim().codePointAt(0) : undefined
  return first === undefined ? undefined : `${String.fromCodePoint(first)}.`
}

const yearOf = (value: Json): string | undefined =>
  typeof value === 'string' ? /^\d{4}/.exec(value)?.[0] : undefined

/** The area of a postal code: some thousand people at the least. */
function districtOf(value: Json | undefined): string | undefined {
  if (typeof value !== 'string') return undefined
  const british = /^([A-Z]{1,2}\d[A-Z\d]?)\s*\d[A-Z]{2}$/i.exec(value.trim())?.[1]
  return british ?? /^(\d{3})\d{2}(?:-\d{4})?$/.exec(value.trim())?.[1]
}

/** HL7 v3 ObservationValue: something of it is not shown as it is. */
export const MASKED = {
  system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue',
  code: 'MASKED',
}
const DOTS = '…'
const IDENTIFIER_LAST = 3
const IDENTIFIER_LEAST = 7
const PHONE_LEAST = 6
const OLDEST_SHOWN = 90
