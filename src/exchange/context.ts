/**
 * What both ends of a transfer work with.
 *
 * @module
 */

import type { Clock, Log, RandomSource, SiteId, Store, Uuid } from '#base'
import type { AuditTrail } from '#audit'
import type { DualSigner, DualVerifier } from '#crypto'
import type { ProtectionMode, Session } from '#session'
import type { Vault } from '#vault'

/** Sessions with other sites, for transfers. */
export interface TransferSessions {
  /**
   * Rejects as `open` would, where that can be known before anything is used up: the peer cannot
   * be reached, or the mode waits for a QKD key that is not there.
   */
  prepare(peer: SiteId, want: { dataClass: string; mode: ProtectionMode }): Promise<void>
  /**
   * Opens a session as initiator; whoever gets it disposes it.
   *
   * Rejects with a `SessionRefusal` `QUANTUM_KEY_REQUIRED` when the mode waits for a QKD key, and
   * with whatever the way to the peer refuses.
   */
  open(peer: SiteId, want: { dataClass: string; mode: ProtectionMode }): Promise<Session>
  /** The session that this peer opened here under this id: once, then it is the caller's. */
  take(peer: SiteId, session: Uuid): Session | undefined
}

export interface ExchangeContext {
  readonly site: SiteId
  readonly store: Store
  readonly clock: Clock
  readonly random: RandomSource
  readonly log: Log
  readonly audit: AuditTrail
  readonly vault: Vault
  readonly signer: DualSigner
  /** Current public keys of a site's statements; undefined for a site we do not know. */
  readonly keysOf: (site: SiteId) => DualVerifier | undefined
  readonly sessions: TransferSessions
  /** Asks a peer; the answer may be lost after the peer has acted. */
  readonly ask: (peer: SiteId, method: string, payload: Uint8Array) => Promise<Uint8Array>
  /** Default protection of a class when the caller asks for none. */
  readonly defaultMode: ProtectionMode
}
