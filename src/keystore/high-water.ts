/**
 * Finding a key store that was rolled back: an old disk image would hand out old bits again.
 *
 * Each end makes marks that only grow, and remembers the highest mark it has seen of the other. On
 * each connection the ends exchange them (`highWater`, then `compareHighWater` at the other end,
 * and back). An end whose own mark is below what the other remembers, or whose allocations end
 * before what the other has activated, was rolled back: it voids its pool of the link. An end that
 * finds the other rolled back does the same, for half a pool is none.
 *
 * Finds a roll-back to before the last exchange, and one that gave out bits since. The audit log
 * and its witnesses find every other. The host signs marks if a third party is to be convinced.
 *
 * @module
 */

import type { SiteId } from '#base'
import { sameOctets, type LinkId } from '#base'
import { discard } from './quarantine.ts'
import { KeystoreRefusal } from './refusal.ts'
import { alarm, leaf, linkOf, type Room } from './room.ts'
import { comparePositions, type Link } from './state.ts'
import { updateLink } from './tables.ts'
import {
  highWaterOctets,
  RANGE_OCTETS_MAX,
  readHighWater,
  type HighWater,
  type Range,
} from './wire.ts'

/** What a comparison of marks has shown. */
export type HighWaterOutcome =
  | { readonly kind: 'agreed' }
  /** The very mark that was seen last: it says nothing new. */
  | { readonly kind: 'repeated' }
  /** A mark of the same run that came late: it says nothing. */
  | { readonly kind: 'stale' }
  /** This end, or the other, was rolled back; so many blocks were voided here. */
  | { readonly kind: 'own-roll-back' | 'peer-roll-back'; readonly voided: number }

/** Makes a mark for the other end of a link; durable, and above every earlier one. */
export async function highWater(room: Room, name: LinkId): Promise<Uint8Array> {
  const link = linkOf(room, name)
  const mark = ++link.mark
  await room.store.commit([updateLink(room.site, name, { mark })])
  return highWaterOctets({
    link: name,
    run: room.run,
    mark,
    seen: link.seen,
    seenRun: link.seenRun ?? null,
    allocated: furthestAllocated(link),
    activated: furthestActivated(link),
  })
}

/**
 * Compares the other end's mark with what is remembered here; voids the pool after a roll-back.
 *
 * @throws Refusal if the mark cannot be read; KeystoreRefusal `KEYSTORE_MESSAGE_INVALID` if it is
 *   for a link that does not join the two sites
 */
export async function compareHighWater(
  room: Room,
  from: SiteId,
  octets: Uint8Array,
): Promise<HighWaterOutcome> {
  const theirs = readHighWater(octets)
  const link = room.links.get(theirs.link)
  if (link?.peer !== from) {
    throw new KeystoreRefusal('KEYSTORE_MESSAGE_INVALID', 'The link does not join the two sites')
  }
  const order = orderOf(room, link, theirs)
  if (order === 'stale') return { kind: 'stale' }
  if (isOwnBehind(room, link, theirs)) return rolledBack(room, link, theirs, 'own-roll-back')
  if (order === 'behind') return rolledBack(room, link, theirs, 'peer-roll-back')
  if (order === 'same') return { kind: 'repeated' }
  const { mark: seen, run: seen_run } = theirs
  await room.store.commit([updateLink(room.site, link.link, { seen, seen_run })])
  if (seen > link.seen) {
    link.seen = seen
    link.seenRun = seen_run.slice()
  }
  return { kind: 'agreed' }
}

/**
 * How a mark of the other end stands to the highest that was seen.
 *
 * Marks grow over restarts, so a run never met before whose marks have not grown began on an older
 * disk. A run met before can only have been late.
 */
function orderOf(
  room: Room,
  link: Link,
  { mark, run }: HighWater,
): 'ahead' | 'same' | 'stale' | 'behind' {
  const met = room.peerRuns.get(link.link) ?? new Set<string>()
  room.peerRuns.set(link.link, met)
  const known =
    met.has(run.toHex()) || (link.seenRun !== undefined && sameOctets(link.seenRun, run))
  met.add(run.toHex())
  for (const oldest of met) if (met.size > RUNS_MAX) met.delete(oldest)
  if (mark > link.seen) return 'ahead'
  if (!known) return 'behind'
  return mark === link.seen ? 'same' : 'stale'
}

/** Whether the other end remembers something of this end that this end has forgotten. */
function isOwnBehind(room: Room, link: Link, { seen, seenRun, activated }: HighWater): boolean {
  if (isBeyond(activated, furthestAllocated(link))) return true
  // A mark above that of the opening was made since; one by another run means it was made before.
  const made = seen > link.markAtOpening
  return made && seenRun !== null && !sameOctets(seenRun, room.run)
}

async function rolledBack(
  room: Room,
  link: Link,
  { seen, activated }: HighWater,
  kind: 'own-roll-back' | 'peer-roll-back',
): Promise<HighWaterOutcome> {
  const whose = kind === 'own-roll-back' ? 'This key store' : 'The key store of the peer'
  alarm(room, kind, link, `${whose} was rolled back: all keys of the link are voided`)
  const voided = await discard(room, { link: link.link, cause: kind })
  // From here on this end counts from above everything that the other has seen.
  const mark = Math.max(link.mark, seen)
  const beyond = isBeyond(activated, furthestAllocated(link)) ? activated : null
  const floor =
    beyond !== null && comparePositions(beyond, link.floor) > 0
      ? { epoch: beyond.epoch, sequence: beyond.sequence }
      : link.floor
  await room.store.commit([
    updateLink(room.site, link.link, {
      mark,
      floor_epoch: floor.epoch,
      floor_sequence: floor.sequence,
    }),
    leaf(room, `key.${kind}`, link.peer, { link: link.link, voided, mark }),
  ])
  link.mark = mark
  link.markAtOpening = mark
  link.floor = floor
  return { kind, voided }
}

/** Where the allocation of the own half stands; nothing before it will be given out again. */
function furthestAllocated(link: Link): Range | null {
  const { epoch, sequence } = link.floor
  let furthest: Range | null =
    epoch < 0 ? null : { epoch, sequence, from: 0, octets: RANGE_OCTETS_MAX }
  for (const block of link.blocks.values()) {
    if (block.allocated === 0) continue
    const end = { epoch: block.epoch, sequence: block.sequence, from: 0, octets: block.allocated }
    if (isBeyond(end, furthest)) furthest = end
  }
  return furthest
}

function furthestActivated(link: Link): Range | null {
  let furthest: Range | null = null
  for (const block of link.blocks.values()) {
    if (block.reached === 0) continue
    const end = { epoch: block.epoch, sequence: block.sequence, from: 0, octets: block.reached }
    if (isBeyond(end, furthest)) furthest = end
  }
  return furthest
}

function isBeyond(a: Range | null, b: Range | null): boolean {
  if (a === null) return false
  if (b === null) return true
  const order = comparePositions(a, b)
  return order > 0 || (order === 0 && a.from + a.octets > b.from + b.octets)
}

/** Runs of the other end that are remembered while open. */
const RUNS_MAX = 64
