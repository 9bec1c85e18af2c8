import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkId, SecretBytes, type LinkId, type Statement } from '#base'
import { keystoreMigrations, openKeystore, readActivation, type Keystore } from '#keystore'
import { MemoryDisk, MemoryStore, seededRandom, SimulatedTime } from '#world/ports'
import { archive, blockBits, bristol, cambridge, code, origin, ward } from './two-ends.test.ts'

const north = linkId('north-fibre')
const south = linkId('south-fibre')
const LEASE_MS = 10_000

const request = {
  peer: cambridge,
  master: archive,
  slaves: [ward],
  sizeBits: 256,
  number: 1,
  lifeMs: 60_000,
}

/** Stands for the audit log, which is not what is tested here. */
const leaf: Statement = { sql: 'select 1', parameters: [] }

/** One site whose processes share a database. */
function sharedSite() {
  const time = new SimulatedTime()
  const store = new MemoryStore(keystoreMigrations)
  const disk = new MemoryDisk()
  let openings = 0
  const open = (...links: readonly LinkId[]): Promise<Keystore> =>
    openKeystore({
      site: bristol,
      store,
      disk,
      clock: time.view(),
      random: seededRandom(++openings, 'process'),
      audit: { append: () => leaf },
      wrappingRoot: SecretBytes.take(seededRandom(7, 'root').octets(32)),
      links: links.map((link) => {
        const ends = { transmitter: bristol, receiver: cambridge }
        return { link, peer: cambridge, ...ends, reserveOctets: 64 }
      }),
      limits: { segmentOctets: 64 },
      leaseMs: LEASE_MS,
    })
  return { time, open }
}

async function grow(keys: Keystore, link: LinkId, sequence: number): Promise<void> {
  const place = { epoch: 1, sequence }
  await keys.ingest({ link, ...place, key: blockBits(sequence), provenance: origin })
  await keys.confirm(link, place)
}

test('a link is leased to one process at a time, until it is silent or gives it back', async () => {
  const { time, open } = sharedSite()
  const one = await open(north)
  const two = await open(south)
  await assert.rejects(open(north), code('KEYSTORE_LEASED'))
  await assert.rejects(open(south, north), code('KEYSTORE_LEASED'))
  await time.advance(LEASE_MS - 1)
  await one.tend()
  await two.close()
  await open(south)
  await time.advance(LEASE_MS - 1)
  await assert.rejects(open(north), code('KEYSTORE_LEASED'), 'work renews a lease')
  await time.advance(1)
  await open(north)
})

test('whoever lost its lease gives out nothing any more, whatever it had begun', async () => {
  const { time, open } = sharedSite()
  const old = await open(north)
  await grow(old, north, 1)
  const begun = await old.reserve(request)
  const [first] = await old.issue(await old.reserve(request))
  await time.advance(LEASE_MS)
  const heir = await open(north)
  const lost = { name: 'PortRefusal', code: 'STORE_FAILED', message: /lease/ }
  await assert.rejects(old.issue(begun), lost)
  await assert.rejects(old.reserve(request), lost)
  await assert.rejects(old.tend(), lost)
  const withdrawn = heir.pendingVoids(cambridge).map(({ id }) => id)
  assert.deepEqual(withdrawn, begun.parts, 'what was begun is withdrawn by the heir')
  const rest = await heir.issue(await heir.reserve({ ...request, number: 2 }))
  const half = blockBits(1).octets.subarray(64, 64 + 128)
  const [begunFirst, issued, third, fourth] = [0, 32, 64, 96].map((at) =>
    half.subarray(at, at + 32).toHex(),
  )
  assert.equal(first.octets.reveal().toHex(), issued)
  const handed = rest.map(({ octets }) => octets.reveal().toHex())
  assert.deepEqual(handed, [third, fourth], `${begunFirst} is nobody's`)
})

test('a key that one process had activated is delivered once, by the heir of its link', async () => {
  const { time, open } = sharedSite()
  const old = await open(north)
  await grow(old, north, 1)
  const peer = sharedSite()
  const far = await peer.open(north)
  await grow(far, north, 1)
  // The far site is played by another key store of the same end: its half is not needed here.
  const { activations, keyIds } = await far.reserve(request)
  const activation = readActivation(activations[0])
  assert.equal((await old.activate(cambridge, activation)).kind, 'activated')
  await time.advance(LEASE_MS)
  const heir = await open(north)
  const fetch = { keyIds, caller: ward, master: archive }
  await assert.rejects(old.deliver(fetch), { code: 'STORE_FAILED' })
  assert.equal((await heir.deliver(fetch)).length, 1)
  await assert.rejects(heir.deliver(fetch), code('KEYSTORE_KEY_UNKNOWN'))
  await assert.rejects(old.deliver(fetch), { code: 'STORE_FAILED' })
})

test('opening one link leaves what another process has under way on its own', async () => {
  const { open } = sharedSite()
  const one = await open(north)
  await grow(one, north, 1)
  const begun = await one.reserve(request)
  const two = await open(south)
  assert.deepEqual(two.pendingVoids(cambridge), [])
  assert.equal((await one.issue(begun)).length, 1)
})
