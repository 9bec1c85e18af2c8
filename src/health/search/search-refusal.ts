/**
 * Refusals of searches.
 *
 * @module
 */

import { refusal, type HealthRefusal, type HealthRefusalCode, type IssueKind } from '../refusal.ts'

/** Why a search was refused. */
export type SearchFault = 'unknown' | 'modifier' | 'value' | 'unsupported'

/** A refusal of one parameter. @param place   its name, or where it stood */
export const refusedSearch = (fault: SearchFault, place: string, reason: string): HealthRefusal =>
  refusal(CODES[fault], { kind: KINDS[fault], place, reason })

/** A search beyond its limits. */
export const costly = (place: string, reason: string): HealthRefusal =>
  refusal('HEALTH_SEARCH_TOO_LARGE', { kind: 'too-costly', place, reason })

const CODES: Readonly<Record<SearchFault, HealthRefusalCode>> = {
  unknown: 'HEALTH_SEARCH_UNKNOWN',
  modifier: 'HEALTH_SEARCH_MODIFIER',
  value: 'HEALTH_SEARCH_VALUE',
  unsupported: 'HEALTH_SEARCH_UNSUPPORTED',
}
const KINDS: Readonly<Record<SearchFault, IssueKind>> = {
  unknown: 'not-found',
  modifier: 'not-supported',
  value: 'value',
  unsupported: 'not-supported',
}
