/**
 * Ties read from records: who has to do with a patient by what the chart itself says.
 *
 * | tie            | from                                                                         |
 * | care-team      | CareTeam, EpisodeOfCare, the patient's own practitioners                     |
 * | encounter      | participants and department of an Encounter, a month beyond its end          |
 * | ward           | where an Encounter takes place, a day beyond the stay                        |
 * | ed-present     | an emergency Encounter that is under way                                     |
 * | booked-session | an Appointment, from a quarter of an hour before it to an hour after         |
 * | order, referral| an active ServiceRequest or MedicationRequest: whoever is to perform it      |
 * | proxy          | a RelatedPerson who is active, until the period ends                         |
 *
 * Pure: the host finds the resources of one patient and says who that is. Whoever may write these
 * resources decides who reads: policies leave it to those who are tied already, and to services.
 *
 * @module
 */

import { DAY_MS, epochMs, HOUR_MS, MINUTE_MS, type EpochMs } from '#base'
import { intervalOfDate, isObject, type Json, type JsonObject } from '#health'
import { codesOf, codingOf, listOf, referenceOf } from './consent-read.ts'
import type { Relationship } from './model.ts'
import { rolesGroup } from './relations.ts'
import type { Role } from './vocabulary.ts'

/** Searches that find, within one chart, every resource that may tie somebody to the patient now. */
export const TIE_SEARCHES: readonly (readonly [
  type: string,
  parameters: readonly (readonly [string, string])[],
])[] = [
  ['Patient', []],
  ['CareTeam', [['status', 'active']]],
  ['EpisodeOfCare', [['status', 'active']]],
  ['Encounter', [['status', 'planned,arrived,triaged,in-progress,onleave,finished']]],
  ['Appointment', [['status', 'booked,arrived,checked-in']]],
  ['ServiceRequest', [['status', 'active']]],
  ['MedicationRequest', [['status', 'active']]],
  ['RelatedPerson', [['active', 'true']]],
]

/**
 * The ties that a resource makes.
 *
 * @param patient   the patient in whose chart it is, as facts name patients
 */
export function tiesIn(resource: JsonObject, patient: string): readonly Relationship[] {
  const { resourceType } = resource
  const read = typeof resourceType === 'string' ? READERS.get(resourceType) : undefined
  return read === undefined ? [] : read(resource).map((tie) => ({ ...tie, patient }))
}

type Tie = Omit<Relationship, 'patient'>
type Span = Pick<Tie, 'notBefore' | 'expiresAt'>

const READERS: ReadonlyMap<string, (resource: JsonObject) => Tie[]> = new Map(
  Object.entries({
    Patient: ({ generalPractitioner }) => named(listOf(generalPractitioner), 'care-team'),
    CareTeam: (team) => {
      const span = spanOf(team['period'])
      const own = typeof team['id'] === 'string' ? [`CareTeam/${team['id']}`] : []
      const members = listOf(team['participant']).flatMap((one) => {
        const { member, period } = objectOf(one)
        return named([member], 'care-team', narrower(span, spanOf(period)))
      })
      return [
        ...own.map((reference) => ({ kind: 'care-team', with: reference, ...span }) as const),
        ...members,
      ]
    },
    EpisodeOfCare: ({ careManager, team, period }) =>
      named([careManager, ...listOf(team)], 'care-team', spanOf(period)),
    Encounter: encounterTies,
    Appointment: appointmentTies,
    ServiceRequest: orderTies,
    MedicationRequest: ({ dispenseRequest }) => {
      const { performer } = objectOf(dispenseRequest)
      const dispensers = named([performer], 'order')
      return dispensers.length > 0 ? dispensers : [serving('pharmacist')]
    },
    RelatedPerson: ({ id, period }) =>
      typeof id === 'string'
        ? [{ kind: 'proxy', with: `RelatedPerson/${id}`, ...spanOf(period) }]
        : [],
  } satisfies Record<string, (resource: JsonObject) => Tie[]>),
)

function encounterTies(encounter: JsonObject): Tie[] {
  const { status, participant, location, serviceProvider } = encounter
  const stay = spanOf(encounter['period'])
  // An end that nobody wrote down: what is finished without one ties nobody any more.
  const ended = stay.expiresAt ?? (status === 'finished' ? EVER_AGO : undefined)
  const span = { ...stay, ...until(ended, AFTER_DISCHARGE_MS) }
  const people = listOf(participant).flatMap((one) => {
    const { individual, period } = objectOf(one)
    return named(
      [individual],
      'encounter',
      narrower(span, later(spanOf(period), AFTER_DISCHARGE_MS)),
    )
  })
  const wards = listOf(location).flatMap((one) => {
    const { location: ward, period } = objectOf(one)
    const there = { ...stay, ...until(ended, AFTER_STAY_MS) }
    return named([ward], 'ward', narrower(there, later(spanOf(period), AFTER_STAY_MS)))
  })
  const codes = listOf(encounter['class'])
    .flatMap(codingOf)
    .map(({ code }) => code)
  const isThere = codes.includes('EMER') && typeof status === 'string' && PRESENT.has(status)
  return [
    ...people,
    ...named([serviceProvider], 'encounter', span),
    ...wards,
    ...(isThere
      ? [{ kind: 'ed-present', with: rolesGroup('ed-clinician'), ...stay } as const]
      : []),
  ]
}

function appointmentTies({ participant, start, end }: JsonObject): Tie[] {
  const from = typeof start === 'string' ? intervalOfDate(start) : undefined
  const to = typeof end === 'string' ? intervalOfDate(end) : from
  if (from === undefined || to === undefined) return []
  const span = {
    notBefore: epochMs(Math.max(0, from[0] - BEFORE_SESSION_MS)),
    expiresAt: epochMs(Math.max(0, to[1] + AFTER_SESSION_MS)),
  }
  const actors = listOf(participant).map((one) => objectOf(one)['actor'])
  return named(actors, 'booked-session', span)
}

function orderTies({ performer, category }: JsonObject): Tie[] {
  const performers = listOf(performer)
  const codes = listOf(category)
    .flatMap(codesOf)
    .map(({ code }) => code)
  const serves = ORDERED_FROM.filter(([, ofOrder]) => codes.some((code) => ofOrder.includes(code)))
  const orders = named(performers, 'order')
  const toAll = orders.length > 0 ? [] : serves.map(([role]) => serving(role))
  // What is neither for a laboratory nor an imaging department asks a colleague to see the patient.
  return [...orders, ...toAll, ...(serves.length > 0 ? [] : named(performers, 'referral'))]
}

/** A tie to whoever works in a role, where no one is named. */
const serving = (role: Role): Tie => ({ kind: 'order', with: rolesGroup(role) })

/** A tie of a kind to everybody these references name. */
const named = (
  references: readonly (Json | undefined)[],
  kind: Tie['kind'],
  span: Span = {},
): Tie[] =>
  references.flatMap((value) => {
    const reference = referenceOf(value)
    return reference === undefined ? [] : [{ kind, with: reference, ...span }]
  })

/** When a Period begins and ends. One that cannot be read is over. */
function spanOf(period: Json | undefined): Span {
  if (period === undefined) return {}
  const { start, end } = objectOf(period)
  const from = start === undefined ? undefined : intervalOfDate(textOf(start))
  const to = end === undefined ? undefined : intervalOfDate(textOf(end))
  if ((start !== undefined && from === undefined) || (end !== undefined && to === undefined)) {
    return { expiresAt: EVER_AGO }
  }
  return {
    ...(from === undefined ? {} : { notBefore: epochMs(Math.max(0, from[0])) }),
    ...(to === undefined ? {} : { expiresAt: epochMs(Math.max(0, to[1])) }),
  }
}

/** What lies in both. */
function narrower(one: Span, other: Span): Span {
  const begins = [one.notBefore, other.notBefore].filter((at) => at !== undefined)
  const ends = [one.expiresAt, other.expiresAt].filter((at) => at !== undefined)
  return {
    ...(begins.length > 0 ? { notBefore: epochMs(Math.max(...begins)) } : {}),
    ...(ends.length > 0 ? { expiresAt: epochMs(Math.min(...ends)) } : {}),
  }
}

const until = (end: EpochMs | undefined, graceMs: number): Span =>
  end === undefined ? {} : { expiresAt: epochMs(end === EVER_AGO ? end : end + graceMs) }

const later = (span: Span, graceMs: number): Span => ({
  ...span,
  ...until(span.expiresAt, graceMs),
})

const objectOf = (value: Json | undefined): JsonObject => (isObject(value) ? value : {})
const textOf = (value: Json): string => (typeof value === 'string' ? value : '')

/** Letters, results and complications come after a discharge. */
const AFTER_DISCHARGE_MS = 30 * DAY_MS
/** What a ward has still to write down. */
const AFTER_STAY_MS = DAY_MS
const BEFORE_SESSION_MS = 15 * MINUTE_MS
const AFTER_SESSION_MS = HOUR_MS
const EVER_AGO = epochMs(0)
const PRESENT: ReadonlySet<string> = new Set(['arrived', 'triaged', 'in-progress'])
/** Categories of orders (SNOMED CT, HL7 v2-0074) that a department serves. */
const ORDERED_FROM: readonly (readonly [Role, readonly string[]])[] = [
  ['laboratory', ['108252007', 'laboratory', 'LAB']],
  ['radiologist', ['363679005', 'imaging', 'RAD']],
]
