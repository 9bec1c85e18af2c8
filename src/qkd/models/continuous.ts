/**
 * Continuous variables: GG02, Gaussian-modulated coherent states with reverse reconciliation.
 *
 * The receiver's efficiency and electronic noise are trusted: calibrated, and out of Eve's reach.
 * Collective attacks, which are optimal for infinitely long blocks; finite ones are in
 * `gaussian/length`. Noise is in shot noise units, and excess noise ξ is referred to the channel's
 * input. β, the reconciliation efficiency, is assumed: no reconciliation of Gaussian variables is
 * built here.
 *
 * @see Grosshans, Grangier, PRL 88, 057902 (2002); Lodewyck et al., Phys. Rev. A 76, 042305 (2007)
 *   for homodyne, Fossier et al., J. Phys. B 42, 114014 (2009) for heterodyne detection
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
  checkGaussianLink(link)
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

/** @throws QkdRefusal `MODEL_INVALID` */
export function checkGaussianLink({
  modulationVariance,
  transmittance,
  excessNoise,
  receiver,
  reconciliation,
}: GaussianLink): void {
  requireIn('modulation variance', modulationVariance, 1e-6, 1e6)
  requireIn('transmittance', transmittance, 1e-12, 1)
  requireIn('excess noise', excessNoise, 0, EXCESS_NOISE_MAX)
  requireIn('efficiency', receiver.efficiency, 1e-6, 1)
  requireIn('electronic noise', receiver.electronicNoise, 0, 1e3)
  requireIn('reconciliation efficiency', reconciliation, 0, 1)
}

/** ξ beyond this is refused. */
export const EXCESS_NOISE_MAX = 1e6
