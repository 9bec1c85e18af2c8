/**
 * Withdrawals: telling the peer that bits of the own half shall never be keys.
 *
 * A withdrawal is durable from the moment the bits are given up, and stays pending until the peer
 * has confirmed it, however often either end restarts. Only then is it forgotten. While one to a
 * peer is pending, the outcome of some reservation there is not known.
 *
 * @module
 */

import type { SiteId, Statement, Uuid } from '#base'
import { alarm, leaf, nowOf, type Orphan, type PendingVoid, type Room } from './room.ts'
import { placeOf } from './state.ts'
import { deleteReservation, putVoiding } from './key-rows.ts'
import { setAllocated } from './tables.ts'
import { atRest, isAhead, lastTold, tellWith, whetherOrNot } from './telling.ts'

/** What the peer did with a withdrawal. */
export type WithdrawalOutcome =
  /** The bits will never be keys there. */
  | 'withdrawn'
  /** A slave had fetched the key before: the bits are spent there. */
  | 'delivered'

/** Withdrawals that a peer has not confirmed, oldest first, at most `PENDING_VOIDS_MAX`. */
export function pendingVoids(room: Room, peer: SiteId): readonly PendingVoid[] {
  return [...(room.voids.get(peer)?.values() ?? [])].slice(0, PENDING_VOIDS_MAX)
}

/** How many withdrawals wait for a peer, those included that the store has not taken. */
export const pendingVoidCount = (room: Room, peer: SiteId): number =>
  (room.voids.get(peer)?.size ?? 0) +
  room.orphans.filter(({ pending }) => pending.peer === peer).length

/** Forgets a withdrawal that the peer has confirmed. Repeating it does nothing. */
export async function settleVoid(room: Room, id: Uuid, outcome: WithdrawalOutcome): Promise<void> {
  const pending = [...room.voids.values()].map((some) => some.get(id)).find((one) => one)
  if (pending === undefined) return
  const { peer, link } = pending
  room.voids.get(peer)?.delete(id)
  try {
    await room.store.commit([
      deleteReservation(room.site, id, 'voiding'),
      leaf(room, 'key.withdrawal-settled', peer, { link, reservation: id, outcome }),
    ])
  } catch (error) {
    addVoid(room, pending)
    throw error
  }
  const known = room.links.get(link)
  if (outcome === 'delivered' && known !== undefined) {
    alarm(room, 'withdrawal-too-late', known, 'A key was withdrawn after a slave had fetched it')
  }
}

/** Notes a withdrawal that the store holds already. */
export function addVoid(room: Room, pending: PendingVoid): void {
  const some = room.voids.get(pending.peer) ?? new Map<Uuid, PendingVoid>()
  room.voids.set(pending.peer, some.set(pending.id, pending))
}

/** The row of a withdrawal, for the commit that gives up its bits. */
export const voidingRow = (room: Room, { id, peer, message }: PendingVoid): Statement =>
  putVoiding(room.site, { id, peer, message, at: nowOf(room) })

/**
 * Gives up bits for good. If the store refuses, they are given up in memory all the same, and
 * `storeOrphans` tries again; a crash before that finds the bits as the store last had them, and
 * the peer never having heard of them, or reserved, and gives them up then.
 */
export async function giveUp(
  room: Room,
  orphans: readonly Orphan[],
  others: readonly Statement[],
): Promise<void> {
  try {
    await storeSome(room, orphans, others)
  } catch {
    room.orphans.push(...orphans)
  }
}

/** Stores what `giveUp` could not. Rejects while the store refuses. */
export function storeOrphans(room: Room): Promise<void> {
  if (room.orphans.length === 0) return Promise.resolve()
  room.storingOrphans ??= storeAll(room).finally(() => {
    room.storingOrphans = undefined
  })
  return room.storingOrphans
}

async function storeAll(room: Room): Promise<void> {
  while (room.orphans.length > 0) {
    const some = room.orphans.slice(0, PENDING_VOIDS_MAX)
    const leaves = some.map(({ pending: { peer, link, id } }) =>
      leaf(room, 'key.voided', peer, { link, peer, reservation: id, cause: 'store failed' }),
    )
    await storeSome(room, some, leaves)
    room.orphans.splice(0, some.length)
  }
}

async function storeSome(
  room: Room,
  orphans: readonly Orphan[],
  others: readonly Statement[],
): Promise<void> {
  const parts = [...new Set(orphans.map(({ part }) => part))].filter(isAhead)
  // What was given out of a part can only be told together with the end of its row.
  if (parts.length > 0) await atRest(parts)
  const commit = room.store.commit([
    ...orphans.flatMap((orphan) => rowsOf(room, orphan)),
    ...parts.flatMap((part) => lastTold(room, part)),
    ...others,
  ])
  await Promise.all([commit, ...parts.map((part) => tellWith(room, part, commit))])
  for (const { pending } of orphans) addVoid(room, pending)
}

function rowsOf(room: Room, { pending, blocks }: Orphan): readonly Statement[] {
  return [
    // The store may or may not have it: whichever, it must not stay behind.
    ...blocks.map((block) =>
      whetherOrNot(setAllocated(room.site, placeOf(block), block.allocated)),
    ),
    voidingRow(room, pending),
  ]
}

/** Withdrawals sent to a peer in one message. */
export const PENDING_VOIDS_MAX = 64
