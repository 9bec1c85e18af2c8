/**
 * One key for slaves at two other KMEs: the same everywhere, once for each, or nowhere.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kmeId, linkId, SecretBytes, toCbor, type SiteId, type Statement } from '#base'
import { keystoreMigrations, openKeystore, type Keystore } from '#keystore'
import { createKme, type Kme } from '#kme'
import {
  MemoryDisk,
  MemoryLog,
  MemoryStore,
  seededRandom,
  settle,
  SimulatedTime,
} from '#world/ports'
import {
  archive,
  assertRefused,
  bristol,
  call,
  cambridge,
  clinic,
  dec,
  directory,
  enc,
  keyIdsOf,
  london,
  office,
  ward,
} from './two-kmes.test.ts'

interface Node {
  keystore: Keystore
  kme: Kme
  readonly store: MemoryStore
  readonly disk: MemoryDisk
}

/** Bristol in the middle, with a link to each of the others. */
class Trio {
  readonly time = new SimulatedTime()
  readonly nodes = new Map<SiteId, Node>()
  /** Sites that no message reaches, or whose answers get lost. */
  readonly lost = new Set<string>()
  #sequence = 0

  at(site: SiteId): Node {
    const node = this.nodes.get(site)
    assert(node !== undefined)
    return node
  }

  async open(site: SiteId): Promise<void> {
    const { store, disk } = this.nodes.get(site) ?? {
      store: new MemoryStore(keystoreMigrations),
      disk: new MemoryDisk(),
    }
    const far = site === bristol ? [cambridge, london] : [site]
    const keystore = await openKeystore({
      ...{
        site,
        store,
        disk,
        clock: this.time.view(),
        random: seededRandom(++this.#sequence, site),
      },
      audit: { append: (): Statement => ({ sql: 'select 1', parameters: [] }) },
      wrappingRoot: SecretBytes.take(new Uint8Array(32).fill(9)),
      links: far.map((end) => ({
        link: linkId(`bristol-${end}`),
        ...{ peer: site === bristol ? end : bristol, transmitter: bristol, receiver: end },
        reserveOctets: 0,
      })),
    })
    const kme = createKme({
      ...{ site, kme: kmeId(`kme.${site}`), keystore, directory, log: new MemoryLog() },
      ...{ clock: this.time.view(), random: seededRandom(++this.#sequence, site) },
      peer: {
        activate: (to, octets) =>
          this.#carry(to, 'activate', () =>
            this.at(to).kme.acceptActivations(site, octets.slice()),
          ),
        void: (to, octets) =>
          this.#carry(to, 'void', () => this.at(to).kme.acceptWithdrawals(site, octets.slice())),
        stream: (to, octets) =>
          this.#carry(to, 'stream', () => this.at(to).kme.acceptStream(site, octets.slice())),
      },
    })
    this.nodes.set(site, { keystore, kme, store, disk })
  }

  /** A block of so many 256-bit keys a side, on the link to `end`. */
  async grow(end: SiteId, keys: number): Promise<void> {
    const octets = seededRandom(++this.#sequence, 'block').octets(2 * keys * 32)
    const link = linkId(`bristol-${end}`)
    const provenance = {
      ...({
        source: 'seeded-test',
        randomness: 'simulated',
        authentication: 'pre-shared',
      } as const),
      ...{ assumptions: [], epsilon: 1e-9, seenBy: [bristol, end] },
    }
    const key = { length: octets.length * 8, octets }
    const block = { link, epoch: 1, sequence: this.#sequence, key, provenance }
    for (const site of [bristol, end]) await this.at(site).keystore.ingest(block)
    for (const site of [bristol, end]) await this.at(site).keystore.confirm(link, block)
  }

  /** No bits are counted at one end only, once withdrawals have gone through. */
  async assertCountsAgree(): Promise<void> {
    for (const end of [cambridge, london]) {
      await this.at(bristol).kme.sendVoids(end)
      const here = this.at(bristol).keystore.pool(end)
      const there = this.at(end).keystore.pool(bristol)
      assert.equal(here.availableBits, there.peerBits)
      assert.equal(here.pendingVoids, 0)
    }
  }

  async #carry(to: SiteId, method: string, send: () => Promise<Uint8Array>): Promise<Uint8Array> {
    if (this.lost.has(`${to} ${method}`)) throw new Error('no answer in time')
    const answer = await send()
    if (this.lost.has(`${to} ${method} answer`)) throw new Error('no answer in time')
    return answer
  }
}

async function trio(keys: { cambridge?: number; london?: number } = {}): Promise<Trio> {
  const three = new Trio()
  for (const site of [bristol, cambridge, london]) await three.open(site)
  await three.grow(cambridge, keys.cambridge ?? 8)
  await three.grow(london, keys.london ?? 8)
  return three
}

const want = (number: number, ...others: string[]) => ({
  path: enc(ward),
  body: {
    number,
    additional_slave_SAE_IDs: others,
    extension_optional: [{ photonward_provenance: true }],
  },
})

const seenBy = (key: { key_extension?: unknown }): readonly string[] =>
  (key.key_extension as { photonward_provenance: { seen_by: string[] } }).photonward_provenance
    .seen_by

test('slaves at two other sites get the same keys, each once', async () => {
  const three = await trio()
  const made = await call(three.at(bristol), archive, want(3, office, clinic))
  assert.equal(made.status, 200)
  const keys = made.body.keys ?? []
  assert.deepEqual(seenBy(keys[0]), [bristol, cambridge, london])
  const body = {
    ...keyIdsOf(made),
    key_IDs_extension: { photonward_provenance: true },
  }
  for (const [site, sae] of [
    [cambridge, ward],
    [cambridge, clinic],
    [london, office],
  ] as const) {
    const fetched = await call(three.at(site), sae, { path: dec(archive), body })
    assert.equal(fetched.status, 200, sae)
    const plain = (fetched.body.keys ?? []).map(({ key_ID, key }) => ({ key_ID, key }))
    assert.deepEqual(
      plain,
      keys.map(({ key_ID, key }) => ({ key_ID, key })),
    )
    const told = seenBy(fetched.body.keys?.[0] ?? {})
    assert.deepEqual(told, site === london ? [bristol, cambridge, london] : [bristol, cambridge])
    assertRefused(await call(three.at(site), sae, { path: dec(archive), body }), 400)
  }
  assertRefused(await call(three.at(london), office, { path: dec(ward), body }), 400)
  await three.assertCountsAgree()
})

test('what is carried is at rest at no further site: only its mask is', async () => {
  const three = await trio()
  const made = await call(three.at(bristol), archive, want(1, office))
  const key = Buffer.from(made.body.keys?.[0].key ?? '', 'base64')
  const rows = async (): Promise<readonly { mask?: unknown }[]> =>
    three.at(london).store.read({ sql: 'select mask from keystore_deposit', parameters: [] })
  const [row] = await rows()
  assert(row.mask instanceof Uint8Array)
  assert.equal(row.mask.length, 32)
  assert.notDeepEqual(Buffer.from(row.mask), key)
  await call(three.at(london), office, { path: dec(archive), body: keyIdsOf(made) })
  assert.deepEqual(await rows(), [])
})

test('a carried key survives a restart of the further site, and is not had again after one', async () => {
  const three = await trio()
  const made = await call(three.at(bristol), archive, want(2, office))
  await three.open(london)
  const [first, second] = keyIdsOf(made).key_IDs
  const one = await call(three.at(london), office, {
    path: dec(archive),
    body: { key_IDs: [first] },
  })
  assert.equal(one.body.keys?.[0].key, made.body.keys?.[0].key)
  await three.open(london)
  for (const ids of [[first], [first, second]]) {
    const again = { path: dec(archive), body: { key_IDs: ids } }
    assertRefused(await call(three.at(london), office, again), 400)
  }
  const rest = { path: dec(archive), body: { key_IDs: [second] } }
  const other = await call(three.at(london), office, rest)
  assert.equal(other.body.keys?.[0].key, made.body.keys?.[1].key)
})

test('if one site does not take the keys, or nobody knows, nobody gets them anywhere', async () => {
  for (const fault of ['london activate', 'london activate answer', 'cambridge activate answer']) {
    const three = await trio()
    three.lost.add(fault)
    assertRefused(await call(three.at(bristol), archive, want(2, office)), 503)
    await settle()
    three.lost.clear()
    await three.assertCountsAgree()
    for (const site of [cambridge, london]) {
      assert.equal(three.at(site).keystore.pool(bristol).waitingKeys, 0, `${fault}: ${site}`)
      const left = { sql: 'select key_id from keystore_deposit', parameters: [] }
      assert.deepEqual(await three.at(site).store.read(left), [])
    }
    assert.equal((await call(three.at(bristol), archive, want(2, office))).status, 200)
  }
})

test('a crash of the master between the sites withdraws the keys at both', async () => {
  const three = await trio()
  three.lost.add('london activate answer')
  three.lost.add('cambridge void')
  three.lost.add('london void')
  await call(three.at(bristol), archive, want(2, office))
  await three.open(bristol)
  three.lost.clear()
  await three.assertCountsAgree()
  for (const site of [cambridge, london]) {
    assert.equal(three.at(site).keystore.pool(bristol).waitingKeys, 0)
  }
})

test('a pool that is short at one site is found before bits are taken at the other', async () => {
  const three = await trio({ london: 2 })
  const before = three.at(bristol).keystore.pool(cambridge).availableBits
  assertRefused(await call(three.at(bristol), archive, want(3, office)), 503)
  assert.equal(three.at(bristol).keystore.pool(cambridge).availableBits, before)
})

test('a carried key that nobody fetches expires, with its mask', async () => {
  const three = await trio()
  const made = await call(three.at(bristol), archive, want(1, office))
  await three.time.advance(3_600_000)
  await three.at(london).keystore.tend()
  const late = { path: dec(archive), body: keyIdsOf(made) }
  assertRefused(await call(three.at(london), office, late), 400)
  const left = { sql: 'select key_id from keystore_deposit', parameters: [] }
  assert.deepEqual(await three.at(london).store.read(left), [])
})

test('an activation cannot carry more or less than its bits mask', async () => {
  const three = await trio()
  const { keystore } = three.at(bristol)
  const about = { master: archive, sizeBits: 256, lifeMs: 1000 }
  const first = await keystore.reserve({ ...about, peer: cambridge, slaves: [ward], number: 2 })
  const pad = await keystore.carry(first, { ...about, peer: london, slaves: [office] })
  assert.deepEqual(pad.keyIds, first.keyIds)
  const [message] = pad.activations
  const { kme } = three.at(london)
  // One octet less of the mask: its CBOR head says 64 (0x58 0x40), then 63.
  const at = message.findIndex((octet, index) => octet === 0x58 && message[index + 1] === 0x40)
  assert(at > 0)
  const short = Uint8Array.from([...message.slice(0, at + 1), 63, ...message.slice(at + 3)])
  const batch = (one: Uint8Array): Uint8Array => toCbor({ v: 1, messages: [one] })
  await assert.rejects(kme.acceptActivations(bristol, batch(short)), /carries more or less/)
  await kme.acceptActivations(bristol, batch(message))
  const large = { ...about, sizeBits: 8 * 2 ** 16 + 8 }
  await assert.rejects(keystore.carry(first, { ...large, peer: london, slaves: [office] }), {
    code: 'KEYSTORE_REQUEST_INVALID',
  })
})
