/**
 * Requests that mean harm, each with what the server answers; afterwards it answers as before.
 *
 * Bodies too large for a test of this room are sent to a real listener in `test/process/fhir.test.ts`.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '#health'
import { issuesIn, newServer, patient, textIn, type Ask } from './fixture.test.ts'

const entry = (url: string, resource?: JsonObject, fullUrl?: string): JsonObject => ({
  ...(fullUrl && { fullUrl }),
  ...(resource && { resource }),
  request: { method: resource === undefined ? 'GET' : 'PUT', url },
})
const bundle = (type: string, entries: readonly JsonObject[]): Ask => ({
  body: { resourceType: 'Bundle', type, entry: [...entries] },
})
const nested = (levels: number, inside: string): string =>
  `{"resourceType":"QuestionnaireResponse","status":"completed","item":${
    '[{"linkId":"a","item":'.repeat(levels) + inside + '}]'.repeat(levels)
  }}`
const question = (query: string): Ask => ({
  body: JSON.stringify({ query }),
  headers: { 'content-type': 'application/json' },
})
const LONG = 'a'.repeat(8000)

/** What is sent, and the status that it gets. */
const HOSTILE: readonly (readonly [what: string, line: string, ask: Ask, status: number])[] = [
  ['a body beyond all limits', 'POST /Patient', { body: `"${'a'.repeat(33 * 1024 * 1024)}"` }, 413],
  [
    'more entries than a Bundle may have',
    'POST /',
    bundle(
      'batch',
      Array.from({ length: 10_001 }, () => entry('Patient/p')),
    ),
    413,
  ],
  [
    'one fullUrl twice in a transaction',
    'POST /',
    bundle('transaction', [
      entry('Patient/x', patient('x'), 'urn:uuid:0198f2b0-0000-4000-8000-00000000000a'),
      entry('Patient/y', patient('y'), 'urn:uuid:0198f2b0-0000-4000-8000-00000000000a'),
    ]),
    400,
  ],
  [
    'one resource twice in a transaction',
    'POST /',
    bundle('transaction', [entry('Patient/x', patient('x')), entry('Patient/x', patient('x'))]),
    400,
  ],
  [
    'a reference in a transaction that no entry has',
    'POST /',
    bundle('transaction', [
      entry(
        'Patient/x',
        patient('x', {
          link: [
            {
              other: { reference: 'urn:uuid:0198f2b0-0000-4000-8000-00000000000b' },
              type: 'seealso',
            },
          ],
        }),
      ),
    ]),
    422,
  ],
  [
    'a Bundle in a Bundle',
    'POST /',
    bundle('batch', [
      {
        ...entry('', { resourceType: 'Bundle', type: 'batch' }),
        request: { method: 'POST', url: '' },
      },
    ]),
    200,
  ],
  [
    'a name of the prototype',
    'POST /Patient',
    { body: '{"resourceType":"Patient","__proto__":{"active":true}}' },
    400,
  ],
  [
    'a name of the prototype deep inside',
    'POST /Patient',
    { body: '{"resourceType":"Patient","name":[{"constructor":{}}]}' },
    400,
  ],
  ['a type that is a name of the prototype', 'GET /constructor/p', {}, 404],
  ['a search parameter of the prototype', 'GET /Patient?__proto__=1', {}, 400],
  ['a chain through the prototype', 'GET /Flag?subject.constructor=1', {}, 400],
  ['an order by the prototype', 'GET /Patient?_sort=__proto__', {}, 400],
  ['members of the prototype', 'GET /Patient?_elements=constructor', {}, 400],
  ['an include of the prototype', 'GET /Patient?_include=Patient:__proto__', {}, 400],
  [
    'a question for the prototype',
    'POST /$graphql',
    question('{ Patient(id: "a") { __proto__ } }'),
    400,
  ],
  ['a question for a constructor', 'POST /$graphql', question('{ constructor }'), 400],
  [
    'more levels than JSON may have',
    'POST /QuestionnaireResponse',
    { body: nested(40, '[{"linkId":"b"}]') },
    400,
  ],
  [
    'a patch of the prototype',
    'PATCH /Patient/a',
    {
      body: '[{"op":"add","path":"/__proto__/active","value":true}]',
      headers: { 'content-type': 'application/json-patch+json' },
    },
    400,
  ],
  [
    'a patch of itself into itself',
    'PATCH /Patient/a',
    {
      body: '[{"op":"copy","from":"","path":"/name"}]',
      headers: { 'content-type': 'application/json-patch+json' },
    },
    400,
  ],
  ['a name that expressions go back over', `GET /Patient?family=${LONG}!`, {}, 200],
  ['a date that expressions go back over', `GET /Patient?birthdate=${'1-'.repeat(4000)}`, {}, 400],
  [
    'a number that expressions go back over',
    `GET /RiskAssessment?probability=${'9'.repeat(8000)}e`,
    {},
    400,
  ],
  ['a URI that expressions go back over', `GET /ValueSet?url:below=${'a/'.repeat(4000)}`, {}, 200],
  [
    'a reference that expressions go back over',
    `GET /Flag?subject=http://${'a/'.repeat(3000)}`,
    {},
    200,
  ],
  ['escapes without end', `GET /Patient?family=${'%5C'.repeat(8001)}`, {}, 400],
  ['commas without end', `GET /Patient?family=${','.repeat(8000)}`, {}, 400],
  ['a criterion without end', `GET /Patient?family=${LONG}${LONG}${LONG}`, {}, 400],
  ['a chain without end', `GET /Flag?subject${'.link'.repeat(50)}=a`, {}, 400],
  [
    'SQL in a name',
    `GET /Patient?family=${encodeURIComponent("'; drop table vault_object; --")}`,
    {},
    200,
  ],
  [
    'SQL in an identifier',
    `GET /Patient?identifier=${encodeURIComponent("x' or '1'='1|%")}`,
    {},
    200,
  ],
  ['SQL in a date', `GET /Patient?birthdate=${encodeURIComponent("2020' or 1=1")}`, {}, 400],
  ['SQL in an id', `GET /Patient?_id=${encodeURIComponent("a' or 1=1")}`, {}, 400],
  ['SQL in a path', "GET /Patient/a'--", {}, 404],
  ['SQL in a page', "GET /Patient?_page=' or 1=1", {}, 400],
  ['SQL in an order', 'GET /Patient?_sort=_id;drop', {}, 400],
  [
    'an ETag that is none',
    'PUT /Patient/a',
    { body: patient('a'), headers: { 'if-match': `W/"${'9'.repeat(400)}"` } },
    412,
  ],
  ['a version beyond numbers', `GET /Patient/a/_history/${'9'.repeat(40)}`, {}, 404],
  ['a page of so many', 'GET /Patient?_count=99999999999', {}, 400],
  [
    'NHS numbers in a match without end',
    'POST /Patient/$match',
    {
      body: {
        resourceType: 'Parameters',
        parameter: [
          {
            name: 'resource',
            resource: patient(undefined, {
              identifier: Array.from({ length: 2000 }, () => ({ system: 'urn:x', value: 'a' })),
            }),
          },
        ],
      },
    },
    200,
  ],
]

for (const [what, line, ask, status] of HOSTILE) {
  test(`${what}: ${status}`, async () => {
    const server = await newServer()
    await server.ask('PUT /Patient/a', { body: patient('a') })
    const answer = await server.ask(line, ask)
    assert.equal(answer.status, status, answer.text.slice(0, 300))
    if (status >= 400) {
      assert(issuesIn(answer).length > 0)
      assert.doesNotMatch(answer.text, /aaaaaaaa|drop table|or 1=1|__proto__/)
    }
    assert.equal(({} as Record<string, unknown>)['active'], undefined)
    const after = await server.ask('GET /Patient/a')
    assert.deepEqual([after.status, after.headers['etag']], [200, 'W/"1"'])
  })
}

test('circles of references end wherever they are followed', async () => {
  const { ask } = await newServer()
  const linked = (id: string, to: string) =>
    patient(id, { link: [{ other: { reference: `Patient/${to}` }, type: 'seealso' }] })
  await ask(
    'POST /',
    bundle('transaction', [
      entry('Patient/x', linked('x', 'y')),
      entry('Patient/y', linked('y', 'x')),
      entry('Patient/z', linked('z', 'z')),
    ]),
  )
  for (const line of [
    '/Patient?_id=x&_include:iterate=Patient:link&_revinclude:iterate=Patient:link',
    '/Patient/x/$everything',
    '/Patient/z/$everything',
    '/Patient/x/$summary',
    '/Patient?link=Patient/x&_include=Patient:link',
  ]) {
    const answer = await ask(`GET ${line}`)
    assert.equal(answer.status, 200, line)
    const names = (answer.body?.['entry'] as JsonObject[]).map(({ fullUrl }) => fullUrl)
    assert.equal(new Set(names).size, names.length, `${line}: each once`)
  }
  const merged = (id: string, to: string) =>
    patient(id, { link: [{ other: { reference: `Patient/${to}` }, type: 'replaces' }] })
  for (const [id, to] of [
    ['x', 'y'],
    ['y', 'x'],
  ] as const)
    await ask(`PUT /Patient/${id}`, { body: merged(id, to) })
  assert.equal((await ask('GET /Flag?subject=Patient/x')).status, 200)
})

test('references that lead nowhere bring nothing, and break nothing', async () => {
  const { ask } = await newServer()
  await ask('PUT /Patient/x', {
    body: patient('x', {
      generalPractitioner: [
        { reference: 'Practitioner/nobody' },
        { reference: '#gone' },
        { reference: 'https://elsewhere.example/Patient/1' },
      ],
    }),
  })
  for (const line of [
    '/Patient?_id=x&_include=Patient:*',
    '/Patient/x/$everything',
    '/Patient/x/$summary',
  ]) {
    const answer = await ask(`GET ${line}`)
    assert.equal(answer.status, 200, line)
    assert.doesNotMatch(answer.text, /"fullUrl":"[^"]*nobody/)
  }
})

test('a name of a request that is none is not echoed', async () => {
  const { ask } = await newServer()
  const given = { headers: { 'x-request-id': 'a\r\nset-cookie: b=1' } }
  const { headers } = await ask('GET /metadata', given)
  assert.match(textIn({ id: headers['x-request-id'] ?? '' }, 'id'), /^[0-9a-f-]{36}$/)
})
