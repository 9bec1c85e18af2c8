/**
 * One site of a world: the machine that outlives its daemon, and the daemon's runs.
 *
 * Opens the real site over the ports of one run after another, and starts it anew when it has died
 * or could not start, as whoever watches a real daemon does.
 *
 * @module
 */

import {
  PortRefusal,
  type Clock,
  type Facts,
  type LinkId,
  type LogLevel,
  type SeededRandom,
  type SiteId,
} from '#base'
import { remoteReceiver, remoteTransmitter } from '#optics'
import {
  inlineCompute,
  openSite,
  readMaterial,
  readRootKey,
  type RootKey,
  siteMigrations,
  type Devices,
  type Site,
  type SiteConfiguration,
} from '#site'
import { deviceChannel, fibreOf } from './fibre.ts'
import { Incarnation, type Death, type Machine, type WriteFate } from './incarnation.ts'
import {
  MemoryDisk,
  MemoryLog,
  MemoryStore,
  seededRandom,
  type SimulatedNetwork,
  type SimulatedTime,
} from './ports/mod.ts'
import type { Trace } from './trace.ts'

/** The site is down, or went down before it answered: nobody knows what it did. */
export class SiteDown extends Error {
  override readonly name = 'SiteDown'
}

/** What of a site outlives its daemon. */
export interface SiteState {
  readonly store: MemoryStore
  readonly files: ReadonlyMap<string, Uint8Array>
}

export interface WorldSiteInput {
  readonly configuration: SiteConfiguration
  readonly site: SiteId
  /** Files of the enrolled folder, and an empty store unless one is given; copied. */
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly store: MemoryStore | undefined
  readonly seed: number
  readonly chance: SeededRandom
  readonly time: SimulatedTime
  readonly network: SimulatedNetwork
  readonly trace: Trace
  /** Tells of something that must not happen. */
  readonly report: (fault: string) => void
  /** Changes the ports of every run: for tests that plant a fault. */
  readonly tamper: ((ports: Incarnation['ports']) => Incarnation['ports']) | undefined
}

/** One run: its ports, and the site once it serves. */
interface Run {
  readonly incarnation: Incarnation
  site: Site | undefined
}

export class WorldSite {
  readonly id: SiteId
  readonly configuration: SiteConfiguration
  readonly store: MemoryStore
  readonly disk = new MemoryDisk()
  readonly log = new MemoryLog()
  readonly #input: WorldSiteInput
  readonly #machine: Machine
  readonly #wallClock: ReturnType<SimulatedTime['view']>
  #run: Run | undefined
  #runs = 0
  /** The wall clock's error in milliseconds. */
  #offsetMs = 0
  #isFull = false
  #breaks = false
  #refusedShare = 0
  /** Set while nobody may start it. */
  #heldDown = false

  constructor(input: WorldSiteInput) {
    const { site, configuration, files, time, network, trace, chance } = input
    this.#input = input
    this.id = site
    this.configuration = configuration
    this.store = input.store?.copy() ?? new MemoryStore(MIGRATIONS)
    for (const [path, octets] of files) this.disk.files.set(path, octets.slice())
    this.#wallClock = time.view()
    this.#machine = {
      ...{ site, store: this.store, disk: this.disk, network, time, trace },
      ...{ wallClock: this.#wallClock, chance },
      log: { write: (level, event, facts = {}) => this.#logged(level, event, facts) },
      writeFate: (kind) => this.#writeFate(kind),
    }
  }

  /** The daemon, while it serves. */
  get serving(): Site | undefined {
    return this.#run?.site
  }

  /** Effects of the present run so far; 0 while there is none. */
  get effects(): number {
    return this.#run?.incarnation.effects ?? 0
  }

  /** How often the daemon was started. */
  get runs(): number {
    return this.#runs
  }

  get clock(): Pick<Clock, 'now'> {
    return this.#wallClock
  }

  /** A copy of what outlives the daemon. Take it while none runs, as one copies a disk. */
  state(): SiteState {
    const files = [...this.disk.files].map(([path, octets]) => [path, octets.slice()] as const)
    return { store: this.store.copy(), files: new Map(files) }
  }

  /** Starts the daemon, in the background. Does nothing while it runs. */
  start(): void {
    if (this.#run !== undefined || this.#heldDown) return
    const { seed, tamper } = this.#input
    this.#runs++
    this.#breaks = false
    const random = seededRandom(seed, `${this.id}/${this.#runs}`)
    const incarnation = new Incarnation(this.#machine, random, {
      died: () => this.#gone(incarnation),
      broke: () => this.#endBroken(run),
    })
    const run: Run = { incarnation, site: undefined }
    this.#run = run
    const ports = tamper === undefined ? incarnation.ports : tamper(incarnation.ports)
    this.#open(run, ports).catch((error: unknown) => this.#notStarted(run, error))
  }

  /** Lets the daemon die at one of its next effects. It is started again after `downMs`. */
  crash(death: Death, downMs: number): void {
    const run = this.#run
    if (run === undefined) return
    run.incarnation.dieAt(death)
    void run.incarnation.over.then(() => this.#startIn(downMs))
  }

  /** Kills the daemon now. It is started again after `downMs`. */
  kill(downMs: number): void {
    this.#run?.incarnation.die()
    this.#startIn(downMs)
  }

  /** Stops the daemon in good order and starts it again after `downMs`. */
  async restart(downMs: number): Promise<void> {
    if (await this.#stop()) this.#startIn(downMs)
  }

  /** Stops the daemon in good order, for good. */
  async stop(): Promise<void> {
    this.#heldDown = true
    await this.#stop()
  }

  /**
   * Asks the daemon something, as an operator or an application does.
   *
   * @throws SiteDown if no answer came, whether or not it acted; otherwise what the work throws
   */
  async call<T>(what: string, work: (site: Site) => Promise<T>): Promise<T> {
    const run = this.#run
    if (run?.site === undefined) throw new SiteDown(`${this.id} is down`)
    const { incarnation, site } = run
    const outcome = work(site).then(
      (value) => ({ kind: 'value', value }) as const,
      (error: unknown) => ({ kind: 'error', error }) as const,
    )
    const over = incarnation.over.then(() => ({ kind: 'over' }) as const)
    const result = await Promise.race([outcome, over])
    if (result.kind === 'over' || !incarnation.answers(what)) {
      throw new SiteDown(`${this.id} went down`)
    }
    if (result.kind === 'value') return result.value
    throw result.error
  }

  /** Sets the wall clock to another time. @param offsetMs   its error from now on */
  setClock(offsetMs: number): void {
    this.#wallClock.jump(offsetMs - this.#offsetMs)
    this.#offsetMs = offsetMs
  }

  /** Fills the disk, or makes room on it. */
  setFull(full: boolean): void {
    this.#isFull = full
  }

  /** The next commit meets a failing disk. */
  breakStore(): void {
    this.#breaks = true
  }

  /** Takes back a death or a failure that was to come. */
  spare(): void {
    this.#breaks = false
    this.#run?.incarnation.spare()
  }

  /** Share of writes that are refused from now on. */
  refuseWrites(share: number): void {
    this.#refusedShare = share
  }

  /** Ends the daemon and the machine. */
  close(): void {
    this.#heldDown = true
    this.#run?.incarnation.end()
    this.#run = undefined
    this.store[Symbol.dispose]()
  }

  async #open(run: Run, ports: Incarnation['ports']): Promise<void> {
    const root = await readRootKey(ports.disk, undefined)
    const site = await this.#openSite(ports, root)
    await site.start()
    if (!run.incarnation.alive) return
    run.site = site
    const { time, trace } = this.#input
    trace.add(time.elapsedMs, `${this.id} serves`)
  }

  async #openSite(ports: Incarnation['ports'], root: RootKey): Promise<Site> {
    const { configuration } = this.#input
    const { site, kme } = configuration
    const material = await readMaterial(
      ports.disk,
      { site, kme, root },
      { clock: ports.clock, report: (peer, why) => this.#input.report(`${peer} refused: ${why}`) },
    )
    return openSite({
      configuration,
      ports,
      devices: devicesOver(ports.network),
      compute: inlineCompute(ports.random),
      material,
      root,
      version: 'world',
      surroundings: () => ({ folder: 'memory', engine: 'in-memory SQLite', listeners: [] }),
      onStop: () => undefined,
    })
  }

  /** @returns whether there was a daemon to stop */
  async #stop(): Promise<boolean> {
    const run = this.#run
    if (run?.site === undefined) return false
    const { time, trace } = this.#input
    trace.add(time.elapsedMs, `${this.id} stops`)
    const site = run.site
    run.site = undefined
    const late = time.after(STOP_MS_MAX, () => {
      // The real daemon does not wait for ever either.
      this.log.write('warning', 'world.stop-late')
      run.incarnation.die()
    })
    const stopped = site.stop().catch((error: unknown) => {
      if (!(error instanceof PortRefusal))
        this.#input.report(`${this.id} stopped badly: ${say(error)}`)
    })
    await Promise.race([stopped, run.incarnation.over])
    late()
    run.incarnation.end()
    this.#gone(run.incarnation)
    return true
  }

  /** The daemon could not start. A port may refuse; anything else must not happen. */
  #notStarted(run: Run, error: unknown): void {
    if (!run.incarnation.alive) return
    if (!(error instanceof PortRefusal))
      this.#input.report(`${this.id} cannot start: ${say(error)}`)
    run.incarnation.die()
    this.#startIn(START_AGAIN_MS)
  }

  /** The store has failed: the daemon tries to end in good order, and then ends. */
  #endBroken(run: Run): void {
    const { time } = this.#input
    void run.site?.stop().catch(() => undefined)
    run.site = undefined
    time.after(BROKEN_MS, () => {
      run.incarnation.die()
      this.#startIn(START_AGAIN_MS)
    })
  }

  /** Takes a line of a run. An internal error is a bug of ours, whatever faults last. */
  #logged(level: LogLevel, event: string, facts: Facts): void {
    this.log.write(level, event, facts)
    if (facts['code'] !== 'INTERNAL') return
    const { why = '', where = '' } = facts
    this.#input.report(`${this.id} logs an internal error: ${event} ${why} ${where}`)
  }

  #gone(incarnation: Incarnation): void {
    if (this.#run?.incarnation !== incarnation) return
    this.#run = undefined
    const { network, chance } = this.#input
    network.silence(this.id, 1 + chance.below(NOTICED_MS_MAX))
  }

  #startIn(ms: number): void {
    this.#input.time.after(ms, () => this.start())
  }

  #writeFate(kind: 'store' | 'disk'): WriteFate {
    if (kind === 'store' && this.#breaks) return 'broken'
    if (this.#isFull) return 'full'
    return this.#refusedShare > 0 && this.#input.chance.chance(this.#refusedShare) ? 'full' : 'done'
  }
}

/** The devices of a site's links, over the network like the real ones. */
function devicesOver(network: Incarnation['ports']['network']): Devices {
  const dial = (link: LinkId, role: 'transmitter' | 'receiver') =>
    network.dial(fibreOf(link), deviceChannel(link, role))
  return {
    transmitter: async (link) => remoteTransmitter(await dial(link, 'transmitter')),
    receiver: async (link) => remoteReceiver(await dial(link, 'receiver')),
  }
}

/** What a report may say of an error. */
const say = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : 'something that is no error'

const MIGRATIONS = await siteMigrations()
/** After so long, whoever watches a daemon starts it again. */
const START_AGAIN_MS = 5000
/** How long a daemon whose store has failed still runs. */
const BROKEN_MS = 300
/** The longest that others take to notice a death. */
const NOTICED_MS_MAX = 10_000
/** A daemon that has not stopped by then is killed. */
const STOP_MS_MAX = 120_000
