import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ShapeRefusal, toCbor, type HttpRequest } from '#base'
import {
  answerOctets,
  callOctets,
  frameOctets,
  readAnswer,
  readCall,
  readFrame,
  readRequest,
  requestOctets,
} from './passing-on.ts'

const PLAIN = { noNullPrototype: true } as const
const text = fc.string({ maxLength: 40 })
const octets = fc.uint8Array({ maxLength: 64 })
const client = fc.option(
  fc.record(
    {
      commonName: fc.option(text, { nil: undefined }),
      uriNames: fc.array(text, { maxLength: 4 }),
      serialNumber: text,
      fingerprint: text,
    },
    PLAIN,
  ),
  { nil: undefined },
)
const request: fc.Arbitrary<HttpRequest> = fc.record(
  {
    method: fc.constantFrom('GET', 'POST'),
    path: text,
    query: fc.array(fc.tuple(text, text), { maxLength: 4 }).map((all) => new URLSearchParams(all)),
    contentType: fc.option(text, { nil: undefined }),
    body: octets,
    client,
  },
  PLAIN,
)

test('a request, a call and their answers come out as they went in', () => {
  fc.assert(
    fc.property(request, (one) => {
      const read = readRequest(requestOctets(one))
      assert.deepEqual({ ...read, query: [...read.query] }, { ...one, query: [...one.query] })
    }),
  )
  fc.assert(
    fc.property(fc.nat(255), octets, client, (service, body, from) => {
      const call = { service, body, client: from }
      assert.deepEqual(readCall(callOctets(call)), call)
      assert.deepEqual(readFrame(frameOctets({ service, body: body.slice() })), { service, body })
    }),
  )
  const headers = { 'content-type': 'application/json', 'retry-after': '1' }
  const asText = { status: 503, headers, body: '{"message":"ü"}' }
  assert.deepEqual(readAnswer(answerOctets(asText)), asText)
  const body = new Uint8Array([1, 2, 3])
  const read = readAnswer(answerOctets({ status: 200, headers, body }))
  assert.deepEqual(read, { status: 200, headers, body: new Uint8Array([1, 2, 3]) })
  assert.deepEqual([...body], [0, 0, 0], 'octets of keys are cleared where they came from')
})

test('anything else is refused', () => {
  const right = { method: 'GET', path: '/', query: '', body: new Uint8Array(0) }
  assert.equal(readRequest(toCbor(right)).method, 'GET')
  for (const wrong of [
    { method: 'GET', path: '/', query: '' },
    { ...right, more: 1 },
    { ...right, method: '' },
    { ...right, body: 'text' },
    { ...right, client: { commonName: 'ward' } },
  ]) {
    assert.throws(() => readRequest(toCbor(wrong)), ShapeRefusal)
  }
  for (const wrong of [{ status: 99, headers: [] }, { status: 200 }, { headers: [] }]) {
    assert.throws(() => readAnswer(toCbor(wrong)), ShapeRefusal)
  }
})
