/**
 * The order of a result: by search parameters, then by type and id, so that pages never overlap.
 *
 * @see FHIR R4 §3.1.1.5.1 sorting
 * @module
 */

import { fold } from './fold.ts'
import type { SearchEntry } from './matching.ts'
import type { SearchParameter } from './parameters.ts'
import type { SortRule } from './query.ts'
import type { Interval } from './interval.ts'
import type { IndexValue, QuantityValue, ReferenceValue, TokenValue } from './values.ts'

/** What entries are ordered by: one key for each rule; null stands after all others. */
export type SortKeys = readonly (string | number | null)[]

/** The keys of an entry. Of several values the first in the direction of the order counts. */
export const sortKeysOf = (entry: SearchEntry, rules: readonly SortRule[]): SortKeys =>
  rules.map((rule) => sortKey(entry, rule))

/** Compares two entries by their keys; those alike by type and id. */
export function compareEntries(
  rules: readonly SortRule[],
  [a, keysA]: readonly [Named, SortKeys],
  [b, keysB]: readonly [Named, SortKeys],
): number {
  for (const [at, { descending }] of rules.entries()) {
    const [first, second] = [keysA[at], keysB[at]]
    if (first === second) continue
    if (first === null || second === null) return first === null ? 1 : -1
    const isBefore = first < second
    return isBefore === descending ? 1 : -1
  }
  return compareTexts(a.type, b.type) || compareTexts(a.id, b.id)
}

type Named = Pick<SearchEntry, 'type' | 'id'>

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function sortKey(entry: SearchEntry, { by, descending }: SortRule): string | number | null {
  if (by === 'id') return entry.id
  if (by === 'updated') return entry.lastUpdated
  const values = entry.values.get(by.code) ?? []
  const keys = values.flatMap((value) => keyOf(by, value, descending) ?? [])
  if (keys.length === 0) return null
  return keys.reduce((best, key) => (key < best === descending ? best : key))
}

function keyOf(
  { type }: SearchParameter,
  value: IndexValue,
  descending: boolean,
): string | number | null {
  switch (type) {
    case 'string':
      return fold(value as string)
    case 'uri':
      return value as string
    case 'token': {
      const [, code, text] = value as TokenValue
      return code ?? text
    }
    case 'reference':
      return (value as ReferenceValue)[0]
    case 'date':
    case 'number':
    case 'quantity':
      return (value as Interval | QuantityValue)[descending ? 1 : 0]
    case 'composite':
    case 'special':
      return null
  }
}
