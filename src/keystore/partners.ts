/**
 * Keys that another operator's network hands over, and those that are drawn here for it.
 *
 * No link leads to a partner. In place of one stand blocks of octets drawn at this site: the own
 * half becomes keys that are sent to the partner (GS QKD 020), which are reserved, issued and given
 * up like any others; the other half masks keys that come from there, so that these wait, expire, are
 * delivered once and destroyed as carried keys are (`carrying.ts`). At rest nothing of a key is left
 * once its mask's segment is destroyed.
 *
 * Whoever hands over a key has seen it and says what he likes about it: the source is `partner`,
 * nothing is claimed of its secrecy (ε is 1), and the partner is among those who have seen it.
 *
 * @see ETSI GS QKD 020 V1.1.1
 * @module
 */

import {
  assert,
  concat,
  newUuid,
  SecretBytes,
  utf8,
  type KeyId,
  type SaeId,
  type SiteId,
  type Statement,
} from '#base'
import { sameSecret, sha256 } from '#crypto'
import { activate, withdraw, type ActivationOutcome } from './activation.ts'
import { originsDigest } from './allocation.ts'
import { confirm, ingest } from './blocks.ts'
import { unmask } from './carrying.ts'
import { damage } from './damage.ts'
import { provenanceOf, type Reservation } from './parts.ts'
import type { Origin } from './provenance.ts'
import { KeystoreRefusal } from './refusal.ts'
import { floorOctets, linksTo, type Room, type WaitingKey } from './room.ts'
import type { Piece } from './segments.ts'
import {
  freeOwn,
  isUsable,
  peerSide,
  placeKey,
  segmentsOf,
  type Block,
  type Link,
} from './state.ts'
import { selectKey } from './key-rows.ts'
import { textIn } from './tables.ts'
import { voidBlocks } from './voiding.ts'
import { ACTIVATION_KEYS_MAX, readActivation, type Range } from './wire.ts'

/** Keys of one size that a partner hands over. */
export interface DepositRequest {
  readonly peer: SiteId
  /** 1 to `ACTIVATION_KEYS_MAX`. */
  readonly keyIds: readonly KeyId[]
  /** The keys, joined in order. Read, not kept. */
  readonly octets: SecretBytes
  readonly master: SaeId
  readonly slaves: readonly SaeId[]
  readonly lifeMs: number
  /** Made durable together with the keys, or not at all. */
  readonly beside: readonly Statement[]
}

/** A key that is reserved, for whoever carries it to the partner. The octets are his to clear. */
export interface ReservedKey {
  readonly keyId: KeyId
  readonly octets: SecretBytes
}

/** What has become of a key that a partner handed over. */
export type DepositState =
  /** It waits for some slave, and no slave has fetched it. */
  | 'waiting'
  /** A slave has fetched it. */
  | 'delivered'
  /** Nobody can fetch it any more, and nobody has. */
  | 'over'
  /** Nothing is known of it, or not any more. */
  | 'unknown'

/**
 * Makes keys of a partner fetchable here; durable when it resolves.
 *
 * @returns `refused` if a key_ID is in use or was; nothing is kept then
 * @throws KeystoreRefusal `KEYSTORE_PEER_UNKNOWN`, `KEYSTORE_FULL`, `KEYSTORE_REQUEST_INVALID`;
 *   PortRefusal
 */
export async function deposit(room: Room, request: DepositRequest): Promise<ActivationOutcome> {
  const { peer, keyIds, octets } = request
  const keyOctets = octets.length / keyIds.length
  if (!Number.isSafeInteger(keyOctets) || keyIds.length > ACTIVATION_KEYS_MAX || keyOctets < 1) {
    throw new KeystoreRefusal('KEYSTORE_REQUEST_INVALID', 'Expected keys of one size in octets')
  }
  for (let attempt = 0; attempt < OPENING_ATTEMPTS_MAX; attempt++) {
    const link = linkTo(room, peer)
    const pieces = padPieces(link, octets.length)
    if (pieces === undefined) {
      await draw(room, link, octets.length)
      continue
    }
    const pad = room.segments.gather(pieces)
    if (pad !== undefined) return take(room, link, { request, pieces, pad })
    await openSegments(room, pieces)
  }
  throw new KeystoreRefusal('KEYSTORE_BUSY', 'Too many segments are being opened at once')
}

/** Whether just these octets wait under a key_ID, from this partner and for these SAEs. */
export async function isDeposited(
  room: Room,
  request: Pick<DepositRequest, 'peer' | 'octets' | 'master' | 'slaves'> & {
    readonly keyId: KeyId
  },
): Promise<boolean> {
  const { peer, master, slaves, octets } = request
  const key = room.keys.get(request.keyId)
  if (key?.link.peer !== peer || key.lost || key.master !== master) return false
  if (key.named.join(' ') !== slaves.join(' ') || key.carried === undefined) return false
  const pieces = piecesOf(key)
  await openSegments(room, pieces)
  using held = room.segments.gather(pieces)
  if (held === undefined || held.length !== octets.length) return false
  unmask(held, key.carried)
  return sameSecret(held.reveal(), octets.reveal())
}

/** What has become of a key that a partner handed over. */
export async function depositState(room: Room, name: KeyId): Promise<DepositState> {
  await room.keys.get(name)?.busy
  const key = room.keys.get(name)
  if (key !== undefined && !key.lost) {
    return key.slaves.length < key.named.length ? 'delivered' : 'waiting'
  }
  const row = (await room.store.read(selectKey(room.site, name))).at(0)
  if (row === undefined) return 'unknown'
  return textIn(row['state']) === 'delivered' ? 'delivered' : 'over'
}

/** Keys of a partner that wait, of this master and for these slaves. */
export function depositsBetween(
  room: Room,
  request: Pick<DepositRequest, 'peer' | 'master' | 'slaves'>,
): readonly KeyId[] {
  const { peer, master, slaves } = request
  const named = slaves.toSorted().join(' ')
  return [...room.keys.values()]
    .filter((key) => key.link.peer === peer && key.master === master && !key.lost)
    .filter((key) => key.named.toSorted().join(' ') === named)
    .map((key) => key.keyId)
}

/** How many keys of a partner wait. The cost is that of its blocks, not of the keys. */
export const depositedKeys = (room: Room, peer: SiteId): number =>
  [...linkTo(room, peer).blocks.values()].reduce((sum, { waiting }) => sum + waiting, 0)

/**
 * Makes sure that a key which a partner has taken back is not fetched from now on.
 *
 * @returns `delivered` if a slave has fetched it before
 */
export async function withdrawDeposit(
  room: Room,
  peer: SiteId,
  name: KeyId,
): Promise<Exclude<DepositState, 'waiting'>> {
  await room.keys.get(name)?.busy
  const key = room.keys.get(name)
  if (key?.link.peer !== peer) {
    const state = await depositState(room, name)
    // That of another peer is none of his business.
    return state === 'waiting' ? 'unknown' : state
  }
  const { link, ranges } = key
  const keyOctets = ranges.reduce((sum, { octets }) => sum + octets, 0)
  const id = newUuid(room.random)
  const outcome = await withdraw(room, peer, {
    ...{ id, keyOctets, ranges },
    link: link.link,
    keyIds: [name],
  })
  return outcome === 'delivered' ? 'delivered' : 'over'
}

/** The octets of reserved keys, before they are issued, for the partner they are meant for. */
export function reservedKeys(room: Room, { parts }: Reservation): readonly ReservedKey[] {
  return parts.flatMap((id) => {
    const part = room.parts.get(id)
    assert(part !== undefined, 'what is sent is reserved')
    const { carried } = readActivation(part.message)
    using octets = SecretBytes.copyOf(part.material.reveal())
    if (carried !== undefined) unmask(octets, carried)
    return part.keyIds.map((name, at) => ({
      keyId: name,
      octets: SecretBytes.copyOf(
        octets.reveal().subarray(at * part.keyOctets, (at + 1) * part.keyOctets),
      ),
    }))
  })
}

/**
 * Sees that there are octets enough for so many of keys to a partner, and some besides; gives up
 * blocks of which only one half will ever be used.
 */
export async function stock(room: Room, peer: SiteId, octets = 0): Promise<void> {
  const link = linkTo(room, peer)
  const least = Math.max(STOCK_OCTETS, octets + floorOctets(room.limits, 'application'))
  while (link.free < least) await draw(room, link, least - link.free)
  if (link.peerFree < STOCK_OCTETS) await draw(room, link, 0)
  await voidBlocks(room, surplus(room, link), 'surplus of a partner')
}

/** Stores and puts to use a block drawn here; one at a time for each partner. */
async function draw(room: Room, link: Link, octets: number): Promise<void> {
  const name = `drawn/${link.link}`
  const under = room.ingesting.get(name)
  // Whoever waited looks again whether he still needs one.
  if (under !== undefined) {
    await under.catch(() => undefined)
    return
  }
  const drawing = drawOne(room, link, octets).finally(() => room.ingesting.delete(name))
  room.ingesting.set(name, drawing)
  await drawing
}

async function drawOne(
  room: Room,
  { link, site, peer, epoch }: Link,
  octets: number,
): Promise<void> {
  const half = Math.min(Math.max(HALF_OCTETS, octets), HALF_OCTETS_MAX)
  using key = SecretBytes.take(room.random.octets(2 * half))
  const place = { link, epoch: epoch + 1, sequence: 0 }
  const provenance: Origin = {
    source: 'partner',
    randomness: room.random.kind,
    authentication: 'vendor',
    assumptions: ['etsi-gs-qkd-020'],
    epsilon: 1,
    seenBy: [site, peer],
  }
  const bits = { length: key.length * 8, octets: key.reveal() }
  await ingest(room, { ...place, provenance, key: bits })
  await confirm(room, link, place)
}

/**
 * Blocks with one half used up that nobody waits for, while others have the other half. Nothing is
 * taken from them from now on.
 */
function surplus(room: Room, link: Link): readonly Block[] {
  const inHand = new Set(
    [...room.parts.values()].flatMap((part) =>
      part.ranges.map((range) => nameOf(part.link, range)),
    ),
  )
  let { free, peerFree } = link
  return [...link.blocks.values()].filter((block) => {
    if (!isUsable(block) || block.waiting > 0 || inHand.has(nameOf(link, block))) return false
    const [own, pads] = [freeOwn(block), padsLeft(block)]
    const isOver = own === 0 ? peerFree - pads >= STOCK_OCTETS : free - own >= STOCK_OCTETS
    if ((own > 0 && pads > 0) || !isOver) return false
    free -= own
    peerFree -= pads
    block.allocated = block.layout.halfOctets
    block.reached = block.layout.halfOctets
    return true
  })
}

const nameOf = ({ link }: Link, range: Pick<Range, 'epoch' | 'sequence'>): string =>
  `${link}/${placeKey(range)}`

const padsLeft = ({ layout, reached }: Block): number => layout.halfOctets - reached

/** The oldest pads that nothing was masked with; undefined if there are too few. */
function padPieces(link: Link, octets: number): readonly Piece[] | undefined {
  const pieces: Piece[] = []
  let need = octets
  for (const block of link.blocks.values()) {
    const size = Math.min(need, padsLeft(block))
    const whole = (from: number) =>
      segmentsOf(block, peerSide(block), { from, octets: size }).every(
        (segment) => block.fates[segment] === 'whole',
      )
    if (size === 0 || !isUsable(block) || !whole(block.reached)) continue
    const span = { from: block.reached, octets: size }
    pieces.push({ block, owner: peerSide(block), span })
    need -= size
    if (need === 0) return pieces
  }
  return undefined
}

/** Masks keys and activates them, in one turn: nobody else can want the same pads. */
function take(
  room: Room,
  link: Link,
  about: {
    readonly request: DepositRequest
    readonly pieces: readonly Piece[]
    readonly pad: SecretBytes
  },
): Promise<ActivationOutcome> {
  const { request, pieces } = about
  using pad = about.pad
  const { keyIds, octets, master, slaves, lifeMs, peer, beside } = request
  const id = newUuid(room.random)
  const ranges = pieces.map(({ block: { epoch, sequence }, span }) => ({
    ...{ epoch, sequence },
    ...span,
  }))
  const key = octets.reveal()
  const activation = {
    ...{ id, keyIds, ranges, master, slaves, lifeMs },
    link: link.link,
    keyOctets: octets.length / keyIds.length,
    origins: originsDigest(pieces.map(({ block }) => block)),
    carried: {
      mask: pad.reveal().map((octet, at) => octet ^ key[at]),
      provenance: {
        parts: provenanceOf(ranges, link, { from: peer, to: link.site }).parts.map((part) => ({
          ...part,
          randomness: 'unattested' as const,
        })),
      },
    },
    // Nothing is derived from key bits: whoever repeats himself is known by `isDeposited`.
    digest: sha256(concat(utf8('deposit'), utf8(id))),
  }
  return activate(room, peer, activation, beside)
}

async function openSegments(room: Room, pieces: readonly Piece[]): Promise<void> {
  for (const { block, owner, span } of pieces) {
    for (const segment of segmentsOf(block, owner, span)) {
      const fault = await room.segments.open(block, segment)
      if (fault !== undefined) await damage(room, block, { segment, fault })
    }
  }
}

const piecesOf = ({ link, ranges }: WaitingKey): readonly Piece[] =>
  ranges.flatMap((range) => {
    const block = link.blocks.get(placeKey(range))
    return block === undefined ? [] : [{ block, owner: peerSide(block), span: range }]
  })

function linkTo(room: Room, peer: SiteId): Link {
  const links = linksTo(room, peer)
  assert(links.length === 1, 'one link stands for a partner')
  return links[0]
}

/** Octets of either half of a block that is drawn, at least and at most. */
const HALF_OCTETS = 32_768
const HALF_OCTETS_MAX = 2 ** 20
/** Octets that are kept in hand each way: 2,048 keys of 256 bits. */
const STOCK_OCTETS = 65_536
const OPENING_ATTEMPTS_MAX = 64
