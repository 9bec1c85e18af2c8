import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isObject, type JsonObject } from '#health'
import { issuesIn, newServer, patient, textIn, type Answered } from './fixture.test.ts'

const flag = (about: string, more: object = {}): JsonObject => ({
  ...{ resourceType: 'Flag', status: 'active', code: { text: 'allergic' } },
  subject: { reference: about },
  ...more,
})
const entries = ({ body }: Answered): JsonObject[] => (body?.['entry'] ?? []) as JsonObject[]
/** What a Bundle holds, by mode and `Type/id`. */
const found = (answer: Answered): string[] =>
  entries(answer).map(({ resource, search }) => {
    const { resourceType, id } = resource as JsonObject
    return `${textIn(search as JsonObject, 'mode')} ${resourceType as string}/${id as string}`
  })
const next = ({ body }: Answered): string | undefined => {
  const links = (body?.['link'] ?? []) as JsonObject[]
  const link = links.find(({ relation }) => relation === 'next')
  return link && textIn(link, 'url').slice('https://records.example/fhir'.length)
}

async function filled() {
  const server = await newServer()
  const { ask } = server
  await ask('PUT /Practitioner/doc', { body: { resourceType: 'Practitioner', id: 'doc' } })
  for (const id of ['a', 'b']) {
    const generalPractitioner = [{ reference: 'Practitioner/doc' }]
    await ask(`PUT /Patient/${id}`, {
      body: patient(id, { generalPractitioner, gender: id === 'a' ? 'male' : 'female' }),
    })
    for (const number of ['1', '2', '3']) {
      const name = `${id}${number}`
      await ask(`PUT /Flag/${name}`, { body: flag(`Patient/${id}`, { id: name }) })
    }
  }
  return server
}

test('a search finds, counts, includes and pages, by query or by form', async () => {
  const { ask } = await filled()
  assert.deepEqual(found(await ask('GET /Patient?gender=male')), ['match Patient/a'])
  const included = await ask('GET /Patient?gender=male&_include=Patient:general-practitioner')
  assert.deepEqual(found(included), ['match Patient/a', 'include Practitioner/doc'])
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const posted = await ask('POST /Patient/_search', { body: 'gender=female', headers: form })
  assert.deepEqual(found(posted), ['match Patient/b'])
  const seen: string[] = []
  for (let line: string | undefined = '/Flag?_count=4&_sort=_id'; line !== undefined;) {
    const page = await ask(`GET ${line}`)
    assert.deepEqual([page.status, page.body?.['total']], [200, 6])
    seen.push(...found(page))
    line = next(page)
  }
  assert.deepEqual(
    seen,
    ['a1', 'a2', 'a3', 'b1', 'b2', 'b3'].map((id) => `match Flag/${id}`),
  )
  const counted = await ask('GET /Flag?_summary=count')
  assert.deepEqual([counted.body?.['total'], entries(counted)], [6, []])
  const everywhere = await ask('GET /?_type=Patient,Practitioner&_count=1')
  assert.equal(everywhere.body?.['total'], 3)
})

test('an unknown parameter is refused, and so is another’s page', async () => {
  const { ask } = await filled()
  for (const line of [
    'GET /Patient?martian=1',
    'GET /Patient?gender:martian=1',
    'GET /Flag?_page=x',
  ]) {
    const answer = await ask(line)
    assert.equal(answer.status, 400, line)
    assert.equal(issuesIn(answer).length, 1)
  }
  const line = next(await ask('GET /Flag?_count=2'))
  assert.equal((await ask(`GET ${line?.replace('Flag', 'Patient') ?? ''}`)).status, 400)
})

test('a compartment and everything hold a patient’s record and nobody else’s', async () => {
  const { ask } = await filled()
  const ofA = ['a1', 'a2', 'a3'].map((id) => `match Flag/${id}`)
  assert.deepEqual(found(await ask('GET /Patient/a/Flag?_sort=_id')), ofA)
  const whole = await ask('GET /Patient/a/*?_sort=_id')
  assert.deepEqual(found(whole), ['match Patient/a', ...ofA])
  const everything = await ask('GET /Patient/a/$everything')
  assert.deepEqual(found(everything).toSorted(), [
    'include Practitioner/doc',
    ...ofA,
    'match Patient/a',
  ])
  const paged = await ask('GET /Patient/a/$everything?_count=3')
  assert.equal(entries(await ask(`GET ${next(paged) ?? ''}`)).length > 0, true)
  assert.deepEqual(found(await ask('GET /Patient/a/$everything?_since=2100-01-01')), [])
  assert.equal((await ask('GET /Patient/nobody/$everything')).status, 404)
  assert.equal((await ask('GET /Patient/a/$everything?martian=1')).status, 400)
})

test('what is shown in part says so, and is not taken back', async () => {
  const { ask } = await filled()
  const [{ resource }] = entries(await ask('GET /Flag?_elements=status&_id=a1'))
  assert(isObject(resource))
  assert.deepEqual(Object.keys(resource).toSorted(), [
    'code',
    'id',
    'meta',
    'resourceType',
    'status',
    'subject',
  ])
  assert.equal((await ask('PUT /Flag/a1', { body: resource })).status, 422)
  const entry = { resource, request: { method: 'PUT', url: 'Flag/a1' } }
  const transaction = { resourceType: 'Bundle', type: 'transaction', entry: [entry] }
  assert.equal((await ask('POST /', { body: transaction })).status, 422)
})

test('what a session may not see is nowhere, and cannot be changed', async () => {
  const hidden = ({ id, subject }: JsonObject): boolean =>
    id === 'b' || (isObject(subject) && subject['reference'] === 'Patient/b')
  let isBlind = false
  const { ask } = await newServer(({ resource }) =>
    isBlind && resource !== undefined && hidden(resource)
      ? { permit: false, reason: 'not this one' }
      : { permit: true },
  )
  for (const id of ['a', 'b']) {
    await ask(`PUT /Patient/${id}`, { body: patient(id, { active: true }) })
    await ask(`PUT /Flag/${id}1`, { body: flag(`Patient/${id}`, { id: `${id}1` }) })
  }
  await ask('PUT /Flag/gone', { body: flag('Patient/b', { id: 'gone' }) })
  await ask('DELETE /Flag/gone')
  isBlind = true
  const absent = ['/Patient/b', '/Flag/b1', '/Patient/b/_history/1', '/Patient/b/_history']
  for (const path of [...absent, '/Flag/gone', '/Flag/gone/_history', '/Patient/b/$everything']) {
    const [real, none] = [await ask(`GET ${path}`), await ask('GET /Patient/nobody')]
    assert.deepEqual([real.status, issuesIn(real)], [404, issuesIn(none)], path)
  }
  for (const path of [
    '/_history',
    '/Flag/_history',
    '/Flag',
    '/?_type=Flag',
    '/Patient?active=true',
  ]) {
    const answer = await ask(`GET ${path}`)
    assert.equal(answer.status, 200)
    assert.doesNotMatch(answer.text, /(Patient\/b|Flag\/b1|Flag\/gone)/, path)
  }
  assert.equal((await ask('GET /Flag')).body?.['total'], 1)
  assert.deepEqual(found(await ask('GET /Patient/b/Flag')), [])
  assert.deepEqual(found(await ask('GET /Flag?subject.active=true')), ['match Flag/a1'])
  assert.equal((await ask('PUT /Patient/b', { body: patient('b') })).status, 404)
  const json = { 'content-type': 'application/json-patch+json' }
  const patch = '[{"op":"replace","path":"/active","value":false}]'
  assert.equal((await ask('PATCH /Patient/b', { body: patch, headers: json })).status, 404)
  assert.equal((await ask('DELETE /Patient/b')).status, 204)
  const under = { 'if-none-exist': 'subject=Patient/b' }
  assert.equal((await ask('POST /Flag', { body: flag('Patient/a'), headers: under })).status, 201)
  isBlind = false
  assert.deepEqual((await ask('GET /Patient/b')).body?.['active'], true)
})

test('what may be seen but not changed is refused with the reason', async () => {
  const { ask } = await newServer(({ action, resource }) =>
    action === 'read' || resource?.['active'] !== true
      ? { permit: true }
      : { permit: false, reason: 'active patients stay as they are' },
  )
  await ask('PUT /Patient/p', { body: patient('p', { active: false }) })
  const refused = await ask('PUT /Patient/p', { body: patient('p', { active: true }) })
  assert.deepEqual(
    [refused.status, issuesIn(refused)[0]['diagnostics']],
    [403, 'active patients stay as they are'],
  )
})
