/**
 * One process of two sites whose links are shared out among several: makes keys on its link and
 * fetches them at the other end, until it is killed. For the tests of leases.
 *
 * Each line on the standard output tells of a key: `made` or `fetched`, key_ID, octets. It is written
 * after the key store gave the key out.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { AuditLog } from '#audit'
import { linkId, Refusal, saeId, SecretBytes, SeededRandom, siteId } from '#base'
import { signingKeyPairOf } from '#crypto'
import { openDisk, openPostgres, SystemClock, testedRandom } from '#gateway'
import { openKeystore, readActivation, readWithdrawal, type Keystore, type Origin } from '#keystore'
import { siteMigrations } from '#site'
import type { PostgresPlace } from '#world/ports'

/** What the child is told, as JSON in its first argument. */
export interface Task {
  /** Databases of the two sites. */
  readonly places: readonly [PostgresPlace, PostgresPlace]
  /** Where both keep their slot files. */
  readonly folder: string
  readonly link: string
}

const bristol = siteId('bristol')
const cambridge = siteId('cambridge')
const archive = saeId('archive.bristol')
const ward = saeId('ward.cambridge')
const clock = new SystemClock()
const random = testedRandom()

async function open(task: Task, at: 0 | 1): Promise<Keystore> {
  const site = [bristol, cambridge][at]
  const address = task.places[at]
  const migrations = siteMigrations
  const store = await openPostgres({ address, site, migrations, clock, shared: true })
  const seed = new SeededRandom(at)
  const signer = {
    name: `photonward.example/${site}`,
    ed25519: signingKeyPairOf('ed25519', seed.octets(32)),
    mlDsa44: signingKeyPairOf('ml-dsa-44', seed.octets(32)),
  }
  const options = {
    site,
    store,
    disk: openDisk(join(task.folder, site)),
    clock,
    random,
    audit: await AuditLog.open({ site, store, clock, signer }),
    wrappingRoot: SecretBytes.take(seed.octets(32)),
    links: [
      {
        link: linkId(task.link),
        peer: [cambridge, bristol][at],
        transmitter: bristol,
        receiver: cambridge,
        reserveOctets: 64,
      },
    ],
    leaseMs: LEASE_MS,
  }
  for (;;) {
    try {
      return await openKeystore(options)
    } catch (error) {
      // Whoever had the link was killed a moment ago.
      if (!(error instanceof Refusal) || error.code !== 'KEYSTORE_LEASED') throw error
      await pause(50)
    }
  }
}

/** What two ends tell each other after one of them was gone. */
async function agree(from: Keystore, to: Keystore, link: ReturnType<typeof linkId>): Promise<void> {
  await to.settle(link, from.blockReport(link))
  for (const { id, message } of from.pendingVoids(to.site)) {
    await from.settleVoid(id, await to.withdraw(from.site, readWithdrawal(message)))
  }
}

async function main(task: Task): Promise<never> {
  const link = linkId(task.link)
  const a = await open(task, 0)
  const b = await open(task, 1)
  await agree(a, b, link)
  await agree(b, a, link)
  const epoch = Math.max(a.epoch(link), b.epoch(link)) + 1
  for (const end of [a, b]) await end.beginEpoch(link, epoch)
  for (let sequence = 1; ;) {
    if (a.storedKeys(cambridge, 256) < KEYS)
      await grow([a, b], { link, epoch, sequence: sequence++ })
    await Promise.all(Array.from({ length: AT_ONCE }, () => makeAndFetch(a, b)))
    await a.tend()
    await b.tend()
  }
}

async function grow(
  ends: readonly Keystore[],
  place: { link: ReturnType<typeof linkId>; epoch: number; sequence: number },
): Promise<void> {
  const key = { length: BLOCK_BITS, octets: random.octets(BLOCK_BITS / 8) }
  const provenance: Origin = {
    source: 'simulated',
    randomness: 'operating-system',
    authentication: 'pre-shared',
    assumptions: [],
    epsilon: 1e-9,
    seenBy: [bristol, cambridge],
  }
  for (const end of ends) await end.ingest({ ...place, key, provenance })
  for (const end of ends) await end.confirm(place.link, place)
}

async function makeAndFetch(a: Keystore, b: Keystore): Promise<void> {
  const reservation = await a.reserve({
    peer: cambridge,
    master: archive,
    slaves: [ward],
    sizeBits: 256,
    number: KEYS / AT_ONCE,
    lifeMs: 60_000,
  })
  for (const activation of reservation.activations) {
    const { kind } = await b.activate(bristol, readActivation(activation))
    assert.equal(kind, 'activated')
  }
  say('made', await a.issue(reservation))
  const { keyIds } = reservation
  say('fetched', await b.deliver({ keyIds, caller: ward, master: archive }))
}

function say(what: string, keys: Awaited<ReturnType<Keystore['issue']>>): void {
  const lines = keys.map(({ keyId, octets }) => `${what} ${keyId} ${octets.reveal().toHex()}\n`)
  // A line is shorter than what a pipe takes whole, so a kill leaves none in part.
  for (const line of lines) writeSync(1, line)
}

const LEASE_MS = 1000
const BLOCK_BITS = 2 ** 20
/** Keys of one round, in so many requests at once. */
const KEYS = 512
const AT_ONCE = 8

await main(JSON.parse(process.argv[2]) as Task)
