/**
 * The three messages of a session: hello, answer, confirm. What they hold, and their octets.
 *
 *   hello   = { body, mlDsa, ed25519 }                       body signed as a hello
 *   answer  = { signed: { body, mlDsa, ed25519 }, tag }      body signed as an answer
 *   confirm = { v, session, tag }
 *
 * All deterministic CBOR. A signature is checked before the body behind it is looked at.
 *
 * @see spec/hybrid-session.md
 * @module
 */

import {
  door,
  Exactly,
  fromDeterministicCbor,
  KEY_SOURCES,
  kmeId,
  Octets,
  OneOf,
  saeId,
  siteId,
  Text,
  toCbor,
  Type,
  uuidOctets,
  uuidOf,
  Whole,
  type CborValue,
  type KeyId,
  type KeySource,
  type KmeId,
  type SaeId,
  type SiteId,
  type Uuid,
} from '#base'
import { KEM_SIZES, signDual, verifyDual, type DualSigner, type DualVerifier } from '#crypto'
import { DataClassText } from './policy.ts'
import { KEY_PATHS, MODES, MODES_USED, SUITE } from './protection.ts'
import type { KeyPath, ModeUsed, ProtectionMode } from './protection.ts'
import { refuse, SessionRefusal } from './refusal.ts'

/** One end of a session: the site, its consumer of keys and its provider of keys. */
export interface Party {
  readonly site: SiteId
  readonly sae: SaeId
  readonly kme: KmeId
}

/** What a session is for. Each purpose derives from a label of its own. */
export const PURPOSES = [
  'transfer',
  'backup',
  'consultation',
  'record-storage',
  'relay-wrap',
  'key-comparison',
  'qkd-authentication-bootstrap',
] as const
export type SessionPurpose = (typeof PURPOSES)[number]

/** A QKD key as both ends speak of it; never its octets. */
export interface KeyNote {
  readonly keyId: KeyId
  readonly source: KeySource
  readonly path: KeyPath
  /** A digest of what else is known of its origin, the same at both ends; may be empty. */
  readonly provenance: Uint8Array
}

export interface Hello {
  readonly session: Uuid
  readonly purpose: SessionPurpose
  readonly dataClass: string
  readonly from: Party
  readonly to: Party
  /** The mode that the initiator offers: what it wants, raised to what its policy asks. */
  readonly mode: ProtectionMode
  readonly policyVersion: number
  /** Counts the initiator's sessions with this responder; never used twice. */
  readonly epoch: number
  /** Ascending by key_ID; empty without QKD keys. */
  readonly keys: readonly KeyNote[]
  /** Ephemeral, 32 octets. */
  readonly x25519: Uint8Array
  /** Ephemeral encapsulation key of ML-KEM-1024. */
  readonly mlKem: Uint8Array
}

export interface Answer {
  readonly session: Uuid
  /** SHA-384 of the hello that is answered, signatures included. */
  readonly helloHash: Uint8Array
  readonly from: Party
  readonly to: Party
  /** The mode the responder chose: the offered one, or a stronger. */
  readonly mode: ProtectionMode
  readonly used: ModeUsed
  readonly policyVersion: number
  /** All key_IDs of the hello where they are used, else none. */
  readonly keyIds: readonly KeyId[]
  /** Ephemeral, 32 octets. */
  readonly x25519: Uint8Array
  /** Ciphertext of ML-KEM-1024. */
  readonly mlKem: Uint8Array
}

export interface Confirm {
  readonly session: Uuid
  readonly tag: Uint8Array
}

export function encodeHello(hello: Hello, by: DualSigner): Uint8Array {
  const body = toCbor({
    v: 1,
    suite: SUITE,
    session: uuidOctets(hello.session),
    purpose: hello.purpose,
    class: hello.dataClass,
    from: partyFields(hello.from),
    to: partyFields(hello.to),
    mode: hello.mode,
    policy: hello.policyVersion,
    epoch: hello.epoch,
    keys: hello.keys.map(noteFields),
    x25519: hello.x25519,
    mlkem: hello.mlKem,
  })
  return signed(body, HELLO_LABEL, by)
}

/** @throws SessionRefusal `SESSION_MALFORMED`, `SESSION_SIGNATURE_INVALID` */
export function decodeHello(octets: Uint8Array, by: DualVerifier): Hello {
  const body = helloBody(verified(octets, HELLO_LABEL, by))
  return readable(() => ({
    session: uuidOf(body.session),
    purpose: body.purpose,
    dataClass: body.class,
    from: party(body.from),
    to: party(body.to),
    mode: body.mode,
    policyVersion: body.policy,
    epoch: body.epoch,
    keys: body.keys.map(([id, source, path, provenance]) => ({
      keyId: keyIdOf(id),
      source,
      path,
      provenance,
    })),
    x25519: body.x25519,
    mlKem: body.mlkem,
  }))
}

/** The signed part of an answer, to which the tag is added once the key is known. */
export function encodeAnswer(answer: Answer, by: DualSigner): Uint8Array {
  const body = toCbor({
    v: 1,
    suite: SUITE,
    session: uuidOctets(answer.session),
    hello: answer.helloHash,
    from: partyFields(answer.from),
    to: partyFields(answer.to),
    mode: answer.mode,
    used: answer.used,
    policy: answer.policyVersion,
    keys: answer.keyIds.map((id) => uuidOctets(id)),
    x25519: answer.x25519,
    mlkem: answer.mlKem,
  })
  return signed(body, ANSWER_LABEL, by)
}

/** @throws SessionRefusal `SESSION_MALFORMED`, `SESSION_SIGNATURE_INVALID` */
export function decodeAnswer(signedOctets: Uint8Array, by: DualVerifier): Answer {
  const body = answerBody(verified(signedOctets, ANSWER_LABEL, by))
  return readable(() => ({
    session: uuidOf(body.session),
    helloHash: body.hello,
    from: party(body.from),
    to: party(body.to),
    mode: body.mode,
    used: body.used,
    policyVersion: body.policy,
    keyIds: body.keys.map(keyIdOf),
    x25519: body.x25519,
    mlKem: body.mlkem,
  }))
}

/** An answer with the responder's confirmation. */
export const closeAnswer = (signedOctets: Uint8Array, tag: Uint8Array): Uint8Array =>
  toCbor({ signed: signedOctets, tag })

/** @throws SessionRefusal `SESSION_MALFORMED` */
export const splitAnswer = (octets: Uint8Array): { signed: Uint8Array; tag: Uint8Array } =>
  readable(() => answerFrame(fromDeterministicCbor(octets, ANSWER_OCTETS_MAX)))

export const encodeConfirm = ({ session, tag }: Confirm): Uint8Array =>
  toCbor({ v: 1, session: uuidOctets(session), tag })

/** @throws SessionRefusal `SESSION_MALFORMED` */
export const decodeConfirm = (octets: Uint8Array): Confirm =>
  readable(() => {
    const { session, tag } = confirmFrame(fromDeterministicCbor(octets, CONFIRM_OCTETS_MAX))
    return { session: uuidOf(session), tag }
  })

/** A party as it stands in messages and in the context. */
export const partyFields = ({ site, sae, kme }: Party): CborValue => ({ site, sae, kme })

/** A key note as it stands in messages and in the context. */
export const noteFields = ({ keyId, source, path, provenance }: KeyNote): CborValue => [
  uuidOctets(keyId),
  source,
  path,
  provenance,
]

/** Whether two parties are the same in all three names. */
export const sameParty = (a: Party, b: Party): boolean =>
  a.site === b.site && a.sae === b.sae && a.kme === b.kme

function signed(body: Uint8Array, label: string, by: DualSigner): Uint8Array {
  const { mlDsa, ed25519 } = signDual(by, label, body)
  return toCbor({ body, mlDsa, ed25519 })
}

/** The body behind good signatures, decoded but not yet of any shape. */
function verified(octets: Uint8Array, label: string, by: DualVerifier): unknown {
  const { body, mlDsa, ed25519 } = readable(() =>
    signedFrame(fromDeterministicCbor(octets, MESSAGE_OCTETS_MAX)),
  )
  if (!verifyDual(by, label, body, { mlDsa, ed25519 })) {
    refuse('SESSION_SIGNATURE_INVALID', 'A message of the session is not signed by its sender')
  }
  return readable(() => fromDeterministicCbor(body, MESSAGE_OCTETS_MAX))
}

/** Turns whatever a reader throws into the one refusal for unreadable messages. */
function readable<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw new SessionRefusal('SESSION_MALFORMED', 'A message of the session is malformed', {
      cause,
    })
  }
}

const party = (fields: { site: string; sae: string; kme: string }): Party => ({
  site: siteId(fields.site),
  sae: saeId(fields.sae),
  kme: kmeId(fields.kme),
})

const keyIdOf = (octets: Uint8Array): KeyId => uuidOf(octets) as string as KeyId

/** QKD keys in one session. */
export const KEYS_MAX = 16
/** Octets of a QKD key. */
export const QUANTUM_KEY_OCTETS = 32
export const PROVENANCE_OCTETS_MAX = 64
export const TAG_OCTETS = 48
/** Octets of a signed message: two signatures, one ML-KEM part, 16 key notes and names. */
export const MESSAGE_OCTETS_MAX = 12_288
export const ANSWER_OCTETS_MAX = MESSAGE_OCTETS_MAX + 64
export const CONFIRM_OCTETS_MAX = 128
export const EPOCH_MAX = Number.MAX_SAFE_INTEGER

const HELLO_LABEL = 'photonward/session/v1/hello'
const ANSWER_LABEL = 'photonward/session/v1/answer'

const PartyShape = Exactly({ site: Text(63, 1), sae: Text(64, 1), kme: Text(64, 1) })
const head = { v: Type.Literal(1), suite: Type.Literal(SUITE), session: Octets(16) }

const signedFrame = door(
  Exactly({ body: Octets(1, MESSAGE_OCTETS_MAX), mlDsa: Octets(3309), ed25519: Octets(64) }),
  'signed session message',
)
const answerFrame = door(
  Exactly({ signed: Octets(1, MESSAGE_OCTETS_MAX), tag: Octets(TAG_OCTETS) }),
  'session answer',
)
const confirmFrame = door(
  Exactly({ v: Type.Literal(1), session: Octets(16), tag: Octets(TAG_OCTETS) }),
  'session confirmation',
)
const helloShape = door(
  Exactly({
    ...head,
    purpose: OneOf(...PURPOSES),
    class: DataClassText,
    from: PartyShape,
    to: PartyShape,
    mode: OneOf(...MODES),
    policy: Whole(1),
    epoch: Whole(1, EPOCH_MAX),
    keys: Type.Array(
      Type.Tuple([
        Octets(16),
        OneOf(...KEY_SOURCES),
        OneOf(...KEY_PATHS),
        Octets(0, PROVENANCE_OCTETS_MAX),
      ]),
      { maxItems: KEYS_MAX },
    ),
    x25519: Octets(32),
    mlkem: Octets(KEM_SIZES['ml-kem-1024'].encapsulationKey),
  }),
  'session hello',
)
const answerShape = door(
  Exactly({
    ...head,
    hello: Octets(48),
    from: PartyShape,
    to: PartyShape,
    mode: OneOf(...MODES),
    used: OneOf(...MODES_USED),
    policy: Whole(1),
    keys: Type.Array(Octets(16), { maxItems: KEYS_MAX }),
    x25519: Octets(32),
    mlkem: Octets(KEM_SIZES['ml-kem-1024'].ciphertext),
  }),
  'session answer',
)
const helloBody = (value: unknown) => readable(() => helloShape(value))
const answerBody = (value: unknown) => readable(() => answerShape(value))
