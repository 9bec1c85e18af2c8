/**
 * Keys made ahead: reserved and activated at the peer many at a time, issued few at a time later.
 *
 * The steps of a key are those of any other, each durable before the next. Only they are not taken
 * for one request at once: a stretch of keys is reserved and activated before anybody asks, and a
 * request takes the next of them with one commit, without a word to the peer. How far a reservation is
 * issued is one number in the store, moved on by compare-and-set, so of two issues of the same key one
 * conflicts. Whatever is left of it is given up as any reservation is: by `abandon`, at the next
 * opening after a crash, always withdrawn at the peer, never used for anything else.
 *
 * It does not decide which keys are worth making ahead: that is for whoever knows what is asked for.
 *
 * @module
 */

import { newUuid, type Statement } from '#base'
import { deleteReservation, endAhead, takeAhead } from './key-rows.ts'
import {
  blocksOf,
  closePart,
  finishPart,
  keysOf,
  spendKeys,
  type DeliveredKey,
  type Reservation,
  type Stretch,
} from './parts.ts'
import { KeystoreRefusal } from './refusal.ts'
import { leaf, type Part, type Room } from './room.ts'
import { isUsable } from './state.ts'
import { rangesOfKeys, restOctets } from './wire.ts'

/**
 * Makes the next keys of standing reservations final and hands out their octets: durable before it
 * resolves.
 *
 * @param reservations   made with `ahead`, and acknowledged by the peer; used in this order
 * @returns undefined if fewer are left whose bits may be used now; nothing was changed then
 * @throws PortRefusal if the store refuses: these keys are given up then, and all after them
 */
export function issueNext(
  room: Room,
  reservations: readonly Reservation[],
  number: number,
): Promise<readonly DeliveredKey[]> | undefined {
  const claims = claimsOf(room, reservations, number)
  return claims && issueClaims(room, claims)
}

/** How many keys of a reservation made ahead could be issued now. */
export function leftOf(room: Room, reservation: Reservation): number {
  return partsLeft(room, reservation).reduce(
    (sum, part) => sum + part.keyIds.length - part.taken,
    0,
  )
}

interface Claim extends Stretch {
  readonly part: Part
}

/** The parts of a reservation that keys may still be taken from, as far as that goes in order. */
function partsLeft(room: Room, { parts }: Reservation): readonly Part[] {
  return parts.flatMap((id) => {
    const part = room.parts.get(id)
    if (part?.ahead !== true) return []
    const left = { from: part.taken, to: part.keyIds.length }
    return isWhole(part, left) ? [part] : []
  })
}

/** Whether the bits of keys may be used now. A block that is forgotten is over. */
function isWhole(part: Part, { from, to }: Stretch): boolean {
  const ranges = rangesOfKeys(part, from, to)
  const blocks = blocksOf({ link: part.link, ranges })
  return blocks.length === ranges.length && blocks.every(isUsable)
}

/** Which keys would be next; changes nothing. */
function claimsOf(
  room: Room,
  reservations: readonly Reservation[],
  number: number,
): readonly Claim[] | undefined {
  const claims: Claim[] = []
  let left = number
  for (const reservation of reservations) {
    for (const part of partsLeft(room, reservation)) {
      if (left === 0) return claims
      const some = Math.min(left, part.keyIds.length - part.taken)
      if (some > 0) claims.push({ part, from: part.taken, to: part.taken + some })
      left -= some
    }
  }
  return left === 0 ? claims : undefined
}

/** Takes keys in memory and calls their commit, in one turn. */
async function issueClaims(room: Room, claims: readonly Claim[]): Promise<readonly DeliveredKey[]> {
  const { peer } = claims[0].part.link
  const keys = claims.flatMap((claim) => keysOf(claim.part, claim))
  for (const { part, from, to } of claims) {
    part.material.reveal().fill(0, from * part.keyOctets, to * part.keyOctets)
    part.taken = to
    if (to < part.keyIds.length) continue
    closePart(room, part)
    finishPart(room, part)
  }
  const facts = { peer, keyIds: keys.map(({ keyId }) => keyId) }
  const statements = claims.flatMap((claim) => issued(room, claim))
  try {
    await room.store.commit([...statements, leaf(room, 'key.issued', peer, facts)])
  } catch (error) {
    clear(keys)
    for (const claim of claims) giveUpFrom(room, claim)
    throw error
  }
  for (const claim of claims) spendKeys(room, claim.part, claim)
  // A commit before this one failed, and took these keys with it.
  if (claims.every(({ part, to }) => to <= (part.withdrawnFrom ?? Infinity))) return keys
  clear(keys)
  throw new KeystoreRefusal('KEYSTORE_RESERVATION_UNKNOWN', 'No such reservation stands')
}

function issued({ site }: Room, { part, from, to }: Claim): readonly Statement[] {
  const { id: reservation } = part
  if (to < part.keyIds.length) return [takeAhead(site, { reservation, from, to })]
  return [endAhead(site, reservation, from), deleteReservation(site, reservation, 'reserved')]
}

/**
 * Gives up keys whose commit failed, and all after them: those cannot be issued any more. If these
 * are given up already, only what lies between.
 */
function giveUpFrom(room: Room, claim: Claim): void {
  const { part, from } = claim
  const { link, message, withdrawnFrom: to } = part
  spendKeys(room, part, claim)
  if (to !== undefined && to <= from) return
  part.withdrawnFrom = from
  const id = to === undefined ? part.id : newUuid(room.random)
  const octets = restOctets(message, { from, id, ...(to === undefined ? {} : { to }) })
  const pending = { id, peer: link.peer, link: link.link, message: octets }
  room.orphans.push({ pending, blocks: blocksOf(part) })
  if (closePart(room, part)) finishPart(room, part)
}

function clear(keys: readonly DeliveredKey[]): void {
  for (const { octets } of keys) octets[Symbol.dispose]()
}
