/**
 * The facts of a FHIR resource that rights depend on.
 *
 * Reads a resource once, before it is shown or stored. What it cannot tell, it tells the safe way:
 * a type that should name a patient and does not is about somebody unknown, whom nobody reaches.
 *
 * @module
 */

import {
  intervalOfDate,
  isObject,
  ownershipOf,
  referencesOf,
  type Interval,
  type Json,
  type JsonObject,
} from '#health'
import { classOf } from './classes.ts'
import { codesOf, listOf, referenceOf } from './consent-read.ts'

import { codesIn, declaredLabels, labelsOf } from './labels.ts'
import type { ResourceFacts } from './model.ts'

/**
 * The facts of a resource.
 *
 * @param known   what only the host knows: a legal hold, VIP patients, whose record it is, which
 *                site sealed it, and the patients of what refers to them by an identifier
 */
export function resourceFacts(
  resource: JsonObject,
  known: Partial<Pick<ResourceFacts, 'held' | 'vip' | 'site' | 'patients'>> & {
    readonly from?: ResourceFacts['from'] | undefined
  } = {},
): ResourceFacts {
  const type = typeof resource['resourceType'] === 'string' ? resource['resourceType'] : ''
  const id = resource['id']
  const ownership = ownershipOf(resource)
  const named =
    ownership.kind === 'patients'
      ? ownership.subjects.flatMap((one) => (one.kind === 'reference' ? [one.reference] : []))
      : []
  const patients = [...new Set([...named, ...(known.patients ?? [])])]
  const personal = ownership.kind !== 'shared' || patients.length > 0
  const categories = listOf(resource['category']).flatMap(codesOf)
  const codes = codesIn(resource)
  const dated = datedOf(resource)
  const vip = declaredLabels(resource).some(({ code }) => VIP.has(code))
  return {
    type,
    ...(typeof id === 'string' ? { reference: `${type}/${id}` } : {}),
    class: classOf(type, { categories, personal }),
    patients,
    personal,
    ...labelsOf(resource, codes),
    vip: vip || known.vip === true,
    held: known.held === true,
    authors: authorsOf(resource),
    related: referencesOf(resource),
    codes,
    categories,
    ...(dated === undefined ? {} : { dated }),
    ...(known.site === undefined ? {} : { site: known.site }),
    ...(known.from === undefined ? {} : { from: known.from }),
  }
}

/** Who wrote it: references of elements that name authors, or of actors inside them. */
function authorsOf(resource: JsonObject): readonly string[] {
  const found = AUTHORS.flatMap((name) => listOf(resource[name])).flatMap((value) => {
    const inside = isObject(value) ? (value['actor'] ?? value['individual']) : undefined
    return referenceOf(value) ?? referenceOf(inside) ?? []
  })
  return [...new Set(found)]
}

/** When it was so: the first element that says it, a period or a moment. */
function datedOf(resource: JsonObject): Interval | undefined {
  for (const name of DATES) {
    const value: Json | undefined = resource[name]
    if (typeof value === 'string') return intervalOfDate(value)
    if (!isObject(value)) continue
    const { start, end } = value
    const low = typeof start === 'string' ? intervalOfDate(start) : undefined
    const high = typeof end === 'string' ? intervalOfDate(end) : undefined
    if (low === undefined && high === undefined) continue
    return [low?.[0] ?? -Infinity, high?.[1] ?? Infinity]
  }
  return undefined
}

const AUTHORS = ['author', 'recorder', 'asserter', 'assessor', 'performer', 'requester', 'sender']
const DATES = [
  'effectiveDateTime',
  'effectivePeriod',
  'effectiveInstant',
  'performedDateTime',
  'performedPeriod',
  'occurrenceDateTime',
  'occurrencePeriod',
  'onsetDateTime',
  'onsetPeriod',
  'whenHandedOver',
  'started',
  'period',
  'authoredOn',
  'recordedDate',
  'date',
  'dateTime',
  'issued',
  'created',
  'sent',
  'recorded',
]
/** HL7 v3 ActCode: celebrities, and staff who are patients. */
const VIP: ReadonlySet<string> = new Set(['CEL', 'EMP'])
