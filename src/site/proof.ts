/**
 * Proofs as files: a receipt of the log, the event that its entry binds, and the keys to check with.
 *
 * Made here, checked by `#contract` wherever somebody likes.
 *
 * @see spec/proof.md
 * @module
 */

import { base64 } from '#base'
import { vkeyOf, type NoteVerifier } from '#audit'
import { PROOF_FORMAT, type ProofFile } from '#contract'

/** An event with what opens its entry's commitment. */
export interface ProvenEvent {
  readonly general: { readonly text: string; readonly salt: Uint8Array; readonly inner: Uint8Array }
  /** Left out, the proof says neither whom nor what the event was about. */
  readonly particular?: { readonly text: string; readonly salt: Uint8Array } | undefined
}

/** The text of a proof. */
export function proofText(about: {
  readonly receipt: string
  readonly event?: ProvenEvent | undefined
  readonly keys: readonly string[]
}): string {
  const { receipt, event, keys } = about
  const file: ProofFile = {
    ...{ format: PROOF_FORMAT, receipt, keys },
    ...(event && { event: { general: partOf(event.general), particular: particularOf(event) } }),
  }
  return `${JSON.stringify(file, undefined, 2)}\n`
}

/** Verifier keys of a log and of its witnesses, as C2SP writes them. */
export const noteKeysOf = (
  log: NoteVerifier,
  witnesses: readonly NoteVerifier[],
): readonly string[] => [
  ...[vkeyOf(log.name, 0x01, log.ed25519), vkeyOf(log.name, 0x06, log.mlDsa44)],
  ...witnesses.flatMap(({ name, ed25519, mlDsa44 }) => [
    vkeyOf(name, 0x04, ed25519),
    vkeyOf(name, 0x06, mlDsa44),
  ]),
]

const partOf = ({ text, salt }: { readonly text: string; readonly salt: Uint8Array }) => ({
  text,
  salt: base64(salt),
})

const particularOf = ({ general, particular }: ProvenEvent) =>
  particular === undefined ? { commitment: base64(general.inner) } : partOf(particular)
