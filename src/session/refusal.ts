/** @module */

import { Refusal, type Facts } from '#base'

export type SessionRefusalCode =
  /** The protection policy of this site has no such data class. */
  | 'CLASS_UNKNOWN'
  | 'EXPORT_INVALID'
  /** `one-time-pad` is reserved and not yet available. */
  | 'MODE_RESERVED'
  | 'POLICY_INVALID'
  /** A peer names an older policy than it did before: its configuration was put back. */
  | 'POLICY_ROLLED_BACK'
  | 'PROVENANCE_DIFFERS'
  | 'QUANTUM_KEY_INVALID'
  /** The data class waits for a QKD key. */
  | 'QUANTUM_KEY_REQUIRED'
  /** The data class waits for a QKD key that is not simulated. */
  | 'QUANTUM_KEY_SIMULATED'
  | 'QUANTUM_KEY_UNEXPECTED'
  | 'SESSION_CONFIRMATION_FAILED'
  | 'SESSION_DOWNGRADED'
  | 'SESSION_KEY_INVALID'
  | 'SESSION_MALFORMED'
  | 'SESSION_MISMATCHED'
  | 'SESSION_REPLAYED'
  | 'SESSION_ROLES_DIFFER'
  | 'SESSION_SIGNATURE_INVALID'
  | 'SESSION_SPENT'

/** No session came about, or it does not give what was asked. No key left it. */
export class SessionRefusal extends Refusal<SessionRefusalCode> {
  override readonly name = 'SessionRefusal'
}

/** A refusal with its code and words; short, because there are many places to refuse in. */
export const refuse = (code: SessionRefusalCode, message: string, facts: Facts = {}): never => {
  throw new SessionRefusal(code, message, { facts })
}
