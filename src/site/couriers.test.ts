import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkId, PortRefusal, SecretBytes, siteId, utf8, type Disk, type Statement } from '#base'
import { keystoreMigrations, openKeystore, type Keystore } from '#keystore'
import { MemoryDisk, MemoryLog, MemoryStore, seededRandom, SimulatedTime } from '#world/ports'
import type { SiteConfiguration } from './config.ts'
import {
  courierKeystoreLinks,
  CourierRefusal,
  exportCourier,
  importCourier,
  type CourierMeans,
} from './courier.ts'
import { Couriers } from './couriers.ts'
import type { PeerHandler } from './peers.ts'
import { RootKey } from './root-key/root-key.ts'

const passphrase = utf8('carried by two people')
const DAY_MS = 24 * 3600 * 1000

/** A site: its folder, and a daemon that can be killed before any write. */
class Place {
  readonly name: string
  readonly configuration: SiteConfiguration
  readonly root: RootKey
  readonly disk = new MemoryDisk()
  readonly store = new MemoryStore(keystoreMigrations)
  readonly random: ReturnType<typeof seededRandom>
  readonly time: SimulatedTime
  keystore!: Keystore // Set by `start`, before it is read.
  couriers!: Couriers // The same.
  handler: PeerHandler | undefined
  writesLeft = Infinity
  #life = {}

  constructor(name: string, peer: string, time: SimulatedTime) {
    this.name = name
    this.time = time
    this.configuration = { site: name, couriers: [{ peer }] } as unknown as SiteConfiguration
    this.root = new RootKey(SecretBytes.take(new Uint8Array(32).fill(name.length)))
    this.random = seededRandom(1, name)
  }

  get means(): CourierMeans {
    const { random, root, configuration } = this
    return { disk: this.disk, random, root, configuration, now: this.time.view().now() }
  }

  /** @param writes   how many the daemon makes before it dies */
  async start(other: () => Place, writes = Infinity): Promise<void> {
    const site = siteId(this.name)
    const life = {}
    this.#life = life
    this.writesLeft = Infinity
    const clock = this.time.view()
    const dead = (): PortRefusal => new PortRefusal('NETWORK_CLOSED', 'The daemon is dead')
    const isDead = (): boolean => this.#life !== life || this.writesLeft <= 0
    const writing = async <T>(work: () => Promise<T>): Promise<T> => {
      if (isDead()) throw dead()
      this.writesLeft--
      return work()
    }
    const { disk: files } = this
    const disk: Disk = {
      read: (path) => files.read(path),
      list: (folder) => files.list(folder),
      pages: (folder) => files.pages(folder),
      write: (path, octets) => writing(() => files.write(path, octets)),
      overwrite: (path, from, octets) => writing(() => files.overwrite(path, from, octets)),
      remove: (path) => writing(() => files.remove(path)),
    }
    this.keystore = await openKeystore({
      ...{ site, disk, clock, random: this.random },
      store: {
        read: (statement) => this.store.read(statement),
        commit: (statements) => writing(() => this.store.commit(statements)),
      },
      audit: { append: (): Statement => ({ sql: 'select 1', parameters: [] }) },
      wrappingRoot: SecretBytes.copyOf(this.root.secret.reveal()),
      links: courierKeystoreLinks(this.configuration),
    })
    this.writesLeft = writes
    const peers = this.configuration.couriers.map(({ peer }) => siteId(peer))
    this.couriers = new Couriers(
      {
        ...{ site, peers, disk, clock, root: this.root, log: new MemoryLog() },
        keystore: this.keystore,
        ask: async (_peer, payload) => {
          if (isDead()) throw dead()
          const answer = await other().handler?.(site, payload)
          if (answer === undefined || isDead()) throw dead()
          return answer
        },
      },
      { serve: (_method, handler) => void (this.handler = handler) },
    )
    this.couriers.start()
  }

  get bits(): readonly [own: number, peers: number, held: number] {
    const { availableBits, peerBits, heldBlocks } = this.keystore.pool(this.keystore.peers[0])
    return [availableBits, peerBits, heldBlocks]
  }
}

async function twoPlaces() {
  const time = new SimulatedTime()
  const leeds = new Place('leeds', 'york', time)
  const york = new Place('york', 'leeds', time)
  await leeds.start(() => york)
  await york.start(() => leeds)
  return { time, leeds, york }
}

const refusedAs = (code: string) => (error: unknown) =>
  error instanceof CourierRefusal && error.code === code

test('carried keys are used by both sites once both have them, and not before', async () => {
  const { time, leeds, york } = await twoPlaces()
  const { file } = await exportCourier(leeds.means, { to: 'york', octets: 4096, passphrase })
  await time.advance(3_600_000)
  assert.deepEqual([leeds.bits, york.bits], [[0, 0, 1], [0, 0, 0]]) // prettier-ignore
  await importCourier(york.means, { file, passphrase })
  await time.advance(10_000)
  const half = 4096 * 4
  assert.deepEqual([leeds.bits, york.bits], [[half, half, 0], [half, half, 0]]) // prettier-ignore
  for (const place of [leeds, york]) {
    const [path] = await place.disk.list('courier')
    assert.equal((await place.disk.read(path))?.length, 0, 'nothing is left of it in the folder')
    assert.deepEqual(
      place.keystore
        .keySources(place.keystore.peers[0], 256)
        .map((source) => (typeof source === 'string' ? source : undefined)),
      ['courier'],
    )
  }
  await assert.rejects(importCourier(york.means, { file, passphrase }), refusedAs('COURIER_EXISTS'))
})

test('a file is taken by nobody but the other site, under its passphrase, as it was made', async () => {
  const { leeds, york, time } = await twoPlaces()
  const { file } = await exportCourier(leeds.means, { to: 'york', octets: 256, passphrase })
  const other = utf8('carried by two thieves')
  const rejects = async (code: string, brought: Uint8Array, by = york, phrase = passphrase) => {
    await assert.rejects(
      importCourier(by.means, { file: brought, passphrase: phrase }),
      refusedAs(code),
    )
  }
  await rejects('COURIER_FILE_DENIED', file, york, other)
  await rejects('COURIER_FOREIGN', file, leeds)
  await rejects('COURIER_FILE_INVALID', file.slice(1))
  await rejects('COURIER_FILE_DENIED', file.with(file.length - 1, file[file.length - 1] ^ 1))
  await rejects('COURIER_PEER_UNKNOWN', file, new Place('york', 'bath', time))
  const size = refusedAs('COURIER_SIZE_INVALID')
  for (const octets of [255, 4 * 1024 * 1024 + 1, 300.5]) {
    await assert.rejects(exportCourier(leeds.means, { to: 'york', octets, passphrase }), size)
  }
  const unknown = exportCourier(leeds.means, { to: 'bath', octets: 256, passphrase })
  await assert.rejects(unknown, refusedAs('COURIER_PEER_UNKNOWN'))
})

test('what no courier has brought in time is given up at both ends', async () => {
  const { time, leeds, york } = await twoPlaces()
  const sent = await exportCourier(leeds.means, { to: 'york', octets: 256, passphrase })
  const kept = await exportCourier(york.means, { to: 'leeds', octets: 256, passphrase })
  await time.advance(10_000)
  // York has it, but the two do not meet.
  york.handler = undefined
  await importCourier(leeds.means, { file: kept.file, passphrase })
  await time.advance(60_000)
  assert.deepEqual([leeds.bits[2], york.bits[2]], [2, 1])
  await leeds.couriers.stop()
  await york.couriers.stop()
  await time.advance(93 * DAY_MS)
  await leeds.start(() => york)
  york.handler = undefined
  await time.advance(10_000)
  assert.equal(leeds.bits[2], 0)
  await york.start(() => leeds)
  await time.advance(10_000)
  assert.deepEqual([leeds.bits, york.bits], [[0, 0, 0], [0, 0, 0]]) // prettier-ignore
  const late = importCourier(york.means, { file: sent.file, passphrase })
  await assert.rejects(late, refusedAs('COURIER_TOO_OLD'))
})

for (const victim of ['leeds', 'york'] as const) {
  test(`whatever write ${victim} dies before, both use the keys in the end`, async () => {
    // Both folders hold the block, and no daemon has run yet.
    const time = new SimulatedTime()
    const drawn = {
      leeds: new Place('leeds', 'york', time),
      york: new Place('york', 'leeds', time),
    }
    const { file } = await exportCourier(drawn.leeds.means, { to: 'york', octets: 256, passphrase })
    await importCourier(drawn.york.means, { file, passphrase })
    let deaths = 0
    for (let writes = 0; writes <= 12; writes++) {
      const now = new SimulatedTime()
      const leeds = new Place('leeds', 'york', now)
      const york = new Place('york', 'leeds', now)
      for (const place of [leeds, york]) {
        const from = drawn[place === leeds ? 'leeds' : 'york'].disk
        for (const path of await from.list('courier')) {
          await place.disk.write(path, (await from.read(path)) ?? new Uint8Array(0))
        }
      }
      await leeds.start(() => york, victim === 'leeds' ? writes : Infinity)
      await york.start(() => leeds, victim === 'york' ? writes : Infinity)
      await now.advance(10_000)
      const [place, other] = victim === 'leeds' ? [leeds, york] : [york, leeds]
      if (place.writesLeft <= 0) {
        deaths++
        await place.start(() => other)
      }
      await now.advance(10_000)
      assert.deepEqual([leeds.bits, york.bits], [[1024, 1024, 0], [1024, 1024, 0]]) // prettier-ignore
    }
    assert(deaths >= 6 && deaths < 12, `${String(deaths)} deaths`)
  })
}

test('links of couriers are named by who draws', () => {
  const { configuration } = new Place('leeds', 'york', new SimulatedTime())
  assert.deepEqual(
    courierKeystoreLinks(configuration).map(({ link, transmitter }) => [link, transmitter]),
    [
      [linkId('courier-leeds--york'), siteId('leeds')],
      [linkId('courier-york--leeds'), siteId('york')],
    ],
  )
})
