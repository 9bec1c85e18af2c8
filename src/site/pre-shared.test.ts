/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  bind,
  fromCbor,
  linkId,
  PortRefusal,
  SecretBytes,
  siteId,
  statement,
  tablesOf,
  toCbor,
  utf8,
  type CborValue,
  type Disk,
  type Store,
} from '#base'
import type { AuditTrail } from '#audit'
import { MemoryDisk, MemoryStore, seededRandom, SimulatedTime } from '#world/ports'
import { createPreShared, endsOf, importPreShared, type LinkEnds } from './pre-shared.ts'
import { PreShared, preSharedMigrations } from './pre-shared-store.ts'
import { RootKey } from './root-key/root-key.ts'

const link = linkId('bristol-cambridge')
const ENDS: LinkEnds = { link, transmitter: 'bristol', receiver: 'cambridge' }
const passphrase = utf8('carried by two people')
const endsNamed = () => ENDS

const leaves = tablesOf<{ leaf: { kind: string } }>()
const LEAF = statement(leaves.insertInto('leaf').values({ kind: '' }))
const audit: AuditTrail = {
  append: ({ kind }) => bind(LEAF, kind),
  record: () => Promise.resolve(0),
}
const tables = [...preSharedMigrations, { id: 'leaf-1', statements: ['create table leaf (kind)'] }]

/** One site of the link, with a folder and a store that outlive its daemon. */
class End {
  readonly disk = new MemoryDisk()
  readonly root = new RootKey(SecretBytes.take(new Uint8Array(32).fill(9)))
  readonly random
  readonly site
  store = new MemoryStore(tables)

  constructor(site: string) {
    this.site = siteId(site)
    this.random = seededRandom(site === 'bristol' ? 1 : 2)
  }

  copy(): End {
    const copy = new End(this.site)
    for (const [path, file] of this.disk.files) copy.disk.files.set(path, file.slice())
    return copy
  }

  get role() {
    return this.site === ENDS.transmitter ? ('transmitter' as const) : ('receiver' as const)
  }

  /** The daemon of this site, over these ports. */
  open(ports: { disk?: Disk; store?: Store } = {}): PreShared {
    const { site, store, disk, root } = this
    const clock = new SimulatedTime().view()
    return new PreShared({ site, store, disk, clock, audit, root, ...ports })
  }
}

async function courier(sessions: number) {
  const [bristol, cambridge] = [new End('bristol'), new End('cambridge')]
  const { id, file } = await createPreShared(bristol, ENDS, { sessions, passphrase })
  await importPreShared(cambridge, endsNamed, { file, passphrase })
  return { bristol, cambridge, id, file }
}

/** The same key at both ends, as it was before anything was taken. */
async function couriers(sessions: number) {
  const { bristol, cambridge, id } = await courier(sessions)
  return () => ({ bristol: bristol.copy(), cambridge: cambridge.copy(), id })
}

const take = (end: End, place: { id: string; chunk: number }, ports = {}) =>
  end.open(ports).take({ link, role: end.role }, place)

test('both ends find the same hash keys and pads, each for its direction, and no two alike', async () => {
  const { bristol, cambridge, id } = await courier(3)
  const secrets: string[] = []
  for (const chunk of [0, 1, 2]) {
    const [ours, theirs] = [
      await take(bristol, { id, chunk }),
      await take(cambridge, { id, chunk }),
    ]
    assert.equal(ours.id, `bootstrap-psk-${id}-${String(chunk)}`)
    assert.equal(theirs.id, ours.id)
    assert.deepEqual(theirs.receive, ours.send)
    assert.deepEqual(theirs.send, ours.receive)
    for (const { hashKey, pads } of [ours.send, ours.receive]) {
      assert.deepEqual([hashKey.length, pads.length], [16, 16 * 64])
      secrets.push(hashKey.toHex(), pads.toHex())
    }
  }
  assert.equal(new Set(secrets).size, 12)
  assert.deepEqual(await bristol.open().marks(link), [])
  assert.deepEqual([...bristol.disk.files], [], 'a key that is used up goes')
})

test('a chunk that was taken is taken never again, and nothing of it is left in the folder', async () => {
  const { bristol, id } = await courier(4)
  const before = [...bristol.disk.files][0][1].slice()
  await take(bristol, { id, chunk: 2 })
  for (const chunk of [0, 1, 2]) {
    await assert.rejects(take(bristol, { id, chunk }), { code: 'STORE_CONFLICT' })
  }
  const after = [...bristol.disk.files][0][1]
  const slot = before.length / 4
  assert(after.subarray(0, 3 * slot).every((octet) => octet === 0))
  assert.deepEqual(after.subarray(3 * slot), before.subarray(3 * slot))
  assert.deepEqual(await bristol.open().marks(link), [{ id, next: 3, count: 4 }])
})

/** Ports that die at the n-th effect, before or after it. */
function dying(end: End, at: number, after: boolean): { disk: Disk; store: Store } {
  let effects = 0
  const effect = async <T>(work: () => Promise<T>): Promise<T> => {
    const dies = ++effects >= at
    if (dies && !(after && effects === at)) throw new PortRefusal('DISK_FAILED', 'The site died')
    const done = await work()
    if (dies) throw new PortRefusal('DISK_FAILED', 'The site died')
    return done
  }
  const { disk, store } = end
  return {
    disk: {
      read: (path) => disk.read(path),
      list: (folder) => disk.list(folder),
      pages: (folder) => disk.pages(folder),
      write: (path, octets) => effect(() => disk.write(path, octets)),
      overwrite: (path, offset, octets) => effect(() => disk.overwrite(path, offset, octets)),
      remove: (path) => effect(() => disk.remove(path)),
    },
    store: {
      read: (one) => store.read(one),
      commit: (all) => effect(() => store.commit(all)),
    },
  }
}

test('a death before or after any effect gives no chunk twice, and the next is whole', async () => {
  for (const sessions of [2, 3]) {
    const fresh = await couriers(sessions)
    for (const at of [1, 2, 3]) {
      for (const after of [false, true]) {
        const { bristol, cambridge, id } = fresh()
        await take(bristol, { id, chunk: 0 })
        const ports = dying(bristol, at, after)
        const given = await take(bristol, { id, chunk: 1 }, ports).catch(() => undefined)
        const [mark] = await bristol.open().marks(link)
        const isTaken = at > 1 || after
        if (isTaken) {
          await assert.rejects(take(bristol, { id, chunk: 1 }), { code: 'STORE_CONFLICT' })
        } else assert.equal(given, undefined)
        if (sessions === 2 && isTaken) {
          assert.deepEqual([mark, [...bristol.disk.files]], [undefined, []])
          continue
        }
        assert.equal(mark.next, isTaken ? 2 : 1)
        const next = await take(bristol, { id, chunk: mark.next })
        const same = await take(cambridge, { id, chunk: mark.next })
        assert.deepEqual(same.send, next.receive)
        const file = bristol.disk.files.get(`psk/${link}.${id}`)
        const zeros = file?.subarray(0, (file.length / sessions) * (mark.next + 1))
        assert(zeros?.every((octet) => octet === 0) ?? true, 'what a death left is gone now')
      }
    }
  }
})

test('a store that is put back finds its chunk gone, and says so', async () => {
  const { bristol, id } = await courier(3)
  const old = bristol.store.copy()
  await take(bristol, { id, chunk: 0 })
  bristol.store = old
  await assert.rejects(take(bristol, { id, chunk: 0 }), { code: 'PSK_DAMAGED' })
  await take(bristol, { id, chunk: 1 })
})

test('a chunk that was changed, moved, cut off or sealed for another site does not open', async () => {
  const damages: readonly ((file: Uint8Array) => Uint8Array)[] = [
    (file) => file.with(40, file[40] ^ 1),
    (file) => file.with(3, file[3] ^ 1),
    (file) =>
      new Uint8Array([...file.subarray(file.length / 2), ...file.subarray(0, file.length / 2)]),
    (file) => file.slice(0, file.length / 2),
    () => new Uint8Array(0),
  ]
  const fresh = await couriers(2)
  for (const damage of damages) {
    const { bristol, id } = fresh()
    const [[path, file]] = bristol.disk.files
    bristol.disk.files.set(path, damage(file))
    await assert.rejects(take(bristol, { id, chunk: 0 }), { code: 'PSK_DAMAGED' })
  }
  const { bristol, cambridge, id } = fresh()
  for (const [path, file] of cambridge.disk.files) bristol.disk.files.set(path, file)
  await assert.rejects(take(bristol, { id, chunk: 0 }), { code: 'PSK_DAMAGED' })
})

test('the file of a courier is read with its passphrase, by the other end of its link, once', async () => {
  const { bristol, cambridge, file } = await courier(1)
  const fresh = () => new End('cambridge')
  const wrong = { file, passphrase: utf8('carried by two people ') }
  await assert.rejects(importPreShared(fresh(), endsNamed, wrong), { code: 'PSK_FILE_DENIED' })
  const turned = () => ({ link, transmitter: 'cambridge', receiver: 'bristol' })
  const right = { file, passphrase }
  await assert.rejects(importPreShared(fresh(), turned, right), { code: 'PSK_FOREIGN' })
  for (const end of [bristol, cambridge]) {
    await assert.rejects(importPreShared(end, endsNamed, right), { code: 'PSK_EXISTS' })
  }
  const named = (name: string) => endsOf({ site: 'cambridge', links: [] }, name)
  await assert.rejects(importPreShared(fresh(), named, right), { code: 'LINK_UNKNOWN' })
})

test('a file whose members were changed is refused, whichever it is', async () => {
  const { file } = await courier(2)
  const members = fromCbor(file, 65_536) as Record<string, CborValue>
  const changes: readonly (readonly [string, CborValue, string])[] = [
    ['id', '0123456789abcdef', 'PSK_FILE_DENIED'],
    ['salt', new Uint8Array(16), 'PSK_FILE_DENIED'],
    ['nonce', new Uint8Array(12), 'PSK_FILE_DENIED'],
    ['sealed', (members['sealed'] as Uint8Array).map((octet) => octet ^ 1), 'PSK_FILE_DENIED'],
    ['sessions', 3, 'PSK_FILE_INVALID'],
    ['sessions', 0, 'PSK_FILE_INVALID'],
    ['id', '../../identity.s', 'PSK_FILE_INVALID'],
    ['v', 2, 'PSK_FILE_INVALID'],
  ]
  for (const [name, value, code] of changes) {
    const changed = toCbor({ ...members, [name]: value })
    const about = { file: changed, passphrase }
    await assert.rejects(importPreShared(new End('cambridge'), endsNamed, about), { code })
  }
})

test('a key for no session, for too many, or under a passphrase that is none is not made', async () => {
  for (const sessions of [0, -1, 1.5, NaN, 4097]) {
    const made = createPreShared(new End('bristol'), ENDS, { sessions, passphrase })
    await assert.rejects(made, { code: 'PSK_SIZE_INVALID' })
  }
  const bristol = new End('bristol')
  const short = { sessions: 1, passphrase: utf8('1234567') }
  await assert.rejects(createPreShared(bristol, ENDS, short), { code: 'PASSPHRASE_INVALID' })
  assert.deepEqual([...bristol.disk.files], [])
})
