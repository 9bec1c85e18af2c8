/**
 * Times in parameters: `_since`, `_at`, `start`, `end`.
 *
 * @see FHIR R4 §3.1.0.14 (history), Patient-operation-everything
 * @module
 */

import { intervalOfDate, type Interval } from '#health'
import { invalidRequest } from './refusal.ts'

/**
 * The time that a parameter spells, as precisely as it does; undefined where it does not stand.
 *
 * @param values   every value that came under the name
 * @throws FhirRefusal `FHIR_REQUEST_INVALID`
 */
export function timeIn(name: string, values: readonly string[]): Interval | undefined {
  if (values.length === 0) return undefined
  // A plus that nobody encoded arrives as a space.
  const interval = intervalOfDate(values[0].replace(/ (?=\d\d:\d\d$)/, '+'))
  if (interval !== undefined && values.length === 1) return interval
  throw invalidRequest(`Expected ${name} once, as a date or an instant`)
}
