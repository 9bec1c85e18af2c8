import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '#health'
import { issuesIn, newServer, patient, textIn } from './fixture.test.ts'

const weight = (value: string): string =>
  `{"resourceType":"Observation","status":"final","code":{"text":"weight"},` +
  `"effectiveDateTime":"2024-05","valueQuantity":{"value":${value}}}`

test('what is created is read back to the letter, with the version and time of the server', async () => {
  const { ask } = await newServer()
  const made = await ask('POST /Observation', { body: weight('1.10') })
  assert.equal(made.status, 201)
  const id = textIn(made.body, 'id')
  const { meta, ...rest } = { ...made.body }
  delete rest['id']
  assert.equal(
    made.headers['location'],
    `https://records.example/fhir/Observation/${id}/_history/1`,
  )
  assert.equal(made.headers['etag'], 'W/"1"')
  assert.equal(made.headers['content-type'], 'application/fhir+json; charset=utf-8')
  assert.equal(textIn(meta as JsonObject, 'versionId'), '1')
  assert.match(
    textIn(meta as JsonObject, 'lastUpdated'),
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
  )
  assert.equal(JSON.stringify(rest), weight('1.10'))
  const read = await ask(`GET /Observation/${id}`)
  assert.deepEqual([read.status, read.text], [200, made.text])
  assert.equal(read.headers['last-modified'], made.headers['last-modified'])
})

test('an update is the next version, or makes what was not there under the client’s id', async () => {
  const { ask } = await newServer()
  const first = await ask('PUT /Patient/p', { body: patient('p') })
  assert.deepEqual([first.status, first.headers['etag']], [201, 'W/"1"'])
  const second = await ask('PUT /Patient/p', { body: patient('p', { active: true }) })
  assert.deepEqual([second.status, second.headers['etag']], [200, 'W/"2"'])
  assert.equal(second.headers['location'], undefined)
  assert.equal((await ask('GET /Patient/p')).body?.['active'], true)
  const older = await ask('GET /Patient/p/_history/1')
  assert.deepEqual([older.status, older.body?.['active']], [200, undefined])
  assert.equal((await ask('GET /Patient/p/_history/3')).status, 404)
})

test('what is put back as it was read stays the version it is', async () => {
  const { ask } = await newServer()
  await ask('PUT /Patient/p', { body: patient('p') })
  const read = await ask('GET /Patient/p')
  const again = await ask('PUT /Patient/p', { body: read.text })
  assert.deepEqual([again.status, again.headers['etag']], [200, 'W/"1"'])
  assert.equal(again.text, read.text)
})

test('what is deleted is gone, and its history shows that it was', async () => {
  const { ask } = await newServer()
  await ask('PUT /Patient/p', { body: patient('p') })
  const deleted = await ask('DELETE /Patient/p')
  assert.deepEqual([deleted.status, deleted.headers['etag'], deleted.text], [204, 'W/"2"', ''])
  const gone = await ask('GET /Patient/p')
  assert.deepEqual([gone.status, issuesIn(gone)[0]['code']], [410, 'deleted'])
  assert.equal((await ask('GET /Patient/p/_history/2')).status, 410)
  assert.equal((await ask('GET /Patient/p/_history/1')).status, 200)
  assert.equal((await ask('DELETE /Patient/p')).headers['etag'], undefined)
  const { body } = await ask('GET /Patient/p/_history')
  const entries = body?.['entry'] as JsonObject[]
  assert.deepEqual(
    entries.map(({ request, resource }) => [
      (request as JsonObject)['method'],
      (resource as JsonObject | undefined)?.['id'],
    ]),
    [
      ['DELETE', undefined],
      ['POST', 'p'],
    ],
  )
  const back = await ask('PUT /Patient/p', { body: patient('p') })
  assert.deepEqual([back.status, back.headers['etag']], [201, 'W/"3"'])
  assert.equal((await ask('DELETE /Patient/nobody')).status, 204)
})

test('a change that expects another version is refused, and changes nothing', async () => {
  const { ask } = await newServer()
  const expecting = (tag: string) => ({ headers: { 'if-match': tag } })
  await ask('PUT /Patient/p', { body: patient('p') })
  const active = patient('p', { active: true })
  assert.equal((await ask('PUT /Patient/p', { body: active, ...expecting('W/"2"') })).status, 412)
  assert.equal(
    (await ask('PUT /Patient/p', { body: active, ...expecting('nonsense') })).status,
    412,
  )
  assert.equal(
    (await ask('PUT /Patient/q', { body: patient('q'), ...expecting('W/"1"') })).status,
    412,
  )
  assert.equal((await ask('DELETE /Patient/p', expecting('W/"2"'))).status, 412)
  const star = { headers: { 'if-none-match': '*' } }
  assert.equal((await ask('PUT /Patient/p', { body: active, ...star })).status, 412)
  assert.equal((await ask('GET /Patient/p')).headers['etag'], 'W/"1"')
  assert.equal((await ask('PUT /Patient/p', { body: active, ...expecting('W/"1"') })).status, 200)
  assert.equal((await ask('PUT /Patient/q', { body: patient('q'), ...star })).status, 201)
})

test('of writers who expect the same version one wins', async () => {
  const { ask } = await newServer()
  await ask('PUT /Patient/p', { body: patient('p') })
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, number) =>
      ask('PUT /Patient/p', {
        body: patient('p', { gender: number % 2 === 0 ? 'male' : 'female', active: true }),
        headers: { 'if-match': 'W/"1"' },
      }),
    ),
  )
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [
    200,
    ...Array<number>(7).fill(412),
  ])
  assert.equal((await ask('GET /Patient/p')).headers['etag'], 'W/"2"')
})

test('changes under way at the same time share a signed group', async () => {
  const { ask, store } = await newServer()
  const made = await Promise.all(
    Array.from({ length: 40 }, () => ask('POST /Patient', { body: patient() })),
  )
  assert(made.every(({ status }) => status === 201))
  assert.equal(new Set(made.map(({ body }) => body?.['id'])).size, 40)
  const groups = await store.read({ sql: 'select group_id from vault_group', parameters: [] })
  assert(groups.length <= 3, `${groups.length} groups`)
})

test('a read that names what the client has is answered without a body', async () => {
  const { ask } = await newServer()
  const made = await ask('PUT /Patient/p', { body: patient('p') })
  const date = made.headers['last-modified']
  const read = (headers: Record<string, string>) => ask('GET /Patient/p', { headers })
  assert.equal((await read({ 'if-none-match': 'W/"1"' })).status, 304)
  assert.equal((await read({ 'if-none-match': 'W/"2"' })).status, 200)
  assert.equal((await read({ 'if-modified-since': date })).status, 304)
  assert.equal((await read({ 'if-modified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' })).status, 200)
  assert.equal((await read({ 'if-modified-since': 'whenever' })).status, 200)
})

test('an answer to a change is as the client prefers', async () => {
  const { ask } = await newServer()
  const preferring = (kind: string) =>
    ask('POST /Patient', { body: patient(), headers: { prefer: `return=${kind}` } })
  assert.equal((await preferring('minimal')).text, '')
  assert.equal((await preferring('representation')).body?.['resourceType'], 'Patient')
  assert.equal((await preferring('OperationOutcome')).body?.['resourceType'], 'OperationOutcome')
})

test('the history of a type and of everything is paged, newest first', async () => {
  const { ask } = await newServer()
  for (const id of ['a', 'b', 'c', 'd', 'e']) {
    await ask(`PUT /Patient/${id}`, { body: patient(id) })
    await ask(`PUT /Basic/${id}`, { body: { resourceType: 'Basic', id, code: { text: 'x' } } })
  }
  await ask('DELETE /Patient/b')
  const walk = async (first: string): Promise<string[]> => {
    const seen: string[] = []
    for (let next: string | undefined = first; next !== undefined;) {
      const { status, body } = await ask(`GET ${next}`)
      assert.equal(status, 200)
      const entries = (body?.['entry'] ?? []) as JsonObject[]
      assert(entries.length <= 2)
      seen.push(
        ...entries.map(({ request }) => {
          const asked = request as JsonObject
          return `${textIn(asked, 'method')} ${textIn(asked, 'url')}`
        }),
      )
      const links = body?.['link'] as JsonObject[]
      const url = links.find(({ relation }) => relation === 'next')?.['url'] as string | undefined
      next = url?.slice('https://records.example/fhir'.length)
    }
    return seen
  }
  const patients = await walk('/Patient/_history?_count=2')
  assert.deepEqual(patients[0], 'DELETE Patient/b')
  assert.equal(patients.length, 6)
  assert.equal((await walk('/_history?_count=2')).length, 11)
  assert.deepEqual(await walk('/Observation/_history?_count=2'), [])
})

test('refusals are OperationOutcomes that say where and why, and repeat nothing', async () => {
  const { ask } = await newServer()
  const refused = async (line: string, status: number, body?: JsonObject | string) => {
    const answer = await ask(line, body === undefined ? {} : { body })
    assert.equal(answer.status, status, line)
    assert.doesNotMatch(answer.text, /martian|Winter/)
    return issuesIn(answer)
  }
  const [issue] = await refused('POST /Patient', 422, patient(undefined, { gender: 'martian' }))
  assert.deepEqual([issue['code'], issue['expression']], ['code-invalid', ['Patient.gender']])
  await refused('POST /Patient', 400, '{"resourceType":"Patient","__proto__":{}}')
  await refused('POST /Patient', 400, '{"resourceType":"Patient"')
  await refused('POST /Patient', 400, `${'['.repeat(100)}${']'.repeat(100)}`)
  await refused('POST /Patient', 400, { resourceType: 'Basic', code: { text: 'x' } })
  await refused('PUT /Patient/p', 400, patient('q'))
  await refused('PUT /Patient/p', 400, patient())
  await refused('GET /Patient/p', 404)
  await refused('GET /Martian/p', 404)
  await refused('GET /Patient/p?martian=Winter', 400)
  await refused('DELETE /metadata', 405)
})

test('only JSON of FHIR 4.0 comes in and goes out', async () => {
  const { ask } = await newServer()
  const accepting = async (accept: string) =>
    (await ask('GET /metadata', { headers: { accept } })).status
  assert.equal(await accepting('application/fhir+xml'), 406)
  assert.equal(await accepting('application/fhir+xml, application/fhir+json;q=0.5'), 200)
  assert.equal(await accepting('application/fhir+json; fhirVersion=3.0'), 406)
  assert.equal(await accepting('*/*'), 200)
  assert.equal((await ask('GET /metadata?_format=xml')).status, 406)
  assert.equal((await ask('GET /metadata?_format=application/fhir%2Bjson')).status, 200)
  const xml = { body: '<Patient/>', headers: { 'content-type': 'application/fhir+xml' } }
  assert.equal((await ask('POST /Patient', xml)).status, 415)
  const zipped = { body: patient(), headers: { 'content-encoding': 'gzip' } }
  assert.equal((await ask('POST /Patient', zipped)).status, 415)
})

test('whoever is not known gets nothing but the statement of capabilities', async () => {
  const { fhir } = await newServer()
  const ask = (path: string) =>
    fhir.handle({
      ...{ method: 'GET', path, query: new URLSearchParams(), contentType: undefined },
      ...{ body: new Uint8Array(0), client: undefined, header: () => undefined },
    })
  assert.equal((await ask('/fhir/metadata')).status, 200)
  assert.equal((await ask('/fhir/Patient/p')).status, 401)
  assert.equal((await ask('/fhir/_history')).status, 401)
})
