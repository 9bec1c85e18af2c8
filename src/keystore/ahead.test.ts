import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readActivation, type DeliveredKey, type Reservation } from '#keystore'
import {
  archive,
  assertCountsAgree,
  code,
  type End,
  fetchKeys,
  grow,
  link,
  sendVoids,
  twoEnds,
  ward,
} from './two-ends.test.ts'

const BITS = 64

/** Two ends with a block, and keys of 64 bits that one end has made ahead. */
async function withKeysAhead(number = 6) {
  const ends = await twoEnds()
  await grow(ends, 1)
  return { ...ends, ahead: await makeAhead(ends, number) }
}

async function makeAhead({ a, b }: { a: End; b: End }, number: number): Promise<Reservation> {
  const about = { peer: b.site, master: archive, slaves: [ward], lifeMs: 60_000 }
  const made = await a.keys.reserve({ ...about, sizeBits: BITS, number, ahead: true })
  for (const activation of made.activations) {
    const outcome = await b.keys.activate(a.site, readActivation(activation))
    assert.equal(outcome.kind, 'activated')
  }
  return made
}

const hex = (keys: readonly DeliveredKey[] = []): Map<string, string> =>
  new Map(keys.map(({ keyId, octets }) => [keyId, octets.reveal().toHex()]))

test('keys made ahead are issued in order, each once, with one commit and the peer asleep', async () => {
  const { a, b, ahead } = await withKeysAhead()
  assert.equal(a.keys.leftOf(ahead), 6)
  const first = hex(await a.keys.issueNext([ahead], 1))
  const others = hex(await a.keys.issueNext([ahead], 2))
  assert.deepEqual([...first.keys(), ...others.keys()], ahead.keyIds.slice(0, 3))
  assert.equal(a.keys.leftOf(ahead), 3)
  assert.equal((await a.events('key.issued')).length, 2)
  assert.equal((await b.events()).filter(({ kind }) => kind.startsWith('key.act')).length, 1)
  assert.deepEqual(await fetchKeys(b, ahead.keyIds.slice(0, 3)), new Map([...first, ...others]))
  assert.equal(new Set([...first.values(), ...others.values()]).size, 3)
})

test('the last of them leaves nothing behind, and their bits are destroyed', async () => {
  const { a, b, ahead } = await withKeysAhead(16)
  const keys = hex(await a.keys.issueNext([ahead], 16))
  assert.deepEqual(await fetchKeys(b, ahead.keyIds), keys)
  assert.equal(a.keys.issueNext([ahead], 1), undefined)
  for (const end of [a, b]) await end.keys.tend()
  assert.equal(await a.count('keystore_ahead'), 0)
  assert.equal(await a.count('keystore_reservation'), 0)
  // Two segments of 64 octets at each end: both are used up.
  for (const end of [a, b]) {
    const [destroyed] = await end.events('key.destroyed')
    assert.equal((JSON.parse(destroyed.facts) as { segments: number }).segments, 2)
  }
})

test('requests at the same time get different keys, over the border of two reservations', async () => {
  const ends = await withKeysAhead(3)
  const { a, ahead } = ends
  const more = await makeAhead(ends, 4)
  const both = [ahead, more]
  assert.equal(a.keys.issueNext(both, 8), undefined)
  const got = await Promise.all([2, 2, 3].map(async (number) => a.keys.issueNext(both, number)))
  const ids = got.flatMap((keys) => [...hex(keys).keys()])
  assert.deepEqual(ids, [...ahead.keyIds, ...more.keyIds])
  assert.equal(a.keys.issueNext(both, 1), undefined)
})

test('after a restart what was not issued is withdrawn, and what was can be fetched', async () => {
  const ends = await withKeysAhead()
  const { a, b, ahead } = ends
  const keys = hex(await a.keys.issueNext([ahead], 2))
  await a.open()
  assert.equal(a.keys.leftOf(ahead), 0)
  assert.equal(a.keys.issueNext([ahead], 1), undefined)
  assert.equal(a.keys.pool(b.site).pendingVoids, 1)
  assert.equal(await sendVoids(a, b), 1)
  assert.deepEqual(await fetchKeys(b, ahead.keyIds.slice(0, 2)), keys)
  for (const keyId of ahead.keyIds.slice(2)) {
    await assert.rejects(fetchKeys(b, [keyId]), code('KEYSTORE_KEY_UNKNOWN'))
  }
  assertCountsAgree(ends)
  // Neither end has an alarm: nothing that anybody holds was withdrawn.
  assert.deepEqual([...a.alarms, ...b.alarms], [])
})

test('what is given up while a key is being issued is the rest, whichever comes first', async () => {
  const ends = await withKeysAhead()
  const { a, b, ahead } = ends
  const issuing = a.keys.issueNext([ahead], 1)
  await a.keys.abandon(ahead, 'not asked for')
  const keys = hex(await issuing)
  assert.equal(keys.size, 1)
  assert.equal(a.keys.issueNext([ahead], 1), undefined)
  await sendVoids(a, b)
  assert.deepEqual(await fetchKeys(b, ahead.keyIds.slice(0, 1)), keys)
  assertCountsAgree(ends)
  const [voided] = await a.events('key.voided')
  const { keyIds } = JSON.parse(voided.facts) as { keyIds: readonly string[] }
  assert.deepEqual(keyIds, ahead.keyIds.slice(1))
})

test('a store that refuses costs the keys under way and all after them, at both ends', async () => {
  const ends = await withKeysAhead()
  const { a, b, ahead } = ends
  const keys = hex(await a.keys.issueNext([ahead], 1))
  a.refuse(1)
  const [failed, after] = await Promise.allSettled(
    [1, 2].map(async (number) => a.keys.issueNext([ahead], number)),
  )
  assert.equal(failed.status, 'rejected')
  // Its own commit asks for what the first one did not do.
  assert.equal(after.status, 'rejected')
  assert.equal(a.keys.issueNext([ahead], 1), undefined)
  a.refuse()
  await a.keys.tend()
  await sendVoids(a, b)
  assert.deepEqual(await fetchKeys(b, ahead.keyIds.slice(0, 1)), keys)
  for (const keyId of ahead.keyIds.slice(1)) {
    await assert.rejects(fetchKeys(b, [keyId]), code('KEYSTORE_KEY_UNKNOWN'))
  }
  assertCountsAgree(ends)
  assert.equal(await a.count('keystore_ahead'), 0)
})

test('a key whose commit fails after the rest was given up is withdrawn by itself', async () => {
  const ends = await withKeysAhead()
  const { a, b, ahead } = ends
  a.refuse(1)
  const failing = a.keys.issueNext([ahead], 2)
  await a.keys.abandon(ahead, 'not asked for')
  await assert.rejects(async () => failing, code('STORE_FULL'))
  a.refuse()
  await a.keys.tend()
  assert.equal(await sendVoids(a, b), 2)
  assert.equal(b.keys.pool(a.site).waitingKeys, 0)
  assertCountsAgree(ends)
})

test('a failure of the last keys withdraws them, though nothing is left to issue', async () => {
  const ends = await withKeysAhead(2)
  const { a, b, ahead } = ends
  a.refuse(1)
  await assert.rejects(async () => a.keys.issueNext([ahead], 2), code('STORE_FULL'))
  a.refuse()
  await a.keys.tend()
  await sendVoids(a, b)
  assert.equal(b.keys.pool(a.site).waitingKeys, 0)
  for (const table of ['keystore_ahead', 'keystore_reservation']) {
    assert.equal(await a.count(table), 0)
  }
  assertCountsAgree(ends)
})

test('under quarantine none is issued or fetched; afterwards they go on', async () => {
  const { a, b, ahead } = await withKeysAhead()
  const early = hex(await a.keys.issueNext([ahead], 1))
  for (const end of [a, b]) await end.keys.quarantine({ link, cause: 'suspected-tampering' })
  assert.equal(a.keys.leftOf(ahead), 0)
  assert.equal(a.keys.issueNext([ahead], 1), undefined)
  await assert.rejects(fetchKeys(b, [...ahead.keyIds.slice(0, 1)]), code('KEYSTORE_QUARANTINED'))
  for (const end of [a, b]) await end.keys.release(link, 'calm again')
  const late = hex(await a.keys.issueNext([ahead], 1))
  assert.deepEqual(await fetchKeys(b, ahead.keyIds.slice(0, 2)), new Map([...early, ...late]))
})

test('of a block that was voided none is issued', async () => {
  const { a, b, ahead } = await withKeysAhead()
  for (const { keys } of [a, b]) {
    await keys.voidBlock({ link, position: { epoch: 1, sequence: 1 }, cause: 'discarded' })
  }
  assert.equal(a.keys.leftOf(ahead), 0)
  assert.equal(a.keys.issueNext([ahead], 1), undefined)
  await a.keys.abandon(ahead, 'discarded')
  await sendVoids(a, b)
  assert.equal(a.keys.pool(b.site).pendingVoids, 0)
})

test('a count that makes no sense withdraws all of a reservation', async () => {
  const { a, b, ahead } = await withKeysAhead()
  await a.store.commit([{ sql: 'update keystore_ahead set taken = 6', parameters: [] }])
  await a.open()
  await sendVoids(a, b)
  assert.equal(b.keys.pool(a.site).waitingKeys, 0)
  for (const keyId of ahead.keyIds) {
    await assert.rejects(fetchKeys(b, [keyId]), code('KEYSTORE_KEY_UNKNOWN'))
  }
})

test('two issues of one key cannot both be durable', async () => {
  const { a, ahead } = await withKeysAhead()
  await a.store.commit([{ sql: 'update keystore_ahead set taken = 1', parameters: [] }])
  await assert.rejects(async () => a.keys.issueNext([ahead], 1), code('STORE_CONFLICT'))
})

test('what is made ahead is not issued as a whole', async () => {
  const { a, ahead } = await withKeysAhead()
  await assert.rejects(a.keys.issue(ahead), /by and by/)
})
