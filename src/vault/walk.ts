/**
 * Walking through records, chart by chart: for exports, which must not hold a site in memory.
 *
 * Goes over holders in the order of their ids and over the objects of a chart in the order of
 * theirs, some at a time; after each step whoever walks may stop, and go on from there another day.
 * What belongs to several holders is given out with the first of them. As everywhere, what is
 * opened is shown to a judge, logged, and given out if he permits.
 *
 * What is written meanwhile may be met or not; nothing that stays as it is is missed.
 *
 * @module
 */

import type { Uuid } from '#base'
import { fulfils, type Filter } from '#health'
import type { ResourceName } from './changes.ts'
import type { ChartEntry } from './chart-page.ts'
import { pauses, type VaultContext } from './context.ts'
import { everyPatient } from './holders.ts'
import { holdersOfObject } from './objects.ts'
import { objectLeft, type Opened } from './opened.ts'
import type { SearchAsked } from './search.ts'
import { Openings } from './search-openings.ts'

/** The last that a step has dealt with. */
export interface WalkPlace {
  readonly holder: Uuid
  /** Undefined: the whole chart. */
  readonly object: Uuid | undefined
}

export interface WalkQuery {
  /** Resource types; none means all. */
  readonly types: readonly string[]
  /** Conditions that a chart can answer: neither chains nor `_has`. */
  readonly filters: readonly Filter[]
  /** Whose records: of the site and all patients, of all patients, or of these patients. */
  readonly whose: 'everyone' | 'patients' | readonly ResourceName[]
  /** Where to go on. */
  readonly after?: WalkPlace | undefined
}

/** Some of what a walk finds: of one chart. */
export interface WalkStep {
  readonly place: WalkPlace
  readonly opened: readonly Opened[]
}

/** Walks through what is here now. @throws VaultRefusal `VAULT_DAMAGED` */
export async function* walk(
  context: VaultContext,
  { types, filters, whose, after }: WalkQuery,
  asked: SearchAsked,
): AsyncGenerator<WalkStep> {
  const rest = pauses(context.clock)
  const holders = await holdersOf(context, whose)
  for await (const holder of from(context, holders, after?.holder)) {
    const done = holder === after?.holder ? after.object : undefined
    if (holder === after?.holder && done === undefined) continue
    const { entries } = await context.charts.of(holder)
    const wanted = [...entries.values()]
      .filter(({ type, object }) => isWanted(types, type) && (done === undefined || object > done))
      .filter((entry) => filters.every((filter) => fulfils(entry, filter, NO_LINKS)))
      .toSorted((a, b) => (a.object < b.object ? -1 : 1))
    for (let at = 0; at < wanted.length; at += OBJECTS_A_STEP) {
      await rest()
      const some = wanted.slice(at, at + OBJECTS_A_STEP)
      const own: ChartEntry[] = []
      for (const entry of some) {
        if (await isFirst(context, entry, holder, holders)) own.push(entry)
      }
      const object = some[some.length - 1].object
      yield { place: { holder, object }, opened: await opened(context, own, asked) }
    }
    yield { place: { holder, object: undefined }, opened: [] }
  }
}

/** What may be seen of some entries, logged. */
async function opened(
  context: VaultContext,
  entries: readonly ChartEntry[],
  asked: SearchAsked,
): Promise<readonly Opened[]> {
  using openings = new Openings(context)
  const permitted: Opened[] = []
  for (const entry of entries) {
    const one = await openings.of(entry)
    if (await asked.judge(one)) permitted.push(one)
  }
  await openings.log(asked, permitted.length, true)
  return permitted
}

/** Holders in their order, or all of them. */
type Holders = readonly Uuid[] | (() => AsyncGenerator<Uuid>)

async function holdersOf(context: VaultContext, whose: WalkQuery['whose']): Promise<Holders> {
  const { shared, unassigned } = context.siteHolders
  if (whose === 'patients') return () => everyPatient(context)
  if (whose === 'everyone') {
    return async function* () {
      yield* [...shared, ...unassigned]
      yield* everyPatient(context)
    }
  }
  const found = new Set<Uuid>()
  for (const name of whose) {
    const object = await objectLeft(context, name)
    const holder = object && (await holdersOfObject(context, object.id)).at(0)
    if (holder !== undefined) found.add(holder)
  }
  return [...found].toSorted()
}

/** Holders from a place on, that of the place included if it is still there. */
async function* from(
  { siteHolders: { shared, unassigned } }: VaultContext,
  holders: Holders,
  place: Uuid | undefined,
): AsyncGenerator<Uuid> {
  const ofSite = [...shared, ...unassigned]
  let isReached = place === undefined || !ofSite.includes(place)
  for await (const holder of typeof holders === 'function' ? holders() : holders) {
    isReached ||= holder === place
    const isBefore = place !== undefined && !ofSite.includes(place) && isLess(holder, place, ofSite)
    if (isReached && !isBefore) yield holder
  }
}

/** The site's own holders are walked before all patients, patients in the order of their ids. */
const isLess = (holder: Uuid, place: Uuid, ofSite: readonly Uuid[]): boolean =>
  ofSite.includes(holder) || holder < place

/** Whether an object is given out with this holder: the first of its holders that is walked. */
async function isFirst(
  context: VaultContext,
  { object }: ChartEntry,
  holder: Uuid,
  holders: Holders,
): Promise<boolean> {
  const all = await holdersOfObject(context, object)
  const walked = typeof holders === 'function' ? all : all.filter((one) => holders.includes(one))
  return walked.toSorted().at(0) === holder
}

const isWanted = (types: readonly string[], type: string): boolean =>
  types.length === 0 || types.includes(type)

/** Objects that are opened at once. */
const OBJECTS_A_STEP = 200
const NO_LINKS = new Map<Filter, ReadonlySet<string>>()
