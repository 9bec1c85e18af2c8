/**
 * Keys between two operators: the same on both sides, for the applications agreed, once; and what a
 * partner who means ill gets.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  certificate,
  clinic,
  doctor,
  ely,
  fingerprintOf,
  idsOf,
  keysOf,
  nurse,
  operators,
  originOf,
  thetford,
  ward,
  type Operators,
} from './two-operators.test.ts'

const ID = '550e8400-e29b-41d4-a716-446655440000'
const OTHER_ID = '650e8400-e29b-41d4-a716-446655440000'
const VALUE = Buffer.alloc(32, 7).toString('base64')

/** A transfer from ely to thetford, as it would be without anything wrong. */
const transfer = (change: object = {}) => ({
  keys: [{ key_id: ID, value: VALUE }],
  initiator_sae_id: doctor,
  target_sae_ids: [ward],
  ...change,
})
const voiding = (change: object = {}) => ({
  key_ids: [ID],
  initiator_sae_id: doctor,
  target_sae_ids: [ward],
  ...change,
})
const statusIn = (answer: { body: unknown }): unknown =>
  (answer.body as { ack_status: string }[]).map(({ ack_status }) => ack_status).join(', ')

for (const synchronous of [true, false]) {
  const mode = synchronous ? 'at once' : 'by callback'
  test(`a doctor of one operator and a ward of another share keys, acknowledged ${mode}`, async () => {
    const two = await operators({ synchronous })
    const made = await two.make(ely, doctor, ward, { number: 3, size: 512 })
    const fetched = await two.fetch(thetford, ward, doctor, idsOf(made))
    assert.equal(keysOf(made).length, 3)
    assert.deepEqual(keysOf(fetched), keysOf(made))
    assert.equal((await two.fetch(thetford, ward, doctor, idsOf(made))).status, 400)
    const paths = two.sent.map(({ url }) => new URL(url).pathname)
    assert.equal(paths.includes('/kmapi/v1/ext_keys/ack'), !synchronous)
  })
}

test('keys go to each of two targets once, and to nobody else', async () => {
  const two = await operators()
  const made = await two.make(ely, doctor, ward, { additional_slave_SAE_IDs: [clinic] })
  for (const slave of [ward, clinic]) {
    assert.deepEqual(keysOf(await two.fetch(thetford, slave, doctor, idsOf(made))), keysOf(made))
    assert.equal((await two.fetch(thetford, slave, doctor, idsOf(made))).status, 400)
  }
  const alone = await two.make(ely, doctor, ward)
  assert.equal((await two.fetch(thetford, clinic, doctor, idsOf(alone))).status, 401)
})

test('both ends say that a partner had the key in hands, and claim nothing of its secrecy', async () => {
  const two = await operators()
  const asked = { extension_optional: [{ photonward_provenance: true }] }
  const made = await two.make(ely, doctor, ward, asked)
  const [{ key_extension: said }] = keysOf(made)
  const { photonward_provenance: told } = said as { photonward_provenance: object }
  const expected = { source: 'partner', epsilon: 1, authentication: ['vendor'] }
  const summary = { ...expected, seen_by: [ely, thetford], links: ['partner-thetford'] }
  assert.deepEqual(told, summary)
})

test('keys are fetched after both operators have restarted', async () => {
  const two = await operators()
  const made = await two.make(ely, doctor, ward, { number: 2 })
  await two.open(thetford)
  await two.open(ely)
  const fetched = await two.fetch(thetford, ward, doctor, idsOf(made))
  assert.deepEqual(keysOf(fetched), keysOf(made))
  await two.open(thetford)
  assert.equal((await two.fetch(thetford, ward, doctor, idsOf(made))).status, 400)
})

test('keys of a partner that nobody fetches expire, and stay expired', async () => {
  const two = await operators({ limits: { lifeMs: 5000 } })
  const made = await two.make(ely, doctor, ward)
  await two.live(10)
  assert.equal((await two.fetch(thetford, ward, doctor, idsOf(made))).status, 400)
  await two.open(thetford)
  assert.equal((await two.fetch(thetford, ward, doctor, idsOf(made))).status, 400)
})

test('extensions pass unchanged from the master to the slave', async () => {
  const two = await operators()
  const extension = { E32473_route: { hops: [1, 2.5, null], name: 'a "b" ü' }, E32473_value: 'key' }
  const made = await two.make(ely, doctor, ward, { extension_optional: [extension] })
  const [key] = keysOf(await two.fetch(thetford, ward, doctor, idsOf(made)))
  assert.deepEqual(key.key_extension, extension)
})

test('an extension that must be understood and is not is refused by name, with nothing kept', async () => {
  const two = await operators()
  const mandatory = { extension_mandatory: { E32473_route_type: 'direct' } }
  const answer = await two.ask(thetford, 'ext_keys', transfer(mandatory))
  assert.equal(answer.status, 503)
  assert.match(
    JSON.stringify(answer.body),
    /"unsupported_mandatory_extension":".*E32473_route_type/,
  )
  assert.equal((await two.fetch(thetford, ward, doctor, [ID])).status, 400)
})

for (const [name, extension] of [
  ['no vendor prefix', { route_type: 1 }],
  ['a prefix without a number', { E_route: 1 }],
  ["ETSI's own number", { E13019_route: 1 }],
  ['a name of the language', JSON.parse('{"__proto__": 1}') as object],
  ['no members', {}],
  ['more than a row may hold', { E1_long: 'x'.repeat(5000) }],
] as const) {
  test(`an extension with ${name} is refused`, async () => {
    const two = await operators()
    for (const member of ['extension_optional', 'extension_mandatory']) {
      if (name.startsWith('more') && member === 'extension_mandatory') continue
      const answer = await two.ask(thetford, 'ext_keys', transfer({ [member]: extension }))
      assert.equal(answer.status, 400)
    }
  })
}

test('a member "value" inside an extension is no key, and keys inside it are not taken', async () => {
  const two = await operators()
  const extension = { E1_a: { keys: [{ key_id: OTHER_ID, value: VALUE }], value: VALUE } }
  const answer = await two.ask(thetford, 'ext_keys', transfer({ extension_optional: extension }))
  assert.equal(statusIn(answer), 'relayed')
  const [key] = keysOf(await two.fetch(thetford, ward, doctor, [ID]))
  assert.deepEqual([key.key, key.key_extension], [VALUE, extension])
})

test('a certificate that was not agreed is refused, whatever name it bears', async () => {
  const two = await operators()
  for (const shown of ['', fingerprintOf('mallory'), fingerprintOf(thetford)]) {
    const answer = await two.ask(thetford, 'ext_keys', transfer(), shown)
    assert.equal(answer.status, 401)
    assert.deepEqual(Object.keys(answer.body as object), ['type', 'status', 'title', 'details'])
  }
  const nobody = await two.at(thetford).kme.handlePartner({
    ...{ method: 'GET', path: '/kmapi/versions', query: new URLSearchParams() },
    ...{ contentType: undefined, body: new Uint8Array(0), client: undefined },
  })
  assert.equal(nobody.status, 401)
})

const refused: readonly (readonly [name: string, status: number, change: object])[] = [
  ['an initiator of ours', 401, { initiator_sae_id: ward, target_sae_ids: [clinic] }],
  ['an initiator of nobody', 401, { initiator_sae_id: 'eve' }],
  ['a target of nobody', 400, { target_sae_ids: ['eve'] }],
  ['a target of his own', 400, { target_sae_ids: [nurse] }],
  ['one target of ours and one of nobody', 400, { target_sae_ids: [ward, 'eve'] }],
  ['a target named twice', 400, { target_sae_ids: [ward, ward] }],
  ['no target', 400, { target_sae_ids: [] }],
  ['no keys', 400, { keys: [] }],
  ['a key twice', 400, { keys: [0, 1].map(() => ({ key_id: ID, value: VALUE })) }],
  ['a key_ID that is no UUID', 400, { keys: [{ key_id: 'x', value: VALUE }] }],
  ['no value', 400, { keys: [{ key_id: ID }] }],
  ['a value of nothing', 400, { keys: [{ key_id: ID, value: '' }] }],
  ['a number as value', 400, { keys: [{ key_id: ID, value: 0 }] }],
  ['base64 without its padding', 400, { keys: [{ key_id: ID, value: VALUE.replace('=', '') }] }],
  ['base64 with bits left over', 400, { keys: [{ key_id: ID, value: 'AAB=' }] }],
  ['base64 of URLs', 400, { keys: [{ key_id: ID, value: '__--' }] }],
  ['a key too long', 400, { keys: [{ key_id: ID, value: 'A'.repeat(1024) }] }],
  ['too many keys', 400, { keys: manyKeys(129) }],
  ['an SAE ID too long', 400, { initiator_sae_id: 'a'.repeat(65) }],
  ['a callback at a third host', 401, { ack_callback_url: 'https://kme.mallory.example/ack' }],
  ['a callback at another port', 401, { ack_callback_url: 'https://kme.ely.example:22/ack' }],
  ['a callback with a name', 401, { ack_callback_url: 'https://a@kme.ely.example:9443/ack' }],
  ['a callback without TLS', 400, { ack_callback_url: 'http://kme.ely.example:9443/ack' }],
  ['a callback that only begins so', 401, { ack_callback_url: `${originOf(ely)}.eve.example/` }],
]

function manyKeys(count: number): object[] {
  return Array.from({ length: count }, (_, at) => ({
    key_id: `550e8400-e29b-41d4-a716-${String(at).padStart(12, '0')}`,
    value: VALUE,
  }))
}

for (const [name, status, change] of refused) {
  test(`a transfer with ${name} is refused before anything is kept`, async () => {
    const two = await operators()
    const before = two.stores.get(thetford)?.commits
    const answer = await two.ask(thetford, 'ext_keys', transfer(change))
    assert.equal(answer.status, status, JSON.stringify(answer.body))
    assert.equal(two.stores.get(thetford)?.commits, before)
    await two.live(2)
    assert.deepEqual(two.sent, [])
  })
}

test('base64 with the escapes of JSON is read', async () => {
  const two = await operators()
  const value = '+/+/'
  const body = JSON.stringify(transfer({ keys: [{ key_id: ID, value }] }))
  const escaped = body.replace('+/+/', '\\u002B\\/+/')
  const answer = await two.ask(thetford, 'ext_keys', new TextEncoder().encode(escaped))
  assert.equal(statusIn(answer), 'relayed')
  assert.equal(keysOf(await two.fetch(thetford, ward, doctor, [ID]))[0].key, value)
})

test('as many keys as may be come in one transfer, of several sizes', async () => {
  const two = await operators()
  const keys = manyKeys(128).map((key, at) =>
    at % 2 === 0 ? key : { ...key, value: Buffer.alloc(16, at).toString('base64') },
  )
  const answer = await two.ask(thetford, 'ext_keys', transfer({ keys }))
  assert.equal(statusIn(answer), 'relayed')
  const ids = keys.map((key) => (key as { key_id: string }).key_id)
  const fetched = keysOf(await two.fetch(thetford, ward, doctor, ids))
  assert.deepEqual(
    fetched.map(({ key }) => key),
    keys.map((key) => (key as { value: string }).value),
  )
})

test('a repeated transfer is acknowledged again; another content under its key_ID is not', async () => {
  const two = await operators()
  const ask = async (change: object = {}) =>
    statusIn(await two.ask(thetford, 'ext_keys', transfer(change)))
  assert.equal(await ask(), 'relayed')
  assert.equal(await ask(), 'relayed')
  const other = Buffer.alloc(32, 8).toString('base64')
  assert.equal(await ask({ keys: [{ key_id: ID, value: other }] }), 'failed')
  assert.equal(await ask({ initiator_sae_id: nurse }), 'failed')
  assert.equal(await ask({ target_sae_ids: [clinic] }), 'failed')
  assert.equal(keysOf(await two.fetch(thetford, ward, doctor, [ID]))[0].key, VALUE)
  assert.equal(await ask(), 'relayed', 'delivered: it was relayed')
  assert.equal((await two.fetch(thetford, ward, doctor, [ID])).status, 400)
})

test('a void takes back a key that waits, once and for all', async () => {
  const two = await operators()
  await two.ask(thetford, 'ext_keys', transfer())
  assert.equal(statusIn(await two.ask(thetford, 'ext_keys/void', voiding())), 'voided')
  assert.equal((await two.fetch(thetford, ward, doctor, [ID])).status, 400)
  assert.equal(statusIn(await two.ask(thetford, 'ext_keys', transfer())), 'failed')
  assert.equal(statusIn(await two.ask(thetford, 'ext_keys/void', voiding())), 'voided')
  await two.open(thetford)
  assert.equal((await two.fetch(thetford, ward, doctor, [ID])).status, 400)
})

test('a void that overtakes its transfer wins', async () => {
  const two = await operators()
  assert.equal(statusIn(await two.ask(thetford, 'ext_keys/void', voiding())), 'key not present')
  await two.open(thetford)
  assert.equal(statusIn(await two.ask(thetford, 'ext_keys', transfer())), 'failed')
  assert.equal((await two.fetch(thetford, ward, doctor, [ID])).status, 400)
})

test('a void fails once one of two targets has fetched the key, and stops the other', async () => {
  const two = await operators()
  const both = { target_sae_ids: [ward, clinic] }
  await two.ask(thetford, 'ext_keys', transfer(both))
  assert.equal((await two.fetch(thetford, ward, doctor, [ID])).status, 200)
  assert.equal(statusIn(await two.ask(thetford, 'ext_keys/void', voiding(both))), 'failed to void')
  assert.equal((await two.fetch(thetford, clinic, doctor, [ID])).status, 400)
})

test('all keys between two applications are voided only on confirmation, and no others', async () => {
  const two = await operators()
  await two.ask(thetford, 'ext_keys', transfer())
  const other = { keys: [{ key_id: OTHER_ID, value: VALUE }], target_sae_ids: [clinic] }
  await two.ask(thetford, 'ext_keys', transfer(other))
  for (const confirmation of [{}, { all_confirmation: false }]) {
    const answer = await two.ask(
      thetford,
      'ext_keys/void',
      voiding({ key_ids: [], ...confirmation }),
    )
    assert.equal(answer.status, 400)
    assert.match(JSON.stringify(answer.body), /"no_all_confirmation"/)
  }
  const all = voiding({ key_ids: [], all_confirmation: true })
  assert.equal(statusIn(await two.ask(thetford, 'ext_keys/void', all)), 'voided')
  assert.equal((await two.fetch(thetford, ward, doctor, [ID])).status, 400)
  assert.equal((await two.fetch(thetford, clinic, doctor, [OTHER_ID])).status, 200)
})

test('a partner voids nothing of others, nor learns what there is', async () => {
  const two = await operators()
  await two.ask(thetford, 'ext_keys', transfer())
  const wrong = voiding({ initiator_sae_id: nurse })
  assert.equal(statusIn(await two.ask(thetford, 'ext_keys/void', wrong)), 'key not present')
  const strange = voiding({ initiator_sae_id: 'eve' })
  assert.equal((await two.ask(thetford, 'ext_keys/void', strange)).status, 401)
  const tooMany = voiding({ key_ids: new Array(1025).fill(ID) })
  assert.equal((await two.ask(thetford, 'ext_keys/void', tooMany)).status, 400)
  assert.equal((await two.fetch(thetford, ward, doctor, [ID])).status, 200)
})

test('a partner may void only so many keys that nobody has heard of', async () => {
  const two = await operators()
  const statuses: number[] = []
  for (let at = 0; at < 18; at++) {
    const key_ids = Array.from({ length: 1024 }, (_, key) => idOf(at * 1024 + key))
    statuses.push((await two.ask(thetford, 'ext_keys/void', voiding({ key_ids }))).status)
  }
  assert.deepEqual([statuses.at(15), statuses.at(16)], [200, 503])
})

const idOf = (number: number): string =>
  `550e8400-e29b-41d4-a716-${number.toString(16).padStart(12, '0')}`

test('a partner is served so many keys that wait, and no more', async () => {
  const two = await operators({ limits: { keptMax: 1 } })
  assert.equal((await two.ask(thetford, 'ext_keys', transfer())).status, 200)
  const more = transfer({ keys: [{ key_id: OTHER_ID, value: VALUE }] })
  assert.equal((await two.ask(thetford, 'ext_keys', more)).status, 503)
})

test('a partner who asks too often waits; others do not learn of it', async () => {
  const two = await operators({ limitRate: () => 2.5 })
  const answer = await two.ask(thetford, 'ext_keys', transfer())
  assert.deepEqual([answer.status, answer.headers['retry-after']], [503, '3'])
})

test('acknowledgements of what nobody waits for change nothing', async () => {
  const two = await operators()
  await two.ask(thetford, 'ext_keys', transfer())
  const ack = (status: string, count = 1) =>
    new Array<object>(count).fill({
      ...{ key_id_container: [{ key_id: ID }], ack_status: status },
      ...{ initiator_sae_id: doctor, target_sae_ids: [ward] },
    })
  for (const status of ['relayed', 'failed', 'voided', 'failed to void', 'key not present']) {
    assert.equal((await two.ask(thetford, 'ext_keys/ack', ack(status))).status, 200)
  }
  for (const bad of [ack('done'), ack('relayed', 1025), {}, [{}], 'relayed']) {
    assert.equal((await two.ask(thetford, 'ext_keys/ack', bad)).status, 400)
  }
  assert.equal((await two.fetch(thetford, ward, doctor, [ID])).status, 200)
})

test('what a KME can do is told, and 020 has no other methods', async () => {
  for (const synchronous of [true, false]) {
    const two = await operators({ synchronous })
    const ask = (method: string, path: string) =>
      two.at(thetford).kme.handlePartner({
        ...{ method, path, query: new URLSearchParams(), contentType: undefined },
        ...{ body: new Uint8Array(0), client: certificate(fingerprintOf(ely)) },
      })
    const { status, body } = await ask('GET', '/kmapi/versions')
    assert.equal(status, 200)
    const capabilities = synchronous ? ['synchronous_mode'] : []
    assert.deepEqual(JSON.parse(String(body)), { versions: ['v1'], capabilities })
    const wrong = await ask('GET', '/kmapi/v1/ext_keys')
    assert.deepEqual([wrong.status, wrong.headers?.['allow']], [405, 'POST'])
    assert.equal((await ask('GET', '/kmapi/v2/ext_keys')).status, 404)
    assert.equal((await ask('POST', '/kmapi/v1/ext_keys')).status, 400)
    const answer = await two.ask(thetford, 'ext_keys', transfer())
    assert.equal(answer.status, synchronous ? 200 : 400)
  }
})

test('no key stands in a row of either operator, nor in a log', async () => {
  const two: Operators = await operators()
  const made = await two.make(ely, doctor, ward, { number: 4 })
  const needles = keysOf(made).flatMap(({ key }) => {
    const octets = Buffer.from(key, 'base64')
    return [key, octets.toString('hex'), octets.toString('latin1')]
  })
  for (const site of [ely, thetford]) {
    const { log } = two.at(site)
    const rows = await two.stores.get(site)?.inner.read({
      ...{ sql: `select * from kme_partner_key, keystore_deposit`, parameters: [] },
    })
    const texts = (rows ?? []).flatMap((row) =>
      Object.values(row).map((value) =>
        value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value),
      ),
    )
    const held = [...texts, JSON.stringify(log.lines)].join(' ')
    for (const needle of needles) assert(!held.includes(needle))
  }
})
