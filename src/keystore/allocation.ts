/**
 * Giving out bits of the own half, at the master's end: reserved, activated at the peer, issued.
 *
 * 1. `reserve` takes the oldest free octets and names the keys they will be; durable.
 * 2. The host sends the activations to the peer, which makes them durable and says so.
 * 3. `issue` makes the keys final, durably, and only then hands out their octets.
 *
 * A reservation whose outcome at the peer is not known is given up (`abandon`), never used for
 * anything else. The same happens at the next opening to whatever a crash left reserved.
 *
 * Memory and store move in one order: bits are taken and their commit is called in one turn of the
 * event loop, so no later reservation can be durable before an earlier one.
 *
 * @see ETSI GS QKD 014 §6.2 (Get key), GS QKD 020 (uncertain outcomes)
 * @module
 */

import {
  assert,
  concat,
  epochMs,
  keyId,
  newUuid,
  type KeyId,
  type SaeId,
  type SecretBytes,
  type SiteId,
  type Statement,
} from '#base'
import { sha256 } from '#crypto'
import { masked, type CarriedKeys } from './carrying.ts'
import { damage } from './damage.ts'
import { deleteReservation, insertAhead, insertReservation } from './key-rows.ts'
import { halfSpan, segmentAt } from './layout.ts'
import {
  blocksOf,
  closePart,
  finishPart,
  keysOf,
  orphanOf,
  partsOf,
  type DeliveredKey,
  type Reservation,
} from './parts.ts'
import { KeystoreRefusal } from './refusal.ts'
import {
  floorOctets,
  leaf,
  linksTo,
  nowOf,
  type Allotment,
  type KeyUse,
  type Part,
  type Room,
} from './room.ts'
import type { Piece } from './segments.ts'
import { isUsable, placeOf, segmentsOf, type Block, type Link } from './state.ts'
import { setAllocated } from './tables.ts'
import {
  activationOctets,
  ACTIVATION_KEY_OCTETS_MAX,
  ACTIVATION_KEYS_MAX,
  ACTIVATION_RANGES_MAX,
  LIFE_MS_MAX,
  SLAVES_MAX,
  type Range,
} from './wire.ts'
import { giveUp, storeOrphans } from './withdrawals.ts'

/** Keys wanted by a master, for slaves at one peer. */
export interface ReserveRequest {
  readonly peer: SiteId
  readonly master: SaeId
  /** 1 to `SLAVES_MAX`; each may fetch each key once. */
  readonly slaves: readonly SaeId[]
  /** A multiple of 8. */
  readonly sizeBits: number
  /** 1 to `ACTIVATION_KEYS_MAX`. */
  readonly number: number
  /** How long the keys may wait to be fetched, counted at the peer from their activation. */
  readonly lifeMs: number
  /** Default `application`. */
  readonly use?: KeyUse
  /** Whether the keys are to be issued by and by, with `issueNext` instead of `issue`. */
  readonly ahead?: boolean
}

/**
 * Takes bits for keys from the own half of the links to a peer, durably.
 *
 * The cost does not depend on how many blocks are stored.
 *
 * @param carried   keys that the bits are to mask; without them the bits become keys themselves
 * @throws KeystoreRefusal `KEYSTORE_EXHAUSTED`, `KEYSTORE_QUARANTINED`, `KEYSTORE_PEER_UNKNOWN`,
 *   `KEYSTORE_REQUEST_INVALID`; PortRefusal if the store refuses
 */
export async function reserve(
  room: Room,
  request: ReserveRequest,
  carried?: CarriedKeys,
): Promise<Reservation> {
  checkRequest(request)
  const links = linksTo(room, request.peer)
  await storeOrphans(room)
  for (let attempt = 0; attempt < OPENING_ATTEMPTS_MAX; attempt++) {
    const drafts = draft(room, links, request)
    const reservation = take(room, request, { drafts, carried })
    if (reservation !== undefined) return reservation
    await openSegments(
      room,
      drafts.flatMap(({ pieces }) => pieces),
    )
  }
  throw new KeystoreRefusal('KEYSTORE_BUSY', 'Too many segments are being opened at once')
}

/**
 * Makes reserved keys final and hands out their octets: durable before it resolves.
 *
 * Only after the peers have acknowledged every activation. If it rejects, the keys are given up.
 *
 * @param carriers   pads under which the same keys went to further sites; see `carrying.ts`
 *
 * @throws KeystoreRefusal `KEYSTORE_RESERVATION_UNKNOWN`, `KEYSTORE_QUARANTINED`; PortRefusal
 */
export async function issue(
  room: Room,
  reservation: Reservation,
  carriers: readonly Reservation[] = [],
): Promise<readonly DeliveredKey[]> {
  const own = partsOf(room, reservation)
  assert(
    !own.some(({ ahead }) => ahead !== undefined),
    'keys that are issued by and by are not issued at once',
  )
  const pads = carriers.flatMap((carrier) => partsOf(room, carrier))
  const parts = [...own, ...pads]
  if (!parts.every((part) => blocksOf(part).every(isUsable))) {
    for (const one of [reservation, ...carriers]) await abandon(room, one, 'quarantined')
    throw new KeystoreRefusal('KEYSTORE_QUARANTINED', 'The key bits may no longer be used')
  }
  for (const part of parts) closePart(room, part)
  const { peer, keyIds } = reservation
  const statements = parts.map(({ id }) => deleteReservation(room.site, id, 'reserved'))
  try {
    await room.store.commit([...statements, leaf(room, 'key.issued', peer, { peer, keyIds })])
  } catch (error) {
    for (const part of parts) finishPart(room, part)
    room.orphans.push(...parts.map(orphanOf))
    throw error
  }
  const keys = own.flatMap((part) => keysOf(part, { from: 0, to: part.keyIds.length }, pads))
  for (const part of parts) finishPart(room, part)
  return keys
}

/**
 * Gives up reserved keys for good: their bits will never be keys at either end.
 *
 * Resolves even if the store refuses; the withdrawal is then stored later.
 *
 * @param cause   a short term for the log: `no answer`, `refused by peer`
 */
export async function abandon(room: Room, reservation: Reservation, cause: string): Promise<void> {
  const parts = reservation.parts
    .map((id) => room.parts.get(id))
    .filter((part) => part !== undefined)
  if (parts.length === 0) return
  for (const part of parts) {
    closePart(room, part)
    part.withdrawnFrom = part.taken
  }
  const { peer } = reservation
  const keyIds = parts.flatMap((part) => part.keyIds.slice(part.taken))
  const { link } = parts[0].link
  const orphans = parts.map(orphanOf)
  await giveUp(room, orphans, [leaf(room, 'key.voided', peer, { link, peer, keyIds, cause })])
  for (const part of parts) finishPart(room, part)
}

/** Part of a request that one link will serve. */
interface Draft {
  readonly link: Link
  readonly number: number
  readonly pieces: readonly Piece[]
}

/** Decides which octets would serve the request now; changes nothing. */
function draft(room: Room, links: readonly Link[], request: ReserveRequest): readonly Draft[] {
  const keyOctets = request.sizeBits / 8
  const floor = floorOctets(room.limits, request.use ?? 'application')
  let free = Math.max(0, links.reduce((sum, link) => sum + link.free, 0) - floor)
  let left = request.number
  const drafts: Draft[] = []
  for (const link of links.toSorted((a, b) => b.free - a.free)) {
    const number = Math.min(left, Math.floor(Math.min(link.free, free) / keyOctets))
    if (number === 0) continue
    const pieces = oldestFree(link, number * keyOctets)
    if (pieces.length > ACTIVATION_RANGES_MAX) continue
    drafts.push({ link, number, pieces })
    free -= number * keyOctets
    left -= number
  }
  if (left === 0) return drafts
  const quarantined = links.some(({ quarantine }) => quarantine !== undefined)
  throw new KeystoreRefusal(
    quarantined ? 'KEYSTORE_QUARANTINED' : 'KEYSTORE_EXHAUSTED',
    `Expected ${request.number} keys of ${request.sizeBits} bits, ${left} more than there are`,
    { facts: { peer: request.peer, missing: left } },
  )
}

/** The oldest free octets of the own half, in pieces that lie in one block each. */
export function oldestFree(link: Link, octets: number): readonly Piece[] {
  const pieces: Piece[] = []
  let need = octets
  for (let at = link.head; need > 0; at++) {
    assert(at < link.queue.length, 'a link has the octets it counts')
    const block = link.queue[at]
    if (!isUsable(block)) continue
    let offset = block.allocated
    while (need > 0 && offset < block.layout.halfOctets) {
      const segment = segmentAt(block.layout, link.side, offset)
      const span = halfSpan(block.layout, segment)
      const end = span.from + span.octets
      if (block.fates[segment] === 'whole') {
        const size = Math.min(need, end - offset)
        addPiece(pieces, { block, owner: link.side, span: { from: offset, octets: size } })
        need -= size
      }
      offset = end
    }
  }
  return pieces
}

function addPiece(pieces: Piece[], piece: Piece): void {
  const last = pieces.at(-1)
  const joins = last?.block === piece.block && last.span.from + last.span.octets === piece.span.from
  if (!joins) pieces.push(piece)
  else {
    const octets = last.span.octets + piece.span.octets
    pieces[pieces.length - 1] = { ...last, span: { from: last.span.from, octets } }
  }
}

/** Takes what was drafted, if all its segments stand open. Bits and commit in one turn. */
function take(
  room: Room,
  request: ReserveRequest,
  {
    drafts,
    carried,
  }: { readonly drafts: readonly Draft[]; readonly carried: CarriedKeys | undefined },
): Promise<Reservation> | undefined {
  const materials: SecretBytes[] = []
  for (const { pieces } of drafts) {
    const material = room.segments.gather(pieces)
    if (material === undefined) {
      for (const other of materials) other[Symbol.dispose]()
      return undefined
    }
    materials.push(material)
  }
  let keys = 0
  const parts = drafts.map((draft, at) => {
    const from = keys
    keys += draft.number
    return partOf(room, request, { draft, material: materials[at], carried, from })
  })
  const at = nowOf(room)
  const { peer, master, slaves, sizeBits } = request
  const keyIds = parts.flatMap((part) => part.keyIds)
  const statements: Statement[] = parts.flatMap(({ id, message, ahead }) => [
    insertReservation(room.site, { id, peer, message, at }),
    ...(ahead === undefined ? [] : [insertAhead(room.site, id)]),
  ])
  for (const { link, pieces } of drafts) statements.push(...advance(room, link, pieces))
  const facts = { peer, slaves, sizeBits, keyIds, links: drafts.map(({ link }) => link.link) }
  statements.push(leaf(room, 'key.reserved', master, facts))
  return commitTaken(room, { peer, parts, keyIds }, statements)
}

async function commitTaken(
  room: Room,
  taken: {
    readonly peer: SiteId
    readonly parts: readonly Part[]
    readonly keyIds: readonly KeyId[]
  },
  statements: readonly Statement[],
): Promise<Reservation> {
  const { peer, parts, keyIds } = taken
  for (const part of parts) room.parts.set(part.id, part)
  try {
    await room.store.commit(statements)
  } catch (error) {
    for (const part of parts) {
      closePart(room, part)
      finishPart(room, part)
    }
    room.orphans.push(...parts.map(orphanOf))
    throw error
  }
  room.onChange(peer)
  const activations = parts.map(({ message }) => message)
  return { peer, keyIds, activations, parts: parts.map(({ id }) => id) }
}

/** Takes octets of the own half in memory. @returns what makes that durable, for the same turn */
export function advance(room: Room, link: Link, pieces: readonly Piece[]): readonly Statement[] {
  for (const { block, span } of pieces) {
    block.allocated = span.from + span.octets
    link.free -= span.octets
  }
  const blocks = [...new Set(pieces.map((piece) => piece.block))]
  const statements = blocks.map((block) => setAllocated(room.site, placeOf(block), block.allocated))
  while (link.head < link.queue.length && isDrained(link.queue[link.head])) link.head++
  if (link.head > QUEUE_SLACK) {
    link.queue.splice(0, link.head)
    link.head = 0
  }
  return statements
}

function partOf(
  room: Room,
  request: ReserveRequest,
  about: {
    readonly draft: Draft
    readonly material: SecretBytes
    readonly carried: CarriedKeys | undefined
    /** Keys of the request before these. */
    readonly from: number
  },
): Part {
  const { draft, material, carried, from } = about
  const { link, number, pieces } = draft
  const id = newUuid(room.random)
  const keyOctets = request.sizeBits / 8
  const keyIds =
    carried === undefined
      ? Array.from({ length: number }, () => keyId(newUuid(room.random)))
      : carried.keyIds.slice(from, from + number)
  const ranges = pieces.map(({ block: { epoch, sequence }, span }): Range => ({
    epoch,
    sequence,
    ...span,
  }))
  const message = activationOctets({
    id,
    link: link.link,
    keyIds,
    keyOctets,
    ranges,
    master: request.master,
    slaves: request.slaves,
    lifeMs: request.lifeMs,
    origins: originsDigest(pieces.map(({ block }) => block)),
    carried: carried && masked(carried, from * keyOctets, material),
  })
  const ahead = request.ahead === true ? newAllotment() : undefined
  const progress = { ahead, taken: 0, withdrawnFrom: undefined }
  const blocks = pieces.map(({ block }) => block)
  return { id, link, keyIds, keyOctets, ranges, blocks, message, material, ...progress }
}

const newAllotment = (): Allotment => ({
  ...{ allotted: 0, runs: [], answers: new Set(), given: 0, told: 0 },
  ...{ since: epochMs(0), telling: undefined },
})

/** What both ends must agree on about where bits come from. */
export function originsDigest(blocks: readonly Block[]): Uint8Array {
  const [first, ...others] = blocks
  const known = others.length === 0 ? ORIGINS_OF_ONE.get(first) : undefined
  if (known !== undefined) return known
  const digest = sha256(concat(...blocks.map(({ originDigest }) => originDigest)))
  if (others.length === 0) ORIGINS_OF_ONE.set(first, digest)
  return digest
}

/** Opens the segments in which octets lie, or finds that they do not open. */
export async function openSegments(room: Room, pieces: readonly Piece[]): Promise<void> {
  for (const { block, owner, span } of pieces) {
    for (const segment of segmentsOf(block, owner, span)) {
      const fault = await room.segments.open(block, segment)
      if (fault !== undefined) await damage(room, block, { segment, fault })
    }
  }
}

const isDrained = (block: Block): boolean => block.allocated >= block.layout.halfOctets

function checkRequest({ slaves, sizeBits, number, lifeMs }: ReserveRequest): void {
  const wholes = [sizeBits / 8, number, lifeMs].every((one) => Number.isSafeInteger(one) && one > 0)
  const fits =
    number <= ACTIVATION_KEYS_MAX &&
    (number * sizeBits) / 8 <= ACTIVATION_KEY_OCTETS_MAX &&
    lifeMs <= LIFE_MS_MAX
  const some = slaves.length >= 1 && slaves.length <= SLAVES_MAX
  if (wholes && fits && some && new Set(slaves).size === slaves.length) return
  throw new KeystoreRefusal(
    'KEYSTORE_REQUEST_INVALID',
    'Expected 1 to 128 keys of whole octets for different slaves, within the limits',
    { facts: { sizeBits, number, slaves: slaves.length } },
  )
}

/** Most keys lie in one block, and each block has many of them. */
const ORIGINS_OF_ONE = new WeakMap<Block, Uint8Array>()
/** Times that a reservation looks again for segments that others push out of memory. */
const OPENING_ATTEMPTS_MAX = 64
/** Drained blocks that may stand before the head of a queue. */
const QUEUE_SLACK = 256
