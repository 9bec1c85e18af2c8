/** Records that were merged are one patient's to whoever decides, until they are two again. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '#health'
import { namesIn, selfOf, staff, type Answered } from './fhir-fixture.test.ts'
import { newReceiver } from './received-fixture.test.ts'

const condition = (id: string, patient: string): JsonObject => ({
  ...{ resourceType: 'Condition', id, code: { text: 'asthma' } },
  subject: { reference: `Patient/${patient}` },
})
const team = (id: string, patient: string, role: string): JsonObject => ({
  ...{ resourceType: 'CareTeam', id, status: 'active' },
  subject: { reference: `Patient/${patient}` },
  participant: [{ member: { reference: `Practitioner/${role}` } }],
})
const joining = (source: string, target: string): JsonObject => ({
  resourceType: 'Parameters',
  parameter: [
    { name: 'source-patient', valueReference: { reference: `Patient/${source}` } },
    { name: 'target-patient', valueReference: { reference: `Patient/${target}` } },
  ],
})
const person = (id: string, family: string): JsonObject => ({
  ...{ resourceType: 'Patient', id, name: [{ family }] },
})

const CONDITIONS = { system: 'http://hl7.org/fhir/resource-types', code: 'Condition' }

/** Two records here and one that Cambridge sent, none known to be of one person; a tie to each. */
async function newWard() {
  const site = await newReceiver()
  const put = async (resource: JsonObject): Promise<void> => {
    const path = `${resource['resourceType'] as string}/${resource['id'] as string}`
    const { status, text } = await site.his(`PUT /${path}`, { body: resource })
    assert(status < 300, text)
  }
  await site.receive([person('p1', 'Sommer'), condition('c1', 'p1')])
  for (const id of ['old', 'new']) {
    await put(person(id, 'Winter'))
    await put(condition(`c-${id}`, id))
  }
  await put(team('t-old', 'old', 'attending'))
  await put(team('t-new', 'new', 'resident'))
  const done = async (answer: Promise<Answered>): Promise<void> => {
    const { status, text } = await answer
    assert.equal(status, 200, text)
  }
  return {
    ...{ ...site, put },
    merge: (source: string, target: string) =>
      done(site.his('POST /Patient/$merge', { body: joining(source, target) })),
    unmerge: (source: string) => done(site.his(`POST /Patient/${source}/$unmerge`)),
  }
}

test('whoever is tied to one of two merged records is tied to both, until they are two again', async () => {
  const { as, merge, unmerge } = await newWard()
  const [attending, resident] = [as(staff('attending')), as(staff('resident'))]
  const seen = async (): Promise<readonly (readonly string[])[]> => [
    namesIn(await attending('GET /Condition')),
    namesIn(await resident('GET /Condition')),
  ]
  const apart = [['Condition/c-old'], ['Condition/c-new']]
  const together = ['Condition/c-new', 'Condition/c-old']
  assert.deepEqual(await seen(), apart)
  await merge('old', 'new')
  assert.deepEqual(await seen(), [together, together])
  assert.deepEqual(namesIn(await attending('GET /Condition?subject=Patient/new')), together)
  assert.equal((await attending('GET /Condition/c-new')).status, 200)
  await unmerge('old')
  assert.deepEqual(await seen(), apart)
  assert.equal((await attending('GET /Condition/c-new')).status, 404)
})

test('what a patient directed in one of two merged records holds in both', async () => {
  const { as, merge, unmerge, put } = await newWard()
  const resident = as(staff('resident'))
  await put({
    ...{
      resourceType: 'Consent',
      id: 'no',
      status: 'active',
      patient: { reference: 'Patient/old' },
    },
    scope: { coding: [{ code: 'patient-privacy' }] },
    category: [{ coding: [{ code: '59284-0' }] }],
    policyRule: { coding: [{ code: 'OPTIN' }] },
    provision: { provision: [{ type: 'deny', class: [CONDITIONS] }] },
  })
  assert.equal((await resident('GET /Condition/c-new')).status, 200)
  await merge('old', 'new')
  assert.equal((await resident('GET /Condition/c-new')).status, 404)
  await unmerge('old')
  assert.equal((await resident('GET /Condition/c-new')).status, 200)
})

test('a patient sees what is written under a record that was merged into the own', async () => {
  const { as, merge, unmerge } = await newWard()
  const self = as(selfOf('new'))
  assert.equal((await self('GET /Condition/c-old')).status, 404)
  await merge('old', 'new')
  assert.equal((await self('GET /Condition/c-old')).status, 200)
  assert.equal((await self('GET /Condition/c-new')).status, 200)
  await unmerge('old')
  assert.equal((await self('GET /Condition/c-old')).status, 404)
})

test('a received record is merged into an own one by a link of the own, and stays as it was sealed', async () => {
  const { his, as, merge, unmerge } = await newWard()
  const received = 'from-cambridge.p1'
  const resident = as(staff('resident'))
  const before = await his(`GET /Patient/${received}`)
  assert.equal((await resident('GET /Condition/from-cambridge.c1')).status, 404)
  const other = { reference: `Patient/${received}` }
  const beside = { ...person('new', 'Winter'), link: [{ other, type: 'seealso' }] }
  assert.equal((await his('PUT /Patient/new', { body: beside })).status, 200)
  assert.equal((await resident('GET /Condition/from-cambridge.c1')).status, 404, 'only seen beside')
  await merge(received, 'new')
  assert.equal((await his(`GET /Patient/${received}`)).text, before.text)
  assert.equal((await resident('GET /Condition/from-cambridge.c1')).status, 200)
  assert.deepEqual(namesIn(await resident('GET /Condition?subject=Patient/new')), [
    ...['Condition/c-new', 'Condition/from-cambridge.c1'],
  ])
  const twice = await his('POST /Patient/$merge', { body: joining(received, 'old') })
  assert.equal(twice.status, 422, twice.text)
  const resource = { ...person('x', 'Sommer'), birthDate: '1980-01-01' }
  const body = { resourceType: 'Parameters', parameter: [{ name: 'resource', resource }] }
  const { text } = await his('POST /Patient/$match', { body })
  assert(!text.includes(`"id":"${received}"`), 'the record that stays stands for it')
  await unmerge(received)
  assert.equal((await resident('GET /Condition/from-cambridge.c1')).status, 404)
  assert.deepEqual(namesIn(await resident('GET /Condition?subject=Patient/new')), [
    'Condition/c-new',
  ])
  const again = await his(`POST /Patient/${received}/$unmerge`)
  assert.equal(again.status, 422, again.text)
  const wrong = await his('POST /Patient/$merge', { body: joining('new', received) })
  assert.equal(wrong.status, 405, wrong.text)
})
