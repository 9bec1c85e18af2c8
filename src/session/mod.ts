/**
 * Hybrid sessions (PW-HYB-1): keys between two sites from a QKD key, ML-KEM-1024 and X25519.
 *
 *   initiator                                responder
 *   initiate → hello      ───────────────>   receiveHello, fetch QKD keys, respond → answer
 *   complete → confirm    <───────────────
 *   session                ───────────────>   accept → session
 *
 * The key is as strong as the strongest part and bound to everything both ends said; both sign,
 * both confirm before use, and each keeps to its own signed policy. Without a QKD key a session
 * is post-quantum only, and says so; it is never classical alone.
 *
 * Does not fetch keys, keep epochs or send messages: its caller does. Does not protect an end
 * point that is broken into, nor data once it has arrived.
 *
 * @see spec/hybrid-session.md
 * @module
 */

export { complete, initiate, type Initiated, type InitiateInput } from './initiator.ts'
export {
  ANSWER_OCTETS_MAX,
  CONFIRM_OCTETS_MAX,
  KEYS_MAX,
  MESSAGE_OCTETS_MAX,
  PURPOSES,
  QUANTUM_KEY_OCTETS,
  type Hello,
  type KeyNote,
  type Party,
  type SessionPurpose,
} from './message.ts'
export {
  decide,
  decideOrRefuse,
  LINK_CLASS,
  openPolicy,
  POLICY_OCTETS_MAX,
  signPolicy,
  type Decision,
  type PolicyTerms,
  type ProtectionPolicy,
  type Question,
  type WaitCause,
} from './policy.ts'
export {
  isDegraded,
  isSimulated,
  KEY_PATHS,
  MODES,
  MODES_USED,
  ProtectionShape,
  readProtection,
  strongerMode,
  SUITE,
  weakestProtection,
  type KeyPath,
  type ModeUsed,
  type Protection,
  type ProtectionMode,
} from './protection.ts'
export type { QuantumKey } from './quantum-key.ts'
export { SessionRefusal, type SessionRefusalCode } from './refusal.ts'
export {
  accept,
  receiveHello,
  respond,
  type ReceivedHello,
  type ReceiveInput,
  type Responded,
  type RespondInput,
} from './responder.ts'
export { EXPORT_OCTETS_MAX } from './schedule.ts'
export type { Session } from './session.ts'
