/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { siteId, utf8, type Disk, type SecretBytes } from '#base'
import type { HandedShares, NewRootKeyForm } from '#contract'
import { newSiteKeys, openSiteKeys, sealSiteKeys } from '#pki'
import { MemoryDisk, seededRandom } from '#world/ports'
import { FILES } from '../material.ts'
import { protectRootKey, rekeyRoot } from './changing.ts'
import { rootKeyForm } from './forms.ts'
import { createRootKey, keyFor, readRootKey, type RootKey } from './root-key.ts'
import { readShare, rootOfShares } from './shares.ts'

const good = utf8('correct horse battery')
const site = siteId('bristol')

test('a root key under a passphrase is read with it only', async () => {
  const disk = new MemoryDisk()
  using made = await createRootKey(disk, seededRandom(1), good)
  using read = await readRootKey(disk, good)
  assertSame(read, made)
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

test('a folder keeps the root key it has', async () => {
  for (const passphrase of [undefined, good]) {
    const disk = new MemoryDisk()
    using made = await createRootKey(disk, seededRandom(1), passphrase)
    await assert.rejects(createRootKey(disk, seededRandom(2), passphrase), {
      code: 'ROOT_KEY_EXISTS',
    })
    using read = await readRootKey(disk, passphrase)
    assertSame(read, made)
  }
})

test('a changed octet beside the root key is found', async () => {
  const disk = new MemoryDisk()
  await createRootKey(disk, seededRandom(1), undefined)
  const trunk = await disk.read('root.trunk')
  assert(trunk !== undefined)
  trunk[trunk.length - 1] ^= 1
  await disk.write('root.trunk', trunk)
  await assert.rejects(readRootKey(disk, undefined), { code: 'ROOT_KEY_DAMAGED' })
})

test('a root key goes through all its forms and stays the same', async () => {
  const disk = new MemoryDisk()
  using made = await createRootKey(disk, seededRandom(1), undefined)
  assert.equal((await rootKeyForm(disk)).form, 'file')
  const open = disk.files.get('root.key')
  await protectRootKey(disk, seededRandom(2), { present: undefined, next: under(good) })
  assert.equal((await rootKeyForm(disk)).form, 'passphrase')
  assert(
    open?.every((octet) => octet === 0),
    'the former file is overwritten',
  )
  const wrong = { present: utf8('wrong horse'), next: under(utf8('another good battery')) }
  await assert.rejects(protectRootKey(disk, seededRandom(3), wrong), { code: 'PASSPHRASE_DENIED' })
  const short = { present: good, next: under(utf8('short')) }
  await assert.rejects(protectRootKey(disk, seededRandom(3), short), { code: 'PASSPHRASE_INVALID' })
  const { next, handed } = inShares()
  await protectRootKey(disk, seededRandom(4), { present: good, next })
  const { form } = await rootKeyForm(disk)
  assert.equal(form, 'shares')
  await assert.rejects(readRootKey(disk, good), { code: 'SHARES_NEEDED' })
  using read = await readRootKey(disk, utf8(linesOf(handed).slice(2).join('\n')))
  assertSame(read, made)
  const back = { present: utf8(linesOf(handed).slice(0, 3).join('\n')), next: under(good) }
  await protectRootKey(disk, seededRandom(5), back)
  await assert.rejects(readRootKey(disk, utf8(linesOf(handed).join('\n'))), {
    code: 'PASSPHRASE_DENIED',
  })
  assert.deepEqual([...disk.files.keys()].toSorted(), ['root.key', 'root.trunk'])
})

test('any three of five shares give the root key, and two with any other line do not', async () => {
  const disk = new MemoryDisk()
  using made = await createRootKey(disk, seededRandom(1), undefined)
  const { next, handed } = inShares()
  await protectRootKey(disk, seededRandom(2), { present: undefined, next })
  const lines = linesOf(handed)
  for (let a = 0; a < 5; a++) {
    for (let b = 0; b < a; b++) {
      const two = [lines[a], lines[b]]
      await assert.rejects(readRootKey(disk, utf8(two.join('\n'))), { code: 'SHARES_NEEDED' })
      // The same one twice is one.
      const twice = utf8([...two, lines[a]].join('\n'))
      await assert.rejects(readRootKey(disk, twice), { code: 'SHARES_NEEDED' })
      for (let c = 0; c < b; c++) {
        const text = ['Some words', ...two, '', lines[c].toUpperCase()].join('\r\n')
        using read = await readRootKey(disk, utf8(text))
        assertSame(read, made)
      }
    }
  }
  const other = new MemoryDisk()
  await createRootKey(other, seededRandom(9), undefined)
  const foreign = inShares()
  await protectRootKey(other, seededRandom(8), { present: undefined, next: foreign.next })
  const mixed = [lines[0], lines[1], linesOf(foreign.handed)[2]]
  await assert.rejects(readRootKey(disk, utf8(mixed.join('\n'))), { code: 'SHARE_FOREIGN_DENIED' })
})

test('every changed digit of a share is named before it is used', async () => {
  const disk = new MemoryDisk()
  await createRootKey(disk, seededRandom(1), undefined)
  const { next, handed } = inShares()
  await protectRootKey(disk, seededRandom(2), { present: undefined, next })
  const [line] = linesOf(handed)
  for (let at = 0; at < line.length; at++) {
    const changed = line[at] === '0' ? '1' : '0'
    const spoilt = line.slice(0, at) + changed + line.slice(at + 1)
    assert.throws(() => readShare(spoilt), { code: 'SHARE_INVALID' }, `digit ${at}`)
  }
  for (const cut of [line.slice(0, -1), `${line}0`, 'pws1-', '']) {
    assert.throws(() => readShare(cut), { code: 'SHARE_INVALID' })
  }
})

test('a share that was made up for the ceremony is refused by its number', async () => {
  const disk = new MemoryDisk()
  await createRootKey(disk, seededRandom(1), undefined)
  const { next, handed } = inShares()
  await protectRootKey(disk, seededRandom(2), { present: undefined, next })
  const kept = await rootKeyForm(disk)
  assert(kept.form === 'shares')
  const [first, second, third] = linesOf(handed).map(readShare)
  for (const forged of [
    { ...third, octets: third.octets.map((octet, at) => (at === 5 ? octet ^ 1 : octet)) },
    { ...third, number: 4 },
    { ...third, number: 0 },
    { ...third, number: 6 },
    { ...third, threshold: 2 },
  ]) {
    await assert.rejects(rootOfShares(kept, [first, second, forged]), {
      code: 'SHARE_CHANGED_DENIED',
    })
  }
  // Two good ones do not pass for three where the file itself was changed.
  const weakened = { ...kept, threshold: 2 }
  await assert.rejects(rootOfShares(weakened, [first, second]), { code: 'SHARES_DENIED' })
})

test('a ceremony that is broken off leaves everything as it was', async () => {
  const disk = new MemoryDisk()
  using made = await createRootKey(disk, seededRandom(1), good)
  const before = new Map(disk.files)
  const handOut = (): Promise<void> => Promise.reject(new Error('a holder went home'))
  const next: NewRootKeyForm = { form: 'shares', counts: { shares: 5, threshold: 3 }, handOut }
  const change = { present: good, next }
  await assert.rejects(protectRootKey(disk, seededRandom(2), change), /went home/)
  await assert.rejects(rekeyRoot(disk, seededRandom(3), { site, ...change }), /went home/)
  assert.deepEqual(new Map(disk.files), before)
  using read = await readRootKey(disk, good)
  assertSame(read, made)
})

test('counts that make no ceremony are refused', async () => {
  const disk = new MemoryDisk()
  await createRootKey(disk, seededRandom(1), undefined)
  for (const counts of [
    { shares: 5, threshold: 1 },
    { shares: 2, threshold: 3 },
    { shares: 17, threshold: 3 },
    { shares: 5, threshold: 2.5 },
  ]) {
    const next = { ...inShares().next, counts } as NewRootKeyForm
    const change = { present: undefined, next }
    await assert.rejects(protectRootKey(disk, seededRandom(2), change), {
      code: 'SHARE_COUNTS_INVALID',
    })
  }
})

test('another root key opens what the old one did, and the old one nothing more', async () => {
  const disk = new MemoryDisk()
  using old = await siteFolder(disk, good)
  const carried = use(old, 'people')
  const before = new Map(disk.files)
  const { next, handed } = inShares()
  const { sealed } = await rekeyRoot(disk, seededRandom(3), { site, present: good, next })
  assert.equal(sealed, 2)
  using now = await readRootKey(disk, utf8(linesOf(handed).join('\n')))
  assert.notDeepEqual(now.secret.reveal(), old.secret.reveal())
  assert.deepEqual(use(now, 'people'), carried, 'keys whose work lies in rows stay')
  assert.notDeepEqual(use(now, 'vault'), use(old, 'vault'))
  await assertOpens(disk, now)
  using identity = keyFor(old, 'identity')
  const octets = disk.files.get(FILES.keys)
  assert(octets !== undefined)
  assert.throws(() => openSiteKeys(octets, identity.reveal()))
  await assert.rejects(readRootKey(disk, good), { code: 'SHARES_NEEDED' })
  // With the old file put back the old passphrase gives the old key: it opens nothing.
  const file = before.get('root.key')
  assert(
    file?.every((octet) => octet === 0),
    'the old form was overwritten',
  )
})

test('a crash at any write of a change leaves the old root key or the new, whole', async () => {
  for (const act of ['protect', 'rekey'] as const) {
    let sawOld = false
    let sawNew = false
    for (let survive = 0; ; survive++) {
      const disk = new MemoryDisk()
      await siteFolder(disk, undefined)
      let left = survive
      const { next, handed } = inShares()
      const change = { present: undefined, next }
      const dying = dyingDisk(disk, () => left-- > 0)
      const run =
        act === 'protect'
          ? protectRootKey(dying, seededRandom(2), change)
          : rekeyRoot(dying, seededRandom(2), { site, ...change })
      const failed = await run.then(
        () => false,
        () => true,
      )
      const isNew = (await rootKeyForm(disk)).form === 'shares'
      const given = isNew ? utf8(linesOf(handed).join('\n')) : undefined
      using now = await readRootKey(disk, given)
      await assertOpens(disk, now)
      assert(isNew || !sawNew, 'what has happened is not undone')
      if (isNew) sawNew = true
      else sawOld = true
      const changing = [...disk.files.keys()].filter((path) => path.startsWith('root.change'))
      assert.deepEqual(changing, [], `${act} ${survive}`)
      if (!failed) break
    }
    assert(sawOld && sawNew)
  }
})

/** A site's folder, with its identity. */
async function siteFolder(disk: Disk, passphrase: Uint8Array | undefined): Promise<RootKey> {
  const root = await createRootKey(disk, seededRandom(1), passphrase)
  using identity = keyFor(root, 'identity')
  await disk.write(FILES.keys, sealSiteKeys(keys, identity.reveal(), seededRandom(5)))
  return root
}

async function assertOpens(disk: Disk, root: RootKey): Promise<void> {
  using identity = keyFor(root, 'identity')
  const octets = await disk.read(FILES.keys)
  assert(octets !== undefined)
  assert.deepEqual(openSiteKeys(octets, identity.reveal()).statement.mlDsa, keys.statement.mlDsa)
}

function dyingDisk(disk: Disk, isAlive: () => boolean): Disk {
  const alive = (act: () => Promise<void>): Promise<void> =>
    isAlive() ? act() : Promise.reject(new Error('killed'))
  return {
    read: (path) => disk.read(path),
    list: (folder) => disk.list(folder),
    pages: (folder) => disk.pages(folder),
    write: (path, octets) => alive(() => disk.write(path, octets)),
    overwrite: (path, at, octets) => alive(() => disk.overwrite(path, at, octets)),
    remove: (path) => alive(() => disk.remove(path)),
  }
}

/** Three of five shares, and what their holders got. */
function inShares(): { next: NewRootKeyForm; handed: HandedShares[] } {
  const handed: HandedShares[] = []
  const handOut = (shares: HandedShares): Promise<void> => {
    handed.push(shares)
    return Promise.resolve()
  }
  return { next: { form: 'shares', counts: { shares: 5, threshold: 3 }, handOut }, handed }
}

function linesOf(handed: readonly HandedShares[]): readonly string[] {
  assert.equal(handed.length, 1)
  return handed[0].lines
}

const under = (passphrase: Uint8Array) => ({ form: 'passphrase', passphrase }) as const

function use(root: RootKey, name: string): Uint8Array {
  using key = keyFor(root, name)
  return new Uint8Array(key.reveal())
}

function assertSame(a: RootKey, b: RootKey): void {
  const octets = ({ secret, trunk }: RootKey): readonly SecretBytes[] => [secret, trunk]
  octets(a).forEach((one, at) => assert.deepEqual(one.reveal(), octets(b)[at].reveal()))
}

const keys = newSiteKeys()
