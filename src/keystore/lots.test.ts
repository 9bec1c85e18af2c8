import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeystoreRefusal, readActivation, readWithdrawal } from '#keystore'
import { seededRandom } from '#world/ports'
import { BorrowedKeys, type BorrowedReservation, type Lender } from './borrowed.ts'
import {
  archive,
  assertCountsAgree,
  bristol,
  cambridge,
  fetchKeys,
  grow,
  link,
  makeKeys,
  sendVoids,
  twoEnds,
  ward,
  type End,
} from './two-ends.test.ts'

const HALF_OCTETS = 16_384
const BLOCK_BITS = 64 * 8 + 2 * HALF_OCTETS * 8
const request = {
  peer: cambridge,
  master: archive,
  slaves: [ward],
  sizeBits: 256,
  number: 4,
  lifeMs: 60_000,
}
const CONFLICT = { code: 'STORE_CONFLICT' }

/** Two ends, and daemons beside the first that borrow from it. */
async function withBorrowers() {
  const ends = await twoEnds({ limits: { segmentOctets: 256 } })
  await grow(ends, 1, BLOCK_BITS)
  const { a } = ends
  const lenderFor = (holder: string): Lender => ({
    borrow: (peer, octets) => a.keys.lend({ peer, holder, octets }),
    giveBack: async ({ lots, reservations }) => {
      await a.keys.giveUpParts(reservations)
      await a.keys.recall(({ id }) => lots.includes(id), 'given back')
    },
  })
  const borrower = async (holder: string): Promise<BorrowedKeys> => {
    const { store, clock } = a
    const random = seededRandom(1, holder)
    const audit = { append: () => ({ sql: 'select 1', parameters: [] }) }
    const lender = lenderFor(holder)
    const keys = new BorrowedKeys({
      ...{ store, clock, random, audit, holder, lender },
      site: bristol,
    })
    await borrowed(keys)
    return keys
  }
  return { ...ends, borrower }
}

/** Waits until a borrower has what it asked for. */
async function borrowed(keys: BorrowedKeys): Promise<void> {
  keys.prepare(cambridge, 0)
  for (let turn = 0; turn < 200; turn++) await Promise.resolve()
}

async function reserved(keys: BorrowedKeys, more = {}): Promise<BorrowedReservation> {
  const reservation = await keys.reserve({ ...request, ...more })
  assert(reservation !== undefined, 'enough is borrowed')
  return reservation
}

/** What a daemon that follows does for a plain request. */
async function made(keys: BorrowedKeys, peer: End, more = {}) {
  const reservation = await reserved(keys, more)
  const outcome = await peer.keys.activate(bristol, readActivation(reservation.message))
  assert.equal(outcome.kind, 'activated')
  const issued = await keys.issue(reservation)
  return new Map(issued.map((key) => [key.keyId, key.octets.reveal().toHex()]))
}

test('keys of borrowed bits are the same at both ends, and nobody else gives them out', async () => {
  const { a, b, borrower } = await withBorrowers()
  const [one, two] = [await borrower('one'), await borrower('two')]
  assert.equal(a.keys.lots().length, 2)
  const all = new Map<string, string>()
  for (let round = 0; round < 3; round++) {
    const some = [await made(one, b), await made(two, b), await makeKeys({ a, b }, { number: 4 })]
    for (const keys of some) {
      const ids = [...keys.keys()]
      assert.deepEqual(await fetchKeys(b, ids), keys)
      await assert.rejects(fetchKeys(b, ids), KeystoreRefusal)
      for (const [id, octets] of keys) all.set(id, octets)
    }
  }
  assert.equal(new Set(all.values()).size, 36)
  for (const keys of [one, two]) await keys.close()
  assert.deepEqual(a.keys.lots(), [])
  await sendVoids(a, b)
  assertCountsAgree({ a, b })
})

test('a lot is at most an eighth of what applications may have, and none of too little', async () => {
  const { a } = await withBorrowers()
  const wish = { peer: cambridge, holder: 'one', octets: 1_000_000 }
  const sizes: number[] = []
  for (;;) {
    const lot = await a.keys.lend(wish)
    if (lot === undefined) break
    sizes.push(lot.range.octets)
  }
  assert.equal(sizes[0], HALF_OCTETS / 8)
  assert(sizes.every((size) => size >= 1024))
  const { applicationBits } = a.keys.pool(cambridge)
  assert(applicationBits / 8 < 8 * 1024 && applicationBits / 8 > 7 * 1024)
})

test('what is lent is destroyed at rest at once, and outlives the daemon that lent it', async () => {
  const { a, b, borrower } = await withBorrowers()
  const keys = await borrower('one')
  const [lot] = a.keys.lots()
  await a.keys.tend()
  const slots = (await a.disk.read(`keys/${link}/1-1`)) ?? new Uint8Array(0)
  const first = 2 + lot.range.from / 256
  const last = first + lot.range.octets / 256
  const lent = slots.subarray(first * 64, last * 64)
  assert(lent.length > 0 && lent.every((octet) => octet === 0), 'its wrapping keys are overwritten')
  assert(
    slots.subarray(last * 64, (last + 1) * 64).some((octet) => octet !== 0),
    'and no others',
  )
  const begun = await reserved(keys)
  await a.keys.close()
  await a.open()
  assert.deepEqual(a.keys.lots(), [lot])
  assert.equal((await b.keys.activate(bristol, readActivation(begun.message))).kind, 'activated')
  const issued = await keys.issue(begun)
  const fetched = await fetchKeys(
    b,
    issued.map((key) => key.keyId),
  )
  assert.deepEqual(
    [...fetched.values()],
    issued.map((key) => key.octets.reveal().toHex()),
  )
  const others = await makeKeys({ a, b }, { number: 8 })
  assert.equal(new Set([...fetched.values(), ...others.values()]).size, 12)
})

test('of a borrower that is given up, what it had not issued is withdrawn and never served', async () => {
  const { a, b, borrower } = await withBorrowers()
  const keys = await borrower('one')
  const issued = await made(keys, b)
  const begun = await reserved(keys)
  const activated = await reserved(keys)
  assert.equal(
    (await b.keys.activate(bristol, readActivation(activated.message))).kind,
    'activated',
  )
  await a.keys.recall(({ holder }) => holder === 'one', 'its daemon is gone')
  for (const reservation of [begun, activated]) {
    await assert.rejects(keys.issue(reservation), CONFLICT)
    assert.throws(() => reservation.keys[0].octets.reveal(), 'its octets are cleared')
  }
  await assert.rejects(keys.reserve(request), CONFLICT)
  assert.equal(await keys.reserve(request), undefined, 'the lot is gone')
  const pending = a.keys.pendingVoids(cambridge).map(({ message }) => readWithdrawal(message))
  const [first, second, rest] = pending.map(({ keyIds }) => keyIds.length)
  assert.deepEqual([first, second, rest], [4, 4, 0])
  await sendVoids(a, b)
  const ids = activated.keys.map((key) => key.keyId)
  await assert.rejects(fetchKeys(b, ids), KeystoreRefusal, 'not even at the peer')
  const late = await b.keys.activate(bristol, readActivation(begun.message))
  assert.equal(late.kind, 'refused', 'nor by an activation that comes late')
  assert.deepEqual(await fetchKeys(b, [...issued.keys()]), issued, 'what was issued stays')
  assertCountsAgree({ a, b })
})

test('a quarantine and the end of a block take lots out of use in the same commit', async () => {
  for (const stop of [
    (end: End) => end.keys.quarantine({ link, cause: 'suspected-tampering' }),
    (end: End) => end.keys.discard({ link, cause: 'suspected-tampering' }),
  ]) {
    const { a, b, borrower } = await withBorrowers()
    const keys = await borrower('one')
    const begun = await reserved(keys)
    assert.equal((await b.keys.activate(bristol, readActivation(begun.message))).kind, 'activated')
    await stop(a)
    await assert.rejects(keys.issue(begun), CONFLICT)
    await assert.rejects(keys.reserve(request), CONFLICT)
    await a.keys.recall(({ holder }) => holder === '', 'revoked')
    assert.deepEqual(a.keys.lots(), [])
    assert.equal(a.keys.pendingVoids(cambridge).length, 2)
  }
})

test('a reservation that its borrower gives up is withdrawn; the rest of the lot goes on', async () => {
  const { a, b, borrower } = await withBorrowers()
  const keys = await borrower('one')
  const begun = await reserved(keys)
  keys.abandon(begun)
  await keys.tend()
  assert.equal(a.keys.pendingVoids(cambridge).length, 1)
  await assert.rejects(keys.issue(begun), CONFLICT)
  await sendVoids(a, b)
  assert.equal((await b.keys.activate(bristol, readActivation(begun.message))).kind, 'refused')
  assert.equal((await made(keys, b)).size, 4)
})

test('a lot that is used up is settled once the last of it was issued', async () => {
  const { a, b, borrower } = await withBorrowers()
  const keys = await borrower('one')
  const [{ range }] = a.keys.lots()
  const begun = await reserved(keys, { number: range.octets / 32 })
  await keys.tend()
  assert.equal(a.keys.lots().length, 1, 'not before')
  assert.equal((await b.keys.activate(bristol, readActivation(begun.message))).kind, 'activated')
  assert.equal((await keys.issue(begun)).length, range.octets / 32)
  await keys.tend()
  assert.deepEqual(a.keys.lots(), [])
  assert.deepEqual(a.keys.pendingVoids(cambridge), [])
  assert.equal(await keys.reserve(request), undefined)
})
