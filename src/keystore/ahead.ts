/**
 * Keys made ahead: reserved and activated at the peer many at a time, issued few at a time later.
 *
 * The steps of a key are those of any other, each durable before the next. Only they are not taken
 * for one request at once: a stretch of keys is reserved and activated before anybody asks, and keys
 * are allotted some dozens at a time, before they are asked for as well. A request takes the next of
 * those without a commit or a word to the peer, and waits only if none is allotted yet. How far a
 * reservation is allotted is one number in the store, moved on by compare-and-set, so of two that
 * allot the same key one conflicts.
 *
 * What is allotted counts as given out for whoever comes later, and is never withdrawn by him: a
 * master may have it. Whoever knows that it was not given out gives it up, as any reservation is, by
 * `abandon`; the rest is given up at the next opening after a crash, always withdrawn at the peer,
 * never used for anything else.
 *
 * It does not decide which keys are worth making ahead: that is for whoever knows what is asked for.
 *
 * @module
 */

import { newUuid } from '#base'
import { takeAhead } from './key-rows.ts'
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
import { checkOpen, leaf, type AllottedRun, type Room } from './room.ts'
import { isUsable } from './state.ts'
import { isAhead, noteGiven, type PartAhead } from './telling.ts'
import { restOctets } from './wire.ts'

/**
 * Hands out the octets of the next keys of standing reservations, once they are allotted durably.
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
  checkOpen(room)
  const parts = reservations.flatMap((reservation) => partsLeft(room, reservation))
  const claims = claimsOf(parts, number)
  return claims && issueClaims(room, claims, parts)
}

/** How many keys of a reservation made ahead could be issued now. */
export function leftOf(room: Room, reservation: Reservation): number {
  return partsLeft(room, reservation).reduce(
    (sum, part) => sum + part.keyIds.length - part.taken,
    0,
  )
}

interface Claim extends Stretch {
  readonly part: PartAhead
}

/** The parts of a reservation that keys may still be taken from. */
function partsLeft(room: Room, { parts }: Reservation): readonly PartAhead[] {
  return parts
    .map((id) => room.parts.get(id))
    .filter((part): part is PartAhead => isAhead(part) && isWhole(part))
}

/** Whether the bits of all keys that are left may be used now. */
function isWhole({ taken, keyOctets, ranges, blocks }: PartAhead): boolean {
  let before = 0
  return ranges.every(({ octets }, at) => {
    before += octets
    return before <= taken * keyOctets || isUsable(blocks[at])
  })
}

/** Which keys would be next; changes nothing. */
function claimsOf(parts: readonly PartAhead[], number: number): readonly Claim[] | undefined {
  const claims: Claim[] = []
  let left = number
  for (const part of parts) {
    const some = Math.min(left, part.keyIds.length - part.taken)
    if (some > 0) claims.push({ part, from: part.taken, to: part.taken + some })
    left -= some
    if (left === 0) return claims
  }
  return undefined
}

/** Takes keys in memory, in one turn; hands them out at once if they are allotted. */
function issueClaims(
  room: Room,
  claims: readonly Claim[],
  parts: readonly PartAhead[],
): Promise<readonly DeliveredKey[]> {
  const keys = claims.flatMap((claim) => keysOf(claim.part, claim))
  for (const { part, from, to } of claims) {
    part.material.reveal().fill(0, from * part.keyOctets, to * part.keyOctets)
    part.taken = to
  }
  allotNext(room, parts)
  const waits = claims.flatMap(({ part: { ahead }, to }) =>
    to <= ahead.allotted ? [] : ahead.runs.filter((run) => run.to >= to).slice(0, 1),
  )
  for (const { part, to } of claims) {
    if (to < part.keyIds.length) continue
    closePart(room, part)
    finishPart(room, part)
  }
  if (waits.length === 0) return Promise.resolve(given(room, claims, keys))
  const answer = whenAllotted(room, { claims, keys, waits })
  for (const { part } of claims) {
    const { answers } = part.ahead
    answers.add(answer)
    const over = (): boolean => answers.delete(answer)
    answer.then(over, over)
  }
  return answer
}

/** Sees that the keys asked for next are allotted, or about to be, before they are asked for. */
function allotNext(room: Room, parts: readonly PartAhead[]): void {
  let ready = 0
  for (const part of parts) {
    while (ready + askedOf(part) - part.taken < room.limits.runKeys / 2) {
      if (askedOf(part) === part.keyIds.length) break
      allot(room, part)
    }
    ready += askedOf(part) - part.taken
    if (ready >= room.limits.runKeys / 2) return
  }
}

/** Keys of a part that are allotted, or about to be. */
const askedOf = ({ ahead }: PartAhead): number => ahead.runs.at(-1)?.to ?? ahead.allotted

/** Allots the next keys of a part: calls their commit. */
function allot(room: Room, part: PartAhead): void {
  const { id: reservation, keyIds, ahead, link } = part
  const from = askedOf(part)
  const to = Math.min(keyIds.length, Math.max(from, part.taken) + room.limits.runKeys)
  const facts = { peer: link.peer, keyIds: keyIds.slice(from, to) }
  const commit = room.store.commit([
    takeAhead(room.site, { reservation, from, to }),
    leaf(room, 'key.allotted', link.peer, facts),
  ])
  const done = commit.then(
    () => {
      ahead.allotted = to
      ahead.runs.splice(0, ahead.runs.indexOf(run) + 1)
    },
    (error: unknown) => {
      // Those after it ask for what it did not do.
      const at = ahead.runs.indexOf(run)
      if (at >= 0) ahead.runs.splice(at)
      throw error
    },
  )
  const run: AllottedRun = { to, done }
  ahead.runs.push(run)
  // Nobody may wait for it: then it is tried again when somebody does.
  done.catch(() => undefined)
}

/** Hands keys out once the commits that allot them stand. */
async function whenAllotted(
  room: Room,
  about: {
    readonly claims: readonly Claim[]
    readonly keys: readonly DeliveredKey[]
    readonly waits: readonly AllottedRun[]
  },
): Promise<readonly DeliveredKey[]> {
  const { claims, keys, waits } = about
  try {
    await Promise.all(waits.map(({ done }) => done))
    // A commit before this one failed, and took these keys with it.
    if (claims.some(({ part, to }) => to > (part.withdrawnFrom ?? Infinity))) {
      throw new KeystoreRefusal('KEYSTORE_RESERVATION_UNKNOWN', 'No such reservation stands')
    }
  } catch (error) {
    for (const { octets } of keys) octets[Symbol.dispose]()
    for (const claim of claims) giveUpFrom(room, claim)
    throw error
  }
  return given(room, claims, keys)
}

function given(
  room: Room,
  claims: readonly Claim[],
  keys: readonly DeliveredKey[],
): readonly DeliveredKey[] {
  for (const claim of claims) {
    spendKeys(room, claim.part, claim)
    noteGiven(room, claim.part, claim.to)
  }
  return keys
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
  room.orphans.push({ pending, blocks: blocksOf(part), part })
  if (closePart(room, part)) finishPart(room, part)
}
