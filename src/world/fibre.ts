/**
 * The simulated fibre of one link: its two devices, reached over the simulated network as real ones
 * are over TLS, paced by simulated time. Lives through the crashes of both sites.
 *
 * @module
 */

import { linkId, siteId, type LinkId, type SiteId } from '#base'
import {
  namedLink,
  noAttack,
  serveReceiver,
  serveTransmitter,
  SimulatedFibre,
  type Attack,
} from '#optics'
import { seededRandom, type SimulatedNetwork, type SimulatedTime } from './ports/mod.ts'
import type { Trace } from './trace.ts'

/** How the links of a world are set. */
export interface LinkSettings {
  /** Name of a preset of `optics`. */
  readonly preset: string
  /** Pulses per second: decides how many blocks an hour has, and so what an hour costs. */
  readonly clockHz: number
  /** Sifted bits of a block. */
  readonly blockBits: number
  /** Pulse slots of a batch. */
  readonly batchSlots: number
  /** How its sessions begin without a reserve; by signatures unless said. */
  readonly bootstrap?: 'signature' | 'psk'
}

export interface FibreInput {
  readonly transmitter: SiteId
  readonly receiver: SiteId
  readonly settings: LinkSettings
  readonly seed: number
  readonly time: SimulatedTime
  readonly network: SimulatedNetwork
  readonly trace: Trace
}

/** Owner of a link's optics. */
export class WorldFibre {
  readonly link: LinkId
  /** The name of the fibre as a party of the network. */
  readonly id: SiteId
  readonly transmitter: SiteId
  readonly receiver: SiteId
  readonly #fibre: SimulatedFibre
  readonly #time: SimulatedTime
  readonly #trace: Trace
  #closed = false

  constructor({ transmitter, receiver, settings, seed, time, network, trace }: FibreInput) {
    this.link = linkBetween(transmitter, receiver)
    this.id = fibreOf(this.link)
    this.transmitter = transmitter
    this.receiver = receiver
    this.#time = time
    this.#trace = trace
    this.#fibre = new SimulatedFibre({
      link: namedLink(settings.preset, settings.clockHz).link,
      random: seededRandom(seed, this.link),
      allowSimulatedRandomness: true,
      batchSlots: settings.batchSlots,
    })
    for (const role of ['transmitter', 'receiver'] as const) {
      network.of(this.id).accept(
        (channel) => channel === deviceChannel(this.link, role),
        (connection) => {
          if (connection.peer !== this[role]) connection.close()
          else if (role === 'transmitter') serveTransmitter(this.#fibre.transmitter, connection)
          else serveReceiver(this.#fibre.receiver, connection)
        },
      )
    }
    this.#pace()
  }

  get attack(): Attack {
    return this.#fibre.attack
  }

  /** What Eve does from the next batch on. */
  setAttack(attack: Attack): void {
    this.#trace.add(this.#time.elapsedMs, `${this.link} attack ${JSON.stringify(attack)}`)
    this.#fibre.setAttack(attack)
  }

  leaveAlone(): void {
    if (this.attack.kind !== 'none') this.setAttack(noAttack)
  }

  close(): void {
    this.#closed = true
    this.#fibre.close()
  }

  #pace(): void {
    this.#time.after(Math.round(this.#fibre.batchSeconds * 1000), () => {
      if (this.#closed) return
      this.#fibre.produce()
      this.#pace()
    })
  }
}

/** The name of the link from one site to another. */
export const linkBetween = (transmitter: SiteId, receiver: SiteId): LinkId =>
  linkId(`${transmitter}-${receiver}`)

/** The name under which a link's fibre is reached. */
export const fibreOf = (link: LinkId): SiteId => siteId(`fibre-${link}`)

/** The channel of one device of a link. */
export const deviceChannel = (link: LinkId, role: 'transmitter' | 'receiver'): string =>
  `device:${link}/${role}`
