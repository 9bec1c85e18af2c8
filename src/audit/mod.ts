/**
 * The tamper-evident log of one site: entries, checkpoints, witnesses, proofs.
 *
 * Rooms append entries in the same commit as their data; the host makes checkpoints at its cadence
 * and has them cosigned by the other sites; anybody with the public keys can check a receipt, or the
 * exported log, without this site. Formats are those of C2SP (tlog-tiles, checkpoint, cosignature,
 * tlog-proof) over the Merkle tree of RFC 9162.
 *
 * Does not protect entries before their checkpoint, nor a log without witnesses from whoever holds
 * its disk and its keys; and it never says whether an entry was true when it was written.
 *
 * @module
 */

export {
  accessEvent,
  eventProfiles,
  accountOf,
  eventOfParts,
  profileFor,
  type Account,
  type Act,
  type GeneralFacts,
  type Outcome,
  type ParticularFacts,
} from './access-event.ts'
export {
  addCosignatures,
  compareWithWitness,
  cosignedNote,
  cosignRequest,
  receiptOf,
  type CosignQuestion,
  type Receipt,
  type WitnessComparison,
} from './cosigning.ts'
export {
  checkpointText,
  signCheckpoint,
  treeHeadOf,
  verifyCheckpoint,
  type CheckpointCheck,
  type CheckpointPolicy,
  type CheckpointRefusal,
  type VerifiedCheckpoint,
  type Witnessed,
} from './checkpoint.ts'
export {
  cosignerNameOf,
  noteVerifierOf,
  type NoteSigner,
  type NoteVerifier,
  type TreeHead,
} from './cosignature.ts'
export { accountingOf, type Accounting } from './disclosures.ts'
export { eventOf, leafOf, LEAF_OCTETS_MAX, type AuditEvent, type EventFact } from './event.ts'
export { exportTiles, type ExportedFile } from './export.ts'
export { FAULTS_REPORTED_MAX, type Finding, type VerifiedPart } from './findings.ts'
export { verifyHead, type HeadCheck } from './head.ts'
export {
  AuditLog,
  CHECKPOINT_LEAVES_MAX,
  ENTRIES_MAX,
  type AuditEntry,
  type AuditLogOptions,
  type AuditTrail,
  type KeptEntry,
  type CheckpointOutcome,
} from './log.ts'
export {
  readCosignReply,
  readCosignRequest,
  readSeenReply,
  readSeenRequest,
  WITNESS_MESSAGE_OCTETS_MAX,
  writeCosignReply,
  writeCosignRequest,
  writeSeenReply,
  writeSeenRequest,
  type CosignRefusal,
  type CosignReply,
  type CosignRequest,
  type SeenReply,
  type SeenRequest,
} from './messages.ts'
export { keyIdOf, NOTE_OCTETS_MAX, vkeyOf, type SignatureType } from './note.ts'
export {
  bindParts,
  bindsGeneral,
  bindsParticular,
  type BoundParts,
  type EventParts,
} from './parts.ts'
export {
  receiptText,
  verifyInclusion,
  verifyReceipt,
  type ReceiptCheck,
  type ReceiptParts,
  type ReceiptRefusal,
} from './receipt.ts'
export { AuditRefusal, type AuditRefusalCode } from './refusal.ts'
export { auditMigrations, type EntryFilter, type KeptBeside, type KeptFilter } from './tables.ts'
export { countKept, forgetKept, selectOldestKept } from './term.ts'
export { consistencyPath, inclusionPath, rootAt } from './tree-store.ts'
export { type LogSource, type SignedCheckpoint } from './tree-store.ts'
export { type LogKeys } from './verify-checkpoints.ts'
export { verifyLog } from './verify-log.ts'
export { newWitness, type ForkEvidence, type Witness, type Witnessing } from './witness.ts'
