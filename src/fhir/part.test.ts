import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isObject, type JsonObject } from '#health'
import { issuesIn, newServer, patient, textIn, type Answered } from './fixture.test.ts'

const entries = ({ body }: Answered): JsonObject[] => (body?.['entry'] ?? []) as JsonObject[]
const resources = (answer: Answered): JsonObject[] =>
  entries(answer).flatMap(({ resource }) => (isObject(resource) ? [resource] : []))
const versions = (answer: Answered): string[] =>
  resources(answer).map(
    (one) => `${textIn(one, 'id')} ${textIn(one['meta'] as JsonObject, 'versionId')}`,
  )

const RICH = patient('p', {
  text: { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml">W</div>' },
  active: true,
  photo: [{ contentType: 'image/png', data: 'AAAA' }],
  contact: [{ name: { family: 'Other' } }],
  link: [{ id: 'first', other: { reference: 'Patient/q' }, type: 'seealso' }],
})

/** Members of the resource, beside type, id and meta, that each way of asking shows. */
const PARTS: readonly (readonly [string, readonly string[]])[] = [
  ['', ['active', 'contact', 'link', 'name', 'photo', 'text']],
  ['_summary=false', ['active', 'contact', 'link', 'name', 'photo', 'text']],
  ['_summary=true', ['active', 'link', 'name']],
  ['_summary=text', ['text']],
  ['_summary=data', ['active', 'contact', 'link', 'name', 'photo']],
  ['_elements=active,name', ['active', 'name']],
  ['_elements=Patient.photo', ['photo']],
]

test('a part is the same on a read, an older version, a history and a search, and says so', async () => {
  const { ask } = await newServer()
  await ask('PUT /Patient/p', { body: RICH })
  for (const [part, members] of PARTS) {
    const wanted = ['id', 'meta', 'resourceType', ...members].toSorted()
    const paths = ['/Patient/p', '/Patient/p/_history/1', '/Patient/p/_history']
    for (const path of [...paths, '/Patient/_history', '/_history', '/Patient']) {
      const answer = await ask(`GET ${path}?${part}`)
      const isBundle = answer.body?.['resourceType'] === 'Bundle'
      const resource = isBundle ? resources(answer).at(0) : answer.body
      assert(resource !== undefined)
      assert.deepEqual(Object.keys(resource).toSorted(), wanted, part)
      const { tag } = resource['meta'] as JsonObject
      assert.equal(tag !== undefined, part !== '' && part !== '_summary=false', part)
    }
  }
  const { body } = await ask('GET /Patient/p?_summary=true')
  const [link] = body?.['link'] as JsonObject[]
  assert.deepEqual(Object.keys(link), ['other', 'type'], 'the id of an element is no summary')
})

test('a part that nobody can give is refused, and so is the count of what is one', async () => {
  const { ask } = await newServer()
  await ask('PUT /Patient/p', { body: RICH })
  for (const line of [
    'GET /Patient/p?_summary=count',
    'GET /Patient/p?_summary=yes',
    'GET /Patient/p?_elements=nmae',
    'GET /Patient/p/_history?_summary=count',
    'GET /Patient?_summary=text&_include=Patient:organization',
  ]) {
    const answer = await ask(line)
    assert.equal(answer.status, 400, line)
    assert.equal(issuesIn(answer).length, 1)
  }
})

test('a history begins at a time, or shows what was so at a time, page by page', async () => {
  const { ask, time } = await newServer()
  const instants: string[] = []
  const put = async (id: string, active: boolean): Promise<void> => {
    const { body } = await ask(`PUT /Patient/${id}`, { body: patient(id, { active }) })
    instants.push(textIn(body?.['meta'] as JsonObject, 'lastUpdated'))
    await time.advance(60_000)
  }
  await put('p', true)
  await put('q', true)
  await put('p', false)
  const [first, second, third] = instants
  const since = `_since=${second}`
  for (const [line, expected] of [
    [`/Patient/p/_history?${since}`, ['p 2']],
    [`/Patient/_history?${since}`, ['p 2', 'q 1']],
    [`/_history?${since}`, ['p 2', 'q 1']],
    [`/Patient/p/_history?_at=${second}`, ['p 1']],
    [`/_history?_at=${second}`, ['q 1', 'p 1']],
    [`/_history?_at=${third}`, ['p 2', 'q 1']],
    [`/_history?_at=${first}`, ['p 1']],
    [`/_history?_at=${first.slice(0, 4)}`, ['p 2', 'q 1', 'p 1']],
    ['/_history?_at=1999', []],
    ['/Patient/p/_history?_at=1999', []],
  ] as const) {
    assert.deepEqual(versions(await ask(`GET ${line}`)), expected, line)
  }
  const page = await ask(`GET /_history?_count=1&_at=${second}`)
  const links = page.body?.['link'] as JsonObject[]
  const next = textIn(links.at(1), 'url').slice('https://records.example/fhir'.length)
  assert.deepEqual(versions(page), ['q 1'])
  assert.deepEqual(versions(await ask(`GET ${next}`)), ['p 1'])
  assert.equal((await ask('GET /_history?_since=yesterday')).status, 400)
  assert.equal((await ask('GET /_history?_since=2024&_since=2025')).status, 400)
})

test('everything of a time is what care of that time wrote, and what has no time', async () => {
  const { ask } = await newServer()
  await ask('PUT /Patient/p', { body: patient('p', { birthDate: '1950-01-01' }) })
  const subject = { reference: 'Patient/p' }
  const code = { text: 'weight' }
  for (const year of ['2019', '2021', '2023']) {
    const effectiveDateTime = `${year}-05-02`
    const body = { ...{ resourceType: 'Observation', id: `o${year}`, status: 'final' }, code }
    await ask(`PUT /Observation/o${year}`, { body: { ...body, subject, effectiveDateTime } })
  }
  const ids = async (query: string): Promise<unknown[]> =>
    resources(await ask(`GET /Patient/p/$everything?${query}`))
      .map(({ id }) => id)
      .toSorted()
  assert.deepEqual(await ids('start=2020&end=2022-12-31'), ['o2021', 'p'])
  assert.deepEqual(await ids('start=2021-05-02'), ['o2021', 'o2023', 'p'])
  assert.deepEqual(await ids('end=2021-05-01'), ['o2019', 'p'])
  assert.deepEqual(await ids('start=2020&_type=Observation&_count=1'), ['o2021'])
  const page = await ask('GET /Patient/p/$everything?start=2020&_since=2000&_count=2')
  const links = page.body?.['link'] as JsonObject[]
  const next = textIn(links.at(1), 'url').slice('https://records.example/fhir'.length)
  assert.equal(resources(await ask(`GET ${next}`)).length, 1)
  assert.equal((await ask('GET /Patient/p/$everything?start=soon')).status, 400)
})
