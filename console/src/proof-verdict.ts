/**
 * What a check of a proof comes to, in one sentence.
 *
 * @module
 */

import type { ProofCheck } from '#contract/proof'
import { filled } from './texts.ts'
import { proofTexts } from './texts-proofs.ts'

const words = proofTexts.proof

/** Everything is proven, everything that can be checked here, or not. */
export function verdictOf({ verified, findings, unchecked }: ProofCheck): string {
  if (verified) return `✓ ${words.verified}`
  return findings.every(({ good }) => good)
    ? `◐ ${filled(words.half, { signers: unchecked.join(', ') })}`
    : `✗ ${words.refused}`
}
