/**
 * The life of a block: stored and held, confirmed by the peer, or voided; never renumbered.
 *
 * `ingest` makes a block durable and keeps it unusable. `confirm` puts it to use once the peer has
 * said, over the authenticated channel, that it has stored its copy. After a crash both ends report
 * what they hold (`blockReport`) and come to the same decision from the same two reports
 * (`settle`).
 *
 * Relies on the link engine for the bits being equal at both ends and secret.
 *
 * @module
 */

import { assert, type Bits, type LinkId } from '#base'
import { sameSecret } from '#crypto'
import { trimReserves } from './authentication.ts'
import { layoutOf, segmentSpan } from './layout.ts'
import { notedOrigin, type Origin } from './provenance.ts'
import { KeystoreRefusal } from './refusal.ts'
import { leaf, linkOf, nowOf, type Room } from './room.ts'
import {
  comparePositions,
  enqueue,
  isQuarantined,
  freeOwn,
  newBlock,
  placeKey,
  placeOf,
  type Block,
  type Link,
  type Position,
} from './state.ts'
import { voidBlocks } from './voiding.ts'
import { insertBlock, setBlockState, updateLink } from './tables.ts'
import { blockNotesOctets, BLOCK_NOTES_MAX, readBlockNotes } from './wire.ts'

/** A block of distilled key as it comes from a link engine, or from another source of keys. */
export interface IngestedBlock extends Position {
  readonly link: LinkId
  /** Secret, equal at both ends. Read, not kept: the caller clears it. */
  readonly key: Bits
  readonly provenance: Origin
}

/** `stored`: durable now. `repeated`: the same content was here already. */
export type IngestOutcome = 'stored' | 'repeated'

/** What became of blocks when two ends compared their reports. */
export interface Settlement {
  readonly confirmed: number
  readonly voided: number
}

/**
 * Makes a block durable, in state `held`: not usable before `confirm`.
 *
 * Repeating it with the same content does nothing; another content under the same place is refused.
 *
 * @throws KeystoreRefusal `KEYSTORE_BLOCK_DIFFERS`, `KEYSTORE_BLOCK_SPENT`,
 *   `KEYSTORE_BLOCK_INVALID`, `KEYSTORE_FULL`, `KEYSTORE_LINK_UNKNOWN`; PortRefusal if the disk or
 *   the store refuses
 */
export async function ingest(room: Room, input: IngestedBlock): Promise<IngestOutcome> {
  const link = linkOf(room, input.link)
  checkPosition(input)
  const name = `${link.link}/${placeKey(input)}`
  const before = room.ingesting.get(name)
  const mine = (async () => {
    await before?.catch(() => undefined)
    return ingestOne(room, link, input)
  })()
  room.ingesting.set(name, mine)
  try {
    return await mine
  } finally {
    if (room.ingesting.get(name) === mine) room.ingesting.delete(name)
  }
}

/**
 * Puts a held block to use: the peer has its copy. Repeating it does nothing.
 *
 * @throws KeystoreRefusal `KEYSTORE_BLOCK_UNKNOWN`, `KEYSTORE_BLOCK_SPENT`
 */
export async function confirm(room: Room, link: LinkId, position: Position): Promise<void> {
  const block = blockAt(linkOf(room, link), position)
  if (block.state === 'available') return
  if (block.state !== 'held') throw spentBlock(position)
  await confirmBlock(room, block)
}

/** Gives up a block that is not in use yet, or no longer to be used. Repeating it does nothing. */
export async function voidBlock(
  room: Room,
  input: { readonly link: LinkId; readonly position: Position; readonly cause: string },
): Promise<void> {
  const block = linkOf(room, input.link).blocks.get(placeKey(input.position))
  if (block !== undefined) await voidBlocks(room, [block], input.cause)
}

/** What this end reports to the other: every held block, and the newest that are in use. */
export function blockReport(room: Room, link: LinkId): Uint8Array {
  const blocks = [...linkOf(room, link).blocks.values()].toSorted(comparePositions)
  const held = blocks.filter(({ state }) => state === 'held')
  // A block that the other end may still hold was distilled together with one of these.
  const known = blocks.filter(({ state }) => state === 'available' || state === 'spent')
  const newest = known.slice(-(BLOCK_NOTES_MAX - held.length))
  return blockNotesOctets([
    ...held.map(({ epoch, sequence }) => ({ epoch, sequence, state: 'held' as const })),
    ...newest.map(({ epoch, sequence }) => ({ epoch, sequence, state: 'available' as const })),
  ])
}

/**
 * Decides about the blocks of a link from the peer's report: what both ends have becomes available,
 * what only this end has is voided. For the time between two sessions of the link: no block may be
 * distilled while the reports travel.
 *
 * @throws Refusal if the report cannot be read
 */
export async function settle(room: Room, link: LinkId, report: Uint8Array): Promise<Settlement> {
  const notes = readBlockNotes(report)
  const there = new Set(notes.map(placeKey))
  const whole = notes.length < BLOCK_NOTES_MAX
  const here = [...linkOf(room, link).blocks.values()].toSorted(comparePositions)
  const held = here.filter(({ state }) => state === 'held')
  const both = held.filter((block) => there.has(placeKey(block)))
  // An available block that the peer no longer knows is gone there: it was voided, or rolled back.
  const alone = here.filter(
    (block) =>
      !there.has(placeKey(block)) &&
      (block.state === 'held' || (block.state === 'available' && whole)),
  )
  for (const block of both) await confirmBlock(room, block)
  await voidBlocks(room, alone, 'not stored at the peer')
  return { confirmed: both.length, voided: alone.length }
}

/** The epoch that a new session of the link must exceed. */
export const epochOf = (room: Room, link: LinkId): number => linkOf(room, link).epoch

/**
 * Notes that an epoch begins, durably, before its first block.
 *
 * @throws KeystoreRefusal `KEYSTORE_EPOCH_PASSED` unless it is above every earlier one
 */
export async function beginEpoch(room: Room, name: LinkId, epoch: number): Promise<void> {
  const link = linkOf(room, name)
  if (!Number.isSafeInteger(epoch) || epoch <= link.epoch) {
    throw new KeystoreRefusal('KEYSTORE_EPOCH_PASSED', `Expected an epoch above ${link.epoch}`, {
      facts: { link: name, epoch },
    })
  }
  await room.store.commit([updateLink(room.site, name, { epoch })])
  link.epoch = Math.max(link.epoch, epoch)
}

async function ingestOne(room: Room, link: Link, input: IngestedBlock): Promise<IngestOutcome> {
  const { key, epoch, sequence } = input
  const { origin, octets: told, digest: originDigest } = notedOrigin(input.provenance)
  const { reserveOctets } = link
  const { segmentOctets } = room.limits
  const layout = layoutOf({ bits: key.length, reserveOctets, segmentOctets })
  const block = newBlock(link, {
    epoch,
    sequence,
    layout,
    origin,
    originDigest,
    state: 'held',
  })
  const known = link.blocks.get(placeKey(input))
  if (known !== undefined) return compare(room, known, { block, key })
  checkRoomFor(room, link, block)
  const sealed = { place: placeOf(block), layout, originDigest: block.originDigest }
  const { slots, rows } = room.segments.seal(sealed, key)
  await room.segments.writeSlots(placeOf(block), slots)
  const row = { bits: key.length, origin: told, at: nowOf(room) }
  const facts = { link: link.link, epoch, sequence, bits: key.length, source: origin.source }
  await room.store.commit([
    insertBlock(room.site, placeOf(block), row),
    ...rows,
    ...(epoch > link.epoch ? [updateLink(room.site, link.link, { epoch })] : []),
    leaf(room, 'key.block-held', link.link, facts),
  ])
  link.epoch = Math.max(link.epoch, epoch)
  link.blocks.set(placeKey(block), block)
  link.held++
  room.onChange(link.peer)
  return 'stored'
}

async function compare(
  room: Room,
  known: Block,
  other: { readonly block: Block; readonly key: Bits },
): Promise<IngestOutcome> {
  const { block, key } = other
  if (known.state === 'voided' || known.state === 'spent') throw spentBlock(known)
  const sameOrigin = sameSecret(known.originDigest, block.originDigest)
  if (known.layout.bits !== block.layout.bits || !sameOrigin) throw differs(known)
  for (let segment = 0; segment < known.layout.segments; segment++) {
    if (known.fates[segment] !== 'whole') continue
    await room.segments.open(known, segment)
    using stored = room.segments.copyOf(known, segment)
    const { from, octets } = segmentSpan(known.layout, segment)
    const given = key.octets.subarray(from, from + octets)
    if (stored !== undefined && !sameSecret(stored.reveal(), given)) throw differs(known)
  }
  return 'repeated'
}

async function confirmBlock(room: Room, block: Block): Promise<void> {
  const { link, epoch, sequence } = block
  const at = nowOf(room)
  await room.store.commit([
    setBlockState(room.site, placeOf(block), { from: 'held', to: 'available', at }),
    leaf(room, 'key.block-available', link.link, { link: link.link, epoch, sequence }),
  ])
  assert(block.state === 'held', 'a block is confirmed once')
  block.state = 'available'
  enqueue(block)
  link.held--
  if (!isQuarantined(block)) link.free += freeOwn(block)
  link.peerFree += block.layout.halfOctets - block.activated.total
  trimReserves(room, link)
  room.onChange(link.peer)
}

function checkPosition({ epoch, sequence }: Position): void {
  if (Number.isSafeInteger(epoch) && Number.isSafeInteger(sequence)) {
    if (epoch >= 0 && sequence >= 0) return
  }
  throw new KeystoreRefusal('KEYSTORE_BLOCK_INVALID', 'Expected whole numbers as block place')
}

function checkRoomFor(room: Room, link: Link, block: Block): void {
  if (comparePositions(block, link.floor) <= 0) throw spentBlock(block)
  const { heldBlocksMax, linkOctetsMax } = room.limits
  const stored = link.free + link.peerFree + 2 * block.layout.halfOctets
  if (link.held < heldBlocksMax && stored <= linkOctetsMax) return
  throw new KeystoreRefusal(
    'KEYSTORE_FULL',
    `Expected at most ${heldBlocksMax} held blocks and ${linkOctetsMax} octets on the link`,
    { facts: { link: link.link, held: link.held, octets: stored } },
  )
}

function blockAt(link: Link, position: Position): Block {
  const block = link.blocks.get(placeKey(position))
  if (block !== undefined) return block
  throw new KeystoreRefusal('KEYSTORE_BLOCK_UNKNOWN', 'No such block is stored', {
    facts: { link: link.link, ...place(position) },
  })
}

const place = ({ epoch, sequence }: Position) => ({ epoch, sequence })

const spentBlock = (position: Position): KeystoreRefusal =>
  new KeystoreRefusal('KEYSTORE_BLOCK_SPENT', 'The block was voided or used up before', {
    facts: place(position),
  })

const differs = (position: Position): KeystoreRefusal =>
  new KeystoreRefusal('KEYSTORE_BLOCK_DIFFERS', 'Another block is stored under the same place', {
    facts: place(position),
  })
