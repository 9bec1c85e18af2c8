/**
 * Destroying what is used up: first the wrapping key, in place, then the row it opened.
 *
 * A segment is doomed once the store knows that none of its octets can be wanted again. From that
 * moment nothing in memory opens it. Its slot is overwritten, and only then its row deleted, so a
 * crash at any point leaves either a row whose accounting says *used up* (it is finished at the
 * next opening) or nothing.
 *
 * @module
 */

import type { Statement } from '#base'
import { alarm, leaf, nowOf, type Room } from './room.ts'
import { comparePositions, dequeue, placeKey, placeOf, type Block } from './state.ts'
import { deleteTombstones, PURGE_ROWS } from './key-rows.ts'
import { deleteBlock, deleteSegment, setBlockState, updateLink } from './tables.ts'

/** Marks segments for destruction, at once in memory and soon on disk. */
export function doom(room: Room, block: Block, segments: readonly number[]): void {
  if (segments.length === 0) return
  const set = room.doomed.get(block) ?? new Set()
  for (const segment of segments) {
    block.fates[segment] = 'destroyed'
    block.left[segment] = 0
    room.segments.forget(block, segment)
    set.add(segment)
  }
  room.doomed.set(block, set)
  void destroy(room)
}

/** Dooms all that is left of a block. */
export function doomAll(room: Room, block: Block): void {
  const left = block.fates.flatMap((fate, segment) => (fate === 'destroyed' ? [] : [segment]))
  doom(room, block, left)
}

/** Dooms what is left of a block when nothing of it can be used any more. */
export function doomIfSpent(room: Room, block: Block): void {
  if (block.state === 'available' && !block.fates.includes('whole')) doomAll(room, block)
}

/** Destroys all doomed segments; resolves when none is left, or after an alarm. */
export function destroy(room: Room): Promise<void> {
  room.wiping ??= destroyAll(room).finally(() => {
    room.wiping = undefined
  })
  return room.wiping
}

/**
 * Forgets blocks that have been over for longer than the retry horizon, oldest first, with their
 * tombstones. In order only, because a key may reach from one block into the next.
 */
export async function purge(room: Room): Promise<void> {
  const horizon = nowOf(room) - room.limits.tombstoneMs
  for (const link of room.links.values()) {
    for (const block of [...link.blocks.values()].toSorted(comparePositions)) {
      const over = block.state === 'spent' || block.state === 'voided'
      const wiped = block.fates.every((fate) => fate === 'destroyed') && !room.doomed.has(block)
      if (!over || !wiped || block.waiting > 0 || block.settledAt > horizon) break
      await purgeBlock(room, block)
    }
  }
}

async function destroyAll(room: Room): Promise<void> {
  // A turn later, so that segments which end together are destroyed together.
  await Promise.resolve()
  while (room.doomed.size > 0) {
    const [[block, set]] = room.doomed
    const segments = [...set].toSorted((a, b) => a - b)
    try {
      await destroySegments(room, block, segments)
    } catch (error) {
      const cause = error instanceof Error ? error.message : 'unknown failure'
      const place = `block ${placeKey(block)}, ${segments.length} segments`
      alarm(room, 'destruction-failed', block.link, `${place} wait to be destroyed: ${cause}`)
      return
    }
    for (const segment of segments) set.delete(segment)
    if (set.size === 0) room.doomed.delete(block)
  }
}

async function destroySegments(
  room: Room,
  block: Block,
  segments: readonly number[],
): Promise<void> {
  const { site, store } = room
  const { link, epoch, sequence } = block
  await room.segments.wipeSlots(block, segments)
  // Segments doomed while the slots were written have their own turn; then nothing is left to doom.
  const last = room.doomed.get(block)?.size === segments.length
  const over = last && block.fates.every((fate) => fate === 'destroyed')
  const at = nowOf(room)
  const ends: Statement[] = []
  if (over && block.state === 'available') {
    ends.push(setBlockState(site, placeOf(block), { from: 'available', to: 'spent', at }))
  }
  const facts = { link: link.link, epoch, sequence, segments: segments.length, over }
  await store.commit([
    ...segments.map((segment) => deleteSegment(site, placeOf(block), segment)),
    ...ends,
    leaf(room, 'key.destroyed', link.link, facts),
  ])
  if (!over) return
  if (block.state === 'available') {
    block.state = 'spent'
    block.settledAt = at
    link.peerFree -= block.layout.halfOctets - block.activated.total
    dequeue(block)
  }
  await room.segments.removeSlots(placeOf(block))
}

async function purgeBlock(room: Room, block: Block): Promise<void> {
  const { site, store } = room
  const { link, epoch, sequence } = block
  for (;;) {
    const [gone] = await store.commit([deleteTombstones(site, placeOf(block))])
    if (gone.length < PURGE_ROWS) break
  }
  await store.commit([
    deleteBlock(site, placeOf(block)),
    updateLink(site, link.link, { floor_epoch: epoch, floor_sequence: sequence }),
  ])
  link.floor = { epoch, sequence }
  link.blocks.delete(placeKey(block))
}
