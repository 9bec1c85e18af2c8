/** The normal law: its tail and its quantiles. @module */

/**
 * The normal quantile, by Newton's method on the tail.
 *
 * @param probability  from 1/2 to below 1
 */
export function normalQuantile(probability: number): number {
  const tail = 1 - probability
  let z = Math.sqrt(Math.max(0, -2 * Math.log(2 * tail)))
  for (let round = 0; round < 50; round++) {
    const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)
    const step = (normalTail(z) - tail) / density
    z += step
    if (Math.abs(step) < 1e-13) break
  }
  return z
}

/** Q(z), the upper tail, by its continued fraction; by the series of erf where that is slow. */
function normalTail(z: number): number {
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)
  if (z > 2.5) {
    let fraction = 0
    for (let n = 200; n >= 1; n--) fraction = n / (z + fraction)
    return density / (z + fraction)
  }
  let term = z
  let sum = z
  for (let n = 1; Math.abs(term) > 1e-17; n++) {
    term *= (z * z) / (2 * n + 1)
    sum += term
  }
  return 0.5 - density * sum
}
