/**
 * `$summary`: an International Patient Summary of what the session may see, made when it is asked.
 *
 * A document of the sections of the guide. Each holds what a search of the patient's record finds
 * for it; where a required one finds nothing, an entry says that nothing is known, which is not the
 * same as that there is nothing. What may not be seen is not in it, and the document cannot tell.
 *
 * Unlike the guide asks of a full implementation, resources are given as they were recorded: codes
 * are not translated to its value sets, nor resources made to conform to its profiles.
 *
 * @see HL7 FHIR International Patient Summary 1.1.0, OperationDefinition summary
 * @module
 */

import { isoTime, newUuid, present } from '#base'
import { inPatientCompartment, isObject, parseSearch, type Json, type JsonObject } from '#health'
import type { Opened } from '#vault'
import { askedBy, checkAllowed, type Answer, type Call } from '../context.ts'
import { typeIn } from '../incoming.ts'
import { FhirRefusal, notFound } from '../refusal.ts'
import { servedResource } from '../resources.ts'
import { findPage, namedBy } from '../searching.ts'
import { loinc, SECTIONS, type Section } from './sections.ts'

/** `GET Patient/[id]/$summary`. */
export async function summary(call: Call): Promise<Answer> {
  const { options, base } = call
  const id = present(call.id, 'the patient of a summary')
  await checkAllowed(call, 'read', 'Patient')
  const patient = await options.vault.consult({ type: 'Patient', id }, askedBy(call, 'read', 'all'))
  if (patient === undefined) throw notFound()
  if (patient.isGone) throw new FhirRefusal('FHIR_DELETED', 'The resource was deleted')
  const filled: Filled[] = []
  for (const section of SECTIONS) {
    const one = await filledFor(call, section, id)
    if (one !== undefined) filled.push(one)
  }
  const opened = filled.flatMap((section) => section.opened)
  const named = await namedBy(call, [patient, ...opened])
  const author = { ...AUTHOR, deviceName: [{ name: `PhotonWard, ${options.site}`, type: 'other' }] }
  const own = (resource: JsonObject): Entry => ({
    fullUrl: `urn:uuid:${newUuid(options.random)}`,
    resource,
  })
  const [by, composition] = [own(author), own({})]
  const resource = compositionOf(call, {
    filled,
    author: by.fullUrl,
    subject: `${base}/Patient/${id}`,
  })
  const entry = [
    { ...composition, resource },
    ...distinct([patient, ...opened, ...named].map((one) => entryOf(base, one))),
    ...filled.flatMap(({ absent }) => (absent === undefined ? [] : [absent])),
    by,
  ]
  const bundle = {
    ...{ resourceType: 'Bundle', type: 'document' },
    identifier: { system: 'urn:ietf:rfc:3986', value: composition.fullUrl },
    timestamp: isoTime(options.clock.now()),
    entry: entry.map((one) => ({ ...one })),
  }
  return { status: 200, resource: bundle }
}

interface Entry {
  readonly fullUrl: string
  readonly resource: JsonObject
}

/** A section with what it holds. */
interface Filled {
  readonly section: Section
  readonly opened: readonly Opened[]
  /** Whether more was found than is listed. */
  readonly isCut: boolean
  /** What says that nothing is known. */
  readonly absent: Entry | undefined
}

async function filledFor(
  call: Call,
  section: Section,
  patient: string,
): Promise<Filled | undefined> {
  const { options, base } = call
  const { types, holds, newestBy, absent } = section
  const opened: Opened[] = []
  let isCut = false
  for (const type of types) {
    const sort: (readonly [string, string])[] =
      newestBy === undefined ? [] : [['_sort', `-${newestBy}`]]
    const about = { type, parameters: sort, now: options.clock.now(), bases: [base] }
    const query = parseSearch(about)
    const filters = [...query.filters, inPatientCompartment(patient)]
    const page = await findPage({ ...call, type }, { ...query, filters, count: LOOKED_AT_MAX })
    opened.push(...page.matches.filter(({ value }) => holds(value)))
    isCut ||= page.next !== undefined
  }
  isCut ||= opened.length > LISTED_MAX
  if (opened.length > 0)
    return { section, opened: opened.slice(0, LISTED_MAX), isCut, absent: undefined }
  if (absent === undefined) return undefined
  const resource = absent({ reference: `${base}/Patient/${patient}` })
  const fullUrl = `urn:uuid:${newUuid(options.random)}`
  return { section, opened, isCut, absent: { fullUrl, resource } }
}

function compositionOf(
  { options, base }: Call,
  about: { readonly filled: readonly Filled[]; readonly author: string; readonly subject: string },
): JsonObject {
  const { filled, author, subject } = about
  return {
    ...{ resourceType: 'Composition', status: 'final' },
    type: loinc('60591-5', 'Patient summary Document'),
    subject: { reference: subject },
    date: isoTime(options.clock.now()),
    author: [{ reference: author }],
    title: 'International Patient Summary',
    section: filled.map(({ section, opened, absent, isCut }) => {
      const urls = opened.map(({ type, id }) => `${base}/${type}/${id}`)
      const references = absent === undefined ? urls : [absent.fullUrl]
      return {
        title: section.title,
        code: loinc(section.code, section.display),
        text: narrativeOf(opened, isCut),
        entry: references.map((reference) => ({ reference })),
      }
    }),
  }
}

/** What a section holds, for people. */
function narrativeOf(opened: readonly Opened[], isCut: boolean): JsonObject {
  const items = opened.map((one) => `<li>${escaped(labelOf(servedResource(one)))}</li>`).join('')
  const more = isCut ? '<p>There is more in the record than is listed here.</p>' : ''
  const said = opened.length === 0 ? '<p>No information is available.</p>' : `<ul>${items}</ul>`
  const div = `<div xmlns="http://www.w3.org/1999/xhtml">${said}${more}</div>`
  return { status: 'generated', div }
}

/** What a resource is about, in the words of whoever recorded it. */
function labelOf(resource: JsonObject): string {
  for (const member of LABELS) {
    const concept = resource[member]
    const text = isObject(concept) ? textOf(concept) : undefined
    if (text !== undefined) return text
  }
  return typeIn(resource)
}

function textOf({ text, coding }: JsonObject): string | undefined {
  if (typeof text === 'string') return text
  const shown = (Array.isArray(coding) ? coding.filter(isObject) : []).map(
    ({ display, code }): Json | undefined => display ?? code,
  )
  return shown.find((one) => typeof one === 'string')
}

const escaped = (text: string): string =>
  text.replaceAll(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)

const entryOf = (base: string, opened: Opened): Entry => ({
  fullUrl: `${base}/${opened.type}/${opened.id}`,
  resource: servedResource(opened),
})

/** Each entry once: a patient merged into another names the other. */
const distinct = (entries: readonly Entry[]): readonly Entry[] => [
  ...new Map(entries.map((one) => [one.fullUrl, one])).values(),
]

const AUTHOR = { resourceType: 'Device', status: 'active' }
const LABELS: readonly string[] = ['code', 'medicationCodeableConcept', 'vaccineCode', 'device']
/** Resources of one type that are looked at for a section, the latest where they have an order. */
const LOOKED_AT_MAX = 500
/** Resources that one section lists. */
const LISTED_MAX = 100
