/**
 * The key store: link blocks become keys with a key_ID, split by direction, durable, each delivered
 * once, then destroyed.
 *
 * Stands between the link engines (`qkd`, or another source of equal secret blocks) and whoever
 * serves keys (`kme`, `relay`). It speaks to the key store of the other site through messages that
 * the host carries. Sealed at rest, never backed up.
 *
 * @see ETSI GS QKD 014 V1.1.1, GS QKD 020 V1.1.1
 * @module
 */

export type { ActivationOutcome, ActivationRefusal } from './activation.ts'
export type { ReserveRequest } from './allocation.ts'
export type { AuthenticationSource, AuthenticationSources, PadDirection } from './authentication.ts'
export type { IngestedBlock, IngestOutcome, Settlement } from './blocks.ts'
export { BorrowedKeys, type BorrowedReservation, type Lender } from './borrowed.ts'
export type { CarryRequest } from './carrying.ts'
export type { DeliverRequest } from './delivery.ts'
export type { HighWaterOutcome } from './high-water.ts'
export {
  openKeystore,
  RESERVE_OCTETS,
  type Keystore,
  type KeystoreLink,
  type KeystoreOptions,
} from './keystore.ts'
export { KEY_BITS_LEAST } from './layout.ts'
export type { LentLot } from './lots.ts'
export {
  answeringHoldings,
  answeringOpening,
  askingOpening,
  holdingsAt,
  settledOpening,
  settleHoldings,
  type Holdings,
  type Opening,
  type OpeningEnds,
} from './opening.ts'
export type { DepositRequest, DepositState, ReservedKey } from './partners.ts'
export type { DeliveredKey, Reservation } from './parts.ts'
export type { LinkPool, Pool } from './pool.ts'
export {
  combined,
  originOctets,
  provenanceOctets,
  readOrigin,
  readProvenance,
  summary,
  summaryText,
  type Origin,
  type Provenance,
  type ProvenancePart,
  type ProvenanceSummary,
} from './provenance.ts'
export { KeystoreRefusal, type KeystoreRefusalCode } from './refusal.ts'
export {
  KEYSTORE_LIMITS,
  type KeyAudit,
  type KeystoreAlarm,
  type KeystoreAlarmKind,
  type KeystoreLimits,
  type KeyUse,
} from './room.ts'
export type { ScrubFinding } from './scrub.ts'
export { isLive, type Position } from './state.ts'
export type { SurveyedBlock } from './survey.ts'
export { keystoreMigrations } from './tables.ts'
export {
  ACTIVATION_KEY_OCTETS_MAX,
  ACTIVATION_KEYS_MAX,
  LIFE_MS_MAX,
  readActivation,
  readBlockNotes,
  readWithdrawal,
  SLAVES_MAX,
  type Activation,
  type Range,
  type ReceivedActivation,
  type Withdrawal,
} from './wire.ts'
export type { PendingVoid } from './room.ts'
export type { WithdrawalOutcome } from './withdrawals.ts'
