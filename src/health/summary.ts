/**
 * The summary of a resource: the elements that R4 marks as such, at every depth.
 *
 * An element that is no summary is left out unless it is mandatory, so that what is left is still a
 * resource of its type. Contained resources go; an extension, or a resource in a Bundle, is kept
 * whole.
 *
 * @see FHIR R4 §3.1.1.5.8 _summary
 * @module
 */

import { isResourceType } from './definitions.ts'
import { elementsOf } from './elements.ts'
import { isObject, type Json, type JsonObject } from './json.ts'

/** The summary of a resource of R4; shares its parts. */
export function summaryOf(resource: JsonObject): JsonObject {
  const type = resource['resourceType']
  if (typeof type !== 'string' || !isResourceType(type)) return resource
  return { resourceType: type, ...partOf(resource, type) }
}

/** What is kept of an object whose members are listed under a path. */
function partOf(value: JsonObject, path: string): JsonObject {
  const members = elementsOf(path)
  if (members === undefined) return value
  const kept = Object.entries(value).flatMap(([name, item]) => {
    const member = members.get(name.startsWith('_') ? name.slice(1) : name)
    if (member === undefined || item === undefined) return []
    if (!member.isSummary && !member.isMandatory) return []
    const { path: within, type } = member
    const isWhole = within === undefined || WHOLE.includes(type)
    return [[name, isWhole ? item : inside(item, within)] as const]
  })
  return Object.fromEntries(kept)
}

function inside(value: Json, path: string): Json {
  if (Array.isArray(value)) return value.map((item) => inside(item, path))
  return isObject(value) ? partOf(value, path) : value
}

const WHOLE: readonly string[] = ['Extension', 'Resource']
