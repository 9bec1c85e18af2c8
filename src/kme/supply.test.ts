import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal, utf8, type SecretBytes } from '#base'
import type { KeystoreLimits } from '#keystore'
import { KmeRefusal } from '#kme'
import { settle } from '#world/ports'
import { Activator, activationAnswerOctets, readBatch } from './peering.ts'
import {
  archive,
  assertRefused,
  bristol,
  call,
  cambridge,
  clinic,
  dec,
  enc,
  imaging,
  keyIdsOf,
  link,
  Pair,
  statusOf,
  ward,
  type Fault,
} from './two-kmes.test.ts'

async function pair(keys = 8, limits: Partial<KeystoreLimits> = {}): Promise<Pair> {
  const two = await new Pair().open({ limits })
  await two.grow(keys)
  return two
}

const code = (name: string) => (error: unknown) =>
  error instanceof KmeRefusal && error.code === name

test('SAEs inside get the same keys as SAEs outside, by the same rules', async () => {
  const two = await pair()
  const inside = two.a.kme.supplyFor(archive)
  const there = two.b.kme.supplyFor(ward)
  const made = await inside.getKey({ slave: ward, sizeBits: 256 })
  const got = await there.getKeyWithId({ master: archive, keyId: made.keyId })
  assert.deepEqual(got.octets.reveal(), made.octets.reveal())
  assert.deepEqual(got.provenance, made.provenance)
  const { keyId } = made
  await assert.rejects(there.getKeyWithId({ master: archive, keyId }), code('KME_KEY_NOT_FOUND'))
  const outside = await call(two.a, archive, { path: enc(ward) })
  const [{ key_ID, key }] = outside.body.keys ?? []
  const fetched = await there.getKeyWithId({
    master: archive,
    keyId: key_ID as typeof keyId,
  })
  assert.equal(fetched.octets.reveal().toBase64(), key)
  await assert.rejects(
    inside.getKey({ slave: archive, sizeBits: 256 }),
    code('KME_REQUEST_INVALID'),
  )
  await assert.rejects(inside.getKey({ slave: ward, sizeBits: 2049 }), code('KME_REQUEST_INVALID'))
  await assert.rejects(inside.getKey({ slave: ward, sizeBits: 2056 }), code('KME_KEYS_EXHAUSTED'))
  assert.throws(() => two.a.kme.supplyFor(ward), code('KME_SAE_UNKNOWN'))
})

/** Lets the first message through as `fault`, and every later one undisturbed. */
function once(two: Pair, fault: Fault): void {
  let first = true
  two.fault = () => {
    const fate = first ? fault : 'none'
    first = false
    return fate
  }
}

for (const fault of ['lost', 'answer-lost', 'garbled'] as const) {
  test(`an activation with its outcome unknown (${fault}) is withdrawn at both ends`, async () => {
    const two = await pair()
    once(two, fault)
    const refused = await call(two.a, archive, { path: enc(ward) })
    assertRefused(refused, 503, /did not take the keys/)
    assert.equal(refused.headers['retry-after'], '1')
    await settle()
    assert.deepEqual(two.carried, [`activate ${fault}`, 'void none'])
    two.assertCountsAgree()
    assert.equal(two.b.keystore.pool(bristol).waitingKeys, 0)
    const made = await call(two.a, archive, { path: enc(ward), body: { number: 7 } })
    assert.equal(made.status, 200)
    const got = await call(two.b, ward, { path: dec(archive), body: keyIdsOf(made) })
    assert.deepEqual(got.body, made.body)
  })
}

test('while a peer does not answer, requests cost no more keys than the first one', async () => {
  const two = await pair()
  two.fault = () => 'lost'
  for (let at = 0; at < 20; at++) {
    assertRefused(await call(two.a, archive, { path: enc(ward) }), 503)
    await settle()
  }
  const status = await call(two.a, archive, { path: statusOf(ward) })
  assert.equal(status.body['stored_key_count'], 7)
  two.fault = () => 'none'
  assert.equal((await call(two.a, archive, { path: enc(ward) })).status, 200)
  two.assertCountsAgree()
})

test('a withdrawal whose answer is lost is sent again until it is confirmed', async () => {
  const two = await pair()
  let messages = 0
  two.fault = (method) => (method === 'activate' || ++messages < 3 ? 'answer-lost' : 'none')
  assertRefused(await call(two.a, archive, { path: enc(ward) }), 503)
  await settle()
  for (let at = 0; at < 3; at++) await two.a.kme.sendVoids(cambridge).catch(() => undefined)
  assert.equal(messages, 3)
  assert.equal(two.a.keystore.pool(cambridge).pendingVoids, 0)
  two.assertCountsAgree()
})

test('requests at the same time go to the peer together, and each gets its own keys', async () => {
  const two = await pair(40)
  const made = await Promise.all(
    Array.from({ length: 40 }, () => call(two.a, archive, { path: enc(ward) })),
  )
  assert(two.carried.length <= 4, `${two.carried.length} messages`)
  const keys = made.flatMap(({ body }) => body.keys ?? [])
  assert.equal(new Set(keys.map(({ key }) => key)).size, 40)
  const got = await Promise.all(
    made.map((one) => call(two.b, ward, { path: dec(archive), body: keyIdsOf(one) })),
  )
  assert.deepEqual(
    got.map(({ body }) => body),
    made.map(({ body }) => body),
  )
  two.assertCountsAgree()
})

test('of many who race for the last keys exactly so many succeed as there are keys', async () => {
  const two = await pair(5)
  const answers = await Promise.all(
    Array.from({ length: 12 }, () => call(two.a, archive, { path: enc(ward) })),
  )
  assert.equal(answers.filter(({ status }) => status === 200).length, 5)
  assert.equal(answers.filter(({ status }) => status === 503).length, 7)
  two.assertCountsAgree()
})

test('a segment that the peer cannot read is passed over within one request', async () => {
  const two = await pair(8, { segmentOctets: 64 })
  const sql = 'update keystore_segment set sealed = zeroblob(80) where segment = 0'
  await two.b.store.commit([{ sql, parameters: [], expectChanges: 1 }])
  for (const number of [1, 4]) {
    const made = await call(two.a, archive, { path: enc(ward), body: { number } })
    assert.equal(made.status, 200)
    const got = await call(two.b, ward, { path: dec(archive), body: keyIdsOf(made) })
    assert.deepEqual(got.body, made.body)
  }
  // One activation lost on the damaged segment, of which the other half was then left alone.
  assert.equal(two.carried.filter((message) => message.startsWith('activate')).length, 3)
  assert.equal((await call(two.a, archive, { path: enc(ward), body: { number: 2 } })).status, 503)
  two.assertCountsAgree()
})

test('keys under quarantine wait: 503 at either end, and asking costs nothing', async () => {
  const two = await pair()
  const made = await call(two.a, archive, { path: enc(ward) })
  await two.b.keystore.quarantine({ link, cause: 'tag failed' })
  const fetching = { path: dec(archive), body: keyIdsOf(made) }
  assertRefused(await call(two.b, ward, fetching), 503, /wait/)
  assertRefused(await call(two.a, archive, { path: enc(ward) }), 503, /wait/)
  await two.a.keystore.quarantine({ link, cause: 'tag failed' })
  assertRefused(await call(two.a, archive, { path: enc(ward) }), 503, /wait/)
  const status = await call(two.a, archive, { path: statusOf(ward) })
  assert.equal(status.body['stored_key_count'], 0)
  for (const { keystore } of [two.a, two.b]) await keystore.release(link, 'calm')
  assert.deepEqual((await call(two.b, ward, fetching)).body, made.body)
})

test('a store that fails is 503, says nothing of why, and gives nothing out', async () => {
  const two = await pair()
  const made = await call(two.a, archive, { path: enc(ward) })
  const commit = two.b.store.commit.bind(two.b.store)
  two.b.store.commit = () => Promise.reject(new Error('disk /var/lib/secret is gone'))
  const fetching = { path: dec(archive), body: keyIdsOf(made) }
  assertRefused(await call(two.b, ward, fetching), 503, 'The KME cannot serve keys at the moment')
  assertRefused(await call(two.a, archive, { path: enc(ward) }), 503, /did not take/)
  two.b.store.commit = commit
  assert.deepEqual((await call(two.b, ward, fetching)).body, made.body)
  assert.equal((await call(two.a, archive, { path: enc(ward) })).status, 200)
  two.assertCountsAgree()
})

test('a peer activates only for its own masters and our slaves', async () => {
  const two = await pair()
  const reserve = (master: typeof archive, slaves: readonly (typeof ward)[]) =>
    two.a.keystore.reserve({
      peer: cambridge,
      master,
      slaves,
      sizeBits: 256,
      number: 1,
      lifeMs: 1000,
    })
  const forged = [
    await reserve(ward, [clinic]),
    await reserve(archive, [imaging]),
    await reserve(archive, [ward, imaging]),
  ]
  for (const { activations } of forged) {
    const { promise, resolve } = Promise.withResolvers<unknown>()
    const activator = new Activator((octets) => two.b.kme.acceptActivations(bristol, octets))
    void activator.activate(activations[0]).then(resolve)
    assert.deepEqual(await promise, { kind: 'refused', cause: 'sae-unknown', unusable: [] })
  }
  assert.equal(two.b.keystore.pool(bristol).waitingKeys, 0)
  for (const octets of [utf8('x'), new Uint8Array(0), new Uint8Array(2 ** 20 + 1)]) {
    await assert.rejects(two.b.kme.acceptActivations(bristol, octets), Refusal)
    await assert.rejects(two.b.kme.acceptWithdrawals(bristol, octets), Refusal)
  }
})

test('an answer with too few parts is an answer to none of them', async () => {
  const activator = new Activator((octets) => {
    const count = readBatch(octets).length
    const answers = Array.from({ length: count - 1 }, () => ({ kind: 'activated' as const }))
    return Promise.resolve(activationAnswerOctets(answers))
  })
  const outcomes = [1, 2, 3].map((one) => activator.activate(Uint8Array.of(one)))
  assert.deepEqual(await Promise.all(outcomes), [
    { kind: 'failed' },
    { kind: 'failed' },
    { kind: 'failed' },
  ])
})

test('the copies of a key that an answer was made from are cleared', async () => {
  const seen: SecretBytes[] = []
  const two = await new Pair().open({
    between: (keystore) => ({
      ...keystore,
      issue: async (reservation) => {
        const keys = await keystore.issue(reservation)
        seen.push(...keys.map(({ octets }) => octets))
        return keys
      },
      deliver: async (request) => {
        const keys = await keystore.deliver(request)
        seen.push(...keys.map(({ octets }) => octets))
        return keys
      },
    }),
  })
  await two.grow()
  const made = await call(two.a, archive, { path: enc(ward), body: { number: 2 } })
  await call(two.b, ward, { path: dec(archive), body: keyIdsOf(made) })
  assert.equal(seen.length, 4)
  for (const octets of seen) assert.throws(() => octets.reveal(), /after its disposal/)
})

test('no key octets in any log, error or message between the KMEs', async () => {
  const two = await pair()
  const made = await call(two.a, archive, { path: enc(ward), body: { number: 4 } })
  const got = await call(two.b, ward, { path: dec(archive), body: keyIdsOf(made) })
  await call(two.b, ward, { path: dec(archive), body: keyIdsOf(made) })
  two.fault = () => 'lost'
  await call(two.a, archive, { path: enc(ward) })
  assert.equal(got.status, 200)
  const said = JSON.stringify([two.a.log.lines, two.b.log.lines, two.carried])
  for (const { key } of made.body.keys ?? []) {
    assert(!said.includes(key) && !said.includes(Buffer.from(key, 'base64').toString('hex')))
  }
})
