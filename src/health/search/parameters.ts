/**
 * The search parameters of FHIR R4, by resource type; compiled when a type is first met.
 *
 * @see FHIR R4 SearchParameter
 * @module
 */

import { isResourceType } from '../definitions.ts'
import definitions from '../definitions/search-parameters.json' with { type: 'json' }
import { compilePath, type Walk } from './path.ts'
import type { ParameterType } from './values.ts'

/** One search parameter of one resource type. */
export interface SearchParameter {
  readonly code: string
  readonly type: ParameterType
  /** Types to which a reference may lead; any, where the definition lists none. */
  readonly targets: readonly string[]
  /** Members of the resource that it looks at. */
  readonly elements: readonly string[]
  /** Finds its elements. */
  readonly walk: Walk
  /** For a composite: what is asked of each element. */
  readonly components: readonly Component[]
}

/** One part of a composite parameter. */
export interface Component {
  readonly type: Exclude<ParameterType, 'composite'>
  readonly targets: readonly string[]
  readonly walk: Walk
}

/** All search parameters of a resource type, by their codes, but for `_id` and `_lastUpdated`. */
export function searchParametersOf(type: string): ReadonlyMap<string, SearchParameter> {
  const known = byType.get(type)
  if (known !== undefined || !isResourceType(type)) return known ?? NONE
  const own = (definitions as readonly Definition[]).filter(
    ({ base, code, expression }) =>
      expression !== undefined &&
      !KEPT_BESIDE.includes(code) &&
      (base.includes(type) || base.includes('Resource')),
  )
  const compiled = new Map(own.map((item) => [item.code, compile(item, type)]))
  byType.set(type, compiled)
  return compiled
}

/** Whether any resource type of R4 has a search parameter of this name: safe to repeat. */
export const isParameterCode = (code: string): boolean => codes.has(code)

function compile(item: Definition, type: string): SearchParameter {
  const { code, expression = '', target = [], component = [] } = item
  return {
    code,
    type: item.type as ParameterType,
    targets: target,
    elements: [
      ...membersIn(expression),
      ...component.flatMap((part) => /^[a-z]\w*/i.exec(part.expression)?.[0] ?? []),
    ],
    walk: compilePath(expression, type),
    components: component.map((part) => ({
      type: part.type as Component['type'],
      targets: part.target ?? [],
      walk: compilePath(part.expression),
    })),
  }
}

/** The members of a resource with which an expression begins, whatever its type. */
const membersIn = (expression: string): readonly string[] => [
  ...new Set([...expression.matchAll(/\b[A-Z]\w*\.([a-z]\w*)/g)].map(([, member]) => member)),
]

interface Definition {
  readonly code: string
  readonly base: readonly string[]
  readonly type: string
  readonly expression?: string
  readonly target?: readonly string[]
  readonly component?: readonly {
    readonly type: string
    readonly expression: string
    readonly target?: readonly string[]
  }[]
}

/** Owned by this module; only ever grows, to the types of R4. */
const byType = new Map<string, ReadonlyMap<string, SearchParameter>>()
const NONE: ReadonlyMap<string, SearchParameter> = new Map()
const codes: ReadonlySet<string> = new Set(definitions.map(({ code }) => code))
/** What stands beside the values of an index, not among them. */
const KEPT_BESIDE: readonly string[] = ['_id', '_lastUpdated']
