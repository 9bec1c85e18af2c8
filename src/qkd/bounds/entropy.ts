/**
 * The small functions that every bound is made of.
 *
 * @module
 */

/** Binary entropy h(p) in bits; h(0) = h(1) = 0. */
export function binaryEntropy(p: number): number {
  if (p <= 0 || p >= 1) return 0
  return -p * Math.log2(p) - (1 - p) * Math.log2(1 - p)
}

/**
 * How far a count out of `total` may lie from its expectation, except with probability ε.
 *
 * @see Hoeffding, J. Am. Stat. Assoc. 58 (1963); Lim et al., PRA 89, 022307, Eq. (below 2)
 */
export const hoeffding = (total: number, epsilon: number): number =>
  Math.sqrt((total / 2) * Math.log(1 / epsilon))

/** Probability that the transmitter sends exactly `photons` photons: τ_n of the decoy papers. */
export function photonProbability(
  intensities: readonly { readonly meanPhotonNumber: number; readonly probability: number }[],
  photons: 0 | 1,
): number {
  let sum = 0
  for (const { meanPhotonNumber: mu, probability } of intensities) {
    sum += probability * Math.exp(-mu) * (photons === 1 ? mu : 1)
  }
  return sum
}

/** The value moved into [least, most]. */
export const clipped = (value: number, least: number, most: number): number =>
  Math.min(most, Math.max(least, value))
