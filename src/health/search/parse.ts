/**
 * Reads a search: names and values become conditions, or the search is refused.
 *
 * Whatever is not understood is refused, never left out: a server that ignores a misspelt parameter
 * answers with records that nobody asked for. Refusals name the parameter where FHIR has that name,
 * and never repeat a value. No input is matched against an expression that could take more than
 * linear time.
 *
 * Refused although R4 has it: `_text`, `_content`, `_filter`, `_query`, `_list`, `_contained`; the
 * modifiers that need a terminology server (`:in`, `:not-in`, `:above` and `:below` of codes).
 *
 * @see FHIR R4 §3.1.1 search
 * @module
 */

import type { EpochMs } from '#base'
import { isResourceType } from '../definitions.ts'
import { splitEscaped } from './escapes.ts'
import { date, type Reading } from './operands.ts'
import { idFilter, readParameter } from './parse-parameter.ts'
import { readControl, startControls, type Controls } from './parse-controls.ts'
import { isParameterCode } from './parameters.ts'
import type { Filter, SearchQuery } from './query.ts'
import { costly, refusedSearch } from './search-refusal.ts'

/** What a search is about, and what its values are read against. */
export interface SearchRequest extends Reading {
  /** The resource type in the path; undefined for a search of the whole system. */
  readonly type: string | undefined
  /** Names and values in their order, decoded. */
  readonly parameters: Iterable<readonly [name: string, value: string]>
}

/**
 * Reads a search.
 *
 * @throws HealthRefusal `HEALTH_SEARCH_…`; its place is the name of the parameter, or
 *   `{parameter 2}` for the second where FHIR has no such name
 */
export function parseSearch({ type, parameters, now, bases }: SearchRequest): SearchQuery {
  const pairs = [...parameters].filter(([, value]) => value !== '')
  checkSize(pairs)
  const types = type === undefined ? typesOf(pairs) : [type]
  const controls = startControls()
  const filters: Filter[] = []
  const budget = { conditions: CONDITIONS_MAX }
  const understood: (readonly [string, string])[] = []
  for (const [at, [name, value]] of pairs.entries()) {
    const place = placeOf(name, at)
    const about = { place, reading: { now, bases }, budget }
    if (name !== '_type' || type !== undefined) {
      if (!readControl(controls, types, { name, value, place })) {
        filters.push(common(name, value, now, place) ?? readParameter(types, name, value, about))
      }
    }
    if (name !== '_page') understood.push([name, value])
  }
  return { types, filters, understood, ...finished(controls) }
}

function finished(controls: Controls): Omit<SearchQuery, 'types' | 'filters' | 'understood'> {
  const { includes, revIncludes, sort, count, summary, elements, total, page } = controls
  // `_count=0` asks for nothing but the number (§3.1.1.5.4).
  if (summary === 'text' && includes.length + revIncludes.length > 0) {
    throw refusedSearch('value', '_summary', 'a summary of texts goes without includes')
  }
  const isCount = count === 0 || summary === 'count'
  return {
    includes,
    revIncludes,
    sort,
    count: isCount ? undefined : count,
    summary: isCount ? 'count' : summary,
    elements,
    total,
    page,
  }
}

/** Conditions on what every resource has: `_id` and `_lastUpdated`. */
function common(name: string, value: string, now: EpochMs, place: string): Filter | undefined {
  if (name === '_id') return idFilter(value, place)
  if (name !== '_lastUpdated') return undefined
  const operands = splitEscaped(value, ',').map((text) => date(text, now))
  const anyOf = operands.filter((operand) => operand !== undefined)
  if (anyOf.length < operands.length) throw refusedSearch('value', place, 'expected a date')
  return { kind: 'updated', anyOf }
}

/** Types that `_type` names; none means all. */
function typesOf(pairs: readonly (readonly [string, string])[]): readonly string[] {
  const named = pairs.filter(([name]) => name === '_type').flatMap(([, value]) => value.split(','))
  if (named.every(isResourceType)) return [...new Set(named)]
  throw refusedSearch('value', '_type', 'expected names of FHIR R4 resource types')
}

function checkSize(pairs: readonly (readonly [string, string])[]): void {
  if (pairs.length > PARAMETERS_MAX) {
    throw costly('', `expected at most ${PARAMETERS_MAX} parameters, got ${pairs.length}`)
  }
  const characters = pairs.reduce((sum, [name, value]) => sum + name.length + value.length, 0)
  if (characters > CHARACTERS_MAX) {
    throw costly('', `expected at most ${CHARACTERS_MAX} characters, got ${characters}`)
  }
}

/** The name of a parameter as a refusal may repeat it. */
function placeOf(name: string, at: number): string {
  const words = name.split(/[.:]/)
  const isKnown = words.every(
    (word) => isParameterCode(word) || isResourceType(word) || KNOWN_WORDS.has(word),
  )
  return isKnown ? name : `{parameter ${at + 1}}`
}

/** Parameters of one search. */
export const PARAMETERS_MAX = 64
/** Characters of all names and values of one search, decoded. */
export const CHARACTERS_MAX = 16_384
/** Conditions that one search may come to, chains over several types counted for each. */
const CONDITIONS_MAX = 256
const KNOWN_WORDS: ReadonlySet<string> = new Set(
  `_has _include _revinclude _sort _count _summary _elements _total _format _pretty _page _type
  _filter _list _query _text _content _contained _containedType _score iterate recurse exact
  contains text not above below in not-in of-type ofType identifier missing`.split(/\s+/),
)
