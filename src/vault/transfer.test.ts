import assert from 'node:assert/strict'
import { test } from 'node:test'
import { epochMs, SecretBytes, utf8, type Uuid } from '#base'
import { newDualSigner, verifierOf } from '#crypto'
import { containerHash, newDataKey, seal, WrapCounter, WrappingKey } from '#envelope'
import { VaultRefusal, type ExportItem } from '#vault'
import { seededRandom } from '#world/ports'
import { encodeBody } from './body.ts'
import {
  all,
  BRISTOL,
  bundleOf,
  by,
  CAMBRIDGE,
  carried,
  dump,
  faultsOf,
  former,
  importCohort,
  IPSWICH,
  known,
  newSite,
  resource,
  ROOT,
  send,
  textsOf,
  type TestSite,
} from './fixture.test.ts'
import { GroupProver, signGroup } from './group.ts'

const refused = (error: unknown): boolean =>
  error instanceof VaultRefusal && error.code === 'VAULT_ITEM_REFUSED'

const exported = (from: TestSite, patient: Uuid): Promise<ExportItem[]> =>
  all(from.vault.exportItems({ patient, to: CAMBRIDGE, ...by }))

test('a record arrives to the letter, with the shared resources it refers to', async () => {
  const bristol = await newSite(BRISTOL)
  const cambridge = await newSite(CAMBRIDGE)
  const [patient, other] = await importCohort(bristol.vault, 2)
  const staged = await send(bristol, cambridge, patient)
  assert.equal(staged.patients.length, 1)
  assert.notEqual(staged.patients[0], patient)
  assert.deepEqual(
    await textsOf(cambridge.vault, staged.patients[0]),
    await textsOf(bristol.vault, patient),
  )
  const own = await all(bristol.vault.listPatient(patient, by))
  const there = await all(cambridge.vault.listPatient(staged.patients[0], by))
  assert.deepEqual(
    there.map(({ object, version, hash }) => [object, version, hash]),
    own.map(({ object, version, hash }) => [object, version, hash]),
  )
  assert(there.every(({ origin }) => origin === BRISTOL))
  const referred = await all(bristol.vault.exportItems({ patient, to: CAMBRIDGE, ...by }))
  assert(referred.length > own.length, 'clinicians and organisations go with the record')
  const entry = JSON.parse([...(await textsOf(bristol.vault, patient)).values()][0]) as {
    generalPractitioner: { reference: string }[]
  }
  const [type, id] = entry.generalPractitioner[0].reference.split('/')
  await cambridge.vault.readRecord({ type, id, origin: BRISTOL }, by)
  await assert.rejects(cambridge.vault.readRecord({ type, id }, by), { code: 'VAULT_NOT_FOUND' })
  assert.equal((await cambridge.vault.patients()).length, 1)
  assert.equal((await textsOf(bristol.vault, other)).size > 0, true)
  assert.deepEqual(await faultsOf(cambridge.vault), [])
  assert.deepEqual(await faultsOf(bristol.vault), [])
})

test('receiving twice is receiving once', async () => {
  const bristol = await newSite(BRISTOL)
  const cambridge = await newSite(CAMBRIDGE)
  const [patient] = await importCohort(bristol.vault, 1)
  const first = await send(bristol, cambridge, patient)
  const before = await dump(cambridge.store)
  const second = await send(bristol, cambridge, patient)
  assert.deepEqual([second.written, second.unchanged], [0, first.written])
  assert.deepEqual(second.patients, first.patients)
  assert.deepEqual(second.statements, [])
  assert.deepEqual(await dump(cambridge.store), before)
})

test('a newer version arrives later, and an older one never takes its place', async () => {
  const bristol = await newSite(BRISTOL)
  const cambridge = await newSite(CAMBRIDGE)
  const patient = { resourceType: 'Patient', id: 'p' }
  const { patients } = await bristol.vault.importRecords(resource(patient), by)
  const old = await exported(bristol, patients[0])
  await bristol.vault.importRecords(resource({ ...patient, active: true }), by)
  const { patients: there } = await send(bristol, cambridge, patients[0])
  const staged = await cambridge.vault.stageImport({ from: BRISTOL, ...by }, carried(old))
  await cambridge.store.commit(staged.statements)
  const about = { type: 'Patient', id: 'p', origin: BRISTOL }
  assert.equal((await cambridge.vault.readRecord(about, by)).version, 2)
  const [{ object }] = await all(cambridge.vault.listPatient(there[0], by))
  assert.equal((await cambridge.vault.showItem(object, 1)).version, 1)
  assert.deepEqual(await faultsOf(cambridge.vault), [])
  await bristol.vault.importRecords(resource({ ...patient, active: false }), by)
  await send(bristol, cambridge, patients[0])
  assert.equal((await cambridge.vault.readRecord(about, by)).version, 3)
  const versions = (await all(cambridge.vault.travelled())).map(({ version }) => version)
  assert.deepEqual(versions, [1, 2, 3], 'every version, however it came')
  assert.deepEqual(await faultsOf(cambridge.vault), [])
})

test('a forwarded record keeps the proof of its first site and every way it took', async () => {
  const bristol = await newSite(BRISTOL)
  const cambridge = await newSite(CAMBRIDGE)
  const ipswich = await newSite(IPSWICH)
  const [patient] = await importCohort(bristol.vault, 1)
  const second = await send(bristol, cambridge, patient)
  const third = await send(cambridge, ipswich, second.patients[0])
  const items = await all(ipswich.vault.listPatient(third.patients[0], by))
  assert(items.every(({ origin, protections }) => origin === BRISTOL && protections.length === 2))
  assert.deepEqual(
    items[0].protections.map(({ mode, used }) => [mode, used]),
    [
      ['require-quantum', 'hybrid-quantum'],
      ['require-quantum', 'hybrid-quantum'],
    ],
  )
  const travelled = await all(ipswich.vault.travelled())
  const objects = travelled.map(({ object }) => object)
  assert.deepEqual(objects, [...new Set(objects)].toSorted(), 'in order, each once')
  assert(items.every(({ object }) => objects.includes(object)))
  assert(travelled.every(({ version, origin }) => version === 1 && origin === BRISTOL))
  assert(travelled.every(({ protections }) => protections.length === 2))
  assert.deepEqual(await all(bristol.vault.travelled()), [], 'nothing came here')
  assert.deepEqual(await faultsOf(ipswich.vault), [])
  const home = await send(ipswich, bristol, third.patients[0])
  assert.deepEqual([home.written, home.patients], [0, [patient]])
})

test('a person known to both sites is one holder at the second', async () => {
  const bristol = await newSite(BRISTOL)
  const cambridge = await newSite(CAMBRIDGE)
  const person = {
    resourceType: 'Patient',
    birthDate: '1970-01-31',
    identifier: [{ system: 'https://fhir.nhs.uk/Id/nhs-number', value: '9990000018' }],
  }
  const { patients } = await bristol.vault.importRecords(resource({ ...person, id: 'b' }), by)
  const local = await cambridge.vault.importRecords(resource({ ...person, id: 'c' }), by)
  const staged = await send(bristol, cambridge, patients[0])
  assert.deepEqual(staged.patients, local.patients)
  assert.equal((await textsOf(cambridge.vault, local.patients[0])).size, 2)
  assert.deepEqual(await faultsOf(cambridge.vault), [])
})

test('an item that does not prove itself is refused, and nothing is written', async () => {
  const bristol = await newSite(BRISTOL)
  const cambridge = await newSite(CAMBRIDGE)
  const [patient, other] = await importCohort(bristol.vault, 2)
  const [item, second] = carried(await exported(bristol, patient))
  const [foreign] = carried(await exported(bristol, other))
  const flipped = (octets: Uint8Array, at: number): Uint8Array => octets.with(at, octets[at] ^ 1)
  const { proof } = item
  const { signature } = proof
  const wrongKey = newDataKey(seededRandom(5))
  const changes: readonly (readonly [string, object])[] = [
    ['container cut', { container: item.container.subarray(0, -1) }],
    ['payload changed', { container: flipped(item.container, item.container.length - 1) }],
    ['header changed', { container: flipped(item.container, 12) }],
    ['another data key', { dataKey: wrongKey }],
    ['statement changed', { proof: { ...proof, statement: flipped(proof.statement, 30) } }],
    [
      'ML-DSA changed',
      { proof: { ...proof, signature: { ...signature, mlDsa: flipped(signature.mlDsa, 0) } } },
    ],
    [
      'Ed25519 changed',
      { proof: { ...proof, signature: { ...signature, ed25519: flipped(signature.ed25519, 0) } } },
    ],
    ['another place', { proof: { ...proof, place: proof.place + 1 } }],
    ['a shorter path', { proof: { ...proof, path: proof.path.slice(1) } }],
    ['the proof of another item', { proof: second.proof }],
    ['the proof of another group', { proof: foreign.proof }],
    ['another container', { container: second.container, dataKey: second.dataKey }],
    ['no protection', { protections: [] }],
  ]
  const before = await dump(cambridge.store)
  const stage = (items: readonly (typeof item)[]) =>
    cambridge.vault.stageImport({ from: BRISTOL, ...by }, items)
  for (const [what, change] of changes) {
    await assert.rejects(stage([second, { ...item, ...change }]), refused, what)
  }
  await assert.rejects(stage([item, item]), refused, 'twice')
  assert.deepEqual(await dump(cambridge.store), before)
  assert.equal((await stage([item, second])).written, 2)
})

test('a site that is not known, or signs with other keys, is refused', async () => {
  const bristol = await newSite(BRISTOL)
  const cambridge = await newSite(CAMBRIDGE)
  const [patient] = await importCohort(bristol.vault, 1)
  const items = carried(await exported(bristol, patient))
  const stage = () => cambridge.vault.stageImport({ from: BRISTOL, ...by }, items)
  const keys = known.get(BRISTOL) ?? []
  known.delete(BRISTOL)
  await assert.rejects(stage, refused)
  known.set(BRISTOL, [verifierOf(newDualSigner())])
  await assert.rejects(stage, refused)
  known.set(BRISTOL, [verifierOf(newDualSigner()), ...keys])
  assert.equal((await stage()).written, items.length)
})

test('what claims to be sealed here and was not is refused', async () => {
  const bristol = await newSite(BRISTOL)
  const [patient] = await importCohort(bristol.vault, 1)
  const items = carried(await exported(bristol, patient))
  const restored = await newSite(BRISTOL)
  known.set(BRISTOL, [verifierOf(bristol.signer)])
  await assert.rejects(restored.vault.stageImport({ from: CAMBRIDGE, ...by }, items), refused)
})

test('stored records stay proven when the statement of their site is over; new ones do not come', async () => {
  const bristol = await newSite(BRISTOL)
  const cambridge = await newSite(CAMBRIDGE)
  const [patient, later] = await importCohort(bristol.vault, 2)
  await send(bristol, cambridge, patient)
  const keys = [verifierOf(bristol.signer)]
  known.set(BRISTOL, [])
  const faults = await faultsOf(await cambridge.reopen())
  assert(faults.length > 0 && faults.every((fault) => fault.startsWith('vault_foreign')))
  former.set(BRISTOL, keys)
  try {
    const reopened = await cambridge.reopen()
    assert.deepEqual(await faultsOf(reopened), [])
    const items = carried(await exported(bristol, later))
    await assert.rejects(reopened.stageImport({ from: BRISTOL, ...by }, items), refused)
  } finally {
    former.clear()
    known.set(BRISTOL, keys)
  }
})

test('the demo profile receives invented patients only', async () => {
  const bristol = await newSite(BRISTOL)
  const cambridge = await newSite(CAMBRIDGE, { synthetic: true })
  const real = { resourceType: 'Patient', id: 'p', active: true }
  const { patients } = await bristol.vault.importRecords(bundleOf(real), by)
  await assert.rejects(send(bristol, cambridge, patients[0]), { code: 'VAULT_NOT_SYNTHETIC' })
  assert.deepEqual(await cambridge.vault.count(), { patients: 0, items: 0 })
})

test('what a known site sealed and signed is refused all the same if it is no valid record', async () => {
  const bristol = await newSite(BRISTOL)
  const cambridge = await newSite(CAMBRIDGE)
  const good = { type: 'Patient', id: 'p', text: '{"resourceType":"Patient","id":"p"}' }
  const stage = (body: typeof good, contentType = 1) => {
    const item = hostile(bristol, encodeBody(body), contentType)
    return cambridge.vault.stageImport({ from: BRISTOL, ...by }, [item])
  }
  for (const bad of [
    { ...good, text: '{"resourceType":"Patient","id":"p","active":1}' },
    { ...good, text: '{"resourceType":"Patient","id":"q"}' },
    { ...good, text: '{"resourceType":"Person","id":"p"}' },
    { ...good, text: 'not JSON' },
    { ...good, type: 'Person' },
  ]) {
    await assert.rejects(stage(bad), refused, bad.text)
  }
  await assert.rejects(stage(good, 2), refused, 'another kind of content')
  const staged = await stage(good)
  assert.equal(staged.written, 1)
  await cambridge.store.commit(staged.statements)
  const other = { ...good, text: '{"resourceType":"Patient","id":"p","active":true}' }
  await assert.rejects(stage(other), refused, 'the same version with another content')
})

/** An item that its site sealed and signed, whatever it holds. */
function hostile({ site, signer }: TestSite, plaintext: Uint8Array, contentType: number) {
  const random = seededRandom(3)
  const dataKey = newDataKey(random)
  using key = newDataKey(random)
  const id = '00000000-0000-4000-8000-00000000000f' as Uuid
  using wrapping = new WrappingKey({ id, key, counter: new WrapCounter() })
  const header = { tenant: site, object: id, version: 1, contentType }
  const container = seal({ header, plaintext, dataKey, wrapUnder: [wrapping], random })
  const entry = { object: id, version: 1, hash: containerHash(container) }
  const proof = new GroupProver(
    signGroup(signer, { site, group: id, at: epochMs(0) }, [entry]),
  ).prove(0)
  const protections = [{ mode: 'require-quantum', used: 'hybrid-quantum', record: utf8('x') }]
  return { container, dataKey, proof, protections }
}

test('the key of one item opens that item alone', async () => {
  const bristol = await newSite(BRISTOL)
  const [patient] = await importCohort(bristol.vault, 1)
  const items = await exported(bristol, patient)
  const seen = new Set(items.map(({ dataKey }) => Buffer.from(dataKey.reveal()).toString('hex')))
  assert.equal(seen.size, items.length)
  const root = Buffer.from(ROOT).toString('hex')
  assert(!seen.has(root))
  using spare = SecretBytes.copyOf(items[0].dataKey.reveal())
  const [, second] = carried(items)
  const cambridge = await newSite(CAMBRIDGE)
  await assert.rejects(
    cambridge.vault.stageImport({ from: BRISTOL, ...by }, [{ ...second, dataKey: spare }]),
    refused,
  )
})

test('the log of each site says what left and what came, and names no patient', async () => {
  const bristol = await newSite(BRISTOL)
  const cambridge = await newSite(CAMBRIDGE)
  const [patient] = await importCohort(bristol.vault, 1)
  const { patients, written } = await send(bristol, cambridge, patient)
  const [left] = await bristol.log.entries({ kind: 'vault.exported' })
  assert.equal(left.event.facts['to'], CAMBRIDGE)
  const [came] = await cambridge.log.entries({ kind: 'vault.received' })
  assert.deepEqual([came.event.facts['from'], came.event.facts['items']], [BRISTOL, written])
  for (const [log, id] of [
    [bristol.log, patient],
    [cambridge.log, patients[0]],
  ] as const) {
    const text = JSON.stringify(await log.entries())
    assert(!text.includes(id))
  }
  assert.equal(utf8(patient).length, 36)
})
