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

/** What happens to one message: it arrives once for each entry, so late, as these octets. */
export type Fate = readonly { readonly delayMs: number; readonly octets: Uint8Array }[]

export interface Passage {
  readonly from: SiteId
  readonly to: SiteId
  readonly channel: string
  readonly octets: Uint8Array
}

/** Decides what becomes of each message. */
export type Weather = (passage: Passage) => Fate

/** Every message arrives once, a millisecond later. */
export const fairWeather: Weather = ({ octets }) => [{ delayMs: 1, octets }]

interface Ear {
  readonly channels: (name: string) => boolean
  readonly take: (connection: Connection) => void
}

/** The wires between all sites of a world. */
export class SimulatedNetwork {
  weather: Weather = fairWeather
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

  /** Ends all connections of a site and forgets its listeners, as its crash does. */
  silence(site: SiteId): void {
    this.#ears.delete(site)
    for (const wire of this.#open) if (wire.a === site || wire.b === site) wire.end()
  }

  #listen(site: SiteId, ear: Ear): Cancel {
    const ears = this.#ears.get(site) ?? new Set()
    this.#ears.set(site, ears.add(ear))
    return () => ears.delete(ear)
  }

  #dial(from: SiteId, to: SiteId, channel: string): Promise<Connection> {
    return new Promise((resolve, reject) => {
      this.#time.after(1, () => {
        const ear = [...(this.#ears.get(to) ?? [])].find(({ channels }) => channels(channel))
        if (ear === undefined || this.#cut.has(pairOf(from, to))) {
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
    for (const fate of this.#weather(passage)) {
      this.#time.after(fate.delayMs, () => {
        if (!this.#ended) this.#inboxes.get(to)?.put(fate.octets)
      })
    }
    return Promise.resolve()
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
