import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getIntrospectionQuery } from 'graphql'
import type { JsonObject } from '#health'
import { issuesIn, newServer, patient, type Answered } from '../fixture.test.ts'

type Server = Awaited<ReturnType<typeof newServer>>

const JSON_BODY = { headers: { 'content-type': 'application/json' } }

const asking =
  ({ ask }: Server) =>
  (query: string, path = '/$graphql', variables?: object): Promise<Answered> =>
    ask(`POST ${path}`, { ...JSON_BODY, body: JSON.stringify({ query, variables }) })

const data = ({ body, text, status }: Answered): JsonObject => {
  assert.equal(status, 200, text)
  assert.equal(body?.['errors'], undefined, text)
  return body?.['data'] as JsonObject
}

async function filled(...args: Parameters<typeof newServer>) {
  const server = await newServer(...args)
  const { ask } = server
  await ask('PUT /Practitioner/doc', { body: { resourceType: 'Practitioner', id: 'doc' } })
  for (const id of ['a', 'b']) {
    const name = [
      { use: 'official', family: 'Winter', given: ['Ada', 'Bea'] },
      { use: 'nickname', given: ['Addy'] },
    ]
    const generalPractitioner = [{ reference: 'Practitioner/doc' }]
    const more = { name, generalPractitioner, birthDate: '1961-03-12', deceasedBoolean: false }
    await ask(`PUT /Patient/${id}`, { body: patient(id, { ...more, active: id === 'a' }) })
    await ask(`PUT /Observation/${id}1`, {
      body:
        `{"resourceType":"Observation","id":"${id}1","status":"final","code":{"text":"weight"},` +
        `"subject":{"reference":"Patient/${id}"},"valueQuantity":{"value":1.10,"unit":"kg"}}`,
    })
  }
  return server
}

test('a question brings what it names, decimals to the letter, and follows references', async () => {
  const server = await filled()
  const question = asking(server)
  const answer = await question(`{
    Patient(id: "a") {
      id active birthDate deceasedBoolean
      official: name(use: "official") { family given }
      name(_offset: 1, _count: 1) { use }
      generalPractitioner { resource { ... on Practitioner { resourceType id } } }
      ObservationList(_reference: "subject") { id valueQuantity { value unit } }
    }
  }`)
  assert.deepEqual(JSON.parse(JSON.stringify(data(answer))), {
    Patient: {
      ...{ id: 'a', active: true, birthDate: '1961-03-12', deceasedBoolean: false },
      official: [{ family: 'Winter', given: ['Ada', 'Bea'] }],
      name: [{ use: 'nickname' }],
      generalPractitioner: [{ resource: { resourceType: 'Practitioner', id: 'doc' } }],
      ObservationList: [{ id: 'a1', valueQuantity: { value: 1.1, unit: 'kg' } }],
    },
  })
  assert.match(answer.text, /"value":1\.10,/)
  assert.match(answer.headers['content-type'] ?? '', /^application\/json/)
})

test('lists and connections search, by variables too, and a connection goes on', async () => {
  const question = asking(await filled())
  const list = await question(
    'query ($active: [String]) { PatientList(active: $active) { id } }',
    '/$graphql',
    { active: 'true' },
  )
  assert.deepEqual(JSON.parse(JSON.stringify(data(list))), { PatientList: [{ id: 'a' }] })
  const page = 'count next edges { mode resource { id } }'
  const first = data(await question(`{ PatientConnection(_count: "1", _sort: "_id") { ${page} } }`))
  const { next, count, edges } = first['PatientConnection'] as JsonObject
  assert.deepEqual([count, (edges as JsonObject[]).length], [2, 1])
  const second = data(
    await question(
      `{ PatientConnection(_count: "1", _sort: "_id", _cursor: "${next as string}") { ${page} } }`,
    ),
  )
  assert.deepEqual(JSON.parse(JSON.stringify(second['PatientConnection'])), {
    ...{ count: 2, next: null },
    edges: [{ mode: 'match', resource: { id: 'b' } }],
  })
})

test('a question about one resource begins there, by GET as well', async () => {
  const server = await filled()
  const answer = await asking(server)('{ name { family } }', '/Patient/a/$graphql')
  assert.deepEqual(JSON.parse(JSON.stringify(data(answer)['name'])), [
    { family: 'Winter' },
    { family: null },
  ])
  const got = await server.ask('GET /Patient/a/$graphql?query=%7Bid%7D')
  assert.equal(data(got)['id'], 'a')
  assert.equal((await asking(server)('{ id }', '/Patient/nobody/$graphql')).status, 404)
})

test('tools can ask for the schema, which has every resource type and no mutations', async () => {
  const question = asking(await filled())
  const { __schema } = data(await question(getIntrospectionQuery()))
  const { types, mutationType } = __schema as JsonObject
  const names = new Set((types as JsonObject[]).map(({ name }) => name))
  for (const name of ['Patient', 'Patient_Contact', 'MolecularSequence', 'HumanName', 'Resource']) {
    assert(names.has(name), name)
  }
  assert.equal(mutationType, null)
})

test('what a session may not see is not found by any way into it', async () => {
  const server = await filled(({ resource, action }) =>
    action !== 'create' && JSON.stringify(resource ?? {}).match(/Patient\/b|"id":"b"/)
      ? { permit: false, reason: 'not this one' }
      : { permit: true },
  )
  const question = asking(server)
  const seen = await question(`{
    one: PatientList(_id: "b") { id }
    all: PatientConnection { count edges { resource { id } } }
    ObservationList { id subject { resource(optional: true) { ... on Patient { id } } } }
  }`)
  assert.deepEqual(JSON.parse(JSON.stringify(data(seen))), {
    one: [],
    all: { count: 1, edges: [{ resource: { id: 'a' } }] },
    ObservationList: [{ id: 'a1', subject: { resource: { id: 'a' } } }],
  })
  const [hidden, nobody] = [
    await question('{ Patient(id: "b") { id } }'),
    await question('{ Patient(id: "z") { id } }'),
  ]
  assert.equal(hidden.text, nobody.text)
  const [error] = hidden.body?.['errors'] as JsonObject[]
  const { resource } = error['extensions'] as JsonObject
  assert.equal((resource as JsonObject)['resourceType'], 'OperationOutcome')
})

/** Questions that are refused, and why none may cost more than it takes to say no. */
const REFUSED: readonly (readonly [string, string, number])[] = [
  ['no question', '', 400],
  ['no GraphQL', '{ Patient(', 400],
  ['a field that is not there', '{ Patient(id: "a") { martian } }', 400],
  ['an argument that is not there', '{ PatientList(martian: "Winter") { id } }', 400],
  [
    'a directive of FHIR that is not there',
    '{ Patient(id: "a") { name @flatten { family } } }',
    400,
  ],
  ['a mutation', 'mutation { PatientCreate { id } }', 400],
  ['fragments in a circle', '{ ...A } fragment A on Query { ...A }', 400],
  [
    'aliases',
    `{ ${Array.from({ length: 1001 }, (_, at) => `a${at}: PatientList { id }`).join(' ')} }`,
    400,
  ],
  [
    'fragments that multiply',
    `{ ...F0 } ${Array.from({ length: 12 }, (_, at) => `fragment F${at} on Query { ...F${at + 1} ...F${at + 1} }`).join(' ')} fragment F12 on Query { PatientList { id } }`,
    400,
  ],
  [
    'depth',
    `{ PatientList { ${'link { other { resource { ... on Patient { '.repeat(6)} id ${'} } } } '.repeat(6)} } }`,
    400,
  ],
  ['many words', `{ ${'__typename '.repeat(5001)} }`, 400],
  ['a long text', `{ PatientList(name: "${'x'.repeat(64 * 1024)}") { id } }`, 413],
]

for (const [what, query, status] of REFUSED) {
  test(`refused: ${what}`, async () => {
    const answer = await asking(await newServer())(query)
    assert.equal(answer.status, status, answer.text)
    assert.equal(issuesIn(answer).length, 1)
    assert.doesNotMatch(answer.text, /martian|Winter|xxx/)
  })
}

test('one question reads and searches so often and no more', async () => {
  const question = asking(await filled())
  const many = (count: number): string =>
    `{ ${Array.from({ length: count }, (_, at) => `a${at}: Patient(id: "a") { id }`).join(' ')} }`
  assert.equal((await question(many(200))).body?.['errors'], undefined)
  const errors = (await question(many(201))).body?.['errors'] as JsonObject[]
  assert.equal(errors.length, 1)
  assert.match(errors[0]['message'] as string, /at most 200 reads and searches/)
})
