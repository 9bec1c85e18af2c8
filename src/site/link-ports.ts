/**
 * What a link needs besides the common ports: where engines compute, and its devices.
 *
 * Real ones stand in `gateway` (a worker thread for each link, a socket to each device), simulated
 * ones in `world` (in place).
 *
 * @module
 */

import type { LinkId, RandomSource, SiteId } from '#base'
import type { ReceiverDevice, TransmitterDevice } from '#optics'
import { LinkEngine, type EngineEffect, type EngineInput, type LinkParameters } from '#qkd'
import type { LinkStatus } from '#qkd'

/** One end of a link at work, wherever its engine computes. */
export interface EngineSeat {
  /**
   * Gives one input. Steps are computed in the order of the calls, and their effects come back in
   * that order; a caller need not wait for one before it gives the next. Arrays in the input belong
   * to the seat from now on.
   */
  step(input: EngineInput): Promise<EngineStep>
  close(): void
}

export interface EngineStep {
  readonly effects: readonly EngineEffect[]
  /** As of after this step. */
  readonly status: LinkStatus
}

/** Where engines compute. */
export interface LinkCompute {
  open(site: SiteId, parameters: LinkParameters): EngineSeat
}

/** The devices of this site's ends of its links. */
export interface Devices {
  /** Rejects with a `PortRefusal` while the device cannot be reached. */
  transmitter(link: LinkId): Promise<TransmitterDevice>
  receiver(link: LinkId): Promise<ReceiverDevice>
}

/** Computes in place: for the world, and for links that are slow enough. */
export const inlineCompute = (random: RandomSource): LinkCompute => ({
  open: (site, parameters) => {
    const engine = new LinkEngine({ site, parameters, random })
    return {
      step: (input) =>
        Promise.try(() => ({ effects: engine.step(input), status: engine.status() })),
      close: () => engine[Symbol.dispose](),
    }
  },
})
