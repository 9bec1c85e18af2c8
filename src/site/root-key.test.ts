/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8, type Disk } from '#base'
import { MemoryDisk, seededRandom } from '#world/ports'
import { createRootKey, protectRootKey, readRootKey, rootKeyProtection } from './root-key.ts'

const good = utf8('correct horse battery')

test('a root key under a passphrase is read with it only', async () => {
  const disk = new MemoryDisk()
  using made = await createRootKey(disk, seededRandom(1), good)
  using read = await readRootKey(disk, good)
  assert.deepEqual(read.reveal(), made.reveal())
  for (const wrong of ['', 'correct horse batter', 'correct horse battery ', 'x']) {
    await assert.rejects(readRootKey(disk, utf8(wrong)), { code: 'PASSPHRASE_DENIED' })
  }
  await assert.rejects(readRootKey(disk, undefined), { code: 'PASSPHRASE_NEEDED' })
})

test('a passphrase that is none protects nothing, and is refused', async () => {
  for (const short of ['', '1234567']) {
    const disk = new MemoryDisk()
    await assert.rejects(createRootKey(disk, seededRandom(1), utf8(short)), {
      code: 'PASSPHRASE_INVALID',
    })
    assert.deepEqual([...disk.files], [])
  }
})

test('a folder keeps the root key it has, and any changed octet of it is refused', async () => {
  for (const passphrase of [undefined, good]) {
    const disk = new MemoryDisk()
    using made = await createRootKey(disk, seededRandom(1), passphrase)
    await assert.rejects(createRootKey(disk, seededRandom(2), passphrase), {
      code: 'ROOT_KEY_EXISTS',
    })
    using read = await readRootKey(disk, passphrase)
    assert.deepEqual(read.reveal(), made.reveal())
  }
})

test('a key that lay unprotected is put under a passphrase, and under another', async () => {
  const disk = new MemoryDisk()
  using made = await createRootKey(disk, seededRandom(1), undefined)
  assert.equal(await rootKeyProtection(disk), 'none')
  const unprotected = [...disk.files.values()][0]
  await protectRootKey(disk, seededRandom(2), { present: undefined, next: good })
  assert.equal(await rootKeyProtection(disk), 'passphrase')
  assert(
    unprotected.every((octet) => octet === 0),
    'the former file is overwritten',
  )
  const other = utf8('another good battery')
  const change = { present: utf8('wrong horse'), next: other }
  await assert.rejects(protectRootKey(disk, seededRandom(3), change), { code: 'PASSPHRASE_DENIED' })
  const short = { present: good, next: utf8('short') }
  await assert.rejects(protectRootKey(disk, seededRandom(3), short), { code: 'PASSPHRASE_INVALID' })
  await protectRootKey(disk, seededRandom(3), { present: good, next: other })
  await assert.rejects(readRootKey(disk, good), { code: 'PASSPHRASE_DENIED' })
  using read = await readRootKey(disk, other)
  assert.deepEqual(read.reveal(), made.reveal())
  assert.deepEqual([...disk.files.keys()], ['root.key'])
})

test('a crash at any write of a change of protection loses no key', async () => {
  for (let survive = 0; survive < 4; survive++) {
    const disk = new MemoryDisk()
    using made = await createRootKey(disk, seededRandom(1), undefined)
    let left = survive
    const alive = (act: () => Promise<void>): Promise<void> =>
      left-- > 0 ? act() : Promise.reject(new Error('killed'))
    const dying: Disk = {
      read: (path) => disk.read(path),
      list: (folder) => disk.list(folder),
      write: (path, octets) => alive(() => disk.write(path, octets)),
      overwrite: (path, at, octets) => alive(() => disk.overwrite(path, at, octets)),
      remove: (path) => alive(() => disk.remove(path)),
    }
    const phrases = { present: undefined, next: good }
    await assert.rejects(protectRootKey(dying, seededRandom(2), phrases), /killed/)
    // Once more, as whoever saw it fail does.
    const again = (await rootKeyProtection(disk).catch(() => 'none')) === 'none'
    if (again) await protectRootKey(disk, seededRandom(3), phrases)
    using read = await readRootKey(disk, good)
    assert.deepEqual(read.reveal(), made.reveal(), String(survive))
  }
})
