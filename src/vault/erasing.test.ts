import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hex, SecretBytes, uuidOctets, type SqlValue } from '#base'
import { open, parseContainer } from '#envelope'
import { VaultRefusal } from '#vault'
import { fetchContainer } from './blobs.ts'
import {
  all,
  blobsOf,
  BRISTOL,
  bundleOf,
  by,
  CAMBRIDGE,
  carried,
  dump,
  faultsOf,
  importCohort,
  newSite,
  resource,
  ROOT,
  send,
  textsOf,
  type TestSite,
} from './fixture.test.ts'
import { seededRandom } from '#world/ports'
import { newHolderKey, type HolderKey } from './holder-key.ts'
import type { SiteKey } from './keys.ts'
import { derivedSiteKey, holderOf } from './keys.ts'
import { octetsOf } from './rows.ts'
import { SiteKeyFiles } from './site-keys.ts'

const code = (expected: string) => (error: unknown) =>
  error instanceof VaultRefusal && error.code === expected
const wish = { cause: 'wish', actor: 'tester' } as const

const patient = (id: string, more: object = {}) => ({ resourceType: 'Patient', id, ...more })
const note = (id: string, about: string, text: string) => ({
  resourceType: 'List',
  id,
  status: 'current',
  mode: 'working',
  subject: { reference: about },
  note: [{ text }],
})
const LONG = 'A letter that is long enough to be a file. '.repeat(2000)

const run = (site: TestSite, sql: string, ...parameters: readonly SqlValue[]) =>
  site.store.read({ sql, parameters })

/** Every site key that a thief of folder and root key can make. */
async function siteKeysOf({ site, disk }: TestSite): Promise<SiteKey[]> {
  using root = SecretBytes.copyOf(ROOT)
  const files = new SiteKeyFiles({ site, disk }, root)
  const found = [derivedSiteKey(site, root)]
  for (const version of await files.versions()) found.push(await files.read(version, root))
  return found
}

/** How many of the containers of a database somebody opens who has the folder and the root key. */
async function opensWith(from: TestSite, keys: readonly SiteKey[]): Promise<Set<string>> {
  const opened = new Set<string>()
  const holders: HolderKey[] = []
  for (const row of await run(from, 'select * from vault_holder')) {
    for (const siteKey of keys) {
      try {
        using key = siteKey.unwrap(
          { ...holderOf(row), kek: siteKey.version },
          octetsOf(row, 'wrapped'),
        )
        holders.push(newHolderKey({ ...holderOf(row), site: from.site }, key))
      } catch {
        // This site key does not open the row.
      }
    }
  }
  for (const row of await run(from, 'select * from vault_edition')) {
    const column = row['container'] instanceof Uint8Array ? row['container'] : null
    const container = await fetchContainer(from.disk, column, octetsOf(row, 'hash'))
    if (container === undefined) continue
    for (const { wrapping } of holders) {
      try {
        const { object, version } = parseContainer(container).header
        const expected = { object, version }
        const { plaintext } = open({ container, by: wrapping, expected })
        opened.add(Buffer.from(plaintext).toString('latin1'))
      } catch {
        // This holder's key does not open the container.
      }
    }
  }
  return opened
}

test('after an erasure nothing of the patient opens, with the root key and older copies too', async () => {
  const site = await newSite()
  const { vault, store, disk } = site
  const { patients } = await vault.importRecords(
    bundleOf(
      patient('p', { birthDate: '1971-03-04', name: [{ family: 'Vanderquill' }] }),
      note('l', 'Patient/p', LONG),
      note('m', 'Patient/p', 'Zugzwang'),
    ),
    by,
  )
  await vault.importRecords(resource(note('m', 'Patient/p', 'Zwischenzug')), by)
  const [other] = (await vault.importRecords(resource(patient('q')), by)).patients
  const before = { ...site, store: store.copy() }
  const files = new Map(disk.files)
  assert(blobsOf(disk).length === 1, 'one container is a file')
  const texts = [...(await opensWith(before, await siteKeysOf(site)))]
  assert(
    texts.some((text) => text.includes('Zugzwang')),
    'the thief knows how to open',
  )
  assert(texts.some((text) => text.includes('long enough')))

  const erased = await vault.erase(patients[0], wish)
  assert.equal(erased.objects.length, 3)
  const keys = await siteKeysOf(site)
  const open = (text: string) => text.includes('Patient/p') || text.includes('Vanderquill')
  assert.deepEqual([...(await opensWith(site, keys))].filter(open), [])
  // A copy of the database from before, with every container there was.
  for (const [path, octets] of files) if (path.startsWith('blobs/')) disk.files.set(path, octets)
  assert.deepEqual([...(await opensWith(before, keys))], [])
  for (const path of blobsOf(disk)) disk.files.delete(path)

  assert.deepEqual([...(await textsOf(vault, other)).keys()], ['Patient/q'])
  assert.deepEqual(await faultsOf(vault), [])
  assert.deepEqual(await vault.count(), { patients: 1, items: 1 })
})

test('of an erased patient no row is left but bare stones, and their files are gone', async () => {
  const site = await newSite()
  const { vault, disk, store } = site
  const [one] = await importCohort(vault, 1)
  const outcome = await vault.importRecords(
    bundleOf(patient('p'), note('l', 'Patient/p', LONG)),
    by,
  )
  const [id] = outcome.patients
  const files = blobsOf(disk)
  const { objects } = await vault.erase(id, wish)
  assert.deepEqual([files.length, blobsOf(disk).length], [1, 0])
  for (const table of ['holder', 'holding', 'chart', 'page', 'hold']) {
    const rows = await run(site, `select * from vault_${table} where holder_id = ?`, uuidOctets(id))
    assert.deepEqual(rows, [], table)
  }
  for (const object of objects) {
    for (const table of ['edition', 'origin', 'mark', 'holding']) {
      const rows = await run(
        site,
        `select * from vault_${table} where object_id = ?`,
        uuidOctets(object),
      )
      assert.deepEqual(rows, [], table)
    }
  }
  const [first] = await dump(store)
  assert(first.length > 0 && (await textsOf(vault, one)).size > 5)
})

test('what was erased is said to be, and is not filed, sent, found or listed again', async () => {
  const site = await newSite()
  const { vault } = site
  const nhs = { system: 'https://fhir.nhs.uk/Id/nhs-number', value: '9990000018' }
  const bundle = bundleOf(patient('p', { identifier: [nhs] }), note('l', 'Patient/p', 'x'))
  const [id] = (await vault.importRecords(bundle, by)).patients
  const { object } = await vault.readRecord({ type: 'List', id: 'l' }, by)
  await vault.erase(id, wish)
  const gone = code('VAULT_ERASED')
  await assert.rejects(vault.erase(id, wish), gone)
  await assert.rejects(vault.readRecord({ type: 'Patient', id: 'p' }, by), gone)
  await assert.rejects(vault.showItem(object), gone)
  await assert.rejects(all(vault.readPatient(id, by)), gone)
  const asked = { actor: 'tester', act: 'open', judge: () => true } as const
  await assert.rejects(vault.consult({ type: 'List', id: 'l' }, asked), gone)
  await assert.rejects(vault.instancePast({ type: 'List', id: 'l' }, { limit: 5 }, asked), gone)
  assert.deepEqual((await vault.past({ limit: 50 }, asked)).versions, [])
  await assert.rejects(all(vault.exportItems({ patient: id, to: CAMBRIDGE, ...by })), gone)
  assert.deepEqual(await vault.findPatient(nhs, by), [])
  for (const again of [
    bundle,
    resource(patient('p')),
    resource(note('l', 'Patient/other', 'y')),
    resource(note('new', 'Patient/p', 'z')),
  ]) {
    await assert.rejects(vault.importRecords(again, by), gone)
  }
  // The person may come again, as somebody new.
  const [anew] = (await vault.importRecords(resource(patient('p2', { identifier: [nhs] })), by))
    .patients
  assert.notEqual(anew, id)
  assert.deepEqual(await faultsOf(vault), [])
})

test('a resource about two patients goes with the last of them', async () => {
  const site = await newSite()
  const { vault } = site
  const both = {
    resourceType: 'Appointment',
    id: 'a',
    status: 'proposed',
    participant: [
      { actor: { reference: 'Patient/p' }, status: 'accepted' },
      { actor: { reference: 'Patient/q' }, status: 'accepted' },
    ],
  }
  const { patients } = await vault.importRecords(bundleOf(patient('p'), patient('q'), both), by)
  const { objects } = await vault.erase(patients[0], wish)
  assert.equal(objects.length, 1, 'what the other holds too is not among them')
  assert((await textsOf(vault, patients[1])).has('Appointment/a'))
  assert.deepEqual(await faultsOf(vault), [])
  await vault.erase(patients[1], wish)
  await assert.rejects(vault.readRecord({ type: 'Appointment', id: 'a' }, by), code('VAULT_ERASED'))
  assert.deepEqual(await faultsOf(vault), [])
})

test('a database from before the erasure is brought to the same end, or does not open', async () => {
  const site = await newSite()
  const [id, other] = await importCohort(site.vault, 2)
  const before = site.store.copy()
  const keys = [...site.disk.files]
    .filter(([path]) => path.startsWith('site-keys/'))
    .map(([path, octets]) => [path, octets.slice()] as const)
  await site.vault.erase(id, wish)
  site.vault[Symbol.dispose]()
  await assert.rejects(newSite(BRISTOL, { over: { ...site, store: before.copy() } }), {
    code: 'VAULT_KEY_GONE',
  })
  // The site keys of then were put back as well.
  for (const path of [...site.disk.files.keys()]) {
    if (path.startsWith('site-keys/')) site.disk.files.delete(path)
  }
  for (const [path, octets] of keys) site.disk.files.set(path, octets)
  const back = await newSite(BRISTOL, { over: { ...site, store: before } })
  await assert.rejects(all(back.vault.readPatient(id, by)), code('VAULT_ERASED'))
  assert((await textsOf(back.vault, other)).size > 5)
  assert.deepEqual(await faultsOf(back.vault), [])
})

test('a replayed transfer of an erased record is refused at both ends', async () => {
  const bristol = await newSite(BRISTOL)
  const cambridge = await newSite(CAMBRIDGE)
  const [id] = await importCohort(bristol.vault, 1)
  const items = await all(bristol.vault.exportItems({ patient: id, to: CAMBRIDGE, ...by }))
  const { patients } = await send(bristol, cambridge, id)
  const back = await all(cambridge.vault.exportItems({ patient: patients[0], to: BRISTOL, ...by }))
  await bristol.vault.erase(id, wish)
  await cambridge.vault.erase(patients[0], wish)
  const gone = code('VAULT_ERASED')
  const to = (site: TestSite, from: TestSite, some: typeof items) =>
    site.vault.stageImport({ from: from.site, ...by }, carried(some))
  await assert.rejects(to(cambridge, bristol, items), gone)
  await assert.rejects(to(bristol, cambridge, back), gone)
  assert.deepEqual(await faultsOf(bristol.vault), [])
  assert.deepEqual(await faultsOf(cambridge.vault), [])
})

test('while a hold stands nothing is erased or removed, and everything is written', async () => {
  const { vault } = await newSite()
  const [id] = (await vault.importRecords(bundleOf(patient('p')), by)).patients
  await vault.hold(id, { cause: 'court', ...by })
  assert.equal((await vault.holdOn(id))?.cause, 'court')
  const refused = code('VAULT_HELD')
  await assert.rejects(vault.erase(id, wish), refused)
  const remove = { kind: 'remove', type: 'Patient', id: 'p' } as const
  const write = () => vault.write({ ...by, plan: () => [remove] })
  await assert.rejects(write(), refused)
  await vault.importRecords(resource(patient('p', { active: true })), by)
  assert.equal((await vault.readRecord({ type: 'Patient', id: 'p' }, by)).version, 2)
  assert.deepEqual([await vault.release(id, by), await vault.release(id, by)], [true, false])
  await write()
  await vault.erase(id, wish)
  assert.deepEqual(await faultsOf(vault), [])
})

test('a crash at any commit of an erasure is made good at the next start', async () => {
  for (let survive = 0; ; survive++) {
    const site = await newSite()
    const [id, other] = await importCohort(site.vault, 2)
    let left = survive
    site.rig((statements) =>
      left-- > 0 ? site.store.commit(statements) : Promise.reject(new Error('killed')),
    )
    const isDone = await site.vault.erase(id, wish).then(
      () => true,
      () => false,
    )
    site.rig(undefined)
    const vault = await site.reopen()
    await assert.rejects(all(vault.readPatient(id, by)), code('VAULT_ERASED'), String(survive))
    assert((await textsOf(vault, other)).size > 5)
    assert.deepEqual(await faultsOf(vault), [])
    const names = [...site.disk.files.keys()].filter((path) => path.startsWith('site-keys/'))
    assert.equal(names.length, 1, 'the former site key is destroyed')
    if (isDone) break
  }
})

test('a changed site key wraps every holder again and rewrites no record', async () => {
  const site = await newSite()
  const [id] = await importCohort(site.vault, 3)
  const records = await run(site, 'select * from vault_edition order by object_id, edition')
  const former = site.store.copy()
  const { version, holders } = await site.vault.rotate(by)
  assert.deepEqual([version, holders], [3, 6])
  assert.deepEqual(
    await run(site, 'select * from vault_edition order by object_id, edition'),
    records,
  )
  assert((await textsOf(await site.reopen(), id)).size > 5)
  assert.deepEqual(await faultsOf(site.vault), [])
  await assert.rejects(newSite(BRISTOL, { over: { ...site, store: former } }), {
    code: 'VAULT_KEY_GONE',
  })
})

test('a store from before site keys had files opens, and is given one at the next change', async () => {
  const site = await newSite()
  const [id] = await importCohort(site.vault, 1)
  // As such a store was: every holder under the derived key.
  using root = SecretBytes.copyOf(ROOT)
  using derived = derivedSiteKey(BRISTOL, root)
  const files = new SiteKeyFiles(site, root)
  using current = await files.read(2, root)
  for (const row of await run(site, 'select * from vault_holder')) {
    const holder = holderOf(row)
    using key = current.unwrap(holder, octetsOf(row, 'wrapped'))
    const sql = 'update vault_holder set kek = 1, wrapped = ? where holder_id = ?'
    const parameters = [
      derived.wrap({ ...holder, kek: 1 }, key, seededRandom(3)),
      uuidOctets(holder.id),
    ]
    await site.store.commit([{ sql, parameters }])
  }
  await site.store.commit([
    { sql: 'update vault_kek set kek = 1, proof = ?', parameters: [derived.proof()] },
  ])
  await files.destroy(2)
  const vault = await site.reopen()
  assert((await textsOf(vault, id)).size > 5)
  await vault.rotate(by)
  assert((await textsOf(await site.reopen(), id)).size > 5)
  await assert.rejects(site.reopen(ROOT.with(0, 0)), { code: 'VAULT_ROOT_WRONG' })
})

test('a tomb that was changed, taken away or added is found and named', async () => {
  const site = await newSite()
  const [id] = await importCohort(site.vault, 1)
  const { objects } = await site.vault.erase(id, wish)
  const good = await run(site, 'select * from vault_tomb')
  const update = (sql: string, ...parameters: readonly SqlValue[]) =>
    site.store.commit([{ sql, parameters }])
  const statement = octetsOf(good[0], 'statement')
  await update('update vault_tomb set statement = ?', statement.with(40, statement[40] ^ 1))
  assert((await faultsOf(site.vault)).includes(`vault_tomb ${id}: the signatures do not hold`))
  await update('delete from vault_tomb')
  const faults = await faultsOf(site.vault)
  assert(faults.includes(`vault_object ${objects[0]}: no tomb names the object`))
  assert(faults.some((fault) => fault.includes('the row is missing')))
})

test('the words in which an erasure is logged say nothing of the patient', async () => {
  const site = await newSite()
  const [id] = await importCohort(site.vault, 1)
  await site.vault.erase(id, wish)
  const [{ event }] = await site.log.entries({ kind: 'vault.erased' })
  assert.deepEqual(Object.keys(event.facts).toSorted(), ['act', 'cause', 'items', 'tomb'])
  assert(
    !JSON.stringify(event).includes(id) && !JSON.stringify(event).includes(hex(uuidOctets(id))),
  )
})

test('where some of a record is erased the rest opens under a new key, to the letter', async () => {
  const site = await newSite()
  const { vault, disk } = site
  const nhs = { system: 'https://fhir.nhs.uk/Id/nhs-number', value: '9990000018' }
  const { patients } = await vault.importRecords(
    bundleOf(
      patient('p', { identifier: [nhs] }),
      note('l', 'Patient/p', LONG),
      note('m', 'Patient/p', 'Zugzwang'),
    ),
    by,
  )
  await vault.importRecords(resource(note('l', 'Patient/p', `${LONG}!`)), by)
  const before = await textsOf(vault, patients[0])
  const { object } = await vault.readRecord({ type: 'List', id: 'm' }, by)
  const heirs: string[] = []
  const about = { cause: 'wish', actor: 'tester', objects: new Set([object]) } as const
  const also = (heir: string) => {
    heirs.push(heir)
    return []
  }
  const erased = await vault.eraseObjects(patients[0], { ...about, also })
  assert.deepEqual([erased?.objects, heirs.length], [[object], 1])
  const [heir] = await vault.findPatient(nhs, by)
  assert.equal(heir, heirs[0])
  before.delete('List/m')
  for (const opened of [vault, await site.reopen()]) {
    assert.deepEqual(await textsOf(opened, heir), before)
    assert.deepEqual(await faultsOf(opened), [])
  }
  assert.equal(blobsOf(disk).length, 2)
  const texts = [...(await opensWith(site, await siteKeysOf(site)))].join()
  assert(texts.includes('long enough') && !texts.includes('Zugzwang'))
  await assert.rejects(vault.readRecord({ type: 'List', id: 'm' }, by), code('VAULT_ERASED'))
  assert.equal(await vault.eraseObjects(heir, { ...about, also }), undefined)
})
