/**
 * What the log says of keys that were made ahead: which of them were given out, and since when.
 *
 * Before such a key is given out an entry names it, with others, as allotted: nothing leaves of which
 * the log does not know. That it was given out is entered later, for many at once: with the last of its
 * part, when the rest is given up, or within a second. A crash in between loses which of those allotted
 * were given out, not that they may have been: the next opening says so of each (`load.ts`).
 *
 * @module
 */

import type { Statement } from '#base'
import { deleteReservation, dropAhead, tellAhead } from './key-rows.ts'
import { leaf, nowOf, type Allotment, type Part, type Room } from './room.ts'

/** A part whose keys are issued one after the other. */
export type PartAhead = Part & { readonly ahead: Allotment }

/** Whether a part is such a one. */
export const isAhead = (part: Part | undefined): part is PartAhead => part?.ahead !== undefined

/** Notes that all keys of a part before this one were given out. */
export function noteGiven(room: Room, part: PartAhead, to: number): void {
  const { ahead } = part
  if (ahead.told === ahead.given) ahead.since = nowOf(room)
  ahead.given = Math.max(ahead.given, to)
  room.untold.add(part)
  // The regular work tries again.
  if (to === part.keyIds.length) tell(room, part).catch(() => undefined)
}

/** Enters what was given out since the last time. Rejects while the store refuses. */
export async function tellAll(room: Room): Promise<void> {
  // What is given out meanwhile is for the next time.
  await Promise.all([...room.untold].filter(isAhead).map((part) => tell(room, part)))
}

/** Entry and rows of what was given out of a part that is given up: for the commit that does so. */
export const lastTold = (room: Room, part: PartAhead): readonly Statement[] => [
  ...entryOf(room, part),
  dropAhead(room.site, part.id),
]

/** Has a commit count as telling what was given out of a part until now; settles as it does. */
export function tellWith(room: Room, part: PartAhead, commit: Promise<unknown>): Promise<void> {
  const { ahead } = part
  const { given, since } = ahead
  // What is given out from now on is not told by this commit, if it stands.
  ahead.since = nowOf(room)
  ahead.telling = commit.then(
    () => {
      ahead.telling = undefined
      ahead.told = given
      if (ahead.given === given) room.untold.delete(part)
    },
    (error: unknown) => {
      ahead.telling = undefined
      ahead.since = since
      throw error
    },
  )
  return ahead.telling
}

/** Resolves once nothing of these parts is on its way to an SAE or to the log. */
export async function atRest(parts: readonly (Part | undefined)[]): Promise<void> {
  for (const { ahead } of parts.filter(isAhead)) {
    await Promise.allSettled([...ahead.answers, ahead.telling])
  }
}

function tell(room: Room, part: PartAhead): Promise<void> {
  const { id, ahead, keyIds } = part
  if (ahead.telling !== undefined) return ahead.telling
  const { site } = room
  const ends =
    ahead.given === keyIds.length
      ? [dropAhead(site, id), whetherOrNot(deleteReservation(site, id, 'reserved'))]
      : [tellAhead(site, id, ahead.given)]
  return tellWith(room, part, room.store.commit([...entryOf(room, part), ...ends]))
}

function entryOf(room: Room, { link, keyIds, ahead }: PartAhead): readonly Statement[] {
  const { told, given, since } = ahead
  if (told === given) return []
  const facts = { peer: link.peer, keyIds: keyIds.slice(told, given), since }
  return [leaf(room, 'key.issued', link.peer, facts)]
}

/** A statement that may find its row otherwise: what is told beside it is entered all the same. */
export const whetherOrNot = ({ sql, parameters }: Statement): Statement => ({ sql, parameters })
