/**
 * Two key stores joined by one link, for the tests of this room: each on its own store and disk,
 * which outlive it, with a fuse that lets a site die at a chosen effect.
 *
 * @module
 */

import assert from 'node:assert/strict'
import {
  bind,
  keyId,
  linkId,
  PortRefusal,
  saeId,
  SecretBytes,
  siteId,
  statement,
  tablesOf,
  type Bits,
  type Disk,
  type KeyId,
  type SiteId,
  type Statement,
  type Store,
} from '#base'
import { leafOf, type AuditEvent } from '#audit'
import {
  keystoreMigrations,
  openKeystore,
  readActivation,
  readWithdrawal,
  type Keystore,
  type KeystoreAlarm,
  type KeystoreLink,
  type KeystoreLimits,
  type KeyUse,
  type Origin,
} from '#keystore'
import { MemoryDisk, MemoryStore, seededRandom, SimulatedTime } from '#world/ports'

export const bristol = siteId('bristol')
export const cambridge = siteId('cambridge')
export const link = linkId('bristol-cambridge')
export const archive = saeId('archive.bristol')
export const ward = saeId('ward.cambridge')
export const clinic = saeId('clinic.cambridge')

/** A death by fuse: what a process that was killed would never have said. */
export class Death extends Error {}

/** Counts effects on disk and store, and kills the site at one of them. */
export class Fuse {
  effects = 0
  dead = false
  /** The effect at which the site dies, counted from 1. */
  at: number
  /** Whether that effect still happens. */
  readonly done: boolean

  constructor(at = Infinity, done = false) {
    this.at = at
    this.done = done
  }

  async burn<T>(effect: () => Promise<T>): Promise<T> {
    if (this.dead) throw new Death()
    if (++this.effects < this.at) return effect()
    this.dead = true
    if (this.done) await effect()
    throw new Death()
  }

  /** From here on nothing dies. */
  defuse(): void {
    this.at = Infinity
  }

  check(): void {
    if (this.dead) throw new Death()
  }
}

const leaves = tablesOf<{ leaf: { kind: string; actor: string; facts: string } }>()
const LEAF = statement(leaves.insertInto('leaf').values({ kind: '', actor: '', facts: '' }))
const leafTable = {
  id: 'leaf-1',
  statements: ['create table leaf (kind text not null, actor text not null, facts text not null)'],
}

/** One site: what survives a crash, and the key store that runs on it now. */
export class End {
  readonly store = new MemoryStore([...keystoreMigrations, leafTable])
  readonly disk = new MemoryDisk()
  readonly alarms: KeystoreAlarm[] = []
  /** Links to further sites, from the next opening on. */
  otherLinks: readonly KeystoreLink[] = []
  readonly time: SimulatedTime
  readonly clock: ReturnType<SimulatedTime['view']>
  readonly site: SiteId
  readonly peer: SiteId
  readonly limits: Partial<KeystoreLimits>
  readonly reserveOctets: number
  #openings = 0
  #keys: Keystore | undefined
  fuse = new Fuse()
  #refused: readonly number[] = []
  #effects = 0

  constructor(input: {
    time: SimulatedTime
    site: SiteId
    peer: SiteId
    limits: Partial<KeystoreLimits>
    reserveOctets: number
  }) {
    this.time = input.time
    this.clock = input.time.view()
    this.site = input.site
    this.peer = input.peer
    this.limits = input.limits
    this.reserveOctets = input.reserveOctets
  }

  get keys(): Keystore {
    assert(this.#keys !== undefined, 'the key store is open')
    return this.#keys
  }

  /** Opens the key store anew on what the store and the disk hold. */
  async open(fuse = new Fuse()): Promise<void> {
    this.fuse = fuse
    this.alarms.length = 0
    this.#keys = await openKeystore({
      site: this.site,
      store: this.#store(fuse),
      disk: this.#disk(fuse),
      clock: this.clock,
      random: seededRandom(++this.#openings, this.site),
      audit: { append: (event) => leafStatement(event) },
      wrappingRoot: SecretBytes.take(seededRandom(7, `root ${this.site}`).octets(32)),
      links: [
        {
          link,
          peer: this.peer,
          transmitter: bristol,
          receiver: cambridge,
          reserveOctets: this.reserveOctets,
        },
        ...this.otherLinks,
      ],
      limits: this.limits,
      onAlarm: (alarm) => this.alarms.push(alarm),
    })
  }

  /** Refuses these effects, counted from now on, as a full disk does; the site lives on. */
  refuse(...effects: readonly number[]): void {
    this.#refused = effects
    this.#effects = 0
  }

  get refusing(): boolean {
    return this.#refused.length > 0
  }

  async #effect<T>(fuse: Fuse, act: () => Promise<T>): Promise<T> {
    if (!this.#refused.includes(++this.#effects)) return fuse.burn(act)
    throw new PortRefusal('STORE_FULL', 'No space is left')
  }

  /** Events in the audit log, of a kind if one is given. */
  async events(kind?: string): Promise<readonly { kind: string; facts: string }[]> {
    const rows = await this.store.read({ sql: 'select kind, facts from leaf', parameters: [] })
    return rows
      .map((row) => ({ kind: row['kind'] as string, facts: row['facts'] as string }))
      .filter((row) => kind === undefined || row.kind === kind)
  }

  async count(table: string, where = '1 = 1'): Promise<number> {
    const sql = `select count(*) as n from ${table} where ${where}`
    const [row] = await this.store.read({ sql, parameters: [] })
    return Number(row['n'])
  }

  #store(fuse: Fuse): Store {
    return {
      read: async (one) => {
        fuse.check()
        return this.store.read(one)
      },
      commit: (statements) => this.#effect(fuse, () => this.store.commit(statements)),
    }
  }

  #disk(fuse: Fuse): Disk {
    const { disk } = this
    const effect = (act: () => Promise<void>) => this.#effect(fuse, act)
    return {
      read: async (path) => {
        fuse.check()
        return disk.read(path)
      },
      list: async (folder) => {
        fuse.check()
        return disk.list(folder)
      },
      pages: (folder) => {
        fuse.check()
        return disk.pages(folder)
      },
      write: (path, octets) => effect(() => disk.write(path, octets)),
      overwrite: (path, at, octets) => effect(() => disk.overwrite(path, at, octets)),
      remove: (path) => effect(() => disk.remove(path)),
    }
  }
}

const leafStatement = (event: AuditEvent): Statement => {
  assert(leafOf(event).length > 0, 'an event has the form of a leaf')
  const { kind, actor, facts } = event
  return bind(LEAF, kind, actor, JSON.stringify(facts))
}

export const origin: Origin = {
  source: 'seeded-test',
  randomness: 'simulated',
  authentication: 'pre-shared',
  assumptions: ['decoy-bb84'],
  epsilon: 1e-9,
  seenBy: [bristol, cambridge],
}

/** Both ends of a link, opened. */
export async function twoEnds(
  options: {
    limits?: Partial<KeystoreLimits>
    reserveOctets?: number
  } = {},
) {
  const time = new SimulatedTime()
  const limits = { segmentOctets: 64, runKeys: 2, ...options.limits }
  const reserveOctets = options.reserveOctets ?? 64
  const a = new End({ time, site: bristol, peer: cambridge, limits, reserveOctets })
  const b = new End({ time, site: cambridge, peer: bristol, limits, reserveOctets })
  await a.open()
  await b.open()
  return { time, a, b }
}

/** The same secret bits for both ends. */
export function blockBits(sequence: number, bits = 64 * 8 + 2 * 128 * 8, epoch = 1): Bits {
  const octets = seededRandom(epoch * 1000 + sequence, 'block').octets(Math.ceil(bits / 8))
  return { length: bits, octets }
}

/** Stores a block at both ends and puts it to use. */
export async function grow(
  { a, b }: { a: End; b: End },
  sequence: number,
  bits?: number,
): Promise<void> {
  const block = { link, epoch: 1, sequence, key: blockBits(sequence, bits), provenance: origin }
  for (const end of [a, b]) await end.keys.ingest(block)
  for (const end of [a, b]) await end.keys.confirm(link, { epoch: 1, sequence })
}

/** What a master's request does, with both key stores at hand. */
export async function makeKeys(
  { a, b }: { a: End; b: End },
  request: {
    number?: number
    sizeBits?: number
    slaves?: readonly (typeof ward)[]
    use?: KeyUse
  } = {},
): Promise<Map<KeyId, string>> {
  const { number = 1, sizeBits = 256, slaves = [ward], use = 'application' } = request
  const reservation = await a.keys.reserve({
    peer: b.site,
    master: archive,
    slaves,
    sizeBits,
    number,
    use,
    lifeMs: 60_000,
  })
  for (const activation of reservation.activations) {
    const outcome = await b.keys.activate(a.site, readActivation(activation))
    assert.equal(outcome.kind, 'activated')
  }
  const keys = await a.keys.issue(reservation)
  return new Map(keys.map((key) => [key.keyId, key.octets.reveal().toHex()]))
}

/** What a slave's request does. */
export async function fetchKeys(
  end: End,
  keyIds: readonly KeyId[],
  caller = ward,
): Promise<Map<KeyId, string>> {
  const keys = await end.keys.deliver({ keyIds, caller, master: archive })
  return new Map(keys.map((key) => [key.keyId, key.octets.reveal().toHex()]))
}

/** Carries all pending withdrawals of one end to the other. */
export async function sendVoids(from: End, to: End): Promise<number> {
  const pending = from.keys.pendingVoids(to.site)
  for (const { id, message } of pending) {
    const outcome = await to.keys.withdraw(from.site, readWithdrawal(message))
    await from.keys.settleVoid(id, outcome)
  }
  return pending.length
}

/** What two hosts do when their sites meet again. */
export async function reconnect({ a, b }: { a: End; b: End }): Promise<void> {
  const mine = await a.keys.highWater(link)
  await b.keys.compareHighWater(a.site, mine)
  await a.keys.compareHighWater(b.site, await b.keys.highWater(link))
  const reports = [a.keys.blockReport(link), b.keys.blockReport(link)]
  await a.keys.settle(link, reports[1])
  await b.keys.settle(link, reports[0])
  await sendVoids(a, b)
  await sendVoids(b, a)
}

/** Both ends count the same bits for both halves. */
export function assertCountsAgree({ a, b }: { a: End; b: End }): void {
  const here = a.keys.pool(b.site)
  const there = b.keys.pool(a.site)
  assert.equal(here.availableBits, there.peerBits, "bits of A's half")
  assert.equal(there.availableBits, here.peerBits, "bits of B's half")
}

/** The code of a refusal, for `assert.rejects`. */
export const code = (name: string) => (error: unknown) => (error as { code?: string }).code === name

export const unknownKey = keyId('00000000-0000-4000-8000-000000000000')
