/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PortRefusal } from '#base'
import { blobsOf, bundleOf, by, faultsOf, newSite, resource, textsOf } from './fixture.test.ts'

const wish = { cause: 'wish', actor: 'tester' } as const
const AWAY = { code: 'BLOBS_UNREACHED' }
const away = (): PortRefusal => new PortRefusal('BLOBS_UNREACHED', 'away')
const never = new AbortController().signal
const patient = (id: string) => ({ resourceType: 'Patient', id })
const note = (id: string, text: string) => ({
  ...{ resourceType: 'List', id, status: 'current', mode: 'working' },
  subject: { reference: 'Patient/p' },
  note: [{ text }],
})
const LONG = 'A letter that is long enough to be a file. '.repeat(2000)

test('a sweep beside writes removes what belongs to nothing, and nothing else', async () => {
  const { vault, disk } = await newSite()
  await vault.importRecords(bundleOf(patient('p'), note('l', LONG)), by)
  const stray = `blobs/ab/${'ab'.repeat(32)}`
  await disk.write(stray, new Uint8Array(70_000))
  await disk.write('blobs/ab/notes.txt', new Uint8Array(1))
  const pages = disk.pages.bind(disk)
  // What is written after the list was made has no row yet when rows are first looked up.
  let writing: Promise<unknown> | undefined
  disk.pages = async function* (folder) {
    writing = vault.importRecords(resource(note('k', `${LONG}?`)), by)
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const write = disk.write.bind(disk)
    disk.write = async (path, octets) => {
      await write(path, octets)
      resolve(undefined)
    }
    await promise
    yield* pages(folder)
  }
  assert.equal(await vault.sweep(never), 1)
  await writing
  assert.equal(await disk.read(stray), undefined)
  assert.equal(blobsOf(disk).length, 3)
  assert.deepEqual(await faultsOf(vault), [])
})

test('a sweep that is to end removes nothing', async () => {
  const { vault, disk } = await newSite()
  await disk.write(`blobs/ab/${'ab'.repeat(32)}`, new Uint8Array(8))
  assert.equal(await vault.sweep(AbortSignal.abort()), 0)
  assert.equal(blobsOf(disk).length, 1)
})

test('a disk that refuses to remove files does not stop an erasure, and the sweep removes them', async () => {
  const site = await newSite()
  const { vault, disk } = site
  const { patients } = await vault.importRecords(bundleOf(patient('p'), note('l', LONG)), by)
  const remove = disk.remove.bind(disk)
  disk.remove = (path) => (path.startsWith('blobs/') ? Promise.reject(away()) : remove(path))
  await vault.erase(patients[0], wish)
  assert.equal(blobsOf(disk).length, 1)
  await assert.rejects(vault.sweep(never), AWAY)
  await assert.rejects(vault.readRecord({ type: 'List', id: 'l' }, by), { code: 'VAULT_ERASED' })
  disk.remove = remove
  assert.equal(await vault.sweep(never), 1)
  assert.equal(blobsOf(disk).length, 0)
  assert.deepEqual(await faultsOf(vault), [])
})

test('a parting that the disk refuses half way costs no file', async () => {
  const site = await newSite()
  const { vault, disk } = site
  const { patients } = await vault.importRecords(
    bundleOf(patient('p'), note('l', LONG), note('k', `${LONG}?`), note('m', 'Zugzwang')),
    by,
  )
  const before = await textsOf(vault, patients[0])
  const { object } = await vault.readRecord({ type: 'List', id: 'm' }, by)
  const write = disk.write.bind(disk)
  let written = 0
  disk.write = (path, octets) => (written++ === 1 ? Promise.reject(away()) : write(path, octets))
  const about = { cause: 'wish', actor: 'tester', objects: new Set([object]) } as const
  const also = () => []
  await assert.rejects(vault.eraseObjects(patients[0], { ...about, also }), AWAY)
  assert.equal(written, 2)
  disk.write = write
  const again = await site.reopen()
  assert.equal(await again.sweep(never), 0)
  assert.deepEqual(await textsOf(again, patients[0]), before)
  await again.eraseObjects(patients[0], { ...about, also })
  assert.equal(blobsOf(disk).length, 2)
  assert.deepEqual(await faultsOf(again), [])
})

test('a scrub ends where an object storage is away, and calls nothing damaged', async () => {
  const { vault, disk } = await newSite()
  await vault.importRecords(bundleOf(patient('p'), note('l', LONG)), by)
  const read = disk.read.bind(disk)
  disk.read = () => Promise.reject(away())
  await assert.rejects(faultsOf(vault), AWAY)
  disk.read = () => Promise.reject(new PortRefusal('DISK_FAILED', 'broken'))
  assert((await faultsOf(vault)).length > 0)
  disk.read = read
  assert.deepEqual(await faultsOf(vault), [])
})
