/**
 * Arbitrary requests to the FHIR server: searches, resources, patches, questions of GraphQL.
 *
 * Whatever is asked, the answer is of the standard and never a failure of ours; what was refused
 * changed nothing, and what was taken in is given back as it was.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { JsonObject } from '#health'
import { newServer, patient, type Answered, type Ask } from './fixture.test.ts'

type Server = Awaited<ReturnType<typeof newServer>>

const HOSTILE = [
  ...['', '*', '%', '_', "' or 1=1 --", '\\', '|', '||', '$', ',', ':', '.', '\u0000', 'é𝄞'],
  ...['__proto__', 'constructor', 'a'.repeat(5000), '(a+)+$', '1e400', '-0', '9'.repeat(40)],
  ...['ge', 'ge2020-13-45', 'ap2020', '2020-02-30', '0000', '99999-01', 'true', 'null'],
  ...['Patient/a', 'Patient/', 'https://x/y', 'urn:uuid:1', '<1|2', '5.4|http://u|mg', '../..'],
]
const word = fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ maxLength: 12 }))
const TYPES = ['Patient', 'Observation', 'Flag', 'Practitioner', 'Nothing', 'patient']

/** No answer of ours says "failed", none is without form. */
function assertAnswered({ messages }: Server, answer: Answered, statuses: ReadonlySet<number>) {
  const { status, body, text } = answer
  const failures = messages.lines.filter(({ event }) => event === 'fhir.failed')
  assert.deepEqual(failures, [])
  assert(statuses.has(status), `${status} ${text.slice(0, 300)}`)
  if (status < 400) return
  assert.equal(body?.['resourceType'], 'OperationOutcome', text.slice(0, 300))
  assert(Array.isArray(body['issue']) && body['issue'].length > 0)
}

/** A server with a chart, which is as it was afterwards. */
async function served(): Promise<Server> {
  const server = await newServer()
  const { ask } = server
  await ask('PUT /Patient/a', { body: patient('a', { birthDate: '1980-02-03', gender: 'female' }) })
  const subject = { reference: 'Patient/a' }
  const code = { coding: [{ system: 'http://loinc.org', code: '29463-7' }], text: 'weight' }
  const weight = { resourceType: 'Observation', id: 'o', status: 'final', code, subject }
  await ask('PUT /Observation/o', {
    body: { ...weight, valueQuantity: { value: 60.5, unit: 'kg', code: 'kg' } },
  })
  return server
}

const parameterName = fc.oneof(
  fc.constantFrom(
    ...['_id', '_lastUpdated', '_sort', '_count', '_summary', '_elements', '_total', '_include'],
    ...['_revinclude', '_has:Observation:patient:code', '_type', '_page', '_filter', '_text'],
    ...['birthdate', 'identifier', 'family', 'gender', 'code', 'subject', 'patient', 'status'],
    ...['subject:Patient.name', 'patient.birthdate', 'value-quantity', 'code-value-quantity'],
    ...['general-practitioner.name', '_include:iterate', '_security', '_profile', 'date'],
  ),
  word,
)
const modifier = fc.constantFrom('', '', '', ':exact', ':missing', ':not', ':in', ':of-type', ':x')
const value = fc.oneof(
  word,
  fc.constantFrom(
    'a',
    'female',
    '1980-02-03',
    'true',
    'count',
    'accurate',
    'Patient:link',
    '-date',
  ),
  fc.tuple(fc.constantFrom('eq', 'ne', 'lt', 'sa', 'ap'), word).map((parts) => parts.join('')),
  fc.array(word, { maxLength: 3 }).map((parts) => parts.join(',')),
  fc.tuple(word, word).map((parts) => parts.join('|')),
)
const oneCriterion = fc.oneof(
  fc
    .constantFrom(
      ...([
        'birthdate=ge1970',
        'gender=female',
        '_sort=-_lastUpdated',
        '_count=1',
        '_id=a',
      ] as const),
      ...(['code=29463-7', 'patient=Patient/a', 'status=final', 'value-quantity=lt99|kg'] as const),
      ...(['_summary=count', '_elements=code', '_include=Observation:subject'] as const),
    )
    .map((one) => [one.split('=')[0], '', one.slice(one.indexOf('=') + 1)] as const),
  fc.tuple(parameterName, modifier, value),
)
const criteria = fc
  .array(oneCriterion, { minLength: 1, maxLength: 3 })
  .map((all) => new URLSearchParams(all.map(([name, how, what]) => [name + how, what])).toString())

test('whatever is searched for, the answer is a Bundle or says what is wrong', async () => {
  const server = await served()
  const found = { bundles: 0 }
  const asked = fc.tuple(fc.constantFrom('Patient', 'Observation', '', ...TYPES), criteria)
  await fc.assert(
    fc.asyncProperty(asked, async ([type, query]) => {
      const answer = await server.ask(`GET /${type}?${query}`)
      assertAnswered(server, answer, SEARCHED)
      if (answer.status !== 200) return
      found.bundles++
      assert.equal(answer.body?.['resourceType'], 'Bundle')
    }),
    { numRuns: 600, seed: 91 },
  )
  assert(found.bundles > 50, `${found.bundles} were searches`)
})

/** Resources that are nearly good: members of a Patient with values of any form. */
const anyJson = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  word,
  fc.double(),
  fc.constantFrom(null, {}),
)
const mostly = <T>(good: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 9, arbitrary: good }, { weight: 1, arbitrary: anyJson })
const family = fc.oneof(
  { weight: 9, arbitrary: fc.stringMatching(/^[A-Za-zé𝄞<&" ]{1,8}[a-z]$/u) },
  // Escaped, half a character is JSON, and no text.
  { weight: 1, arbitrary: fc.constantFrom('x\ud834', '\udd1ey', 'x\u0000', 'x\ufffe') },
)
const nearlyGood = fc.record(
  {
    resourceType: fc.oneof(
      { weight: 12, arbitrary: fc.constant('Patient') },
      { weight: 1, arbitrary: fc.constantFrom('Observation', 'Bundle', '', 'patient') },
    ),
    active: mostly(fc.boolean()),
    birthDate: mostly(fc.constantFrom('1980', '1980-02', '1980-02-03')),
    name: mostly(
      fc.array(fc.record({ family }), {
        minLength: 1,
        maxLength: 3,
      }),
    ),
    multipleBirthInteger: mostly(fc.nat(9)),
    extension: mostly(
      fc.constantFrom(
        [{ url: 'urn:x', valueDecimal: 1.5 }],
        [{ url: 'urn:x', valueString: 'y' }],
        [{ url: 'urn:x', extension: [{ url: 'z', valueInteger: -1 }] }],
      ),
    ),
  },
  { requiredKeys: ['resourceType'] },
)
/** Its text, sometimes broken. */
const withMore = fc
  .tuple(nearlyGood, fc.constantFrom('__proto__', 'constructor', 'unheard', 'id', 'meta'), anyJson)
  .map(
    ([one, name, value]) => `{"${name}":${JSON.stringify(value)},${JSON.stringify(one).slice(1)}`,
  )
const resourceText = fc.oneof(
  { weight: 1, arbitrary: withMore },
  { weight: 6, arbitrary: nearlyGood.map((one) => JSON.stringify(one)) },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.string() },
  {
    weight: 2,
    arbitrary: fc.tuple(nearlyGood, fc.nat(), word).map(([one, at, more]) => {
      const text = JSON.stringify(one)
      const place = at % text.length
      return (text.slice(0, place) + more + text.slice(place + (at % 3))).toWellFormed()
    }),
  },
)

test('whatever is written, it is refused whole or comes back as it was', async () => {
  const server = await served()
  const taken = { count: 0 }
  await fc.assert(
    fc.asyncProperty(resourceText, async (text) => {
      const answer = await server.ask('POST /Patient', { body: text === '' ? ' ' : text })
      assertAnswered(server, answer, WRITTEN)
      if (answer.status !== 201) return
      taken.count++
      const read = await server.ask(`GET /Patient/${answer.body?.['id'] as string}`)
      assert.deepEqual(withoutServers(read.body), withoutServers(JSON.parse(text) as JsonObject))
    }),
    { numRuns: 300, seed: 92 },
  )
  assert(taken.count > 30, `${taken.count} were good`)
  assert.equal(({} as Record<string, unknown>)['active'], undefined)
})

const pointer = fc.oneof(
  fc.constantFrom(
    ...['/active', '/name', '/name/0', '/name/0/family', '/name/-', '/gender', '/birthDate', ''],
    ...['/id', '/meta/versionId', '/resourceType', '/name/99', '/__proto__/x', '/~2', '/a/b/c'],
  ),
  word.map((one) => `/${one}`),
)
const operation = fc.record(
  {
    op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test', 'x', 7),
    path: pointer,
    from: pointer,
    value: fc.oneof(fc.constantFrom(true, 'male', '1990', { family: 'New' }), anyJson),
  },
  { requiredKeys: ['op', 'path'] },
)
const goodOperation = fc.constantFrom(
  { op: 'add', path: '/active', value: true },
  { op: 'add', path: '/name/-', value: { family: 'New' } },
  { op: 'replace', path: '/gender', value: 'male' },
  { op: 'test', path: '/birthDate', value: '1980-02-03' },
  { op: 'copy', from: '/name/0', path: '/name/-' },
  { op: 'remove', path: '/name/1' },
)
const jsonPatch = fc.oneof(
  { weight: 4, arbitrary: fc.array(goodOperation, { minLength: 1, maxLength: 2 }) },
  {
    weight: 2,
    arbitrary: fc.tuple(goodOperation, operation).map((both): unknown[] => [...both]),
  },
  { weight: 3, arbitrary: fc.array(operation, { maxLength: 4 }) },
  { weight: 1, arbitrary: fc.jsonValue() },
)
const path = fc.oneof(
  fc.constantFrom(
    ...['Patient', 'Patient.name', 'Patient.name[0]', 'Patient.name.family', 'Patient.active'],
    ...['Patient.gender', 'Patient.birthDate', 'Patient.name[9]', 'name.where(true)', '%resource'],
    ...['Patient.repeat(name)', "'a'.matches('(a+)+$')", 'Patient.id', 'now()', '1/0', 'iif('],
  ),
  word,
)
const part = fc.oneof(
  fc.record({
    name: fc.constantFrom('type'),
    valueCode: fc.constantFrom('add', 'insert', 'delete', 'replace', 'move', 'x'),
  }),
  fc.record({ name: fc.constant('path'), valueString: path }),
  fc.record({
    name: fc.constant('name'),
    valueString: fc.constantFrom('active', 'name', 'id', 'x'),
  }),
  fc.record({ name: fc.constant('value'), valueBoolean: fc.boolean() }),
  fc.record({ name: fc.constant('value'), valueCode: fc.constantFrom('male', 'x', '') }),
  fc.record({
    name: fc.constantFrom('index', 'source', 'destination'),
    valueInteger: fc.integer(),
  }),
)
const fhirPathPatch = fc
  .array(fc.record({ name: fc.constant('operation'), part: fc.array(part, { maxLength: 6 }) }), {
    minLength: 1,
    maxLength: 2,
  })
  .map((parameter) => ({ resourceType: 'Parameters', parameter }))
const patches = fc.oneof(
  fc.record({ type: fc.constant('application/json-patch+json'), body: jsonPatch }),
  fc.record({ type: fc.constant('application/fhir+json'), body: fhirPathPatch }),
)

test('whatever is patched, it is refused whole or leaves a good resource', async () => {
  const server = await served()
  const changed = { count: 0 }
  await fc.assert(
    fc.asyncProperty(patches, async ({ type, body }) => {
      const before = await server.ask('GET /Patient/a')
      const headers = { 'content-type': type }
      const sent: Ask = { body: JSON.stringify(body), headers }
      const answer = await server.ask('PATCH /Patient/a', sent)
      assertAnswered(server, answer, WRITTEN)
      const after = await server.ask('GET /Patient/a')
      if (answer.status !== 200) {
        assert.equal(after.text, before.text)
        return
      }
      if (after.text !== before.text) changed.count++
      assert.deepEqual([after.body?.['resourceType'], after.body?.['id']], ['Patient', 'a'])
      const again = await server.ask('PUT /Patient/a', { body: after.text })
      assert.equal(again.status, 200, `${after.text} ${again.text}`)
    }),
    { numRuns: 200, seed: 93 },
  )
  assert(changed.count > 20, `${changed.count} changed it`)
})

const token = fc.constantFrom(
  ...[
    '{',
    '}',
    '{',
    '}',
    '(',
    ')',
    '[',
    ']',
    ':',
    '$',
    '@',
    '...',
    '!',
    '=',
    '"a"',
    '"',
    '1',
    '-1',
  ],
  ...['query', 'mutation', 'fragment', 'on', 'Patient', 'PatientList', 'ObservationConnection'],
  ...['id', 'name', 'family', 'resource', 'edges', '__schema', '__typename', '_count', 'x', '#'],
  ...['a:id', 'Patient(id:"a")', '{id}', '{name{family}}', '@include(if:true)', '\u0000', '\\u'],
)
const questions = fc.oneof(
  fc.array(token, { maxLength: 14 }).map((tokens) => tokens.join(' ')),
  fc
    .tuple(fc.array(fc.constantFrom('id', 'b:name{family}', 'gender', 'x', '...{id}')), word)
    .map(([fields, id]) => `{Patient(id:${JSON.stringify(id)}){${fields.join(' ')}}}`),
  fc
    .array(fc.constantFrom('id', 'b:name{family}', 'gender', '...{id}'), { minLength: 1 })
    .map((fields) => `{l:PatientList(gender:"female"){${fields.join(' ')}}}`),
)

test('whatever is asked of GraphQL, the answer is data or says what is wrong', async () => {
  const server = await served()
  const answered = { count: 0 }
  const variables = fc.option(fc.jsonValue({ maxDepth: 1 }), { nil: undefined })
  await fc.assert(
    fc.asyncProperty(questions, variables, async (query, given) => {
      const answer = await server.ask('POST /$graphql', {
        body: JSON.stringify({ query, variables: given }),
        headers: { 'content-type': 'application/json' },
      })
      assertAnswered(server, answer, new Set([200, 400, 413]))
      if (answer.status !== 200) return
      answered.count++
      assert(answer.body !== undefined && 'data' in answer.body)
    }),
    { numRuns: 300, seed: 94 },
  )
  assert(answered.count > 50, `${answered.count} were questions`)
})

const segment = fc.oneof(
  fc.constantFrom(...TYPES, 'a', 'o', '_history', '1', '0', '$everything', '$export', '_search'),
  fc.constantFrom('$match', '$merge', '$validate', '$summary', '$graphql', 'metadata', '*'),
  fc.webSegment(),
)
const anyHeaders = fc.dictionary(
  fc.constantFrom('if-match', 'if-none-match', 'if-none-exist', 'prefer', 'accept', 'content-type'),
  fc.oneof(word, fc.constantFrom('W/"1"', '*', 'return=minimal', 'application/fhir+json')),
)

test('whatever is sent anywhere, the answer is of the standard', async () => {
  const server = await served()
  const method = fc.constantFrom('GET', 'GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'TRACE')
  const target = fc.tuple(fc.array(segment, { maxLength: 4 }), fc.option(criteria))
  await fc.assert(
    fc.asyncProperty(method, target, anyHeaders, resourceText, async (verb, to, headers, text) => {
      const [segments, query] = to
      const line = `${verb} /${segments.join('/')}${query === null ? '' : `?${query}`}`
      const sent = verb === 'GET' || verb === 'HEAD' ? { headers } : { body: text, headers }
      const answer = await server.ask(line, sent)
      if (verb === 'HEAD') assert(ANY.has(answer.status) && answer.text === '')
      else assertAnswered(server, answer, ANY)
    }),
    { numRuns: 600, seed: 95 },
  )
})

/** Without what the server writes itself. */
const withoutServers = (resource: JsonObject | undefined): unknown =>
  JSON.parse(JSON.stringify({ ...resource, id: undefined, meta: undefined }))

const SEARCHED = new Set([200, 400, 403, 404, 413])
const WRITTEN = new Set([200, 201, 400, 404, 405, 409, 412, 413, 415, 422])
const ANY = new Set([
  ...[200, 201, 202, 204, 304, 400, 403, 404, 405, 406, 409, 410, 412, 413, 415, 422],
])
