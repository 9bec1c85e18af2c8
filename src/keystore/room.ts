/**
 * What all parts of the key store share: ports, limits, links, and the two things each change
 * needs, an audit leaf and a word to whoever watches.
 *
 * @module
 */

import {
  epochMs,
  type Clock,
  type EpochMs,
  type KeyId,
  type LinkId,
  type RandomSource,
  type SaeId,
  type SecretBytes,
  type SiteId,
  type Statement,
  type Store,
  type Uuid,
} from '#base'
import type { AuditEvent, AuditTrail } from '#audit'
import type { CarriedKey } from './carrying.ts'
import { KeystoreRefusal } from './refusal.ts'
import type { Segments } from './segments.ts'
import type { Block, Link, Position } from './state.ts'
import type { Range } from './wire.ts'

/** The part of the audit log that this room needs: a statement for its own commit. */
export type KeyAudit = Pick<AuditTrail, 'append'>

/** How much may be stored, and for how long. */
export interface KeystoreLimits {
  /** Octets sealed, and later destroyed, as one. */
  readonly segmentOctets: number
  /** Blocks of one link that wait for the peer. */
  readonly heldBlocksMax: number
  /** Octets of one link, both halves, that may be stored. */
  readonly linkOctetsMax: number
  /** Newest blocks whose authentication reserve is kept. */
  readonly reservesKept: number
  /** How long a block's tombstones stay after it is used up. */
  readonly tombstoneMs: number
  /** Bits of each peer's pool that applications cannot have: for relay and authentication. */
  readonly criticalBits: number
  /** Bits above those that only emergencies may have. */
  readonly emergencyBits: number
  /** Keys made ahead that one commit allots. */
  readonly runKeys: number
}

/**
 * What bits are wanted for. `application` leaves the critical level and what is kept for
 * emergencies; `emergency` leaves the critical level; `relay`, which is also the site's own
 * sessions and authentication, leaves nothing.
 */
export type KeyUse = 'application' | 'emergency' | 'relay'

/** Octets of a pool that a use must leave. */
export function floorOctets({ criticalBits, emergencyBits }: KeystoreLimits, use: KeyUse): number {
  if (use === 'relay') return 0
  return Math.ceil((criticalBits + (use === 'emergency' ? 0 : emergencyBits)) / 8)
}

/** Limits unless told otherwise. */
export const KEYSTORE_LIMITS: KeystoreLimits = {
  segmentOctets: 2048,
  heldBlocksMax: 64,
  linkOctetsMax: 2 ** 29,
  reservesKept: 16,
  tombstoneMs: 120_000,
  criticalBits: 0,
  emergencyBits: 0,
  runKeys: 32,
}

/** What an operator may have to hear of. */
export type KeystoreAlarmKind =
  | 'segment-damaged'
  | 'block-damaged'
  | 'own-roll-back'
  | 'peer-roll-back'
  | 'key-expired'
  | 'withdrawal-too-late'
  | 'destruction-failed'
  | 'link-quarantined'

/** Something an operator must hear of. The audit log holds it too. */
export interface KeystoreAlarm {
  readonly kind: KeystoreAlarmKind
  readonly link: LinkId
  readonly peer: SiteId
  readonly message: string
}

/** A key of the peer's half that waits here to be fetched. */
export interface WaitingKey {
  readonly keyId: KeyId
  readonly activation: Uuid
  readonly link: Link
  readonly master: SaeId
  /** Slaves it was activated for. */
  readonly named: readonly SaeId[]
  /** Those that have not fetched it yet. */
  slaves: readonly SaeId[]
  readonly ranges: readonly Range[]
  /** The key, masked by these octets, if they are a pad. */
  readonly carried: CarriedKey | undefined
  /** The last block it has octets of. */
  readonly home: Block
  /** By the monotonic clock. */
  readonly expiresMs: number
  /** Whether it must not be fetched any more: it is being withdrawn, or the store failed it. */
  lost: boolean
  /** Set while a fetch is being made durable; settles, never rejects, when that is decided. */
  busy: Promise<void> | undefined
}

/** An activation of the peer that is remembered in memory, for repetitions. */
export interface KnownActivation {
  readonly digest: Uint8Array
  keysLeft: number
  /** Settles when the activation is durable; rejects if the store failed. */
  readonly done: Promise<void>
}

/** Bits of the own half on their way to become keys. */
export interface Part {
  readonly id: Uuid
  readonly link: Link
  readonly ranges: readonly Range[]
  /** In which block each range lies. */
  readonly blocks: readonly Block[]
  readonly keyIds: readonly KeyId[]
  readonly keyOctets: number
  /** What is sent to the peer. */
  readonly message: Uint8Array
  readonly material: SecretBytes
  /** How far its keys are issued, where they are one after the other; see `ahead.ts`. */
  readonly ahead: Allotment | undefined
  /** Keys that were taken to be issued: all before this one. */
  taken: number
  /** Keys from here on are withdrawn; undefined while none are. */
  withdrawnFrom: number | undefined
}

/** How far keys made ahead have come; counted from the first of their part. */
export interface Allotment {
  /** Keys that may be given out: all before this one, durably. */
  allotted: number
  /** Commits under way that allot more, each after the one before. */
  readonly runs: AllottedRun[]
  /** Answers that wait for one of those; they settle, whatever comes of them. */
  readonly answers: Set<Promise<unknown>>
  /** Keys that were given out: all before this one. */
  given: number
  /** Keys of which the log says so: all before this one. */
  told: number
  /** When the first was given out of which it does not. */
  since: EpochMs
  /** Set while that is being made durable. */
  telling: Promise<void> | undefined
}

/** A commit that allots keys: all before this one, once it stands. */
export interface AllottedRun {
  readonly to: number
  readonly done: Promise<void>
}

/** A withdrawal that the peer has not confirmed. */
export interface PendingVoid {
  readonly id: Uuid
  readonly peer: SiteId
  readonly link: LinkId
  /** To be sent as it is. */
  readonly message: Uint8Array
}

/** Octets of the own half that another daemon of the site has borrowed. */
export interface Lot {
  readonly id: Uuid
  readonly link: LinkId
  readonly peer: SiteId
  readonly range: Range
  /** Random name of the borrower's start; empty once the lot is revoked. */
  holder: string
}

/** A block that was given up at the opening, because a row of it or of one of its keys is damaged. */
export interface RowFault extends Position {
  readonly link: LinkId
  readonly problem: string
}

/** The whole key store of one site. */
export interface Room {
  readonly site: SiteId
  readonly store: Store
  readonly clock: Clock
  readonly random: RandomSource
  readonly audit: KeyAudit
  readonly segments: Segments
  readonly limits: KeystoreLimits
  readonly links: ReadonlyMap<LinkId, Link>
  readonly peers: ReadonlyMap<SiteId, readonly Link[]>
  readonly parts: Map<Uuid, Part>
  readonly lots: Map<Uuid, Lot>
  readonly voids: Map<SiteId, Map<Uuid, PendingVoid>>
  /** Withdrawals that the store has not taken yet; see `withdrawals.ts`. */
  readonly orphans: Orphan[]
  /** Parts of which keys were given out that the log does not say so of yet; see `telling.ts`. */
  readonly untold: Set<Part>
  /** Rows that could not be read at the opening; scrubbing names them. */
  readonly rowFaults: RowFault[]
  storingOrphans: Promise<void> | undefined
  readonly keys: Map<KeyId, WaitingKey>
  /** No waiting key expires before this, by the monotonic clock. */
  nextExpiryMs: number
  readonly activations: Map<Uuid, KnownActivation>
  /** Blocks being taken in, so that a repetition waits for the first. */
  readonly ingesting: Map<string, Promise<unknown>>
  /** Segments that are to be destroyed, by block. */
  readonly doomed: Map<Block, Set<number>>
  wiping: Promise<void> | undefined
  /** Random name of this opening. */
  readonly run: Uint8Array
  /** Runs of each link's other end that were met while open, in hexadecimal. */
  readonly peerRuns: Map<LinkId, Set<string>>
  /** Latest time known from the store: the wall clock counts only from there on. */
  readonly startedAt: EpochMs
  /** The monotonic clock at the same moment. */
  readonly startedMs: number
  /** The wall clock had gone back when the store was opened: nothing tells how old keys are. */
  readonly clockRegressed: boolean
  readonly onChange: (peer: SiteId) => void
  readonly onAlarm: (alarm: KeystoreAlarm) => void
  closed: boolean
}

/** A withdrawal waiting for the store to work again. */
export interface Orphan {
  readonly pending: PendingVoid
  /** Blocks whose allocation the store has not noted. */
  readonly blocks: readonly Block[]
  /** What it is the rest of, where its keys were issued one after the other. */
  readonly part?: Part
}

/** Time for rows and leaves: never before the latest time the store knew when it was opened. */
export const nowOf = ({ clock, startedAt }: Room): EpochMs =>
  epochMs(Math.max(clock.now(), startedAt))

/** The audit leaf of an event of this room, for the commit that makes it true. */
export const leaf = (
  room: Room,
  kind: string,
  actor: string,
  facts: AuditEvent['facts'],
): Statement => room.audit.append({ kind, at: nowOf(room), actor, facts })

/** The link of this name. @throws KeystoreRefusal */
export function linkOf(room: Room, link: LinkId): Link {
  checkOpen(room)
  const found = room.links.get(link)
  if (found === undefined) {
    throw new KeystoreRefusal('KEYSTORE_LINK_UNKNOWN', 'No such link ends at this site', {
      facts: { link },
    })
  }
  return found
}

/** The links shared with a peer. @throws KeystoreRefusal */
export function linksTo(room: Room, peer: SiteId): readonly Link[] {
  checkOpen(room)
  const found = room.peers.get(peer)
  if (found === undefined) {
    throw new KeystoreRefusal('KEYSTORE_PEER_UNKNOWN', 'No link leads to this site', {
      facts: { peer },
    })
  }
  return found
}

/** @throws KeystoreRefusal `KEYSTORE_CLOSED` */
export function checkOpen(room: Room): void {
  if (room.closed) throw new KeystoreRefusal('KEYSTORE_CLOSED', 'The key store is closed')
}

/** Says that something is wrong on a link. */
export function alarm(room: Room, kind: KeystoreAlarmKind, link: Link, message: string): void {
  room.onAlarm({ kind, link: link.link, peer: link.peer, message })
}
