/**
 * Quarantine of a link: its keys wait while it is under suspicion.
 *
 * From a place on, and for every block that follows, nothing is given out, activated or fetched,
 * and no authentication source is offered. Nothing is destroyed: `release` lifts it, `discard`
 * makes it final. Keys that SAEs hold already are out of reach here.
 *
 * @module
 */

import type { LinkId } from '#base'
import { revokeLotsOf } from './lot-rows.ts'
import { alarm, leaf, linkOf, type Room } from './room.ts'
import { comparePositions, isLive, recount, type Position } from './state.ts'
import { updateLink } from './tables.ts'
import { voidBlocks } from './voiding.ts'

/**
 * Puts blocks of a link from `since` on under quarantine, later ones included; durable.
 *
 * @param input.since   first block concerned; all blocks if absent. An earlier quarantine that
 *   reaches further back stays.
 * @param input.cause   a short term for log and alarm: `suspected-tampering`
 */
export async function quarantine(
  room: Room,
  input: { readonly link: LinkId; readonly since?: Position; readonly cause: string },
): Promise<void> {
  const link = linkOf(room, input.link)
  const wanted = input.since ?? { epoch: 0, sequence: 0 }
  const present = link.quarantine?.since
  const since = present !== undefined && comparePositions(present, wanted) < 0 ? present : wanted
  const cause = input.cause.slice(0, CAUSE_CHARACTERS_MAX)
  const { epoch, sequence } = since
  // In force before it is durable: nothing may leave while it is being written.
  link.quarantine = { since: { epoch, sequence }, cause }
  recount(link)
  room.onChange(link.peer)
  const facts = { link: link.link, sinceEpoch: epoch, sinceSequence: sequence, cause }
  await room.store.commit([
    updateLink(room.site, link.link, {
      quarantine_epoch: epoch,
      quarantine_sequence: sequence,
      quarantine_cause: cause,
    }),
    ...revokeLotsOf(room, link.link),
    leaf(room, 'key.link-quarantined', link.link, facts),
  ])
  alarm(room, 'link-quarantined', link, `Keys wait from block ${epoch}/${sequence} on: ${cause}`)
}

/** Lifts a quarantine; durable. Does nothing if there is none. */
export async function release(room: Room, name: LinkId, cause: string): Promise<void> {
  const link = linkOf(room, name)
  if (link.quarantine === undefined) return
  await room.store.commit([
    updateLink(room.site, name, {
      quarantine_epoch: null,
      quarantine_sequence: null,
      quarantine_cause: null,
    }),
    leaf(room, 'key.link-released', name, { link: name, cause }),
  ])
  link.quarantine = undefined
  recount(link)
  room.onChange(link.peer)
}

/** Voids blocks of a link from `since` on, for good. Later blocks are not concerned. */
export async function discard(
  room: Room,
  input: { readonly link: LinkId; readonly since?: Position; readonly cause: string },
): Promise<number> {
  const { since = { epoch: 0, sequence: 0 }, cause } = input
  const blocks = [...linkOf(room, input.link).blocks.values()].filter(
    (block) => comparePositions(block, since) >= 0 && isLive(block),
  )
  for (let at = 0; at < blocks.length; at += BLOCKS_PER_COMMIT) {
    await voidBlocks(room, blocks.slice(at, at + BLOCKS_PER_COMMIT), cause)
  }
  return blocks.length
}

const BLOCKS_PER_COMMIT = 64
const CAUSE_CHARACTERS_MAX = 128
