/**
 * Charts and people by chance, and the slow, obviously correct oracle of who may see what of them.
 *
 * The oracle knows every version of the store in plain lists and decides about each alone, from the
 * ties and consents that it reads out of those lists; it knows no index, no survey and no cache.
 * Every version says words that nothing else says, so that an answer tells whose words it repeats.
 * Holds no tests itself.
 *
 * @module
 */

import fc from 'fast-check'
import {
  decide,
  purposeOf,
  readConsent,
  resourceFacts,
  scopeOf,
  tiesIn,
  type Caller,
  type Obligation,
  type Role,
} from '#access'
import type { JsonObject } from '#health'
import { clientDesk } from './fhir-clients.ts'
import { HERE, selfOf, staff, type newDecidedServer } from './fhir-fixture.test.ts'

export type DecidedServer = Awaited<ReturnType<typeof newDecidedServer>>

export const PATIENTS = ['p0', 'p1', 'p2'] as const

/** What one chart holds, by chance. */
export const charts = fc.record({
  seen: fc.constantFrom('attending', 'resident', 'nobody'),
  ward: fc.constantFrom('w1', 'w2'),
  inEmergency: fc.boolean(),
  isSensitive: fc.boolean(),
  wasSensitive: fc.boolean(),
  consent: fc.constantFrom('none', 'deny', 'permit', 'deny-attending', 'over'),
  isFamous: fc.boolean(),
})
export type Chart = typeof charts extends fc.Arbitrary<infer T> ? T : never

/** Who asks, by chance. */
export const askers = fc.record({
  role: fc.constantFrom<Role>(
    'attending',
    'nurse',
    'ed-clinician',
    'registration',
    'billing',
    'patient',
    'auditor',
    'service',
  ),
  /** Left out: the usual one of the role. */
  purpose: fc.option(fc.constantFrom('TREAT', 'HPAYMT', 'PATRQT', 'HRESCH'), {
    nil: undefined,
    freq: 2,
  }),
  scope: fc.option(fc.constantFrom('user/Condition.rs', 'patient/*.rs', 'user/*.r'), {
    nil: undefined,
    freq: 2,
  }),
})
export type Asker = typeof askers extends fc.Arbitrary<infer T> ? T : never

/** One version of one resource: what is put, one after another. */
export interface Written {
  /** `Type/id`. */
  readonly name: string
  /** Words of this version alone; those of masked elements are in `maskable`. */
  readonly words: string
  readonly maskable: string
  readonly value: JsonObject
}

/** How a chart is spelled: with other words it says something else to whoever may read it. */
export interface Spelling {
  readonly word: 'first' | 'other'
  /** Of what a decision may mask. */
  readonly maskable: 'first' | 'other'
}

/** Every version in a chart, oldest first; the spelling changes nothing that decisions rest on. */
export function writtenIn(
  { id, chart, at }: { readonly id: string; readonly chart: Chart; readonly at: string },
  spellingOf: (name: string, version: number) => Spelling = () => FIRST,
): readonly Written[] {
  const subject = { reference: `Patient/${id}` }
  const versions = new Map<string, number>()
  const written = (
    resourceType: string,
    name: string,
    of: (words: string, isFirst: boolean) => JsonObject,
  ): Written => {
    const reference = `${resourceType}/${name}`
    const version = (versions.get(reference) ?? 0) + 1
    versions.set(reference, version)
    const { word, maskable } = spellingOf(reference, version)
    const words = `${word}-${resourceType}-${name}-v${version}`
    const value = { resourceType, id: name, ...of(words, word === 'first') }
    return { name: reference, words, maskable: `${maskable}-mrn-${id}`, value }
  }
  const condition = (isSensitive: boolean) => (words: string, isFirst: boolean) => ({
    ...{ subject, note: [{ text: words }], onsetDateTime: onset(id, isFirst) },
    code: { coding: [{ system: ICD_10, code: isSensitive ? 'F10.2' : 'I10' }] },
  })
  return [
    written('Patient', id, (words) => {
      const { maskable } = spellingOf(`Patient/${id}`, 1)
      return personOf({ id, chart }, words, maskable)
    }),
    written('Condition', `c-${id}`, condition(chart.wasSensitive)),
    written('Condition', `c-${id}`, condition(chart.isSensitive)),
    written('Observation', `o-${id}`, (words, isFirst) => ({
      ...{ status: 'final', subject, code: { text: 'weight' }, note: [{ text: words }] },
      ...{ valueInteger: isFirst ? 60 : 90, focus: [{ reference: `Condition/c-${id}` }] },
    })),
    written('AllergyIntolerance', `a-${id}`, (words) => ({
      ...{ patient: subject, code: { text: words } },
      clinicalStatus: { coding: [{ system: ALLERGY_STATUS, code: 'active' }] },
    })),
    written('Encounter', `e-${id}`, (words) => ({
      ...{ status: 'in-progress', subject, period: { start: at }, reasonCode: [{ text: words }] },
      class: { system: ACT_CODE, code: chart.inEmergency ? 'EMER' : 'IMP' },
      participant: [{ individual: { reference: `Practitioner/${chart.seen}` } }],
      location: [{ location: { reference: `Location/${chart.ward}` } }],
    })),
    ...(chart.consent === 'none'
      ? []
      : [written('Consent', `n-${id}`, (words) => consentOf(chart.consent, subject, words))]),
  ]
}

function personOf(
  { id, chart }: { readonly id: string; readonly chart: Chart },
  words: string,
  maskable: Spelling['maskable'],
): JsonObject {
  // Masked, the year of birth stays and the end of the number: they are the same in both spellings.
  const year = 1980 + Number(id.slice(1))
  return {
    ...{ birthDate: maskable === 'first' ? `${year}-02-03` : `${year}-11-25`, gender: 'female' },
    ...(chart.isFamous ? { meta: { security: [{ system: ACT_CODE, code: 'CEL' }] } } : {}),
    identifier: [{ system: 'urn:mrn', value: `${maskable}-mrn-${id}-4711` }],
    name: [{ family: words, given: ['Ada'] }],
  }
}

function consentOf(consent: Chart['consent'], patient: JsonObject, words: string): JsonObject {
  const provision = {
    none: {},
    deny: { type: 'deny' },
    permit: { type: 'permit' },
    over: { type: 'deny', period: { end: '2001' } },
    'deny-attending': {
      type: 'deny',
      actor: [
        {
          role: { coding: [{ code: 'IRCP' }] },
          reference: { reference: 'Practitioner/attending' },
        },
      ],
    },
  }[consent]
  return {
    ...{ status: 'active', patient, provision, identifier: [{ value: words }] },
    scope: { coding: [{ code: 'patient-privacy' }] },
    category: [{ coding: [{ code: 'x' }] }],
    policyRule: { coding: [{ system: ACT_CODE, code: 'OPTIN' }] },
  }
}

/** Whoever asks, as the server would know him. */
export function callerOf(site: DecidedServer, { role, purpose, scope }: Asker): Caller {
  if (role === 'service') {
    const desk = clientDesk([SERVICE], { site: HERE, clock: site.clock })
    return desk.named(SERVICE.name) ?? missing(SERVICE.name)
  }
  const principal = role === 'patient' ? selfOf('p0') : staff(role, { careTeams: ['Location/w1'] })
  const bare = site.callerFor(principal, {})
  const scopes =
    scope === undefined ? undefined : [scopeOf(scope)].filter((one) => one !== undefined)
  const token = { ...bare.token, launchPatient: 'Patient/p0', ...(scopes && { scopes }) }
  return { ...bare, token, purpose: purpose ?? purposeOf([role], undefined) }
}

/** What of one version may be shown: nothing, all, or all but some elements. */
export type Shown =
  | { readonly kind: 'hidden' }
  | { readonly kind: 'whole' }
  | { readonly kind: 'masked'; readonly elements: ReadonlySet<string> }

/** What the oracle would show of each version, in the order of the store. */
export async function oracleOf(
  site: DecidedServer,
  caller: Caller,
  store: readonly Written[],
): Promise<readonly Shown[]> {
  const engine = await site.deciding.engine
  const newest = [...new Map(store.map((one) => [one.name, one.value])).values()]
  return store.map(({ value }) => {
    const facts = resourceFacts(value)
    const items = facts.patients.map((patient) => ({
      patient,
      all: newest.filter((one) => resourceFacts(one).patients.includes(patient)),
    }))
    const vip = items.some(({ all }) =>
      all.some((one) => one['resourceType'] === 'Patient' && resourceFacts(one).vip),
    )
    const permits = (['view', 'search', 'export'] as const)
      .map((action) =>
        decide(engine, {
          ...{ principal: caller.principal, action, resource: { ...facts, vip } },
          context: {
            ...{ at: site.clock.now(), site: site.deciding.site, token: caller.token },
            ...{ purpose: caller.purpose, assurance: 'local', grants: [] },
            impliedPurposes: site.deciding.impliedPurposes,
            relationships: [
              ...(caller.flows ?? []),
              ...items.flatMap(({ all, patient }) => all.flatMap((one) => tiesIn(one, patient))),
            ],
            consents: items.flatMap(({ all }) => all.flatMap((one) => readConsent(one) ?? [])),
          },
        }),
      )
      .filter((decision) => decision.kind === 'permit')
    return shownBy(permits.map(({ obligations }) => obligations))
  })
}

/** Only what every way of showing it masks counts as masked. */
function shownBy(permits: readonly (readonly Obligation[])[]): Shown {
  if (permits.length === 0) return { kind: 'hidden' }
  const masks = permits.map(
    (obligations) =>
      new Set(obligations.flatMap((one) => (one.kind === 'mask' ? one.elements : []))),
  )
  const elements = masks.reduce((all, one) => all.intersection(one))
  return elements.size === 0 ? { kind: 'whole' } : { kind: 'masked', elements }
}

/** In the order of patients, so that nothing is sorted by chance. */
const onset = (id: string, isFirst: boolean): string =>
  `20${isFirst ? '1' : '0'}${id.slice(1)}-05-06`

const missing = (name: string): never => {
  throw new TypeError(`There is no client ${name}`)
}

const FIRST: Spelling = { word: 'first', maskable: 'first' }
const SERVICE = { name: 'bristol.reports', scopes: 'system/*.rs' } as const
const ICD_10 = 'http://hl7.org/fhir/sid/icd-10'
const ACT_CODE = 'http://terminology.hl7.org/CodeSystem/v3-ActCode'
const ALLERGY_STATUS = 'http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical'
