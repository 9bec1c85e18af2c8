/**
 * How light twinkles through turbulence: gamma-gamma fading, whose weak limit is log-normal.
 *
 * Irradiance is the product of two independent gamma variables of mean 1: large cells that refract
 * (parameter α), and small ones that diffract (β).
 *
 * @see Al-Habash, Andrews, Phillips, Opt. Eng. 40, 1554 (2001)
 * @module
 */

/** The law of the irradiance over its mean. */
export interface Fading {
  /** Variance of the irradiance over the square of its mean. */
  readonly scintillation: number
  /** Parameters of the two gammas, at most 10⁵: beyond, a fade of 1 % of the time is 0.05 dB. */
  readonly alpha: number
  readonly beta: number
}

/**
 * Fading of a plane wave.
 *
 * @param rytovVariance  σ_R²
 * @param averaging      what the aperture leaves of the scintillation, 1 for a point
 */
export function gammaGammaOf(rytovVariance: number, averaging: number): Fading {
  const sigma = rytovVariance ** (6 / 5)
  const large = Math.expm1((0.49 * rytovVariance) / (1 + 1.11 * sigma) ** (7 / 6)) * averaging
  const small = Math.expm1((0.51 * rytovVariance) / (1 + 0.69 * sigma) ** (5 / 6)) * averaging
  return {
    scintillation: large + small + large * small,
    alpha: Math.min(MANY, 1 / large),
    beta: Math.min(MANY, 1 / small),
  }
}

/**
 * The irradiance over its mean that is fallen short of with this probability.
 *
 * By bisection over the distribution, which is an integral over the larger cells.
 */
export function fadeQuantile(fading: Fading, probability: number): number {
  if (fading.scintillation === 0) return 1
  let [low, high] = [0, 1]
  while (fadeProbability(fading, high) < probability) high *= 2
  for (let round = 0; round < 40; round++) {
    const middle = (low + high) / 2
    if (fadeProbability(fading, middle) < probability) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** Probability that the irradiance over its mean is below a value. */
export function fadeProbability({ alpha, beta }: Fading, below: number): number {
  if (below <= 0) return 0
  // P = E[Γ-cdf_β(below / x)] over x of Γ_α, in logarithmic steps of x around its mean.
  const range = alpha < 1 ? 40 / alpha : 40 / Math.sqrt(alpha)
  const steps = 500
  const norm = alpha * Math.log(alpha) - logGamma(alpha)
  let sum = 0
  let weight = 0
  for (let at = 0; at <= steps; at++) {
    const t = -range + ((range + Math.min(range, 5)) * at) / steps
    const density = Math.exp(norm + alpha * (t - Math.exp(t)))
    sum += density * gammaBelow(beta, (beta * below) / Math.exp(t))
    weight += density
  }
  return weight > 0 ? sum / weight : 0
}

/** Regularised lower incomplete gamma function P(s, x). */
function gammaBelow(s: number, x: number): number {
  if (x <= 0) return 0
  const front = Math.exp(s * Math.log(x) - x - logGamma(s))
  if (x < s + 1) {
    let term = 1 / s
    let sum = term
    for (let n = 1; term > 1e-15 * sum && n < SERIES_MAX; n++) {
      term *= x / (s + n)
      sum += term
    }
    return Math.min(1, front * sum)
  }
  // Lentz's continued fraction of the upper part.
  let b = x + 1 - s
  let c = 1e300
  let d = 1 / b
  let fraction = d
  for (let n = 1; n < SERIES_MAX; n++) {
    const a = -n * (n - s)
    b += 2
    d = 1 / (a * d + b)
    c = b + a / c
    fraction *= c * d
    if (Math.abs(c * d - 1) < 1e-15) break
  }
  return Math.max(0, 1 - front * fraction)
}

/** ln Γ(x) for x > 0, by Stirling's series after shifting x up. */
function logGamma(x: number): number {
  let shift = 0
  let z = x
  while (z < 12) shift -= Math.log(z++)
  const inverse = 1 / (z * z)
  const series =
    (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse * (1 / 1680 - inverse / 1188)))) /
    z
  return shift + (z - 0.5) * Math.log(z) - z + 0.5 * Math.log(2 * Math.PI) + series
}

const MANY = 1e5
const SERIES_MAX = 100_000
