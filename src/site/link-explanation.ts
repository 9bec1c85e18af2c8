/**
 * The last block of a link as an operator may ask for it: its counts, and its key length with every
 * intermediate value of the bound. Holds no bit of any key.
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

type Section = ExplanationView['sections'][number]

/** Explains a block from its report. */
export function explanationOf(parameters: LinkParameters, report: BlockReport): ExplanationView {
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
