/**
 * Lots: bits of the own half that another daemon of the site borrows and gives out by itself.
 *
 * A lot is a run of octets of one block. It is lent once: with the commit that lends it, its octets
 * count as spent here and are destroyed at rest; from then on only the borrower has them, in its
 * memory. So nothing of a lot is ever given out by two daemons, and a borrower that dies takes it
 * along: what it had reserved and not issued, and what it had not touched, is withdrawn at the peer.
 *
 * The borrower asks in each of its commits whether a lot is still its own. Once a lot is revoked (its
 * borrower is silent, its link is under suspicion, its block is void) it makes nothing of it any
 * more, whatever it had begun.
 *
 * @module
 */

import {
  newUuid,
  uuid,
  type LinkId,
  type Row,
  type SecretBytes,
  type SiteId,
  type Statement,
  type Uuid,
} from '#base'
import { advance, oldestFree, openSegments } from './allocation.ts'
import { doom, doomIfSpent } from './destruction.ts'
import {
  deleteLot,
  deleteLotPart,
  insertLot,
  revokeLot,
  selectLot,
  selectLotParts,
  selectLots,
} from './lot-rows.ts'
import type { Origin } from './provenance.ts'
import { floorOctets, leaf, linksTo, type Lot, type PendingVoid, type Room } from './room.ts'
import type { Piece } from './segments.ts'
import { placeOf, spend, type Link } from './state.ts'
import { octetsOf, textIn, wholeOf } from './tables.ts'
import { withdrawalOctets, type Range } from './wire.ts'
import { addVoid, giveUp, storeOrphans, voidingRow } from './withdrawals.ts'

/** What a borrower gets: the octets and all it needs to make keys of them. */
export interface LentLot {
  readonly lot: Uuid
  readonly link: LinkId
  readonly range: Range
  readonly origin: Origin
  /** Whoever gets the lot owns them. */
  readonly material: SecretBytes
}

/**
 * Lends octets of the pool with a peer, durably: never so many that it runs low by that.
 *
 * @param request.holder   random name of the borrower's start; no two have the same
 * @param request.octets   the most that are wanted
 * @returns undefined while there are not enough to lend any
 * @throws KeystoreRefusal `KEYSTORE_PEER_UNKNOWN`; PortRefusal if the store refuses
 */
export async function lend(
  room: Room,
  request: { readonly peer: SiteId; readonly holder: string; readonly octets: number },
): Promise<LentLot | undefined> {
  const links = linksTo(room, request.peer)
  await storeOrphans(room)
  for (let attempt = 0; attempt < OPENING_ATTEMPTS_MAX; attempt++) {
    const piece = pieceToLend(room, links, request.octets)
    if (piece === undefined) return undefined
    const material = room.segments.gather([piece])
    if (material !== undefined) return lendPiece(room, request.holder, { piece, material })
    await openSegments(room, [piece])
  }
  return undefined
}

/** The lots that are lent and not settled. */
export const lots = (room: Room): readonly Lot[] => [...room.lots.values()]

/**
 * Takes lots back, for good: what their borrowers have not issued is withdrawn at the peer.
 *
 * Repeating it does nothing. @throws PortRefusal if the store refuses
 */
export async function recall(
  room: Room,
  such: (lot: Lot) => boolean,
  cause: string,
): Promise<void> {
  for (const lot of lots(room).filter(such)) {
    await room.store.commit([revokeLot(room.site, lot.id)])
    lot.holder = ''
    await settle(room, lot, cause)
  }
}

/**
 * Gives up bits that a borrower had reserved and will not issue. What is no longer reserved is passed
 * over. @throws PortRefusal if the store refuses
 */
export async function giveUpParts(room: Room, ids: readonly Uuid[]): Promise<void> {
  const wanted = new Set<string>(ids)
  for (const lot of lots(room)) {
    if (wanted.size === 0) return
    const rows = await room.store.read(selectLotParts(room.site, lot.id))
    const found = rows.filter((row) => wanted.delete(textIn(row['reservation'])))
    if (found.length > 0) await withdrawAll(room, lot, { rows: found, rest: [], cause: 'given up' })
  }
}

/** Remembers the lots that were lent before this opening. */
export async function loadLots(room: Room): Promise<void> {
  for (const row of await room.store.read(selectLots(room.site))) {
    const link = room.links.get(textIn(row['link']) as LinkId)
    if (link === undefined) continue
    const id = uuid(textIn(row['lot']))
    const { peer } = link
    const range = {
      epoch: wholeOf(row['epoch']),
      sequence: wholeOf(row['sequence']),
      from: wholeOf(row['start']),
      octets: wholeOf(row['octets']),
    }
    room.lots.set(id, { id, link: link.link, peer, range, holder: textIn(row['holder']) })
  }
}

/** The largest of the oldest runs of octets of a pool, if it can spare them. */
function pieceToLend(room: Room, links: readonly Link[], octetsMax: number): Piece | undefined {
  const free =
    links.reduce((sum, link) => sum + link.free, 0) - floorOctets(room.limits, 'application')
  const octets = Math.min(octetsMax, Math.floor(free / SPARED))
  const link = links.toSorted((a, b) => b.free - a.free).at(0)
  if (link === undefined || octets < OCTETS_LEAST || link.free < octets) return undefined
  const pieces = oldestFree(link, octets).toSorted((a, b) => b.span.octets - a.span.octets)
  return pieces[0].span.octets < OCTETS_LEAST ? undefined : pieces[0]
}

/** Lot and allocation in one commit, called in the turn that takes the octets. */
async function lendPiece(
  room: Room,
  holder: string,
  { piece, material }: { readonly piece: Piece; readonly material: SecretBytes },
): Promise<LentLot> {
  const { block, span } = piece
  const { link, epoch, sequence, origin } = block
  const id = newUuid(room.random)
  const range = { epoch, sequence, ...span }
  const row = { lot: id, holder, place: placeOf(block), start: span.from, octets: span.octets }
  const facts = { link: link.link, epoch, sequence, octets: span.octets, lot: id, holder }
  const statements = [
    insertLot(room.site, row),
    ...advance(room, link, [piece]),
    leaf(room, 'key.lent', link.peer, facts),
  ]
  try {
    await room.store.commit(statements)
  } catch (error) {
    material[Symbol.dispose]()
    const message = withdrawalOctets({ id, link: link.link, ranges: [range] })
    const pending = { id, peer: link.peer, link: link.link, message }
    await giveUp(room, [{ pending, blocks: [block] }], [])
    throw error
  } finally {
    doom(room, block, spend(block, link.side, span))
    doomIfSpent(room, block)
  }
  room.lots.set(id, { id, link: link.link, peer: link.peer, range, holder })
  room.onChange(link.peer)
  return { lot: id, link: link.link, range, origin, material }
}

/** Withdraws what is left of a lot that nobody uses any more, and forgets it. */
async function settle(room: Room, lot: Lot, cause: string): Promise<void> {
  const [row] = (await room.store.read(selectLot(room.site, lot.id))) as [Row?]
  if (row !== undefined) {
    const used = wholeOf(row['used'])
    const { from, octets, ...place } = lot.range
    const left = octets - used
    const rest = left === 0 ? [] : [{ ...place, from: from + used, octets: left }]
    const rows = await room.store.read(selectLotParts(room.site, lot.id))
    const last = [deleteLot(room.site, lot.id, used)]
    await withdrawAll(room, lot, { rows, rest, cause, beside: last })
  }
  room.lots.delete(lot.id)
}

async function withdrawAll(
  room: Room,
  { peer, link, id: lot }: Lot,
  what: {
    readonly rows: readonly Row[]
    /** Octets that were never reserved. */
    readonly rest: readonly Range[]
    readonly cause: string
    readonly beside?: readonly Statement[]
  },
): Promise<void> {
  const { rows, rest, cause, beside = [] } = what
  const pending = rows.map((row): PendingVoid => {
    const id = uuid(textIn(row['reservation']))
    return { id, peer, link, message: octetsOf(row['message']) }
  })
  if (rest.length > 0) {
    const id = newUuid(room.random)
    pending.push({ id, peer, link, message: withdrawalOctets({ id, link, ranges: rest }) })
  }
  await room.store.commit([
    ...beside,
    ...rows.map((row) => deleteLotPart(room.site, textIn(row['reservation']))),
    ...pending.map((one) => voidingRow(room, one)),
    leaf(room, 'key.voided', peer, { link, peer, lot, withdrawn: pending.length, cause }),
  ])
  for (const one of pending) addVoid(room, one)
  room.onChange(peer)
}

/** One lot takes at most such a part of what applications may have. */
const SPARED = 8
/** Lots of fewer octets are not worth their commits. */
const OCTETS_LEAST = 1024
/** Times that a loan looks again for segments that others push out of memory. */
const OPENING_ATTEMPTS_MAX = 64
