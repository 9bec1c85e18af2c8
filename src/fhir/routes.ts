/**
 * The interactions of this server as data: what is routed is what `/metadata` says.
 *
 * @see FHIR R4 §3.1.0, table of interactions
 * @module
 */

import type { HttpRequest } from '#base'
import { isResourceId, isResourceType } from '#health'
import { FhirRefusal } from './refusal.ts'
import { PART_PARAMETERS } from './subset.ts'

/** What can be asked. */
export type Interaction =
  | 'capabilities'
  | 'bundle'
  | 'history-system'
  | 'history-type'
  | 'history-instance'
  | 'create'
  | 'read'
  | 'vread'
  | 'unmask'
  | 'provenance'
  | 'break-glass'
  | 'open-glass'
  | 'end-glass'
  | 'send'
  | 'transfers'
  | 'update'
  | 'patch'
  | 'delete'
  | 'update-conditional'
  | 'patch-conditional'
  | 'delete-conditional'
  | 'search-system'
  | 'search-type'
  | 'search-compartment'
  | 'everything'
  | 'summary'
  | 'graphql'
  | 'match'
  | 'merge'
  | 'unmerge'
  | 'export-system'
  | 'export-patients'
  | 'export-group'
  | 'export-status'
  | 'export-file'
  | 'export-end'
  | 'validate'

/** One way to ask. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Segments of the path below the base; `[type]`, `[id]` and `[version]` stand for any. */
  readonly path: string
  readonly interaction: Interaction
  /**
   * Parameters of the query that are understood, beside `_format` and `_pretty`; `criteria` where it
   * is a search, whose own reader refuses what it does not know.
   */
  readonly parameters?: readonly string[] | 'criteria'
}

/** A route with what its path named. */
export interface Routed {
  readonly interaction: Interaction
  readonly type: string | undefined
  readonly id: string | undefined
  readonly version: number | undefined
}

const HISTORY = ['_count', '_page', '_since', '_at', ...PART_PARAMETERS] as const
const BULK = ['_outputFormat', '_since', '_type'] as const
/** Parameters that every interaction knows. */
const GENERAL: readonly string[] = ['_format', '_pretty']

/** Every interaction there is. */
export const ROUTES: readonly Route[] = [
  { method: 'GET', path: 'metadata', interaction: 'capabilities' },
  { method: 'POST', path: '', interaction: 'bundle' },
  { method: 'GET', path: '_history', interaction: 'history-system', parameters: HISTORY },
  { method: 'GET', path: '$graphql', interaction: 'graphql', parameters: ['query'] },
  { method: 'POST', path: '$graphql', interaction: 'graphql' },
  {
    ...{ method: 'GET', path: '[type]/[id]/$graphql', interaction: 'graphql' },
    parameters: ['query'],
  },
  { method: 'POST', path: '[type]/[id]/$graphql', interaction: 'graphql' },
  { method: 'GET', path: 'Patient/[id]/$summary', interaction: 'summary' },
  { method: 'POST', path: 'Patient/$match', interaction: 'match' },
  { method: 'POST', path: 'Patient/$merge', interaction: 'merge' },
  { method: 'POST', path: 'Patient/[id]/$unmerge', interaction: 'unmerge' },
  { method: 'GET', path: '$export', interaction: 'export-system', parameters: BULK },
  { method: 'GET', path: 'Patient/$export', interaction: 'export-patients', parameters: BULK },
  { method: 'GET', path: 'Group/[id]/$export', interaction: 'export-group', parameters: BULK },
  { method: 'GET', path: '$export-status/[id]', interaction: 'export-status' },
  { method: 'DELETE', path: '$export-status/[id]', interaction: 'export-end' },
  { method: 'GET', path: '$export-file/[id]/[version]', interaction: 'export-file' },
  { method: 'POST', path: '[type]', interaction: 'create' },
  { method: 'GET', path: '[type]/_history', interaction: 'history-type', parameters: HISTORY },
  { method: 'POST', path: '[type]/$validate', interaction: 'validate' },
  { method: 'GET', path: '[type]/[id]', interaction: 'read', parameters: PART_PARAMETERS },
  { method: 'POST', path: 'Patient/[id]/$break-glass', interaction: 'break-glass' },
  { method: 'POST', path: 'Patient/$break-glass', interaction: 'break-glass' },
  { method: 'GET', path: 'Patient/$break-glass', interaction: 'open-glass' },
  { method: 'POST', path: 'Patient/[id]/$end-break-glass', interaction: 'end-glass' },
  { method: 'POST', path: 'Patient/[id]/$send', interaction: 'send' },
  { method: 'GET', path: 'Patient/[id]/$transfers', interaction: 'transfers' },
  { method: 'GET', path: '[type]/[id]/$unmask', interaction: 'unmask' },
  { method: 'GET', path: '[type]/[id]/$provenance', interaction: 'provenance' },
  { method: 'PUT', path: '[type]/[id]', interaction: 'update' },
  { method: 'PATCH', path: '[type]/[id]', interaction: 'patch' },
  { method: 'DELETE', path: '[type]/[id]', interaction: 'delete' },
  { method: 'PUT', path: '[type]', interaction: 'update-conditional', parameters: 'criteria' },
  { method: 'PATCH', path: '[type]', interaction: 'patch-conditional', parameters: 'criteria' },
  { method: 'DELETE', path: '[type]', interaction: 'delete-conditional', parameters: 'criteria' },
  {
    ...{ method: 'GET', path: '[type]/[id]/_history', interaction: 'history-instance' },
    parameters: HISTORY,
  },
  { method: 'GET', path: '', interaction: 'search-system', parameters: 'criteria' },
  { method: 'POST', path: '_search', interaction: 'search-system', parameters: 'criteria' },
  { method: 'GET', path: '[type]', interaction: 'search-type', parameters: 'criteria' },
  { method: 'POST', path: '[type]/_search', interaction: 'search-type', parameters: 'criteria' },
  {
    ...{ method: 'GET', path: 'Patient/[id]/$everything', interaction: 'everything' },
    parameters: 'criteria',
  },
  {
    ...{ method: 'GET', path: 'Patient/[id]/[type]', interaction: 'search-compartment' },
    parameters: 'criteria',
  },
  {
    ...{ method: 'GET', path: 'Patient/[id]/*', interaction: 'search-compartment' },
    parameters: 'criteria',
  },
  {
    ...{ method: 'GET', path: '[type]/[id]/_history/[version]', interaction: 'vread' },
    parameters: PART_PARAMETERS,
  },
]

/**
 * The route of a request.
 *
 * @param path   below the base, without slash at either end
 * @throws FhirRefusal `FHIR_PATH_UNKNOWN`, `FHIR_METHOD_WRONG`, `FHIR_PARAMETER_UNKNOWN`
 */
export function routeOf(method: string, path: string, query: HttpRequest['query']): Route & Routed {
  const asked = method === 'HEAD' ? 'GET' : method
  const segments = path.split('/')
  const methods: string[] = []
  for (const { route, pattern } of PATTERNS) {
    const named = match(pattern, segments)
    if (named === undefined) continue
    methods.push(route.method)
    if (route.method !== asked) continue
    checkParameters(route, query)
    return { ...route, ...named }
  }
  if (methods.length === 0) {
    throw new FhirRefusal('FHIR_PATH_UNKNOWN', 'No interaction of this server has this path')
  }
  const allow = methods.join(', ')
  throw new FhirRefusal('FHIR_METHOD_WRONG', `Expected ${allow}`, { facts: { allow } })
}

/** What a path names by a pattern, or undefined if it does not fit. */
function match(
  pattern: readonly string[],
  segments: readonly string[],
): Omit<Routed, 'interaction'> | undefined {
  if (pattern.length !== segments.length) return undefined
  let [type, id, version]: [string?, string?, number?] = []
  for (const [at, part] of pattern.entries()) {
    const segment = segments[at]
    if (part === '[type]' && isResourceType(segment)) type = segment
    else if (part === '[id]' && isResourceId(segment)) id = segment
    else if (part === '[version]' && VERSION.test(segment)) version = Number(segment)
    else if (part !== segment) return undefined
  }
  return { type, id, version }
}

function checkParameters({ parameters = [] }: Route, query: HttpRequest['query']): void {
  if (parameters === 'criteria') return
  for (const name of query.keys()) {
    if (GENERAL.includes(name) || parameters.includes(name)) continue
    const known = [...parameters, ...GENERAL].join(', ')
    const message = `A parameter is not known here; known are ${known}`
    throw new FhirRefusal('FHIR_PARAMETER_UNKNOWN', message)
  }
}

/** The routes with their paths taken apart: every request goes through them. */
const PATTERNS = ROUTES.map((route) => ({ route, pattern: route.path.split('/') }))
const VERSION = /^[1-9][0-9]{0,8}$/
