/**
 * Consent resources of FHIR R4, read into directives that can be evaluated.
 *
 * Reads what evaluation needs and nothing else. A Consent in force that cannot be read whole
 * (modifier extensions, unknown types, too deep) becomes a directive that denies: a patient's wish
 * that we do not understand is not a permission.
 *
 * @see FHIR R4 Consent; IHE PCF 1.1.0 §3:5.8
 * @module
 */

import type { SiteId } from '#base'
import { intervalOfDate, isObject, type Interval, type Json, type JsonObject } from '#health'
import type { Code } from './model.ts'

/** One provision: conditions, what they permit or deny, and exceptions to that. */
export interface Provision {
  /** Undefined at a root that leaves the base decision to a policy we do not know. */
  readonly type: 'permit' | 'deny' | undefined
  readonly period?: Interval
  /** Dates at which the data was so. */
  readonly dataPeriod?: Interval
  readonly actors: readonly Actor[]
  readonly actions: readonly Code[]
  readonly purposes: readonly Code[]
  readonly labels: readonly Code[]
  readonly classes: readonly Code[]
  readonly codes: readonly (readonly Code[])[]
  readonly data: readonly DataReference[]
  readonly provisions: readonly Provision[]
}

/** Somebody a provision speaks of. */
export interface Actor {
  readonly roles: readonly Code[]
  readonly reference: string
}

/** Data a provision speaks of, by reference. */
export interface DataReference {
  readonly meaning: 'instance' | 'related' | 'dependents' | 'authoredby'
  readonly reference: string
}

/** What one Consent says. */
export interface Directive {
  /** `Consent/id`, for explanations. */
  readonly id: string
  /** `Patient/id`. */
  readonly patient: string
  /** Of a Consent that came with a record: the site whose records it speaks of. Default, of all. */
  readonly from?: SiteId
  readonly root: Provision | 'unreadable'
}

/**
 * The directive of a Consent, or undefined if it directs nothing: not in force, or about treatment
 * or advance care rather than about data.
 *
 * @param owner   the patient, as the host names patients. To be given wherever a reference may be
 *                spelled in another way (absolute, merged): a directive that is filed under a name
 *                nobody asks for is not found
 */
export function readConsent(consent: JsonObject, owner?: string): Directive | undefined {
  if (consent['resourceType'] !== 'Consent' || consent['status'] !== 'active') return undefined
  const scopes = codesOf(consent['scope'])
  if (scopes.some(({ code }) => NOT_ABOUT_DATA.has(code))) return undefined
  const id = `Consent/${textOf(consent['id']) ?? 'unnamed'}`
  const patient = owner ?? referenceOf(consent['patient'])
  if (patient === undefined) return undefined
  const provision = consent['provision'] ?? {}
  const foreign = consent['modifierExtension'] !== undefined
  const read = foreign ? undefined : provisionOf(provision, baseOf(consent), 0)
  return { id, patient, root: read ?? 'unreadable' }
}

/** The decision of the policy that a consent opts in to or out of. */
function baseOf(consent: JsonObject): 'permit' | 'deny' | undefined {
  const rules = codesOf(consent['policyRule']).map(({ code }) => code)
  if (rules.some((code) => OPT_OUT.has(code))) return 'deny'
  return rules.some((code) => OPT_IN.has(code)) ? 'permit' : undefined
}

function provisionOf(
  value: Json,
  base: 'permit' | 'deny' | undefined,
  depth: number,
): Provision | undefined {
  if (!isObject(value) || depth > DEPTH_MAX || value['modifierExtension'] !== undefined) {
    return undefined
  }
  const type = value['type'] ?? base
  if (type !== 'permit' && type !== 'deny' && type !== undefined) return undefined
  // Only the root may leave its decision to the policy; R4 requires it of every exception.
  if (depth > 0 && value['type'] === undefined) return undefined
  const period = periodOf(value['period'])
  const dataPeriod = periodOf(value['dataPeriod'])
  const actors = listOf(value['actor']).map(actorOf)
  const data = listOf(value['data']).map(dataOf)
  const nested = listOf(value['provision']).map((one) => provisionOf(one, undefined, depth + 1))
  if (period === null || dataPeriod === null) return undefined
  if (!complete(actors) || !complete(data) || !complete(nested)) return undefined
  return {
    type,
    ...(period === undefined ? {} : { period }),
    ...(dataPeriod === undefined ? {} : { dataPeriod }),
    actors,
    actions: listOf(value['action']).flatMap(codesOf),
    purposes: listOf(value['purpose']).flatMap(codingOf),
    labels: listOf(value['securityLabel']).flatMap(codingOf),
    classes: listOf(value['class']).flatMap(codingOf),
    codes: listOf(value['code']).map(codesOf),
    data,
    provisions: nested,
  }
}

function actorOf(value: Json): Actor | undefined {
  const reference = isObject(value) ? referenceOf(value['reference']) : undefined
  if (!isObject(value) || reference === undefined) return undefined
  return { roles: codesOf(value['role']), reference }
}

function dataOf(value: Json): DataReference | undefined {
  if (!isObject(value)) return undefined
  const reference = referenceOf(value['reference'])
  const meaning = MEANINGS.find((one) => one === value['meaning'])
  return reference === undefined || meaning === undefined ? undefined : { meaning, reference }
}

/** A period; undefined where there is none, null where it cannot be read. */
function periodOf(value: Json | undefined): Interval | undefined | null {
  if (value === undefined) return undefined
  if (!isObject(value)) return null
  const start = value['start'] === undefined ? EVER : intervalOfDate(textOf(value['start']) ?? '')
  const end = value['end'] === undefined ? EVER : intervalOfDate(textOf(value['end']) ?? '')
  return start === undefined || end === undefined ? null : [start[0], end[1]]
}

/** The literal reference of a Reference, without a version. */
export function referenceOf(value: Json | undefined): string | undefined {
  const text = isObject(value) ? textOf(value['reference']) : undefined
  return text?.replace(/\/_history\/[^/]*$/, '')
}

/** The codings of a CodeableConcept. */
export const codesOf = (value: Json | undefined): Code[] =>
  isObject(value) ? listOf(value['coding']).flatMap(codingOf) : []

/** A Coding that has a code. */
export function codingOf(value: Json): Code[] {
  const code = isObject(value) ? textOf(value['code']) : undefined
  if (!isObject(value) || code === undefined) return []
  return [{ system: textOf(value['system']) ?? '', code }]
}

/** One or many, as a list. */
export const listOf = (value: Json | undefined): readonly Json[] =>
  value === undefined || value === null ? [] : Array.isArray(value) ? value : [value]

const textOf = (value: Json | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined

const complete = <T>(items: readonly (T | undefined)[]): items is readonly T[] =>
  !items.includes(undefined)

const MEANINGS = ['instance', 'related', 'dependents', 'authoredby'] as const
const NOT_ABOUT_DATA: ReadonlySet<string> = new Set(['adr', 'treatment'])
/** HL7 v3 ActCode, consent directives. */
const OPT_IN: ReadonlySet<string> = new Set(['OPTIN', 'OPTINR'])
const OPT_OUT: ReadonlySet<string> = new Set(['OPTOUT', 'OPTOUTE'])
const EVER: Interval = [-Infinity, Infinity]
/** Exceptions to exceptions; PCF knows one level, R4 any number. */
const DEPTH_MAX = 8
