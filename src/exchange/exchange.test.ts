import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  DAY_MS,
  fromCbor,
  HOUR_MS,
  PortRefusal,
  SeededRandom,
  siteId,
  uuid,
  type Uuid,
} from '#base'
import { UNFINISHED_MAX } from './inbox.ts'
import { readOffer, writeCommit } from './messages.ts'
import { ExchangeRefusal } from './refusal.ts'
import type { Transfer } from './tables.ts'
import { importCohort, openedRecord, Pair, type TestSite } from './fixture.test.ts'

const cambridge = siteId('cambridge')

async function sent(pair: Pair, mode?: Transfer['mode']) {
  const bristol = pair.site('bristol')
  const [patient] = await importCohort(bristol, 1)
  const request = { patient, to: cambridge, dataClass: 'clinical', mode, actor: 'test' }
  const { transfer } = await bristol.exchange.send(request)
  await pair.time.advance(10)
  return { bristol, patient, transfer }
}

test('a record arrives whole, to the letter, with a receipt that says how', async () => {
  const pair = await Pair.open()
  const { bristol, patient, transfer } = await sent(pair, 'require-quantum')
  const there = pair.site('cambridge')
  const done = await bristol.exchange.transfer(transfer)
  assert.deepEqual(bristol.log.lines, [])
  assert.equal(done.state, 'delivered')
  const arrived = await there.exchange.transfer(transfer)
  assert.equal(arrived.state, 'imported')
  assert(arrived.patient !== undefined)
  const original = await openedRecord(bristol, patient)
  assert(original.length > 3)
  assert.deepEqual(await openedRecord(there, arrived.patient), original)
  const protection = fromCbor(done.protection ?? new Uint8Array(0), 8192) as { used: string }
  assert.equal(protection.used, 'hybrid-quantum')
})

test('every single message lost, and every answer lost, costs nothing but time', async () => {
  for (const lose of ['question', 'answer'] as const) {
    for (let lost = 0; lost < 4; lost++) {
      const pair = await Pair.open()
      let passed = 0
      pair.wire = async (_, deliver) => {
        const mine = passed++
        if (mine !== lost) return deliver()
        if (lose === 'answer') await deliver()
        throw new PortRefusal('NETWORK_CLOSED', 'The connection ended before an answer came')
      }
      const { bristol, patient, transfer } = await sent(pair)
      await pair.time.advance(5000)
      const place = `${lose} ${String(lost)}`
      assert.equal((await bristol.exchange.transfer(transfer)).state, 'delivered', place)
      await assertArrivedOnce(pair, patient)
    }
  }
})

test('every message delivered twice, and late again, arrives once', async () => {
  const pair = await Pair.open()
  const late: (() => Promise<unknown>)[] = []
  pair.wire = async (_, deliver) => {
    const first = await deliver()
    late.push(deliver)
    await deliver().catch(() => undefined)
    return first
  }
  const { bristol, patient, transfer } = await sent(pair)
  await pair.time.advance(5000)
  assert.equal((await bristol.exchange.transfer(transfer)).state, 'delivered')
  for (const again of late.toReversed()) await again().catch(() => undefined)
  await assertArrivedOnce(pair, patient)
})

test('either end may crash before and after any message', async () => {
  for (const victim of ['bristol', 'cambridge'] as const) {
    for (const moment of ['before', 'after'] as const) {
      for (let at = 0; at < 4; at++) {
        const pair = await Pair.open()
        let passed = 0
        pair.wire = async (_, deliver) => {
          const mine = passed++
          if (mine === at && moment === 'before') {
            await pair.restart(siteId(victim))
            pair.site('bristol').exchange.start()
            throw new PortRefusal('NETWORK_CLOSED', 'The other end has crashed')
          }
          const answer = await deliver()
          if (mine !== at) return answer
          await pair.restart(siteId(victim))
          pair.site('bristol').exchange.start()
          throw new PortRefusal('NETWORK_CLOSED', 'The other end has crashed')
        }
        const { patient, transfer } = await sent(pair)
        await pair.time.advance(10_000)
        const place = `${victim} ${moment} ${String(at)}`
        const done = await pair.site('bristol').exchange.transfer(transfer)
        assert.equal(done.state, 'delivered', `${place}: ${done.reason}`)
        await assertArrivedOnce(pair, patient)
      }
    }
  }
})

test('a changed octet anywhere in any message imports nothing, and the next attempt does', async () => {
  const pair = await Pair.open()
  const random = new SeededRandom(5)
  let spoilt = 0
  pair.wire = async ({ to, from, method, payload }, deliver) => {
    if (spoilt >= 40) return deliver()
    spoilt++
    const changed = payload.slice()
    changed[random.below(changed.length)] ^= 1 << random.below(8)
    return pair.site(to).exchange.handlers[method](from, changed)
  }
  const { bristol, patient, transfer } = await sent(pair)
  await pair.time.advance(DAY_MS)
  assert.equal(spoilt, 40)
  const done = await bristol.exchange.transfer(transfer)
  assert.equal(done.state, 'delivered', done.reason)
  await assertArrivedOnce(pair, patient)
})

test('require-quantum waits for a key and goes when one comes; prefer-quantum goes, marked', async () => {
  const pair = await Pair.open()
  pair.quantumKeys = 0
  const { bristol, patient, transfer } = await sent(pair, 'require-quantum')
  await pair.time.advance(60_000)
  const waiting = await bristol.exchange.transfer(transfer)
  assert.deepEqual([waiting.state, waiting.reason], ['waiting', 'QUANTUM_KEY_REQUIRED'])
  const marked = await bristol.exchange.send({
    patient,
    to: cambridge,
    dataClass: 'clinical',
    mode: 'prefer-quantum',
    actor: 'test',
  })
  await pair.time.advance(10)
  const gone = await bristol.exchange.transfer(marked.transfer)
  assert.equal(gone.state, 'delivered')
  assert.equal(usedOf(gone), 'hybrid-post-quantum')
  pair.quantumKeys = 5
  bristol.exchange.keysCame()
  await pair.time.advance(10)
  const done = await bristol.exchange.transfer(transfer)
  assert.deepEqual([done.state, usedOf(done)], ['delivered', 'hybrid-quantum'])
  assert.equal(pair.quantumKeys, 4)
})

test('a failing transfer is tried at growing intervals and does not eat keys', async () => {
  const pair = await Pair.open()
  pair.wire = () => Promise.reject(new PortRefusal('NETWORK_CLOSED', 'Nobody is there'))
  const { bristol } = await sent(pair, 'require-quantum')
  for (let second = 0; second < 600; second++) {
    bristol.exchange.keysCame()
    await pair.time.advance(1000)
  }
  assert(pair.quantumKeys > 1000 - 20, `${String(1000 - pair.quantumKeys)} keys were used`)
})

test('what can be known beforehand uses up no key: nobody there, and a record that is damaged', async () => {
  const pair = await Pair.open()
  pair.reachable = false
  const { bristol, transfer } = await sent(pair, 'require-quantum')
  await pair.time.advance(3_600_000)
  const waiting = await bristol.exchange.transfer(transfer)
  assert.deepEqual([waiting.state, waiting.reason], ['waiting', 'NETWORK_UNREACHABLE'])
  assert.equal(pair.quantumKeys, 1000)
  pair.reachable = true
  const octets = "update vault_edition set container = x'00' where container is not null"
  await bristol.store.commit([{ sql: octets, parameters: [] }])
  await pair.time.advance(3_600_000)
  const refused = await bristol.exchange.transfer(transfer)
  assert.deepEqual([refused.state, refused.reason], ['refused', 'RECORD_DAMAGED'])
  assert(refused.finishedAt !== undefined)
  assert.equal(pair.quantumKeys, 1000)
  assert.equal(await bristol.exchange.openCount(), 0)
})

test('attempts that fail after a key was used up become rare', async () => {
  const pair = await Pair.open()
  pair.wire = () => Promise.reject(new ExchangeRefusal('OFFER_INVALID', 'It is never valid here'))
  const { bristol, transfer } = await sent(pair, 'require-quantum')
  await pair.time.advance(DAY_MS)
  const used = 1000 - pair.quantumKeys
  assert(used > 10 && used <= 110, `${used} keys were used`)
  assert.equal((await bristol.exchange.transfer(transfer)).state, 'waiting')
})

test('a peer that begins and never ends takes up little room, and none after a day', async () => {
  const pair = await Pair.open()
  const [bristol, there] = [pair.site('bristol'), pair.site('cambridge')]
  const [patient] = await importCohort(bristol, 1)
  let isHostile = true
  pair.wire = ({ method }, deliver) =>
    isHostile && method === 'exchange/commit'
      ? Promise.reject(new PortRefusal('NETWORK_CLOSED', 'It never commits'))
      : deliver()
  const wish = { patient, to: cambridge, dataClass: 'clinical', mode: undefined, actor: 'test' }
  const begun = UNFINISHED_MAX + 5
  for (let count = 0; count < begun; count++) await bristol.exchange.send(wish)
  await pair.time.advance(10_000)
  const [rows, parts] = [await countIn(there, 'transfer'), await countIn(there, 'transfer_part')]
  assert.equal(rows, UNFINISHED_MAX)
  assert(parts > 0)
  await bristol.exchange.stop()
  there.exchange.start()
  await pair.time.advance(DAY_MS - HOUR_MS)
  assert.equal(await countIn(there, 'transfer'), UNFINISHED_MAX, 'not before a day is over')
  await pair.time.advance(2 * HOUR_MS)
  assert.equal(await countIn(there, 'transfer'), 0)
  assert.equal(await countIn(there, 'transfer_part'), 0)
  isHostile = false
  await pair.restart(siteId('bristol'))
  bristol.exchange.start()
  await pair.time.advance(10_000)
  assert.equal(await bristol.exchange.openCount(), 0, 'what was forgotten is sent anew')
  await assertArrivedOnce(pair, patient)
})

test('no site takes over or disturbs a transfer of another', async () => {
  const pair = await Pair.open()
  const there = pair.site('cambridge')
  let mine = new Uint8Array(0)
  pair.wire = async ({ method, payload }, deliver) => {
    if (method === 'exchange/offer') mine = payload.slice()
    if (method !== 'exchange/items') return deliver()
    for (const method of ['exchange/offer', 'exchange/commit'] as const) {
      const forged = method === 'exchange/offer' ? mine : commitOf(mine)
      const asked = there.exchange.handlers[method](siteId('ipswich'), forged)
      await assert.rejects(asked, { code: 'TRANSFER_DIFFERS' })
    }
    return deliver()
  }
  const { bristol, transfer } = await sent(pair)
  assert.equal((await bristol.exchange.transfer(transfer)).state, 'delivered')
})

test('a stranger, a class without policy and a patient who is not here are refused', async () => {
  const pair = await Pair.open()
  const bristol = pair.site('bristol')
  const [patient] = await importCohort(bristol, 1)
  const wish = { patient, to: cambridge, dataClass: 'clinical', mode: undefined, actor: 'test' }
  await assert.rejects(() => bristol.exchange.send({ ...wish, to: siteId('bristol') }), {
    code: 'TRANSFER_INVALID',
  })
  await assert.rejects(() => bristol.exchange.send({ ...wish, patient: uuid(NOBODY) }), {
    code: 'RECORD_NOT_FOUND',
  })
  assert.equal(await countIn(bristol, 'transfer'), 0)
  const asLink = { ...wish, dataClass: 'link-authentication' }
  await assert.rejects(() => bristol.exchange.send(asLink), { code: 'TRANSFER_INVALID' })
  const noClass = await bristol.exchange.send({ ...wish, dataClass: 'gossip' })
  const reserved = await bristol.exchange.send({ ...wish, mode: 'one-time-pad' })
  await pair.time.advance(100)
  for (const [{ transfer }, reason] of [
    [noClass, 'CLASS_UNKNOWN'],
    [reserved, 'MODE_RESERVED'],
  ] as const) {
    const refused = await bristol.exchange.transfer(transfer)
    assert.deepEqual([refused.state, refused.reason], ['refused', reason])
  }
  await assert.rejects(() => bristol.exchange.transfer(NOBODY), { code: 'TRANSFER_UNKNOWN' })
})

test('sending again what is there already writes nothing and gets a receipt', async () => {
  const pair = await Pair.open()
  const { bristol, patient, transfer } = await sent(pair)
  const wish = { patient, to: cambridge, dataClass: 'clinical', mode: undefined, actor: 'test' }
  const again = await bristol.exchange.send(wish)
  await pair.time.advance(10)
  assert.notEqual(again.transfer, transfer)
  assert.equal((await bristol.exchange.transfer(again.transfer)).state, 'delivered')
  await assertArrivedOnce(pair, patient)
})

const commitOf = (offer: Uint8Array): Uint8Array =>
  writeCommit(readOffer(offer).transfer, new Uint8Array(32))

async function countIn({ store }: TestSite, table: string): Promise<number> {
  const [row] = await store.read({ sql: `select count(*) as n from ${table}`, parameters: [] })
  return Number(row['n'])
}

const usedOf = ({ protection }: Transfer): string =>
  (fromCbor(protection ?? new Uint8Array(0), 8192) as { used: string }).used

/** One patient there, with the same resources to the letter, and no part left lying about. */
async function assertArrivedOnce(pair: Pair, patient: Uuid): Promise<void> {
  const [bristol, there] = [pair.site('bristol'), pair.site('cambridge')]
  const patients = await there.vault.patients()
  assert.equal(patients.length, 1)
  assert.deepEqual(
    await openedRecord(there, patients[0].patient),
    await openedRecord(bristol, patient),
  )
  const { items } = await there.vault.count()
  const received = await there.store.read({
    sql: 'select count(*) as n from transfer_part',
    parameters: [],
  })
  assert.equal(received[0]['n'], 0)
  assert(items >= patients[0].items)
}

const NOBODY = '00000000-0000-4000-8000-000000000000'

test('an import in hand when its site stops ends whole, and a later one is tried again', async () => {
  const pair = await Pair.open()
  const there = pair.site('cambridge')
  const methods: string[] = []
  const stopping = Promise.withResolvers<void>()
  pair.wire = async ({ method }, deliver) => {
    methods.push(method)
    const answer = deliver()
    if (method === 'exchange/commit') stopping.resolve(there.exchange.stop())
    return answer
  }
  const { bristol, patient, transfer } = await sent(pair)
  await pair.time.advance(5000)
  await stopping.promise
  assert.equal(methods.filter((method) => method === 'exchange/commit').length, 1)
  assert.equal((await bristol.exchange.transfer(transfer)).state, 'delivered')
  await assertArrivedOnce(pair, patient)

  const request = { patient, to: cambridge, dataClass: 'clinical', mode: undefined, actor: 'test' }
  const later = await bristol.exchange.send(request)
  await pair.time.advance(5000)
  const { state, reason } = await bristol.exchange.transfer(later.transfer)
  assert.deepEqual([state, reason], ['waiting', 'EXCHANGE_STOPPING'])
  pair.wire = (_, deliver) => deliver()
  await pair.restart(there.party.site)
  await pair.time.advance(60_000)
  assert.equal((await bristol.exchange.transfer(later.transfer)).state, 'delivered')
})
