/**
 * The law of one slot of entangled pairs: which of the eight detectors of both ends fire.
 *
 * Pairs that are seen at both ends, photons whose partner is lost, and dark counts are independent:
 * by Poisson's law each kind of pair (detector here, detector there) may be taken for itself. So the
 * joint law comes of adding one cause after the other to what has fired already; nothing is ever
 * subtracted, and rare patterns are as exact as frequent ones.
 *
 * As both detectors of a basis are alike, exchanging 0 and 1 at both ends changes nothing: who draws
 * may exchange them by a fair coin, and the bit is that coin.
 *
 * @module
 */

import { drawTable, type DrawTable } from './draw-table.ts'
import type { Attack } from './eve.ts'
import { endFigures, interceptedShare, meanPairs, type PairEnd, type PairLink } from './pairs.ts'

/**
 * What a simulation draws slots from. Detectors of one end are bits of a mask: Z0, Z1, X0, X1.
 */
export interface PairLaw {
  /** Probability that anything fires in a slot, while both ends are live. */
  readonly clickProbability: number
  /** Mask of the transmitter's end, given that something fired. 16 outcomes of 30 bits. */
  readonly transmitter: DrawTable
  /**
   * Rows by that mask: mask of the receiver's end in bits 0–3; bit 4 if Eve knows the bit of a
   * pair. 32 outcomes of 30 bits.
   */
  readonly receiver: DrawTable
}

/** Bit of the receiver's outcome. */
export const KNOWN_TO_EVE = 16

/** Works out the law of one slot. The link and the attack must have been checked. */
export function pairLaw(link: PairLink, attack: Attack): PairLaw {
  let law = new Float64Array(STATES)
  law[0] = 1
  let silent = 0
  for (const { fires, sets } of causesOf(link, interceptedShare(attack))) {
    silent += Math.log1p(-fires)
    law = withCause(law, fires, sets)
  }
  // Of nothing at all, expm1 makes −0, which is no probability.
  const clickProbability = Math.max(0, -Math.expm1(silent))
  const rows = Array.from({ length: MASKS }, (_, here) =>
    Array.from({ length: 2 * MASKS }, (_, there) =>
      here === 0 && (there & ~KNOWN_TO_EVE) === 0 ? 0 : law[stateOf(here, there)],
    ),
  )
  const marginal = rows.map((row) => row.reduce((sum, weight) => sum + weight, 0))
  const nothing = rows[0].map((_, at) => (at === 1 ? 1 : 0))
  return {
    clickProbability,
    transmitter: drawTable([marginal.some(Boolean) ? marginal : marginal.map(() => 1)], 30),
    receiver: drawTable(
      rows.map((row, at) => (marginal[at] > 0 ? row : nothing)),
      30,
    ),
  }
}

/** Something that may fire detectors, independently of everything else. */
interface Cause {
  readonly fires: number
  /** Bits of the state that it sets: 0–3 transmitter's end, 4–7 receiver's, 8 known to Eve. */
  readonly sets: number
}

function causesOf(link: PairLink, intercepted: number): readonly Cause[] {
  const ends = {
    transmitter: endFigures(link, 'transmitter'),
    receiver: endFigures(link, 'receiver'),
  }
  const mean = meanPairs(link)
  const both = mean * ends.transmitter.transmittance * ends.receiver.transmittance * link.slotShare
  const causes: Cause[] = []
  for (const end of ['transmitter', 'receiver'] as const) {
    const { transmittance, noiseProbability, keyBasisProbability } = ends[end]
    const alone = mean * transmittance - both
    for (let detector = 0; detector < 4; detector++) {
      const share = (detector < 2 ? keyBasisProbability : 1 - keyBasisProbability) / 2
      const dark = (1 - noiseProbability) * Math.exp(-alone * share)
      causes.push({ fires: 1 - dark, sets: bitOf(end, detector) })
    }
  }
  for (let here = 0; here < 4; here++) {
    for (let there = 0; there < 4; there++) {
      const sets = bitOf('transmitter', here) | bitOf('receiver', there)
      const qs = [here, there].map((detector, at) => {
        const { keyBasisProbability } = at === 0 ? ends.transmitter : ends.receiver
        return detector < 2 ? keyBasisProbability : 1 - keyBasisProbability
      })
      const { unknown, known } = sharesOf(link, { here, there, intercepted })
      for (const [share, eve] of [
        [unknown, 0],
        [known, KNOWN],
      ]) {
        causes.push({ fires: -Math.expm1(-both * qs[0] * qs[1] * share), sets: sets | eve })
      }
    }
  }
  return causes
}

/** Of pairs measured in these two bases: the share that fires these detectors. */
function sharesOf(
  { misalignment }: PairLink,
  pair: { readonly here: number; readonly there: number; readonly intercepted: number },
): { readonly unknown: number; readonly known: number } {
  const { here, there, intercepted } = pair
  if (here >> 1 !== there >> 1) return { unknown: 0.25, known: 0 }
  const wrong = misalignment[here < 2 ? 'Z' : 'X']
  const own = ((here & 1) === (there & 1) ? 1 - wrong : wrong) / 2
  // In half of the pairs that Eve measures she has the wrong basis, and the bits are strangers.
  return {
    unknown: own * (1 - intercepted) + intercepted / 8,
    known: (own * intercepted) / 2,
  }
}

/** The law after one more cause has been added. */
function withCause(law: Float64Array, fires: number, sets: number): Float64Array<ArrayBuffer> {
  const next = new Float64Array(STATES)
  for (let state = 0; state < STATES; state++) {
    next[state] += law[state] * (1 - fires)
    next[state | sets] += law[state] * fires
  }
  return next
}

const bitOf = (end: PairEnd, detector: number): number =>
  1 << (detector + (end === 'receiver' ? 4 : 0))

/** A state from the masks as drawn. */
const stateOf = (here: number, there: number): number => here | (there << 4)

const MASKS = 16
const STATES = 512
const KNOWN = 256
