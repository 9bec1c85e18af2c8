/**
 * How many bits there are, for status, alarms and admission; never by counting them.
 *
 * @module
 */

import type { KeySource, LinkId, SiteId } from '#base'
import { floorOctets, linksTo, type KeyUse, type Room } from './room.ts'
import { isUsable } from './state.ts'
import { pendingVoidCount } from './withdrawals.ts'

/** The pool shared with one peer, as this end sees it. */
export interface Pool {
  readonly peer: SiteId
  /** Bits this end may give out now: of its own half, outside quarantine. */
  readonly availableBits: number
  /** Those that any application may have. */
  readonly applicationBits: number
  /** Bits the peer may give out, as far as this end knows. */
  readonly peerBits: number
  readonly heldBlocks: number
  /** Keys activated by the peer that no slave has fetched yet. */
  readonly waitingKeys: number
  /** Withdrawals the peer has not confirmed. */
  readonly pendingVoids: number
  readonly links: readonly LinkPool[]
}

/** The part of a pool that one link holds. */
export interface LinkPool {
  readonly link: LinkId
  readonly availableBits: number
  readonly peerBits: number
  readonly heldBlocks: number
  /** Why its keys wait; undefined if they do not. */
  readonly quarantine: string | undefined
  readonly epoch: number
}

/** The figures of one pool. The cost does not depend on how many blocks are stored. */
export function pool(room: Room, peer: SiteId): Pool {
  const links = linksTo(room, peer)
  const octets = links.reduce((sum, { free }) => sum + free, 0)
  return {
    peer,
    availableBits: octets * 8,
    applicationBits: Math.max(0, octets - floorOctets(room.limits, 'application')) * 8,
    peerBits: links.reduce((sum, { peerFree }) => sum + peerFree, 0) * 8,
    heldBlocks: links.reduce((sum, { held }) => sum + held, 0),
    waitingKeys: links.reduce((sum, { waiting }) => sum + waiting, 0),
    pendingVoids: pendingVoidCount(room, peer),
    links: links.map((link) => ({
      link: link.link,
      availableBits: link.free * 8,
      peerBits: link.peerFree * 8,
      heldBlocks: link.held,
      quarantine: link.quarantine?.cause,
      epoch: link.epoch,
    })),
  }
}

/**
 * `stored_key_count` of GS QKD 014: how many keys of a size could be had now.
 */
export function storedKeys(
  room: Room,
  peer: SiteId,
  sizeBits: number,
  use: KeyUse = 'application',
): number {
  const keyOctets = sizeBits / 8
  const links = linksTo(room, peer).toSorted((a, b) => b.free - a.free)
  const octets = links.reduce((sum, { free }) => sum + free, 0)
  let left = Math.max(0, octets - floorOctets(room.limits, use))
  let keys = 0
  for (const { free } of links) {
    const number = Math.floor(Math.min(free, left) / keyOctets)
    keys += number
    left -= number * keyOctets
  }
  return keys
}

/**
 * Where the next key of a size could come from for the site itself; none if there is none.
 *
 * Looks at every block that has octets left.
 */
export function keySources(room: Room, peer: SiteId, sizeBits: number): readonly KeySource[] {
  if (storedKeys(room, peer, sizeBits, 'relay') === 0) return []
  const found = new Set<KeySource>()
  for (const { queue, head } of linksTo(room, peer)) {
    for (let at = head; at < queue.length; at++) {
      const block = queue[at]
      const hasMore = isUsable(block) && block.allocated < block.layout.halfOctets
      if (hasMore) found.add(block.origin.source)
    }
  }
  return [...found]
}

/** `max_key_count` of GS QKD 014: how many keys of a size may be stored at most. */
export const storableKeys = (room: Room, peer: SiteId, sizeBits: number): number =>
  linksTo(room, peer).length * Math.floor((room.limits.linkOctetsMax * 4) / sizeBits)
