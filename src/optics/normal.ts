/**
 * Standard normal numbers from uniform words, by Box and Muller's transform.
 *
 * One pair takes two words of 32 bits, so no number is beyond 6.8: a chance of 10⁻¹¹ is left out,
 * and the variance is right to 10⁻⁹.
 *
 * @see Box, Muller, Ann. Math. Stat. 29, 610 (1958)
 * @module
 */

/**
 * Fills the array with independent normal numbers of this standard deviation.
 *
 * @param word  gives a fresh uniform word of 32 bits each time
 */
export function fillNormal(target: Float32Array, deviation: number, word: () => number): void {
  const even = target.length - (target.length % 2)
  for (let at = 0; at < even; at += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log((word() + 0.5) * UNIT))
    const angle = word() * TURN
    target[at] = radius * Math.cos(angle)
    target[at + 1] = radius * Math.sin(angle)
  }
  if (even < target.length) target[even] = deviation * oneNormal(word)
}

/** One standard normal number. */
export const oneNormal = (word: () => number): number =>
  Math.sqrt(-2 * Math.log((word() + 0.5) * UNIT)) * Math.cos(word() * TURN)

const UNIT = 2 ** -32
const TURN = 2 * Math.PI * UNIT
