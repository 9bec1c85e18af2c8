import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Caller } from '#access'
import { isObject, type JsonObject } from '#health'
import { namesIn, newDecidedServer, staff } from './fhir-fixture.test.ts'

const ida: JsonObject = {
  ...{ resourceType: 'Patient', id: 'p1', birthDate: '1980-02-03', gender: 'female' },
  identifier: [{ system: 'urn:mrn', value: 'H-4711-0815' }],
  name: [{ family: 'Winter', given: ['Ida'] }],
}
const CODED = {
  type: { coding: [{ system: 'urn:t', code: 'x' }] },
  priority: { coding: [{ system: 'urn:p', code: 'normal' }] },
}
const claim: JsonObject = {
  ...{ resourceType: 'Claim', id: 'cl1', status: 'active', use: 'claim', ...CODED },
  patient: { reference: 'Patient/p1' },
  ...{ created: '2026-11-01', provider: { reference: 'Organization/o1' } },
  insurance: [{ sequence: 1, focal: true, coverage: { reference: 'Coverage/c1' } }],
}
const paying: Partial<Caller> = { purpose: 'HPAYMT' }

async function newOffice() {
  const site = await newDecidedServer()
  for (const body of [ida, claim]) {
    const answer = await site.his(
      `PUT /${body['resourceType'] as string}/${body['id'] as string}`,
      { body },
    )
    assert(answer.status < 300, answer.text)
  }
  const billing = site.as(staff('billing'))
  const ask = (line: string, caller: Partial<Caller> = {}) =>
    billing(line, { caller: { ...paying, ...caller } })
  return { ...site, ask }
}

test('billing sees patients masked on every way out, and says so', async () => {
  const { ask } = await newOffice()
  const ways = [
    'GET /Patient/p1',
    'GET /Patient/p1/_history/1',
    'GET /Patient/p1/_history',
    'GET /Patient?gender=female&_id=p1',
    'GET /Claim?_id=cl1&patient=Patient/p1&_include=Claim:patient',
    'GET /Patient/p1/$everything',
  ]
  for (const way of ways) {
    const { status, text } = await ask(way)
    assert.equal(status, 200, `${way}: ${text}`)
    for (const hidden of ['4711', '1980-02', 'Ida Winter']) assert(!text.includes(hidden), way)
    assert(text.includes('MASKED') && text.includes('…815'), way)
  }
})

test('what is masked finds nothing: not as a parameter, a chain, an order, or a condition', async () => {
  const { ask } = await newOffice()
  for (const way of [
    'GET /Patient?identifier=H-4711-0815',
    'GET /Patient?birthdate=1980-02-03',
    'GET /Patient?_sort=birthdate',
    'GET /Claim?patient.identifier=H-4711-0815',
    'GET /Patient?identifier:missing=false',
  ]) {
    const { status, text } = await ask(way)
    assert.equal(status, 403, way)
    assert.match(text, /masked/)
  }
  assert.deepEqual(namesIn(await ask('GET /Claim?patient.gender=female')), ['Claim/cl1'])
})

test('unmasking is an act of its own with a second factor, and stands in the log', async () => {
  const { ask, log, clock } = await newOffice()
  const refused = await ask('GET /Patient/p1/$unmask')
  assert.equal(refused.status, 403)
  assert.match(refused.text, /obligations/)
  const answer = await ask('GET /Patient/p1/$unmask', { secondFactorAt: clock.now() })
  assert.equal(answer.status, 200)
  assert(answer.text.includes('H-4711-0815') && !answer.text.includes('MASKED'))
  const acts = (await log.entries()).map(({ event }) => event.facts['act'])
  assert.equal(acts.filter((act) => act === 'bare').length, 2)
})

test('what was shown masked is not taken back', async () => {
  const { ask, his } = await newOffice()
  const { body } = await ask('GET /Patient/p1')
  const { meta, ...rest } = body
  const security = isObject(meta) ? (meta['security'] ?? []) : []
  const again = await his('PUT /Patient/p1', { body: { ...rest, meta: { security } } })
  assert.equal(again.status, 422)
})
