import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isObject, type JsonObject } from '#health'
import { issuesIn, newServer, patient, textIn, type Answered } from './fixture.test.ts'

const NHS = 'https://fhir.nhs.uk/Id/nhs-number'
const ada = (id: string | undefined, more: object = {}): JsonObject =>
  patient(id, {
    identifier: [{ system: NHS, value: '9990000018' }],
    name: [{ family: 'Winterbourne', given: ['Ada'] }],
    birthDate: '1961-03-12',
    ...more,
  })
const parameters = (items: Readonly<Record<string, object>>) => ({
  body: {
    resourceType: 'Parameters',
    parameter: Object.entries(items).map(([name, item]) => ({ name, ...item })),
  },
})
const joining = (source: string, target: string) =>
  parameters({
    'source-patient': { valueReference: { reference: `Patient/${source}` } },
    'target-patient': { valueReference: { reference: `Patient/${target}` } },
  })
const entries = ({ body }: Answered): JsonObject[] => (body?.['entry'] ?? []) as JsonObject[]
const ids = (answer: Answered): string[] =>
  entries(answer)
    .map(({ resource }) => textIn(resource as JsonObject, 'id'))
    .toSorted()
/** `id grade` of each match, best first. */
const graded = (answer: Answered): string[] =>
  entries(answer).map(({ resource, search }) => {
    const { extension, score } = search as JsonObject
    assert(typeof score === 'number' && score > 0 && score <= 1)
    const [{ url, valueCode }] = extension as JsonObject[]
    assert.equal(url, 'http://hl7.org/fhir/StructureDefinition/match-grade')
    return `${textIn(resource as JsonObject, 'id')} ${valueCode as string}`
  })

async function filled() {
  const server = await newServer()
  const { ask } = server
  await ask('PUT /Patient/a', { body: ada('a') })
  await ask('PUT /Patient/b', { body: ada('b', { identifier: undefined, gender: 'female' }) })
  await ask('PUT /Patient/c', { body: patient('c', { birthDate: '1961-03-12' }) })
  for (const id of ['a', 'b', 'c']) {
    const code = { text: 'allergic' }
    const subject = { reference: `Patient/${id}` }
    const flag = { resourceType: 'Flag', id: `${id}1`, status: 'active', code, subject }
    await ask(`PUT /Flag/${id}1`, { body: flag })
  }
  return server
}

test('a match grades whom a description may mean, the surest first, and names nobody else', async () => {
  const { ask } = await filled()
  const resource = ada(undefined)
  assert.deepEqual(
    graded(await ask('POST /Patient/$match', parameters({ resource: { resource } }))),
    ['a certain', 'b probable'],
  )
  const only = parameters({
    resource: { resource },
    onlyCertainMatches: { valueBoolean: true },
  })
  assert.deepEqual(graded(await ask('POST /Patient/$match', only)), ['a certain'])
  const one = parameters({
    resource: { resource: ada(undefined, { identifier: undefined }) },
    count: { valueInteger: 1 },
  })
  assert.equal(graded(await ask('POST /Patient/$match', one)).length, 1)
  const nobody = parameters({
    resource: { resource: patient(undefined, { birthDate: '1901-01-01' }) },
  })
  assert.deepEqual(graded(await ask('POST /Patient/$match', nobody)), [])
  const swapped = ada(undefined, { identifier: undefined, birthDate: '1961-12-03' })
  assert.deepEqual(
    graded(await ask('POST /Patient/$match', parameters({ resource: { resource: swapped } }))),
    ['a possible', 'b possible'],
  )
})

test('a description that cannot be one is refused without being repeated', async () => {
  const { ask } = await filled()
  const wrong = ada(undefined, { identifier: [{ system: NHS, value: '9990000019' }] })
  for (const [body, status] of [
    [parameters({ resource: { resource: wrong } }), 400],
    [parameters({ resource: { resource: patient(undefined, { gender: 'martian' }) } }), 422],
    [parameters({ resource: { resource: { resourceType: 'Basic' } } }), 400],
    [parameters({ onlyCertainMatches: { valueBoolean: true } }), 400],
    [parameters({ resource: { resource: ada(undefined) }, count: { valueInteger: 0 } }), 400],
    [parameters({ resource: { resource: ada(undefined) }, martian: { valueBoolean: true } }), 400],
  ] as const) {
    const answer = await ask('POST /Patient/$match', body)
    assert.equal(answer.status, status, answer.text)
    assert.doesNotMatch(answer.text, /9990000019|martian|Winterbourne/)
  }
})

test('a match finds nobody whom the session may not see', async () => {
  const { ask } = await newServer(({ action, resource }) =>
    action === 'search' && resource?.['id'] === 'a'
      ? { permit: false, reason: 'not this one' }
      : { permit: true },
  )
  for (const id of ['a', 'b']) await ask(`PUT /Patient/${id}`, { body: ada(id) })
  const answer = await ask(
    'POST /Patient/$match',
    parameters({ resource: { resource: ada(undefined) } }),
  )
  assert.deepEqual(graded(answer), ['b certain'])
})

test('merged records are found under the one that stays, and the match leads there', async () => {
  const { ask } = await filled()
  const done = await ask('POST /Patient/$merge', joining('a', 'b'))
  assert.equal(done.status, 200, done.text)
  const given = (await ask('GET /Patient/a')).body
  assert.equal(given?.['active'], false)
  assert.deepEqual(given['link'], [{ other: { reference: 'Patient/b' }, type: 'replaced-by' }])
  for (const path of ['/Flag?subject=Patient/b', '/Flag?patient=b', '/Patient/b/Flag']) {
    assert.deepEqual(ids(await ask(`GET ${path}`)), ['a1', 'b1'], path)
  }
  assert.deepEqual(ids(await ask('GET /Patient/b/$everything')), ['a', 'a1', 'b', 'b1'])
  assert.deepEqual(ids(await ask('GET /Flag?subject=Patient/a')), ['a1'])
  const found = await ask(
    'POST /Patient/$match',
    parameters({ resource: { resource: ada(undefined) } }),
  )
  assert.deepEqual(graded(found), ['b certain'])
  const history = (await ask('GET /Patient/a/_history')).body?.['entry'] as JsonObject[]
  assert.equal(history.length, 2)
})

test('a merge is undone exactly, and what was written since stays', async () => {
  const { ask } = await filled()
  const texts = async () =>
    await Promise.all(
      ['a', 'b'].map(async (id) => {
        const { meta, ...rest } = (await ask(`GET /Patient/${id}`)).body ?? {}
        assert(isObject(meta))
        return JSON.stringify(rest)
      }),
    )
  const before = await texts()
  await ask('POST /Patient/$merge', joining('a', 'b'))
  assert.notDeepEqual(await texts(), before)
  assert.equal((await ask('POST /Patient/a/$unmerge', parameters({}))).status, 200)
  assert.deepEqual(await texts(), before)
  assert.deepEqual(ids(await ask('GET /Flag?subject=Patient/b')), ['b1'])
  await ask('POST /Patient/$merge', joining('a', 'b'))
  const merged = (await ask('GET /Patient/b')).body ?? {}
  await ask('PUT /Patient/b', { body: { ...merged, gender: 'other' } })
  assert.equal((await ask('POST /Patient/a/$unmerge', parameters({}))).status, 200)
  const [first, second] = await texts()
  assert.equal(first, before[0])
  assert.match(second, /"gender":"other"/)
  assert.doesNotMatch(second, /link/)
})

test('a merge that makes no sense is refused, and changes neither record', async () => {
  const { ask } = await filled()
  const refused = async (line: string, ...rest: Parameters<typeof parameters>) => {
    const answer = await ask(line, ...rest.map(parameters))
    return [answer.status, issuesIn(answer)[0]['code']]
  }
  const merging = async (source: string, target: string) => {
    const answer = await ask('POST /Patient/$merge', joining(source, target))
    return answer.status
  }
  assert.equal(await merging('a', 'a'), 422)
  assert.equal(await merging('a', 'nobody'), 404)
  assert.deepEqual(await refused('POST /Patient/a/$unmerge', {}), [422, 'business-rule'])
  assert.equal((await ask('POST /Patient/$merge', parameters({}))).status, 400)
  await ask('DELETE /Patient/c')
  assert.equal(await merging('a', 'c'), 410)
  assert.equal(await merging('a', 'b'), 200)
  assert.equal(await merging('a', 'c'), 410)
  assert.equal(await merging('b', 'a'), 422)
  const given = (await ask('GET /Patient/a')).body ?? {}
  await ask('PUT /Patient/a', { body: { ...given, gender: 'other' } })
  assert.deepEqual(await refused('POST /Patient/a/$unmerge', {}), [422, 'business-rule'])
  assert.equal((await ask('GET /Patient/b')).headers['etag'], 'W/"2"')
})

test('whoever may not update both records merges neither', async () => {
  const { ask } = await newServer(({ action, resource }) =>
    action === 'update' && resource?.['id'] === 'b'
      ? { permit: false, reason: 'not this one' }
      : { permit: true },
  )
  for (const id of ['a', 'b']) await ask(`PUT /Patient/${id}`, { body: ada(id) })
  assert.equal((await ask('POST /Patient/$merge', joining('a', 'b'))).status, 403)
  assert.equal((await ask('GET /Patient/a')).headers['etag'], 'W/"1"')
})
