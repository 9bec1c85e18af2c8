/**
 * The key schedule: from three secrets, a context and two messages to the keys of a session.
 *
 *   secret(48) = CatKDF(psk ‖ X25519 ‖ ML-KEM, label of the purpose, context, hello, answer)
 *   transcript = SHA-384(len‖context ‖ len‖hello ‖ len‖answer)
 *   each key   = HKDF-Expand-SHA-384(secret, "photonward/session/v1/…" ‖ 0x00 ‖ transcript)
 *
 * The secret is as strong as the strongest of its three parts. The context names everything both
 * ends have to agree on; what only one of them believed gives two different keys, and the
 * confirmation fails.
 *
 * @see spec/hybrid-session.md, ETSI TS 103 744 V1.1.1 §8.2
 * @module
 */

import { concat, lengthPrefixed, toCbor, uint32, utf8, uuidOctets, type CborValue } from '#base'
import { catKdf, hkdfExpand, hmac, sha384, type DualVerifier } from '#crypto'
import { noteFields, partyFields, type Answer, type Hello, type SessionPurpose } from './message.ts'
import { SUITE } from './protection.ts'
import { refuse } from './refusal.ts'

/** The three secrets; the caller clears them. */
export interface Secrets {
  /** QKD keys in key_ID order, 32 octets each; none where none is used. */
  readonly psk: Uint8Array
  readonly classical: Uint8Array
  readonly postQuantum: Uint8Array
}

/** What both ends agree on, beside the octets of the messages. */
export interface Agreement {
  readonly hello: Hello
  readonly answer: Omit<Answer, 'helloHash' | 'x25519' | 'mlKem'>
  /** The keys by which the messages were signed. */
  readonly initiatorKeys: DualVerifier
  readonly responderKeys: DualVerifier
}

/** What comes out. All of it is secret, and the owner's to clear, but the transcript. */
export interface SessionKeys {
  readonly transcript: Uint8Array
  readonly initiatorTagKey: Uint8Array
  readonly responderTagKey: Uint8Array
  readonly initiatorToResponder: Uint8Array
  readonly responderToInitiator: Uint8Array
  readonly exporter: Uint8Array
}

/** The context of CatKDF, in its one encoding. */
export function contextOf({ hello, answer, initiatorKeys, responderKeys }: Agreement): Uint8Array {
  const used = hello.keys.filter(({ keyId }) => answer.keyIds.includes(keyId))
  return toCbor({
    v: 1,
    suite: SUITE,
    session: uuidOctets(hello.session),
    purpose: hello.purpose,
    class: hello.dataClass,
    epoch: hello.epoch,
    initiator: partyFields(hello.from),
    responder: partyFields(hello.to),
    initiatorKeys: fingerprint(initiatorKeys),
    responderKeys: fingerprint(responderKeys),
    offered: hello.mode,
    mode: answer.mode,
    used: answer.used,
    initiatorPolicy: hello.policyVersion,
    responderPolicy: answer.policyVersion,
    keys: used.map(noteFields),
  } satisfies Record<string, CborValue>)
}

/** Derives all keys of a session. @param hello, answer the whole signed messages */
export function deriveKeys(
  secrets: Secrets,
  by: {
    readonly purpose: SessionPurpose
    readonly context: Uint8Array
    readonly hello: Uint8Array
    readonly answer: Uint8Array
  },
): SessionKeys {
  const { context, hello, answer } = by
  const secret = catKdf({
    ...secrets,
    label: `photonward/session/v1/${by.purpose}`,
    context,
    messageA: hello,
    messageB: answer,
    length: 48,
  })
  const transcript = sha384(lengthPrefixed(context, hello, answer))
  const derive = (name: string, length: number): Uint8Array => {
    const info = concat(utf8(`photonward/session/v1/${name}\0`), transcript)
    return hkdfExpand('sha384', { key: secret, info, length })
  }
  const keys = {
    transcript,
    initiatorTagKey: derive('confirm/initiator', 48),
    responderTagKey: derive('confirm/responder', 48),
    initiatorToResponder: derive('key/initiator-to-responder', 32),
    responderToInitiator: derive('key/responder-to-initiator', 32),
    exporter: derive('exporter', 48),
  }
  secret.fill(0)
  return keys
}

/** The responder's confirmation: it has the key, and saw the same transcript. */
export const responderTag = (keys: SessionKeys): Uint8Array =>
  hmac('sha384', keys.responderTagKey, keys.transcript)

/** The initiator's confirmation, over the responder's as well. */
export const initiatorTag = (keys: SessionKeys, responder: Uint8Array): Uint8Array =>
  hmac('sha384', keys.initiatorTagKey, keys.transcript, responder)

/**
 * A secret for another use than the session's own, bound to session, label and length.
 *
 * @throws SessionRefusal `EXPORT_INVALID` for a label or length out of range
 */
export function exportFrom(exporter: Uint8Array, label: string, length: number): Uint8Array {
  const whole = Number.isSafeInteger(length) && length >= 1 && length <= EXPORT_OCTETS_MAX
  if (!EXPORT_LABEL.test(label) || !whole) {
    refuse('EXPORT_INVALID', 'An export has a visible label and 1 to 12,240 octets', { length })
  }
  const info = concat(
    utf8('photonward/session/v1/exported\0'),
    lengthPrefixed(utf8(label)),
    uint32(length),
  )
  return hkdfExpand('sha384', { key: exporter, info, length })
}

/** Clears every secret of a schedule. */
export function clearKeys(keys: SessionKeys): void {
  keys.initiatorTagKey.fill(0)
  keys.responderTagKey.fill(0)
  keys.initiatorToResponder.fill(0)
  keys.responderToInitiator.fill(0)
  keys.exporter.fill(0)
}

/** So that the key is bound to who signed, not only to their names. */
const fingerprint = ({ mlDsa, ed25519 }: DualVerifier): Uint8Array =>
  sha384(lengthPrefixed(mlDsa, ed25519))

/** 255 hashes of SHA-384 (RFC 5869 §2.3). */
export const EXPORT_OCTETS_MAX = 255 * 48
const EXPORT_LABEL = /^[!-~]{1,128}$/
