import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { open } from 'node:fs/promises'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { utf8 } from '#base'
import { diskRefusal, openDisk, sweepPending } from './disk.ts'
import { scratch } from './scratch.test.ts'

const failed = { name: 'PortRefusal', code: 'DISK_FAILED' }
const bytes = (file: Uint8Array | undefined): number[] | undefined =>
  file === undefined ? undefined : [...file]

test('a file that was written is read back, replaced whole, and private', async (t) => {
  const folder = scratch(t)
  const disk = openDisk(folder)
  await disk.write('blobs/ab/cdef', Uint8Array.of(1, 2, 3))
  await disk.write('blobs/ab/cdef', Uint8Array.of(9))
  assert.deepEqual(bytes(await disk.read('blobs/ab/cdef')), [9])
  assert.equal(statSync(join(folder, 'blobs/ab/cdef')).mode & 0o777, 0o600)
  assert.equal(statSync(join(folder, 'blobs/ab')).mode & 0o777, 0o700)
  assert.equal(await disk.read('blobs/ab/none'), undefined)
  await disk.write('blobs/b', Uint8Array.of(7))
  assert.deepEqual(await Array.fromAsync(disk.pages('blobs')), [['blobs/b'], ['blobs/ab/cdef']])
  assert.deepEqual(await Array.fromAsync(disk.pages('nothing')), [])
  assert.equal(await disk.read('none/at/all'), undefined)
})

test('every path that leads out of the folder, or could, is refused by every operation', async (t) => {
  const folder = scratch(t)
  const disk = openDisk(folder)
  const bad = [
    '../x',
    'a/../../x',
    '/etc/passwd',
    'a//b',
    'a/',
    './a',
    '.',
    '..',
    '.hidden',
    'a\0b',
  ]
  for (const path of [...bad, 'a\\b', 'ü', 'a b', 'x'.repeat(129), 'a/'.repeat(8) + 'a']) {
    await assert.rejects(disk.write(path, new Uint8Array(1)), failed, path)
    await assert.rejects(disk.read(path), failed, path)
    await assert.rejects(disk.overwrite(path, 0, new Uint8Array(1)), failed, path)
    await assert.rejects(disk.remove(path), failed, path)
    if (path !== '') await assert.rejects(disk.list(path), failed, path)
  }
  await assert.rejects(disk.write('', new Uint8Array(1)), failed)
  assert.deepEqual(readdirSync(folder), [])
})

test('a symbolic link is followed by nobody, neither as a file nor as a folder', async (t) => {
  const folder = scratch(t)
  const outside = scratch(t)
  writeFileSync(join(outside, 'secret'), 'secret')
  const disk = openDisk(folder)
  symlinkSync(outside, join(folder, 'link'))
  symlinkSync(join(outside, 'secret'), join(folder, 'file'))
  await assert.rejects(disk.read('link/secret'), failed)
  await assert.rejects(disk.write('link/secret', utf8('x')), failed)
  await assert.rejects(disk.write('link/deeper/file', utf8('x')), failed)
  await assert.rejects(disk.overwrite('link/secret', 0, utf8('x')), failed)
  await assert.rejects(disk.remove('link/secret'), failed)
  await assert.rejects(disk.list('link'), failed)
  await assert.rejects(disk.read('file'), failed)
  await assert.rejects(disk.overwrite('file', 0, utf8('x')), failed)
  assert.deepEqual(await disk.list(''), [])
  // Replacing a link replaces the link itself.
  await disk.write('file', utf8('ours'))
  assert.equal(readFileSync(join(outside, 'secret'), 'utf8'), 'secret')
  assert.deepEqual(await disk.read('file'), utf8('ours'))
})

test('overwriting stays inside the file, and changes nothing else', async (t) => {
  const disk = openDisk(scratch(t))
  await disk.write('f', Uint8Array.of(0, 1, 2, 3, 4))
  await disk.overwrite('f', 1, Uint8Array.of(8, 9))
  await disk.overwrite('f', 5, new Uint8Array(0))
  assert.deepEqual(bytes(await disk.read('f')), [0, 8, 9, 3, 4])
  for (const [offset, size] of [
    [4, 2],
    [6, 0],
    [-1, 1],
    [0.5, 1],
    [0, 6],
  ] as const) {
    await assert.rejects(disk.overwrite('f', offset, new Uint8Array(size)), failed)
  }
  await assert.rejects(disk.overwrite('g', 0, new Uint8Array(0)), failed)
  assert.deepEqual(bytes(await disk.read('f')), [0, 8, 9, 3, 4])
})

test('a folder lists its files with their paths, in order, and nothing that is half written', async (t) => {
  const folder = scratch(t)
  const disk = openDisk(folder)
  for (const path of ['b', 'a', 'k/2', 'k/1', 'k/deeper/3']) await disk.write(path, utf8(path))
  assert.deepEqual(await disk.list(''), ['a', 'b'])
  assert.deepEqual(await disk.list('k'), ['k/1', 'k/2'])
  assert.deepEqual(await disk.list('none'), [])
  await disk.remove('k/1')
  await disk.remove('k/1')
  await disk.remove('none/at/all')
  assert.deepEqual(await disk.list('k'), ['k/2'])
})

test('what a crash left half written is gone after the next start, and only then', async (t) => {
  const folder = scratch(t)
  await openDisk(folder).write('a', utf8('a'))
  writeFileSync(join(folder, '.pending/7'), 'half')
  const disk = openDisk(folder)
  // Another process may be writing it now.
  assert.deepEqual(readdirSync(join(folder, '.pending')), ['7'])
  sweepPending(folder)
  assert.deepEqual(await disk.read('a'), utf8('a'))
  assert.deepEqual(readdirSync(folder), ['a'])
  await disk.write('b', utf8('b'))
  assert.deepEqual(readdirSync(join(folder, '.pending')), [])
})

test('a folder is no file, and a file no folder', async (t) => {
  const folder = scratch(t)
  const disk = openDisk(folder)
  mkdirSync(join(folder, 'd'), { mode: 0o700 })
  await disk.write('f', utf8('f'))
  await assert.rejects(disk.read('d'), failed)
  await assert.rejects(disk.write('d', utf8('x')), failed)
  await assert.rejects(disk.remove('d'), failed)
  await assert.rejects(disk.write('f/g', utf8('x')), failed)
  assert.deepEqual(readdirSync(join(folder, '.pending')), [])
  assert.deepEqual(await disk.read('f'), utf8('f'))
})

test('files written by many at once are all there, each whole', async (t) => {
  const disk = openDisk(scratch(t))
  const names = Array.from({ length: 64 }, (_, at) => `blobs/${String(at % 4)}/${String(at)}`)
  await Promise.all(names.map((name) => disk.write(name, utf8(name.repeat(100)))))
  for (const name of names) assert.deepEqual(await disk.read(name), utf8(name.repeat(100)))
  await Promise.all(names.map((_, at) => disk.write('same', new Uint8Array(500).fill(at))))
  const same = bytes(await disk.read('same')) ?? []
  assert.equal(same.length, 500)
  assert.equal(new Set(same).size, 1)
})

test('the disk of a site behaves as a map from paths to files', async (t) => {
  const disk = openDisk(scratch(t))
  const path = fc.constantFrom('a', 'b', 'd/a', 'd/b', 'd/e/f')
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('write' as const),
      path,
      octets: fc.uint8Array({ maxLength: 9 }),
    }),
    fc.record({ kind: fc.constant('remove' as const), path }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const model = new Map<string, number[]>()
      for (const one of ['a', 'b', 'd/a', 'd/b', 'd/e/f']) await disk.remove(one)
      for (const one of steps) {
        if (one.kind === 'write') {
          await disk.write(one.path, one.octets)
          model.set(one.path, [...one.octets])
        } else {
          await disk.remove(one.path)
          model.delete(one.path)
        }
      }
      for (const one of ['a', 'b', 'd/a', 'd/b', 'd/e/f']) {
        assert.deepEqual(bytes(await disk.read(one)), model.get(one))
      }
    }),
    { numRuns: 15 },
  )
})

/** Paths that are synced from now on, in order, relative to a folder; with what they hold. */
async function syncs(t: TestContext, folder: string): Promise<string[]> {
  const handle = await open(folder)
  const prototype = Object.getPrototypeOf(handle) as typeof handle
  await handle.close()
  const synced: string[] = []
  const original = Object.getOwnPropertyDescriptor(prototype, 'sync')?.value as () => Promise<void>
  t.mock.method(prototype, 'sync', function (this: typeof handle) {
    const path = readlinkSync(`/proc/self/fd/${String(this.fd)}`)
    synced.push(path === folder ? '.' : path.slice(folder.length + 1))
    return original.call(this)
  })
  return synced
}

test('a write syncs the new file before it is renamed, and then the folder', async (t) => {
  const folder = scratch(t)
  const disk = openDisk(folder)
  await disk.write('d/f', utf8('old'))
  const synced = await syncs(t, folder)
  await disk.write('d/f', utf8('new'))
  assert.deepEqual(synced.splice(0), [`.pending/${process.pid}-1`, 'd'])
  await disk.overwrite('d/f', 0, utf8('x'))
  assert.deepEqual(synced.splice(0), ['d/f'])
  await disk.remove('d/f')
  assert.deepEqual(synced.splice(0), ['d'])
  // Each new folder is synced in the one above it.
  await disk.write('x/y/z', utf8('new'))
  assert.deepEqual(synced.splice(0), [`.pending/${process.pid}-2`, '.', 'x', 'x/y'])
})

test('a full disk is told apart from a failing one', () => {
  const error = (code: string): Error => Object.assign(new Error('x'), { code })
  assert.equal(diskRefusal(error('ENOSPC')).code, 'DISK_FULL')
  assert.equal(diskRefusal(error('EDQUOT')).code, 'DISK_FULL')
  assert.equal(diskRefusal(error('EIO')).code, 'DISK_FAILED')
  assert.deepEqual(diskRefusal(error('EROFS')).facts, { system: 'EROFS' })
})

test('a folder that other accounts can enter is refused', (t) => {
  const folder = scratch(t)
  chmodSync(folder, 0o750)
  assert.throws(() => openDisk(folder), { code: 'PERMISSION_TOO_OPEN' })
  chmodSync(folder, 0o700)
  assert.doesNotThrow(() => openDisk(folder))
  writeFileSync(join(folder, 'file'), '')
  assert.throws(() => openDisk(join(folder, 'file')), { code: 'PERMISSION_DENIED' })
})
