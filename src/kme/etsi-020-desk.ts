/**
 * What serving partners and asking them share: who they are, and what is waited for.
 *
 * @module
 */

import {
  linkId,
  type Clock,
  type KeyId,
  type Log,
  type RandomSource,
  type SaeId,
  type SiteId,
  type Store,
} from '#base'
import type { KeyAudit, Keystore, KeystoreLink } from '#keystore'
import type { AckStatus, Sharing } from './etsi-020-wire.ts'

/** Another operator, as agreed with him. */
export interface Partner {
  /** His name here; no site has it. */
  readonly name: SiteId
  /** Where his KME is: `https://`, host and port, nothing behind. */
  readonly url: string
  /** SHA-256 of the certificates that his KME may show, in lower-case hexadecimal. */
  readonly certificates: readonly string[]
  /** The applications of his network that keys are shared with. */
  readonly saes: readonly SaeId[]
  /** Where he reaches this KME; undefined if he does not: then he must answer at once. */
  readonly callback: string | undefined
}

/** How the KME of a partner is reached. Carried by the host, in mutual TLS 1.3. */
export interface PartnerTransport {
  /**
   * Sends one request and brings the answer. Rejects if none came in time: then nobody knows what
   * the partner did. Does not follow redirections.
   *
   * @param url    on the partner's own origin
   * @param body   JSON; stays the caller's, who clears it once this settles
   */
  send(
    partner: SiteId,
    request: {
      readonly method: 'GET' | 'POST'
      readonly url: string
      readonly body?: Uint8Array
    },
  ): Promise<{ readonly status: number; readonly body: Uint8Array }>
}

/** Bounds of what is done with partners. */
export interface PartnerLimits {
  /** Octets of one key. */
  readonly keyOctetsMax: number
  /** How long keys of a partner wait to be fetched. */
  readonly lifeMs: number
  /** Keys of one partner that wait here at once. */
  readonly keptMax: number
  /** How long a partner is waited for until keys are voided. */
  readonly patienceMs: number
}

/** What partners are served from, and asked with. */
export interface PartnerDesk {
  readonly site: SiteId
  readonly keystore: Keystore
  readonly store: Store
  readonly clock: Clock
  readonly random: RandomSource
  readonly log: Log
  readonly audit: KeyAudit
  readonly transport: PartnerTransport
  readonly partners: ReadonlyMap<SiteId, Partner>
  /** Whether an application is attached to this KME itself. */
  readonly isOwn: (sae: SaeId) => boolean
  /** Whether requests without a callback are answered. */
  readonly synchronous: boolean
  readonly limits: PartnerLimits
  /** Whether a partner may have more acknowledgements owed to him. */
  readonly mayOwe: (partner: SiteId) => boolean
  /** Counts key_IDs that a partner voids without anybody having heard of them; false: too many. */
  readonly unheardLeft: (partner: SiteId, count: number) => boolean
  /** Keys that were sent and whose outcome is awaited. */
  readonly awaited: Map<KeyId, Awaited>
}

/** A key at a partner whose outcome is awaited. */
export interface Awaited extends Sharing {
  readonly partner: SiteId
  /** Counts what the partner says of it, for some of its targets or for all. */
  readonly hear: (status: AckStatus, targets: readonly SaeId[]) => void
}

/** Whether two keys are shared between the same applications. */
export const sameSharing = (a: Sharing, b: Sharing): boolean =>
  a.initiator === b.initiator &&
  a.targets.length === b.targets.length &&
  a.targets.every((one) => b.targets.includes(one))

/** The link of the key store that stands for a partner. */
export const partnerLink = (site: SiteId, partner: SiteId): KeystoreLink => ({
  link: linkId(`partner-${partner}`),
  peer: partner,
  transmitter: site,
  receiver: partner,
  reserveOctets: 0,
})
