/**
 * Segments that cannot be used: they no longer open here, or the peer cannot use them.
 *
 * Such a segment is put under quarantine, in memory at once and then in the store, with an alarm
 * and an audit leaf that name the place. If it lies in the own half, what was not allocated of it
 * is withdrawn, so that both ends count alike.
 *
 * @module
 */

import { linkId, newUuid, type SiteId, type Statement } from '#base'
import { doomIfSpent } from './destruction.ts'
import { halfSpan } from './layout.ts'
import { alarm, leaf, linkOf, type Orphan, type Room } from './room.ts'
import type { SegmentFault } from './segments.ts'
import { freeOwn, isOwn, isUsable, placeKey, placeOf, segmentsOf, type Block } from './state.ts'
import { setFault } from './tables.ts'
import { voidBlocks } from './voiding.ts'
import { withdrawalOctets, type Range, type Withdrawal } from './wire.ts'
import { giveUp } from './withdrawals.ts'

/**
 * Puts a segment that does not open under quarantine. Does nothing if it was destroyed meanwhile.
 */
export async function damage(
  room: Room,
  block: Block,
  found: { readonly segment: number; readonly fault: SegmentFault },
): Promise<void> {
  const { segment, fault } = found
  if (block.fates[segment] !== 'whole') return
  const place = `block ${placeKey(block)}, segment ${segment}`
  alarm(room, 'segment-damaged', block.link, `${place}: ${fault}`)
  if (block.state === 'held') {
    block.fates[segment] = 'damaged'
    await voidBlocks(room, [block], `segment ${segment}: ${fault}`)
    return
  }
  await exclude(room, block, { segments: [segment], cause: fault })
}

/** Stops giving out octets of the own half that the peer has said it cannot use. */
export async function excludeForPeer(
  room: Room,
  peer: SiteId,
  unusable: Pick<Withdrawal, 'link' | 'ranges'>,
): Promise<void> {
  const link = linkOf(room, linkId(unusable.link))
  if (link.peer !== peer) return
  for (const range of unusable.ranges) {
    const block = link.blocks.get(placeKey(range))
    if (block === undefined || block.state !== 'available') continue
    const octets = Math.min(range.octets, block.layout.halfOctets - range.from)
    if (octets <= 0) continue
    const span = { from: range.from, octets }
    const whole = segmentsOf(block, link.side, span).filter(
      (segment) => block.fates[segment] === 'whole',
    )
    if (whole.length > 0) await exclude(room, block, { segments: whole, cause: 'unusable at peer' })
  }
}

async function exclude(
  room: Room,
  block: Block,
  input: { readonly segments: readonly number[]; readonly cause: string },
): Promise<void> {
  const { segments, cause } = input
  const { link, epoch, sequence } = block
  const freeBefore = freeOwn(block)
  const ranges = mergedRanges(segments.flatMap((segment) => unallocated(block, segment)))
  for (const segment of segments) {
    block.fates[segment] = 'damaged'
    room.segments.forget(block, segment)
  }
  if (isUsable(block)) link.free -= freeBefore - freeOwn(block)
  const id = newUuid(room.random)
  const message = withdrawalOctets({ id, link: link.link, ranges })
  const pending = { id, peer: link.peer, link: link.link, message }
  const orphans: readonly Orphan[] = ranges.length === 0 ? [] : [{ pending, blocks: [] }]
  const statements: Statement[] = segments.map((segment) =>
    setFault(room.site, placeOf(block), segment, cause),
  )
  const names = segments.map(String).slice(0, NAMES_MAX)
  const facts = { link: link.link, epoch, sequence, segments: names, cause }
  statements.push(leaf(room, 'key.segment-quarantined', link.link, facts))
  await giveUp(room, orphans, statements)
  doomIfSpent(room, block)
  room.onChange(link.peer)
}

function unallocated(block: Block, segment: number): readonly Range[] {
  if (!isOwn(block, segment)) return []
  const { from, octets } = halfSpan(block.layout, segment)
  const start = Math.max(from, block.allocated)
  const { epoch, sequence } = block
  return start < from + octets
    ? [{ epoch, sequence, from: start, octets: from + octets - start }]
    : []
}

function mergedRanges(ranges: readonly Range[]): readonly Range[] {
  const merged: Range[] = []
  for (const range of ranges) {
    const last = merged.at(-1)
    if (last !== undefined && last.from + last.octets === range.from) {
      merged[merged.length - 1] = { ...last, octets: last.octets + range.octets }
    } else merged.push(range)
  }
  return merged
}

/** Segments that one audit leaf names. */
const NAMES_MAX = 128
