/**
 * The network as this site knows it: says how its own links stand, hears how all others do, and finds
 * the ways on which shares go.
 *
 * Speaks to its neighbours only, who pass on what is signed; no site depends on a controller. Two
 * neighbours compare what they hold from time to time, so that whatever was lost comes after all.
 * Ways themselves are found by `way-finder.ts`; who is cut off is watched by `isolation.ts`.
 *
 * @see ETSI GS QKD 015 V2.1.1 §6; docs/internals/network.md
 * @module
 */

import {
  bind,
  cborDoor,
  Exactly,
  logFacts,
  Octets,
  siteId,
  statement,
  tablesOf,
  Text,
  toCbor,
  Type,
  Whole,
  type Cancel,
  type Clock,
  type LinkId,
  type Log,
  type Migration,
  type SiteId,
  type Store,
} from '#base'
import type { NetworkView } from '#contract'
import type { DualSigner, DualVerifier } from '#crypto'
import type { Keystore, Position } from '#keystore'
import {
  ADVERTISEMENT_OCTETS_MAX,
  expire,
  heardOf,
  holdingsOf,
  lackingIn,
  newAdvertisementTable,
  newTopology,
  nextNumber,
  receive,
  signAdvertisement,
  type AdvertisementTable,
  type Isolation,
  type LinkReport,
  type Network,
  type RelayPair,
  type Send,
  type Topology,
} from '#relay'
import type { Alarms } from './alarms.ts'
import type { LastPath } from './config.ts'
import type { Declarations } from './declarations.ts'
import { cutOffBy, IsolationWatch, isolationWithout } from './isolation.ts'
import type { LinkRunner } from './link-runner.ts'
import type { Steering } from './etsi-015/steering.ts'
import type { Peers } from './peers.ts'
import { WayFinder } from './way-finder.ts'

/** A link that ends at this site, wherever its keys come from. */
export type MappedLink = Pick<LinkRunner, 'link' | 'peer' | 'enabled' | 'view' | 'suspicion'>

export interface NetworkMapInput {
  readonly site: SiteId
  readonly network: Network
  readonly links: readonly MappedLink[]
  readonly keystore: Keystore
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  readonly alarms: Alarms
  readonly peers: Peers
  readonly signer: DualSigner
  readonly keysOf: (site: SiteId) => DualVerifier | undefined
  /** What controllers want of the ways to a site. */
  readonly preferenceFor: Steering['preferenceFor']
  readonly declarations: Declarations
  /** Sites whose isolation this one raises an alarm for: itself and its peers. */
  readonly watched: readonly SiteId[]
  readonly lastPath: LastPath
}

/** A look at an own link, kept for rates and trends. */
interface Look {
  readonly atMs: number
  readonly freeOctets: number
  readonly qber: number
}

export class NetworkMap {
  readonly #input: NetworkMapInput
  readonly #neighbours: readonly SiteId[]
  /** Above that of every earlier run. */
  #boot: number
  readonly #bootedMs: number
  #table: AdvertisementTable
  #topology: Topology
  #said: { readonly atMs: number; readonly links: readonly LinkReport[] } | undefined
  readonly #looks = new Map<string, Look[]>()
  readonly #finder: WayFinder
  readonly #watch: IsolationWatch
  #comparedMs = -Infinity
  #timer: Cancel | undefined
  #stopped = false

  static async open(input: NetworkMapInput): Promise<NetworkMap> {
    return new NetworkMap(input, await nextBoot(input))
  }

  private constructor(input: NetworkMapInput, boot: number) {
    const { site, network, links, clock, peers } = input
    this.#input = input
    this.#boot = boot
    this.#bootedMs = clock.monotonicMs()
    this.#table = newAdvertisementTable(site)
    this.#topology = newTopology(network)
    this.#finder = new WayFinder({ ...input, alarm: (change) => this.#alarm(change) })
    this.#watch = new IsolationWatch({ ...input, alarm: (change) => this.#alarm(change) })
    this.#neighbours = [...new Set(links.map(({ peer }) => peer))]
    peers.serve('network/links', (from, octets) => Promise.try(() => this.#take(from, octets)))
    peers.serve('network/holdings', (from, octets) => Promise.try(() => this.#answer(from, octets)))
  }

  start(): void {
    if (this.#input.network.links.length > 0) this.#look()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.()
  }

  /** Ways to a site on which so many octets can go: see `WayFinder`. */
  ways(pair: RelayPair, octets: number): readonly (readonly SiteId[])[] {
    return this.#finder.ways(this.#topology, pair, octets)
  }

  /** Hospitals that would reach no other one without a link of the plan. */
  cutOffBy(link: LinkId): readonly SiteId[] {
    return cutOffBy(this.#topology, link) ?? []
  }

  /** A share did not get over a hop. */
  hopFailed(from: SiteId, to: SiteId): void {
    this.#finder.hopFailed(from, to)
  }

  /** What keeping these nodes out would cut, beside what is kept out already: as links are now. */
  isolationWithout(nodes: readonly SiteId[]): Isolation {
    if (this.#input.network.links.length > 0) this.#say()
    return isolationWithout(this.#topology, nodes, this.#input.declarations.avoided('all'))
  }

  /**
   * The first block whose keys wait when a link comes under suspicion: all, but where policy leaves
   * the last way in use. Then those that come after what is there: a block that showed the suspicion
   * was discarded, and the bounds of those before it have held.
   */
  waitsFrom(link: LinkId): Position | undefined {
    const { lastPath, links, keystore } = this.#input
    const others = links.filter((one) => one.link !== link)
    const cut = cutOffBy(this.#topology, link)
    const isLast = cut === undefined ? others.every(isSuspect) : cut.length > 0
    if (lastPath === 'wait' || !isLast) return undefined
    const blocks = keystore.survey().filter((one) => one.link === link && one.state === 'available')
    const newest = blocks.at(-1)
    return newest && { epoch: newest.epoch, sequence: newest.sequence + 1 }
  }

  /** Hospitals to which no sound way leads now, because of suspicion or declared nodes. */
  get isolated(): readonly SiteId[] {
    return this.#watch.isolated
  }

  view(): NetworkView['links'] {
    const { network, clock } = this.#input
    const nowMs = clock.monotonicMs()
    return network.links.map(({ link, a, b }, at) => {
      const state = this.#topology.states[at]
      return {
        ...{ link, a, b },
        status: state?.status ?? 'unheard',
        freeOctets: state === undefined ? [0, 0] : [...state.freeOctets],
        secretBitsPerSecond: state?.secretBitsPerSecond ?? 0,
        qber: state === undefined ? null : state.qberPpm / PPM,
        suspect: state?.suspect ?? false,
        ageMs: state === undefined ? null : Math.max(0, Math.round(nowMs - state.saidMs)),
      }
    })
  }

  #look(): void {
    const { clock, log } = this.#input
    try {
      this.#expire()
      this.#say()
      this.#watch.look(this.#topology)
    } catch (error) {
      log.write('error', 'network.look-failed', logFacts(error))
    }
    const nowMs = clock.monotonicMs()
    if (nowMs - this.#comparedMs >= COMPARE_MS) {
      this.#comparedMs = nowMs
      for (const to of this.#neighbours) void this.#compare(to)
    }
    if (!this.#stopped) this.#timer = clock.after(LOOK_MS, () => this.#look())
  }

  #expire(): void {
    const { table, gone } = expire(this.#table, this.#input.clock.monotonicMs())
    this.#table = table
    if (gone.length > 0) this.#topology = heardOf(this.#topology, table, gone)
  }

  /** Advertises the own links, if there is something to say. */
  #say(): void {
    const { links, clock, site, signer } = this.#input
    const nowMs = clock.monotonicMs()
    const reports = links.map((link) => this.#reportOf(link))
    const said = this.#said
    const isDue = said === undefined || nowMs - said.atMs >= REFRESH_MS
    if (!isDue && reports.every((report, at) => isLike(report, said.links.at(at)))) return
    this.#said = { atMs: nowMs, links: reports }
    const { octets } = signAdvertisement(
      {
        ...{ site, links: reports, lifeMs: LIFE_MS, at: clock.now() },
        ...nextNumber(this.#table, this.#boot),
        uptimeMs: Math.floor(nowMs - this.#bootedMs),
      },
      signer,
    )
    this.#receive(site, octets)
  }

  #reportOf(runner: MappedLink): LinkReport {
    const { keystore, clock } = this.#input
    const nowMs = clock.monotonicMs()
    const { link, peer } = runner
    const { state, qber, secretBitsPerSecond } = runner.view()
    const pool = keystore.pool(peer).links.find((one) => one.link === link)
    const sendOctets = Math.floor((pool?.availableBits ?? 0) / 8)
    const receiveOctets = Math.floor((pool?.peerBits ?? 0) / 8)
    const looks = [
      ...(this.#looks.get(link) ?? []),
      { atMs: nowMs, freeOctets: sendOctets + receiveOctets, qber: qber ?? 0 },
    ].slice(-LOOKS_KEPT)
    this.#looks.set(link, looks)
    const [first, last] = [looks[0], looks[looks.length - 1]]
    const seconds = Math.max(1, (last.atMs - first.atMs) / 1000)
    const grown = (last.freeOctets - first.freeOctets) * 8
    const trend = ((last.qber - first.qber) * PPM * 3600) / Math.max(60, seconds)
    const isGrowing = state === 'running' || state === 'degraded'
    const isUsable = runner.enabled && (isGrowing || sendOctets + receiveOctets > 0)
    return {
      ...{ link, peer },
      status: !isUsable ? 'off' : isGrowing ? 'active' : 'passive',
      ...{ sendOctets, receiveOctets },
      secretBitsPerSecond: Math.round(secretBitsPerSecond),
      consumptionBitsPerSecond: Math.max(0, Math.round(secretBitsPerSecond - grown / seconds)),
      qberPpm: Math.round((qber ?? 0) * PPM),
      qberTrendPpmPerHour: Math.min(PPM, Math.max(-PPM, Math.round(trend))),
      suspect: state === 'suspended' || pool?.quarantine !== undefined,
    }
  }

  #take(from: SiteId, octets: Uint8Array): Uint8Array {
    const { kind } = this.#receive(from, octets)
    return toCbor({ kind })
  }

  #receive(from: SiteId, octets: Uint8Array) {
    const { network, keysOf, clock, site, log } = this.#input
    const { table, outcome, sends } = receive(this.#table, {
      ...{ octets, from, neighbours: this.#neighbours, network },
      verifierOf: keysOf,
      ...{ now: clock.now(), nowMs: clock.monotonicMs() },
    })
    this.#table = table
    if (outcome.kind === 'taken') {
      this.#topology = heardOf(this.#topology, table, [outcome.advertisement.site])
    } else if (outcome.kind === 'equivocation') {
      this.#topology = heardOf(this.#topology, table, [outcome.proof.site])
      this.#accuse(outcome.proof.site)
    } else if (outcome.kind === 'own-ahead') {
      // The store was rolled back: another run has said more. Speak above it.
      this.#boot = outcome.boot + 1
      log.write('warning', 'network.own-number-behind', { boot: outcome.boot })
    } else if (outcome.kind === 'refused' && from !== site) {
      log.write('info', 'network.advertisement-refused', { from, reason: outcome.reason })
    }
    for (const send of sends) void this.#send(send)
    return outcome
  }

  #accuse(liar: SiteId): void {
    const message = 'A site has signed two different states of its links under one number'
    const alarm = { kind: 'network.equivocation', severity: 'critical', message } as const
    this.#alarm((alarms) => alarms.raise({ ...alarm, subject: liar }))
  }

  #alarm(change: (alarms: Alarms) => Promise<unknown>): void {
    const { alarms, log } = this.#input
    change(alarms).catch((error: unknown) => {
      log.write('error', 'alarm.not-stored', logFacts(error))
    })
  }

  async #send({ to, octets }: Send): Promise<void> {
    // What does not get there now comes when the two compare what they hold.
    await this.#input.peers.request(to, 'network/links', octets).catch(() => undefined)
  }

  async #compare(to: SiteId): Promise<void> {
    const holdings = holdingsOf(this.#table).map((one) => ({ ...one }))
    try {
      const answer = await this.#input.peers.request(to, 'network/holdings', toCbor({ holdings }))
      for (const octets of openLacking(answer).lacking) this.#receive(to, octets)
    } catch {
      // A neighbour that is away is asked again.
    }
  }

  #answer(from: SiteId, octets: Uint8Array): Uint8Array {
    const { holdings } = openHoldings(octets)
    const theirs = holdings.map((one) => ({ ...one, site: siteId(one.site) }))
    const lacking = lackingIn(this.#table, theirs).slice(0, LACKING_MAX)
    this.#input.log.write('debug', 'network.compared', { from, lacking: lacking.length })
    return toCbor({ lacking: [...lacking] })
  }
}

const isSuspect = ({ suspicion }: MappedLink): boolean => suspicion !== undefined

/** Whether two reports say the same, as far as routing minds. */
function isLike(a: LinkReport, b: LinkReport | undefined): boolean {
  if (b === undefined || a.status !== b.status || a.suspect !== b.suspect) return false
  const isNear = (x: number, y: number): boolean => Math.abs(x - y) <= NEAR * Math.max(x, y, 65_536)
  return isNear(a.sendOctets, b.sendOctets) && isNear(a.receiveOctets, b.receiveOctets)
}

/** Counts a run of the daemon, durably. */
async function nextBoot({ site, store }: NetworkMapInput): Promise<number> {
  const row = (await store.read(bind(BOOT, site))).at(0)
  const boot = Number(row?.['boot'] ?? 0) + 1
  await store.commit([bind(SET_BOOT, site, boot)])
  return boot
}

const tables = tablesOf<{ network_boot: { site_id: string; boot: number } }>()
const BOOT = statement(tables.selectFrom('network_boot').select('boot').where('site_id', '=', ''))
const SET_BOOT = statement(
  tables
    .insertInto('network_boot')
    .values({ site_id: '', boot: 0 })
    .onConflict((conflict) =>
      conflict.column('site_id').doUpdateSet((row) => ({ boot: row.ref('excluded.boot') })),
    ),
)

export const networkMigrations: readonly Migration[] = [
  {
    id: 'network-1',
    statements: [
      'CREATE TABLE network_boot (site_id TEXT NOT NULL PRIMARY KEY, boot BIGINT NOT NULL)',
    ],
  },
]

const PPM = 1_000_000
const LOOK_MS = 2000
/** An advertisement is said again at least so often, and forgotten after four times that. */
const REFRESH_MS = 15_000
const LIFE_MS = 60_000
const COMPARE_MS = 10_000
/** A free octet count within so much of what was said needs no word. */
const NEAR = 0.1
const LOOKS_KEPT = 60
/** Advertisements in one answer; the rest comes with the next. */
const LACKING_MAX = 64
const SITES_MAX = 4096

const openHoldings = cborDoor(
  Exactly({
    holdings: Type.Array(
      Exactly({
        site: Text(63, 1),
        boot: Whole(0),
        sequence: Whole(0),
        digest: Text(64, 64),
        lied: Type.Boolean(),
      }),
      {
        maxItems: SITES_MAX,
      },
    ),
  }),
  'holdings of a neighbour',
  SITES_MAX * 256,
)
const openLacking = cborDoor(
  Exactly({
    lacking: Type.Array(Octets(1, ADVERTISEMENT_OCTETS_MAX), { maxItems: LACKING_MAX }),
  }),
  'advertisements of a neighbour',
  LACKING_MAX * (ADVERTISEMENT_OCTETS_MAX + 16),
)
