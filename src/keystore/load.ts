/**
 * Rebuilds the memory of a key store from its store and its slot files, and finishes what a crash
 * left half done.
 *
 * What was reserved and not issued is given up: nobody knows whether the peer has heard of it, or
 * whether the keys prepared of it are wanted any more. What was allotted stays as if it were issued,
 * and the log names it as such. What was used up and not destroyed is destroyed. Slot files without a
 * block are removed. A block whose row cannot be read is voided, with an alarm; it never keeps a site
 * from starting.
 *
 * @module
 */

import {
  AssertionFailure,
  keyId,
  saeId,
  siteId,
  uuid,
  type KeyId,
  type LinkId,
  type Row,
  type SiteId,
  type Statement,
} from '#base'
import { trimReserves } from './authentication.ts'
import { carriedIn, forgetDeposits, loadDeposits } from './deposits.ts'
import { destroy, doom, doomAll, doomIfSpent } from './destruction.ts'
import { halfSpan, layoutOf, ownerOf } from './layout.ts'
import { loadLots } from './lots.ts'
import { originDigest, readOrigin } from './provenance.ts'
import { alarm, leaf, type Room } from './room.ts'
import {
  enqueue,
  isLive,
  newBlock,
  peerSide,
  placeKey,
  placeOf,
  portions,
  recount,
  spend,
  type Block,
  type Link,
} from './state.ts'
import {
  deleteReservation,
  dropAhead,
  selectAhead,
  selectReservations,
  selectTombstones,
  selectWaiting,
} from './key-rows.ts'
import {
  insertLink,
  octetsOf,
  selectBlocks,
  selectLinks,
  selectSegments,
  setBlockState,
  textIn,
  wholeOf,
  type BlockState,
  type Place,
} from './tables.ts'
import { voidBlocks } from './voiding.ts'
import { readRanges, readWithdrawal, restOctets, type Range } from './wire.ts'
import { addVoid, voidingRow } from './withdrawals.ts'

/** Fills the memory of a room that has just been made. */
export async function load(room: Room): Promise<void> {
  const { site, store } = room
  await store.commit([...room.links.keys()].map((link) => insertLink(site, link)))
  for (const row of await store.read(selectLinks(site))) loadLink(room, row)
  const broken = new Set<string>()
  for (const row of await store.read(selectBlocks(site))) {
    if (!loadBlock(room, row)) broken.add(await voidBroken(room, row))
  }
  await loadSegments(room)
  for (const row of await store.read(selectTombstones(site))) {
    if (!understood(() => loadTombstone(room, row))) await voidHome(room, row)
  }
  const deposits = await loadDeposits(room)
  const waiting = await store.read(selectWaiting(site))
  for (const row of waiting) {
    if (!understood(() => loadWaiting(room, row, deposits))) await voidHome(room, row)
  }
  await forgetDeposits(room, deposits)
  await giveUpReservations(room)
  await loadLots(room)
  for (const link of room.links.values()) {
    for (const block of link.blocks.values()) finishBlock(room, block)
    recount(link)
    trimReserves(room, link)
    await removeStraySlots(room, link, broken)
  }
  await destroy(room)
}

function loadLink(room: Room, row: Row): void {
  const link = room.links.get(textIn(row['link']) as LinkId)
  if (link === undefined) return
  link.epoch = wholeOf(row['epoch'])
  link.floor = {
    epoch: wholeOf(row['floor_epoch']),
    sequence: wholeOf(row['floor_sequence']),
  }
  link.mark = wholeOf(row['mark'])
  link.markAtOpening = link.mark
  link.seen = wholeOf(row['seen'])
  link.seenRun = row['seen_run'] instanceof Uint8Array ? row['seen_run'] : undefined
  if (row['quarantine_epoch'] === null) return
  link.quarantine = {
    since: {
      epoch: wholeOf(row['quarantine_epoch']),
      sequence: wholeOf(row['quarantine_sequence']),
    },
    cause: textIn(row['quarantine_cause']),
  }
}

/** @returns false if the row cannot be understood */
function loadBlock(room: Room, row: Row): boolean {
  const link = room.links.get(textIn(row['link']) as LinkId)
  if (link === undefined) return true // A link that is no longer configured.
  try {
    const origin = readOrigin(octetsOf(row['origin']))
    const block = newBlock(link, {
      epoch: wholeOf(row['epoch']),
      sequence: wholeOf(row['sequence']),
      layout: layoutOf({
        bits: wholeOf(row['bits']),
        reserveOctets: link.reserveOctets,
        segmentOctets: room.limits.segmentOctets,
      }),
      origin,
      originDigest: originDigest(origin),
      state: textIn(row['state']) as BlockState,
    })
    block.allocated = Math.min(wholeOf(row['allocated']), block.layout.halfOctets)
    block.padsSent = wholeOf(row['pads_sent'])
    block.padsReceived = wholeOf(row['pads_received'])
    block.settledAt = wholeOf(row['settled_at'])
    link.blocks.set(placeKey(block), block)
    return true
  } catch {
    return false
  }
}

async function voidBroken(room: Room, row: Row): Promise<string> {
  const link = textIn(row['link']) as LinkId
  const place: Place = [link, wholeOf(row['epoch']), wholeOf(row['sequence'])]
  const [, epoch, sequence] = place
  const state = textIn(row['state']) as BlockState
  const known = room.links.get(link)
  room.rowFaults.push({ link, epoch, sequence, problem: 'row damaged' })
  if (state !== 'voided' && known !== undefined) {
    const at = wholeOf(row['stored_at'])
    await room.store.commit([
      setBlockState(room.site, place, { from: state, to: 'voided', at }),
      leaf(room, 'key.block-voided', link, { link, epoch, sequence, cause: 'row damaged' }),
    ])
    alarm(room, 'block-damaged', known, `Block ${epoch}/${sequence}: its row cannot be read`)
  }
  await room.segments.removeSlots(place)
  return place.join('/')
}

/** Finds out which segments are left, by their rows and by their slots. */
async function loadSegments(room: Room): Promise<void> {
  const faults = new Map<string, string | null>()
  for (const row of await room.store.read(selectSegments(room.site))) {
    const { link, epoch, sequence, segment, fault } = row
    const name = [link, epoch, sequence, segment].join('/')
    faults.set(name, fault === null ? null : textIn(fault))
  }
  for (const link of room.links.values()) {
    for (const block of link.blocks.values()) {
      const slots = await room.segments.slotsOf(placeOf(block))
      for (let segment = 0; segment < block.layout.segments; segment++) {
        const fault = faults.get([...placeOf(block), segment].join('/'))
        const slot = slots.at(segment) === true
        loadSegment(block, segment, { fault, slot })
        // A reserve has no accounting: without its slot it can only be half destroyed.
        const reserve = ownerOf(block.layout, segment) === undefined
        if (reserve && fault === null && !slot) doom(room, block, [segment])
      }
    }
  }
}

function loadSegment(
  block: Block,
  segment: number,
  found: { readonly fault: string | null | undefined; readonly slot: boolean },
): void {
  const { fault, slot } = found
  if (typeof fault === 'string') block.fates[segment] = 'damaged'
  // A row without a slot, or a slot without a row: whichever it was, reading it will tell, unless
  // the accounting below shows that it was only half destroyed.
  if (fault !== undefined || slot) return
  block.fates[segment] = 'destroyed'
  block.left[segment] = 0
  if (ownerOf(block.layout, segment) === peerSide(block)) {
    block.activated.add(halfSpan(block.layout, segment))
  }
}

/** Whether a row could be read. A broken promise of ours is not a broken row. */
function understood(read: () => void): boolean {
  try {
    read()
    return true
  } catch (error) {
    if (error instanceof AssertionFailure) throw error
    return false
  }
}

/** Without its row, nobody knows which bits of the block were used: none may be any more. */
async function voidHome(room: Room, row: Row): Promise<void> {
  const link = room.links.get(textIn(row['link']) as LinkId)
  const position = { epoch: wholeOf(row['epoch']), sequence: wholeOf(row['sequence']) }
  if (link === undefined) return
  room.rowFaults.push({ link: link.link, ...position, problem: 'key row damaged' })
  const block = link.blocks.get(placeKey(position))
  if (block === undefined) return
  await voidBlocks(room, [block], 'key row damaged')
  alarm(room, 'block-damaged', link, `Block ${placeKey(block)}: the row of a key cannot be read`)
}

function loadTombstone(room: Room, row: Row): void {
  const link = room.links.get(textIn(row['link']) as LinkId)
  if (link === undefined) return // A link that is no longer configured.
  // A tombstone without a digest stands for bits that were withdrawn before they were a key.
  const wasKey = wholeOf(row['digested']) > 0
  for (const range of readRanges(octetsOf(row['ranges']))) {
    countRange(room, link, range, { settled: true, wasKey })
  }
}

function loadWaiting(room: Room, row: Row, deposits: ReadonlyMap<string, Row>): void {
  const link = room.links.get(textIn(row['link']) as LinkId)
  if (link === undefined) return // A link that is no longer configured.
  const ranges = readRanges(octetsOf(row['ranges']))
  for (const range of ranges) countRange(room, link, range, { settled: false, wasKey: true })
  const home = ranges.map((range) => link.blocks.get(placeKey(range))).at(-1)
  if (home === undefined) return
  const activation = uuid(textIn(row['activation']))
  const ageMs = room.startedAt - wholeOf(row['activated_at'])
  const leftMs = room.clockRegressed ? 0 : Math.max(0, wholeOf(row['life_ms']) - ageMs)
  const key = keyId(textIn(row['key_id']))
  room.keys.set(key, {
    keyId: key,
    activation,
    link,
    master: saeId(textIn(row['master'])),
    named: textIn(row['named']).split(' ').map(saeId),
    slaves: textIn(row['slaves']).split(' ').map(saeId),
    ranges,
    carried: carriedIn(deposits.get(key)),
    home,
    expiresMs: room.startedMs + leftMs,
    lost: false,
    busy: undefined,
  })
  home.waiting++
  link.waiting++
  room.nextExpiryMs = Math.min(room.nextExpiryMs, room.startedMs + leftMs)
  const known = room.activations.get(activation)
  if (known !== undefined) known.keysLeft++
  else {
    const digest = octetsOf(row['digest'])
    room.activations.set(activation, { digest, keysLeft: 1, done: Promise.resolve() })
  }
}

function countRange(
  room: Room,
  link: Link,
  range: Range,
  { settled, wasKey }: { readonly settled: boolean; readonly wasKey: boolean },
): void {
  const block = link.blocks.get(placeKey(range))
  // What a peer withdrew may lie where there is nothing.
  if (block === undefined || range.from + range.octets > block.layout.halfOctets) return
  if (wasKey) block.reached = Math.max(block.reached, range.from + range.octets)
  for (const { span } of portions(block, peerSide(block), range)) {
    // All of a destroyed segment is in the set already.
    if (block.activated.touches(span)) continue
    block.activated.add(span)
    if (settled) doom(room, block, spend(block, peerSide(block), span))
  }
}

async function giveUpReservations(room: Room): Promise<void> {
  const { site, store } = room
  const rows = await store.read(selectAhead(site))
  const ahead = new Map(rows.map((row) => [textIn(row['reservation']), progressOf(row)]))
  for (const row of await store.read(selectReservations(site))) {
    const id = uuid(textIn(row['reservation']))
    const peer = siteId(textIn(row['peer']))
    const activation = octetsOf(row['message'])
    const { link, keyIds: reserved } = readWithdrawal(activation)
    const { taken, told } = ahead.get(id) ?? NOTHING_ISSUED
    // More than there are: what says so is damaged, and nobody knows which were.
    const from = taken <= reserved.length ? taken : 0
    const about = { link, peer, cause: 'restart' }
    const entries = [
      ...entryOfKeys(room, 'key.perhaps-issued', { ...about, keyIds: reserved.slice(told, from) }),
      ...entryOfKeys(room, 'key.voided', { ...about, keyIds: reserved.slice(from) }),
    ]
    if (row['state'] === 'reserved' && from === reserved.length) {
      await store.commit([
        deleteReservation(site, id, 'reserved'),
        ...[dropAhead(site, id), ...entries],
      ])
      continue
    }
    const pending = { id, peer, link, message: restOctets(activation, { from }) }
    if (row['state'] === 'reserved') {
      await store.commit([voidingRow(room, pending), dropAhead(site, id), ...entries])
    }
    addVoid(room, pending)
  }
}

const progressOf = (row: Row) => ({ taken: wholeOf(row['taken']), told: wholeOf(row['told']) })
const NOTHING_ISSUED = { taken: 0, told: 0 }

const entryOfKeys = (
  room: Room,
  kind: string,
  facts: { readonly link: LinkId; readonly peer: SiteId; readonly keyIds: readonly KeyId[] },
): readonly Statement[] =>
  facts.keyIds.length === 0 ? [] : [leaf(room, kind, facts.peer, { ...facts })]

/** Counts what the block's own half has spent, and dooms what is over. */
function finishBlock(room: Room, block: Block): void {
  if (isLive(block)) {
    if (block.allocated > 0) {
      doom(room, block, spend(block, block.link.side, { from: 0, octets: block.allocated }))
    }
    doomIfSpent(room, block)
    if (block.state === 'available') enqueue(block)
    return
  }
  doomAll(room, block)
}

async function removeStraySlots(
  room: Room,
  link: Link,
  broken: ReadonlySet<string>,
): Promise<void> {
  for (const place of await room.segments.places(link.link)) {
    const [, epoch, sequence] = place
    const block = link.blocks.get(placeKey({ epoch, sequence }))
    if (broken.has(place.join('/'))) continue
    if (block === undefined || block.fates.every((fate) => fate === 'destroyed')) {
      if (block === undefined || !room.doomed.has(block)) await room.segments.removeSlots(place)
    }
  }
}
