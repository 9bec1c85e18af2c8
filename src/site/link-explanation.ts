/**
 * A block of a link as an operator may ask for it: its counts, its key length with every intermediate
 * value of the bound, what its tags cost, and what the devices knew of themselves. Holds no bit of any key.
 *
 * @module
 */

import type { ExplanationView } from '#contract'
import {
  CHSH_EPSILON,
  discardMeanings,
  explainLength,
  inferredChsh,
  KEY_BITS_MIN,
  type BlockReport,
  type LinkParameters,
  type MeasuredChsh,
} from '#qkd'
import type { TransmitterObservables } from '#optics'
import type { RecentBlock } from './recent-blocks.ts'

type Section = ExplanationView['sections'][number]

/** Explains a block. */
export function explanationOf(
  parameters: LinkParameters,
  { report, observed }: RecentBlock,
): ExplanationView {
  const { keyLength, outcome, cause, epoch, sequence } = report
  const keptFromBits = 8 * parameters.reserveOctets + KEY_BITS_MIN
  const length = keyLength && explainLength(keyLength, keptFromBits)
  const stopped = cause !== undefined && cause !== 'too-short'
  return {
    subject: `link ${report.link}, block ${String(epoch)}/${String(sequence)}`,
    from: 'block',
    outcome,
    bound: parameters.bound,
    sections: [
      counted(parameters, report),
      ...(report.chsh === undefined ? [] : [tested(report.chsh)]),
      ...(length === undefined
        ? []
        : [{ title: 'Key length', terms: length.terms.map((term) => ({ ...term })) }]),
      sharedOut(report),
      authenticated(report),
      set(parameters),
      ...(observed === undefined ? [] : [calibrated(observed)]),
    ],
    secretBits: stopped ? 0 : (length?.secretBits ?? 0),
    verdict: stopped ? cause : (length?.verdict ?? 'unknown'),
    why: stopped ? discardMeanings[cause] : (length?.why ?? ''),
  }
}

function counted({ pulses, epsilons, protocol }: LinkParameters, report: BlockReport): Section {
  const { counts, keyErrorRate, testErrorRate, efficiency, undecodedFrames } = report
  const pairs = protocol === 'bbm92'
  const terms = [
    { name: 'epsilonSecrecy', value: epsilons.secrecy, meaning: 'ε_sec granted to the block' },
    { name: 'epsilonCorrectness', value: epsilons.correctness, meaning: 'ε_cor granted to it' },
    { name: 'slots', value: report.slots, meaning: pairs ? 'coincidence windows' : 'pulses sent' },
    { name: 'detections', value: report.detections, meaning: 'detections announced' },
  ]
  for (const [at, { meanPhotonNumber, probability }] of pulses.intensities.entries()) {
    const words = pairs
      ? `${String(meanPhotonNumber)} pairs in a window`
      : `μ = ${String(meanPhotonNumber)}, sent with ${String(probability)}`
    const of = (basis: 'key' | 'test', what: 'detections' | 'errors') =>
      terms.push({
        name: `${basis}${what === 'errors' ? 'Errors' : 'Detections'}${String(at + 1)}`,
        value: counts[basis][what][at] ?? 0,
        meaning: `${what} in the ${basis} basis, ${words}`,
      })
    of('key', 'detections')
    of('key', 'errors')
    of('test', 'detections')
    of('test', 'errors')
  }
  for (const [at, value] of (counts.crossedZeros ?? []).entries()) {
    const meaning = `key states measured in the test basis and seen as +, of intensity ${String(at + 1)}`
    terms.push({ name: `crossedZeros${String(at + 1)}`, value, meaning })
  }
  if (keyErrorRate !== undefined) {
    const meaning = 'error rate of the key basis, as corrected'
    terms.push({ name: 'keyErrorRate', value: keyErrorRate, meaning })
  }
  const meaning = 'error rate of the test basis, as announced'
  terms.push({ name: 'testErrorRate', value: testErrorRate, meaning })
  if (pairs && keyErrorRate !== undefined) {
    const chsh = inferredChsh(keyErrorRate, testErrorRate)
    const words = 'S inferred from the error rates of both bases, not a loophole-free test'
    terms.push({ name: 'chsh', value: chsh, meaning: words })
  }
  if (efficiency !== undefined) {
    terms.push({ name: 'efficiency', value: efficiency, meaning: 'f of error correction' })
  }
  if (undecodedFrames !== undefined) {
    const meaning = 'frames that one-way correction left to Cascade'
    terms.push({ name: 'undecodedFrames', value: undecodedFrames, meaning })
  }
  return { title: 'Counts', terms: terms.filter(({ value }) => Number.isFinite(value)) }
}

/** The CHSH test of a block. */
function tested({ counts, correlations, ...values }: MeasuredChsh): Section {
  const { chsh, standardError, lowerBound } = values
  const settings = ['X, 22.5°', 'X, −22.5°', 'Z, 22.5°', 'Z, −22.5°']
  const terms = settings.flatMap((setting, at) => {
    const { same, different } = counts[at]
    return [
      { name: `same${String(at + 1)}`, value: same, meaning: `like bits at ${setting}` },
      { name: `different${String(at + 1)}`, value: different, meaning: 'unlike bits there' },
      { name: `E${String(at + 1)}`, value: correlations[at], meaning: 'their correlation' },
    ]
  })
  return {
    title: 'CHSH test',
    terms: [
      ...terms,
      {
        name: 'chshMeasured',
        value: chsh,
        meaning: 'S = |E1 − E2 + E3 + E4|, at most 2 without entanglement',
      },
      { name: 'standardError', value: standardError, meaning: 'of S' },
      {
        name: 'lowerBound',
        value: lowerBound,
        meaning: `S is at least that, but for a chance of ${String(CHSH_EPSILON)}; no key unless above 2`,
      },
    ],
  }
}

/** Where the sifted bits went; the parts sum to the first. */
const sharedOut = ({ account }: BlockReport): Section => ({
  title: 'Where the sifted bits went',
  terms: [
    { name: 'siftedBits', value: account.siftedBits, meaning: 'sifted in the key basis' },
    { name: 'applicationBits', value: account.applicationBits, meaning: 'keys for applications' },
    {
      name: 'reserveBits',
      value: account.reserveBits,
      meaning: 'kept to authenticate later blocks',
    },
    { name: 'remainderBits', value: account.remainderBits, meaning: 'do not fill whole octets' },
    { name: 'leakBits', value: account.leakBits, meaning: 'revealed, as counted on the wire' },
    {
      name: 'marginBits',
      value: account.marginBits,
      meaning: 'taken by the bound beyond the leak',
    },
    { name: 'discardedBits', value: account.discardedBits, meaning: 'of blocks without key' },
  ],
})

/** What the tags of the block cost: pads, and a chance that a forged one passed. */
const authenticated = ({ padsSpent, epsilons, authenticationCost }: BlockReport): Section => ({
  title: 'Authentication',
  terms: [
    { name: 'padsSpent', value: padsSpent, meaning: 'one-time pads of this end, one for each tag' },
    {
      name: 'epsilonAuthentication',
      value: epsilons.authentication,
      meaning: 'chance that a forged tag passed',
    },
    ...(authenticationCost === undefined
      ? []
      : [
          {
            name: 'authenticationCost',
            value: authenticationCost,
            meaning: 'bits of pads of both ends over ℓ; above 1 the link eats more than it makes',
          },
        ]),
  ],
})

/** How both devices are set, as agreed by both ends. */
const set = ({ pulses, qberMax }: LinkParameters): Section => ({
  title: 'How the devices are set',
  terms: [
    { name: 'clockHz', value: pulses.clockHz, meaning: 'pulses a second' },
    ...pulses.intensities.flatMap(({ meanPhotonNumber, probability }, at) => [
      {
        name: `meanPhotonNumber${String(at + 1)}`,
        value: meanPhotonNumber,
        meaning: 'photons of a pulse, or pairs in a window, on average',
      },
      {
        name: `probability${String(at + 1)}`,
        value: probability,
        meaning: 'share of the pulses that are sent with it',
      },
    ]),
    {
      name: 'keyBasisTransmitter',
      value: pulses.keyBasisProbability.transmitter,
      meaning: 'how often the transmitter takes the key basis',
    },
    {
      name: 'keyBasisReceiver',
      value: pulses.keyBasisProbability.receiver,
      meaning: 'how often the receiver does',
    },
    { name: 'qberMax', value: qberMax, meaning: 'error rate above which a block is discarded' },
  ],
})

/**
 * What the device of this end said of itself in the last batch before the block ended. Efficiency and dark
 * counts are not among it: no device can tell them while it runs.
 */
function calibrated({ incomingLightNw, detectors }: TransmitterObservables): Section {
  const terms: { name: string; value: number; meaning: string }[] = []
  const tell = (name: string, value: number, meaning: string): void =>
    void terms.push({ name, value, meaning })
  if (incomingLightNw !== undefined) {
    tell('incomingLightNw', incomingLightNw, 'light from the fibre at the watchdog, in nW')
  }
  if (detectors !== undefined) {
    const { clicks, slotCount, doubleClicks, deadTimeDrops, photocurrentUa, arrivals } = detectors
    tell('batchSlots', slotCount, 'pulse slots of the batch')
    for (const [at, detector] of ['Z0', 'Z1', 'X0', 'X1'].entries()) {
      tell(`clicks${detector}`, clicks[at], `clicks of detector ${detector}`)
    }
    tell('doubleClicks', doubleClicks, 'slots in which two detectors clicked')
    tell('deadTimeDrops', deadTimeDrops, 'clicks lost to dead time')
    tell('photocurrentUa', photocurrentUa, 'mean photocurrent in μA; far above the usual: blinded')
    if (arrivals !== undefined) {
      tell('arrivalMeanPs', arrivals.meanPs, 'when clicks came, against the middle of the gate')
      tell('arrivalSpreadPs', arrivals.spreadPs, 'their standard deviation, in ps')
    }
  }
  return { title: 'What the device of this end observed last', terms }
}
