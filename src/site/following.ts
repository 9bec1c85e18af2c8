/**
 * What the daemons of one site say to each other: one leads, the others follow.
 *
 * A daemon that follows meets applications. Plain requests for keys it answers by itself, from lots of
 * key bits that it has borrowed; everything else it passes on to the daemon that leads. Both are the
 * same site and prove it to each other by the same certificates as towards other sites; no other site
 * can speak on this channel.
 *
 * A request whose answer is lost on the way is answered 503: what it took is burned, as when a daemon
 * dies over it, and never given to anyone else.
 *
 * @module
 */

import {
  logFacts,
  siteId,
  type Cancel,
  type HttpHandler,
  type HttpResponse,
  type Ports,
  type SiteId,
  type Store,
} from '#base'
import { AuditLog } from '#audit'
import { BorrowedKeys, type Keystore } from '#keystore'
import type { Branch, StreamCall, StreamFrame } from '#kme'
import type { SiteConfiguration } from './config.ts'
import { daemonsOf } from './daemons.ts'
import { newBranch } from './key-service.ts'
import { leadOf } from './lead.ts'
import { PoolsElsewhere, serveLots } from './lending.ts'
import type { Material } from './material.ts'
import {
  answerOctets,
  callOctets,
  frameOctets,
  readAnswer,
  readCall,
  readFrame,
  readRequest,
  requestOctets,
} from './passing-on.ts'
import { Peers } from './peers.ts'

/** What the daemon that leads answers with. */
export interface Answering {
  /** GS QKD 014 and SKIP. */
  readonly north: HttpHandler
  /** GS QKD 004. */
  readonly streams: (call: StreamCall) => Promise<StreamFrame>
  readonly keystore: Keystore
}

type Wires = Pick<Ports, 'network' | 'clock' | 'log'>

/** The leading daemon's end: answers those that follow, and settles what dead ones had borrowed. */
export class Followers {
  readonly #peers: Peers
  readonly #site: SiteId
  readonly #ports: Pick<Ports, 'store' | 'clock'>
  readonly #keystore: Keystore

  constructor(site: SiteId, ports: Wires & { readonly store: Store }, answering: Answering) {
    const { north, streams, keystore } = answering
    this.#site = site
    this.#ports = ports
    this.#keystore = keystore
    this.#peers = channelOf(site, ports)
    this.#peers.serve(NORTH, async (_from, octets) =>
      answerOctets(await north(readRequest(octets))),
    )
    this.#peers.serve(STREAMS, async (_from, octets) =>
      frameOctets(await streams(readCall(octets))),
    )
    serveLots(this.#peers, keystore)
  }

  start(): void {
    this.#peers.start()
  }

  stop(): void {
    this.#peers.stop()
  }

  /** Takes back the lots of daemons that are gone, or lead now. @throws PortRefusal */
  async tend(): Promise<void> {
    if (this.#keystore.lots().length === 0) return
    const { store, clock } = this.#ports
    const lead = await leadOf(store, this.#site)
    const now = clock.now()
    const there = (await daemonsOf(store, this.#site)).filter(({ until }) => until > now)
    const borrowers = new Set(there.map(({ run }) => run))
    if (lead !== undefined) borrowers.delete(lead.run)
    await this.#keystore.recall(({ holder }) => !borrowers.has(holder), 'its daemon is gone')
  }
}

/** What a daemon that follows stands on. */
export interface FollowerOptions {
  readonly configuration: SiteConfiguration
  readonly ports: Pick<Ports, 'network' | 'clock' | 'log' | 'random' | 'store'>
  readonly material: Material
  /** Random name of its start. */
  readonly run: string
}

/** A daemon that follows, behind its listeners. */
export class Follower {
  readonly #site: SiteId
  readonly #ports: Wires
  /** The channel to the daemon that leads, and the connections to other sites. */
  readonly #lead: Peers
  readonly #peers: Peers
  readonly #keys: BorrowedKeys
  readonly #branch: Branch
  #tending: Cancel | undefined
  #stopped = false

  private constructor(options: FollowerOptions, audit: AuditLog) {
    const { configuration, ports, run: holder } = options
    const { network, clock, log } = ports
    const site = siteId(configuration.site)
    this.#site = site
    this.#ports = ports
    this.#lead = channelOf(site, ports)
    const peers = configuration.peers.map((peer) => siteId(peer.site))
    this.#peers = new Peers({ network, clock, log, peers })
    const pools = new PoolsElsewhere((method, octets) => this.#ask(method, octets), holder)
    this.#keys = new BorrowedKeys({ ...ports, site, audit, holder, lender: pools })
    this.#branch = newBranch({
      ...{ configuration, ports, keys: this.#keys, peers: this.#peers },
      availableBits: (peer) => pools.availableBits(peer),
    })
    this.#tend()
  }

  /** @throws AuditRefusal if the log of the site is damaged */
  static async open(options: FollowerOptions): Promise<Follower> {
    const { configuration, ports, material } = options
    const { store, clock } = ports
    const signer = { ...material.keys.audit, name: configuration.logOrigin }
    const site = siteId(configuration.site)
    return new Follower(options, await AuditLog.open({ site, store, clock, signer }))
  }

  /** GS QKD 014 and SKIP, for the north listener. */
  readonly north: HttpHandler = async (request) => {
    try {
      const own = await this.#branch.handle(request)
      return own ?? readAnswer(await this.#ask(NORTH, requestOctets(request)))
    } catch (error) {
      this.#ports.log.write('warning', 'lead.no-answer', logFacts(error))
      return NO_LEAD
    }
  }

  /** GS QKD 004, for its listener. Rejects if no answer came: the connection is of no use then. */
  readonly streams = async (call: StreamCall): Promise<StreamFrame> =>
    readFrame(await this.#ask(STREAMS, callOctets(call)))

  /** Gives back what is borrowed. To be called once no request is under way. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#tending?.()
    // Whoever leads after that takes back what this one could not return.
    await this.#keys.close().catch(() => undefined)
    this.#lead.stop()
    this.#peers.stop()
  }

  #tend(): void {
    this.#tending = this.#ports.clock.after(TEND_MS, () => {
      // Tried again a second later, for as long as it takes.
      void this.#keys
        .tend()
        .catch(() => undefined)
        .finally(() => {
          if (!this.#stopped) this.#tend()
        })
    })
  }

  #ask(method: string, octets: Uint8Array): Promise<Uint8Array> {
    return this.#lead.request(this.#site, method, octets, ANSWER_MS_MAX)
  }
}

const channelOf = (site: SiteId, { network, clock, log }: Wires): Peers =>
  new Peers({ network, clock, log, peers: [site], channel: 'daemons' })

const NORTH = 'north'
const STREAMS = 'streams'
const TEND_MS = 1000
/** Longer than a key takes that has to be activated at a distant site. */
const ANSWER_MS_MAX = 15_000

const NO_LEAD: HttpResponse = {
  status: 503,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-store', 'retry-after': '1' },
  body: JSON.stringify({ message: 'The leading daemon of this KME does not answer; try again' }),
}
