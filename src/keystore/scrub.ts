/**
 * Scrubbing: opens every stored segment once and names what does not open.
 *
 * Each fault puts its segment under quarantine at once. Faults found earlier are named again while
 * their segments are still there, and so are blocks that the opening has given up.
 *
 * @module
 */

import type { LinkId } from '#base'
import { damage } from './damage.ts'
import { checkOpen, type Room } from './room.ts'
import { comparePositions } from './state.ts'

/** What scrubbing has to say, in turn. */
export type ScrubFinding =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number }
  | {
      readonly kind: 'fault'
      readonly link: LinkId
      readonly epoch: number
      readonly sequence: number
      /** Undefined if a row of the whole block, or of a key in it, is damaged. */
      readonly segment: number | undefined
      readonly problem: string
    }

/** Checks every segment that is left. Ends with a `progress` of all segments done. */
export async function* scrub(room: Room): AsyncGenerator<ScrubFinding, void, undefined> {
  checkOpen(room)
  for (const fault of room.rowFaults) yield { kind: 'fault', ...fault, segment: undefined }
  const blocks = [...room.links.values()].flatMap(({ blocks: all }) =>
    [...all.values()].toSorted(comparePositions),
  )
  const total = blocks.reduce((sum, { layout }) => sum + layout.segments, 0)
  let done = 0
  for (const block of blocks) {
    const { link, epoch, sequence, layout } = block
    for (let segment = 0; segment < layout.segments; segment++) {
      if (block.fates[segment] === 'destroyed') continue
      const problem = await room.segments.probe(block, segment)
      // A fault in what was destroyed meanwhile is none.
      if (problem === undefined || isDestroyed(block.fates[segment])) continue
      await damage(room, block, { segment, fault: problem })
      yield { kind: 'fault', link: link.link, epoch, sequence, segment, problem }
    }
    done += layout.segments
    yield { kind: 'progress', done, total }
  }
  if (blocks.length === 0) yield { kind: 'progress', done: 0, total: 0 }
}

/** Looks again: it may have changed while the segment was read. */
const isDestroyed = (fate: string): boolean => fate === 'destroyed'
