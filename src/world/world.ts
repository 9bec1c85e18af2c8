/**
 * A world: several sites with their real code over simulated ports, in simulated time, from one
 * seed, with faults at every port.
 *
 * **What counts as failure.** Each of these ends a test, and is looked for all the time or at the end:
 * - a key is delivered twice to one application, or a master gets one twice;
 * - an import writes a part of a bundle; a request gets no answer, or a refusal that no port caused;
 * - two ends hold different octets under one key_ID; a key_ID or the octets of a key come again;
 * - a record whose import was acknowledged cannot be read to the letter at its site, ever after;
 * - a transfer that was accepted does not arrive whole, once faults are over; one arrives twice;
 *   one with a receipt is not complete at the receiver;
 * - a log loses, changes or reorders an entry, does not verify, is not what its witness has seen,
 *   or lacks the entry of something that happened;
 * - a text of a patient stands in a line of a log;
 * - a pool does not settle: the ends count differently, or a block is held for ever;
 * - once Eve has gone and faults are over: keys do not grow, a transfer goes on waiting, a site's
 *   own verification finds a fault;
 * - a site cannot start over what it left behind, fails with anything but a refusal, or logs an
 *   internal error.
 *
 * **What does not.** A key lost on its way (its answer, its activation, a crash in between): it is
 * given up, never used again. A request refused or unanswered while faults last. A block discarded,
 * or a session of a link ended, for whatever fault or attack. An import that failed, even if it was
 * stored. A transfer in a mode that the receiver or the policy refuses. An alarm without an attack:
 * suspicion is cheap. Slowness.
 *
 * **Which nondeterminism is left.** Keys and signatures of ML-DSA, encapsulations and ECDSA come
 * from the operating system: their octets differ in each run, their sizes do not (certificates
 * excepted, which are made once a process); nothing branches on them and the trace holds none. The
 * real time that a run takes. Nothing else: time, order, faults, randomness of every site and photons
 * follow from the seed.
 *
 * **What a world cannot show**: anything of real sockets, disks, SQL engines other than SQLite,
 * worker threads, TLS; faults inside one commit (the Store port is all or nothing) or inside one
 * sector of a disk; two runs of one site at a time; stores that were rolled back.
 *
 * @module
 */

import { assert, SeededRandom, siteId, type EpochMs, type SiteId } from '#base'
import type { SiteConfiguration } from '#site'
import { NO_FAULTS, type Faults } from './faults.ts'
import { fibreOf, linkBetween, WorldFibre, type LinkSettings } from './fibre.ts'
import type { Incarnation } from './incarnation.ts'
import { FEDERATION, kmeOf, materialFor, originOf, type WorldMaterial } from './material.ts'
import { Misfortune } from './misfortune.ts'
import { settle, SimulatedNetwork, SimulatedTime, WORLD_BEGINS } from './ports/mod.ts'
import { WorldSite, type SiteState } from './site.ts'
import { Trace } from './trace.ts'

export interface WorldOptions {
  readonly sites: readonly string[]
  /** Which sites quantum links join; each two unless said. */
  readonly links?: readonly (readonly [string, string])[]
  /** Which sites without a link have keys relayed, and how; nobody unless said. */
  readonly relays?: {
    readonly pairs: readonly (readonly [string, string])[]
    readonly shares: number
    readonly blockOctets: number
    readonly targetBits: number
    readonly lastPath?: SiteConfiguration['lastPath']
  }
  readonly seed: number
  readonly faults?: Faults
  /** SAE IDs of the applications at each site; two for each unless said. */
  readonly saes?: (site: string) => readonly string[]
  readonly link?: Partial<LinkSettings>
  /** How often logs get a checkpoint; five minutes unless said. */
  readonly checkpointMs?: number
  /** Other than what the process has made for these sites. */
  readonly material?: WorldMaterial
  /** Goes on where another world ended, with fresh fibres. Take another seed than that one's. */
  readonly from?: WorldState
  /** Changes the ports of a site's runs: for tests that plant a fault. */
  readonly tamper?: (site: SiteId, ports: Incarnation['ports']) => Incarnation['ports']
}

/** What outlives every daemon of a world: another world may go on from it, any number of times. */
export interface WorldState {
  readonly at: EpochMs
  readonly sites: ReadonlyMap<SiteId, SiteState>
}

/** Makes a world. Its sites start as soon as time passes. */
export async function simulate(options: WorldOptions): Promise<World> {
  const ids = options.sites.map(siteId)
  assert(ids.length >= 2, 'a world has two sites or more')
  return new World(options, ids, options.material ?? (await materialFor(ids)))
}

/** Owns everything in it: dispose it. */
export class World implements Disposable {
  readonly seed: number
  readonly time: SimulatedTime
  readonly network: SimulatedNetwork
  readonly trace = new Trace()
  readonly sites: readonly WorldSite[]
  readonly fibres: readonly WorldFibre[]
  /** What must not happen and did. */
  readonly violations: string[] = []
  readonly #misfortune: Misfortune
  readonly #chance: SeededRandom

  constructor(options: WorldOptions, ids: readonly SiteId[], material: WorldMaterial) {
    const { seed, faults = NO_FAULTS, from } = options
    this.seed = seed
    this.time = new SimulatedTime(from?.at ?? WORLD_BEGINS)
    this.network = new SimulatedNetwork(this.time)
    this.#chance = new SeededRandom(seed)
    const { time, network, trace } = this
    const settings = { ...LINK_SETTINGS, ...options.link }
    this.fibres = linksOf(ids, options.links).map(
      ([transmitter, receiver]) =>
        new WorldFibre({ transmitter, receiver, settings, seed, time, network, trace }),
    )
    this.sites = ids.map((site) => {
      const tamper = options.tamper?.bind(undefined, site)
      return new WorldSite({
        configuration: configurationOf(site, ids, { ...options, settings }),
        ...{ site, seed, time, network, trace, tamper },
        ...(from?.sites.get(site) ?? { files: material.get(site) ?? new Map(), store: undefined }),
        chance: this.#chance.fork(),
        report: (fault) => this.report(fault),
      })
    })
    const { sites, fibres } = this
    this.#misfortune = new Misfortune({ time, network, sites, fibres, chance: this.#chance.fork() })
    this.#misfortune.begin(faults)
    for (const site of this.sites) site.start()
  }

  /** A site by its name. */
  site(name: string): WorldSite {
    const found = this.sites.find(({ id }) => id === name)
    assert(found !== undefined, 'the world has a site of this name')
    return found
  }

  /** Stops every daemon in good order, for good. @returns what is left: its stores are the caller's */
  async end(): Promise<WorldState> {
    for (const site of this.sites) await this.passing(site.stop())
    const at = this.time.view().now()
    return { at, sites: new Map(this.sites.map((site) => [site.id, site.state()])) }
  }

  /** A generator of its own for whoever works in this world. */
  fork(): SeededRandom {
    return this.#chance.fork()
  }

  /** Lets time pass. */
  async run(time: {
    hours?: number
    minutes?: number
    seconds?: number
    ms?: number
  }): Promise<void> {
    const { hours = 0, minutes = 0, seconds = 0, ms = 0 } = time
    await this.time.advance(((hours * 60 + minutes) * 60 + seconds) * 1000 + ms)
  }

  /** Lets time pass until something is so. @returns whether it came about in time */
  async until(condition: () => boolean, most: { minutes: number }): Promise<boolean> {
    const end = this.time.elapsedMs + most.minutes * 60_000
    while (!condition()) {
      if (this.time.elapsedMs >= end) return false
      await this.time.advance(STEP_MS)
    }
    return true
  }

  /** The promise's value, with as much time as it takes. */
  async passing<T>(promise: Promise<T>): Promise<T> {
    let done = false
    const mark = (): void => void (done = true)
    promise.then(mark, mark)
    await settle()
    const end = this.time.elapsedMs + PASSING_MS_MAX
    while (!done) {
      assert(this.time.elapsedMs < end, 'what is waited for ends within an hour')
      await this.time.advance(100)
    }
    return promise
  }

  /** From now on things go wrong at these rates. */
  beginFaults(faults: Faults): void {
    this.#misfortune.begin(faults)
  }

  /** From now on nothing goes wrong, and nobody listens. */
  endFaults(): void {
    this.#misfortune.end()
  }

  /** Notes what must not happen and did. */
  report(fault: string): void {
    this.violations.push(`${(this.time.elapsedMs / 1000).toFixed(3)} s: ${fault}`)
  }

  [Symbol.dispose](): void {
    for (const site of this.sites) site.close()
    for (const fibre of this.fibres) fibre.close()
  }
}

/** Between which sites links are: those named, or each two. */
const linksOf = (
  ids: readonly SiteId[],
  links: WorldOptions['links'],
): readonly (readonly [SiteId, SiteId])[] =>
  links?.map(([a, b]) => [siteId(a), siteId(b)] as const) ?? pairs(ids)

/** The distant sites of one site, and the network that leads to them. */
function relaying(
  site: SiteId,
  all: readonly SiteId[],
  by: {
    readonly planned: readonly (readonly [SiteId, SiteId])[]
    readonly relays: WorldOptions['relays']
  },
): Pick<SiteConfiguration, 'relays' | 'network'> {
  if (by.relays === undefined) return { relays: [] }
  const { pairs: ends, shares, blockOctets, targetBits } = by.relays
  const how = { shares, blockOctets, targetBits }
  return {
    relays: ends
      .filter((pair) => pair.includes(site))
      .map(([a, b]) => ({ peer: a === site ? b : a, sharesLeast: 1, ...how })),
    network: {
      nodes: all.map((one) => ({ site: one, kind: 'hospital', relays: true })),
      links: by.planned.map(([a, b]) => ({ link: linkBetween(a, b), a, b })),
    },
  }
}

function configurationOf(
  site: SiteId,
  all: readonly SiteId[],
  {
    settings,
    saes = (name) => [`${name}-archive`, `${name}-ward`],
    checkpointMs = CHECKPOINT_MS,
    relays,
    links: joined,
  }: Pick<WorldOptions, 'saes' | 'checkpointMs' | 'relays' | 'links'> & {
    readonly settings: LinkSettings
  },
): SiteConfiguration {
  const { preset, clockHz, blockBits, bootstrap = 'signature' } = settings
  const nowhere = { host: 'simulated', port: 1 }
  const planned = linksOf(all, joined)
  const links = planned.filter((ends) => ends.includes(site))
  return {
    site,
    federation: FEDERATION,
    kme: kmeOf(site),
    ...{ profile: 'demo', role: 'hospital' },
    logOrigin: originOf(site),
    peerListener: nowhere,
    northListener: nowhere,
    controllers: [],
    dns: [],
    kmeLinks: [],
    couriers: [],
    people: { providers: [] },
    peers: all
      .filter((other) => other !== site)
      .map((other) => ({ site: other, kme: kmeOf(other), ...nowhere })),
    links: links.map(([transmitter, receiver]) => {
      const link = linkBetween(transmitter, receiver)
      return {
        link,
        peer: transmitter === site ? receiver : transmitter,
        role: transmitter === site ? ('transmitter' as const) : ('receiver' as const),
        device: { name: fibreOf(link), ...nowhere },
        ...{ preset, clockHz, blockBits, bootstrap },
        secrecy: 1e-10,
        correctness: 1e-15,
        qberMax: 0.08,
      }
    }),
    ...relaying(site, all, { planned, relays }),
    lastPath: relays?.lastPath ?? 'wait',
    saes: all.flatMap((at) => saes(at).map((sae) => ({ sae, site: at }))),
    policy: {
      clinical: 'prefer-quantum',
      archive: 'require-quantum',
      'link-authentication': 'post-quantum',
    },
    ...SERVICE,
    checkpointMs,
  }
}

/** What no test has asked otherwise of yet. */
const SERVICE = {
  linkDownMs: 30_000,
  policyVersion: 1,
  saePolicies: [],
  partners: [],
  eventYears: 6,
  breakGlass: { reviewHours: 72 },
  consoleFibres: [],
  daemons: [],
  leaseMs: 5000,
  saeFields: ['uri', 'common-name'],
  etsi014Dialect: { emptyAdditionalSlaves: true, keyIdsQuery: false, unknownMembers: false },
  saeShare: 0.5,
  saeRequestsPerSecond: 1000,
  reserveBits: 1024,
  emergencyBits: 0,
  logLevel: 'info',
} satisfies Partial<SiteConfiguration>

const pairs = <T>(items: readonly T[]): (readonly [T, T])[] =>
  items.flatMap((a, at) => items.slice(at + 1).map((b) => [a, b] as const))

/** A block every quarter of an hour or so. */
const LINK_SETTINGS: LinkSettings = {
  preset: 'world-slow',
  clockHz: 4000,
  blockBits: 250_000,
  batchSlots: 2 ** 18,
}
const CHECKPOINT_MS = 300_000
const STEP_MS = 1000
const PASSING_MS_MAX = 3_600_000
