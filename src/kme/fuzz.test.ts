/**
 * Arbitrary requests: always a well-formed JSON answer, never a thrown error, never a key twice.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readJson } from './json.ts'
import { KmeRefusal } from './refusal.ts'
import {
  archive,
  call,
  clinic,
  dec,
  enc,
  Pair,
  read,
  certificate,
  statusOf,
  ward,
  type Answer,
  type Fault,
} from './two-kmes.test.ts'
import { utf8 } from '#base'

const anyPath = fc.oneof(
  fc.string(),
  fc.webPath(),
  fc.constantFrom(enc(ward), dec(archive), statusOf(ward), enc(clinic), enc('a%20b')),
  fc
    .tuple(fc.string(), fc.constantFrom('enc_keys', 'dec_keys', 'status', 'x'))
    .map(([name, action]) => `/api/v1/keys/${name}/${action}`),
)
const memberNames = ['number', 'size', 'additional_slave_SAE_IDs', 'key_IDs', '__proto__', 'x']
const anyBody = fc.oneof(
  fc.uint8Array({ maxLength: 60 }),
  fc.string().map(utf8),
  fc.json().map(utf8),
  fc
    .dictionary(fc.constantFrom(...memberNames), fc.jsonValue({ maxDepth: 3 }))
    .map((value) => utf8(JSON.stringify(value))),
)
const anyRequest = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', ''),
  path: anyPath,
  query: fc.oneof(fc.constant(''), fc.webQueryParameters(), fc.string()),
  contentType: fc.constantFrom('application/json', undefined, 'text/html', ''),
  body: anyBody,
  caller: fc.constantFrom<(string | undefined)[]>(archive, ward, 'nobody', '', undefined),
})

test('whatever is asked, the answer is JSON with a status of its table', async () => {
  const two = await new Pair().open()
  await two.grow(64)
  const statuses = new Set([200, 400, 401, 404, 405, 413, 415, 503])
  await fc.assert(
    fc.asyncProperty(anyRequest, async ({ caller, query, ...request }) => {
      const response = await two.a.kme.handle({
        ...request,
        query: new URLSearchParams(query),
        client: caller === undefined ? undefined : certificate(caller),
      })
      const { status, body } = read(response)
      assert(statuses.has(status), String(status))
      if (status === 200) assert(body.keys !== undefined || body['key_size'] === 256)
      else assert.equal(typeof body.message, 'string')
    }),
    { numRuns: 1500, seed: 14 },
  )
})

test('the JSON reader takes what JSON.parse takes, but for members named twice and depth', () => {
  const plain = (value: unknown): unknown => {
    if (value instanceof Map) {
      return Object.fromEntries([...value].map(([name, item]) => [name, plain(item)]))
    }
    return Array.isArray(value) ? value.map(plain) : value
  }
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), fc.nat(3), (text, indent) => {
      const spaced = JSON.stringify(JSON.parse(text), null, indent)
      assert.deepEqual(plain(readJson(utf8(spaced))), JSON.parse(text))
    }),
  )
  const takes = (parse: () => unknown): boolean => {
    try {
      parse()
      return true
    } catch (error) {
      assert(error instanceof KmeRefusal || error instanceof SyntaxError)
      return false
    }
  }
  const near = fc.oneof(
    fc.string(),
    fc.tuple(fc.json(), fc.nat(), fc.string({ maxLength: 1 })).map(([text, at, put]) => {
      const place = at % (text.length + 1)
      return text.slice(0, place) + put + text.slice(place + 1)
    }),
  )
  fc.assert(
    fc.property(near, (text) => {
      fc.pre(text.isWellFormed())
      const ours = takes(() => readJson(utf8(text)))
      // Ours may refuse more, and never takes more.
      if (ours)
        assert(
          takes(() => JSON.parse(text)),
          text,
        )
    }),
    { numRuns: 1000 },
  )
})

/** One step of a random day: calls of SAEs at either end, and what goes wrong between the KMEs. */
const anyStep = fc.record({
  swap: fc.boolean(),
  number: fc.integer({ min: 1, max: 4 }),
  size: fc.constantFrom(64, 256, 264, 1024),
  multicast: fc.boolean(),
  fetch: fc.constantFrom('none', 'once', 'twice', 'half'),
  faults: fc.array(fc.constantFrom<Fault[]>('none', 'none', 'lost', 'answer-lost', 'garbled'), {
    maxLength: 3,
  }),
  beside: fc.boolean(),
})

test('on a day of lost messages and races no key is delivered twice', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 3, maxLength: 12 }), async (steps) => {
      const two = await new Pair().open({ limits: { segmentOctets: 256 } })
      for (let block = 0; block < 4; block++) await two.grow(32)
      const given = new Map<string, string>()
      const take = (who: string, { body }: Answer) => {
        for (const { key_ID, key } of body.keys ?? []) {
          const name = `${who} ${key_ID}`
          assert(!given.has(name), 'a key was given twice')
          given.set(name, key)
        }
      }
      const day = steps.map((step) => runStep(two, step, take))
      await Promise.all(day.slice(0, 3))
      await Promise.all(day)
      two.fault = () => 'none'
      const { a, b } = two
      await a.kme.sendVoids(b.site)
      await b.kme.sendVoids(a.site)
      await two.time.advance(3_700_000)
      for (const { keystore } of [a, b]) await keystore.tend()
      two.assertCountsAgree()
      const byKeyId = Map.groupBy(given, ([name]) => name.split(' ')[1])
      for (const copies of byKeyId.values()) {
        assert.equal(new Set(copies.map(([, key]) => key)).size, 1, 'copies of a key differ')
      }
      assert.equal(new Set(given.values()).size, byKeyId.size, 'two keys have the same octets')
    }),
    { numRuns: 40, seed: 2026 },
  )
})

async function runStep(
  two: Pair,
  step: StepOf<typeof anyStep>,
  take: (who: string, answer: Answer) => void,
): Promise<void> {
  const faults = [...step.faults]
  two.fault = () => faults.shift() ?? 'none'
  const [a, b] = step.swap ? [two.b, two.a] : [two.a, two.b]
  const [master, slave, other] = step.swap ? [ward, archive, archive] : [archive, ward, clinic]
  const multicast = step.multicast && !step.swap
  const made = await call(a, master, {
    path: enc(slave),
    body: {
      number: step.number,
      size: step.size,
      ...(multicast ? { additional_slave_SAE_IDs: [other] } : {}),
    },
  })
  take('master', made)
  const ids = (made.body.keys ?? []).map(({ key_ID }) => ({ key_ID }))
  const key_IDs = step.fetch === 'half' ? ids.slice(0, Math.ceil(ids.length / 2)) : ids
  if (step.fetch === 'none' || key_IDs.length === 0) return
  const slaves = multicast ? [slave, other] : [slave]
  const times = step.fetch === 'twice' ? 2 : 1
  const calls = slaves.flatMap((who) =>
    Array.from({ length: times }, async () => {
      take(who, await call(b, who, { path: dec(master), body: { key_IDs } }))
    }),
  )
  if (step.beside) await Promise.all(calls)
  else for (const one of calls) await one
}

type StepOf<A> = A extends fc.Arbitrary<infer T> ? T : never
