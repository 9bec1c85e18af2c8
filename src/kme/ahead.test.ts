import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SaePolicies, Shares, type SaePolicy } from '#kme'
import { settle } from '#world/ports'
import {
  archive,
  assertRefused,
  bristol,
  call,
  cambridge,
  clinic,
  dec,
  enc,
  keyIdsOf,
  link,
  Pair,
  statusOf,
  ward,
  type Answer,
} from './two-kmes.test.ts'

/** Two KMEs with a pool of so many keys in each half. */
async function pair(keys = 4000, kme: Parameters<Pair['open']>[0] = {}): Promise<Pair> {
  const two = await new Pair().open(kme)
  await two.grow(keys)
  return two
}

const ask = (two: Pair, body?: object, slave = ward): Promise<Answer> =>
  call(two.a, archive, { path: enc(slave), body })

/** Asks for one key after the other, so often that some are made ahead in the end. */
async function askOften(two: Pair, times = 64): Promise<readonly Answer[]> {
  const answers: Answer[] = []
  for (let at = 0; at < times; at++) {
    answers.push(await ask(two))
    await settle()
  }
  return answers
}

const activations = ({ carried }: Pair): number =>
  carried.filter((message) => message.startsWith('activate')).length

const storedKeys = async (two: Pair, slave = ward): Promise<unknown> =>
  (await call(two.a, archive, { path: statusOf(slave) })).body['stored_key_count']

test('of a pair that asks often keys are made ahead, and given out without a word to the peer', async () => {
  const two = await pair()
  const early = await askOften(two)
  const before = activations(two)
  assert(before < 50, `${before} messages for 64 keys`)
  const late = await Promise.all(Array.from({ length: 8 }, () => ask(two)))
  // At most one more, which has made up for them.
  assert(activations(two) <= before + 1)
  const answers = [...early, ...late]
  for (const answer of answers) {
    const got = await call(two.b, ward, { path: dec(archive), body: keyIdsOf(answer) })
    assert.deepEqual(got.body, answer.body)
  }
  const keys = answers.map(({ body }) => body.keys?.[0].key)
  assert.equal(new Set(keys).size, answers.length)
  two.assertCountsAgree()
})

test('with the peer out of reach, what was made ahead is given out, and no more risked', async () => {
  const two = await pair()
  await askOften(two)
  two.fault = () => 'lost'
  let given = 0
  for (; given < 500; given++) {
    const answer = await ask(two)
    await settle()
    if (answer.status !== 200) break
  }
  assert(given >= 8 && given < 100, `${given} keys`)
  assertRefused(await ask(two), 503)
})

test('a pair that seldom asks has none made ahead, however long it asks', async () => {
  const two = await pair()
  for (let at = 0; at < 60; at++) {
    assert.equal((await ask(two)).status, 200)
    await two.time.advance(250)
  }
  assert.equal(activations(two), 60)
})

test('many keys at once are made for their request', async () => {
  const two = await pair()
  for (let at = 0; at < 20; at++) {
    assert.equal((await ask(two, { number: 17 })).status, 200)
    await settle()
  }
  assert.equal(activations(two), 20)
})

test('stored_key_count counts what was made ahead for the pair, and not what was for others', async () => {
  const two = await pair()
  await askOften(two)
  assert.equal(await storedKeys(two), 4000 - 64)
  const pool = two.a.keystore.pool(cambridge).availableBits / 256
  assert(pool < 4000 - 64)
  assert.equal(await storedKeys(two, clinic), pool)
})

test('keys made ahead are at most an eighth of a pool', async () => {
  const two = await pair(400)
  await askOften(two, 100)
  const made = 400 - 100 - two.a.keystore.pool(cambridge).availableBits / 256
  assert(made > 0 && made <= 300 / 8 + 1, `${made} keys`)
  const small = await pair(120)
  await askOften(small, 60)
  assert.equal(activations(small), 60)
})

test('what nobody asks for is withdrawn at both ends after a minute', async () => {
  const two = await pair()
  await askOften(two)
  const waiting = two.b.keystore.pool(bristol).waitingKeys
  assert(waiting > 64)
  await two.time.advance(59_000)
  await two.a.kme.tend()
  assert.equal(two.a.keystore.pool(cambridge).pendingVoids, 0)
  await two.time.advance(1000)
  await two.a.kme.tend()
  await two.a.kme.sendVoids(cambridge)
  assert.equal(two.b.keystore.pool(bristol).waitingKeys, 64)
  two.assertCountsAgree()
  // Whoever asks then has one made for him.
  assert.equal((await ask(two)).status, 200)
})

test('a key that is given out late has its whole life at the slave', async () => {
  const two = await pair(4000, { kme: { lifeMs: 10_000 } })
  await askOften(two)
  await two.time.advance(59_000)
  const before = activations(two)
  const answer = await ask(two)
  assert.equal(activations(two), before)
  await two.time.advance(10_000)
  const got = await call(two.b, ward, { path: dec(archive), body: keyIdsOf(answer) })
  assert.deepEqual(got.body, answer.body)
})

test('under quarantine at the master no key that was made ahead is given out', async () => {
  const two = await pair()
  await askOften(two)
  await two.a.keystore.quarantine({ link, cause: 'suspected-tampering' })
  assertRefused(await ask(two), 503)
  await two.a.kme.tend()
  await two.a.keystore.release(link, 'calm again')
  await two.a.kme.sendVoids(cambridge)
  assert.equal(two.b.keystore.pool(bristol).waitingKeys, 64)
  two.assertCountsAgree()
})

test('a peer that has a link under quarantine ends what was made ahead for it', async () => {
  const two = await pair()
  await askOften(two)
  await two.b.keystore.quarantine({ link, cause: 'suspected-tampering' })
  const answers = await askOften(two, 40)
  assert.equal(answers.at(-1)?.status, 503)
  await two.a.kme.sendVoids(cambridge)
  await two.b.keystore.release(link, 'calm again')
  const given = answers.filter(({ status }) => status === 200).length
  assert.equal(two.b.keystore.pool(bristol).waitingKeys, 64 + given)
})

test('shares and quotas count keys when they are given out', async () => {
  const policy: SaePolicy = { bitsPerHour: 80 * 256 }
  const time = new Pair().time.view()
  const policies = new SaePolicies(time, new Map([[archive, policy]]))
  const two = await pair(4000, { kme: { policies } })
  const answers = await askOften(two, 90)
  assert.equal(answers.filter(({ status }) => status === 200).length, 80)
  const shares = new Shares(time, { saeShare: 0.05, requestsPerSecond: 1000 })
  const sharing = await pair(1000, { kme: { shares } })
  const shared = await askOften(sharing, 60)
  assert.equal(shared.filter(({ status }) => status === 200).length, 50)
})

test('an application whose keys must have a source has none made ahead', async () => {
  const policy: SaePolicy = { leastSource: 'seeded-test' }
  const policies = new SaePolicies(new Pair().time.view(), new Map([[archive, policy]]))
  const two = await pair(4000, { kme: { policies } })
  await askOften(two)
  assert.equal(activations(two), 64)
})

test('several slaves at one site share what was made ahead for just these', async () => {
  const two = await pair()
  const body = { additional_slave_SAE_IDs: [clinic] }
  const answers: Answer[] = []
  for (let at = 0; at < 80; at++) {
    answers.push(await ask(two, body))
    await settle()
  }
  assert(activations(two) < 60, `${activations(two)} messages for 80 keys`)
  for (const slave of [ward, clinic]) {
    const got = await call(two.b, slave, { path: dec(archive), body: keyIdsOf(answers[79]) })
    assert.deepEqual(got.body, answers[79].body)
  }
  const before = activations(two)
  await ask(two)
  assert.equal(activations(two), before + 1)
})

test('a KME that ends gives back what was made ahead, and makes no more', async () => {
  const two = await pair()
  await askOften(two)
  await two.a.kme.giveBack()
  assert.equal(two.a.keystore.pool(cambridge).pendingVoids, 0)
  assert.equal(two.b.keystore.pool(bristol).waitingKeys, 64)
  const before = activations(two)
  await askOften(two, 40)
  assert.equal(activations(two), before + 40)
  two.assertCountsAgree()
})

test('a KME that ends with its peer out of reach has withdrawn what it made ahead', async () => {
  const two = await pair()
  await askOften(two)
  two.fault = () => 'lost'
  await two.a.kme.giveBack()
  assert(two.a.keystore.pool(cambridge).pendingVoids > 0)
})
