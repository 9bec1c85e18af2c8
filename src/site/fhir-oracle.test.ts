/**
 * The law of every answer: it holds nothing that a slow, obviously correct oracle would not show.
 *
 * The oracle knows every resource of the store in plain lists and decides about each alone, from the
 * ties and consents that it reads out of those lists; it knows no index, no survey and no cache.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { epochMs, HOUR_MS, isoTime } from '#base'
import {
  decide,
  readConsent,
  resourceFacts,
  scopeOf,
  tiesIn,
  type Caller,
  type Role,
} from '#access'
import type { Session } from '#fhir'
import { isObject, type Json, type JsonObject } from '#health'
import { newDecidedServer, selfOf, staff } from './fhir-fixture.test.ts'

const PATIENTS = ['p0', 'p1', 'p2'] as const
const ICD_10 = 'http://hl7.org/fhir/sid/icd-10'
const ACT_CODE = 'http://terminology.hl7.org/CodeSystem/v3-ActCode'

/** What one chart holds, by chance. */
const charts = fc.record({
  seen: fc.constantFrom('attending', 'resident', 'nobody'),
  ward: fc.constantFrom('w1', 'w2'),
  inEmergency: fc.boolean(),
  isSensitive: fc.boolean(),
  consent: fc.constantFrom('none', 'deny', 'permit', 'deny-attending', 'over'),
  isFamous: fc.boolean(),
})
type Chart = typeof charts extends fc.Arbitrary<infer T> ? T : never

const callers = fc.record({
  role: fc.constantFrom<Role>(
    'attending',
    'nurse',
    'ed-clinician',
    'registration',
    'billing',
    'patient',
    'auditor',
  ),
  purpose: fc.constantFrom('TREAT', 'HPAYMT', 'PATRQT', 'HRESCH'),
  scope: fc.constantFrom(undefined, 'user/Condition.rs', 'patient/*.rs', 'user/*.r'),
})

function resourcesOf(id: string, chart: Chart, at: string): JsonObject[] {
  const subject = { reference: `Patient/${id}` }
  const label = { system: ACT_CODE, code: 'CEL' }
  const person: JsonObject = {
    ...{ resourceType: 'Patient', id, birthDate: '1980-02-03', gender: 'female' },
    ...(chart.isFamous ? { meta: { security: [label] } } : {}),
    identifier: [{ system: 'urn:mrn', value: `SECRET-${id}-4711` }],
  }
  const code = chart.isSensitive ? 'F10.2' : 'I10'
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
  }[chart.consent]
  const consent: JsonObject = {
    ...{ resourceType: 'Consent', id: `n-${id}`, status: 'active', patient: subject, provision },
    scope: { coding: [{ code: 'patient-privacy' }] },
    category: [{ coding: [{ code: 'x' }] }],
    policyRule: { coding: [{ system: ACT_CODE, code: 'OPTIN' }] },
  }
  return [
    person,
    {
      resourceType: 'Condition',
      id: `c-${id}`,
      subject,
      code: { coding: [{ system: ICD_10, code }] },
    },
    {
      ...{ resourceType: 'Observation', id: `o-${id}`, status: 'final', subject },
      ...{
        code: { text: 'weight' },
        valueInteger: 60,
        focus: [{ reference: `Condition/c-${id}` }],
      },
    },
    {
      ...{
        resourceType: 'Encounter',
        id: `e-${id}`,
        status: 'in-progress',
        subject,
        period: { start: at },
      },
      class: { system: ACT_CODE, code: chart.inEmergency ? 'EMER' : 'IMP' },
      participant: [{ individual: { reference: `Practitioner/${chart.seen}` } }],
      location: [{ location: { reference: `Location/${chart.ward}` } }],
    },
    ...(chart.consent === 'none' ? [] : [consent]),
  ]
}

/** Ways to ask, each of which gives out resources or a count. */
const WAYS = [
  ...PATIENTS.flatMap((id) => [
    `GET /Patient/${id}`,
    `GET /Condition/c-${id}`,
    `GET /Condition/c-${id}/_history/1`,
    `GET /Observation/o-${id}/_history`,
    `GET /Patient/${id}/$everything`,
    `GET /Patient/${id}/Condition`,
    `GET /Patient/${id}/$summary`,
    `GET /Patient?identifier=urn:mrn|SECRET-${id}-4711`,
    `GET /Observation?patient=${id}&_include=Observation:focus&_include=Observation:patient`,
  ]),
  'GET /Patient?_revinclude=Condition:patient&_revinclude=Encounter:patient',
  'GET /Condition?patient.birthdate=1980-02-03',
  'GET /Patient?_has:Condition:patient:code=F10.2',
  'GET /Patient?_has:Consent:patient:status=active',
  'GET /Condition?code=F10.2&_sort=-_lastUpdated',
  'GET /Condition?_summary=count',
  'GET /Patient?_sort=birthdate&_count=1',
  'GET /Patient?_elements=identifier',
  'GET /_history',
  'GET /Consent/_history',
  'GET /Consent',
  'GET /Encounter?location=Location/w1',
  'GET /$graphql?query={PatientList{id,identifier{value},birthDate}}',
]

/** All resources inside an answer, however deep. */
function resourcesIn(value: Json | undefined, found: JsonObject[] = []): readonly JsonObject[] {
  if (Array.isArray(value)) for (const one of value) resourcesIn(one, found)
  if (!isObject(value)) return found
  if (typeof value['resourceType'] === 'string' && typeof value['id'] === 'string')
    found.push(value)
  for (const member of Object.values(value)) resourcesIn(member, found)
  return found
}

type Site = Awaited<ReturnType<typeof newDecidedServer>>

/** What the oracle would show: by reference, whether as it is. */
async function allowed(site: Site, caller: Caller, store: readonly JsonObject[]) {
  const engine = await site.deciding.engine
  const seen = new Map<string, { readonly isWhole: boolean }>()
  for (const resource of store) {
    const facts = resourceFacts(resource)
    const charts = facts.patients.map((patient) => ({
      patient,
      items: store.filter((one) => resourceFacts(one).patients.includes(patient)),
    }))
    const vip = charts.some(({ items }) =>
      items.some((one) => one['resourceType'] === 'Patient' && resourceFacts(one).vip),
    )
    const decisions = (['view', 'search'] as const).map((action) =>
      decide(engine, {
        ...{ principal: caller.principal, action, resource: { ...facts, vip } },
        context: {
          ...{ at: site.clock.now(), site: site.deciding.site, token: caller.token },
          ...{ purpose: caller.purpose, assurance: 'local', grants: [] },
          impliedPurposes: site.deciding.impliedPurposes,
          relationships: charts.flatMap(({ patient, items }) =>
            items.flatMap((one) => tiesIn(one, patient)),
          ),
          consents: charts.flatMap(({ items }) => items.flatMap((one) => readConsent(one) ?? [])),
        },
      }),
    )
    const permits = decisions.filter((decision) => decision.kind === 'permit')
    const isWhole = permits.some(({ obligations }) =>
      obligations.every(({ kind }) => kind !== 'mask' && kind !== 'form'),
    )
    if (permits.length > 0) seen.set(facts.reference ?? '', { isWhole })
  }
  return seen
}

/** Whatever an answer holds that it must not. */
async function breaches(
  given: {
    readonly charts: readonly Chart[]
    readonly asking: typeof callers extends fc.Arbitrary<infer T> ? T : never
  },
  through?: (session: Session) => Session,
): Promise<readonly string[]> {
  const site = await newDecidedServer()
  const at = isoTime(epochMs(site.clock.now() - HOUR_MS))
  const store = given.charts.flatMap((chart, index) => resourcesOf(PATIENTS[index], chart, at))
  for (const body of store) {
    const name = resourceFacts(body).reference ?? ''
    const { status, text } = await site.his(`PUT /${name}`, { body })
    // A consent that denies keeps the system from changing what is there; all of this is new.
    assert(status === 201 || status === 403, text)
  }
  const { role, purpose, scope } = given.asking
  const principal = role === 'patient' ? selfOf('p0') : staff(role, { careTeams: ['Location/w1'] })
  const bare = site.callerFor(principal, {})
  const scopes =
    scope === undefined ? undefined : [scopeOf(scope)].filter((one) => one !== undefined)
  const token = { ...bare.token, launchPatient: 'Patient/p0', ...(scopes && { scopes }) }
  const caller = { ...bare, token, purpose }
  const seen = await allowed(site, caller, store)
  const found: string[] = []
  for (const way of WAYS) {
    const { body, text } = await site.as(principal)(way, { caller, ...(through && { through }) })
    for (const { resourceType, id } of resourcesIn(body)) {
      const name = `${resourceType as string}/${id as string}`
      if (store.some((one) => resourceFacts(one).reference === name) && !seen.has(name)) {
        found.push(`${way} shows ${name}`)
      }
    }
    for (const id of PATIENTS) {
      const isAllowed = seen.get(`Patient/${id}`)?.isWhole === true
      if (text.includes(`SECRET-${id}`) && !isAllowed && !way.includes('identifier=')) {
        found.push(`${way} tells the identifier of ${id}`)
      }
    }
    const conditions = seen
      .keys()
      .filter((name) => name.startsWith('Condition/'))
      .toArray().length
    const { total } = body
    if (way.endsWith('_summary=count') && Number(total ?? 0) > conditions)
      found.push(`${way} counts`)
  }
  return found
}

const given = fc.record({ charts: fc.tuple(charts, charts, charts), asking: callers })

test('no way out gives more than the oracle allows', async () => {
  await fc.assert(
    fc.asyncProperty(given, async (one) => {
      assert.deepEqual(await breaches(one), [])
    }),
    { seed: 52, numRuns: 8 },
  )
})

const FORGETTING = ['read', 'history', 'search'] as const

test('a server that forgets to decide on one path is found out', async () => {
  const chart: Chart = {
    ...{ seen: 'nobody', ward: 'w2', inEmergency: false, isSensitive: false },
    ...{ consent: 'none', isFamous: false },
  }
  const asking = { role: 'nurse', purpose: 'TREAT', scope: undefined } as const
  const all = { charts: [chart, chart, chart], asking }
  assert.deepEqual(await breaches(all), [])
  for (const forgotten of FORGETTING) {
    const through = (session: Session): Session => ({
      ...session,
      decide: (facts) => (facts.action === forgotten ? { permit: true } : session.decide(facts)),
    })
    assert((await breaches(all, through)).length > 0, forgotten)
  }
})
