/**
 * Life in a world: a hospital at each site, work all day, and the reckoning when faults are over.
 *
 * @module
 */

import { NO_FAULTS, simulate, type World, type WorldOptions, type WorldSite } from '#world'
import { chartsOf, type Charts } from './charts.ts'
import { applicationsAt, Hospital, type Rhythm } from './hospital.ts'
import { checkAll, isOver, statusOf, transfersOf, type Accounts } from './invariants.ts'
import { KeyLedger } from './key-ledger.ts'
import { LogWatch } from './log-watch.ts'
import { RecordLedger } from './record-ledger.ts'

export interface LifeOptions extends WorldOptions {
  readonly hours: number
  /** Before the faults begin, keys grow and work goes on for so long; none unless said. */
  readonly growMinutes?: number
  /** Patients at each site. */
  readonly patients?: number
  /** How often each record is corrected, and imported again, counting the first. */
  readonly versions?: number
  /** Whose patients they are; the world's seed unless said. */
  readonly chartSeed?: number
  readonly rhythm?: Rhythm
  /** Done before any time has passed. */
  readonly before?: (life: Life) => Promise<void> | void
  /** Done after the hours, with the world as it is then. */
  readonly during?: (life: Life) => Promise<void> | void
}

/** What a life was like. */
export interface Told {
  readonly violations: readonly string[]
  readonly digest: string
  readonly steps: number
  readonly figures: Readonly<Record<string, number>>
  /** Refusals and lines of the sites, for whoever looks for a cause. */
  readonly newest: readonly string[]
}

/** Lives in a world for some hours, ends all faults, and checks everything. */
export async function live(options: LifeOptions): Promise<Told> {
  const { hours, growMinutes = 0, faults = NO_FAULTS } = options
  using world = await simulate({ ...options, faults: growMinutes > 0 ? NO_FAULTS : faults })
  const life = new Life(world, options)
  await options.before?.(life)
  life.start()
  if (growMinutes > 0) {
    await world.run({ minutes: growMinutes })
    world.beginFaults(faults)
  }
  await world.run({ hours })
  await options.during?.(life)
  await life.conclude()
  return life.tell()
}

export class Life {
  readonly world: World
  readonly keys: KeyLedger
  readonly records = new RecordLedger()
  readonly log: LogWatch
  readonly hospitals: readonly Hospital[]
  readonly charts: readonly Charts[]
  readonly #random

  constructor(world: World, options: Omit<LifeOptions, 'hours'>) {
    const { patients = 6, versions = 2, rhythm = RHYTHM, chartSeed = world.seed } = options
    this.world = world
    this.keys = new KeyLedger((fault) => world.report(fault))
    this.log = new LogWatch(world)
    this.#random = world.fork()
    this.charts = world.sites.map((_, at) => {
      return chartsOf(chartSeed * 100 + at, patients, versions)
    })
    const { keys, records } = this
    for (const { staff } of this.charts) records.keepStaff(staff)
    this.hospitals = world.sites.map((site, at) => {
      const peers = world.sites.filter((other) => other !== site)
      const random = this.#random.fork()
      const charts = this.charts[at]
      return new Hospital({ world, site, peers, charts, keys, records, rhythm, random })
    })
  }

  start(): void {
    this.log.start()
    for (const hospital of this.hospitals) hospital.start()
  }

  /**
   * Ends all faults, lets everything come to its end, and checks all of it.
   *
   * @param of.growing   whether keys must grow again; else the fibres are too slow for that
   */
  async conclude({ growing = true } = {}): Promise<void> {
    const { world, hospitals, keys, records, log, charts } = this
    world.endFaults()
    const up = await world.until(
      () => world.sites.every(({ serving }) => serving !== undefined),
      UP,
    )
    if (!up) {
      world.report('not every site comes up although all faults are over')
      return
    }
    // Until everybody has noticed who died.
    await world.run({ minutes: 1 })
    if (growing) await this.#untilKeysGrow()
    for (const hospital of hospitals) hospital.stop()
    const ended = await world.until(() => hospitals.every(({ isDone }) => isDone), CALM)
    if (!ended) {
      world.report('work does not end although all faults have')
      return
    }
    for (const hospital of hospitals) hospital.expectCalm()
    await this.#untilAllDelivered()
    await this.#untilRelaysAreFull()
    await this.#shareKeysInCalm()
    await this.#untilPoolsSettle()
    await checkAll({ world, keys, records, log, charts } satisfies Accounts)
  }

  tell(): Told {
    const { world, keys, records, hospitals } = this
    const sum = (of: (site: WorldSite) => number): number =>
      world.sites.reduce((total, site) => total + of(site), 0)
    return {
      violations: world.violations,
      digest: world.trace.digest(),
      steps: world.trace.steps,
      figures: {
        keysMade: keys.madeCount,
        keysDelivered: keys.deliveredCount,
        keysMissed: hospitals.reduce((total, { keysMissed }) => total + keysMissed, 0),
        records: records.charts.filter(({ stored }) => stored >= 0).length,
        transfers: records.transfers.length,
        reads: [...records.reads.values()].reduce((a, b) => a + b, 0),
        runs: sum(({ runs }) => runs),
        hours: Math.round(world.time.elapsedMs / 3_600_000),
      },
      newest: world.trace.newest(20),
    }
  }

  /** The links of all sites run, none is under suspicion, and each makes blocks. */
  async #untilKeysGrow(): Promise<void> {
    const { world } = this
    const before = new Map<string, string>()
    for (const link of await this.#links()) before.set(link.name, link.block)
    const grown = await this.#until(CALM.minutes, async () => {
      const links = await this.#links()
      return (
        links.length === 2 * world.fibres.length &&
        links.every(({ name, block, state, serving }) => {
          return state === 'running' && serving && block !== before.get(name)
        })
      )
    })
    if (grown) return
    const links = (await this.#links()).map((link) => JSON.stringify(link)).join(' ')
    world.report(`keys do not grow although all faults are over: ${links}`)
  }

  async #links() {
    const { world } = this
    const links = []
    for (const site of world.sites) {
      if (site.serving === undefined) continue
      const { links: views, pools } = await statusOf(world, site)
      for (const { link, state, epoch, blocksDistilled, peer } of views) {
        const serving = pools.some((pool) => pool.peer === peer && pool.serving)
        const block = `${site.runs}/${epoch}/${blocksDistilled}`
        links.push({ name: `${site.id} ${link}`, state, block, serving })
      }
    }
    return links
  }

  /** Every transfer that any site knows is at its end. */
  async #untilAllDelivered(): Promise<void> {
    await this.#until(CALM.minutes, async () => {
      return [...(await transfersOf(this.world)).values()].every(isOver)
    })
  }

  /** Whoever has keys relayed has as many as it wants, once the links have grown what that takes. */
  async #untilRelaysAreFull(): Promise<void> {
    const { world } = this
    const waiting = (): readonly string[] =>
      world.sites.flatMap(({ id, serving }) =>
        (serving?.parts.relay.views() ?? [])
          .filter(({ state }) => state !== 'full')
          .map(({ peer, state, reason = '' }) => `${id} to ${peer}: ${state} ${reason}`),
      )
    if (await world.until(() => waiting().length === 0, RELAYED)) return
    world.report(`relayed keys do not come in calm: ${waiting().join(', ')}`)
  }

  /** Between each two sites, in both directions, keys are given out at the first request. */
  async #shareKeysInCalm(): Promise<void> {
    const { world, hospitals } = this
    for (const [at, site] of world.sites.entries()) {
      for (const peer of world.sites.filter((other) => other !== site)) {
        const [master] = applicationsAt(site)
        const asked = { number: 2, size: 256 }
        const done = await world.passing(
          hospitals[at].shareKeys(master, applicationsAt(peer), asked, this.#random),
        )
        if (!done) world.report(`${site.id} and ${peer.id} share no key in calm`)
      }
    }
  }

  /** Both ends count the same, nothing is held, and no withdrawal is pending. */
  async #untilPoolsSettle(): Promise<void> {
    const { world } = this
    const faults = (): string[] =>
      world.fibres.flatMap(({ link, transmitter, receiver }) => {
        const ends = [
          [transmitter, receiver],
          [receiver, transmitter],
        ].map(([here, there]) => {
          const pool = world.site(here).serving?.parts.keystore.pool(there)
          const on = pool?.links.find((one) => one.link === link)
          return { pool, on, here }
        })
        const [a, b] = ends
        const unsettled = ends
          .filter(({ pool, on }) => pool?.pendingVoids !== 0 || on?.heldBlocks !== 0)
          .map(({ here }) => `${here} has not settled ${link}`)
        const counts = [
          [a.on?.availableBits, b.on?.peerBits],
          [b.on?.availableBits, a.on?.peerBits],
        ]
        const differing = counts
          .filter(([own, peers]) => own !== peers)
          .map(([own, peers]) => `the ends of ${link} count ${own} and ${peers} bits`)
        return [...unsettled, ...differing]
      })
    await world.until(() => faults().length === 0, { minutes: SETTLE_MINUTES })
    for (const fault of faults()) world.report(fault)
  }

  async #until(minutes: number, condition: () => Promise<boolean>): Promise<boolean> {
    const end = this.world.time.elapsedMs + minutes * 60_000
    while (!(await condition())) {
      if (this.world.time.elapsedMs >= end) return false
      await this.world.run({ minutes: 1 })
    }
    return true
  }
}

const RHYTHM: Rhythm = { keys: 8, imports: 20, sends: 20, reads: 30 }
/** The longest that a world may take, once faults are over, until something is as it must be. */
const CALM = { minutes: 240 }
const UP = { minutes: 15 }
const RELAYED = { minutes: 60 }
const SETTLE_MINUTES = 30
