/**
 * What no protocol between two ends can beat without a repeater between them.
 *
 * @see Pirandola, Laurenza, Ottaviani, Banchi, Nat. Commun. 8, 15043 (2017)
 * @module
 */

import { requireIn } from './range.ts'

/**
 * The secret-key capacity of a pure-loss channel, in bits per use: −log₂(1 − η).
 *
 * @param transmittance  η of the whole channel, below 1
 */
export function secretKeyCapacity(transmittance: number): number {
  requireIn('transmittance', transmittance, 0, 1 - Number.EPSILON / 2)
  return -Math.log1p(-transmittance) / Math.LN2
}
