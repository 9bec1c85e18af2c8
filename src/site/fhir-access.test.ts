import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY_MS, HOUR_MS, isoTime, epochMs } from '#base'
import { namesIn, newDecidedServer, selfOf, staff } from './fhir-fixture.test.ts'

const about = (id: string) => ({ subject: { reference: `Patient/${id}` } })
const practitioner = (role: string) => ({ reference: `Practitioner/${role}` })

/** Two patients; an attending of the first, by an encounter. */
async function newWard() {
  const site = await newDecidedServer()
  const { his, clock } = site
  const put = async (resource: {
    readonly resourceType: string
    readonly id: string
    readonly [name: string]: unknown
  }) => {
    const answer = await his(`PUT /${resource.resourceType}/${resource.id}`, { body: resource })
    assert(answer.status < 300, `${resource.resourceType} ${answer.text}`)
  }
  for (const id of ['p1', 'p2']) {
    await put({ resourceType: 'Patient', id, ...{ name: [{ family: `Winter-${id}` }] } })
    await put({
      ...{ resourceType: 'Condition', id: `c-${id}`, ...about(id), code: { text: 'asthma' } },
    })
  }
  const encounter = {
    ...{ resourceType: 'Encounter', id: 'e1', status: 'in-progress', ...about('p1') },
    class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'IMP' },
    period: { start: isoTime(epochMs(clock.now() - HOUR_MS)) },
    participant: [{ individual: practitioner('attending') }],
    location: [{ location: { reference: 'Location/w3' } }],
  }
  await put(encounter)
  return { ...site, put, encounter }
}

test('whoever is tied to a patient reads the chart; of others it looks as if it were not there', async () => {
  const { as } = await newWard()
  const attending = as(staff('attending'))
  const seen = await attending('GET /Condition/c-p1')
  assert.equal(seen.status, 200, seen.text)
  const hidden = await attending('GET /Condition/c-p2')
  const absent = await attending('GET /Condition/c-p3')
  assert.equal(hidden.status, 404)
  assert.equal(hidden.text, absent.text)
  assert.deepEqual(namesIn(await attending('GET /Condition')), ['Condition/c-p1'])
  const resident = as(staff('resident'))
  assert.equal((await resident('GET /Condition/c-p1')).status, 404)
})

test('a nurse reads what the ward list holds, and may not write a diagnosis', async () => {
  const { as } = await newWard()
  const nurse = as(staff('nurse', { careTeams: ['Location/w3'] }))
  assert.deepEqual(namesIn(await nurse('GET /Patient')), ['Patient/p1'])
  const body = { resourceType: 'Condition', ...about('p1') }
  const refused = await nurse('POST /Condition', { body })
  assert.equal(refused.status, 403)
  assert.match(refused.text, /role/)
  const other = as(staff('nurse', { careTeams: ['Location/w4'] }))
  assert.deepEqual(namesIn(await other('GET /Patient')), [])
})

test('a tie ends after the discharge, without anything being written', async () => {
  const { as, put, encounter, clock, time } = await newWard()
  const period = { ...encounter.period, end: isoTime(clock.now()) }
  const after = { ...encounter, status: 'finished', period }
  await put(after)
  const nurse = as(staff('nurse', { careTeams: ['Location/w3'] }))
  const attending = as(staff('attending'))
  assert.equal((await nurse('GET /Condition/c-p1')).status, 200)
  await time.advance(2 * DAY_MS)
  assert.equal((await nurse('GET /Condition/c-p1')).status, 404)
  assert.equal((await attending('GET /Condition/c-p1')).status, 200)
  await time.advance(30 * DAY_MS)
  assert.equal((await attending('GET /Condition/c-p1')).status, 404)
})

test('a consent that denies acts at the next request, and so does its withdrawal', async () => {
  const { as, put } = await newWard()
  const attending = as(staff('attending'))
  const consent = {
    ...{ resourceType: 'Consent', id: 'no', status: 'active', patient: about('p1').subject },
    scope: {
      coding: [
        { system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' },
      ],
    },
    category: [{ coding: [{ system: 'http://loinc.org', code: '59284-0' }] }],
    policyRule: {
      coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'OPTIN' }],
    },
    provision: {
      type: 'deny',
      actor: [
        {
          role: {
            coding: [
              {
                system: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType',
                code: 'IRCP',
              },
            ],
          },
          reference: practitioner('attending'),
        },
      ],
    },
  }
  await put(consent)
  assert.equal((await attending('GET /Condition/c-p1')).status, 404)
  assert.deepEqual(namesIn(await attending('GET /Condition?patient=p1')), [])
  assert.equal((await attending('GET /Consent/no')).status, 200)
  await put({ ...consent, status: 'inactive' })
  assert.equal((await attending('GET /Condition/c-p1')).status, 200)
})

test('a patient reads the own record, and nothing of another', async () => {
  const { as } = await newWard()
  const own = as(selfOf('p1'))
  assert.deepEqual(namesIn(await own('GET /Condition')), ['Condition/c-p1'])
  assert.equal((await own('GET /Patient/p2')).status, 404)
  assert.equal((await own('GET /Patient/p1/$everything')).status, 200)
})

test('a client does what its scopes say, and asks for the purposes it declares', async () => {
  const { his } = await newWard()
  assert.equal((await his('GET /Condition/c-p2')).status, 200)
  const headers = { 'x-purpose-of-use': 'HRESCH' }
  await assert.rejects(his('GET /Condition/c-p2', { headers }), { code: 'ACCESS_PURPOSE_INVALID' })
})
