import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hex, present, siteId, type Uuid } from '#base'
import { verifierOf } from '#crypto'
import { parseSearch } from '#health'
import type { ReceivedItem } from '#vault'
import { checkOrder, readWord, signOrder } from './erasure-messages.ts'
import { importCohort, openedRecord, Pair, type TestSite } from './fixture.test.ts'

const [BRISTOL, CAMBRIDGE] = [siteId('bristol'), siteId('cambridge')]
const wish = { cause: 'wish', actor: 'test' } as const

/** Sends a patient's record and waits for its receipt. @returns the patient's id there */
async function sent(pair: Pair, from: TestSite, to: TestSite, patient: Uuid): Promise<Uuid> {
  const { transfer } = await from.exchange.send({
    ...{ patient, to: to.party.site, dataClass: 'clinical', mode: undefined, actor: 'test' },
  })
  for (let turn = 0; turn < 500; turn++) {
    const { state, reason } = await from.exchange.transfer(transfer)
    if (state === 'delivered') {
      return present((await to.exchange.transfer(transfer)).patient, 'an imported record')
    }
    assert.notEqual(state, 'refused', reason)
    await pair.time.advance(100)
  }
  throw new Error('The record did not arrive')
}

async function settled(pair: Pair, site: TestSite, patient: Uuid) {
  for (let turn = 0; turn < 100; turn++) {
    const standing = present(await site.exchange.erasures.standing(patient), 'an erasure')
    if (standing.sites.every(({ isDone }) => isDone)) return standing
    await pair.time.advance(1000)
  }
  throw new Error('The erasure stays pending')
}

const erased = { code: 'VAULT_ERASED' }

test('an erasure goes where the record went, and is done when that site has signed', async () => {
  const pair = await Pair.open()
  const [bristol, cambridge] = [pair.site('bristol'), pair.site('cambridge')]
  const [patient] = await importCohort(bristol, 1)
  const there = await sent(pair, bristol, cambridge, patient)
  const { objects } = await bristol.exchange.erasures.erase(patient, wish)
  const { sites } = await settled(pair, bristol, patient)
  assert.deepEqual(
    sites.map(({ site, word }) => [site, word?.items, word?.passedOn]),
    [[CAMBRIDGE, objects.length, []]],
  )
  await assert.rejects(openedRecord(bristol, patient), erased)
  await assert.rejects(openedRecord(cambridge, there), erased)
  const row = await bristol.store.read({ sql: 'select * from transfer_end', parameters: [] })
  const word = readWord(row[0]['word'] as Uint8Array, verifierOf(cambridge.signer))
  assert.deepEqual([word.erasure, word.from, word.site], [patient, BRISTOL, CAMBRIDGE])
  assert.throws(() => readWord(row[0]['word'] as Uint8Array, verifierOf(bristol.signer)), {
    code: 'ERASURE_INVALID',
  })
})

test('while the other site is down an erasure is pending, and outlives a restart', async () => {
  const pair = await Pair.open()
  const [bristol, cambridge] = [pair.site('bristol'), pair.site('cambridge')]
  const [patient] = await importCohort(bristol, 1)
  const there = await sent(pair, bristol, cambridge, patient)
  pair.wire = () => Promise.reject(new Error('Nobody is there'))
  await bristol.exchange.erasures.erase(patient, wish)
  await pair.time.advance(60_000)
  const standing = await bristol.exchange.erasures.standing(patient)
  assert.deepEqual(
    standing?.sites.map(({ isDone }) => isDone),
    [false],
  )
  assert((await openedRecord(cambridge, there)).length > 5)
  await bristol.exchange.stop()
  await pair.restart(BRISTOL)
  pair.wire = (_, deliver) => deliver()
  bristol.exchange.start()
  await settled(pair, bristol, patient)
  await assert.rejects(openedRecord(cambridge, there), erased)
})

test('an erasure that was never listed is listed at the next start', async () => {
  const pair = await Pair.open()
  const [bristol, cambridge] = [pair.site('bristol'), pair.site('cambridge')]
  const [patient] = await importCohort(bristol, 1)
  await sent(pair, bristol, cambridge, patient)
  // As if killed between the vault's commit and the list.
  await bristol.vault.erase(patient, wish)
  await bristol.exchange.stop()
  await pair.restart(BRISTOL)
  bristol.exchange.start()
  await pair.time.advance(1000)
  assert.equal((await settled(pair, bristol, patient)).sites.length, 1)
})

test('lost answers and repeated orders change nothing', async () => {
  const pair = await Pair.open()
  const [bristol, cambridge] = [pair.site('bristol'), pair.site('cambridge')]
  const [patient] = await importCohort(bristol, 1)
  await sent(pair, bristol, cambridge, patient)
  let lost = 2
  pair.wire = async (_, deliver) => {
    const answer = await deliver()
    if (lost-- > 0) throw new Error('The answer was lost')
    return answer
  }
  const { objects } = await bristol.exchange.erasures.erase(patient, wish)
  const { sites } = await settled(pair, bristol, patient)
  assert.equal(sites[0].word?.items, objects.length)
})

test('a hold at the other site keeps an erasure pending until it is taken off', async () => {
  const pair = await Pair.open()
  const [bristol, cambridge] = [pair.site('bristol'), pair.site('cambridge')]
  const [patient] = await importCohort(bristol, 1)
  const there = await sent(pair, bristol, cambridge, patient)
  await cambridge.vault.hold(there, { cause: 'court', actor: 'test' })
  await bristol.exchange.erasures.erase(patient, wish)
  await pair.time.advance(20_000)
  const standing = await bristol.exchange.erasures.standing(patient)
  assert.deepEqual(
    standing?.sites.map(({ reason }) => reason),
    ['VAULT_HELD'],
  )
  assert((await openedRecord(cambridge, there)).length > 5)
  await cambridge.vault.release(there, { actor: 'test' })
  await settled(pair, bristol, patient)
  await assert.rejects(openedRecord(cambridge, there), erased)
})

test('what the other site has written itself of the patient stays, and opens', async () => {
  const pair = await Pair.open()
  const [bristol, cambridge] = [pair.site('bristol'), pair.site('cambridge')]
  const own = (await importCohort(cambridge, 1))[0]
  const before = await openedRecord(cambridge, own)
  const [patient] = await importCohort(bristol, 1)
  const there = await sent(pair, bristol, cambridge, patient)
  assert.equal(there, own, 'one person at both sites')
  await bristol.exchange.erasures.erase(patient, wish)
  await settled(pair, bristol, patient)
  const [heir] = await cambridge.vault.patients()
  assert.notEqual(heir.patient, own)
  assert.deepEqual(await openedRecord(cambridge, heir.patient), before)
  const faults: unknown[] = []
  for await (const finding of cambridge.vault.scrub()) {
    if (finding.kind === 'fault') faults.push(finding)
  }
  assert.deepEqual(faults, [])
})

test('a site obeys only for what the other has sent, and never for what it sealed itself', async () => {
  const pair = await Pair.open()
  const [bristol, cambridge] = [pair.site('bristol'), pair.site('cambridge')]
  const [own] = await importCohort(cambridge, 1)
  const objects: Uuid[] = []
  for await (const { object } of cambridge.vault.listPatient(own, { actor: 'test' })) {
    objects.push(object)
  }
  const about = { erasure: own, from: BRISTOL, to: CAMBRIDGE, at: pair.time.view().now() }
  const order = signOrder({ ...about, cause: 'wish', objects }, bristol.signer)
  await cambridge.exchange.handlers['exchange/erase'](BRISTOL, order)
  assert((await openedRecord(cambridge, own)).length > 5)
})

test('an order that another signed, or that is for another site, is refused', async () => {
  const pair = await Pair.open()
  const [bristol, cambridge] = [pair.site('bristol'), pair.site('cambridge')]
  const [patient] = await importCohort(bristol, 1)
  const about = { erasure: patient, from: BRISTOL, to: CAMBRIDGE, at: pair.time.view().now() }
  const good = { ...about, cause: 'wish', objects: [patient] } as const
  const ask = (octets: Uint8Array) => cambridge.exchange.handlers['exchange/erase'](BRISTOL, octets)
  const refused = { code: 'ERASURE_INVALID' }
  await assert.rejects(ask(signOrder(good, cambridge.signer)), refused)
  await assert.rejects(ask(signOrder({ ...good, to: BRISTOL }, bristol.signer)), refused)
  await assert.rejects(ask(new Uint8Array(9)), refused)
  const octets = signOrder(good, bristol.signer)
  for (const at of [60, 100, octets.length - 9]) {
    await assert.rejects(ask(octets.with(at, octets[at] ^ 1)), refused)
  }
  const read = checkOrder(octets, { ...about, by: verifierOf(bristol.signer) })
  assert.deepEqual([read.objects, hex(read.hash).length], [[patient], 64])
})

test('an erasure goes through a second site to a third, and is done when all have signed', async () => {
  const pair = await Pair.open('bristol', 'cambridge', 'ipswich')
  const [bristol, cambridge, ipswich] = [...pair.sites.values()]
  const [patient] = await importCohort(bristol, 1)
  const second = await sent(pair, bristol, cambridge, patient)
  const third = await sent(pair, cambridge, ipswich, second)
  const found = async ({ vault }: TestSite): Promise<readonly string[]> => {
    const now = pair.time.view().now()
    const query = parseSearch({ type: 'Encounter', parameters: [], now, bases: [] })
    const asked = { actor: 'test', act: 'find', judge: () => true } as const
    return (await vault.search(query, asked)).matches.map(({ id }) => id)
  }
  const before = await found(ipswich)
  assert(before.length > 0 && before.every((id) => id.startsWith('from-bristol.')))
  const way = { mode: 'prefer-quantum', used: 'hybrid-quantum', record: new Uint8Array(1) }
  const kept: ReceivedItem[] = []
  const about = { patient, to: CAMBRIDGE, actor: 'test' }
  for await (const item of bristol.vault.exportItems(about)) {
    kept.push({ ...item, protections: [way] })
  }
  let isThirdUp = false
  pair.wire = ({ from, to }, deliver) =>
    isThirdUp || ![from, to].includes(ipswich.party.site)
      ? deliver()
      : Promise.reject(new Error('Nobody is there'))
  const { objects } = await bristol.exchange.erasures.erase(patient, wish)
  await pair.time.advance(60_000)
  // Cambridge has erased, and has not signed: what it passed on is still there.
  await assert.rejects(openedRecord(cambridge, second), erased)
  assert.deepEqual(await found(cambridge), [])
  const standing = present(await bristol.exchange.erasures.standing(patient), 'an erasure')
  assert.deepEqual(
    standing.sites.map(({ site, isDone, reason }) => [site, isDone, reason]),
    [[CAMBRIDGE, false, 'PASSED_ON']],
  )
  assert.deepEqual(await found(ipswich), before)
  isThirdUp = true
  const { sites } = await settled(pair, bristol, patient)
  assert.deepEqual(
    sites.map(({ site, word }) => [site, word?.items, word?.passedOn]),
    [[CAMBRIDGE, objects.length, ['ipswich']]],
  )
  await assert.rejects(openedRecord(ipswich, third), erased)
  assert.deepEqual(await found(ipswich), [])
  for (const { vault } of [cambridge, ipswich]) {
    const replayed = vault.stageImport({ from: BRISTOL, actor: 'test' }, kept)
    await assert.rejects(replayed, erased, 'what somebody kept of the way is not filed again')
  }
})
