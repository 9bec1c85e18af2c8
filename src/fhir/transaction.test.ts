import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '#health'
import { issuesIn, newServer, patient, textIn, type Answered } from './fixture.test.ts'

interface Asked {
  readonly line: string
  readonly fullUrl?: string
  readonly resource?: JsonObject
  readonly more?: Record<string, string>
}

const bundle = (type: string, ...entries: readonly Asked[]): JsonObject => ({
  ...{ resourceType: 'Bundle', type },
  entry: entries.map(({ line, fullUrl, resource, more = {} }) => {
    const [method, url] = line.split(' ')
    const request = { method, url, ...more }
    return { ...(fullUrl && { fullUrl }), ...(resource && { resource }), request }
  }),
})

const A = 'urn:uuid:0198f2b0-0000-4000-8000-00000000000a'
const B = 'urn:uuid:0198f2b0-0000-4000-8000-00000000000b'
const flag = (about: string, more: object = {}): JsonObject => ({
  ...{ resourceType: 'Flag', status: 'active', code: { text: 'allergic' } },
  subject: { reference: about },
  ...more,
})
const withId = (value: string): JsonObject =>
  patient(undefined, { identifier: [{ system: 'urn:s', value }] })

const statuses = ({ body }: Answered): string[] =>
  (body?.['entry'] as JsonObject[]).map(({ response }) => textIn(response as JsonObject, 'status'))

const locations = ({ body }: Answered): string[] =>
  (body?.['entry'] as JsonObject[]).map(({ response }) => {
    const location = (response as JsonObject)['location']
    return typeof location === 'string' ? location.replace(/.*\/fhir(\/.*)\/_history.*/, '$1') : ''
  })

test('a transaction writes all, and references between entries become those of the server', async () => {
  const { ask } = await newServer()
  const done = await ask('POST /', {
    body: bundle(
      'transaction',
      { line: 'POST Flag', fullUrl: B, resource: flag(A) },
      {
        line: 'POST Patient',
        fullUrl: A,
        resource: patient(undefined, { link: [{ other: { reference: A }, type: 'seealso' }] }),
      },
      { line: 'GET Flag/nobody' },
    ),
  })
  assert.equal(done.status, 200)
  assert.deepEqual(statuses(done), ['201 Created', '201 Created', '404 Not Found'])
  const [flagAt, patientAt] = locations(done)
  const { body } = await ask(`GET ${flagAt}`)
  assert.deepEqual(body?.['subject'], { reference: patientAt.slice(1) })
  const self = (await ask(`GET ${patientAt}`)).body
  assert.deepEqual(self?.['link'], [{ other: { reference: patientAt.slice(1) }, type: 'seealso' }])
})

test('one faulty entry refuses a transaction, and nothing of it is stored', async () => {
  const { ask, vault } = await newServer()
  await ask('PUT /Patient/here', { body: patient('here') })
  const refused = async (status: number, ...entries: readonly Asked[]) => {
    const good = { line: 'PUT Patient/good', resource: patient('good') }
    const answer = await ask('POST /', { body: bundle('transaction', good, ...entries) })
    assert.equal(answer.status, status)
    assert.equal((await ask('GET /Patient/good')).status, 404)
    return issuesIn(answer)[0]
  }
  const martian = await refused(422, {
    line: 'POST Patient',
    resource: patient(undefined, { gender: 'martian' }),
  })
  assert.deepEqual(martian['expression'], ['Bundle.entry[1].resource.gender'])
  const dangling = await refused(422, { line: 'POST Flag', resource: flag(B) })
  assert.deepEqual(dangling['expression'], ['Bundle.entry[1].resource.subject.reference'])
  await refused(412, {
    line: 'PUT Patient/here',
    resource: patient('here'),
    more: { ifMatch: 'W/"7"' },
  })
  await refused(400, { line: 'PUT Patient/good', resource: patient('good') })
  await refused(400, { line: 'PUT Patient/other', resource: patient('another') })
  await refused(400, { line: 'POST Patient', resource: flag('Patient/here') })
  await refused(400, { line: 'POST Patient' })
  await refused(404, { line: 'POST Martian', resource: patient() })
  await refused(405, { line: 'DELETE metadata' })
  await refused(400, { line: 'GET metadata' })
  await refused(412, { line: 'POST Flag', resource: flag('Patient?identifier=urn:s|none') })
  await refused(404, {
    line: 'PATCH Patient/nobody',
    resource: {
      resourceType: 'Parameters',
      parameter: [
        {
          name: 'operation',
          part: [
            { name: 'type', valueCode: 'delete' },
            { name: 'path', valueString: 'Patient.active' },
          ],
        },
      ],
    },
  })
  const twice = bundle(
    'transaction',
    { line: 'POST Patient', fullUrl: A, resource: patient() },
    { line: 'POST Patient', fullUrl: A, resource: patient() },
  )
  assert.equal((await ask('POST /', { body: twice })).status, 400)
  assert.deepEqual(await vault.count(), { patients: 1, items: 1 })
})

test('a transaction is one signed group, deletions first', async () => {
  const { ask, store } = await newServer()
  await ask('PUT /Patient/p', { body: withId('1') })
  await ask('PUT /Patient/p', { body: { ...withId('1'), id: 'p' } })
  const made = await ask('POST /', {
    body: bundle(
      'transaction',
      { line: 'POST Patient', resource: withId('1'), more: { ifNoneExist: 'identifier=urn:s|1' } },
      { line: 'DELETE Patient/p' },
    ),
  })
  assert.deepEqual(statuses(made), ['201 Created', '204 No Content'])
  const groups = await store.read({ sql: 'select group_id from vault_group', parameters: [] })
  assert.equal(groups.length, 2)
})

test('references may form circles, and lead to what a condition selects', async () => {
  const { ask } = await newServer()
  await ask('PUT /Patient/known', { body: { ...withId('known'), id: 'known' } })
  const done = await ask('POST /', {
    body: bundle(
      'transaction',
      {
        line: 'POST Patient',
        fullUrl: A,
        resource: patient(undefined, { link: [{ other: { reference: B }, type: 'seealso' }] }),
      },
      {
        line: 'POST Patient',
        fullUrl: B,
        resource: patient(undefined, { link: [{ other: { reference: A }, type: 'seealso' }] }),
      },
      { line: 'POST Flag', resource: flag('Patient?identifier=urn:s|known') },
    ),
  })
  const [a, b, flagAt] = locations(done)
  const other = async (at: string) => (await ask(`GET ${at}`)).body?.['link']
  assert.deepEqual(await other(a), [{ other: { reference: b.slice(1) }, type: 'seealso' }])
  assert.deepEqual(await other(b), [{ other: { reference: a.slice(1) }, type: 'seealso' }])
  assert.deepEqual((await ask(`GET ${flagAt}`)).body?.['subject'], { reference: 'Patient/known' })
})

test('a create under a condition makes one resource however often, and however many ask at once', async () => {
  const { ask } = await newServer()
  const headers = { 'if-none-exist': 'identifier=urn:s|1' }
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => ask('POST /Patient', { body: withId('1'), headers })),
  )
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 200, 200, 200, 201])
  assert.equal(new Set(answers.map(({ body }) => body?.['id'])).size, 1)
  const transaction = bundle(
    'transaction',
    {
      line: 'POST Patient',
      fullUrl: A,
      resource: withId('1'),
      more: { ifNoneExist: 'identifier=urn:s|1' },
    },
    { line: 'POST Flag', resource: flag(A) },
  )
  const done = await ask('POST /', { body: transaction })
  assert.deepEqual(statuses(done), ['200 OK', '201 Created'])
  const id = textIn(answers[0].body, 'id')
  assert.deepEqual((await ask(`GET ${locations(done)[1]}`)).body?.['subject'], {
    reference: `Patient/${id}`,
  })
})

test('updates, patches and deletions under a condition change the one resource it selects', async () => {
  const { ask } = await newServer()
  const one = '/Patient?identifier=urn:s|1'
  const made = await ask(`PUT ${one}`, { body: withId('1') })
  assert.equal(made.status, 201)
  const id = textIn(made.body, 'id')
  const changed = await ask(`PUT ${one}`, { body: { ...withId('1'), active: true } })
  assert.deepEqual([changed.status, changed.body?.['id']], [200, id])
  const json = { 'content-type': 'application/json-patch+json' }
  const patched = await ask(`PATCH ${one}`, {
    body: '[{"op":"replace","path":"/active","value":false}]',
    headers: json,
  })
  assert.deepEqual([patched.status, patched.body?.['active']], [200, false])
  assert.equal(
    (await ask('PATCH /Patient?identifier=urn:s|2', { body: '[]', headers: json })).status,
    404,
  )
  await ask('POST /Patient', { body: withId('1') })
  for (const line of [`PUT ${one}`, `DELETE ${one}`]) {
    assert.equal((await ask(line, { body: withId('1') })).status, 412)
  }
  assert.equal((await ask('DELETE /Patient?martian=1')).status, 400)
  assert.equal((await ask('DELETE /Patient')).status, 400)
  assert.equal((await ask(`DELETE /Patient/${id}`)).status, 204)
  assert.equal((await ask(`DELETE ${one}`)).status, 204)
  assert.equal((await ask(`DELETE ${one}`)).status, 204)
})

test('a batch answers each entry in its place, whatever becomes of the others', async () => {
  const { ask } = await newServer()
  const done = await ask('POST /', {
    body: bundle(
      'batch',
      { line: 'PUT Patient/p', resource: patient('p') },
      { line: 'POST Patient', resource: patient(undefined, { gender: 'martian' }) },
      { line: 'GET Martian/p' },
      { line: 'GET Patient/nobody' },
      { line: 'DELETE Patient/nobody' },
    ),
  })
  assert.deepEqual(statuses(done), [
    ...['201 Created', '422 Unprocessable Content', '404 Not Found', '404 Not Found'],
    '204 No Content',
  ])
  assert.equal((await ask('GET /Patient/p')).status, 200)
})

test('what is no batch or transaction, or too much of one, is refused', async () => {
  const { ask } = await newServer()
  const status = async (body: JsonObject) => (await ask('POST /', { body })).status
  assert.equal(await status(bundle('collection')), 400)
  assert.equal(await status(patient()), 400)
  assert.equal(await status({ resourceType: 'Bundle', type: 'batch', entry: [{}] }), 200)
  const many = Array.from({ length: 10_001 }, () => ({ line: 'GET Patient/p' }))
  assert.equal(await status(bundle('transaction', ...many)), 413)
  assert.equal(await status({ resourceType: 'Bundle', type: 'transaction' }), 200)
})
