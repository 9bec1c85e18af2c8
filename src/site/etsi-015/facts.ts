/**
 * What a controller is shown of a site, before it has the form of the standard.
 *
 * @module
 */

import type { EpochMs, LinkId, SiteId, Uuid } from '#base'
import type { LinkView } from '#contract'

export interface NodeFacts {
  readonly federation: string
  readonly site: SiteId
  readonly version: string
  /** Whether no alarm doubts the site itself: its log, its key store. */
  readonly isSound: boolean
  /** Whether it passes on keys of others. */
  readonly relays: boolean
  readonly links: readonly QkdLinkFacts[]
  readonly pairs: readonly PairFacts[]
  readonly pins: readonly Pin[]
  readonly applications: readonly ApplicationFacts[]
  readonly alarms: readonly AlarmFacts[]
}

/** A link with devices at both ends. */
export interface QkdLinkFacts {
  readonly link: LinkId
  readonly peer: SiteId
  /** Its place among the links of the configuration, from 1. */
  readonly interfaceId: number
  readonly model: string
  readonly role: LinkView['role']
  /** Of all fibre between both ends, as planned; undefined where only the vendor knows. */
  readonly lossDb: number | undefined
  /** Whether its devices prepare and measure single pulses (DV-QKD); undefined as above. */
  readonly isDiscrete: boolean | undefined
  readonly state: LinkView['state']
  readonly reason: string
  /** As a controller, or the operator, has set it. */
  readonly isEnabled: boolean
  /** Bits of the pool, of either end's half. */
  readonly storedBits: number
  readonly secretBitsPerSecond: number
  /** Fraction; null before the first block. */
  readonly qber: number | null
}

/** Keys relayed to and from a distant site. */
export interface PairFacts {
  readonly peer: SiteId
  readonly isEnabled: boolean
  readonly isRelaying: boolean
  /** Ways without a common site on which its keys go, where there are so many. */
  readonly shares: number
  /** Of the last block. */
  readonly ways: readonly (readonly SiteId[])[]
  readonly storedBits: number
  /** What this site has relayed lately. */
  readonly bitsPerSecond: number
}

/** The ways to a distant site that a controller prefers: a virtual link that it has made. */
export interface Pin {
  readonly id: Uuid
  readonly peer: SiteId
  /** Of each way, the sites after this one that are laid down, in order; at least one. */
  readonly vias: readonly (readonly SiteId[])[]
  /** Bits a second that the controller wants; not reserved. */
  readonly bandwidth: number | undefined
  readonly isEnabled: boolean
}

/** An application and those it shares keys with. */
export interface ApplicationFacts {
  readonly server: string
  readonly clients: readonly string[]
  /** The site of the first client. */
  readonly remote: SiteId
  readonly isInternal: boolean
  readonly firstAt: EpochMs
  /** Whether it has asked for keys lately. */
  readonly isOn: boolean
  /** What it has had in a second, lately. */
  readonly bitsPerSecond: number
  /** What its quota comes to in a second, where it has one. */
  readonly maxBitsPerSecond: number | undefined
  /** Oldest first. */
  readonly periods: readonly UsePeriod[]
}

export interface UsePeriod {
  readonly from: EpochMs
  readonly to: EpochMs
  readonly bits: number
}

export interface AlarmFacts {
  readonly id: Uuid
  readonly kind: string
  readonly subject: string
  readonly message: string
  readonly isCritical: boolean
}
