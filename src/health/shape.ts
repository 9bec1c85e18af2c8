/**
 * The shape of FHIR JSON: what it forbids whatever the invariants say, and codes outside required
 * value sets.
 *
 * Walks a resource beside its definitions and finds objects where a primitive belongs and the
 * reverse, empty and nested arrays, stray nulls, ids of the wrong syntax, unknown resource types at
 * any depth, and codes that a required binding does not allow. Medplum's validator, which runs
 * afterwards, lets these through, stumbles over them, or takes a time that grows with the square of
 * their number; it reports what is missing, superfluous or wrong in value.
 *
 * @see FHIR R4 §2.6.2 JSON representation, §4.1.5 binding strengths
 * @module
 */

import { isPrimitiveType, tryGetDataType, type InternalTypeSchema } from '@medplum/core'
import { allowsCode, isResourceType, meetType } from './definitions.ts'
import { isObject, type Json, type JsonObject } from './json.ts'
import { isMemberName } from './names.ts'
import type { Issue, IssueKind } from './refusal.ts'

/**
 * The faults in the shape of a resource. Meets the type of every resource inside it.
 *
 * @param budget   values that may still be looked at; one more is a fault, and ends the walk
 */
export function* shapeIssues(
  resource: JsonObject,
  place: string,
  budget = { values: RESOURCE_VALUES_MAX },
): Generator<Issue> {
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
  yield* objectIssues(resource, { schema: tryGetDataType(type), place, budget })
}

/** FHIR R4 §2.24.0.1: the syntax of a logical id. */
export const isResourceId = (id: unknown): id is string =>
  typeof id === 'string' && RESOURCE_ID.test(id)

/** A place and what stands in it, with a full stop between where neither is empty. */
export const join = (place: string, rest: string): string =>
  place === '' || rest === '' ? place + rest : `${place}.${rest}`

/** Where the walk is. */
interface Spot {
  readonly place: string
  readonly budget: { values: number }
}

function* objectIssues(
  object: JsonObject,
  { schema, place, budget }: Spot & { readonly schema: InternalTypeSchema | undefined },
): Generator<Issue> {
  const members = schema === undefined ? undefined : membersOf(schema)
  const names = Object.keys(object)
  if (names.length === 0) yield issue('structure', place, 'an object may not be empty')
  for (const [index, name] of names.entries()) {
    const value = object[name]
    // Every member of an object has a value; the validator reports the unknown ones.
    if (value === undefined || name === 'resourceType') continue
    const here = join(place, isMemberName(name) ? name : `{member ${index + 1}}`)
    const spot = {
      place: here,
      budget,
      member: name.startsWith('_') ? ELEMENT : members?.get(name),
    }
    if (!Array.isArray(value)) yield* valueIssues(value, spot)
    else yield* arrayIssues(value, partner(object, name), spot)
  }
}

function* arrayIssues(
  array: readonly Json[],
  other: Json | undefined,
  spot: Spot & { readonly member: Member | undefined },
): Generator<Issue> {
  const { place } = spot
  if (array.length === 0) yield issue('structure', place, 'an array may not be empty')
  for (const [index, value] of array.entries()) {
    const here = `${place}[${index}]`
    // Null is allowed only where the other array, of values or of extensions, has an entry.
    if (value === null && Array.isArray(other) && (other[index] ?? null) !== null) continue
    if (Array.isArray(value)) yield issue('structure', here, 'an array may not stand in an array')
    else yield* valueIssues(value, { ...spot, place: here })
    if (spot.budget.values < 0) return
  }
}

function* valueIssues(
  value: Exclude<Json, Json[]>,
  { member, place, budget }: Spot & { readonly member: Member | undefined },
): Generator<Issue> {
  if (--budget.values < 0) {
    if (budget.values > -2) yield issue('structure', place, TOO_MANY)
    return
  }
  const type = member?.type
  const isPrimitive = type !== undefined && isPrimitiveType(type)
  if (value === null) {
    yield issue('value', place, 'null is not a value here')
  } else if (isPrimitive === isObject(value) && type !== undefined) {
    const expected = isPrimitive ? 'a single value, not an object' : 'an object'
    yield issue('structure', place, `expected ${expected}`)
  } else if (type === 'Resource' && isObject(value)) {
    yield* shapeIssues(value, place, budget)
  } else {
    if (member?.binding !== undefined && !isBound(member.binding, value)) {
      const reason = `not a code of the required value set ${member.binding}`
      yield issue('code-invalid', place, reason)
    }
    if (!isObject(value)) return
    const schema = type === undefined ? undefined : tryGetDataType(type)
    yield* objectIssues(value, { schema, place, budget })
  }
}

/** Whether a coded value keeps to a required binding: of a concept, one coding is enough. */
function isBound(valueSet: string, value: Json): boolean {
  if (typeof value === 'string') return allowsCode(valueSet, { code: value }) !== false
  if (!isObject(value)) return true
  const codings = Array.isArray(value['coding']) ? value['coding'].filter(isObject) : [value]
  const coded = codings.flatMap(({ system, code }) => {
    if (typeof code !== 'string') return []
    return [typeof system === 'string' ? { system, code } : { code }]
  })
  return coded.length === 0 || coded.some((coding) => allowsCode(valueSet, coding) !== false)
}

/** What a definition says of one member. */
interface Member {
  /** FHIR type, or the name of a backbone element. */
  readonly type: string
  /** The required value set, if there is one. */
  readonly binding: string | undefined
}

/** The members that a type may have; `value[x]` stands under each of its spellings. */
function membersOf(schema: InternalTypeSchema): ReadonlyMap<string, Member> {
  const known = membersBySchema.get(schema)
  if (known !== undefined) return known
  const members = new Map<string, Member>()
  for (const [name, element] of Object.entries(schema.elements)) {
    const choice = name.endsWith('[x]') ? name.slice(0, -3) : undefined
    for (const { code } of element.type) {
      const capital = code.charAt(0).toUpperCase() + code.slice(1)
      // Definitions hold no bindings but required ones.
      const member = { type: code, binding: element.binding?.valueSet }
      members.set(choice === undefined ? name : choice + capital, member)
    }
  }
  membersBySchema.set(schema, members)
  return members
}

/** `given` and `_given` describe the same elements, one by one. */
const partner = (object: JsonObject, name: string): Json | undefined =>
  object[name.startsWith('_') ? name.slice(1) : `_${name}`]

const issue = (kind: IssueKind, place: string, reason: string): Issue => ({ kind, place, reason })

/** Values in one resource, those of contained resources included. */
export const RESOURCE_VALUES_MAX = 20_000
const TOO_MANY = `expected at most ${RESOURCE_VALUES_MAX} values in one resource`
const ELEMENT: Member = { type: 'Element', binding: undefined }
/** Owned by this module; as many entries as types have been met. */
const membersBySchema = new WeakMap<InternalTypeSchema, ReadonlyMap<string, Member>>()
const RESOURCE_ID = /^[A-Za-z0-9\-.]{1,64}$/
