/**
 * Resources shown in part: `_elements` and `_summary`.
 *
 * What is left out is gone from the copy only. The copy says so by the tag SUBSETTED, and nothing
 * that bears it is taken in again: written back it would destroy what was left out.
 *
 * @see FHIR R4 §3.1.1.5.8 _summary, §3.1.1.5.9 _elements; value set v3-ObservationValue
 * @module
 */

import type { HttpRequest } from '#base'
import {
  isObject,
  mandatoryMembers,
  parseSearch,
  summaryOf,
  type Json,
  type JsonObject,
  type SearchQuery,
} from '#health'
import { isMasked } from '#privacy'
import type { Call } from './context.ts'
import { FhirRefusal, invalidRequest } from './refusal.ts'

/** Which part of resources is wanted. */
export type Part = Pick<SearchQuery, 'elements' | 'summary'>

/** Parameters that say so. */
export const PART_PARAMETERS: readonly string[] = ['_summary', '_elements']

/** The part that a read or a history asks for. @throws HealthRefusal, FhirRefusal */
export function partIn({
  type,
  options,
  base,
  query,
}: Pick<Call, 'type' | 'options' | 'base'> & Pick<HttpRequest, 'query'>): Part {
  const parameters = [...query].filter(([name]) => PART_PARAMETERS.includes(name))
  if (parameters.length === 0) return WHOLE
  const part = parseSearch({ type, parameters, now: options.clock.now(), bases: [base] })
  if (part.summary !== 'count') return part
  throw invalidRequest('Expected _summary to be true, text, data or false: nothing is counted here')
}

/** The part of a served resource that was asked for; the whole where nothing was said. */
export function subsetOf(resource: JsonObject, { elements, summary }: Part): JsonObject {
  if (summary === 'true') {
    return { ...summaryOf(resource), meta: tagged(resource['meta']) }
  }
  const shown = shownMembers(resource, elements, summary)
  if (shown === undefined) return resource
  const kept = Object.entries(resource).filter(([name]) => shown(bare(name)))
  return { ...Object.fromEntries(kept), meta: tagged(resource['meta']) }
}

/** @throws FhirRefusal `FHIR_RULE_BROKEN` if a resource says that parts of it were left out */
export function checkWhole({ meta = null }: JsonObject): void {
  const tags = isObject(meta) && Array.isArray(meta['tag']) ? meta['tag'] : []
  const isPart = tags.some((tag) => isObject(tag) && tag['code'] === SUBSETTED.code)
  if (!isPart && !isMasked({ meta })) return
  const message = 'The resource is tagged as shown in part; it would replace what was left out'
  throw new FhirRefusal('FHIR_RULE_BROKEN', message)
}

/** Which members are shown; undefined for all. */
function shownMembers(
  { resourceType }: JsonObject,
  elements: Part['elements'],
  summary: Part['summary'],
): ((name: string) => boolean) | undefined {
  if (summary === 'data') return (name) => name !== 'text'
  const wanted = summary === 'text' ? ['text'] : elements
  if (wanted === undefined || typeof resourceType !== 'string') return undefined
  const shown = new Set([
    'resourceType',
    'id',
    'meta',
    ...mandatoryMembers(resourceType),
    ...wanted,
  ])
  return (name) => shown.has(name) || wanted.some((one) => isChoiceOf(name, one))
}

/** `valueQuantity` is a spelling of `value`. */
const isChoiceOf = (name: string, of: string): boolean =>
  name.startsWith(of) && /^[A-Z]/.test(name.slice(of.length))

const bare = (name: string): string => (name.startsWith('_') ? name.slice(1) : name)

function tagged(meta: Json | undefined): JsonObject {
  const own = isObject(meta) ? meta : {}
  const tags = Array.isArray(own['tag']) ? own['tag'] : []
  return { ...own, tag: [...tags, { ...SUBSETTED }] }
}

const WHOLE: Part = { elements: undefined, summary: 'false' }
const SUBSETTED = {
  system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue',
  code: 'SUBSETTED',
}
