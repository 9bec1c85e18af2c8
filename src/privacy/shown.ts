/**
 * Obligations performed: a resource as it may be shown.
 *
 * Where something is masked, what could repeat it goes as well: the narrative, extensions, and the
 * same elements of what is contained. Works on a copy; what is not touched is shared.
 *
 * @module
 */

import { isObject, type Json, type JsonObject } from '#health'
import { MASKED, maskedMember } from './masking.ts'

/** How something is shown. */
export interface ShownAs {
  /** Elements that are shown masked. */
  readonly masked: ReadonlySet<string>
  /** Only so much of it. */
  readonly form: 'codes-only' | 'pseudonymised' | undefined
  /** Labels that stay with it, as `meta.security` spells them. */
  readonly labels: readonly { readonly system: string; readonly code: string }[]
}

/** What performing needs to know. */
export interface ShownBy {
  /** `YYYY-MM-DD`. */
  readonly today: string
  /** A name that stands for another, the same for equal ones at this site. */
  readonly pseudonymOf: (name: string) => string
}

/** Whether an element is not shown as it is, so that nobody may search or sort by it. */
export function hides({ masked, form }: ShownAs, element: string): boolean {
  if (masked.has(elementOf(element))) return true
  if (form === 'codes-only') return !CODED.has(bare(element))
  return form === 'pseudonymised' && PEOPLE.has(element)
}

/** The resource as it may be shown. */
export function shown(resource: JsonObject, as: ShownAs, by: ShownBy): JsonObject {
  const { masked, form, labels } = as
  const isPart = masked.size > 0 || form !== undefined
  let copy = resource
  if (form === 'codes-only') copy = codesOf(copy)
  if (form === 'pseudonymised') copy = pseudonymised(copy, by)
  if (masked.size > 0) copy = withMasks(copy, masked, by)
  const added = isPart ? [...labels, MASKED] : labels
  return added.length === 0 ? copy : labelled(copy, added)
}

function withMasks(resource: JsonObject, masked: ReadonlySet<string>, by: ShownBy): JsonObject {
  const own = membersOf(resource).flatMap(([name, value]): [string, Json][] => {
    if (REPEATING.has(name)) return []
    if (name === 'contained' && Array.isArray(value)) {
      return [[name, value.map((one) => (isObject(one) ? withMasks(one, masked, by) : one))]]
    }
    if (!masked.has(elementOf(name))) return [[name, value]]
    const left = maskedMember(name, value, by.today)
    return left === undefined ? [] : [[name, left]]
  })
  return Object.fromEntries(own)
}

/** Codes, and what says when and of whom they are. */
function codesOf(resource: JsonObject): JsonObject {
  const kept = membersOf(resource).filter(([name]) => CODED.has(bare(name)))
  return Object.fromEntries(kept.map(([name, value]) => [name, withoutText(value)]))
}

/** Without free text: of concepts the codings stay, of references the links. */
function withoutText(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutText)
  if (!isObject(value)) return value
  const kept = membersOf(value).filter(([name]) => !FREE.has(name))
  return Object.fromEntries(kept.map(([name, member]) => [name, withoutText(member)]))
}

/** An audit event with people under other names, and without what was asked about whom. */
function pseudonymised(resource: JsonObject, { pseudonymOf }: ShownBy): JsonObject {
  const visit = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(visit)
    if (!isObject(value)) return value
    const members = membersOf(value).flatMap(([name, member]): [string, Json][] => {
      if (name === 'contained' || NAMING.has(name) || FREE.has(name) || REPEATING.has(name))
        return []
      if (name !== 'reference' || typeof member !== 'string') return [[name, visit(member)]]
      return [['identifier', { system: PSEUDONYM, value: pseudonymOf(member) }]]
    })
    return Object.fromEntries(members)
  }
  return visit(resource) as JsonObject
}

function labelled(resource: JsonObject, labels: ShownAs['labels']): JsonObject {
  const meta = isObject(resource['meta']) ? resource['meta'] : {}
  const own = Array.isArray(meta['security']) ? meta['security'] : []
  const known = new Set(own.map((one) => (isObject(one) ? one['code'] : undefined)))
  const more = labels.filter(({ code }) => !known.has(code)).map((label) => ({ ...label }))
  return { ...resource, meta: { ...meta, security: [...own, ...more] } }
}

/** The members that are there. */
const membersOf = (value: JsonObject): readonly (readonly [string, Json])[] =>
  Object.entries(value).flatMap(([name, member]) => (member === undefined ? [] : [[name, member]]))

const bare = (name: string): string => (name.startsWith('_') ? name.slice(1) : name)
/** `deceasedDateTime` hides with `birthDate`: both say how old somebody is. */
const elementOf = (name: string): string => {
  const own = bare(name)
  return own.startsWith('deceased') ? 'birthDate' : own
}

/** What may repeat a masked element in other words. */
const REPEATING: ReadonlySet<string> = new Set(['text', 'extension', 'modifierExtension'])
const FREE: ReadonlySet<string> = new Set([
  'text',
  'note',
  'display',
  'userSelected',
  'description',
])
const NAMING: ReadonlySet<string> = new Set([
  'name',
  'altId',
  'network',
  'query',
  'detail',
  'display',
])
const PEOPLE: ReadonlySet<string> = new Set(['agent', 'entity', 'source'])
const PSEUDONYM = 'urn:photonward:pseudonym'
/** Elements that billing codes from: what it is, of whom, when, in which state. */
const CODED: ReadonlySet<string> = new Set(
  (
    'resourceType id meta status clinicalStatus verificationStatus intent priority class type ' +
    'category code serviceType bodySite severity reasonCode diagnosis quantity daysSupply ' +
    'medicationCodeableConcept subject patient for encounter context period performedPeriod ' +
    'performedDateTime onsetDateTime occurrenceDateTime occurrencePeriod authoredOn recordedDate ' +
    'whenHandedOver whenPrepared'
  ).split(' '),
)
