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
import {
  comparePositions,
  dequeue,
  isOver,
  placeKey,
  placeOf,
  type Block,
  type Link,
} from './state.ts'
import { deleteTombstones, PURGE_ROWS } from './key-rows.ts'
import { deleteBlock, deleteSegment, setBlockState, setFloor } from './tables.ts'

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
  const gone = [...room.links.values()].flatMap((link) => oldestOver(room, link, horizon))
  for (let at = 0; at < gone.length; at += BLOCKS_AT_ONCE) {
    await purgeBlocks(room, gone.slice(at, at + BLOCKS_AT_ONCE))
  }
}

/** The oldest blocks of a link, up to the first that is not over for so long. */
function oldestOver(room: Room, link: Link, horizon: number): readonly Block[] {
  // Nearly always there is none: a full pool need not be sorted each second for that.
  if (link.over === 0) return []
  const blocks = [...link.blocks.values()].toSorted(comparePositions)
  const left = blocks.findIndex((block) => {
    const wiped = block.fates.every((fate) => fate === 'destroyed') && !room.doomed.has(block)
    return !isOver(block) || !wiped || block.waiting > 0 || block.settledAt > horizon
  })
  return left < 0 ? blocks : blocks.slice(0, left)
}

/** Segments of a block that wait to be destroyed, rising. */
interface Doomed {
  readonly block: Block
  readonly segments: readonly number[]
}

async function destroyAll(room: Room): Promise<void> {
  // A turn later, so that segments which end together are destroyed together.
  await Promise.resolve()
  while (room.doomed.size > 0) {
    const some = [...room.doomed].slice(0, BLOCKS_AT_ONCE).map(([block, set]): Doomed => {
      return { block, segments: [...set].toSorted((a, b) => a - b) }
    })
    let now = some[0]
    try {
      for (const one of some) {
        now = one
        await room.segments.wipeSlots(one.block, one.segments)
      }
      await deleteSegments(room, some)
    } catch (error) {
      const { block, segments } = now
      const cause = error instanceof Error ? error.message : 'unknown failure'
      const place = `block ${placeKey(block)}, ${segments.length} segments`
      alarm(room, 'destruction-failed', block.link, `${place} wait to be destroyed: ${cause}`)
      return
    }
    for (const { block, segments } of some) {
      const set = room.doomed.get(block)
      for (const segment of segments) set?.delete(segment)
      if (set?.size === 0) room.doomed.delete(block)
    }
  }
}

/** Deletes the rows of segments whose slots are wiped, of several blocks in one commit. */
async function deleteSegments(room: Room, some: readonly Doomed[]): Promise<void> {
  const { site, store } = room
  const at = nowOf(room)
  // Segments doomed while the slots were written have their own turn; then nothing is left to doom.
  const over = some
    .filter(({ block, segments }) => room.doomed.get(block)?.size === segments.length)
    .map(({ block }) => block)
    .filter(({ fates }) => fates.every((fate) => fate === 'destroyed'))
  const ended = over.filter(({ state }) => state === 'available')
  await store.commit(
    some.flatMap(({ block, segments }): readonly Statement[] => {
      const { epoch, sequence } = block
      const { link } = block.link
      const about = { link, epoch, sequence, segments: segments.length, over: over.includes(block) }
      return [
        ...segments.map((segment) => deleteSegment(site, placeOf(block), segment)),
        ...(ended.includes(block)
          ? [setBlockState(site, placeOf(block), { from: 'available', to: 'spent', at })]
          : []),
        leaf(room, 'key.destroyed', link, about),
      ]
    }),
  )
  for (const block of over) {
    if (block.state === 'available') {
      const { link } = block
      block.state = 'spent'
      block.settledAt = at
      link.over++
      link.peerFree -= block.layout.halfOctets - block.activated.total
      dequeue(block)
    }
    await room.segments.removeSlots(placeOf(block))
  }
}

async function purgeBlocks(room: Room, blocks: readonly Block[]): Promise<void> {
  const { site, store } = room
  for (let full = blocks; full.length > 0;) {
    const gone = await store.commit(full.map((block) => deleteTombstones(site, placeOf(block))))
    full = full.filter((_, at) => gone[at].length >= PURGE_ROWS)
  }
  // Blocks of a link come in their order, so the last of each stays in the map.
  const floors = new Map(blocks.map((block) => [block.link, block]))
  await store.commit([
    ...blocks.map((block) => deleteBlock(site, placeOf(block))),
    ...[...floors.values()].map((block) => setFloor(site, placeOf(block))),
  ])
  for (const block of blocks) {
    const { link, epoch, sequence } = block
    link.floor = { epoch, sequence }
    if (link.blocks.delete(placeKey(block))) link.over--
  }
}

/** Blocks whose ends share a commit, so that no commit holds the writer for long. */
const BLOCKS_AT_ONCE = 16
