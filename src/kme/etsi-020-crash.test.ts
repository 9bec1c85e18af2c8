/**
 * Two operators when messages are lost and machines die: no key is used on one side only without its
 * being voided, none is fetched twice, and what is voided stays so.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SiteId } from '#base'
import type { Answer } from './two-kmes.test.ts'
import {
  doctor,
  ely,
  idsOf,
  keysOf,
  operators,
  originOf,
  otherOf,
  thetford,
  ward,
  type Fault,
  type Operators,
  type Sent,
} from './two-operators.test.ts'

const isTransfer = ({ url }: Sent): boolean => url.endsWith('/ext_keys')
const isVoid = ({ url }: Sent): boolean => url.endsWith('/void')
const isAck = ({ url }: Sent): boolean => url.endsWith('/ack')
const idsIn = ({ text }: Sent): readonly string[] =>
  [...text.matchAll(/"key_id":"([0-9a-f-]{36})"/g)].map(([, id]) => id)

/** The next requests of a kind meet these faults. */
function faults(two: Operators, kind: (sent: Sent) => boolean, ...some: readonly Fault[]): void {
  const left = [...some]
  two.fault = (sent) => (kind(sent) ? (left.shift() ?? 'none') : 'none')
}

/**
 * What must hold once everything has been said: keys that the master was given can be fetched, once;
 * of all others that ever left, none can.
 */
async function assertSettled(
  two: Operators,
  made: readonly (Answer | undefined)[],
  { isIssued = false } = {},
): Promise<void> {
  await two.live(60)
  const given = new Map(
    made
      .filter((answer) => answer?.status === 200)
      .flatMap((answer) => keysOf(answer).map(({ key_ID, key }) => [key_ID, key] as const)),
  )
  const left = new Set(two.sent.filter(isTransfer).flatMap(idsIn))
  for (const id of left) {
    const fetched = await two.fetch(thetford, ward, doctor, [id])
    const status = given.has(id) || isIssued ? 200 : 400
    assert.equal(fetched.status, status, `${id} ${JSON.stringify(fetched.body)}`)
    if (given.has(id)) assert.equal(keysOf(fetched)[0].key, given.get(id))
    assert.equal((await two.fetch(thetford, ward, doctor, [id])).status, 400)
  }
  for (const id of given.keys()) assert(left.has(id))
  assert.equal(two.at(ely).keystore.pool(thetford).pendingVoids, 0)
  const again = await two.make(ely, doctor, ward)
  assert.deepEqual(keysOf(await two.fetch(thetford, ward, doctor, idsOf(again))), keysOf(again))
}

for (const synchronous of [true, false]) {
  const mode = synchronous ? 'synchronous' : 'asynchronous'
  for (const [name, fault] of [
    ['is lost', 'lost'],
    ['is taken and its answer lost', 'answer-lost'],
    ['is answered by 408', 408],
    ['is answered by 500', 500],
  ] as const) {
    test(`${mode}: a transfer that ${name} is repeated, the same keys under the same names`, async () => {
      const two = await operators({ synchronous })
      faults(two, isTransfer, fault)
      const made = await two.make(ely, doctor, ward, { number: 2 })
      assert.equal(made?.status, 200)
      const bodies = new Set(two.sent.filter(isTransfer).map(({ text }) => text))
      assert.deepEqual([two.sent.filter(isTransfer).length, bodies.size], [2, 1])
      await assertSettled(two, [made])
    })

    test(`${mode}: a transfer that ${name} each time is voided, and its keys are gone`, async () => {
      const two = await operators({ synchronous })
      faults(two, isTransfer, fault, fault, fault)
      const made = await two.make(ely, doctor, ward, { number: 2 })
      assert.equal(made?.status, 503)
      await two.live(5)
      assert(two.sent.some(isVoid))
      await assertSettled(two, [made])
    })
  }

  for (const status of [400, 401]) {
    test(`${mode}: after ${status} nothing was kept, and nothing is voided`, async () => {
      const two = await operators({ synchronous })
      faults(two, isTransfer, status)
      const made = await two.make(ely, doctor, ward)
      assert.equal(made?.status, 503)
      await two.live(5)
      assert(!two.sent.some(isVoid))
      await assertSettled(two, [made])
    })
  }

  test(`${mode}: 400 after a loss proves nothing`, async () => {
    const two = await operators({ synchronous })
    faults(two, isTransfer, 'answer-lost', 400)
    const made = await two.make(ely, doctor, ward)
    assert.equal(made?.status, 503)
    await assertSettled(two, [made])
    assert(two.sent.some(isVoid))
  })

  test(`${mode}: voids are owed while a partner is away, with pauses, over a restart`, async () => {
    const two = await operators({ synchronous })
    two.fault = (sent) => (isTransfer(sent) ? 'answer-lost' : isVoid(sent) ? 'lost' : 'none')
    const made = await two.make(ely, doctor, ward)
    assert.equal(made?.status, 503)
    await two.live(30)
    const attempts = two.sent.filter(isVoid).length
    assert(attempts >= 3 && attempts <= 8, `${attempts} attempts in half a minute`)
    const refused = await two.make(ely, doctor, ward)
    assert.equal(refused?.status, 503)
    assert.equal(two.sent.filter(isTransfer).length, 3, 'no new key while a void is owed')
    await two.open(ely)
    two.fault = () => 'none'
    await assertSettled(two, [made])
  })

  for (const site of [ely, thetford]) {
    test(`${mode}: ${site} may die before or after each of its commits`, async () => {
      let survived = false
      for (let commit = 1; !survived; commit++) {
        for (const isMade of [false, true]) {
          survived = await dies(synchronous, site, { left: commit, isMade })
        }
        assert(commit < 40, 'a transfer takes few commits')
      }
    })
  }
}

/** @returns whether it lived through all of it */
async function dies(
  synchronous: boolean,
  site: SiteId,
  fuse: { left: number; isMade: boolean },
): Promise<boolean> {
  const two = await operators({ synchronous })
  const store = two.stores.get(site)
  assert(store !== undefined)
  store.fuse = { ...fuse }
  const made = await two.make(ely, doctor, ward, { number: 2 })
  const isDead = store.isDead
  await two.open(site)
  // Issued, and the answer lost with the machine: nobody has it, and it waits until it expires.
  const isIssued =
    site === ely && made === undefined && two.at(ely).keystore.pool(thetford).pendingVoids === 0
  await assertSettled(two, [made], { isIssued })
  return !isDead
}

test('a lost acknowledgement is repeated, over a restart of whoever owes it', async () => {
  const two = await operators({ synchronous: false, limits: { patienceMs: 15_000 } })
  two.fault = (sent) => (isAck(sent) ? 'lost' : 'none')
  const pending = two.make(ely, doctor, ward)
  await two.time.advance(1000)
  assert(two.sent.some(isAck))
  await two.open(thetford)
  two.fault = () => 'none'
  await two.live(3)
  const made = await pending
  assert.equal(made?.status, 200)
  await assertSettled(two, [made])
})

test('`relayed` that comes after the void revives nothing', async () => {
  const two = await operators({ synchronous: false })
  two.fault = (sent) => (isAck(sent) && sent.text.includes('"relayed"') ? 'lost' : 'none')
  const made = await two.make(ely, doctor, ward)
  assert.equal(made?.status, 503)
  two.fault = () => 'none'
  await two.live(10)
  const late = two.sent.filter(isAck).map(({ text }) => text)
  assert(late.filter((text) => text.includes('"relayed"')).length >= 2)
  for (const text of late) {
    const answer = await two.ask(ely, 'ext_keys/ack', JSON.parse(text) as object)
    assert.equal(answer.status, 200)
  }
  await assertSettled(two, [made])
})

test('`failed` for one key of several has all of them voided', async () => {
  const two = await operators()
  let isTaken = false
  // The second key_ID is in use already when the transfer comes.
  two.before = async (sent) => {
    const [, second] = idsIn(sent)
    if (isTaken || !isTransfer(sent)) return
    isTaken = true
    const value = Buffer.alloc(32, 9).toString('base64')
    await two.ask(thetford, 'ext_keys', {
      ...{ keys: [{ key_id: second, value }] },
      ...{ initiator_sae_id: doctor, target_sae_ids: [ward] },
    })
  }
  const made = await two.make(ely, doctor, ward, { number: 2 })
  assert.equal(made?.status, 503)
  await assertSettled(two, [made])
})

test('a partner who does not say what he can do gets no key', async () => {
  const two = await operators()
  for (const fault of ['lost', 'garbled', 404] as const) {
    two.fault = () => fault
    assert.equal((await two.make(ely, doctor, ward))?.status, 503)
  }
  assert(!two.sent.some((sent) => isTransfer(sent) || isVoid(sent)))
  two.fault = () => 'none'
  await assertSettled(two, [])
})

test('without a way back, only a partner who answers at once gets keys', async () => {
  const two = await operators({ synchronous: false, callback: false })
  assert.equal((await two.make(ely, doctor, ward))?.status, 503)
  assert(!two.sent.some(isTransfer))
})

test('a partner who takes a key back while its outcome is awaited has it voided at both ends', async () => {
  const two = await operators({ synchronous: false })
  two.fault = (sent) => (isAck(sent) && sent.from === thetford ? 'lost' : 'none')
  const pending = two.make(ely, doctor, ward)
  await two.time.advance(500)
  const sent = two.sent.find(isTransfer)
  assert(sent !== undefined)
  const answer = await two.ask(ely, 'ext_keys/void', {
    ...{ key_ids: idsIn(sent), initiator_sae_id: doctor, target_sae_ids: [ward] },
    ack_callback_url: `${originOf(thetford)}/kmapi/v1/ext_keys/ack`,
  })
  assert.equal(answer.status, 202)
  assert.equal((await pending)?.status, 503)
  two.fault = () => 'none'
  await assertSettled(two, [await pending])
})

test('what its master has is not taken back by the partner it was sent to', async () => {
  const two = await operators()
  const made = await two.make(ely, doctor, ward)
  const answer = await two.ask(ely, 'ext_keys/void', {
    ...{ key_ids: idsOf(made), initiator_sae_id: doctor, target_sae_ids: [ward] },
  })
  const [{ ack_status }] = answer.body as { ack_status: string }[]
  assert.equal(ack_status, 'failed to void')
  assert.equal(otherOf(ely), thetford)
})

test('a late void of a delivered key is an alarm', async () => {
  const two = await operators({ synchronous: false })
  two.fault = (sent) => (isAck(sent) ? 'lost' : 'none')
  const pending = two.make(ely, doctor, ward)
  await two.time.advance(500)
  const [sent] = two.sent.filter(isTransfer)
  assert.equal((await two.fetch(thetford, ward, doctor, idsIn(sent))).status, 200)
  assert.equal((await pending)?.status, 503)
  two.fault = () => 'none'
  await two.live(30)
  assert.deepEqual(
    two.at(ely).alarms.map(({ kind }) => kind),
    ['withdrawal-too-late'],
  )
})

test('traffic one way alone does not pile up octets that nobody uses', async () => {
  const two = await operators()
  for (let round = 0; round < 20; round++) {
    const made = await two.make(ely, doctor, ward, { number: 128, size: 4096 })
    assert.equal((await two.fetch(thetford, ward, doctor, idsOf(made))).status, 200)
    await two.live(1)
  }
  for (const site of [ely, thetford]) {
    const { availableBits, peerBits } = two.at(site).keystore.pool(otherOf(site))
    assert(availableBits + peerBits < 8 * 600_000, `${site}: ${availableBits} and ${peerBits} bits`)
  }
})
