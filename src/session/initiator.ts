/**
 * The end that opens a session: says hello, checks the answer, confirms.
 *
 * Pure apart from fresh ephemeral keys: messages come in and go out as octets, and nothing here
 * waits, stores or sends.
 *
 * @module
 */

import { assert, newUuid, type EpochMs, type RandomSource, type SecretBytes } from '#base'
import {
  agreeX25519,
  decapsulate,
  newKemKeyPair,
  newX25519KeyPair,
  sameSecret,
  sha384,
  verifierOf,
  type AgreementKeyPair,
  type DualSigner,
  type DualVerifier,
  type KemKeyPair,
} from '#crypto'
import {
  decodeAnswer,
  encodeConfirm,
  encodeHello,
  EPOCH_MAX,
  sameParty,
  splitAnswer,
  type Answer,
  type Hello,
  type Party,
  type SessionPurpose,
} from './message.ts'
import { decideOrRefuse, type ProtectionPolicy } from './policy.ts'
import { strongerMode, type ProtectionMode } from './protection.ts'
import { joinKeys, useUp, type QuantumKey } from './quantum-key.ts'
import { refuse, SessionRefusal } from './refusal.ts'
import { clearKeys, contextOf, deriveKeys, initiatorTag, responderTag } from './schedule.ts'
import type { SessionKeys } from './schedule.ts'
import { Session } from './session.ts'

export interface InitiateInput {
  readonly self: Party
  readonly peer: Party
  readonly signer: DualSigner
  /** The peer's certified public keys. */
  readonly peerKeys: DualVerifier
  /** This site's own. */
  readonly policy: ProtectionPolicy
  readonly dataClass: string
  readonly purpose: SessionPurpose
  readonly wanted: ProtectionMode
  /** Fetched as master; used up by this call, whatever comes of it. */
  readonly keys: readonly QuantumKey[]
  /** Above every epoch this site has used towards this peer; durable before the hello leaves. */
  readonly epoch: number
  readonly random: RandomSource
}

/** What an initiator keeps between its hello and the answer. */
export interface InitiatedInput {
  readonly self: Party
  readonly peer: Party
  readonly selfKeys: DualVerifier
  readonly peerKeys: DualVerifier
  readonly hello: Hello
  readonly helloOctets: Uint8Array
  readonly x25519: AgreementKeyPair
  readonly mlKem: KemKeyPair
  readonly psk: SecretBytes
}

/** Between hello and answer. Gives one session at most; whoever gives it up disposes of it. */
export class Initiated implements Disposable {
  #input: InitiatedInput | undefined

  constructor(input: InitiatedInput) {
    this.#input = input
  }

  /** @throws SessionRefusal `SESSION_SPENT` once a session came of it, or after disposal */
  get input(): InitiatedInput {
    return this.#input ?? refuse('SESSION_SPENT', 'This side of the session is over')
  }

  [Symbol.dispose](): void {
    this.#input?.psk[Symbol.dispose]()
    // The ephemeral private keys lie in OpenSSL's memory, which it clears when they are collected.
    this.#input = undefined
  }
}

/**
 * Begins a session.
 *
 * @returns the hello to send, and the state that its answer completes
 * @throws SessionRefusal what the policy refuses or waits for, and for unusable QKD keys
 */
export function initiate(input: InitiateInput): {
  readonly hello: Uint8Array
  readonly state: Initiated
} {
  try {
    return sayHello(input)
  } finally {
    useUp(input.keys)
  }
}

function sayHello(input: InitiateInput): { readonly hello: Uint8Array; readonly state: Initiated } {
  const { self, peer, signer, policy, dataClass, epoch } = input
  assert(policy.site === self.site, 'a site keeps to its own policy')
  assert(Number.isSafeInteger(epoch) && epoch >= 1 && epoch <= EPOCH_MAX, 'epochs count from 1')
  if (self.site === peer.site) refuse('SESSION_ROLES_DIFFER', 'A session is between two sites')
  const question = { dataClass, wanted: input.wanted, offered: input.keys }
  const { mode, used } = decideOrRefuse(policy, question)
  if (mode === 'post-quantum' && input.keys.length > 0) {
    refuse('QUANTUM_KEY_UNEXPECTED', 'The post-quantum mode takes no QKD keys')
  }
  const { notes, psk } = joinKeys(used === 'hybrid-quantum' ? input.keys : [])
  const [x25519, mlKem] = [newX25519KeyPair(), newKemKeyPair('ml-kem-1024')]
  const hello: Hello = {
    session: newUuid(input.random),
    purpose: input.purpose,
    dataClass,
    from: self,
    to: peer,
    mode,
    policyVersion: policy.version,
    epoch,
    keys: notes,
    x25519: x25519.publicKey,
    mlKem: mlKem.encapsulationKey,
  }
  const octets = encodeHello(hello, signer)
  const parties = { self, peer, selfKeys: verifierOf(signer), peerKeys: input.peerKeys }
  const state = new Initiated({ ...parties, hello, helloOctets: octets, x25519, mlKem, psk })
  return { hello: octets, state }
}

/**
 * Checks the answer and confirms.
 *
 * A refusal leaves the state as it was: the true answer may still come.
 *
 * @returns the confirmation to send, and the session, which may be used at once
 * @throws SessionRefusal
 */
export function complete(
  state: Initiated,
  answerOctets: Uint8Array,
  at: EpochMs,
): { readonly confirm: Uint8Array; readonly session: Session } {
  const { input } = state
  const { signed, tag } = splitAnswer(answerOctets)
  const answer = decodeAnswer(signed, input.peerKeys)
  checkAnswer(input, answer)
  const keys = deriveAsInitiator(input, answer, signed)
  if (!sameSecret(responderTag(keys), tag)) {
    clearKeys(keys)
    refuse('SESSION_CONFIRMATION_FAILED', 'The responder does not confirm the same key')
  }
  const confirm = encodeConfirm({ session: answer.session, tag: initiatorTag(keys, tag) })
  const session = new Session({ role: 'initiator', hello: input.hello, answer, keys, at })
  state[Symbol.dispose]()
  return { confirm, session }
}

/** Whether this answers our hello, from our peer, at no weaker a mode than we offered. */
function checkAnswer({ self, peer, hello, helloOctets }: InitiatedInput, answer: Answer): void {
  if (!sameParty(answer.from, peer) || !sameParty(answer.to, self)) {
    refuse('SESSION_ROLES_DIFFER', 'The answer is not from the peer to this site')
  }
  const ours = sameSecret(answer.helloHash, sha384(helloOctets))
  if (answer.session !== hello.session || !ours) {
    refuse('SESSION_MISMATCHED', 'The answer is to another hello')
  }
  if (answer.mode === 'one-time-pad') {
    refuse('MODE_RESERVED', 'The one-time-pad mode is reserved and not yet available')
  }
  const weaker = strongerMode(answer.mode, hello.mode) !== answer.mode
  const quantum = answer.used === 'hybrid-quantum'
  if (weaker || (answer.mode === 'require-quantum' && !quantum)) {
    refuse('SESSION_DOWNGRADED', 'The answer is weaker than what was offered', {
      offered: hello.mode,
      mode: answer.mode,
      used: answer.used,
    })
  }
  const expected = quantum ? hello.keys.map(({ keyId }) => keyId) : []
  const agreed =
    answer.keyIds.length === expected.length &&
    answer.keyIds.every((keyId, at) => keyId === expected[at])
  if (!agreed || (quantum && (expected.length === 0 || answer.mode === 'post-quantum'))) {
    refuse('SESSION_MISMATCHED', 'The answer names other QKD keys than the hello')
  }
}

function deriveAsInitiator(input: InitiatedInput, answer: Answer, signed: Uint8Array): SessionKeys {
  const { hello, helloOctets, x25519, mlKem, psk, selfKeys, peerKeys } = input
  const secrets = {
    psk: answer.used === 'hybrid-quantum' ? psk.reveal() : new Uint8Array(0),
    ...agreed(() => ({
      classical: agreeX25519(x25519.privateKey, answer.x25519),
      postQuantum: decapsulate('ml-kem-1024', mlKem.decapsulationKey, answer.mlKem),
    })),
  }
  const context = contextOf({ hello, answer, initiatorKeys: selfKeys, responderKeys: peerKeys })
  const messages = { purpose: hello.purpose, context, hello: helloOctets, answer: signed }
  const keys = deriveKeys(secrets, messages)
  secrets.classical.fill(0)
  secrets.postQuantum.fill(0)
  return keys
}

/** Turns a refused public key or ciphertext into a refusal of the session. */
export function agreed<T>(agree: () => T): T {
  try {
    return agree()
  } catch (cause) {
    throw new SessionRefusal('SESSION_KEY_INVALID', 'The peer sent an unusable public key', {
      cause,
    })
  }
}
