/**
 * The shape of FHIR JSON: what it forbids whatever the invariants say.
 *
 * Walks a resource beside its definitions and finds objects where a primitive belongs and the
 * reverse, empty and nested arrays, stray nulls, ids of the wrong syntax, and unknown resource
 * types at any depth. Medplum's validator, which runs afterwards, lets these through or stumbles
 * over them; it reports what is missing, superfluous or wrong in value.
 *
 * @see FHIR R4 §2.6.2 JSON representation
 * @module
 */

import { isPrimitiveType, tryGetDataType, type InternalTypeSchema } from '@medplum/core'
import { isResourceType, meetType } from './definitions.ts'
import { isObject, type Json, type JsonObject } from './json.ts'
import { isMemberName } from './names.ts'
import type { Issue, IssueKind } from './refusal.ts'

/** The faults in the shape of a resource. Meets the type of every resource inside it. */
export function* shapeIssues(resource: JsonObject, place: string): Generator<Issue> {
  const type = resource['resourceType']
  if (typeof type !== 'string' || !isResourceType(type)) {
    const reason = 'not the name of a FHIR R4 resource type'
    yield issue('value', join(place, 'resourceType'), reason)
    return
  }
  meetType(type)
  if (resource['id'] !== undefined && !isResourceId(resource['id'])) {
    const reason = 'expected 1 to 64 letters, digits, hyphens and dots'
    yield issue('value', join(place, 'id'), reason)
  }
  yield* objectIssues(resource, tryGetDataType(type), place)
}

/** FHIR R4 §2.24.0.1: the syntax of a logical id. */
export const isResourceId = (id: unknown): id is string =>
  typeof id === 'string' && RESOURCE_ID.test(id)

/** A place and what stands in it, with a full stop between where neither is empty. */
export const join = (place: string, rest: string): string =>
  place === '' || rest === '' ? place + rest : `${place}.${rest}`

function* objectIssues(
  object: JsonObject,
  schema: InternalTypeSchema | undefined,
  place: string,
): Generator<Issue> {
  const types = schema === undefined ? undefined : memberTypes(schema)
  const names = Object.keys(object)
  if (names.length === 0) yield issue('structure', place, 'an object may not be empty')
  for (const [index, name] of names.entries()) {
    const value = object[name]
    // Every member of an object has a value; the validator reports the unknown ones.
    if (value === undefined || name === 'resourceType') continue
    const here = join(place, isMemberName(name) ? name : `{member ${index + 1}}`)
    const type = name.startsWith('_') ? 'Element' : types?.get(name)
    if (!Array.isArray(value)) yield* valueIssues(value, type, here)
    else yield* arrayIssues(value, { type, partner: partner(object, name), place: here })
  }
}

function* arrayIssues(
  array: readonly Json[],
  about: {
    readonly type: string | undefined
    readonly partner: Json | undefined
    readonly place: string
  },
): Generator<Issue> {
  const { type, partner: other, place } = about
  if (array.length === 0) yield issue('structure', place, 'an array may not be empty')
  for (const [index, value] of array.entries()) {
    const here = `${place}[${index}]`
    // Null is allowed only where the other array, of values or of extensions, has an entry.
    if (value === null && Array.isArray(other) && (other[index] ?? null) !== null) continue
    if (Array.isArray(value)) yield issue('structure', here, 'an array may not stand in an array')
    else yield* valueIssues(value, type, here)
  }
}

function* valueIssues(value: Json, type: string | undefined, place: string): Generator<Issue> {
  if (value === null) {
    yield issue('value', place, 'null is not a value here')
  } else if (!isObject(value)) {
    if (type === undefined || isPrimitiveType(type)) return
    yield issue('structure', place, 'expected an object')
  } else if (type === 'Resource') {
    yield* shapeIssues(value, place)
  } else if (type !== undefined && isPrimitiveType(type)) {
    yield issue('structure', place, 'expected a single value, not an object')
  } else {
    yield* objectIssues(value, type === undefined ? undefined : tryGetDataType(type), place)
  }
}

/** The type of each member that a type may have; `value[x]` stands under each of its spellings. */
function memberTypes(schema: InternalTypeSchema): ReadonlyMap<string, string> {
  const known = typesOf.get(schema)
  if (known !== undefined) return known
  const types = new Map<string, string>()
  for (const [name, element] of Object.entries(schema.elements)) {
    const choice = name.endsWith('[x]') ? name.slice(0, -3) : undefined
    for (const { code } of element.type) {
      const spelled =
        choice === undefined ? name : choice + code.charAt(0).toUpperCase() + code.slice(1)
      types.set(spelled, code)
    }
  }
  typesOf.set(schema, types)
  return types
}

/** `given` and `_given` describe the same elements, one by one. */
const partner = (object: JsonObject, name: string): Json | undefined =>
  object[name.startsWith('_') ? name.slice(1) : `_${name}`]

const issue = (kind: IssueKind, place: string, reason: string): Issue => ({ kind, place, reason })

/** Owned by this module; as many entries as types have been met. */
const typesOf = new WeakMap<InternalTypeSchema, ReadonlyMap<string, string>>()
const RESOURCE_ID = /^[A-Za-z0-9\-.]{1,64}$/
