/** @module */

import { Refusal } from '#base'

export type AuditRefusalCode =
  /** An event that does not fit its shape or limits; nothing was written. */
  | 'AUDIT_EVENT_INVALID'
  /** A stored entry, tile or checkpoint is not what was written; `verifyLog` names it. */
  | 'AUDIT_LOG_DAMAGED'
  /** The log holds fewer entries than its own newest checkpoint covers. */
  | 'AUDIT_LOG_TRUNCATED'
  /** No entry, checkpoint or proof of that index or size. */
  | 'AUDIT_NOT_FOUND'
  /** A cosignature does not verify under the keys of a known witness. */
  | 'AUDIT_COSIGNATURE_INVALID'

/** The log refused; the caller must not go on as if the event were recorded. */
export class AuditRefusal extends Refusal<AuditRefusalCode> {
  override readonly name = 'AuditRefusal'
}
