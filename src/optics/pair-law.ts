/**
 * The law of one slot of entangled pairs: which of the detectors of both ends fire.
 *
 * Pairs that are seen at both ends, photons whose partner is lost, and dark counts are independent:
 * by Poisson's law each kind of pair (detector here, detector there) may be taken for itself. So the
 * joint law comes of adding one cause after the other to what has fired already; nothing is ever
 * subtracted, and rare patterns are as exact as frequent ones.
 *
 * As both detectors of a basis are alike, exchanging 0 and 1 at both ends changes nothing: who draws
 * may exchange them by a fair coin, and the bit is that coin. Nor does the angle of a CHSH test
 * change what one end by itself sees: only the receiver's rows depend on it.
 *
 * @module
 */

import { drawTable, type DrawTable } from './draw-table.ts'
import type { Attack } from './eve.ts'
import {
  endUnder,
  factorOf,
  guessedFactorOf,
  interceptedShare,
  type AttackedEnd,
} from './pair-attacks.ts'
import { endFigures, meanPairs, type PairEnd, type PairLink } from './pairs.ts'

/**
 * What a simulation draws slots from. Detectors of one end are bits of a mask: Z0, Z1, X0, X1, and
 * those of a CHSH test where the end has one.
 */
export interface PairLaw {
  /** Probability that anything fires in a slot, while both ends are live. */
  readonly clickProbability: number
  /** Mask of the transmitter's end, given that something fired. 16 outcomes of 30 bits. */
  readonly transmitter: DrawTable
  /**
   * Rows by that mask, and with a CHSH test as many again for its second angle: mask of the
   * receiver's end; above it a bit if Eve knows the bit of a pair. Outcomes of 30 bits.
   */
  readonly receiver: DrawTable
  /** That bit of the receiver's outcome. */
  readonly knownToEve: number
  /** Whether exchanging 0 and 1 at both ends changes nothing. */
  readonly isEven: boolean
}

/** Angles at which the CHSH test's detectors may stand: 22.5° and −22.5°. */
export type ChshAngle = 0 | 1

/** Works out the law of one slot. The link and the attack must have been checked. */
export function pairLaw(link: PairLink, attack: Attack): PairLaw {
  const { chshProbability } = endFigures(link, 'receiver')
  const first = rowsOf(link, attack, 0)
  const second = chshProbability === 0 ? [] : rowsOf(link, attack, 1).rows
  const { rows, silent } = first
  const marginal = rows.map((row) => row.reduce((sum, weight) => sum + weight, 0))
  const nothing = rows[0].map((_, at) => (at === 1 ? 1 : 0))
  return {
    // Of nothing at all, expm1 makes −0, which is no probability.
    clickProbability: Math.max(0, -Math.expm1(silent)),
    transmitter: drawTable([marginal.some(Boolean) ? marginal : marginal.map(() => 1)], 30),
    receiver: drawTable(
      [...rows, ...second].map((row, at) => (marginal[at % MASKS] > 0 ? row : nothing)),
      30,
    ),
    knownToEve: rows[0].length / 2,
    isEven: attack.kind !== 'time-shift' || (attack.earlyShare ?? 0.5) === 0.5,
  }
}

/**
 * For each mask of the transmitter's end, the weights of the receiver's outcomes; and the logarithm
 * of the probability that nothing fires.
 */
function rowsOf(
  link: PairLink,
  attack: Attack,
  angle: ChshAngle,
): { readonly rows: readonly (readonly number[])[]; readonly silent: number } {
  // Masks of both ends, and whether Eve knows.
  const outcomes = 2 ** (1 + detectorsOf(link, 'receiver'))
  let law = new Float64Array(MASKS * outcomes)
  law[0] = 1
  let silent = 0
  for (const { fires, sets } of causesOf(link, attack, angle)) {
    silent += Math.log1p(-fires)
    law = withCause(law, fires, sets)
  }
  const rows = Array.from({ length: MASKS }, (_, here) =>
    Array.from({ length: outcomes }, (_, there) =>
      here === 0 && there % (outcomes / 2) === 0 ? 0 : law[here | (there << 4)],
    ),
  )
  return { rows, silent }
}

/** Something that may fire detectors, independently of everything else. */
interface Cause {
  readonly fires: number
  /** Bits of the state that it sets: 0–3 transmitter's end, from 4 on the receiver's outcome. */
  readonly sets: number
}

function causesOf(link: PairLink, attack: Attack, angle: ChshAngle): readonly Cause[] {
  const here = endUnder(link, 'transmitter', attack)
  const there = endUnder(link, 'receiver', attack)
  const mean = meanPairs(link)
  const both = mean * here.transmittance * there.transmittance * link.slotShare
  const known = bitOf('receiver', detectorsOf(link, 'receiver'))
  const causes: Cause[] = []
  // Photons of each detector whose partner is seen at the other end too.
  const paired = { transmitter: [0, 0, 0, 0], receiver: [0, 0, 0, 0, 0, 0] }
  for (let one = 0; one < 4; one++) {
    for (let other = 0; other < detectorsOf(link, 'receiver'); other++) {
      const shares = sharesOf(link, { here: one, there: other, attack, angle })
      const chance = both * here.basisShares[one >> 1] * there.basisShares[other >> 1]
      const factor = factorOf(here, sideOf(one)) * factorOf(there, sideOf(other))
      const guessed = guessedOf([here, one], [there, other])
      const all = (shares.unknown + shares.known) * factor
      const told = one >> 1 === other >> 1 ? shares.known * factor + all * guessed : 0
      const sets = bitOf('transmitter', one) | bitOf('receiver', other)
      causes.push({ fires: -Math.expm1(-chance * (all - told)), sets })
      causes.push({ fires: -Math.expm1(-chance * told), sets: sets | known })
      paired.transmitter[one] += chance * all
      paired.receiver[other] += chance * all
    }
  }
  for (const [end, figures] of [
    ['transmitter', here],
    ['receiver', there],
  ] as const) {
    const { transmittance, noiseProbability, basisShares, strayPhotons } = figures
    for (let detector = 0; detector < detectorsOf(link, end); detector++) {
      const share = basisShares[detector >> 1] / 2
      const photons = mean * transmittance * share * factorOf(figures, sideOf(detector))
      const alone = Math.max(0, photons - paired[end][detector]) + strayPhotons * share
      causes.push({
        fires: 1 - (1 - noiseProbability) * Math.exp(-alone),
        sets: bitOf(end, detector),
      })
    }
  }
  return causes
}

/** Share of coincidences of two detectors whose bit their times, or her own light, tell Eve. */
function guessedOf(...detectors: readonly (readonly [AttackedEnd, number])[]): number {
  let hidden = 1
  for (const [figures, detector] of detectors) {
    const factor = factorOf(figures, sideOf(detector))
    if (figures.dictated) hidden = 0
    else if (factor > 0) hidden *= 1 - guessedFactorOf(figures, sideOf(detector)) / factor
  }
  return 1 - hidden
}

/** Of pairs measured in these two bases: the share that fires these detectors. */
function sharesOf(
  { misalignment }: PairLink,
  pair: {
    readonly here: number
    readonly there: number
    readonly attack: Attack
    readonly angle: ChshAngle
  },
): { readonly unknown: number; readonly known: number } {
  const { here, there, angle } = pair
  const intercepted = interceptedShare(pair.attack)
  const wrong = misalignment[here < 2 ? 'Z' : 'X']
  if (there >= 4) {
    // Turned against each other by 22.5°, or, from X to −22.5°, by 67.5°.
    const sign = here >= 2 && angle === 1 ? -Math.SQRT1_2 : Math.SQRT1_2
    const correlation = sign * (1 - 2 * wrong) * (1 - intercepted / 2)
    return { unknown: (1 + ((here ^ there) & 1 ? -correlation : correlation)) / 4, known: 0 }
  }
  if (here >> 1 !== there >> 1) return { unknown: 0.25, known: 0 }
  const own = ((here & 1) === (there & 1) ? 1 - wrong : wrong) / 2
  // In half of the pairs that Eve measures she has the wrong basis, and the bits are strangers.
  return {
    unknown: own * (1 - intercepted) + intercepted / 8,
    known: (own * intercepted) / 2,
  }
}

/** The law after one more cause has been added. */
function withCause(law: Float64Array, fires: number, sets: number): Float64Array<ArrayBuffer> {
  const next = new Float64Array(law.length)
  for (let state = 0; state < law.length; state++) {
    next[state] += law[state] * (1 - fires)
    next[state | sets] += law[state] * fires
  }
  return next
}

/** Detector 0 or 1 of its basis. */
const sideOf = (detector: number): 0 | 1 => ((detector & 1) === 0 ? 0 : 1)

const bitOf = (end: PairEnd, detector: number): number =>
  1 << (detector + (end === 'receiver' ? 4 : 0))

/** Two for each basis. */
const detectorsOf = (link: PairLink, end: PairEnd): number =>
  2 * endFigures(link, end).basisShares.length

/** Of the transmitter's end. */
const MASKS = 16
