/**
 * BBM92 and E91: a source of entangled pairs between two receivers.
 *
 * A continuously pumped source sends pairs at random times; both ends keep what falls into one
 * coincidence window. True pairs and chance coincidences are counted apart:
 *
 *   singles S = B·η + d, each slowed by dead time; true coincidences B·η_A·η_B, of which the window
 *   holds a share; accidentals S_A·S_B·τ. A share e of the true ones is wrong, and half of the
 *   accidental ones. Then Q = errors / coincidences, V = 1 − 2Q, and S = 2√2·V.
 *
 * Models neither pulsed pumping nor pairs that share a window because one pump photon made them;
 * accidentals hold independent double pairs. The source may be Eve's: BBM92 trusts the receivers
 * only, and assumes that their detection does not depend on the basis.
 *
 * @see Bennett, Brassard, Mermin, PRL 68, 557 (1992); Ekert, PRL 67, 661 (1991); Neumann et al.,
 *   Phys. Rev. A 104, 022406 (2021) for the rates
 * @module
 */

import type { Epsilons, KeyLength } from '../bounds/counts.ts'
import { binaryEntropy, clipped } from '../bounds/entropy.ts'
import { tomamichel2012 } from '../bounds/single-photon.ts'
import { requireIn } from './range.ts'

/** One receiver of a pair. */
export interface PairReceiver {
  /** Share of pairs of which this end detects its photon: heralding, channel, detector. */
  readonly transmittance: number
  /** Dark counts and stray light of all its detectors, per second. */
  readonly noisePerSecond: number
  /** Non-paralysable, of the whole receiver. */
  readonly deadSeconds: number
}

export interface EntangledLink {
  readonly pairsPerSecond: number
  readonly receivers: readonly [PairReceiver, PairReceiver]
  readonly windowSeconds: number
  /** Full width at half maximum of the difference of both time stamps, Gaussian. */
  readonly jitterSeconds: number
  /** Share of true pairs with a wrong bit, both ends in one basis. */
  readonly misalignment: number
}

/** Averages of a link, per second where nothing else is said. */
export interface Coincidences {
  readonly singles: readonly [number, number]
  /** Share of true pairs whose difference in time falls into the window. */
  readonly windowShare: number
  readonly truePairs: number
  readonly accidentals: number
  readonly coincidences: number
  /** Q; 1/2 where nothing coincides. */
  readonly errorRate: number
  /** V = 1 − 2Q. */
  readonly visibility: number
  /** S of a CHSH test on these coincidences; 2 is the local bound, 2√2 the quantum one. */
  readonly chsh: number
}

/** Averages of a link. @throws QkdRefusal `MODEL_INVALID` */
export function entangledLink(link: EntangledLink): Coincidences {
  const { pairsPerSecond, receivers, windowSeconds, jitterSeconds, misalignment } = link
  requireIn('pairs per second', pairsPerSecond, 0, 1e15)
  requireIn('coincidence window in seconds', windowSeconds, 1e-15, 1)
  requireIn('jitter in seconds', jitterSeconds, 0, 1)
  requireIn('misalignment', misalignment, 0, 0.5)
  const seen = receivers.map(({ transmittance, noisePerSecond, deadSeconds }) => {
    requireIn('transmittance', transmittance, 0, 1)
    requireIn('noise per second', noisePerSecond, 0, 1e12)
    requireIn('dead time in seconds', deadSeconds, 0, 1)
    const counted = pairsPerSecond * transmittance + noisePerSecond
    const live = 1 / (1 + counted * deadSeconds)
    return { singles: counted * live, pairs: transmittance * live }
  })
  const [a, b] = seen
  const windowShare =
    jitterSeconds === 0 ? 1 : errorFunction((Math.sqrt(Math.LN2) * windowSeconds) / jitterSeconds)
  const truePairs = pairsPerSecond * a.pairs * b.pairs * windowShare
  const accidentals = a.singles * b.singles * windowSeconds
  const coincidences = truePairs + accidentals
  const errors = truePairs * misalignment + accidentals / 2
  const errorRate = coincidences > 0 ? errors / coincidences : 0.5
  const visibility = 1 - 2 * errorRate
  return {
    singles: [a.singles, b.singles],
    windowShare,
    truePairs,
    accidentals,
    coincidences,
    errorRate,
    visibility,
    chsh: 2 * Math.SQRT2 * visibility,
  }
}

/** A block of coincidences and what may be kept of it. */
export interface EntangledBlock {
  readonly seconds: number
  readonly keyLength: KeyLength
  readonly secretBitsPerSecond: number
  /** The rate of infinitely long blocks: coincidences in the key basis × (1 − (1 + f)·h(Q)). */
  readonly asymptoticBitsPerSecond: number
}

/**
 * BBM92 by Tomamichel et al. 2012: both ends choose the key basis with one probability; the other
 * basis is tested.
 *
 * @param input.seconds     how long the block is collected
 * @param input.efficiency  f of error correction
 */
export function entangledKey(input: {
  readonly link: Coincidences
  readonly keyBasisProbability: number
  readonly seconds: number
  readonly efficiency: number
  readonly epsilons: Epsilons
}): EntangledBlock {
  const { link, keyBasisProbability: q, seconds, efficiency, epsilons } = input
  requireIn('key basis probability', q, 0, 1)
  requireIn('seconds', seconds, 0, 1e12)
  requireIn('efficiency', efficiency, 1, 100)
  const { coincidences, errorRate } = link
  const basis = (share: number) => {
    const detections = coincidences * share * seconds
    return { detections: [detections], errors: [detections * errorRate] }
  }
  const key = basis(q * q)
  const leakBits = efficiency * key.detections[0] * binaryEntropy(errorRate)
  const keyLength = tomamichel2012({
    counts: { key, test: basis((1 - q) ** 2) },
    intensities: [{ meanPhotonNumber: 1, probability: 1 }],
    epsilons,
    leakBits,
    pulses: 'single-photon',
  })
  const kept = Math.max(0, 1 - (1 + efficiency) * binaryEntropy(errorRate))
  return {
    seconds,
    keyLength,
    secretBitsPerSecond: seconds > 0 ? keyLength.secretBits / seconds : 0,
    asymptoticBitsPerSecond: coincidences * q * q * kept,
  }
}

/** Coincidences of one pair of settings, by the outcomes of both ends. */
export interface OutcomeCounts {
  readonly same: number
  readonly different: number
}

/** What a CHSH test says. */
export interface ChshTest {
  /** E(a,b), E(a,b′), E(a′,b), E(a′,b′). */
  readonly correlations: readonly [number, number, number, number]
  /** S = |E(a,b) − E(a,b′) + E(a′,b) + E(a′,b′)|. */
  readonly chsh: number
  readonly standardError: number
  /** How far S lies above 2, in standard errors. */
  readonly sigmas: number
  /** Whether no local model explains S, by as many standard errors as were asked for. */
  readonly violated: boolean
  /** Share p of pairs that an intercept-resend attack would have to touch to lower S to this. */
  readonly interceptedShare: number
}

/**
 * E91's test: S from counts at two settings of each end, in the order of `correlations`.
 *
 * Standard errors are Gaussian. Assumes fair sampling: detected pairs stand for all pairs. So it
 * shows a breach of correlations, and is no proof against devices that were made to pass it.
 *
 * @see Clauser, Horne, Shimony, Holt, PRL 23, 880 (1969)
 */
export function chshTest(
  counts: readonly [OutcomeCounts, OutcomeCounts, OutcomeCounts, OutcomeCounts],
  sigmasAsked = 5,
): ChshTest {
  const settings = counts.map(({ same, different }) => {
    const total = same + different
    requireIn('coincidences of each setting', total, 1, Infinity)
    requireIn('coincidences', Math.min(same, different), 0, Infinity)
    const correlation = (same - different) / total
    return { correlation, variance: (1 - correlation ** 2) / total }
  })
  const [ab, abPrime, aPrimeB, aPrimeBPrime] = settings.map(({ correlation }) => correlation)
  const chsh = Math.abs(ab - abPrime + aPrimeB + aPrimeBPrime)
  const standardError = Math.sqrt(settings.reduce((sum, { variance }) => sum + variance, 0))
  const sigmas = standardError > 0 ? (chsh - 2) / standardError : chsh > 2 ? Infinity : -Infinity
  return {
    correlations: [ab, abPrime, aPrimeB, aPrimeBPrime],
    chsh,
    standardError,
    sigmas,
    violated: sigmas >= sigmasAsked,
    interceptedShare: clipped(2 * (1 - chsh / (2 * Math.SQRT2)), 0, 1),
  }
}

/**
 * Secret share of sifted bits when nothing is known of the devices but S and Q: 1 − h(Q) − χ(S),
 * for infinitely long blocks, collective attacks and detection without loopholes.
 *
 * @see Acín et al., PRL 98, 230501 (2007), Eqs. (3)–(4)
 */
export function deviceIndependentShare(
  errorRate: number,
  chsh: number,
): { readonly holevo: number; readonly share: number } {
  requireIn('error rate', errorRate, 0, 0.5)
  requireIn('CHSH value', chsh, 0, 2 * Math.SQRT2 + 1e-12)
  const root = Math.sqrt(Math.max(0, (chsh / 2) ** 2 - 1))
  const holevo = chsh <= 2 ? 1 : binaryEntropy((1 + Math.min(1, root)) / 2)
  return { holevo, share: Math.max(0, 1 - binaryEntropy(errorRate) - holevo) }
}

/** erf by its series below 3, and by its continued fraction above; both to double precision. */
function errorFunction(x: number): number {
  if (x < 0) return -errorFunction(-x)
  if (x > 6) return 1
  if (x < 3) {
    let term = x
    let sum = x
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= (-x * x) / n
      sum += term / (2 * n + 1)
    }
    return (2 / Math.sqrt(Math.PI)) * sum
  }
  let fraction = 0
  for (let n = 60; n >= 1; n--) fraction = n / 2 / (x + fraction)
  return 1 - Math.exp(-x * x) / (Math.sqrt(Math.PI) * (x + fraction))
}
