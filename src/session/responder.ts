/**
 * The end that is asked for a session: checks the hello, answers, takes the confirmation.
 *
 * In three steps, because QKD keys are fetched between the first and the second, and only for a
 * hello that its sender signed: a stranger cannot make a site burn keys.
 *
 * @module
 */

import { sameOctets, type EpochMs, type KeyId } from '#base'
import {
  agreeX25519,
  encapsulate,
  newX25519KeyPair,
  sameSecret,
  sha384,
  verifierOf,
  type DualSigner,
  type DualVerifier,
} from '#crypto'
import { agreed } from './initiator.ts'
import {
  closeAnswer,
  decodeConfirm,
  decodeHello,
  encodeAnswer,
  sameParty,
  type Answer,
  type Hello,
  type KeyNote,
  type Party,
} from './message.ts'
import { decideOrRefuse, type ProtectionPolicy } from './policy.ts'
import { inOrder, joinKeys, useUp, type QuantumKey } from './quantum-key.ts'
import { refuse } from './refusal.ts'
import { clearKeys, contextOf, deriveKeys, initiatorTag, responderTag } from './schedule.ts'
import type { SessionKeys } from './schedule.ts'
import { Session } from './session.ts'

export interface ReceiveInput {
  readonly self: Party
  /** Whom the connection belongs to. */
  readonly peer: Party
  /** The peer's certified public keys. */
  readonly peerKeys: DualVerifier
  /** This site's own. */
  readonly policy: ProtectionPolicy
  /** The highest epoch accepted from this peer so far; 0 at first. */
  readonly epochAfter: number
}

/** A hello whose sender, roles, freshness and class were checked. */
export interface ReceivedHello {
  readonly input: ReceiveInput
  readonly hello: Hello
  readonly octets: Uint8Array
  /**
   * The QKD keys to fetch as slave before answering: all that the hello names, or none where
   * this site's policy has no use for them.
   */
  readonly wantedKeys: readonly KeyNote[]
}

/**
 * Checks a hello.
 *
 * Its epoch is to be kept, durably, as the peer's highest before `respond` is called.
 *
 * @throws SessionRefusal, and then nothing has been used up
 */
export function receiveHello(octets: Uint8Array, input: ReceiveInput): ReceivedHello {
  const hello = decodeHello(octets, input.peerKeys)
  const { self, peer, policy } = input
  if (!sameParty(hello.from, peer) || !sameParty(hello.to, self) || self.site === peer.site) {
    refuse('SESSION_ROLES_DIFFER', 'The hello is not from the peer to this site')
  }
  if (hello.epoch <= input.epochAfter) {
    refuse('SESSION_REPLAYED', 'The hello has an epoch that is past', {
      epoch: hello.epoch,
      epochAfter: input.epochAfter,
    })
  }
  if (!inOrder(hello.keys) || (hello.mode === 'post-quantum' && hello.keys.length > 0)) {
    refuse('SESSION_MALFORMED', 'The hello names QKD keys that its mode does not allow')
  }
  const { used } = decideOrRefuse(policy, questionOf(hello, hello.keys))
  return { input, hello, octets, wantedKeys: used === 'hybrid-quantum' ? hello.keys : [] }
}

export interface RespondInput {
  readonly signer: DualSigner
  /**
   * All of `wantedKeys`, or none if they could not be had; as this site's own key management
   * knows them. Used up by this call, whatever comes of it.
   */
  readonly keys: readonly QuantumKey[]
}

interface RespondedInput {
  readonly hello: Hello
  readonly answer: Omit<Answer, 'helloHash' | 'x25519' | 'mlKem'>
  readonly keys: SessionKeys
  readonly tag: Uint8Array
}

/** Between answer and confirmation. Its key is not to be had before the peer confirmed it. */
export class Responded implements Disposable {
  #input: RespondedInput | undefined

  constructor(input: RespondedInput) {
    this.#input = input
  }

  /** @throws SessionRefusal `SESSION_SPENT` once a session came of it, or after disposal */
  get input(): RespondedInput {
    return this.#input ?? refuse('SESSION_SPENT', 'This side of the session is over')
  }

  /** Lets go of the keys without clearing them: they belong to the session now. */
  release(): RespondedInput {
    const { input } = this
    this.#input = undefined
    return input
  }

  [Symbol.dispose](): void {
    if (this.#input !== undefined) clearKeys(this.#input.keys)
    this.#input = undefined
  }
}

/**
 * Answers a hello.
 *
 * @returns the answer to send, and the state that the confirmation completes
 * @throws SessionRefusal when the policy needs a QKD key and there is none, or the keys are not
 *   the ones of the hello, or known here with another origin
 */
export function respond(
  received: ReceivedHello,
  { signer, keys }: RespondInput,
): { readonly answer: Uint8Array; readonly state: Responded } {
  try {
    return giveAnswer(received, signer, keys)
  } finally {
    useUp(keys)
  }
}

function giveAnswer(
  { input, hello, octets, wantedKeys }: ReceivedHello,
  signer: DualSigner,
  given: readonly QuantumKey[],
): { readonly answer: Uint8Array; readonly state: Responded } {
  using joined = join(given)
  if (joined.notes.length > 0) checkNotes(joined.notes, wantedKeys)
  const { mode, used } = decideOrRefuse(input.policy, questionOf(hello, joined.notes))
  const keyIds: readonly KeyId[] = joined.notes.map(({ keyId }) => keyId)
  const x25519 = newX25519KeyPair()
  const { classical, kem } = agreed(() => ({
    classical: agreeX25519(x25519.privateKey, hello.x25519),
    kem: encapsulate('ml-kem-1024', hello.mlKem),
  }))
  const answer: Answer = {
    session: hello.session,
    helloHash: sha384(octets),
    from: input.self,
    to: input.peer,
    mode,
    used,
    policyVersion: input.policy.version,
    keyIds,
    x25519: x25519.publicKey,
    mlKem: kem.ciphertext,
  }
  const signed = encodeAnswer(answer, signer)
  const responderKeys = verifierOf(signer)
  const context = contextOf({ hello, answer, initiatorKeys: input.peerKeys, responderKeys })
  const secrets = { psk: joined.psk.reveal(), classical, postQuantum: kem.sharedSecret }
  const messages = { purpose: hello.purpose, context, hello: octets, answer: signed }
  const keys = deriveKeys(secrets, messages)
  classical.fill(0)
  kem.sharedSecret.fill(0)
  const tag = responderTag(keys)
  return { answer: closeAnswer(signed, tag), state: new Responded({ hello, answer, keys, tag }) }
}

/**
 * Takes the initiator's confirmation.
 *
 * A refusal leaves the state as it was: the true confirmation may still come.
 *
 * @throws SessionRefusal `SESSION_CONFIRMATION_FAILED` among others
 */
export function accept(state: Responded, confirmOctets: Uint8Array, at: EpochMs): Session {
  const { hello, answer, keys, tag } = state.input
  const confirm = decodeConfirm(confirmOctets)
  if (confirm.session !== hello.session) {
    refuse('SESSION_MISMATCHED', 'The confirmation is of another session')
  }
  if (!sameSecret(confirm.tag, initiatorTag(keys, tag))) {
    refuse('SESSION_CONFIRMATION_FAILED', 'The initiator does not confirm the same key')
  }
  state.release()
  return new Session({ role: 'responder', hello, answer, keys, at })
}

/** What this site's policy is asked: the mode offered, with the keys there really are. */
const questionOf = (hello: Hello, offered: readonly KeyNote[]) => ({
  dataClass: hello.dataClass,
  wanted: hello.mode,
  offered,
})

/** Both ends must know the same keys, and the same of their origin. */
function checkNotes(known: readonly KeyNote[], named: readonly KeyNote[]): void {
  if (named.length === 0) {
    refuse('QUANTUM_KEY_UNEXPECTED', 'No QKD keys are wanted for this answer')
  }
  const same =
    known.length === named.length && known.every((one, at) => one.keyId === named[at].keyId)
  if (!same) refuse('QUANTUM_KEY_INVALID', 'The QKD keys are not those that the hello names')
  for (const [at, { source, path, provenance }] of known.entries()) {
    const other = named[at]
    const equal = source === other.source && path === other.path
    if (!equal || !sameOctets(provenance, other.provenance)) {
      refuse('PROVENANCE_DIFFERS', 'The two sites know a QKD key by different origins')
    }
  }
}

/** The joined keys, cleared at the end of the scope. */
function join(keys: readonly QuantumKey[]) {
  const { notes, psk } = joinKeys(keys)
  return {
    notes,
    psk,
    [Symbol.dispose]: () => {
      psk[Symbol.dispose]()
    },
  }
}
