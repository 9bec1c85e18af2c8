/**
 * What was written, newest first: the history of one resource, of a type, of everything.
 *
 * Goes over versions in the order in which they became, opens each and shows it to the judge, and
 * gives out what he permits, a page at a time. A page says where the next begins, by time and by
 * our own random ids: nothing in it is of a patient, and the next page is judged anew.
 *
 * @module
 */

import { epochMs, type EpochMs, type Uuid } from '#base'
import type { Interval } from '#health'
import { pauses, type VaultContext } from './context.ts'
import { subjectOfEntry } from './group.ts'
import { placeIn } from './groups.ts'
import { RANKS_A_MS, ROLL_PAGE, rollPage, type RollEntry, type RollPlace } from './kinds.ts'
import { isErased, objectById, versionsOf, type StoredObject } from './objects.ts'
import {
  objectNamed,
  openAt,
  shown,
  type Asked,
  type Opened,
  type Opening,
  type SiteResourceName,
} from './opened.ts'
import { readVersion } from './reading.ts'
import { damaged, VaultRefusal } from './refusal.ts'

/** Where a page ended. */
export interface PastPlace extends RollPlace {
  /** Index in the group's manifest. */
  readonly place: number
}

/** Which versions are wanted. */
export interface PastQuery {
  /** Only of this type; left out, of all. */
  readonly type?: string
  /** Written at this time or later. */
  readonly since?: EpochMs
  /** Only versions that were the newest at some time of this; its upper end is excluded. */
  readonly during?: Interval
  /** Left out without being opened for anybody: `Type/id/version`. */
  readonly without?: ReadonlySet<string>
  /** At most so many in one page. */
  readonly limit: number
  /** What comes after here. */
  readonly after?: PastPlace
}

/** Versions, newest first, and where the next page begins if there may be more. */
export interface PastPage<Place> {
  readonly versions: readonly Opened[]
  readonly next: Place | undefined
}

/**
 * The versions of one resource, newest first.
 *
 * @param query.before   only versions below this one
 * @param query.during   as of `PastQuery`
 * @returns undefined if there is no such resource, or none of its versions may be seen
 */
export async function instancePast(
  context: VaultContext,
  name: SiteResourceName,
  query: Omit<PastQuery, 'type' | 'after' | 'without'> & { readonly before?: number },
  asked: Asked,
): Promise<PastPage<number> | undefined> {
  const object = await objectNamed(context, name)
  if (object === undefined) return undefined
  const { before = Number.MAX_SAFE_INTEGER, since = 0, during, limit } = query
  const numbers = (await versionsOf(context, object.id)).filter((number) => number < before)
  const versions: Opened[] = []
  let isSeen = query.before !== undefined
  for (const version of numbers.toReversed()) {
    if (versions.length === limit) return { versions, next: versions[limit - 1].version }
    using opening = await openLeft(context, object, version)
    if (opening === undefined) continue
    const { opened } = opening
    if (opened.at < since) {
      isSeen ||= await asked.judge(opened)
      break
    }
    if (!(await wasNewest(context, opened, during))) {
      isSeen ||= await asked.judge(opened)
      continue
    }
    if ((await shown(context, opening, asked)) === undefined) continue
    isSeen = true
    versions.push(opened)
  }
  return isSeen ? { versions, next: undefined } : undefined
}

/** The versions of all resources, or of those of a type, newest first. */
export async function past(
  context: VaultContext,
  { type, since = epochMs(0), during, without, limit, after }: PastQuery,
  asked: Asked,
): Promise<PastPage<PastPlace>> {
  const versions: Opened[] = []
  const rest = pauses(context.clock)
  let [last, rolls] = [after, 0]
  for await (const { entry, types } of rollsFrom(context, after)) {
    await rest()
    if (entry.rank < since * RANKS_A_MS) return { versions, next: undefined }
    if (during !== undefined && entry.rank >= during[1] * RANKS_A_MS) continue
    const first = entry.group === after?.group ? after.place : types.length
    for (let place = first - 1; place >= 0; place--) {
      if (type !== undefined && types[place] !== type) continue
      if (versions.length === limit) return { versions, next: last }
      using opening = await openListed(context, entry.group, { place, type: types[place] })
      last = { rank: entry.rank, group: entry.group, place }
      if (opening === undefined || without?.has(fullName(opening)) === true) continue
      if (!(await wasNewest(context, opening.opened, during))) continue
      if (await shown(context, opening, asked)) versions.push(opening.opened)
    }
    if (++rolls < ROLLS_A_PAGE_MAX) continue
    return { versions, next: { rank: entry.rank, group: entry.group, place: 0 } }
  }
  return { versions, next: undefined }
}

/** Groups from a place downwards, newest first, with the types of their versions. */
async function* rollsFrom(
  context: VaultContext,
  after: PastPlace | undefined,
): AsyncGenerator<{ readonly entry: RollEntry; readonly types: readonly string[] }> {
  let from: RollPlace | undefined = after
  let done: Uuid | undefined
  for (;;) {
    const page = await rollPage(context, from)
    for (const entry of page) {
      // Each page begins with the last of the one before.
      if (entry.group === done) continue
      yield { entry, types: context.kinds.types(entry) }
    }
    if (page.length < ROLL_PAGE) return
    from = page[page.length - 1]
    done = from.group
  }
}

/** Opens a version; undefined if it was of somebody who was erased, as what came after it is not. */
async function openLeft(
  context: VaultContext,
  object: StoredObject,
  version: number,
): Promise<Opening | undefined> {
  try {
    return await openAt(context, object, version)
  } catch (error) {
    if (error instanceof VaultRefusal && error.code === 'VAULT_ERASED') return undefined
    throw error
  }
}

/** Opens what a group lists at a place; undefined for what was erased. */
async function openListed(
  context: VaultContext,
  group: Uuid,
  { place, type }: { readonly place: number; readonly type: string },
): Promise<Opening | undefined> {
  const listed = placeIn(await context.groups.verified(group), place)
  if (listed === undefined) throw damaged(`vault_roll ${group}`, 'names more than the group lists')
  const { object: id, version } = subjectOfEntry(listed)
  const object = await objectById(context, id)
  if (object === undefined) throw damaged(`vault_object ${id}`, 'the row is missing')
  if (isErased(object)) return undefined
  const opening = await openLeft(context, object, version)
  if (opening === undefined) return undefined
  if (opening.opened.type === type) return opening
  opening[Symbol.dispose]()
  throw damaged(`vault_roll ${group}`, 'names another type')
}

const fullName = ({ opened: { type, id, version } }: Opening): string => `${type}/${id}/${version}`

/** Whether a version was the newest of its object at some time of an interval. */
async function wasNewest(
  context: VaultContext,
  { object: id, version, at }: Opened,
  during: Interval | undefined,
): Promise<boolean> {
  if (during === undefined) return true
  const [from, to] = during
  if (at >= to) return false
  const object = await objectById(context, id)
  if (object === undefined) throw damaged(`vault_object ${id}`, 'the row is missing')
  const later = (await versionsOf(context, id)).find((number) => number > version)
  if (later === undefined) return true
  return (await readVersion(context, object, later)).storedAt > from
}

/** Groups that are looked through for one page, however few of their versions it may show. */
const ROLLS_A_PAGE_MAX = 20_000
