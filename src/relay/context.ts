/**
 * What a relay needs of its site, as ports of its own.
 *
 * @module
 */

import type {
  Clock,
  KeyId,
  LinkId,
  Log,
  RandomSource,
  SecretBytes,
  SecretSupply,
  SiteId,
} from '#base'
import type { AuditTrail } from '#audit'
import type { Keystore, Origin, Provenance } from '#keystore'

/** A one-time pad that two neighbours share. Whoever gets it owns the octets and clears them. */
export interface Pad {
  readonly keyId: KeyId
  readonly octets: SecretBytes
  readonly provenance: Provenance
}

/** Pads of the links that end at this site: each fetched once at each end, durably so. */
export interface PadSupply {
  /** A pad shared with a neighbour. Rejects where there is none to be had. */
  make(neighbour: SiteId, octets: number): Promise<Pad>
  /** The pad that a neighbour has made for this site, once. */
  fetch(neighbour: SiteId, pad: KeyId): Promise<Pad>
}

/** Ways on which the shares of a block may go; each from this site to the peer, both included. */
export type Ways = (pair: RelayPair, octets: number) => readonly (readonly SiteId[])[]

/** A site with which this one shares keys that other sites relay. */
export interface RelayPair {
  readonly peer: SiteId
  /** Blocks that this site makes, and blocks that the peer makes. */
  readonly outward: LinkId
  readonly inward: LinkId
  /** Shares of each block, on as many ways with no site in common, where there are so many. */
  readonly shares: number
  /** On fewer ways than these nothing is sent. */
  readonly sharesLeast: number
  /** Octets of a block. */
  readonly blockOctets: number
  /** Bits that this site may give out, below which it makes more. */
  readonly targetBits: number
}

export interface RelayOptions {
  readonly site: SiteId
  readonly keystore: Keystore
  readonly clock: Clock
  readonly random: RandomSource
  readonly log: Log
  readonly audit: AuditTrail
  readonly pads: PadSupply
  /** Secrets of wraps. */
  readonly wraps: SecretSupply
  readonly ways: Ways
  /** Asks another site, by the authenticated connection between the two. */
  readonly ask: (
    peer: SiteId,
    method: string,
    payload: Uint8Array,
    timeoutMs: number,
  ) => Promise<Uint8Array>
  readonly pairs: readonly RelayPair[]
  /** Whether this end wants the bits of a block that came like this; asked before it is stored. */
  readonly accepts: (origin: Origin) => boolean
  /** Told of a hop that failed, so that ways go round it for a while. Must not throw. */
  readonly onHopFailed: (from: SiteId, to: SiteId, code: string) => void
}

/** The link under whose name the blocks are kept that `from` makes for `to`. */
export const relayLinkName = (from: string, to: string): string => `${from}--${to}`
