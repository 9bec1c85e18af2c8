/**
 * Several sites with real key stores, relays between them, and wires that a test may spoil.
 *
 * @module
 */

import {
  bitsOf,
  keyId,
  linkId,
  newUuid,
  PortRefusal,
  saeId,
  SecretBytes,
  siteId,
  type LinkId,
  type SiteId,
  type Store,
} from '#base'
import { AuditLog, auditMigrations } from '#audit'
import { newSigningKeyPair } from '#crypto'
import {
  keystoreMigrations,
  openKeystore,
  readActivation,
  type Keystore,
  type KeystoreLink,
  type Origin,
} from '#keystore'
import { MemoryDisk, MemoryLog, MemoryStore, seededRandom, SimulatedTime } from '#world/ports'
import { Relay, relayLinkName, RelayRefusal, type PadSupply, type RelayPair } from './mod.ts'

/** What happens to one question and its answer on the wire. */
export type Wire = (
  pass: { from: SiteId; to: SiteId; method: string; payload: Uint8Array },
  deliver: (payload?: Uint8Array) => Promise<Uint8Array>,
) => Promise<Uint8Array>

export const origin: Origin = {
  source: 'simulated',
  randomness: 'simulated',
  authentication: 'wegman-carter-from-reserve',
  assumptions: ['decoy-bb84'],
  epsilon: 1e-10,
  seenBy: [],
}

interface Pairing {
  readonly shares: number
  readonly blockOctets?: number
  readonly targetBits?: number
}

export class TestSite {
  readonly id: SiteId
  readonly store = new MemoryStore([...auditMigrations, ...keystoreMigrations])
  readonly disk = new MemoryDisk()
  readonly log = new MemoryLog()
  readonly secrets = new Map<string, Uint8Array>()
  readonly failedHops: string[] = []
  accepts = (_origin: Origin): boolean => true
  /** Ends with the run: what it still does then reaches nobody. */
  life = { over: false }
  keystore!: Keystore // Set by `Net.start`, before anybody has the site.
  relay!: Relay // The same.
  audit!: AuditLog // The same.

  constructor(name: string) {
    this.id = siteId(name)
  }
}

export class Net {
  readonly time = new SimulatedTime()
  readonly random = seededRandom(11, 'relay')
  readonly sites = new Map<SiteId, TestSite>()
  readonly fibres: readonly (readonly [SiteId, SiteId])[]
  readonly pairings: ReadonlyMap<string, Pairing>
  wire: Wire = (_, deliver) => deliver()
  /** Ways between the ends of each pair; by `from to`. */
  readonly ways = new Map<string, readonly (readonly SiteId[])[]>()
  #blocks = 0

  constructor(fibres: readonly string[], pairings: Readonly<Record<string, Pairing>>) {
    this.fibres = fibres.map((one) => one.split(' ').map(siteId) as [SiteId, SiteId])
    this.pairings = new Map(Object.entries(pairings))
    for (const name of this.fibres.flat()) {
      if (!this.sites.has(name)) this.sites.set(name, new TestSite(name))
    }
  }

  site(name: string): TestSite {
    const found = this.sites.get(siteId(name))
    if (found === undefined) throw new RangeError(`No site ${name}`)
    return found
  }

  async start(): Promise<this> {
    for (const name of this.sites.keys()) await this.restart(name)
    return this
  }

  /** Forgets everything in memory, as a crash does. */
  async restart(name: string): Promise<void> {
    const site = this.site(name)
    const { id, disk, log } = site
    site.life.over = true
    const life = { over: false }
    site.life = life
    const store: Store = {
      read: (statement) => site.store.read(statement),
      commit: (statements) => (life.over ? Promise.reject(gone()) : site.store.commit(statements)),
    }
    const clock = this.time.view()
    const signer = { ...LOG_KEYS, name: `photonward.example/${name}` }
    site.audit = await AuditLog.open({ site: id, store, clock, signer })
    const pairs = this.#pairsOf(id)
    site.keystore = await openKeystore({
      ...{ site: id, store, disk, clock, random: this.random, audit: site.audit },
      wrappingRoot: SecretBytes.take(new Uint8Array(32).fill(name.length)),
      links: [...this.#linksOf(id), ...pairs.flatMap((pair) => relayLinks(id, pair))],
    })
    site.relay = new Relay({
      ...{ site: id, keystore: site.keystore, clock, random: this.random, log, audit: site.audit },
      pads: this.#padsOf(site),
      wraps: {
        open: (peer) => {
          const secret = this.random.octets(32)
          const session = newUuid(this.random)
          this.site(peer).secrets.set(session, secret.slice())
          return Promise.resolve({ session, secret: SecretBytes.take(secret) })
        },
        take: (_, session) => {
          const secret = site.secrets.get(session)
          site.secrets.delete(session)
          return secret && SecretBytes.take(secret)
        },
      },
      ways: ({ peer, shares }) => (this.ways.get(`${id} ${peer}`) ?? []).slice(0, shares),
      ask: (to, method, payload) =>
        life.over ? Promise.reject(gone()) : this.#ask(id, to, method, payload),
      pairs,
      accepts: (origin) => site.accepts(origin),
      onHopFailed: (from, to, code) => void site.failedHops.push(`${from} ${to} ${code}`),
    })
  }

  /** Equal blocks at both ends of a fibre, in use. */
  async grow(fibre: string, octets = 65_536): Promise<void> {
    const [a, b] = fibre.split(' ').map((name) => this.site(name))
    const key = bitsOf(this.random.octets(octets))
    const sequence = this.#blocks++
    const block = { link: fibreLink(a.id, b.id), epoch: 1, sequence, key }
    const provenance: Origin = { ...origin, seenBy: [a.id, b.id, `fibre-${a.id}-${b.id}`] }
    for (const { keystore } of [a, b]) await keystore.ingest({ ...block, provenance })
    for (const { keystore } of [a, b]) await keystore.confirm(block.link, block)
  }

  async #ask(from: SiteId, to: SiteId, method: string, payload: Uint8Array): Promise<Uint8Array> {
    const deliver = (changed = payload) => this.site(to).relay.handlers[method](from, changed)
    return this.wire({ from, to, method, payload }, deliver)
  }

  #linksOf(site: SiteId): readonly KeystoreLink[] {
    return this.fibres
      .filter((ends) => ends.includes(site))
      .map(([a, b]) => ({
        ...{ link: fibreLink(a, b), peer: a === site ? b : a, transmitter: a, receiver: b },
        reserveOctets: 0,
      }))
  }

  #pairsOf(site: SiteId): readonly RelayPair[] {
    return [...this.pairings].flatMap(([name, pairing]) => {
      const ends = name.split(' ').map(siteId)
      if (!ends.includes(site)) return []
      const [peer] = ends.filter((one) => one !== site)
      return {
        peer,
        outward: linkId(relayLinkName(site, peer)),
        inward: linkId(relayLinkName(peer, site)),
        ...{ blockOctets: 2048, targetBits: 0, sharesLeast: 1, ...pairing },
      }
    })
  }

  /** Pads of neighbours by their key stores, as a site's KME supplies them. */
  #padsOf({ id }: TestSite): PadSupply {
    const sae = (site: SiteId) => saeId(`relay.${site}`)
    return {
      make: async (neighbour, octets) => {
        const { keystore } = this.site(id)
        const reservation = await keystore.reserve({
          ...{ peer: neighbour, master: sae(id), slaves: [sae(neighbour)], number: 1 },
          ...{ sizeBits: octets * 8, lifeMs: 60_000, use: 'relay' },
        })
        for (const message of reservation.activations) {
          const outcome = await this.site(neighbour).keystore.activate(id, readActivation(message))
          if (outcome.kind !== 'activated') throw new PortRefusal('NETWORK_CLOSED', outcome.cause)
        }
        const [key] = await keystore.issue(reservation)
        return key
      },
      fetch: async (neighbour, pad) => {
        const about = { caller: sae(id), master: sae(neighbour), keyIds: [keyId(pad)] }
        const [key] = await this.site(id).keystore.deliver(about)
        return key
      },
    }
  }
}

const fibreLink = (a: SiteId, b: SiteId): LinkId => linkId(`fibre-${a}-${b}`)

const relayLinks = (
  site: SiteId,
  { peer, outward, inward }: RelayPair,
): readonly KeystoreLink[] => [
  { link: outward, peer, transmitter: site, receiver: peer, reserveOctets: 0 },
  { link: inward, peer, transmitter: peer, receiver: site, reserveOctets: 0 },
]

/** All bits of a pool taken as keys by one end and fetched by the other, as pairs of hex. */
export async function keysBetween(net: Net, from: string, to: string, number: number) {
  const [a, b] = [net.site(from), net.site(to)]
  const [master, slave] = [saeId(`app.${a.id}`), saeId(`app.${b.id}`)]
  const reservation = await a.keystore.reserve({
    ...{ peer: b.id, master, slaves: [slave], sizeBits: 256, number, lifeMs: 60_000 },
  })
  for (const message of reservation.activations) {
    const outcome = await b.keystore.activate(a.id, readActivation(message))
    if (outcome.kind !== 'activated') throw new RangeError(outcome.cause)
  }
  const made = await a.keystore.issue(reservation)
  const about = { caller: slave, master, keyIds: made.map(({ keyId: id }) => id) }
  const fetched = await b.keystore.deliver(about)
  return made.map((key, at) => ({
    made: key.octets.reveal().toHex(),
    fetched: fetched[at].octets.reveal().toHex(),
    provenance: key.provenance,
    fetchedProvenance: fetched[at].provenance,
  }))
}

export const gone = (): PortRefusal =>
  new PortRefusal('NETWORK_CLOSED', 'The connection ended before an answer came')

/** Whether a rejection is a refusal of the relay with this code. */
export const code = (expected: string) => (error: unknown) =>
  error instanceof RelayRefusal && error.code === expected

/** One signer for all: nothing here depends on whose it is. */
const LOG_KEYS = {
  ed25519: newSigningKeyPair('ed25519'),
  mlDsa44: newSigningKeyPair('ml-dsa-44'),
}
