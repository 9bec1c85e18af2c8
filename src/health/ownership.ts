/**
 * Whose record a resource belongs to, and what it refers to.
 *
 * Goes by the patient compartment of FHIR R4 and by the search parameters `patient` and `subject`,
 * which reach some types that the compartment leaves out (Device, Task). A resource may be about
 * several patients. One of a type that never names a patient (Organization) is shared by all
 * records; one that should name a patient but does not is unassigned, and goes nowhere.
 *
 * @see FHIR R4 CompartmentDefinition/patient
 * @module
 */

import { patientElements } from './definitions.ts'
import { isObject, type Json, type JsonObject } from './json.ts'

/** A patient as another resource names it. */
export type Subject =
  /** `Patient/abc`, or the absolute URL of a patient elsewhere. */
  | { readonly kind: 'reference'; readonly reference: string }
  /** A logical reference: the patient who has this identifier. */
  | { readonly kind: 'identifier'; readonly identifier: Identifier }

export interface Identifier {
  /** The system's URL; empty where none was given. */
  readonly system: string
  readonly value: string
}

export type Ownership =
  | { readonly kind: 'patients'; readonly subjects: readonly Subject[] }
  | { readonly kind: 'shared' }
  | { readonly kind: 'unassigned' }

/** Whose a valid resource is. Those of a contained resource count where it names none itself. */
export function ownershipOf(resource: JsonObject): Ownership {
  const type = resource['resourceType'] as string
  if (type === 'Patient') {
    const reference = `Patient/${resource['id'] as string}`
    return { kind: 'patients', subjects: [{ kind: 'reference', reference }] }
  }
  const contained = asArray(resource['contained']).filter(isObject)
  const own = subjectsIn(resource)
  const subjects = distinct(own.length > 0 ? own : contained.flatMap(subjectsIn))
  if (subjects.length > 0) return { kind: 'patients', subjects }
  const about = [resource, ...contained].map((item) => item['resourceType'] as string)
  return { kind: about.every(isPatientless) ? 'shared' : 'unassigned' }
}

/** Whether resources of this type belong to the whole site, unless what they contain says else. */
export const belongsToSite = (type: string): boolean => type !== 'Patient' && isPatientless(type)

/** Whether a resource of this type that names no patient is about none. */
const isPatientless = (type: string): boolean =>
  MAY_BE_ABOUT_NOBODY.has(type) ||
  (patientElements(type) === undefined && !MAY_BE_ABOUT_ANYBODY.has(type))

/** The identifiers of a resource: `identifier` as one or many, each with a value. */
export function identifiersOf(resource: JsonObject): readonly Identifier[] {
  return asArray(resource['identifier']).flatMap((item) => identifierOf(item) ?? [])
}

/** Every literal reference `Type/id` inside a resource, once each, without a version. */
export function referencesOf(resource: JsonObject): readonly string[] {
  const found = new Set<string>()
  const visit = (value: Json | undefined): void => {
    if (Array.isArray(value)) value.forEach(visit)
    if (!isObject(value)) return
    const local = LOCAL.exec(text(value['reference']))?.groups?.['target']
    if (local !== undefined) found.add(local)
    Object.values(value).forEach(visit)
  }
  visit(resource)
  return [...found]
}

function subjectsIn(resource: JsonObject): Subject[] {
  const paths = patientElements(resource['resourceType'] as string) ?? []
  const more = resource['resourceType'] === 'Binary' ? ['securityContext'] : []
  return [...paths, ...more].flatMap((path) =>
    elementsAt(resource, path.split('.')).flatMap((element) => subjectOf(element) ?? []),
  )
}

/** The patient that a Reference names, or undefined if it names something else. */
function subjectOf(element: Json): Subject | undefined {
  if (!isObject(element)) return undefined
  const reference = text(element['reference'])
  const found = PATIENT.exec(reference)?.groups
  if (found !== undefined) return { kind: 'reference', reference: found['target'] }
  const identifier = identifierOf(element['identifier'])
  const type = text(element['type'])
  const patient = type === 'Patient' || (type === '' && identifier?.system === NHS_NUMBER_SYSTEM)
  if (reference !== '' || identifier === undefined || !patient) return undefined
  return { kind: 'identifier', identifier }
}

function identifierOf(item: Json | undefined): Identifier | undefined {
  if (!isObject(item) || typeof item['value'] !== 'string') return undefined
  const system = text(item['system'])
  const spaced = item['value'].trim()
  return { system, value: system === NHS_NUMBER_SYSTEM ? spaced.replaceAll(/[\s-]/g, '') : spaced }
}

function elementsAt(value: Json | undefined, path: readonly string[]): Json[] {
  if (Array.isArray(value)) return value.flatMap((item) => elementsAt(item, path))
  if (value === undefined || path.length === 0) return value === undefined ? [] : [value]
  return isObject(value) ? elementsAt(value[path[0]], path.slice(1)) : []
}

function distinct(subjects: readonly Subject[]): readonly Subject[] {
  if (subjects.length < 2) return subjects
  const byKey = subjects.map((subject) => [JSON.stringify(subject), subject] as const)
  return [...new Map(byKey).values()]
}

const asArray = (value: Json | undefined): readonly Json[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value]
const text = (value: Json | undefined): string => (typeof value === 'string' ? value : '')

/** The system of NHS numbers (UK Core). */
export const NHS_NUMBER_SYSTEM = 'https://fhir.nhs.uk/Id/nhs-number'
const LOCAL = /^(?<target>[A-Z][A-Za-z]+\/[A-Za-z0-9\-.]{1,64})(?:\/_history\/.*)?$/
const PATIENT = /^(?<target>(?:https?:\/\/\S+\/)?Patient\/[A-Za-z0-9\-.]{1,64})(?:\/_history\/.*)?$/
/** Types without an element for the patient, whose content may be about anybody. */
const MAY_BE_ABOUT_ANYBODY: ReadonlySet<string> = new Set([
  'Binary',
  'Bundle',
  'Linkage',
  'Parameters',
])
/** Types that may name a patient, and are an inventory or a rota where they do not. */
const MAY_BE_ABOUT_NOBODY: ReadonlySet<string> = new Set(['Device', 'Schedule'])
