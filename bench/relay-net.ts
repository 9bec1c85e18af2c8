/**
 * Sites with real key stores and relays in one process, and nothing but function calls between them.
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
  type LinkId,
  type SiteId,
} from '#base'
import { AuditLog, auditMigrations } from '#audit'
import { newSigningKeyPair } from '#crypto'
import { keystoreMigrations, openKeystore, readActivation, type Keystore } from '#keystore'
import { Relay, relayLinkName, type PadSupply, type RelayPair } from '#relay'
import { MemoryDisk, MemoryLog, MemoryStore, seededRandom, SimulatedTime } from '#world/ports'

export type Fibre = readonly [SiteId, SiteId]

/** Two distant sites, the ways between them, and how much one makes for the other. */
export interface DistantPair {
  readonly from: SiteId
  readonly to: SiteId
  readonly ways: readonly (readonly SiteId[])[]
  readonly blockOctets: number
  readonly targetBits: number
}

interface RelaySite {
  readonly keystore: Keystore
  readonly relay: Relay
  /** Secrets of sessions that others have opened here. */
  readonly secrets: Map<string, Uint8Array>
}

export class RelayNet {
  readonly time = new SimulatedTime()
  readonly #random = seededRandom(11, 'relay')
  readonly #sites = new Map<SiteId, RelaySite>()
  readonly #fibres: readonly Fibre[]
  readonly #pair: DistantPair
  #blocks = 0

  private constructor(fibres: readonly Fibre[], pair: DistantPair) {
    this.#fibres = fibres
    this.#pair = pair
  }

  static async open(fibres: readonly Fibre[], pair: DistantPair): Promise<RelayNet> {
    const net = new RelayNet(fibres, pair)
    for (const site of new Set(fibres.flat())) net.#sites.set(site, await net.#open(site))
    return net
  }

  site(name: SiteId): RelaySite {
    const found = this.#sites.get(name)
    if (found === undefined) throw new RangeError(`No site ${name}`)
    return found
  }

  /** Equal blocks at both ends of a fibre, in use. */
  async grow([a, b]: Fibre): Promise<void> {
    const octets = this.#random.octets(FIBRE_BLOCK_OCTETS)
    const block = { link: fibreLink([a, b]), epoch: 1, sequence: this.#blocks++ }
    for (const end of [a, b]) {
      const { keystore } = this.site(end)
      const provenance = { ...ORIGIN, assumptions: [], seenBy: [a, b] }
      await keystore.ingest({ ...block, key: bitsOf(octets.slice()), provenance })
      await keystore.confirm(block.link, block)
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#sites.values()].map(({ relay }) => relay.stop()))
  }

  async #open(site: SiteId): Promise<RelaySite> {
    const store = new MemoryStore([...auditMigrations, ...keystoreMigrations])
    const clock = this.time.view()
    const random = this.#random
    const signer = { ...LOG_KEYS, name: `photonward.example/${site}` }
    const audit = await AuditLog.open({ site, store, clock, signer })
    const ports = { site, clock, random, audit }
    const pairs = this.#pairsOf(site)
    const secrets = new Map<string, Uint8Array>()
    const keystore = await openKeystore({
      ...{ ...ports, store, disk: new MemoryDisk() },
      wrappingRoot: SecretBytes.take(random.octets(32)),
      links: [
        ...this.#fibres.filter((ends) => ends.includes(site)).map((ends) => linkOf(site, ends)),
        ...pairs.flatMap(({ peer, outward, inward }) => [
          { link: outward, peer, transmitter: site, receiver: peer, reserveOctets: 0 },
          { link: inward, peer, transmitter: peer, receiver: site, reserveOctets: 0 },
        ]),
      ],
    })
    const relay = new Relay({
      ...{ ...ports, keystore, pairs, log: new MemoryLog(), pads: this.#padsOf(site, keystore) },
      wraps: {
        open: (peer) => this.#openWrap(peer),
        take: (_, session) => {
          const secret = secrets.get(session)
          secrets.delete(session)
          return secret && SecretBytes.take(secret)
        },
      },
      ways: () => (site === this.#pair.from ? this.#pair.ways : []),
      ask: (to, method, payload) => this.site(to).relay.handlers[method](site, payload),
      accepts: () => true,
      onHopFailed: () => undefined,
    })
    return { keystore, relay, secrets }
  }

  #openWrap(peer: SiteId) {
    const secret = this.#random.octets(32)
    const session = newUuid(this.#random)
    this.site(peer).secrets.set(session, secret.slice())
    return Promise.resolve({ session, secret: SecretBytes.take(secret) })
  }

  #pairsOf(site: SiteId): readonly RelayPair[] {
    const { from, to, ways, blockOctets, targetBits } = this.#pair
    if (site !== from && site !== to) return []
    const peer = site === from ? to : from
    return [
      {
        peer,
        outward: linkId(relayLinkName(site, peer)),
        inward: linkId(relayLinkName(peer, site)),
        ...{ shares: ways.length, sharesLeast: 1, blockOctets },
        targetBits: site === from ? targetBits : 0,
      },
    ]
  }

  /** Pads of neighbours by their key stores, as a site's KME supplies them. */
  #padsOf(site: SiteId, keystore: Keystore): PadSupply {
    return {
      make: async (neighbour, octets) => {
        const reservation = await keystore.reserve({
          ...{ peer: neighbour, master: relaySae(site), slaves: [relaySae(neighbour)], number: 1 },
          ...{ sizeBits: octets * 8, lifeMs: 60_000, use: 'relay' },
        })
        for (const message of reservation.activations) {
          const there = this.site(neighbour).keystore
          const outcome = await there.activate(site, readActivation(message))
          if (outcome.kind !== 'activated') throw new PortRefusal('NETWORK_CLOSED', outcome.cause)
        }
        const [key] = await keystore.issue(reservation)
        return key
      },
      fetch: async (neighbour, pad) => {
        const about = { caller: relaySae(site), master: relaySae(neighbour) }
        const [key] = await keystore.deliver({ ...about, keyIds: [keyId(pad)] })
        return key
      },
    }
  }
}

const relaySae = (site: SiteId) => saeId(`relay.${site}`)

const fibreLink = ([a, b]: Fibre): LinkId => linkId(`fibre-${a}-${b}`)

const linkOf = (site: SiteId, [a, b]: Fibre) => ({
  link: fibreLink([a, b]),
  peer: a === site ? b : a,
  transmitter: a,
  receiver: b,
  reserveOctets: 0,
})

const FIBRE_BLOCK_OCTETS = 65_536
const ORIGIN = {
  source: 'simulated',
  randomness: 'simulated',
  authentication: 'wegman-carter-from-reserve',
  epsilon: 1e-10,
} as const
/** One signer for all: nothing here depends on whose it is. */
const LOG_KEYS = {
  ed25519: newSigningKeyPair('ed25519'),
  mlDsa44: newSigningKeyPair('ml-dsa-44'),
}
