/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '#base'
import { MemoryDisk, seededRandom } from '#world/ports'
import { createRootKey, readRootKey } from './root-key.ts'

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
