/** What another hospital has sent is part of the chart: found, read, decided and told as the own. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isObject, type JsonObject } from '#health'
import { namesIn, staff, type Answered } from './fhir-fixture.test.ts'
import { newReceiver, WAY } from './received-fixture.test.ts'

const NHS = 'https://fhir.nhs.uk/Id/nhs-number'
const ida = (id: string): JsonObject => ({
  ...{ resourceType: 'Patient', id, birthDate: '1980-02-03', gender: 'female' },
  identifier: [{ system: NHS, value: '9990000018' }],
  name: [{ family: 'Winter', given: ['Ida'] }],
})
const CONDITIONS = { system: 'http://hl7.org/fhir/resource-types', code: 'Condition' }
const PATIENT = { reference: 'Patient/from-cambridge.p1' }
const coded = (code: string): JsonObject => ({ coding: [{ code }] })
const about = { subject: { reference: 'Patient/p1' } }
/** As Cambridge has it: its ids are those of quite other things here. */
const RECORD: readonly JsonObject[] = [
  { ...ida('p1'), generalPractitioner: [{ reference: 'Practitioner/d1' }] },
  { resourceType: 'Practitioner', id: 'd1', name: [{ family: 'Marsh' }] },
  {
    ...{ resourceType: 'Encounter', id: 'e1', status: 'finished', ...about },
    class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'IMP' },
    participant: [{ individual: { reference: 'Practitioner/d1' } }],
  },
  {
    ...{ resourceType: 'Condition', id: 'c1', ...about, code: { text: 'asthma' } },
    encounter: { reference: 'Encounter/e1/_history/1' },
  },
]

async function newWard() {
  const site = await newReceiver()
  const put = async (resource: JsonObject): Promise<Answered> => {
    const path = `${resource['resourceType'] as string}/${resource['id'] as string}`
    return await site.his(`PUT /${path}`, { body: resource })
  }
  const own = { resourceType: 'Patient', id: 'p1', name: [{ family: 'Sommer' }] }
  assert.equal((await put(own)).status, 201)
  await site.receive(RECORD)
  return { ...site, put }
}

const ALL = [
  ...['Condition/from-cambridge.c1', 'Encounter/from-cambridge.e1', 'Patient/from-cambridge.p1'],
  'Practitioner/from-cambridge.d1',
]

test('what another site sent is read by its name here, beside an own resource of its id', async () => {
  const { his } = await newWard()
  const received = await his('GET /Patient/from-cambridge.p1')
  assert.equal(received.status, 200, received.text)
  const { id, meta, generalPractitioner } = received.body
  assert.equal(id, 'from-cambridge.p1')
  assert(isObject(meta))
  assert.equal(meta['source'], 'urn:photonward:site:cambridge')
  assert.deepEqual(meta['tag'], [
    { system: 'urn:photonward:received-from', code: 'cambridge' },
    { system: 'urn:photonward:protected-by', code: 'hybrid-quantum' },
  ])
  assert.deepEqual(generalPractitioner, [{ reference: 'Practitioner/from-cambridge.d1' }])
  assert.match((await his('GET /Patient/p1')).text, /Sommer/)
  const { encounter } = (await his('GET /Condition/from-cambridge.c1')).body
  assert.deepEqual(encounter, { reference: 'Encounter/from-cambridge.e1/_history/1' })
  for (const absent of [
    'Condition/c1',
    'Observation/from-cambridge.c1',
    'Patient/from-oxford.p1',
  ]) {
    assert.equal((await his(`GET /${absent}`)).status, 404, absent)
  }
})

test('every way out gives it: search, chains, includes, everything, history, exports of a chart', async () => {
  const { his } = await newWard()
  const found = async (way: string) => namesIn(await his(`GET /${way}`))
  const patient = 'Patient/from-cambridge.p1'
  assert.deepEqual(await found(`Condition?subject=${patient}`), ['Condition/from-cambridge.c1'])
  assert.deepEqual(await found(`Condition?patient=from-cambridge.p1`), [
    'Condition/from-cambridge.c1',
  ])
  assert.deepEqual(await found('Condition?subject=Patient/p1'), [], 'of another patient')
  assert.deepEqual(await found('Condition?encounter=Encounter/from-cambridge.e1'), [ALL[0]])
  assert.deepEqual(await found('Patient?family=Winter'), [patient])
  assert.deepEqual(await found(`Patient?identifier=${NHS}|9990000018`), [patient])
  assert.deepEqual(await found('Patient?birthdate=1980-02-03'), [patient])
  assert.deepEqual(await found('Patient?_id=from-cambridge.p1,p1'), [patient, 'Patient/p1'])
  assert.deepEqual(await found('Condition?patient.family=Winter'), [ALL[0]])
  assert.deepEqual(await found(`Patient?_has:Condition:patient:_id=from-cambridge.c1`), [patient])
  const included = await found(
    `Condition?_id=from-cambridge.c1&_include=Condition:encounter&_include:iterate=Encounter:participant`,
  )
  assert.deepEqual(
    included,
    ALL.filter((name) => name !== patient),
  )
  assert.deepEqual(
    await found(`Practitioner?_id=from-cambridge.d1&_revinclude=Encounter:participant`),
    [...['Encounter/from-cambridge.e1', 'Practitioner/from-cambridge.d1']],
  )
  assert.deepEqual(await found(`${patient}/$everything`), ALL)
  assert.deepEqual(await found(`${patient}/*`), ALL.slice(0, 3))
  assert.deepEqual(await found(`${patient}/_history`), [patient])
  assert.deepEqual(await found('Condition/_history'), ['Condition/from-cambridge.c1'])
  const tag = 'urn:photonward:received-from|cambridge'
  assert.deepEqual(await found(`Patient?_tag=${encodeURIComponent(tag)}&family=Winter`), [patient])
  const { text } = await his(`GET /${patient}/$summary`)
  assert.match(text, /asthma/)
})

test('what another site sealed is never changed here, and nothing else takes its name', async () => {
  const { his, put } = await newWard()
  const path = 'Condition/from-cambridge.c1'
  const { body, text } = await his(`GET /${path}`)
  const patch = [{ op: 'remove', path: '/code' }]
  const headers = { 'content-type': 'application/json-patch+json' }
  const tries = [
    await put({ ...body, code: { text: 'none' } }),
    await his(`DELETE /${path}`),
    await his(`PATCH /${path}`, { body: patch, headers }),
    await put({ ...body, id: 'from-cambridge.new' }),
    await put({ ...body, id: 'from-nowhere.c1' }),
    await put({ ...body, id: `from.${'0'.repeat(56)}` }),
  ]
  for (const answer of tries) {
    assert.equal(answer.status, 405, answer.text)
    assert.match(answer.text, /FHIR_RECEIVED/)
  }
  assert.equal((await his(`GET /${path}`)).text, text)
  const near = await put({ ...body, id: 'from-cambridge' })
  assert.equal(near.status, 201, 'only a name with a site and an id is another site’s')
})

test('an own resource about a received patient is in the same chart', async () => {
  const { his, put, vault } = await newWard()
  const subject = { reference: 'Patient/from-cambridge.p1' }
  const own = { resourceType: 'Condition', id: 'own', subject, code: { text: 'cough' } }
  assert.equal((await put(own)).status, 201)
  assert.deepEqual(namesIn(await his('GET /Condition?subject=Patient/from-cambridge.p1')), [
    ...['Condition/from-cambridge.c1', 'Condition/own'],
  ])
  assert.equal((await vault.patients()).length, 2, 'nobody was made for the reference')
})

test('the ties of this site decide who reads what was received', async () => {
  const { as, put } = await newWard()
  const attending = as(staff('attending'))
  assert.equal((await attending('GET /Condition/from-cambridge.c1')).status, 404)
  // Of a clinician there nobody here gets a tie, whatever he is called.
  const named = as(staff('attending', { references: ['Practitioner/d1'] }))
  assert.equal((await named('GET /Condition/from-cambridge.c1')).status, 404)
  const team = {
    ...{ resourceType: 'CareTeam', id: 't1', status: 'active' },
    subject: { reference: 'Patient/from-cambridge.p1' },
    participant: [{ member: { reference: 'Practitioner/attending' } }],
  }
  assert.equal((await put(team)).status, 201)
  assert.equal((await attending('GET /Condition/from-cambridge.c1')).status, 200)
  assert.deepEqual(namesIn(await attending('GET /Condition')), ['Condition/from-cambridge.c1'])
})

test('a directive that came with a record holds for it, and says nothing of what is written here', async () => {
  const site = await newReceiver()
  const denial = { type: 'deny', class: [CONDITIONS] }
  const consent = (id: string, patient: string): JsonObject => ({
    ...{ resourceType: 'Consent', id, status: 'active', scope: coded('patient-privacy') },
    category: [coded('59284-0')],
    ...{ policyRule: coded('OPTIN'), provision: { provision: [denial] } },
    patient: { reference: `Patient/${patient}` },
  })
  await site.receive([...RECORD, consent('no', 'p1')])
  const put = async (body: JsonObject): Promise<void> => {
    const path = `${body['resourceType'] as string}/${body['id'] as string}`
    assert.equal((await site.his(`PUT /${path}`, { body })).status, 201)
  }
  // One person to the vault: the same number and date of birth.
  await put(ida('here'))
  await put({
    ...RECORD[3],
    id: 'own',
    subject: { reference: 'Patient/here' },
    encounter: undefined,
  })
  await put({ ...RECORD[3], id: 'beside', subject: PATIENT, encounter: undefined })
  const team = { resourceType: 'CareTeam', id: 't1', status: 'active', subject: PATIENT }
  await put({ ...team, participant: [{ member: { reference: 'Practitioner/attending' } }] })
  const attending = site.as(staff('attending'))
  assert.equal((await attending('GET /Encounter/from-cambridge.e1')).status, 200)
  assert.equal((await attending('GET /Condition/from-cambridge.c1')).status, 404)
  assert.deepEqual(namesIn(await attending('GET /Condition')), [
    'Condition/beside',
    'Condition/own',
  ])
  // What the patient says here holds for all of it.
  await put(consent('no-here', 'here'))
  assert.deepEqual(namesIn(await attending('GET /Condition')), [])
})

test('each look at something received is told of its patient, by the names it has here', async () => {
  const { his, vault } = await newWard()
  await his('GET /Condition/from-cambridge.c1')
  const patient = await vault.patientNamed('Patient/from-cambridge.p1')
  assert(patient !== undefined)
  const page = await vault.events({ patient, limit: 5 }, { actor: 'test', act: 'list' })
  const text = JSON.stringify(page.events)
  assert(text.includes('Condition/from-cambridge.c1') && text.includes('Patient/from-cambridge.p1'))
  assert(!text.includes('Patient/p1'))
})

test('a GraphQL question gives what was received as it gives the own', async () => {
  const { his } = await newWard()
  const query = '{Condition(id:"from-cambridge.c1"){code{text} encounter{reference}}}'
  const { text } = await his(`GET /$graphql?query=${encodeURIComponent(query)}`)
  assert.match(text, /asthma.*Encounter\/from-cambridge\.e1/s)
})

test('provenance tells the site, the ways and their keys of what was received, and of nothing else', async () => {
  const { his, as } = await newWard()
  const { status, body } = await his('GET /Condition/from-cambridge.c1/$provenance')
  assert.equal(status, 200)
  assert.deepEqual(body['target'], [{ reference: 'Condition/from-cambridge.c1/_history/1' }])
  const [way] = body['extension'] as JsonObject[]
  assert.deepEqual(way, {
    url: 'urn:photonward:way',
    extension: [
      { url: 'mode', valueCode: 'require-quantum' },
      { url: 'used', valueCode: 'hybrid-quantum' },
      { url: 'key-source', valueCode: 'simulated' },
      { url: 'key-path', valueCode: 'direct' },
      { url: 'key', valueUri: `urn:uuid:${WAY.keyIds[0]}` },
      { url: 'at', valueInstant: '1970-01-01T00:00:01.000Z' },
    ],
  })
  assert.equal((await his('GET /Patient/p1/$provenance')).status, 422)
  const stranger = as(staff('attending'))
  const hidden = await stranger('GET /Condition/from-cambridge.c1/$provenance')
  assert.equal(hidden.status, 404)
})

test('a condition selects what can be written; a reference leads to what came where nothing is here', async () => {
  const { his } = await newWard()
  const criteria = `identifier=${NHS}|9990000018`
  const observed = (id: string): JsonObject => ({
    ...{ resourceType: 'Bundle', type: 'transaction' },
    entry: [
      {
        request: { method: 'PUT', url: `Condition/${id}` },
        resource: { ...RECORD[3], id, subject: { reference: `Patient?${criteria}` } },
      },
    ],
  })
  assert.equal((await his('POST /', { body: observed('x1') })).status, 200)
  assert.deepEqual((await his('GET /Condition/x1')).body['subject'], PATIENT)
  const made = await his(`PUT /Patient?${criteria}`, { body: ida('here') })
  assert.equal(made.status, 201, 'what came from another site is not what is to be changed')
  const changed = await his(`PUT /Patient?${criteria}`, { body: { ...ida('here'), active: false } })
  assert.equal(changed.status, 200, changed.text)
  assert.equal((await his('POST /', { body: observed('x2') })).status, 200)
  const { subject } = (await his('GET /Condition/x2')).body
  assert.deepEqual(subject, { reference: 'Patient/here' })
})
