/**
 * A chart as a clinician looks for things in it: what happened, when, and what was measured.
 *
 * Pure functions over resources as they came.
 *
 * @module
 */

import {
  conceptText,
  fieldsIn,
  fieldsOf,
  labelsOf,
  listOf,
  nameOf,
  personText,
  quantityText,
  referenceIn,
  textIn,
  type Resource,
} from './fhir.ts'

export const KINDS = [
  'encounter',
  'condition',
  'allergy',
  'medication',
  'observation',
  'procedure',
  'document',
  'consent',
  'other',
] as const
export type Kind = (typeof KINDS)[number]

/** One line of a timeline. */
export interface ChartEntry {
  /** `Type/id`. */
  readonly name: string
  readonly kind: Kind
  readonly title: string
  /** What it says, in short: a value, a state. */
  readonly detail: string
  /** As it was written: a year, a day, an instant. */
  readonly date: string | undefined
  /** Of `date`; undefined without one. */
  readonly at: number | undefined
  readonly labels: readonly string[]
  readonly resource: Resource
}

export interface Chart {
  readonly patient: Resource | undefined
  /** Newest first; what has no date comes last. */
  readonly entries: readonly ChartEntry[]
  /** What people, places and organisations are called, by `Type/id`. */
  readonly names: ReadonlyMap<string, string>
}

/** The chart in the resources of `$everything`. */
export function chartOf(resources: readonly Resource[], patient: string): Chart {
  const entries = resources
    .filter(({ resourceType }) => !BESIDE.includes(resourceType))
    .map(entryOf)
  return {
    patient: resources.find((one) => nameOf(one) === patient),
    entries: entries.toSorted((a, b) => (b.at ?? -Infinity) - (a.at ?? -Infinity)),
    names: namesOf(resources),
  }
}

function entryOf(resource: Resource): ChartEntry {
  const date = dateOf(resource)
  const at = date === undefined ? Number.NaN : Date.parse(date)
  return {
    name: nameOf(resource),
    kind: KIND_OF[resource.resourceType] ?? 'other',
    title: titleOf(resource),
    detail: detailOf(resource),
    date,
    at: Number.isNaN(at) ? undefined : at,
    labels: labelsOf(resource).filter((code) => !SILENT.includes(code)),
    resource,
  }
}

function titleOf(resource: Resource): string {
  for (const element of TITLES) {
    const title = conceptText(resource[element]) ?? textIn(resource[element])
    if (title !== undefined) return title
  }
  return resource.resourceType
}

function detailOf(resource: Resource): string {
  const dosage = fieldsIn(resource['dosageInstruction']).flatMap(({ text }) => textIn(text) ?? [])
  const states = [resource['clinicalStatus'], resource['status']].flatMap(
    (one) => conceptText(one) ?? textIn(one) ?? [],
  )
  const state = states.find((one) => !USUAL.includes(one))
  return [valueText(resource), ...dosage, state].filter((part) => part !== undefined).join(' · ')
}

/** What an Observation found; its components one after the other. */
export function valueText(resource: Resource): string | undefined {
  const own =
    quantityText(resource['valueQuantity']) ??
    conceptText(resource['valueCodeableConcept']) ??
    textIn(resource['valueString'])
  if (own !== undefined) return own
  const parts = fieldsIn(resource['component']).flatMap((one) => {
    const value = quantityText(one['valueQuantity']) ?? conceptText(one['valueCodeableConcept'])
    return value === undefined ? [] : [`${conceptText(one['code']) ?? ''} ${value}`]
  })
  return parts.length === 0 ? undefined : parts.join(', ')
}

/** When a resource tells of something, as it was written. */
export function dateOf(resource: Resource): string | undefined {
  for (const element of DATES) {
    const value = resource[element]
    const date = textIn(value) ?? textIn(fieldsOf(value)['start'])
    if (date !== undefined) return date
  }
  return undefined
}

/** One line of a plot: the same thing, measured again and again. */
export interface Measured {
  readonly title: string
  readonly unit: string
  readonly lines: readonly {
    readonly label: string
    readonly points: readonly { readonly at: number; readonly value: number }[]
  }[]
  readonly newest: string
}

/** What was measured more than once, most often first. */
export function measuredIn(entries: readonly ChartEntry[]): readonly Measured[] {
  const groups = Map.groupBy(
    entries.filter(({ kind, at }) => kind === 'observation' && at !== undefined),
    ({ title }) => title,
  )
  return [...groups]
    .map(([title, some]) => measured(title, some))
    .filter(({ lines }) => lines.some(({ points }) => points.length > 1))
    .toSorted((a, b) => lengthOf(b) - lengthOf(a))
}

const lengthOf = ({ lines }: Measured): number => lines[0]?.points.length ?? 0

function measured(title: string, entries: readonly ChartEntry[]): Measured {
  const lines = new Map<string, { at: number; value: number }[]>()
  let unit = ''
  for (const { resource, at = 0 } of entries.toReversed()) {
    const parts = [resource, ...fieldsIn(resource['component'])]
    for (const part of parts) {
      const quantity = fieldsOf(part['valueQuantity'])
      const value = quantity['value']
      if (typeof value !== 'number') continue
      unit = textIn(quantity['unit']) ?? unit
      const label = conceptText(part['code']) ?? title
      lines.set(label, [...(lines.get(label) ?? []), { at, value }])
    }
  }
  return {
    ...{ title, unit, newest: entries[0]?.detail ?? '' },
    lines: [...lines].map(([label, points]) => ({ label, points })),
  }
}

/** What a filter leaves: of these kinds (of all, if none is named), not older than so long. */
export const filtered = (
  entries: readonly ChartEntry[],
  by: { readonly kinds: readonly Kind[]; readonly since: number | undefined },
): readonly ChartEntry[] =>
  entries.filter(
    ({ kind, at }) =>
      (by.kinds.length === 0 || by.kinds.includes(kind)) &&
      (by.since === undefined || (at !== undefined && at >= by.since)),
  )

/** Entries under the year in which they were; what has no date under an empty one. */
export const byYear = (
  entries: readonly ChartEntry[],
): readonly (readonly [string, readonly ChartEntry[]])[] => [
  ...Map.groupBy(entries, ({ date }) => date?.slice(0, 'YYYY'.length) ?? ''),
]

/** What a reference is called: by the chart, by itself, or as it stands. */
export function calledBy(names: Chart['names'], value: unknown): string | undefined {
  const reference = referenceIn(value)
  const own = reference === undefined ? undefined : names.get(reference)
  return own ?? textIn(fieldsOf(value)['display']) ?? reference
}

/** Members of staff whom events name and the chart does not: ids of `Practitioner`, so many at most. */
export function unnamedStaff(
  events: readonly Resource[],
  names: Chart['names'],
): readonly string[] {
  const ids = events
    .flatMap((event) => listOf(event['agent']))
    .flatMap((agent) => {
      const reference = referenceIn(fieldsOf(agent)['who'])
      const [type, id = ''] = reference?.split('/') ?? []
      return type === 'Practitioner' && id !== '' && !names.has(`${type}/${id}`) ? [id] : []
    })
  return [...new Set(ids)].slice(0, STAFF_MAX)
}

/** What resources are called, by their references. */
export const namesOf = (resources: readonly Resource[]): Chart['names'] =>
  new Map(
    resources.flatMap((resource) => {
      const called = personText(resource['name']) ?? textIn(resource['name'])
      return called === undefined ? [] : [[nameOf(resource), called] as const]
    }),
  )

/** Whoever took part: performers, authors, participants. */
export const peopleIn = (resource: Resource, names: Chart['names']): readonly string[] => [
  ...new Set(
    PEOPLE.flatMap((element) => listOf(resource[element])).flatMap((value) => {
      const { individual, actor } = fieldsOf(value)
      return calledBy(names, individual ?? actor ?? value) ?? []
    }),
  ),
]

/** Not about the patient: whom and what the chart names. */
const BESIDE: readonly string[] = [
  ...['Patient', 'Practitioner', 'PractitionerRole', 'Organization', 'Location'],
  ...['HealthcareService', 'Endpoint', 'Medication', 'AuditEvent', 'Provenance'],
]
const KIND_OF: Readonly<Record<string, Kind>> = {
  ...{ Encounter: 'encounter', Appointment: 'encounter', EpisodeOfCare: 'encounter' },
  ...{ Condition: 'condition', AllergyIntolerance: 'allergy' },
  ...{ MedicationRequest: 'medication', MedicationStatement: 'medication' },
  ...{ MedicationDispense: 'medication', MedicationAdministration: 'medication' },
  ...{ Immunization: 'medication', Observation: 'observation', DiagnosticReport: 'observation' },
  ...{ Procedure: 'procedure', ServiceRequest: 'procedure', ImagingStudy: 'procedure' },
  ...{ DocumentReference: 'document', Composition: 'document', Consent: 'consent' },
}
const TITLES = [
  ...['code', 'vaccineCode', 'medicationCodeableConcept', 'type', 'title', 'description'],
  ...['category', 'class', 'scope'],
] as const
const DATES = [
  ...['effectiveDateTime', 'effectivePeriod', 'effectiveInstant', 'period', 'onsetDateTime'],
  ...['performedDateTime', 'performedPeriod', 'occurrenceDateTime', 'occurrencePeriod'],
  ...['authoredOn', 'date', 'dateTime', 'recordedDate', 'issued', 'created', 'start', 'started'],
] as const
const PEOPLE = ['participant', 'performer', 'author', 'requester', 'recorder', 'asserter'] as const
/** States that are the rule: said, they would be noise. */
const USUAL: readonly string[] = ['final', 'finished', 'completed', 'current', 'active']
/** Labels that say nothing of what a resource holds. */
const SILENT: readonly string[] = ['HTEST', 'N', 'MASKED', 'BTG', 'NORDSCLCD']
/** Asked for at a time. */
const STAFF_MAX = 100
