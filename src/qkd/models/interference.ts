/** Sums that two phase-randomised pulses on one beam splitter lead to. @module */

/** I₀, the modified Bessel function of the first kind: the mean of e^(x·cos φ) over all phases. */
export function besselI0(x: number): number {
  const quarter = (x * x) / 4
  let term = 1
  let sum = 1
  for (let n = 1; term > 1e-17 * sum; n++) {
    term *= quarter / (n * n)
    sum += term
  }
  return sum
}
