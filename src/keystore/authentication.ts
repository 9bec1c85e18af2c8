/**
 * The authentication reserve of each block: one-time pads for the tags of the classical channel.
 *
 * Each direction has a hash key and pads of 16 octets. The sending end burns pads, durably, before a
 * tag that needs one of them leaves. The receiving end burns too, ahead of what it accepts: so it
 * remembers what the other end has used, even if that end's own store is rolled back (the host
 * compares both before a session). Reserves never go to applications. Only those of the newest
 * blocks are kept.
 *
 * @see Wegman, Carter, J. Comput. Syst. Sci. 22 (1981)
 * @module
 */

import { type LinkId } from '#base'
import { damage } from './damage.ts'
import { doom, doomIfSpent } from './destruction.ts'
import { otherSide, padsPerReserve, reserveSegment } from './layout.ts'
import { KeystoreRefusal } from './refusal.ts'
import { leaf, linkOf, type Room } from './room.ts'
import { comparePositions, isUsable, placeKey, placeOf, type Block, type Link } from './state.ts'
import { setPads } from './tables.ts'

/** Which way tags go that a source is for. */
export type PadDirection = 'send' | 'receive'

/** One-time pads for one direction, from one block. Plain octets: the owner clears them. */
export interface AuthenticationSource {
  /** `<epoch>/<sequence>`, the same at both ends. */
  readonly id: string
  /** 16 octets. */
  readonly hashKey: Uint8Array
  /** Pads of 16 octets, one after the other; burned ones are zero. */
  readonly pads: Uint8Array
  /** Index of the first pad that is not burned. */
  readonly next: number
  /** Pads in all, burned ones included. */
  readonly count: number
}

/** Sources with pads left, newest block first. */
export interface AuthenticationSources {
  readonly send: readonly AuthenticationSource[]
  readonly receive: readonly AuthenticationSource[]
}

/**
 * The sources of a link, as they stand in the store: for a session that begins.
 *
 * None from blocks under quarantine: whoever may know them could forge.
 */
export async function authenticationSources(
  room: Room,
  name: LinkId,
): Promise<AuthenticationSources> {
  const link = linkOf(room, name)
  const blocks = newestFirst(link).filter(isUsable)
  const send: AuthenticationSource[] = []
  const receive: AuthenticationSource[] = []
  for (const block of blocks) {
    const sending = await sourceOf(room, block, 'send')
    const receiving = await sourceOf(room, block, 'receive')
    if (sending !== undefined) send.push(sending)
    if (receiving !== undefined) receive.push(receiving)
  }
  return { send, receive }
}

/**
 * Burns pads `from` to `to`, exclusive; durable when it resolves.
 *
 * A sender burns a run that begins where the last ended. A receiver may skip pads, never go back.
 *
 * @throws KeystoreRefusal `KEYSTORE_SOURCE_UNKNOWN`, `KEYSTORE_PADS_INVALID`
 */
export async function burnPads(
  room: Room,
  input: {
    readonly link: LinkId
    readonly source: string
    readonly direction: PadDirection
    readonly from: number
    readonly to: number
  },
): Promise<void> {
  const { direction, from, to } = input
  const link = linkOf(room, input.link)
  const block = link.blocks.get(input.source)
  // Under quarantine too: a session that runs must go on, to show that the link is sound again.
  if (block?.state !== 'available' || !hasReserve(block, direction)) {
    throw new KeystoreRefusal('KEYSTORE_SOURCE_UNKNOWN', 'No such authentication source is left', {
      facts: { link: link.link, source: input.source },
    })
  }
  const burned = direction === 'send' ? block.padsSent : block.padsReceived
  const count = padsPerReserve(block.layout)
  const inOrder = direction === 'send' ? from === burned : from >= burned
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || !inOrder || to <= from) {
    throw padsInvalid(`Expected pads from ${burned} on`, { from, to })
  }
  if (to > count) throw padsInvalid(`Expected pads below ${count}`, { from, to })
  if (direction === 'send') block.padsSent = to
  else block.padsReceived = to
  const { epoch, sequence } = block
  const facts = { link: link.link, epoch, sequence, direction, from, to }
  await room.store.commit([
    setPads(room.site, placeOf(block), { direction, from, to }),
    leaf(room, 'key.pads-burned', link.link, facts),
  ])
  if (to < count) return
  doom(room, block, [segmentFor(block, direction)])
  doomIfSpent(room, block)
}

/** Dooms the reserves of all but the newest blocks that are in use. */
export function trimReserves(room: Room, link: Link): void {
  if (link.reserveOctets === 0) return
  for (const block of newestFirst(link).slice(room.limits.reservesKept)) {
    const left = [0, 1].filter((segment) => block.fates[segment] !== 'destroyed')
    if (left.length === 0) continue
    doom(room, block, left)
    doomIfSpent(room, block)
  }
}

async function sourceOf(
  room: Room,
  block: Block,
  direction: PadDirection,
): Promise<AuthenticationSource | undefined> {
  if (!hasReserve(block, direction)) return undefined
  const segment = segmentFor(block, direction)
  const fault = await room.segments.open(block, segment)
  if (fault !== undefined) await damage(room, block, { segment, fault })
  using octets = room.segments.copyOf(block, segment)
  if (octets === undefined) return undefined
  // Looked up after the wait: a pad burned meanwhile must not come back.
  const next = direction === 'send' ? block.padsSent : block.padsReceived
  const hashKey = octets.reveal().slice(0, 16)
  const pads = octets.reveal().slice(16)
  pads.fill(0, 0, next * 16)
  return { id: placeKey(block), hashKey, pads, next, count: pads.length / 16 }
}

const hasReserve = (block: Block, direction: PadDirection): boolean =>
  block.layout.reserveSegments > 0 && block.fates[segmentFor(block, direction)] === 'whole'

const segmentFor = (block: Block, direction: PadDirection): number => {
  const { side } = block.link
  return reserveSegment(direction === 'send' ? side : otherSide(side))
}

const newestFirst = (link: Link): readonly Block[] =>
  [...link.blocks.values()]
    .filter(({ state }) => state === 'available')
    .toSorted((a, b) => comparePositions(b, a))

const padsInvalid = (message: string, facts: { from: number; to: number }): KeystoreRefusal =>
  new KeystoreRefusal('KEYSTORE_PADS_INVALID', message, { facts })
