/**
 * The Network port between simulated sites: messages take time, and meet faults.
 *
 * Faults act on messages of an authenticated, encrypted connection: what an attacker on the wire
 * can do is lose or delay them, or end the connection. Duplicates, reordering and changed octets
 * stand for faults above it (a retrying peer, a malicious or broken one).
 *
 * @module
 */

import { PortRefusal, type Cancel, type Connection, type Network, type SiteId } from '#base'
import type { SimulatedTime } from './clock.ts'

/** One arrival of a message, so late, as these octets. */
export interface Arrival {
  readonly delayMs: number
  readonly octets: Uint8Array
  /** Waits for what was sent before it, as on a TCP connection; else it may overtake. */
  readonly inOrder?: boolean
}

/** What happens to one message: it arrives once for each entry, or ends its connection. */
export type Fate = readonly Arrival[] | 'connection-ends'

export interface Passage {
  readonly from: SiteId
  readonly to: SiteId
  readonly channel: string
  readonly octets: Uint8Array
}

/** Decides what becomes of each message. */
export type Weather = (passage: Passage) => Fate

/** Decides whether a connection comes about, and after how many milliseconds that is known. */
export type DialWeather = (dial: Omit<Passage, 'octets'>) => {
  readonly delayMs: number
  readonly succeeds: boolean
}

/** Every message arrives once, a millisecond later. */
export const fairWeather: Weather = ({ octets }) => [{ delayMs: 1, octets }]

/** Every connection comes about, a millisecond later. */
export const fairDials: DialWeather = () => ({ delayMs: 1, succeeds: true })

interface Ear {
  readonly channels: (name: string) => boolean
  readonly take: (connection: Connection) => void
}

/** The wires between all sites of a world. */
export class SimulatedNetwork {
  weather: Weather = fairWeather
  dials: DialWeather = fairDials
  readonly #time: SimulatedTime
  readonly #ears = new Map<SiteId, Set<Ear>>()
  readonly #cut = new Set<string>()
  readonly #open = new Set<Wire>()

  constructor(time: SimulatedTime) {
    this.#time = time
  }

  /** The port of one site. */
  of(site: SiteId): Network {
    return {
      accept: (channels, take) => this.#listen(site, { channels, take }),
      dial: (peer, channel) => this.#dial(site, peer, channel),
    }
  }

  /** Cuts or mends the wires between two sites; cutting ends their connections. */
  setCut(a: SiteId, b: SiteId, cut: boolean): void {
    const pair = pairOf(a, b)
    if (!cut) {
      this.#cut.delete(pair)
      return
    }
    this.#cut.add(pair)
    for (const wire of this.#open) if (pairOf(wire.a, wire.b) === pair) wire.end()
  }

  /**
   * Forgets the listeners of a site and ends its connections, as its crash does.
   *
   * @param noticedMs   how long the other ends take to notice; meanwhile what the site had sent
   *   still arrives, and whoever plays the dead site must not take what is sent to it
   */
  silence(site: SiteId, noticedMs = 0): void {
    this.#ears.delete(site)
    for (const wire of this.#open) {
      if (wire.a !== site && wire.b !== site) continue
      if (noticedMs === 0) wire.end()
      else this.#time.after(noticedMs, wire.end)
    }
  }

  #listen(site: SiteId, ear: Ear): Cancel {
    const ears = this.#ears.get(site) ?? new Set()
    this.#ears.set(site, ears.add(ear))
    return () => ears.delete(ear)
  }

  #dial(from: SiteId, to: SiteId, channel: string): Promise<Connection> {
    const { delayMs, succeeds } = this.dials({ from, to, channel })
    return new Promise((resolve, reject) => {
      this.#time.after(delayMs, () => {
        const ear = [...(this.#ears.get(to) ?? [])].find(({ channels }) => channels(channel))
        if (ear === undefined || !succeeds || this.#cut.has(pairOf(from, to))) {
          reject(new PortRefusal('NETWORK_UNREACHABLE', 'The site does not answer'))
          return
        }
        const wire = new Wire(from, to, channel, this.#time, (passage) => this.weather(passage))
        this.#open.add(wire)
        void wire.closed.then(() => this.#open.delete(wire))
        ear.take(wire.endOf(to))
        resolve(wire.endOf(from))
      })
    })
  }
}

/** One connection, with two ends. */
class Wire {
  readonly closed: Promise<void>
  readonly end: () => void
  #ended = false
  readonly #inboxes = new Map<SiteId, Inbox>()
  /** When the last message that keeps its order arrives at each end. */
  readonly #arrivals = new Map<SiteId, number>()
  readonly a: SiteId
  readonly b: SiteId
  readonly #channel: string
  readonly #time: SimulatedTime
  readonly #weather: Weather

  constructor(a: SiteId, b: SiteId, channel: string, time: SimulatedTime, weather: Weather) {
    this.a = a
    this.b = b
    this.#channel = channel
    this.#time = time
    this.#weather = weather
    const { promise, resolve } = Promise.withResolvers<void>()
    this.closed = promise
    this.end = () => {
      this.#ended = true
      resolve()
    }
    for (const site of [a, b]) this.#inboxes.set(site, new Inbox())
  }

  endOf(site: SiteId): Connection {
    const peer = site === this.a ? this.b : this.a
    return {
      peer,
      channel: this.#channel,
      closed: this.closed,
      close: this.end,
      receive: (take) => this.#inboxes.get(site)?.open(take),
      send: (octets) => this.#send(site, peer, octets),
    }
  }

  #send(from: SiteId, to: SiteId, octets: Uint8Array): Promise<void> {
    if (this.#ended) {
      return Promise.reject(new PortRefusal('NETWORK_CLOSED', 'The connection has ended'))
    }
    // A copy: the two ends are two machines.
    const passage = { from, to, channel: this.#channel, octets: octets.slice() }
    const fate = this.#weather(passage)
    if (fate === 'connection-ends') this.#time.after(1, this.end)
    else for (const arrival of fate) this.#deliver(to, arrival)
    return Promise.resolve()
  }

  #deliver(to: SiteId, { delayMs, octets, inOrder = false }: Arrival): void {
    const now = this.#time.elapsedMs
    const due = Math.max(now + delayMs, inOrder ? (this.#arrivals.get(to) ?? 0) : 0)
    if (inOrder) this.#arrivals.set(to, due)
    this.#time.after(due - now, () => {
      if (!this.#ended) this.#inboxes.get(to)?.put(octets)
    })
  }
}

/** Hands messages over one at a time, waiting for each. */
class Inbox {
  readonly #waiting: Uint8Array[] = []
  #take: ((message: Uint8Array) => Promise<void> | void) | undefined
  #busy = false

  open(take: (message: Uint8Array) => Promise<void> | void): void {
    this.#take = take
    void this.#drain()
  }

  put(message: Uint8Array): void {
    this.#waiting.push(message)
    void this.#drain()
  }

  async #drain(): Promise<void> {
    if (this.#busy || this.#take === undefined) return
    this.#busy = true
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      await this.#take(next)
    }
    this.#busy = false
  }
}

const pairOf = (a: SiteId, b: SiteId): string => [a, b].toSorted().join('|')
