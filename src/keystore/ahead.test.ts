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

/** Key_IDs that the log of an end names in entries of a kind, in order. */
async function named(end: End, kind: string): Promise<readonly string[]> {
  const events = await end.events(kind)
  return events.flatMap(({ facts }) => (JSON.parse(facts) as { keyIds: readonly string[] }).keyIds)
}

test('keys made ahead are issued in order, each once, with the peer asleep', async () => {
  const { a, b, ahead } = await withKeysAhead()
  assert.equal(a.keys.leftOf(ahead), 6)
  const first = hex(await a.keys.issueNext([ahead], 1))
  const others = hex(await a.keys.issueNext([ahead], 2))
  assert.deepEqual([...first.keys(), ...others.keys()], ahead.keyIds.slice(0, 3))
  assert.equal(a.keys.leftOf(ahead), 3)
  assert.deepEqual(await named(a, 'key.issued'), [])
  await a.keys.tend()
  assert.deepEqual(await named(a, 'key.issued'), ahead.keyIds.slice(0, 3))
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

test('no key is given out before the log names it, in a commit for several', async () => {
  const { a, ahead } = await withKeysAhead()
  let commits = 0
  for (let at = 0; at < 6; at++) {
    const before = await named(a, 'key.allotted')
    const [keyId] = hex(await a.keys.issueNext([ahead], 1)).keys()
    const after = await named(a, 'key.allotted')
    assert(after.includes(keyId))
    if (after.length > before.length) commits++
    // What is asked for next is in the log before it is.
    assert(at === 0 || before.includes(keyId))
  }
  assert(commits <= 3, `${commits} commits`)
  assert.deepEqual(await named(a, 'key.allotted'), ahead.keyIds)
})

test('after a restart what was not allotted is withdrawn; what was may be had, and the log says so', async () => {
  const ends = await withKeysAhead()
  const { a, b, ahead } = ends
  const keys = hex(await a.keys.issueNext([ahead], 1))
  await a.keys.tend()
  hex(await a.keys.issueNext([ahead], 1)).forEach((octets, keyId) => keys.set(keyId, octets))
  const allotted = await named(a, 'key.allotted')
  assert.deepEqual(allotted, ahead.keyIds.slice(0, 3))
  await a.open()
  assert.equal(a.keys.leftOf(ahead), 0)
  assert.equal(a.keys.issueNext([ahead], 1), undefined)
  assert.equal(a.keys.pool(b.site).pendingVoids, 1)
  assert.equal(await sendVoids(a, b), 1)
  assert.deepEqual(await fetchKeys(b, ahead.keyIds.slice(0, 2)), keys)
  // Nobody knows that the third was not given out: it is not taken from whoever may have it.
  assert.equal((await fetchKeys(b, ahead.keyIds.slice(2, 3))).size, 1)
  for (const keyId of ahead.keyIds.slice(3)) {
    await assert.rejects(fetchKeys(b, [keyId]), code('KEYSTORE_KEY_UNKNOWN'))
  }
  assert.deepEqual(await named(a, 'key.issued'), ahead.keyIds.slice(0, 1))
  assert.deepEqual(await named(a, 'key.perhaps-issued'), ahead.keyIds.slice(1, 3))
  assert.deepEqual(await named(a, 'key.voided'), ahead.keyIds.slice(3))
  assertCountsAgree(ends)
  // Neither end has an alarm: nothing that anybody holds was withdrawn.
  assert.deepEqual([...a.alarms, ...b.alarms], [])
})

test('a key that was allotted and not given out before a crash is never given to a master', async () => {
  const ends = await withKeysAhead()
  const { a, b, ahead } = ends
  const answer = a.keys.issueNext([ahead], 1)
  // The commit stands; the site ends before anybody hears of it.
  while ((await named(a, 'key.allotted')).length === 0) await Promise.resolve()
  await a.open()
  await answer
  const perhaps = await named(a, 'key.perhaps-issued')
  assert.deepEqual(perhaps, await named(a, 'key.allotted'))
  await sendVoids(a, b)
  const later = await makeAhead(ends, 6)
  assert.deepEqual([...hex(await a.keys.issueNext([later], 6)).keys()], later.keyIds)
  assert.equal(new Set([...later.keyIds, ...ahead.keyIds]).size, 12)
})

test('what all of was allotted before a crash leaves nothing to withdraw', async () => {
  const { a, b, ahead } = await withKeysAhead(2)
  await a.keys.issueNext([ahead], 1)
  await a.open()
  assert.deepEqual(await named(a, 'key.perhaps-issued'), ahead.keyIds)
  assert.equal(a.keys.pool(b.site).pendingVoids, 0)
  for (const table of ['keystore_ahead', 'keystore_reservation']) {
    assert.equal(await a.count(table), 0)
  }
})

test('what was given out is entered once, whatever the store refuses in between', async () => {
  const { a, ahead } = await withKeysAhead()
  await a.keys.issueNext([ahead], 2)
  a.refuse(1)
  await assert.rejects(a.keys.tend(), code('STORE_FULL'))
  a.refuse()
  await a.keys.issueNext([ahead], 1)
  for (let again = 0; again < 2; again++) await a.keys.tend()
  assert.deepEqual(await named(a, 'key.issued'), ahead.keyIds.slice(0, 3))
  await a.keys.issueNext([ahead], 1)
  await a.keys.abandon(ahead, 'not asked for')
  assert.deepEqual(await named(a, 'key.issued'), ahead.keyIds.slice(0, 4))
  await a.open()
  assert.deepEqual(await named(a, 'key.perhaps-issued'), [])
})

test('what the store did not take of it before a crash, the next opening names', async () => {
  const { a, ahead } = await withKeysAhead()
  await a.keys.issueNext([ahead], 1)
  a.refuse(1)
  await a.keys.abandon(ahead, 'not asked for')
  await a.open()
  assert.deepEqual(await named(a, 'key.issued'), [])
  assert.deepEqual(await named(a, 'key.perhaps-issued'), ahead.keyIds.slice(0, 3))
})

test('a key store that closes has entered what was given out', async () => {
  const { a, ahead } = await withKeysAhead()
  await a.keys.issueNext([ahead], 2)
  await a.keys.close()
  assert.throws(() => a.keys.issueNext([ahead], 1), code('KEYSTORE_CLOSED'))
  assert.deepEqual(await named(a, 'key.issued'), ahead.keyIds.slice(0, 2))
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
  // A crash right then finds it in the log: its row is gone with the rest.
  await a.open()
  assert.deepEqual(await named(a, 'key.issued'), ahead.keyIds.slice(0, 1))
})

test('a store that refuses costs the keys under way and all after them, at both ends', async () => {
  const ends = await withKeysAhead()
  const { a, b, ahead } = ends
  const keys = hex(await a.keys.issueNext([ahead], 1))
  a.refuse(1)
  // Two are allotted already: the first request has one of them, the second both sorts.
  const [first, failed, after] = await Promise.allSettled(
    [1, 2, 2].map(async (number) => a.keys.issueNext([ahead], number)),
  )
  assert(first.status === 'fulfilled')
  hex(first.value).forEach((octets, keyId) => keys.set(keyId, octets))
  assert.equal(failed.status, 'rejected')
  // Its own commit asks for what the one before did not do.
  assert.equal(after.status, 'rejected')
  assert.equal(a.keys.issueNext([ahead], 1), undefined)
  a.refuse()
  await a.keys.tend()
  await sendVoids(a, b)
  assert.deepEqual(await fetchKeys(b, ahead.keyIds.slice(0, 2)), keys)
  for (const keyId of ahead.keyIds.slice(2)) {
    await assert.rejects(fetchKeys(b, [keyId]), code('KEYSTORE_KEY_UNKNOWN'))
  }
  assertCountsAgree(ends)
  assert.equal(await a.count('keystore_ahead'), 0)
  assert.deepEqual(await named(a, 'key.issued'), ahead.keyIds.slice(0, 2))
})

test('a store that refuses to allot ahead costs nothing: it is tried again when somebody asks', async () => {
  const { a, b, ahead } = await withKeysAhead()
  const keys = hex(await a.keys.issueNext([ahead], 2))
  a.refuse(1)
  // Two are left of those allotted: with these the next are to be.
  for (let at = 0; at < 2; at++) {
    hex(await a.keys.issueNext([ahead], 1)).forEach((octets, keyId) => keys.set(keyId, octets))
  }
  a.refuse()
  hex(await a.keys.issueNext([ahead], 2)).forEach((octets, keyId) => keys.set(keyId, octets))
  assert.deepEqual(await fetchKeys(b, ahead.keyIds), keys)
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
  await a.store.commit([{ sql: 'update keystore_ahead set taken = 7', parameters: [] }])
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
