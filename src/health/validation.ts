/**
 * Validation of one resource against base FHIR R4: structure, types, cardinality, invariants,
 * required bindings.
 *
 * Medplum's validator does the greater part, after `shape.ts`. Every issue names place and reason,
 * and never repeats a value.
 *
 * Does not check profiles (UK Core, US Core), codes of LOINC or SNOMED CT, units of UCUM,
 * currencies or MIME types, nor whether a reference leads anywhere.
 *
 * @see FHIR R4 §2.6.2 JSON, §4.1.5 binding strengths
 * @module
 */

import { OperationOutcomeError, validateResource as validateStructure } from '@medplum/core'
import type { OperationOutcomeIssue, Resource } from '@medplum/fhirtypes'
import { fromBase64 } from '#base'
import { isObject, plain, type Json, type JsonObject } from './json.ts'
import { isMemberName } from './names.ts'
import type { Issue, IssueKind } from './refusal.ts'
import { join, shapeIssues } from './shape.ts'

/**
 * All faults of a resource, at most `most`; none if it is valid.
 *
 * @param place   where the resource stands in what came in: `entry[3].resource`, or nothing
 */
export function issuesOf(resource: JsonObject, place = '', most = 50): readonly Issue[] {
  const issues = [...shapeIssues(resource, place).take(most)]
  // Codes that are not allowed do not keep the validator from its work; a wrong shape does.
  if (issues.some(({ kind }) => kind !== 'code-invalid')) return issues
  return [...issues, ...structureIssues(resource, place)].slice(0, most)
}

function structureIssues(resource: JsonObject, place: string): readonly Issue[] {
  try {
    validateStructure(plain(resource) as Resource)
    return []
  } catch (error) {
    if (!(error instanceof OperationOutcomeError)) {
      // The validator itself gave up, on a value whose type it did not expect.
      return [{ kind: 'structure', place, reason: 'the resource cannot be read as its type' }]
    }
    const errors = error.outcome.issue.filter((fault) => !isMistaken(fault, resource))
    return errors.map((fault) => translated(fault, resource, place))
  }
}

/** Whether the validator errs: it refuses base64 with white space, which FHIR R4 §2.24.0.1 allows. */
function isMistaken(fault: OperationOutcomeIssue, resource: JsonObject): boolean {
  if (fault.severity !== 'error') return true
  if (fault.details?.text !== 'Invalid base64Binary format') return false
  const value = valueAt(resource, fault.expression?.[0] ?? '')
  return typeof value === 'string' && isBase64(value.replaceAll(/\s/g, ''))
}

function isBase64(text: string): boolean {
  try {
    return fromBase64(text).length > 0
  } catch {
    return false
  }
}

/** Medplum's issue in our terms. Its texts come from the specification, but for member names. */
function translated(fault: OperationOutcomeIssue, resource: JsonObject, place: string): Issue {
  const path = fault.expression?.[0] ?? ''
  const text = fault.details?.text ?? 'the resource cannot be read as its type'
  const extra = EXTRA_MEMBER.exec(text)?.groups?.['name']
  if (extra !== undefined) {
    const parent = path.slice(0, -(extra.length + 1))
    const index = Object.keys(valueAt(resource, parent) ?? {}).indexOf(extra)
    const name = isMemberName(extra) ? extra : `{member ${index + 1}}`
    const reason = 'FHIR R4 has no such member here'
    return { kind: 'structure', place: join(place, join(inner(parent, resource), name)), reason }
  }
  const known = /^(?:Constraint |Missing |Invalid |Expected |String |Value |Incorrect |base64)/
  const reason = known.test(text) ? lowered(text) : 'the element is not as FHIR R4 defines it'
  return { kind: kindOf(text), place: join(place, inner(path, resource)), reason }
}

/** The value at a path of Medplum's. */
function valueAt(resource: JsonObject, path: string): Json | undefined {
  let at: Json | undefined = resource
  for (const part of path.split('.').slice(1)) at = step(at, part)[0]
  return at
}

/** One part of a path: the value it leads to, and the name of the member it means. */
function step(at: Json | undefined, part: string): readonly [Json | undefined, string] {
  const [, name, index] = /^(.*?)(?:\[(\d+)\])?$/.exec(part) ?? []
  const spelled = name.endsWith('[x]') ? choiceOf(at, name.slice(0, -3)) : name
  const member = isObject(at) ? at[spelled] : undefined
  return Array.isArray(member) ? [member[Number(index)], `${spelled}[${index}]`] : [member, spelled]
}

/** The member by which an object spells a choice of types: `valueQuantity` for `value`. */
function choiceOf(at: Json | undefined, name: string): string {
  const names = isObject(at) ? Object.keys(at) : []
  const isChoice = (other: string): boolean =>
    other.startsWith(name) && /^[A-Z]/.test(other.slice(name.length)) && isMemberName(other)
  return names.find(isChoice) ?? name
}

function kindOf(text: string): IssueKind {
  if (text.startsWith('Missing')) return 'required'
  if (text.startsWith('Constraint')) return 'invariant'
  return /format|null value|numeric|integer|range|JSON type|date|non-whitespace|larger/.test(text)
    ? 'value'
    : 'structure'
}

/** `Patient.birthDate` inside a Patient is `birthDate`. */
function inner(path: string, resource: JsonObject): string {
  let at: Json | undefined = resource
  const parts = path.split('.').slice(1)
  return parts
    .map((part) => {
      const [value, name] = step(at, part)
      at = value
      return name
    })
    .join('.')
}

const lowered = (text: string): string => text.slice(0, 1).toLowerCase() + text.slice(1)
const EXTRA_MEMBER = /^Invalid additional property "(?<name>.*)"$/s
