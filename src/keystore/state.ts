/**
 * What a key store keeps in memory: its links, their blocks, and the count of every octet.
 *
 * Rebuilt from the store at each opening (`load.ts`). Everything here is public bookkeeping; key
 * octets are in `segments.ts` only. Each change in here is made either before its commit is called
 * in the same turn of the event loop (what is claimed) or after the commit resolved (what is
 * gained), so that memory never promises what the store does not hold.
 *
 * Octets of an own half go: free → reserved → spent. Octets of the peer's half go: free → activated
 * → spent. `left` counts what is not spent, segment by segment; at 0 the segment is destroyed.
 *
 * @module
 */

import { assert, type LinkId, type SiteId } from '#base'
import { Intervals } from './intervals.ts'
import {
  halfSpan,
  otherSide,
  ownerOf,
  segmentAt,
  segmentSpan,
  type Layout,
  type Side,
  type Span,
} from './layout.ts'
import type { Origin } from './provenance.ts'
import type { BlockState, Place } from './tables.ts'

/** What became of a segment: usable, destroyed, or under quarantine because it does not open. */
export type SegmentFate = 'whole' | 'destroyed' | 'damaged'

/** One block of distilled key. Owned by its link; only the functions of this room change it. */
export interface Block {
  readonly link: Link
  readonly epoch: number
  readonly sequence: number
  readonly layout: Layout
  readonly origin: Origin
  readonly originDigest: Uint8Array
  state: BlockState
  settledAt: number
  /** Every octet of the own half below this offset has been allocated or skipped. */
  allocated: number
  /** Octets of the peer's half that have been activated, and what became of them later. */
  readonly activated: Intervals
  /** End of the furthest of them that ever was part of a key. */
  reached: number
  /** Octets of each segment that are not spent. */
  readonly left: Int32Array
  readonly fates: SegmentFate[]
  padsSent: number
  padsReceived: number
  /** Activated keys that end in this block and have not been fetched yet. */
  waiting: number
}

/** One quantum link of the site. */
export interface Link {
  readonly link: LinkId
  /** This end, and the other. */
  readonly site: SiteId
  readonly peer: SiteId
  /** What this site is on the link. */
  readonly side: Side
  readonly reserveOctets: number
  /** By place; see `placeKey`. */
  readonly blocks: Map<string, Block>
  /** Available blocks, oldest first, from `head` on. Those before `head` have nothing to give. */
  readonly queue: Block[]
  head: number
  epoch: number
  floor: Position
  quarantine: { readonly since: Position; readonly cause: string } | undefined
  /** Highest mark made, and what it was when the key store was opened. */
  mark: number
  markAtOpening: number
  /** Highest mark of the peer that was seen, and the run that made it. */
  seen: number
  seenRun: Uint8Array | undefined
  /** Octets of the own half that may be given out: of available blocks, outside quarantine. */
  free: number
  /** The same for the peer's half, as far as this end knows; quarantine included. */
  peerFree: number
  held: number
  /** Blocks that are spent or voided and not forgotten yet. */
  over: number
  /** Keys of the peer's half that wait to be fetched. */
  waiting: number
}

/** A place in the order of a link's blocks. */
export interface Position {
  readonly epoch: number
  readonly sequence: number
}

/** The name of a place within its link: `<epoch>/<sequence>`. */
export const placeKey = ({ epoch, sequence }: Position): string => `${epoch}/${sequence}`

/** The place of a block, as statements take it. */
export const placeOf = ({ link, epoch, sequence }: Block): Place => [link.link, epoch, sequence]

/** Negative if a comes before b. */
export const comparePositions = (a: Position, b: Position): number =>
  a.epoch - b.epoch || a.sequence - b.sequence

/** Whether the block lies in what its link has under quarantine. */
export const isQuarantined = (block: Block): boolean => {
  const { quarantine } = block.link
  return quarantine !== undefined && comparePositions(block, quarantine.since) >= 0
}

/** Whether a block is not over: neither voided nor spent. */
export const isLive = ({ state }: Pick<Block, 'state'>): boolean =>
  state === 'held' || state === 'available'

/** Whether bits of the block may be used now. */
export const isUsable = (block: Block): boolean =>
  block.state === 'available' && !isQuarantined(block)

/** Whether the block will never be in use again. */
export const isOver = ({ state }: Block): boolean => state === 'spent' || state === 'voided'

/** A block just stored or just loaded, with nothing spent. */
export function newBlock(
  link: Link,
  input: Position & {
    readonly layout: Layout
    readonly origin: Origin
    readonly originDigest: Uint8Array
    readonly state: BlockState
  },
): Block {
  const { layout } = input
  const left = Int32Array.from(
    { length: layout.segments },
    (_, segment) => segmentSpan(layout, segment).octets,
  )
  return {
    link,
    ...input,
    settledAt: 0,
    allocated: 0,
    activated: new Intervals(),
    reached: 0,
    left,
    fates: new Array<SegmentFate>(layout.segments).fill('whole'),
    padsSent: 0,
    padsReceived: 0,
    waiting: 0,
  }
}

/** Octets of the own half that were neither allocated nor lost to damage. */
export function freeOwn(block: Block): number {
  const { layout, link, allocated } = block
  let free = 0
  if (allocated >= layout.halfOctets) return 0
  const first = segmentAt(layout, link.side, allocated)
  const last = segmentAt(layout, link.side, layout.halfOctets - 1)
  for (let segment = first; segment <= last; segment++) {
    if (block.fates[segment] !== 'whole') continue
    const { from, octets } = halfSpan(layout, segment)
    free += from + octets - Math.max(from, allocated)
  }
  return free
}

/** Counts again what the link may give out; for rare changes such as quarantine. */
export function recount(link: Link): void {
  let free = 0
  let peerFree = 0
  let held = 0
  let over = 0
  for (const block of link.blocks.values()) {
    if (block.state === 'held') held++
    if (isOver(block)) over++
    if (block.state !== 'available') continue
    if (isUsable(block)) free += freeOwn(block)
    peerFree += block.layout.halfOctets - block.activated.total
  }
  link.free = free
  link.peerFree = peerFree
  link.held = held
  link.over = over
}

/** Puts a block that has become available into its place in the queue. */
export function enqueue(block: Block): void {
  const { queue, head } = block.link
  let at = queue.length
  while (at > head && comparePositions(queue[at - 1], block) > 0) at--
  queue.splice(at, 0, block)
}

/** Takes a block that is over out of the queue. */
export function dequeue(block: Block): void {
  const { link } = block
  const at = link.queue.indexOf(block)
  if (at < 0) return
  link.queue.splice(at, 1)
  if (at < link.head) link.head--
}

/** A span of one half, cut at the borders of its segments. */
export function portions(
  block: Block,
  owner: Side,
  { from, octets }: Span,
): readonly { readonly segment: number; readonly span: Span }[] {
  const found: { segment: number; span: Span }[] = []
  const end = from + octets
  for (let at = from; at < end;) {
    const segment = segmentAt(block.layout, owner, at)
    const whole = halfSpan(block.layout, segment)
    const to = Math.min(end, whole.from + whole.octets)
    found.push({ segment, span: { from: at, octets: to - at } })
    at = to
  }
  return found
}

/**
 * Counts octets of one half as spent.
 *
 * @returns segments that have nothing left and are to be destroyed now
 */
export function spend(block: Block, owner: Side, span: Span): readonly number[] {
  const over: number[] = []
  for (const { segment, span: part } of portions(block, owner, span)) {
    if (block.fates[segment] === 'destroyed') continue
    block.left[segment] -= part.octets
    assert(block.left[segment] >= 0, 'no octet is spent twice')
    if (block.left[segment] === 0 && block.fates[segment] === 'whole') over.push(segment)
  }
  return over
}

/** The segments that a span of one half touches. */
export function segmentsOf(block: Block, owner: Side, span: Span): readonly number[] {
  const first = segmentAt(block.layout, owner, span.from)
  const last = segmentAt(block.layout, owner, span.from + span.octets - 1)
  return Array.from({ length: last - first + 1 }, (_, at) => first + at)
}

/** The peer's side of the link a block belongs to. */
export const peerSide = (block: Block): Side => otherSide(block.link.side)

/** Whether a segment belongs to this site's half. */
export const isOwn = (block: Block, segment: number): boolean =>
  ownerOf(block.layout, segment) === block.link.side
