/**
 * Reads what is to be imported: one resource, or a Bundle of type transaction, batch or collection.
 *
 * All or nothing: one faulty resource refuses the whole, whatever the type of the Bundle. Within a
 * Bundle, references that equal the `fullUrl` of an entry become `Type/id` (FHIR R4 §3.1.0.11.2);
 * logical ids are kept where they are present and valid. A `urn:uuid:` or `urn:oid:` that no entry
 * has is refused, for nothing could ever resolve it; `Type/id` of a resource outside the Bundle is
 * kept, for it may be stored already, or at another site.
 *
 * Not supported, and refused with the place: reading, deleting and patching entries, conditional
 * create and update, conditional references, other types of Bundle. Links inside narrative are
 * left as they are.
 *
 * @module
 */

import { isResourceType } from './definitions.ts'
import { isObject, readJsonSteps, type Json, type JsonObject, type Steps } from './json.ts'
import { isMemberName } from './names.ts'
import { ownershipOf, type Ownership } from './ownership.ts'
import { invalid, ISSUES_MAX, refusal, type HealthRefusalCode, type Issue } from './refusal.ts'
import { isResourceId, join } from './shape.ts'
import { issuesOf } from './validation.ts'

/** One valid resource, ready to be sealed. */
export interface ImportedResource {
  readonly type: string
  readonly id: string
  /** The resource with its references resolved; `canonicalText` gives the text to store. */
  readonly value: JsonObject
  readonly ownership: Ownership
  /** Where it stood in what came in: `entry[3].resource`, or nothing. */
  readonly place: string
}

/**
 * Reads and validates an import, a step at a time: call `next` until it is done, pausing at will.
 *
 * @param newId   a fresh logical id, for a resource that has none
 * @throws HealthRefusal; then nothing of the import is valid
 */
export function* readImportSteps(
  octets: Uint8Array,
  newId: () => string,
): Steps<readonly ImportedResource[]> {
  const document = yield* readJsonSteps(octets)
  if (!isObject(document)) throw refused('HEALTH_JSON_INVALID', '', 'expected an object')
  const entries =
    document['resourceType'] === 'Bundle'
      ? entriesOf(document)
      : [{ place: '', resource: document, url: undefined, fullUrl: undefined }]
  yield
  const targets = new Map<string, string>()
  const named = entries.map((entry) => identified(entry, newId, targets))
  const taken = new Set<string>()
  for (const { place, type, id } of named) {
    const identity = `${type}/${id}`
    if (taken.has(identity)) throw refused('HEALTH_BUNDLE_INVALID', place, 'a resource twice')
    taken.add(identity)
  }
  return yield* checked(named, targets)
}

interface Entry {
  readonly place: string
  readonly resource: JsonObject
  /** `Type` to create, `Type/id` to put; undefined where the Bundle does not say. */
  readonly url: string | undefined
  readonly fullUrl: string | undefined
}

type Named = Pick<ImportedResource, 'type' | 'id' | 'value' | 'place'>

function* checked(
  named: readonly Named[],
  targets: ReadonlyMap<string, string>,
): Steps<readonly ImportedResource[]> {
  const issues: Issue[] = []
  const resources: ImportedResource[] = []
  for (const item of named) {
    issues.push(...resolveReferences(item.value, targets, item.place).take(ISSUES_MAX))
    issues.push(...issuesOf(item.value, item.place, ISSUES_MAX))
    // An import of nothing but faults ends early.
    if (issues.length >= ISSUES_MAX) break
    if (issues.length === 0) resources.push({ ...item, ownership: ownershipOf(item.value) })
    yield
  }
  if (issues.length > 0) throw invalid(issues.slice(0, ISSUES_MAX))
  return resources
}

function entriesOf(bundle: JsonObject): readonly Entry[] {
  const type = bundle['type']
  if (typeof type !== 'string' || !BUNDLE_TYPES.includes(type)) {
    throw refused('HEALTH_UNSUPPORTED', 'type', `expected one of ${BUNDLE_TYPES.join(', ')}`)
  }
  const { entry, ...shell } = bundle
  const shellIssues = issuesOf(shell)
  if (shellIssues.length > 0) throw invalid(shellIssues)
  if (!Array.isArray(entry) || entry.length === 0) {
    throw refused('HEALTH_BUNDLE_INVALID', 'entry', 'expected at least one entry')
  }
  if (entry.length > BUNDLE_ENTRIES_MAX) {
    const reason = `expected at most ${BUNDLE_ENTRIES_MAX} entries, got ${entry.length}`
    throw refused('HEALTH_BUNDLE_TOO_LARGE', 'entry', reason)
  }
  const seen = new Set<string>()
  return entry.map((item, index) => {
    const read = entryOf(item, `entry[${index}]`, type)
    if (read.fullUrl !== undefined && seen.has(read.fullUrl)) {
      throw refused('HEALTH_BUNDLE_INVALID', `entry[${index}].fullUrl`, 'stands in two entries')
    }
    if (read.fullUrl !== undefined) seen.add(read.fullUrl)
    return read
  })
}

function entryOf(item: Json, place: string, type: string): Entry {
  if (!isObject(item)) throw refused('HEALTH_BUNDLE_INVALID', place, 'expected an object')
  for (const [index, name] of Object.keys(item).entries()) {
    if (ENTRY_MEMBERS.includes(name)) continue
    const shown = isMemberName(name) ? name : `{member ${index + 1}}`
    throw refused('HEALTH_BUNDLE_INVALID', `${place}.${shown}`, 'an entry has no such member here')
  }
  const { resource, fullUrl, request } = item
  if (!isObject(resource)) {
    throw refused('HEALTH_BUNDLE_INVALID', `${place}.resource`, 'expected a resource')
  }
  if (fullUrl !== undefined && (typeof fullUrl !== 'string' || !/^\S+$/.test(fullUrl))) {
    throw refused('HEALTH_BUNDLE_INVALID', `${place}.fullUrl`, 'expected a URL')
  }
  const url = request === undefined ? undefined : requestUrl(request, `${place}.request`)
  if (url === undefined && type !== 'collection') {
    throw refused('HEALTH_BUNDLE_INVALID', `${place}.request`, `a ${type} needs a request`)
  }
  return { place: `${place}.resource`, resource, url, fullUrl }
}

/** `Type` of a create or `Type/id` of an update. */
function requestUrl(request: Json, place: string): string {
  if (!isObject(request)) throw refused('HEALTH_BUNDLE_INVALID', place, 'expected an object')
  for (const name of ['ifNoneExist', 'ifMatch', 'ifNoneMatch', 'ifModifiedSince']) {
    if (request[name] === undefined) continue
    throw refused('HEALTH_UNSUPPORTED', `${place}.${name}`, 'conditions are not supported')
  }
  const { method, url } = request
  if (method !== 'POST' && method !== 'PUT') {
    throw refused('HEALTH_UNSUPPORTED', `${place}.method`, 'expected POST or PUT')
  }
  const form = method === 'POST' ? /^[A-Za-z]+$/ : /^[A-Za-z]+\/[A-Za-z0-9\-.]{1,64}$/
  if (typeof url === 'string' && form.test(url)) return url
  const reason = `expected ${method === 'POST' ? 'Type' : 'Type/id'}, without a query`
  throw refused('HEALTH_UNSUPPORTED', `${place}.url`, reason)
}

/** Gives the resource of an entry its logical id, and notes where its `fullUrl` leads. */
function identified(entry: Entry, newId: () => string, targets: Map<string, string>): Named {
  const { place, resource, url, fullUrl } = entry
  const type = resource['resourceType']
  if (typeof type !== 'string' || !isResourceType(type)) {
    const reason = 'not the name of a FHIR R4 resource type'
    throw invalid([{ kind: 'value', place: joined(place, 'resourceType'), reason }])
  }
  const given = resource['id'] ?? idOf(type, fullUrl)
  if (given !== undefined && !isResourceId(given)) {
    const reason = 'expected 1 to 64 letters, digits, hyphens and dots'
    throw invalid([{ kind: 'value', place: joined(place, 'id'), reason }])
  }
  if (url !== undefined && url !== type && url !== `${type}/${given ?? ''}`) {
    throw refused('HEALTH_BUNDLE_INVALID', place, 'type or id differ from those of the request')
  }
  const id = given ?? newId()
  if (fullUrl !== undefined) targets.set(fullUrl, `${type}/${id}`)
  const { resourceType, ...rest } = resource
  const value = resource['id'] === undefined ? { resourceType, id, ...rest } : resource
  return { type, id, value, place }
}

/** The id that an absolute URL ending in `Type/id` gives. */
function idOf(type: string, fullUrl: string | undefined): string | undefined {
  const parts = /^https?:/.test(fullUrl ?? '') ? fullUrl?.split('/').slice(-2) : undefined
  return parts?.[0] === type ? parts[1] : undefined
}

/**
 * Rewrites, in place, whatever equals a key of `targets`, and finds references that nothing can
 * resolve.
 */
export function* resolveReferences(
  value: Json | undefined,
  targets: ReadonlyMap<string, string>,
  place: string,
): Generator<Issue> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries())
      yield* resolveReferences(item, targets, `${place}[${index}]`)
    return
  }
  if (!isObject(value)) return
  for (const name of Object.keys(value)) {
    const member = value[name]
    if (typeof member !== 'string') {
      if (typeof member === 'object') yield* resolveReferences(member, targets, joined(place, name))
      continue
    }
    if (!LINKING_MEMBERS.has(name)) continue
    const target = targets.get(member)
    if (target !== undefined) value[name] = target
    else if (name === 'reference') yield* unresolvable(member, joined(place, name))
  }
}

/** The conditional references of a resource, `Practitioner?identifier=…`, once each. */
export function conditionalReferencesOf(resource: JsonObject): ReadonlySet<string> {
  const found = new Set<string>()
  const visit = (value: Json | undefined): void => {
    if (Array.isArray(value)) value.forEach(visit)
    if (!isObject(value)) return
    const { reference } = value
    if (typeof reference === 'string' && CONDITIONAL.test(reference)) found.add(reference)
    Object.values(value).forEach(visit)
  }
  visit(resource)
  return found
}

function* unresolvable(reference: string, place: string): Generator<Issue> {
  if (/^urn:(?:uuid|oid):/.test(reference)) {
    yield { kind: 'not-found', place, reason: 'no entry of the Bundle has this fullUrl' }
  } else if (CONDITIONAL.test(reference)) {
    yield { kind: 'not-supported', place, reason: 'conditional references are not supported' }
  }
}

const refused = (code: HealthRefusalCode, place: string, reason: string) =>
  refusal(code, {
    kind: code === 'HEALTH_UNSUPPORTED' ? 'not-supported' : 'structure',
    place,
    reason,
  })
const joined = (place: string, name: string): string =>
  join(place, isMemberName(name) ? name : '{member}')

const CONDITIONAL = /^[A-Za-z]+\?/
/** Entries of one Bundle. */
export const BUNDLE_ENTRIES_MAX = 10_000
const BUNDLE_TYPES: readonly string[] = ['transaction', 'batch', 'collection']
const ENTRY_MEMBERS: readonly string[] = ['fullUrl', 'resource', 'request', 'search', 'response']
/** Members that may hold the `fullUrl` of an entry: Reference.reference, and elements of type url. */
const LINKING_MEMBERS: ReadonlySet<string> = new Set(['reference', 'url', 'valueUri', 'valueUrl'])
