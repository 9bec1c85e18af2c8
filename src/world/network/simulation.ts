/**
 * A whole network for a day, from one seed: every site with its real key store, KME and relay, over
 * simulated ports and in simulated time, with everything going wrong that `faults` says.
 *
 * Modelled, not run: optics and post-processing (blocks come as long as they are expected to be), the
 * authentication of links, the sessions behind the wraps, advertisements (all sites see one picture),
 * audit logs, TLS. `world.ts` runs all of that, for few sites.
 *
 * @module
 */

import { SeededRandom, type SiteId } from '#base'
import type { NetworkSimulationProgress } from '#contract'
import { siteMigrations } from '#site'
import { MemoryStore, SimulatedTime } from '../ports/mod.ts'
import { Accounts } from './accounts.ts'
import { balance } from './closing.ts'
import { Demand } from './demand.ts'
import type { NetworkFibre } from './fibre.ts'
import { Misfortune } from './misfortune.ts'
import type { NetworkNode, NodeInput } from './node.ts'
import { Operators } from './operators.ts'
import { outcomeOf, type NetworkOutcome } from './outcome.ts'
import { linksBySite, Picture } from './picture.ts'
import { balancedLinks, newFibres, newNodes } from './population.ts'
import { NETWORK_FAULTS, type NetworkFaults, type Scenario } from './scenario.ts'
import { Wires } from './wires.ts'

export interface NetworkSimulationOptions {
  readonly scenario: Scenario
  readonly seed: number
  readonly minutes: number
  /** Requests of applications in that time. */
  readonly requests: number
  readonly faults?: NetworkFaults
  /** How long it may take to come to rest after the last fault. */
  readonly restMinutesMax?: number
  /** Changes the key stores: for tests that plant a fault. */
  readonly tamper?: NodeInput['tamper']
  /** Told after every simulated minute. */
  readonly told?: (progress: NetworkSimulationProgress) => void
}

/** Runs a network. @returns what happened; `faults` is empty if nothing was wrong */
export async function simulateNetwork(options: NetworkSimulationOptions): Promise<NetworkOutcome> {
  const simulation = new NetworkSimulation(options)
  try {
    return await simulation.run()
  } finally {
    simulation.close()
  }
}

class NetworkSimulation {
  readonly #options: NetworkSimulationOptions
  readonly #time = new SimulatedTime()
  readonly #accounts = new Accounts()
  readonly #stores: readonly MemoryStore[]
  readonly #chance: SeededRandom
  readonly #wires: Wires
  readonly #picture: Picture
  readonly #nodes: ReadonlyMap<SiteId, NetworkNode>
  readonly #fibres: readonly NetworkFibre[]
  readonly #linksAt: ReadonlyMap<SiteId, readonly number[]>
  #misfortune: Misfortune | undefined

  constructor(options: NetworkSimulationOptions) {
    const { scenario, seed } = options
    const number = Math.ceil(scenario.network.nodes.length / SITES_PER_STORE)
    this.#stores = Array.from({ length: number }, () => new MemoryStore(MIGRATIONS))
    const [time, accounts, stores] = [this.#time, this.#accounts, this.#stores]
    const chance = new SeededRandom(seed)
    this.#options = options
    this.#chance = chance
    const at = (site: SiteId) => this.#nodes.get(site)?.run
    this.#wires = new Wires({ time, accounts, chance: chance.fork(), at })
    this.#picture = new Picture(scenario.network, (link) => this.#reportsOf(link))
    this.#linksAt = linksBySite(scenario.network)
    const parts = {
      tamper: options.tamper,
      scenario,
      seed,
      time,
      accounts,
      stores,
      wires: this.#wires,
      picture: this.#picture,
    }
    this.#nodes = newNodes(parts)
    this.#fibres = newFibres(parts, {
      nodes: this.#nodes,
      chance: chance.fork(),
      deathsPerBlock: () => (this.#misfortune?.isOver === false ? this.#faults.deathsPerBlock : 0),
      died: (node) => {
        accounts.count('faults: node killed while it stores a block')
        this.#misfortune?.kill(node)
      },
    })
  }

  get #faults(): NetworkFaults {
    return this.#options.faults ?? NETWORK_FAULTS
  }

  async run(): Promise<NetworkOutcome> {
    const { minutes, requests, restMinutesMax = REST_MINUTES_MAX } = this.#options
    const { operators, misfortune, demand } = await this.#open()
    misfortune.plan(minutes)
    demand.plan(requests, minutes)
    for (let minute = 0; minute < minutes; minute++) await this.#minute(minute, operators)
    misfortune.end()
    const isQuiet = (): boolean => demand.open === 0 && this.#isQuiet()
    let quietMinutes = 0
    while (quietMinutes < restMinutesMax && !isQuiet()) {
      await this.#minute(minutes + quietMinutes++, operators)
    }
    const accounts = this.#accounts
    accounts.check('all comes to rest', isQuiet(), () => this.#unrest(demand))
    const sum = balance(accounts, balancedLinks(this.#options.scenario, this.#nodes))
    return outcomeOf(this.#options, { accounts, waitsMs: demand.waitsMs, sum, quietMinutes })
  }

  close(): void {
    for (const node of this.#nodes.values()) node.kill()
    for (const store of this.#stores) store[Symbol.dispose]()
  }

  async #open() {
    const { scenario, seed } = this.#options
    const { network, pairs } = scenario
    const [time, accounts, [store]] = [this.#time, this.#accounts, this.#stores]
    for (const node of this.#nodes.values()) await node.start()
    this.#picture.renew()
    const operators = await Operators.open({
      ...{ seed, time, store, network, accounts, picture: this.#picture },
      nodes: () => this.#nodes.values(),
      fibresAt: (site) => (this.#linksAt.get(site) ?? []).map((at) => this.#fibres[at]),
    })
    const misfortune = new Misfortune({
      ...{ network, time, accounts, operators, wires: this.#wires, faults: this.#faults },
      ...{ nodes: [...this.#nodes.values()], fibres: this.#fibres, picture: this.#picture },
      chance: this.#chance.fork(),
    })
    const nodeOf = (site: SiteId) => this.#nodes.get(site)?.run
    const demand = new Demand({ pairs, nodeOf, time, accounts, chance: this.#chance.fork() })
    this.#misfortune = misfortune
    return { operators, misfortune, demand }
  }

  /** Blocks of all links, spread over a minute; then everybody looks round. */
  async #minute(minute: number, operators: Operators): Promise<void> {
    for (let tick = 0; tick < TICKS; tick++) {
      for (let at = tick; at < this.#fibres.length; at += TICKS) await this.#fibres[at].minute()
      await this.#time.advance(60_000 / TICKS)
    }
    this.#picture.renew()
    if (minute % LOOK_MINUTES === 0) operators.look()
    if (minute % TEND_MINUTES === 0) await this.#tend()
    this.#tell(minute + 1)
  }

  /** The small work of all sites, which real ones do every second. */
  async #tend(): Promise<void> {
    for (const { run } of this.#nodes.values()) {
      if (run === undefined) continue
      const { keystore, kme } = run
      await keystore.tend()
      for (const peer of keystore.peers) {
        if (keystore.pool(peer).pendingVoids > 0) void kme.sendVoids(peer).catch(() => undefined)
      }
    }
  }

  #tell(minute: number): void {
    const { counts, checks, faults } = this.#accounts
    const { minutes, told } = this.#options
    told?.({
      ...{ minute, minutes, isClosing: minute > minutes, faults: faults.length },
      requests: counts['requests'] ?? 0,
      blocks: counts['block events'] ?? 0,
      checks: Object.values(checks).reduce((total, one) => total + one, 0),
    })
  }

  #reportsOf(at: number) {
    const fibre = this.#fibres[at]
    const consumption = (this.#accounts.takenOf(fibre.input.link.link) * 8) / 60
    const now = this.#time.elapsedMs
    return [fibre.reportOf('a', consumption, now), fibre.reportOf('b', consumption, now)] as const
  }

  /** Whether nothing is left over from what went wrong. */
  #isQuiet(): boolean {
    if (!this.#fibres.every(({ isSound }) => isSound)) return false
    for (const { run } of this.#nodes.values()) if (run === undefined || isBusy(run)) return false
    return true
  }

  #unrest({ open }: Demand): string {
    const fibres = this.#fibres
      .filter(({ isSound }) => !isSound)
      .map(({ input }) => input.link.link)
    const nodes = [...this.#nodes.values()].filter(({ run }) => run === undefined || isBusy(run))
    const named = [...fibres, ...nodes.map(({ site }) => site)].slice(0, NAMED_MAX)
    return `${String(open)} requests, ${named.join(' ')}`
  }
}

type Running = NonNullable<NetworkNode['run']>

/** Whether something waits here: withdrawals, blocks, keys, or a pair that has no keys. */
function isBusy({ keystore, relay, declarations }: Running): boolean {
  if (declarations.standing.length > 0) return true
  if (relay.views().some(({ state }) => state !== 'full')) return true
  return keystore.peers.some((peer) => {
    const { pendingVoids, heldBlocks } = keystore.pool(peer)
    return pendingVoids > 0 || heldBlocks > 0
  })
}

/** Nobody here keeps records. */
const MIGRATIONS = await siteMigrations('trusted-node')
/** The larger a database is, the more a commit costs; each has prepared statements of its own. */
const SITES_PER_STORE = 32
/** Blocks of a minute come in so many handfuls. */
const TICKS = 20
/** Minutes between looks for sites that are cut off, and between the small works of key stores. */
const LOOK_MINUTES = 2
const TEND_MINUTES = 3
/** Longer than the longest of the usual faults, and a few hours for pools to fill. */
const REST_MINUTES_MAX = 600
const NAMED_MAX = 12
