/**
 * What the two ends of a link from a vendor's KME stand on, and what both must say the same of it.
 *
 * @see ETSI GS QKD 014 V1.1.1
 * @module
 */

import { toCbor, type Clock, type LinkId, type Log, type RandomSource, type SiteId } from '#base'
import { sha256 } from '#crypto'
import type { Keystore, Origin } from '#keystore'
import type { KmeClient } from '#kme'

/** What both ends have configured alike. */
export interface KmeLinkTerms {
  readonly link: LinkId
  readonly transmitter: SiteId
  readonly receiver: SiteId
  /** As the vendor's KMEs know the two sites. */
  readonly transmitterSae: string
  readonly receiverSae: string
  /** Who besides the two sites has held the keys. */
  readonly vendor: SiteId
  /** What the vendor says of each block: the probability that its bits are not an ideal key. */
  readonly epsilon: number
  readonly keyBits: number
}

/** What either end of a link needs of its site. */
export interface KmeLinkContext {
  readonly terms: KmeLinkTerms
  readonly keystore: Keystore
  readonly clock: Clock
  readonly random: RandomSource
  readonly log: Log
  /** The vendor's KME at this site. */
  readonly client: KmeClient
}

/** What is noted of every block of a link: what the vendor asserts, and that nobody attests it. */
export const originOf = ({ transmitter, receiver, vendor, epsilon }: KmeLinkTerms): Origin => ({
  source: 'kme-asserted',
  randomness: 'unattested',
  authentication: 'vendor',
  assumptions: ['vendor-kme-honest', 'vendor-link-sound', 'vendor-premises-trusted'],
  epsilon,
  seenBy: [...new Set([transmitter, receiver, vendor])].toSorted(),
})

/** By which the ends see that both mean the same link. */
export const termsDigest = (terms: KmeLinkTerms): Uint8Array =>
  sha256(toCbor({ label: 'photonward/kme-link/v1', ...terms }))
