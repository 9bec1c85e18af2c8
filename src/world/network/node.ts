/**
 * One site of a simulated network: a disk that outlives its daemon, and the daemon's runs.
 *
 * A run is the real key store, the real KME (GS QKD 014 and its peering), the real relay, and the
 * way finder, declarations and alarms of a real site, wired as `openSite` wires them. Without a
 * vault, an exchange, sessions and a log: the secret of a wrap is drawn and told to the other end,
 * and audit leaves go to the accounts. Many sites share a database, as every table has the site in its
 * key.
 *
 * A run dies between two simulated moments; deaths inside a commit are for `world.ts`.
 *
 * @module
 */

import {
  concat,
  kmeId,
  newUuid,
  saeId,
  SecretBytes,
  uuid,
  uuidOctets,
  type Clock,
  type Facts,
  type Log,
  type LinkId,
  type LogLevel,
  type RandomSource,
  type SiteId,
  type Statement,
  type Store,
  type Uuid,
} from '#base'
import { openKeystore, type Keystore, type KeystoreAlarm, type KeystoreLink } from '#keystore'
import { createKme, type Kme, type SaeDirectory } from '#kme'
import { Relay, type Network, type RelayOptions, type RelayPair } from '#relay'
import {
  Alarms,
  Declarations,
  padsFrom,
  relayLinksOf,
  serveDiscards,
  siteSae,
  WayFinder,
} from '#site'
import { MemoryDisk, seededRandom, type SimulatedTime } from '../ports/mod.ts'
import type { Accounts } from './accounts.ts'
import type { Picture } from './picture.ts'
import type { Handler, Life, Wires } from './wires.ts'

export interface NodeInput {
  readonly site: SiteId
  readonly seed: number
  readonly store: Store
  readonly time: SimulatedTime
  readonly wires: Wires
  readonly accounts: Accounts
  readonly picture: Picture
  readonly directory: SaeDirectory
  readonly network: Network
  /** Fibres that end here, and pairs that share relayed keys. */
  readonly fibres: readonly KeystoreLink[]
  readonly pairs: readonly RelayPair[]
  /** Changes the key store of every run: for tests that plant a fault. */
  readonly tamper: ((keystore: Keystore) => Keystore) | undefined
}

/** The daemon while it lives. */
export interface Run {
  readonly life: Life
  /** Resolves at its death. */
  readonly over: Promise<'over'>
  readonly handlers: Readonly<Record<string, Handler>>
  readonly keystore: Keystore
  readonly kme: Kme
  readonly relay: Relay
  readonly alarms: Alarms
  readonly declarations: Declarations
  readonly log: Log
  /** Asks another site in the name of this run. */
  readonly request: (to: SiteId, method: string, octets: Uint8Array) => Promise<Uint8Array>
}

export class NetworkNode {
  readonly site: SiteId
  readonly input: NodeInput
  run: Run | undefined
  /** Its wall clock can be set; the monotonic one cannot. */
  readonly #wallClock: ReturnType<SimulatedTime['view']>
  readonly #disk = new MemoryDisk()
  readonly #root: Uint8Array
  #end: (() => void) | undefined
  #runs = 0

  constructor(input: NodeInput) {
    this.input = input
    this.site = input.site
    this.#wallClock = input.time.view()
    this.#root = seededRandom(input.seed, `${input.site}/root`).octets(32)
  }

  /** Starts the daemon. Does nothing while it runs. */
  async start(): Promise<void> {
    if (this.#end !== undefined) return
    this.#runs++
    const life: Life = { over: false }
    const { promise: over, resolve } = Promise.withResolvers<'over'>()
    this.#end = () => {
      life.over = true
      resolve('over')
    }
    this.run = await this.#open(life, over)
    this.run.relay.start()
  }

  /** Kills the daemon: what it had in memory reaches nobody. */
  kill(): void {
    this.#end?.()
    this.#end = undefined
    this.run = undefined
  }

  /** Sets the wall clock by so much to another time. */
  jumpClock(byMs: number): void {
    this.#wallClock.jump(byMs)
  }

  async #open(life: Life, over: Promise<'over'>): Promise<Run> {
    const { site, seed, wires, accounts, fibres, pairs, tamper = asItIs } = this.input
    const random = seededRandom(seed, `${site}/${String(this.#runs)}`)
    const ports = {
      ...{ site, random, clock: this.#clockOf(life), store: this.#storeOf(life) },
      ...{ log: this.#log(), audit: auditTo(site, accounts) },
    }
    const waiting: { relay?: Relay } = {}
    const opened = await openKeystore({
      ...{ ...ports, disk: this.#disk, wrappingRoot: SecretBytes.copyOf(this.#root) },
      links: [...fibres, ...relayLinksOf(site, pairs)],
      limits: { linkOctetsMax: LINK_OCTETS_MAX, segmentOctets: SEGMENT_OCTETS },
      onChange: () => waiting.relay?.kick(),
      onAlarm: (alarm) => this.#alarmed(alarm),
    })
    const keystore = watched(accounts, { keystore: tamper(opened), pairs })
    const ask = (to: SiteId, method: string, payload: Uint8Array, timeoutMs = ASK_MS) =>
      wires.ask({ site, life }, { to, method, payload, timeoutMs })
    const kme = this.#kme(keystore, ports, ask)
    const alarms = await Alarms.open(ports)
    const declarations = await Declarations.open(ports)
    const secrets = new Map<string, Uint8Array>()
    const relay = new Relay({
      ...{ ...ports, keystore, pairs, ask, pads: this.#pads(kme) },
      wraps: wrapsOver(ask, random, secrets),
      ...this.#ways({ clock: ports.clock, declarations, alarms }),
      accepts: (origin) => declarations.accepts(origin),
    })
    waiting.relay = relay
    const handlers: Record<string, Handler> = {
      ...relay.handlers,
      'kme/activate': (from, octets) => kme.acceptActivations(from, octets),
      'kme/void': (from, octets) => kme.acceptWithdrawals(from, octets),
      'wrap/open': (from, octets) => Promise.try(() => takeSecret(secrets, from, octets)),
    }
    const serve = (method: string, handler: Handler): void => void (handlers[method] = handler)
    serveDiscards({ keystore, log: ports.log, peers: { serve, request: ask } })
    const parts = { keystore, kme, relay, alarms, declarations, log: ports.log }
    return { ...parts, life, over, handlers, request: ask }
  }

  #kme(
    keystore: Keystore,
    ports: Pick<RelayOptions, 'clock' | 'random' | 'log'>,
    ask: (to: SiteId, method: string, payload: Uint8Array) => Promise<Uint8Array>,
  ): Kme {
    const { site, directory } = this.input
    return createKme({
      ...{ ...ports, site, keystore, directory, kme: kmeId(`kme.${site}`) },
      inside: [saeId(siteSae(site))],
      peer: {
        activate: (to, octets) => ask(to, 'kme/activate', octets),
        void: (to, octets) => ask(to, 'kme/void', octets),
        stream: (to, octets) => ask(to, 'kme/stream', octets),
      },
    })
  }

  /** Pads of the KME, as a real site's relay takes them, and noted. */
  #pads(kme: Kme): RelayOptions['pads'] {
    const { accounts, site } = this.input
    const pads = padsFrom(kme.supplyFor(saeId(siteSae(site))))
    return {
      make: async (neighbour, octets) => {
        const pad = await pads.make(neighbour, octets)
        accounts.padMade(pad.keyId, pad.octets.reveal())
        return pad
      },
      fetch: async (neighbour, name) => {
        const pad = await pads.fetch(neighbour, name)
        accounts.padFetched(name, pad.octets.reveal())
        return pad
      },
    }
  }

  /** The way finder of a site over the common picture; asked anew once that has changed. */
  #ways(about: {
    readonly clock: Clock
    readonly declarations: Declarations
    readonly alarms: Alarms
  }): Pick<RelayOptions, 'ways' | 'onHopFailed'> {
    const { site, network, picture, accounts } = this.input
    const finder = new WayFinder({
      ...{ site, network, clock: about.clock, declarations: about.declarations },
      lastPath: 'wait',
      preferenceFor: () => ({ isOn: true, vias: [] }),
      alarm: (change) => void change(about.alarms),
    })
    /** By peer: at which look there was no way. */
    const none = new Map<SiteId, number>()
    const last = new Map<SiteId, string>()
    return {
      ways: (pair, octets) => {
        const { topology, looks } = picture
        if (none.get(pair.peer) === looks) return []
        const found = finder.ways(topology, pair, octets)
        accounts.count('searches for ways')
        if (found.length === 0) none.set(pair.peer, looks)
        else {
          const now = found.join(' | ')
          if (now !== (last.get(pair.peer) ?? now)) accounts.count('other ways')
          last.set(pair.peer, now)
        }
        return found
      },
      onHopFailed: (from, to, code) => {
        accounts.count(`hops failed: ${code}`)
        finder.hopFailed(from, to)
      },
    }
  }

  #clockOf(life: Life): Clock {
    const { time } = this.input
    return {
      now: () => this.#wallClock.now(),
      monotonicMs: () => this.#wallClock.monotonicMs(),
      after: (delayMs, task) =>
        time.after(delayMs, () => {
          if (!life.over) task()
        }),
    }
  }

  /** The database; to a dead run it never answers. */
  #storeOf(life: Life): Store {
    const { store } = this.input
    const never = <T>(): Promise<T> => new Promise<T>(() => undefined)
    return {
      read: (statement) => (life.over ? never() : store.read(statement)),
      commit: (statements) => (life.over ? never() : store.commit(statements)),
    }
  }

  #log() {
    const { accounts, site } = this.input
    return {
      write: (level: LogLevel, event: string, facts: Facts = {}): void => {
        if (level === 'error') accounts.count('errors logged')
        if (facts['code'] !== 'INTERNAL') return
        accounts.report(`${site} logs an internal error: ${event} ${String(facts['why'])}`)
      },
    }
  }

  #alarmed({ kind, link, message }: KeystoreAlarm): void {
    const { accounts, site } = this.input
    accounts.count(`alarms: ${kind}`)
    // Nothing here rolls a store back, or changes an octet of it.
    const isExpected =
      kind === 'link-quarantined' || kind === 'key-expired' || kind === 'withdrawal-too-late'
    accounts.check('no store fails', isExpected, () => `${site} ${kind} of ${link}: ${message}`)
  }
}

/** The key store with an eye on what it takes in and gives out. */
function watched(
  accounts: Accounts,
  about: { readonly keystore: Keystore; readonly pairs: readonly RelayPair[] },
): Keystore {
  const { keystore, pairs } = about
  const claiming = async <T extends Awaited<ReturnType<Keystore['reserve']>>>(
    take: () => Promise<T>,
  ): Promise<T> => {
    const suspects = new Set(accounts.suspects)
    const taken = await take()
    for (const message of taken.activations) accounts.claim(keystore.site, message, suspects)
    return taken
  }
  return {
    ...keystore,
    reserve: (request, carried) => claiming(() => keystore.reserve(request, carried)),
    carry: (first, request) => claiming(() => keystore.carry(first, request)),
    ingest: async (block) => {
      const outcome = await keystore.ingest(block)
      if (outcome === 'stored' && pairs.some(({ outward }) => outward === block.link)) {
        accounts.relayed.push({ origin: block.provenance, octets: block.key.length / 8 })
      }
      return outcome
    },
  }
}

/** Leaves of the audit log become entries of the accounts. */
function auditTo(site: SiteId, accounts: Accounts): RelayOptions['audit'] {
  return {
    append: ({ kind, facts }): Statement => {
      accounts.count('audit leaves')
      const { link, epoch, sequence, bits } = facts
      if (typeof link === 'string' && typeof epoch === 'number' && typeof sequence === 'number') {
        accounts.blockNoted(site, kind, {
          link: link as LinkId,
          epoch,
          sequence,
          bits: Number(bits),
        })
      }
      return NO_LEAF
    },
    record: ({ kind }) => {
      accounts.count(kind === 'relay.passed' ? 'shares passed on' : 'shares stuck')
      return Promise.resolve(0)
    },
  }
}

/** Instead of a signed hybrid session: a fresh secret, told to the other end. */
function wrapsOver(
  ask: (to: SiteId, method: string, payload: Uint8Array) => Promise<Uint8Array>,
  random: RandomSource,
  secrets: Map<string, Uint8Array>,
): RelayOptions['wraps'] {
  return {
    open: async (peer) => {
      const [session, secret] = [newUuid(random), random.octets(WRAP_SECRET_OCTETS)]
      await ask(peer, 'wrap/open', concat(uuidOctets(session), secret))
      return { session, secret: SecretBytes.take(secret) }
    },
    take: (peer, session) => {
      const name = secretName(peer, session)
      const secret = secrets.get(name)
      secrets.delete(name)
      return secret && SecretBytes.take(secret)
    },
  }
}

function takeSecret(
  secrets: Map<string, Uint8Array>,
  from: SiteId,
  octets: Uint8Array,
): Uint8Array {
  const session = uuid(uuidText(octets.subarray(0, 16)))
  secrets.set(secretName(from, session), octets.slice(16))
  return new Uint8Array(0)
}

const secretName = (peer: SiteId, session: Uuid): string => `${peer} ${session}`
const uuidText = (octets: Uint8Array): string =>
  octets.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')

const asItIs = (keystore: Keystore): Keystore => keystore

const NO_LEAF: Statement = { sql: 'select 1', parameters: [] }
const WRAP_SECRET_OCTETS = 32
const ASK_MS = 5000
/** Long enough for the half of a block: what is sealed as one costs the same, however long. */
const SEGMENT_OCTETS = 16_384
/** Octets of one link that an end stores, both directions together. */
export const LINK_OCTETS_MAX = 2 ** 20
