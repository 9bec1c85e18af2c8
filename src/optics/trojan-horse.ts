/**
 * The Trojan horse: light sent into the transmitter comes back with its settings on it.
 *
 * What comes back is weaker by the transmitter's isolation, there and back. A photon that comes back
 * tells Eve basis and bit of its pulse; the model grants her that for every pulse of which one does.
 * Nothing changes on the way to the receiver. The transmitter's watchdog sees what comes in.
 *
 * @see Lucamarini et al., PRX 5, 031030 (2015)
 * @module
 */

import type { Arrival } from './arrival.ts'
import { requireRange } from './range.ts'
import type { OpticalLink } from './link.ts'

/** How the transmitter is closed against light from the fibre. */
export interface TransmitterGuard {
  /** Loss from the fibre through the modulators and back: isolators, filters and reflection. */
  readonly isolationDb: number
  /** What the watchdog shows without any such light, in nW. */
  readonly watchdogFloorNw: number
}

/** @throws OpticsRefusal OPTICS_LINK_INVALID */
export function checkGuard({ isolationDb, watchdogFloorNw }: TransmitterGuard): void {
  requireRange('isolationDb', isolationDb, 0, 400)
  requireRange('watchdogFloorNw', watchdogFloorNw, 0, 1e6)
}

/** Mean photon number that comes back from each pulse slot under light of this power. */
export function returnedPhotons(powerUw: number, { settings, transmitter }: OpticalLink): number {
  const sentIn = (powerUw * 1e-6) / PHOTON_JOULE / settings.clockHz
  return sentIn * 10 ** (-transmitter.isolationDb / 10)
}

/** What arrives: the pulse as it was sent; of some, Eve knows the bit. */
export function readArrivals(asSent: Arrival, powerUw: number, link: OpticalLink): Arrival[] {
  const read = -Math.expm1(-returnedPhotons(powerUw, link))
  return [
    { ...asSent, probability: read, known: true },
    { ...asSent, probability: 1 - read, known: false },
  ]
}

/** Energy of a photon at 1550 nm. */
const PHOTON_JOULE = 1.2816e-19
