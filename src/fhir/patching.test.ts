import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '#health'
import { newServer, patient, type Ask } from './fixture.test.ts'

const weight =
  '{"resourceType":"Observation","id":"o","status":"final","code":{"text":"weight"},' +
  '"valueQuantity":{"value":1.10}}'
const json = (operations: string): Ask => ({
  body: operations,
  headers: { 'content-type': 'application/json-patch+json' },
})
/** The parts of one operation of FHIRPath Patch. */
const operation = (...part: readonly JsonObject[]): Ask => ({
  body: { resourceType: 'Parameters', parameter: [{ name: 'operation', part: [...part] }] },
})
const type = (valueCode: string): JsonObject => ({ name: 'type', valueCode })
const path = (valueString: string): JsonObject => ({ name: 'path', valueString })

test('JSON Patch changes what it names and keeps every other number to the letter', async () => {
  const { ask } = await newServer()
  await ask('PUT /Observation/o', { body: weight })
  const patched = await ask(
    'PATCH /Observation/o',
    json(
      '[{"op":"test","path":"/status","value":"final"},' +
        '{"op":"add","path":"/referenceRange","value":[{"low":{"value":2.50},"text":"x"}]},' +
        '{"op":"copy","from":"/valueQuantity","path":"/referenceRange/0/high"}]',
    ),
  )
  assert.deepEqual([patched.status, patched.headers['etag']], [200, 'W/"2"'])
  assert.match(patched.text, /"valueQuantity":\{"value":1\.10\}/)
  assert.match(patched.text, /"low":\{"value":2\.50\},"text":"x","high":\{"value":1\.10\}/)
})

test('a patch that cannot be applied, or makes something invalid, changes nothing', async () => {
  const { ask } = await newServer()
  await ask('PUT /Observation/o', { body: weight })
  const refused = async (operations: string, status: number) => {
    assert.equal((await ask('PATCH /Observation/o', json(operations))).status, status, operations)
  }
  await refused('[{"op":"test","path":"/status","value":"amended"}]', 422)
  await refused('[{"op":"remove","path":"/note"}]', 422)
  await refused('[{"op":"remove","path":"/status"}]', 422)
  await refused('[{"op":"replace","path":"/id","value":"other"}]', 422)
  await refused('[{"op":"replace","path":"/resourceType","value":"Patient"}]', 422)
  await refused('[{"op":"add","path":"/__proto__/polluted","value":true}]', 400)
  await refused('[{"op":"add","path":"/constructor/prototype/polluted","value":true}]', 400)
  await refused('[{"op":"add","path":"","value":{}}]', 400)
  await refused('[{"op":"spin","path":"/status"}]', 400)
  await refused('{"op":"remove","path":"/status"}', 400)
  assert.equal('polluted' in {}, false)
  const stale = json('[{"op":"replace","path":"/status","value":"amended"}]')
  const headers = { ...stale.headers, 'if-match': 'W/"2"' }
  assert.equal((await ask('PATCH /Observation/o', { ...stale, headers })).status, 412)
  assert.equal((await ask('GET /Observation/o')).headers['etag'], 'W/"1"')
  assert.equal((await ask('PATCH /Observation/nobody', stale)).status, 404)
  await ask('DELETE /Observation/o')
  assert.equal((await ask('PATCH /Observation/o', stale)).status, 410)
})

test('FHIRPath Patch adds, inserts, replaces, moves and deletes', async () => {
  const { ask } = await newServer()
  await ask('PUT /Patient/p', {
    body: patient('p', { name: [{ use: 'official', given: ['Ada', 'Eve'] }] }),
  })
  const patched = async (...parts: readonly JsonObject[]) => {
    const { status, body } = await ask('PATCH /Patient/p', operation(...parts))
    assert.equal(status, 200)
    return body
  }
  const added = await patched(
    type('add'),
    path('Patient'),
    { name: 'name', valueString: 'birthDate' },
    { name: 'value', valueDate: '1980-02' },
  )
  assert.equal(added?.['birthDate'], '1980-02')
  const replaced = await patched(
    type('replace'),
    path("Patient.name.where(use = 'official').given[0]"),
    { name: 'value', valueString: 'Ida' },
  )
  assert.deepEqual(replaced?.['name'], [{ use: 'official', given: ['Ida', 'Eve'] }])
  const inserted = await patched(
    type('insert'),
    path('Patient.name[0].given'),
    { name: 'index', valueInteger: 1 },
    { name: 'value', valueString: 'Una' },
  )
  assert.deepEqual(inserted?.['name'], [{ use: 'official', given: ['Ida', 'Una', 'Eve'] }])
  const moved = await patched(
    type('move'),
    path('Patient.name[0].given'),
    { name: 'source', valueInteger: 2 },
    { name: 'destination', valueInteger: 0 },
  )
  assert.deepEqual(moved?.['name'], [{ use: 'official', given: ['Eve', 'Ida', 'Una'] }])
  const deleted = await patched(type('delete'), path('Patient.birthDate'))
  assert.equal(deleted?.['birthDate'], undefined)
})

test('FHIRPath Patch keeps numbers to the letter, and takes no path that could take for ever', async () => {
  const { ask } = await newServer()
  await ask('PUT /Observation/o', { body: weight })
  const low =
    '{"resourceType":"Parameters","parameter":[{"name":"operation","part":[' +
    '{"name":"type","valueCode":"add"},{"name":"path","valueString":"Observation"},' +
    '{"name":"name","valueString":"interpretation"},' +
    '{"name":"value","valueCodeableConcept":{"text":"low"}}]}]}'
  const patched = await ask('PATCH /Observation/o', { body: low })
  assert.equal(patched.status, 200)
  assert.match(patched.text, /"valueQuantity":\{"value":1\.10\}/)
  for (const slow of [
    "Observation.where('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'.matches('(a+)+$'))",
    'Observation.descendants()',
    'Observation.repeat(children())',
  ]) {
    assert.equal(
      (await ask('PATCH /Observation/o', operation(type('delete'), path(slow)))).status,
      422,
    )
  }
  const empty = { body: { resourceType: 'Parameters' } }
  assert.equal((await ask('PATCH /Observation/o', empty)).status, 400)
})
