/**
 * Expressions of search parameters, compiled to walks over JSON.
 *
 * R4 spells its search parameters in a small part of FHIRPath: names, `ofType`, `as`, an index,
 * `where` with one comparison or `resolve() is`, unions. These are compiled here, because a general
 * evaluator costs 21 µs for each and a resource has some thirty; what else there is goes to that
 * evaluator. A test holds both against each other for every parameter and every example.
 *
 * @see FHIRPath N1, FHIR R4 §3.1.1.1
 * @module
 */

import { evalFhirPathTyped, toTypedValue } from '@medplum/core'
import { isObject, plain, type Json, type JsonObject } from '../json.ts'

/** An element that a path leads to. */
export interface Found {
  readonly value: Json
  /** Its FHIR type where the member's name says it (`valueQuantity`), in lower case. */
  readonly type: string | undefined
}

/** All elements of a resource that an expression names, in order. */
export type Walk = (root: JsonObject, from?: Found) => readonly Found[]

/**
 * Compiles the parts of an expression that speak of this resource type.
 *
 * @param type   resource type; undefined for the expression of a component, which starts anywhere
 */
export function compilePath(expression: string, type?: string): Walk {
  const walks = unionOf(expression).flatMap((part) => {
    const own = ownPart(part, type)
    return own === undefined ? [] : [compilePart(own)]
  })
  if (walks.length === 1) return walks[0]
  return (root, from) => walks.flatMap((walk) => walk(root, from))
}

type Step = (found: Found, into: Found[]) => void

/** The part without the name of the type, or undefined if it is about another type. */
function ownPart(part: string, type: string | undefined): string | undefined {
  if (type === undefined) return part
  const bare = part.startsWith('(') ? part.slice(1) : part
  const first = /^[A-Za-z]+/.exec(bare)?.at(0)
  if (first === undefined) return undefined
  if (first === type || first === 'Resource' || first === 'DomainResource') return part
  return /^[a-z]/.test(first) ? part : undefined
}

function compilePart(part: string): Walk {
  if (part.includes('.exists()')) return evaluated(part)
  const isFromRoot = part.startsWith('%resource.')
  const steps = stepsOf(part.replace('%resource.', ''))
  return (root, from) => {
    let at: Found[] = [isFromRoot ? { value: root, type: undefined } : (from ?? start(root))]
    for (const step of steps) {
      if (at.length === 0) return at
      const next: Found[] = []
      for (const found of at) step(found, next)
      at = next
    }
    return at
  }
}

const start = (root: JsonObject): Found => ({ value: root, type: undefined })

/** Steps of one part: `(Observation.value.ofType(Quantity))`, `Patient.telecom.where(system='fax')`. */
function stepsOf(part: string): readonly Step[] {
  const steps: Step[] = []
  for (const { groups = {} } of part.matchAll(STEP)) {
    const { type, resolves, field, equals, name, index } = groups as Readonly<
      Partial<Record<string, string>>
    >
    if (type !== undefined) steps.push(ofType(type.toLowerCase()))
    else if (resolves !== undefined) steps.push(refersTo(resolves))
    else if (field !== undefined) steps.push(whereEquals(field, equals ?? ''))
    else if (name !== undefined && index !== undefined) steps.push(nth(name, Number(index)))
    else if (name !== undefined) steps.push(member(name))
  }
  return steps
}

const member =
  (name: string): Step =>
  ({ value }, into) => {
    if (!isObject(value)) return
    const own = value[name]
    if (own !== undefined) {
      add(own, undefined, into)
      return
    }
    for (const key of Object.keys(value)) {
      if (key.length <= name.length || !key.startsWith(name)) continue
      const type = key.slice(name.length)
      if (CHOICE_TYPES.has(type)) add(value[key], type.toLowerCase(), into)
    }
  }

const nth =
  (name: string, index: number): Step =>
  ({ value }, into) => {
    const list = isObject(value) ? value[name] : undefined
    if (Array.isArray(list) && index < list.length) add(list[index], undefined, into)
  }

const ofType =
  (type: string): Step =>
  (found, into) => {
    if (found.type === undefined || found.type === type) into.push({ ...found, type })
  }

const refersTo =
  (type: string): Step =>
  (found, into) => {
    const { value } = found
    if (!isObject(value)) return
    const { reference, type: named } = value
    if (typeof reference === 'string' && typeOfReference(reference) !== undefined) {
      if (typeOfReference(reference) === type) into.push(found)
    } else if (named === type) into.push(found)
  }

const whereEquals =
  (field: string, equals: string): Step =>
  (found, into) => {
    if (isObject(found.value) && found.value[field] === equals) into.push(found)
  }

function add(value: Json | undefined, type: string | undefined, into: Found[]): void {
  if (Array.isArray(value)) for (const item of value) add(item, type, into)
  else if (value !== undefined && value !== null) into.push({ value, type })
}

/** What these steps cannot say, by Medplum's evaluator. */
const evaluated =
  (part: string): Walk =>
  (root) =>
    evalFhirPathTyped(part, [toTypedValue(plain(root))]).map(({ value, type }) => ({
      value: value as Json,
      type: type.toLowerCase(),
    }))

/** `Patient` of `Patient/1`, `https://host/base/Patient/1` and `Patient/1/_history/2`. */
export function typeOfReference(reference: string): string | undefined {
  return REFERENCE.exec(reference)?.groups?.['type']
}

/** Parts of a union, at its `|` outside of parentheses. */
function unionOf(expression: string): readonly string[] {
  const parts: string[] = []
  let [depth, from] = [0, 0]
  for (let at = 0; at <= expression.length; at++) {
    const character = expression[at]
    if (character === '(') depth++
    else if (character === ')') depth--
    else if (at === expression.length || (character === '|' && depth === 0)) {
      parts.push(expression.slice(from, at).trim())
      from = at + 1
    }
  }
  return parts
}

/** Data types that R4 allows where a member may be of several. */
const CHOICE_TYPES: ReadonlySet<string> = new Set(
  `Base64Binary Boolean Canonical Code Date DateTime Decimal Id Instant Integer Markdown Oid
  PositiveInt String Time UnsignedInt Uri Url Uuid Address Age Annotation Attachment CodeableConcept
  Coding ContactPoint Count Distance Duration HumanName Identifier Money Period Quantity Range Ratio
  Reference SampledData Signature Timing ContactDetail Contributor DataRequirement Expression
  ParameterDefinition RelatedArtifact TriggerDefinition UsageContext Dosage Meta`.split(/\s+/),
)
/** One step; a name in capitals is the type at the beginning, and no step. */
const STEP =
  /ofType\((?<type>\w+)\)|where\(resolve\(\) is (?<resolves>\w+)\)|where\((?<field>\w+)='(?<equals>[^']*)'\)|[A-Z]\w*|(?<name>[a-z]\w*)(?:\[(?<index>\d+)\])?/g
/** A literal reference, relative or absolute, with or without a version. */
export const REFERENCE =
  /^(?:(?<base>https?:\/\/\S{1,512})\/)?(?<type>[A-Z][A-Za-z]{2,63})\/(?<id>[A-Za-z0-9\-.]{1,64})(?:\/_history\/(?<version>[A-Za-z0-9\-.]{1,64}))?$/
