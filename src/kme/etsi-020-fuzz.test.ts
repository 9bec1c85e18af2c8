/**
 * Whatever a partner sends: an answer of the standard's form, no bug of ours, and nothing kept where
 * 400 or 401 says so.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { utf8 } from '#base'
import {
  clinic,
  doctor,
  nurse,
  operators,
  originOf,
  ely,
  thetford,
  ward,
} from './two-operators.test.ts'

const ids = fc.constantFrom(
  '550e8400-e29b-41d4-a716-446655440000',
  '550E8400-E29B-41D4-A716-446655440001',
  'not a UUID',
)
const sae = fc.constantFrom<string>(doctor, nurse, ward, clinic, 'eve', '', 'a/b', '__proto__')
const odd = fc.jsonValue({ maxDepth: 3 })
const value = fc.oneof(fc.base64String({ minLength: 4, maxLength: 64 }), odd)
const key = fc.oneof(
  fc.record({ key_id: ids, value, extension: odd }, { requiredKeys: ['key_id', 'value'] }),
  odd,
)
const callback = fc.constantFrom(
  `${originOf(ely)}/ack`,
  'https://eve.example/',
  'https://',
  'https://kme.ely.example:9443@eve.example/',
)
const body = fc.oneof(
  fc.record(
    {
      keys: fc.oneof(fc.array(key, { maxLength: 4 }), odd),
      key_ids: fc.oneof(fc.array(ids, { maxLength: 4 }), odd),
      initiator_sae_id: fc.oneof(sae, odd),
      target_sae_ids: fc.oneof(fc.array(sae, { maxLength: 3 }), odd),
      ack_callback_url: fc.oneof(callback, odd),
      extension_optional: odd,
      extension_mandatory: odd,
      all_confirmation: fc.oneof(fc.boolean(), odd),
    },
    { requiredKeys: [] },
  ),
  fc.array(
    fc.record(
      {
        key_id_container: fc.oneof(fc.array(fc.record({ key_id: ids }), { maxLength: 3 }), odd),
        ack_status: fc.constantFrom('relayed', 'voided', 'failed', 'x'),
        initiator_sae_id: sae,
        target_sae_ids: fc.array(sae, { maxLength: 3 }),
      },
      { requiredKeys: [] },
    ),
    { maxLength: 3 },
  ),
  odd,
)
/** Octets of such a body, some of them changed, cut or repeated. */
const octets = fc
  .tuple(body, fc.option(fc.tuple(fc.nat(), fc.nat(255))), fc.option(fc.nat()))
  .map(([json, change, cut]) => {
    const text = utf8(JSON.stringify(json))
    if (change !== null && text.length > 0) text[change[0] % text.length] = change[1]
    return cut === null ? text : text.slice(0, cut % (text.length + 1))
  })
const action = fc.constantFrom('ext_keys', 'ext_keys/void', 'ext_keys/ack')

test('whatever a partner sends, he gets an answer of the standard, and 400 and 401 keep nothing', async () => {
  const two = await operators()
  const store = two.stores.get(thetford)
  await fc.assert(
    fc.asyncProperty(action, octets, async (path, sent) => {
      const before = store?.commits
      const answer = await two.ask(thetford, path, sent)
      assert([200, 202, 400, 401, 503].includes(answer.status), String(answer.status))
      if (answer.status === 400 || answer.status === 401) assert.equal(store?.commits, before)
      if (answer.status < 400) return
      const { type, status, title, details, ...rest } = answer.body as Record<string, unknown>
      assert.match(String(type), /^https:\/\/qkd\.etsi\.org\/gs020-interop-kms\/[a-z-]+$/)
      assert.deepEqual([status, typeof title, rest], [answer.status, 'string', {}])
      const texts = Object.values(details as object)
      assert(texts.length > 0 && texts.every((text) => typeof text === 'string'))
    }),
    { numRuns: 2000, seed: 20 },
  )
  assert(!two.at(thetford).log.lines.some(({ event }) => event === 'kme.partner-request-failed'))
  assert(two.sent.every(({ url }) => url.startsWith(originOf(ely))))
})

test('whatever a partner answers, no key is given out unless he said `relayed` for it', async () => {
  const two = await operators()
  const answers = fc.record({ status: fc.constantFrom(200, 202, 204, 400, 500, 503), octets })
  await fc.assert(
    fc.asyncProperty(fc.array(answers, { minLength: 12, maxLength: 12 }), async (said) => {
      let at = 0
      two.fault = ({ url }) => {
        if (!url.endsWith('/ext_keys')) return 'none'
        const { status, octets: body } = said[at++ % said.length]
        return { status, body }
      }
      const made = await two.make(ely, doctor, ward)
      assert.equal(made?.status, 503)
      await two.live(5)
    }),
    { numRuns: 60, seed: 21 },
  )
})
