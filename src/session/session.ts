/**
 * A session both ends have confirmed: its keys, and the record of what protects it.
 *
 * @module
 */

import { hex, SecretBytes, type EpochMs, type Uuid } from '#base'
import type { Answer, Hello, Party, SessionPurpose } from './message.ts'
import { SUITE, worstOf, type Protection } from './protection.ts'
import { exportFrom, type SessionKeys } from './schedule.ts'

/** What a session is made of. Takes ownership of the keys. */
export interface SessionInput {
  readonly role: 'initiator' | 'responder'
  readonly hello: Hello
  readonly answer: Pick<Answer, 'mode' | 'used' | 'keyIds' | 'policyVersion'>
  readonly keys: SessionKeys
  readonly at: EpochMs
}

/** Keys agreed with one peer for one purpose, cleared when the owner's scope ends. */
export class Session implements Disposable {
  readonly id: Uuid
  readonly role: 'initiator' | 'responder'
  readonly peer: Party
  readonly purpose: SessionPurpose
  readonly dataClass: string
  readonly epoch: number
  readonly protection: Protection
  /** Version of the peer's protection policy, as it signed it. */
  readonly peerPolicyVersion: number
  readonly #send: SecretBytes
  readonly #receive: SecretBytes
  readonly #exporter: SecretBytes

  constructor({ role, hello, answer, keys, at }: SessionInput) {
    const mine = role === 'initiator'
    this.id = hello.session
    this.role = role
    this.peer = mine ? hello.to : hello.from
    this.purpose = hello.purpose
    this.dataClass = hello.dataClass
    this.epoch = hello.epoch
    this.peerPolicyVersion = (mine ? answer : hello).policyVersion
    this.#send = SecretBytes.take(mine ? keys.initiatorToResponder : keys.responderToInitiator)
    this.#receive = SecretBytes.take(mine ? keys.responderToInitiator : keys.initiatorToResponder)
    this.#exporter = SecretBytes.take(keys.exporter)
    keys.initiatorTagKey.fill(0)
    keys.responderTagKey.fill(0)
    const used = hello.keys.filter(({ keyId }) => answer.keyIds.includes(keyId))
    this.protection = {
      mode: answer.mode,
      used: answer.used,
      suite: SUITE,
      keyIds: answer.keyIds,
      ...worstOf(used),
      sessionId: hello.session,
      transcript: hex(keys.transcript),
      at,
    }
  }

  /** 32 octets for what this end sends; the peer's `receiveKey`. Stays with the session. */
  get sendKey(): SecretBytes {
    return this.#send
  }

  /** 32 octets for what the peer sends. Stays with the session. */
  get receiveKey(): SecretBytes {
    return this.#receive
  }

  /**
   * A secret for another use, the same at both ends, independent of all other exports.
   *
   * @param label    1 to 128 visible ASCII characters that name the use
   * @param length   1 to 12,240 octets; another length gives an unrelated secret
   * @throws SessionRefusal `EXPORT_INVALID`
   */
  exportSecret(label: string, length: number): SecretBytes {
    return SecretBytes.take(exportFrom(this.#exporter.reveal(), label, length))
  }

  [Symbol.dispose](): void {
    this.#send[Symbol.dispose]()
    this.#receive[Symbol.dispose]()
    this.#exporter[Symbol.dispose]()
  }
}
