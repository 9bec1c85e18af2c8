/**
 * Reads the parameters that shape a result instead of narrowing it.
 *
 * @see FHIR R4 §3.1.1.5 managing returned resources
 * @module
 */

import { isResourceType } from '../definitions.ts'
import { isMemberName } from '../names.ts'
import { parted } from './escapes.ts'
import { searchParametersOf } from './parameters.ts'
import type { Include, SearchQuery, SortRule, Summary } from './query.ts'
import { costly, refusedSearch } from './search-refusal.ts'

/** What has been read so far. Owned by one reading of one search. */
export interface Controls {
  readonly includes: Include[]
  readonly revIncludes: Include[]
  sort: readonly SortRule[]
  count: number | undefined
  summary: Summary
  elements: readonly string[] | undefined
  total: SearchQuery['total']
  page: string | undefined
  /** Names that came already, which may come once. */
  readonly seen: Set<string>
}

interface Pair {
  readonly name: string
  readonly value: string
  readonly place: string
}

export const startControls = (): Controls => ({
  includes: [],
  revIncludes: [],
  sort: [],
  count: undefined,
  summary: 'false',
  elements: undefined,
  total: undefined,
  page: undefined,
  seen: new Set(),
})

/** Reads a parameter if it is one of these. @throws HealthRefusal @returns whether it was */
export function readControl(controls: Controls, types: readonly string[], pair: Pair): boolean {
  const { name, value, place } = pair
  const [base, modifier] = parted(name, ':')
  if (base === '_include' || base === '_revinclude') {
    readInclude(controls, types, pair, base === '_include')
    return true
  }
  if (!Object.hasOwn(READERS, base)) return false
  if (modifier !== undefined) throw refusedSearch('modifier', place, 'has no modifiers')
  if (controls.seen.has(base)) throw refusedSearch('value', place, 'may stand only once')
  controls.seen.add(base)
  READERS[base](controls, types, value)
  return true
}

/** `Source:parameter`, `Source:parameter:Target`, `Source:*`; `:iterate` follows what it found. */
function readInclude(
  controls: Controls,
  types: readonly string[],
  { name, value, place }: Pair,
  isForward: boolean,
): void {
  const [, modifier, ...others] = parted(name, ':')
  const iterate = modifier === 'iterate' || modifier === 'recurse'
  if ((modifier !== undefined && !iterate) || others.length > 0) {
    throw refusedSearch('modifier', place, 'expected no modifier but :iterate')
  }
  const [source, code = '', target, ...more] = parted(value, ':')
  const parameter = searchParametersOf(source).get(code)
  const isAll = code === '*' && isResourceType(source)
  if ((!isAll && parameter?.type !== 'reference') || more.length > 0) {
    throw refusedSearch('value', place, 'expected Type:reference or Type:reference:Target')
  }
  if (target !== undefined && !isResourceType(target)) {
    throw refusedSearch('value', place, 'the target is not the name of a FHIR R4 resource type')
  }
  const list = isForward ? controls.includes : controls.revIncludes
  if (list.length >= INCLUDES_MAX) throw costly(place, `expected at most ${INCLUDES_MAX}`)
  if (isForward && !iterate && types.length > 0 && !types.includes(source)) {
    throw refusedSearch('value', place, 'the search does not find resources of this type')
  }
  list.push({ source, code: isAll ? undefined : code, target, iterate })
}

type Reader = (controls: Controls, types: readonly string[], value: string) => void

const READERS: Readonly<Record<string, Reader>> = {
  _sort: (controls, types, value) => {
    const rules = value.split(',')
    if (rules.length > SORT_RULES_MAX) throw costly('_sort', `expected at most ${SORT_RULES_MAX}`)
    controls.sort = rules.map((rule) => sortRule(types, rule))
  },
  _count: (controls, _types, value) => {
    if (!/^\d{1,6}$/.test(value)) throw refusedSearch('value', '_count', 'expected a whole number')
    controls.count = Number(value)
  },
  _summary: (controls, _types, value) => {
    controls.summary = oneOf('_summary', value, ['true', 'text', 'data', 'count', 'false'])
  },
  _total: (controls, _types, value) => {
    controls.total = oneOf('_total', value, ['none', 'estimate', 'accurate'] as const)
  },
  _elements: (controls, _types, value) => {
    const names = value.split(',').map((name) => name.replace(/^[A-Z][A-Za-z]*\./, ''))
    if (!names.every((name) => isMemberName(name))) {
      throw refusedSearch('value', '_elements', 'expected names of members, with commas between')
    }
    controls.elements = names
  },
  _page: (controls, _types, value) => {
    controls.page = value
  },
  _contained: (_controls, _types, value) => {
    // Contained resources are part of the resource that holds them, and found with it.
    if (value !== 'false') {
      throw refusedSearch('unsupported', '_contained', 'contained resources are not searched')
    }
  },
  // What the answer looks like is decided before a search is read.
  _format: () => undefined,
  _pretty: () => undefined,
}

function sortRule(types: readonly string[], rule: string): SortRule {
  const descending = rule.startsWith('-')
  const code = descending ? rule.slice(1) : rule
  if (code === '_id') return { by: 'id', descending }
  if (code === '_lastUpdated') return { by: 'updated', descending }
  const found = (types.length === 0 ? ['Basic'] : types).map((type) =>
    searchParametersOf(type).get(code),
  )
  const [parameter] = found
  const isCommon = types.length > 0 || code.startsWith('_')
  if (
    parameter === undefined ||
    !isCommon ||
    found.some((other) => other?.type !== parameter.type)
  ) {
    throw refusedSearch('value', '_sort', 'expected search parameters of what is searched')
  }
  if (parameter.type === 'composite' || parameter.type === 'special') {
    throw refusedSearch('unsupported', '_sort', `values of type ${parameter.type} have no order`)
  }
  return { by: parameter, descending }
}

function oneOf<T extends string>(place: string, value: string, known: readonly T[]): T {
  const found = known.find((item) => item === value)
  if (found !== undefined) return found
  throw refusedSearch('value', place, `expected one of ${known.join(', ')}`)
}

/** `_include` or `_revinclude` of one search. */
export const INCLUDES_MAX = 16
const SORT_RULES_MAX = 8
