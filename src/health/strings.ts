/**
 * What a resource says in clear: the texts that must not be found on a disk that holds it sealed.
 *
 * @module
 */

import { isExact, type Json } from './json.ts'

/**
 * Every string value of six or more octets of UTF-8, and every full date, inside a value.
 *
 * Names of members are not among them: they are FHIR's, not the patient's.
 */
export function stringsOf(value: Json): ReadonlySet<string> {
  const found = new Set<string>()
  gather(value, found)
  return found
}

function gather(value: Json | undefined, found: Set<string>): void {
  if (typeof value === 'string') {
    if (value.length >= OCTETS_LEAST || encoder.encode(value).length >= OCTETS_LEAST) {
      found.add(value)
    }
    for (const [date] of value.matchAll(FULL_DATE)) found.add(date)
  } else if (typeof value === 'object' && value !== null && !isExact(value)) {
    for (const member of Object.values(value)) gather(member, found)
  }
}

const encoder = new TextEncoder()
const OCTETS_LEAST = 6
const FULL_DATE = /(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)/g
