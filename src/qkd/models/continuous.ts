/**
 * Continuous variables: GG02, Gaussian-modulated coherent states with reverse reconciliation.
 *
 * The receiver's efficiency and electronic noise are trusted: calibrated, and out of Eve's reach.
 * Collective attacks, which are optimal for infinitely long blocks; the finite-size form covers
 * estimation and amplification, not the step from collective to general attacks. Noise is in shot
 * noise units, and excess noise ξ is referred to the channel's input. β, the reconciliation
 * efficiency, is assumed: no reconciliation of Gaussian variables is built here.
 *
 * @see Grosshans, Grangier, PRL 88, 057902 (2002); Lodewyck et al., Phys. Rev. A 76, 042305 (2007)
 *   for homodyne, Fossier et al., J. Phys. B 42, 114014 (2009) for heterodyne detection; Leverrier,
 *   Grosshans, Grangier, Phys. Rev. A 81, 062343 (2010) for finite size
 * @module
 */

import { requireIn } from './range.ts'

export interface GaussianLink {
  /** V_A: variance of the modulation, in shot noise units. */
  readonly modulationVariance: number
  /** T of the channel. */
  readonly transmittance: number
  /** ξ at the channel's input. */
  readonly excessNoise: number
  readonly receiver: {
    readonly detection: 'homodyne' | 'heterodyne'
    readonly efficiency: number
    readonly electronicNoise: number
  }
  /** β: share of the mutual information that reconciliation reaches. */
  readonly reconciliation: number
}

/** A rate and everything it was computed from; information in bits per symbol. */
export interface GaussianRate {
  readonly lineNoise: number
  readonly detectorNoise: number
  readonly totalNoise: number
  readonly mutualInformation: number
  /** λ₁ to λ₄: symplectic eigenvalues, before and after Bob's measurement; the fifth is 1. */
  readonly symplectic: readonly [number, number, number, number]
  /** χ_BE: what Eve may know of Bob's data. */
  readonly holevo: number
  /** β·I_AB − χ_BE; below 0 there is no key. */
  readonly surplus: number
  /** Secret bits per symbol, at least 0. */
  readonly rate: number
}

/** The rate of infinitely long blocks. @throws QkdRefusal `MODEL_INVALID` */
export function gaussianRate(link: GaussianLink): GaussianRate {
  checkLink(link)
  const { transmittance: T, excessNoise, receiver, reconciliation } = link
  const { efficiency, electronicNoise, detection } = receiver
  const V = link.modulationVariance + 1
  const line = 1 / T - 1 + excessNoise
  const detector =
    detection === 'homodyne'
      ? (1 - efficiency + electronicNoise) / efficiency
      : (2 - efficiency + 2 * electronicNoise) / efficiency
  const total = line + detector / T
  const quadratures = detection === 'homodyne' ? 0.5 : 1
  const mutualInformation = quadratures * Math.log2((V + total) / (1 + total))
  const A = V * V * (1 - 2 * T) + 2 * T + T * T * (V + line) ** 2
  const rootB = T * (V * line + 1)
  const [C, D] = conditional(detection, { V, T, line, detector, total, A, rootB })
  const symplectic = [...eigenvaluePair(A, rootB), ...eigenvaluePair(C, Math.sqrt(D))] as [
    number,
    number,
    number,
    number,
  ]
  const [l1, l2, l3, l4] = symplectic.map(entropyOf)
  const holevo = l1 + l2 - l3 - l4
  const surplus = reconciliation * mutualInformation - holevo
  return {
    lineNoise: line,
    detectorNoise: detector,
    totalNoise: total,
    mutualInformation,
    symplectic,
    holevo,
    surplus,
    rate: Math.max(0, surplus),
  }
}

/** A block of finite size. */
export interface GaussianBlock {
  /** Symbols exchanged. */
  readonly symbols: number
  /** Share of them announced to estimate the channel. */
  readonly estimationShare: number
  /** ε of the estimation, of smoothing and of amplification, each. */
  readonly epsilon: number
}

export interface GaussianBlockRate {
  /** T and ξ at the edge of their confidence. */
  readonly transmittanceLower: number
  readonly excessNoiseUpper: number
  /** Normal quantile of the confidence: 6.5 for 10⁻¹⁰. */
  readonly quantile: number
  /** The rate at that edge, with the mutual information of the expected channel. */
  readonly worst: GaussianRate
  /** Δ(n): what smoothing and amplification cost, in bits per symbol. */
  readonly price: number
  /** Secret bits per symbol exchanged, at least 0. */
  readonly rate: number
}

/**
 * The rate of a finite block, for data that scatter as the expected channel lets them.
 *
 * Linear regression y = t·x + z on m announced symbols with t² = T·η and noise σ² (both halved by
 * heterodyne detection): t ± z·√(σ²/(m·V_A)), σ² ± z·σ²·√2/√m.
 */
export function gaussianBlockRate(link: GaussianLink, block: GaussianBlock): GaussianBlockRate {
  checkLink(link)
  const { symbols, estimationShare, epsilon } = block
  requireIn('symbols', symbols, 1, 1e18)
  requireIn('share of estimation', estimationShare, 0, 1)
  requireIn('epsilon', epsilon, 1e-30, 0.1)
  const { efficiency, electronicNoise, detection } = link.receiver
  const m = symbols * estimationShare
  const n = symbols - m
  const gain = (detection === 'homodyne' ? 1 : 0.5) * efficiency
  const quantile = normalQuantile(1 - epsilon / 2)
  const noise = 1 + electronicNoise + gain * link.transmittance * link.excessNoise
  const slope =
    Math.sqrt(gain * link.transmittance) -
    quantile * Math.sqrt(noise / (m * link.modulationVariance))
  const noiseUpper = noise * (1 + (quantile * Math.SQRT2) / Math.sqrt(m))
  const transmittanceLower = Math.max(1e-12, slope > 0 ? (slope * slope) / gain : 0)
  const excessNoiseUpper = (noiseUpper - 1 - electronicNoise) / (gain * transmittanceLower)
  const expected = gaussianRate(link)
  const edge = gaussianRate({
    ...link,
    transmittance: Math.min(link.transmittance, transmittanceLower),
    excessNoise: Math.min(EXCESS_MAX, excessNoiseUpper),
  })
  const surplus = link.reconciliation * expected.mutualInformation - edge.holevo
  const worst = {
    ...edge,
    mutualInformation: expected.mutualInformation,
    surplus,
    rate: Math.max(0, surplus),
  }
  const price = 7 * Math.sqrt(Math.log2(2 / epsilon) / n)
  const rate = slope > 0 && n > 0 ? Math.max(0, (n / symbols) * (surplus - price)) : 0
  return { transmittanceLower, excessNoiseUpper, quantile, worst, price, rate }
}

interface NoiseFigures {
  readonly V: number
  readonly T: number
  readonly line: number
  readonly detector: number
  readonly total: number
  readonly A: number
  readonly rootB: number
}

/** C and D of the state that is left once Bob has measured. */
function conditional(
  detection: 'homodyne' | 'heterodyne',
  { V, T, line, detector, total, A, rootB }: NoiseFigures,
): readonly [number, number] {
  const scale = T * (V + total)
  if (detection === 'homodyne') {
    const C = (V * rootB + T * (V + line) + A * detector) / scale
    return [C, (rootB * (V + rootB * detector)) / scale]
  }
  const cross = 2 * detector * (V * rootB + T * (V + line)) + 2 * T * (V * V - 1)
  const C = (A * detector * detector + rootB * rootB + 1 + cross) / (scale * scale)
  return [C, ((V + rootB * detector) / scale) ** 2]
}

/**
 * Both roots of λ⁴ − sum·λ² + product² = 0, the larger first; none below 1, the vacuum.
 *
 * By their product rather than by the difference, which would lose the smaller one's digits.
 */
function eigenvaluePair(sum: number, product: number): readonly [number, number] {
  const larger = (sum + Math.sqrt(Math.max(0, sum * sum - 4 * product * product))) / 2
  const first = Math.sqrt(larger)
  return [Math.max(1, first), Math.max(1, product / first)]
}

/** G((λ − 1)/2): entropy in bits of a thermal state. */
function entropyOf(eigenvalue: number): number {
  const x = (eigenvalue - 1) / 2
  return x <= 0 ? 0 : (x + 1) * Math.log2(x + 1) - x * Math.log2(x)
}

function checkLink({
  modulationVariance,
  transmittance,
  excessNoise,
  receiver,
  reconciliation,
}: GaussianLink): void {
  requireIn('modulation variance', modulationVariance, 1e-6, 1e6)
  requireIn('transmittance', transmittance, 1e-12, 1)
  requireIn('excess noise', excessNoise, 0, EXCESS_MAX)
  requireIn('efficiency', receiver.efficiency, 1e-6, 1)
  requireIn('electronic noise', receiver.electronicNoise, 0, 1e3)
  requireIn('reconciliation efficiency', reconciliation, 0, 1)
}

/**
 * The normal quantile, by Newton's method on the tail.
 *
 * @param probability  from 1/2 to below 1
 */
function normalQuantile(probability: number): number {
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

const EXCESS_MAX = 1e6
