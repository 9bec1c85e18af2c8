/**
 * A key length in words: every intermediate value with its meaning, and why there is no key if
 * there is none.
 *
 * @module
 */

import type { BoundName, KeyLength } from './bounds/counts.ts'
import { termMeanings } from './bounds/length.ts'
import type { DiscardCause } from './report.ts'

/** One intermediate value. */
export interface ExplainedTerm {
  readonly name: string
  readonly value: number
  readonly meaning: string
}

/** What decided the length. Stable names. */
export type LengthVerdict =
  | 'key'
  /** ℓ is above 0, and below what the host keeps. */
  | 'too-short'
  | 'nothing-detected'
  | 'nothing-tested'
  | 'single-photons-unbounded'
  | 'phase-error-unbounded'
  | 'leak-takes-all'
  | 'price-takes-the-rest'

export interface LengthExplanation {
  readonly bound: BoundName
  readonly secretBits: number
  /** In the order of computation. */
  readonly terms: readonly ExplainedTerm[]
  readonly verdict: LengthVerdict
  /** The verdict as a sentence. */
  readonly why: string
}

/**
 * Explains a key length.
 *
 * @param keptFromBits  least ℓ that is worth storing, such as the reserve and a little key
 */
export function explainLength(length: KeyLength, keptFromBits = 0): LengthExplanation {
  const { bound, secretBits, terms } = length
  const verdict = verdictOf(length, keptFromBits)
  return {
    bound,
    secretBits,
    terms: Object.entries(terms).map(([name, value]) => ({
      name,
      value,
      meaning: termMeanings[name] ?? '',
    })),
    verdict,
    why: VERDICTS[verdict],
  }
}

function verdictOf({ secretBits, terms }: KeyLength, keptFromBits: number): LengthVerdict {
  if (secretBits > 0) return secretBits < keptFromBits ? 'too-short' : 'key'
  if (terms['keyDetections'] === 0) return 'nothing-detected'
  // Where there are three states, those of the key basis are tested too.
  const tested = Math.min(terms['testDetections'], terms['crossedDetections'] ?? 1)
  if (tested === 0) return 'nothing-tested'
  // The bound for single photons has no such terms: every detection is one there.
  const singles = Math.min(terms['keySingleLower'] ?? 1, terms['testSingleLower'] ?? 1)
  if (singles === 0) return 'single-photons-unbounded'
  if (terms['phaseError'] >= 0.5) return 'phase-error-unbounded'
  return terms['hiddenBits'] <= terms['leakBits'] ? 'leak-takes-all' : 'price-takes-the-rest'
}

const VERDICTS: Readonly<Record<LengthVerdict, string>> = {
  key: 'The block gives key',
  'too-short': 'The block would give key, but less than its own authentication reserve takes',
  'nothing-detected': 'No key: nothing was detected in the key basis',
  'nothing-tested': 'No key: nothing was detected in the test basis, so Eve is not bounded',
  'single-photons-unbounded':
    'No key: as far as the decoys tell, every detection may come from a pulse of several photons; ' +
    'the block is too small for its decoys, or Eve splits pulses',
  'phase-error-unbounded':
    'No key: the phase error may be a half; the test sample is too small, or too full of errors',
  'leak-takes-all': 'No key: correcting the errors reveals more than the single photons hide',
  'price-takes-the-rest':
    'No key: what is left after correction is less than verification and the secrecy ε cost',
}

/** Why a block was discarded, each as a sentence. */
export const discardMeanings: Readonly<Record<DiscardCause, string>> = {
  'qber-above-limit': 'The error rate was above the limit: Eve, or a device out of tune',
  'chsh-not-violated': 'The CHSH test did not show entanglement: S is too low, or pairs too few',
  'too-short': 'The key length does not cover the authentication reserve and a little key',
  'rounds-exhausted': 'Error correction did not end in time: the errors were far from expected',
  'authentication-failed': 'A tag did not fit its transcript',
  'verification-failed': 'The ends still differed after one repair',
  'estimates-disagree': 'The ends counted the leak or the key length differently',
  'message-refused': 'The peer said what it may not say, or not now',
  'aborted-by-peer': 'The peer gave the block up',
  stalled: 'Nothing happened for too long',
  'session-ended': 'The session ended before the block was stored',
  'not-stored': 'The host could not store the block',
  'device-suspect': 'A device did not work as the proofs assume',
}
