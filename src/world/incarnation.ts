/**
 * One run of a site's daemon, from its start to its death: ports that live and die together.
 *
 * Everything that outlives the run or leaves it is an *effect*: a commit, a file written, a message
 * sent, a connection asked for, an answer given. Effects are counted and put into the trace; writes
 * take a little simulated time, so that other work happens in between. A death comes before or
 * after the n-th effect: from then on no port of this run answers any more or does anything, as when
 * the process is killed. What the run still has in memory may go on to compute, and reaches nobody.
 *
 * @module
 */

import {
  PortRefusal,
  type Cancel,
  type Clock,
  type Connection,
  type Disk,
  type Log,
  type Network,
  type Ports,
  type RandomSource,
  type SeededRandom,
  type SiteId,
  type Statement,
  type Store,
} from '#base'
import type { SimulatedNetwork, SimulatedTime } from './ports/mod.ts'
import { commitText, folderOf, type Trace } from './trace.ts'

/** What outlives every run of a site: its disk and its place in the world. */
export interface Machine {
  readonly site: SiteId
  readonly store: Store
  readonly disk: Disk
  readonly log: Log
  readonly network: SimulatedNetwork
  readonly time: SimulatedTime
  readonly trace: Trace
  /** The wall clock, which may be wrong. */
  readonly wallClock: Pick<Clock, 'now'>
  /** Decides how long writes take, and what a death leaves of one. */
  readonly chance: SeededRandom
  /** What the next write meets. */
  readonly writeFate: (kind: 'store' | 'disk') => WriteFate
}

export type WriteFate =
  | 'done'
  /** No space is left; nothing was done. */
  | 'full'
  /** The disk failed: perhaps it was done, and nothing can be stored in this run any more. */
  | 'broken'

/** When a run dies, counted in effects from now on: 1 is the next one. */
export interface Death {
  readonly atEffect: number
  /** Whether that effect still happens. This run does not hear of it in either case. */
  readonly after: boolean
}

/** What the owner of a run wants to hear. */
export interface Watcher {
  /** Called at the moment of a death, not of an end in good order. */
  readonly died: () => void
  /** The store has failed: a real daemon ends itself now. */
  readonly broke: () => void
}

export class Incarnation {
  readonly ports: Ports
  /** Resolves when the run is over, however it ended. */
  readonly over: Promise<void>
  readonly #machine: Machine
  readonly #watcher: Watcher
  readonly #startedMs: number
  readonly #timers = new Set<Cancel>()
  readonly #finish: () => void
  #alive = true
  #broken = false
  #effects = 0
  #death: { readonly at: number; readonly after: boolean } | undefined
  /** When the last commit that is under way ends: commits keep their order. */
  #commitsEndMs = 0

  constructor(machine: Machine, random: RandomSource, watcher: Watcher) {
    this.#machine = machine
    this.#watcher = watcher
    this.#startedMs = machine.time.elapsedMs
    const { promise, resolve } = Promise.withResolvers<void>()
    this.over = promise
    this.#finish = resolve
    this.ports = {
      clock: this.#clock(),
      random,
      network: this.#network(),
      disk: this.#disk(),
      store: this.#store(),
      log: {
        write: (level, event, facts) => {
          if (this.#alive) machine.log.write(level, event, facts)
        },
      },
    }
  }

  get alive(): boolean {
    return this.#alive
  }

  /** Effects so far. */
  get effects(): number {
    return this.#effects
  }

  /** Lets the run die at an effect that is still to come. */
  dieAt({ atEffect, after }: Death): void {
    this.#death = { at: this.#effects + atEffect, after }
  }

  /** Lets an answer leave the site. @returns whether it left before the run was over */
  answers(what: string): boolean {
    let left = false
    void this.#effect(`answer ${what}`, () => {
      left = true
      return Promise.resolve()
    })
    return left
  }

  /** Kills the run, between two effects. */
  die(): void {
    if (!this.#alive) return
    this.#machine.trace.add(this.#machine.time.elapsedMs, `${this.#machine.site} dies`)
    this.end()
    this.#watcher.died()
  }

  /** Takes back a death that was to come. */
  spare(): void {
    this.#death = undefined
  }

  /** Ends a run that has stopped in good order. */
  end(): void {
    if (!this.#alive) return
    this.#alive = false
    for (const cancel of this.#timers) cancel()
    this.#timers.clear()
    this.#finish()
  }

  /**
   * Does something that outlives the run or leaves it. Never settles once the run is over.
   *
   * @param partly   what a death leaves of it instead of nothing
   */
  #effect<T>(
    what: string,
    act: () => Promise<T>,
    { partly }: { partly?: () => Promise<void> } = {},
  ): Promise<T> {
    if (!this.#alive) return never()
    const { trace, time, site } = this.#machine
    this.#effects++
    trace.add(time.elapsedMs, `${site} ${what}`)
    const dies = this.#death !== undefined && this.#effects >= this.#death.at
    if (dies && this.#death?.after === false) {
      void partly?.()
      this.die()
      return never()
    }
    const acted = act()
    if (!dies) return this.#whileAlive(acted)
    this.die()
    acted.catch(nothing)
    return never()
  }

  /** As `#effect`, after a while. */
  #effectIn<T>(
    delayMs: number,
    what: string,
    act: () => Promise<T>,
    more: { partly?: () => Promise<void> } = {},
  ): Promise<T> {
    if (!this.#alive) return never()
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.ports.clock.after(delayMs, () => {
      this.#effect(what, act, more).then(resolve, reject)
    })
    return promise
  }

  async #whileAlive<T>(promise: Promise<T>): Promise<T> {
    try {
      const value = await promise
      if (this.#alive) return value
    } catch (error) {
      if (this.#alive) throw error
    }
    return never()
  }

  #clock(): Clock {
    const { time, wallClock } = this.#machine
    return {
      now: () => wallClock.now(),
      monotonicMs: () => Math.floor(time.elapsedMs - this.#startedMs),
      after: (delayMs, task) => {
        if (!this.#alive) return () => undefined
        const stop = time.after(delayMs, () => {
          this.#timers.delete(cancel)
          task()
        })
        const cancel = (): void => {
          this.#timers.delete(cancel)
          stop()
        }
        this.#timers.add(cancel)
        return cancel
      },
    }
  }

  #store(): Store {
    const { store, time, chance } = this.#machine
    return {
      read: (statement) =>
        this.#broken ? Promise.reject(storeBroken()) : this.#whileAlive(store.read(statement)),
      commit: (statements) => {
        const now = time.elapsedMs
        const due = Math.max(now + 1 + chance.below(COMMIT_MS_MAX), this.#commitsEndMs)
        this.#commitsEndMs = due
        return this.#effectIn(due - now, `commit ${commitText(statements)}`, () =>
          this.#commit(statements),
        )
      },
    }
  }

  #commit(statements: readonly Statement[]): ReturnType<Store['commit']> {
    const { store, chance, writeFate } = this.#machine
    if (this.#broken) return Promise.reject(storeBroken())
    switch (writeFate('store')) {
      case 'done':
        return store.commit(statements)
      case 'full':
        return Promise.reject(new PortRefusal('STORE_FULL', 'The simulated disk is full'))
      case 'broken': {
        this.#broken = true
        this.#watcher.broke()
        const stands = chance.chance(0.5) ? store.commit(statements) : Promise.resolve()
        return stands.then(
          () => Promise.reject(storeBroken()),
          () => Promise.reject(storeBroken()),
        )
      }
    }
  }

  #disk(): Disk {
    const { disk, chance, writeFate } = this.#machine
    const delayMs = (): number => 1 + chance.below(COMMIT_MS_MAX)
    const full = (): Promise<never> =>
      Promise.reject(new PortRefusal('DISK_FULL', 'The simulated disk is full'))
    return {
      read: (path) => this.#whileAlive(disk.read(path)),
      list: (folder) => this.#whileAlive(disk.list(folder)),
      pages: (folder) => this.#pages(folder),
      write: (path, octets) =>
        this.#effectIn(delayMs(), `write ${folderOf(path)} ${octets.length}`, () =>
          writeFate('disk') === 'done' ? disk.write(path, octets) : full(),
        ),
      // Inside the present size, which a full disk has room for; a death may leave it half done,
      // between two sectors: what the key store asks of a disk is that one is written whole.
      overwrite: (path, offset, octets) => {
        const what = `overwrite ${folderOf(path)} ${octets.length}`
        const sectors = Math.ceil(((offset % SECTOR_OCTETS) + octets.length) / SECTOR_OCTETS)
        const whole = chance.below(sectors + 1) * SECTOR_OCTETS - (offset % SECTOR_OCTETS)
        const torn = octets.slice(0, Math.max(0, whole))
        const partly = (): Promise<void> => disk.overwrite(path, offset, torn)
        const act = (): Promise<void> => disk.overwrite(path, offset, octets)
        return this.#effectIn(delayMs(), what, act, { partly })
      },
      remove: (path) =>
        this.#effectIn(delayMs(), `remove ${folderOf(path)}`, () => disk.remove(path)),
    }
  }

  /** A dead run sees no further page. */
  async *#pages(folder: string): AsyncGenerator<readonly string[]> {
    for await (const page of this.#machine.disk.pages(folder)) {
      yield await this.#whileAlive(Promise.resolve(page))
    }
  }

  #network(): Network {
    const { network, site } = this.#machine
    const port = network.of(site)
    return {
      accept: (channels, take) =>
        port.accept(channels, (connection) => {
          if (this.#alive) take(this.#connection(connection))
          else connection.close()
        }),
      dial: async (peer, channel) => {
        const dialled = await this.#effect(`dial ${peer} ${channel}`, () => {
          const dialling = port.dial(peer, channel)
          // Nobody is left to take what a dead run has dialled.
          void dialling.then((connection) => this.#alive || connection.close()).catch(nothing)
          return dialling
        })
        return this.#connection(dialled)
      },
    }
  }

  #connection(connection: Connection): Connection {
    const { peer, channel } = connection
    return {
      peer,
      channel,
      closed: this.#whileAlive(connection.closed),
      close: () => {
        if (this.#alive) connection.close()
      },
      receive: (take) => {
        connection.receive((message) => (this.#alive ? take(message) : never()))
      },
      send: (octets) =>
        this.#effect(`send ${peer} ${channel} ${octets.length}`, () => connection.send(octets)),
    }
  }
}

const storeBroken = (): PortRefusal =>
  new PortRefusal('STORE_FAILED', 'The simulated disk failed under the store')
const nothing = (): undefined => undefined
const never = <T>(): Promise<T> => new Promise(nothing)

/** Octets that a disk writes whole or not at all. */
const SECTOR_OCTETS = 512
/** Writes take from one millisecond to so many. */
const COMMIT_MS_MAX = 4
