/**
 * Search: a page of what a query finds, opened, in order, with what it refers to.
 *
 * The index finds and compares; what is given out is opened from its sealed version and logged,
 * one entry of the log for each holder touched. An index that lags behind the versions it speaks
 * of is noticed here and named.
 *
 * @see FHIR R4 §3.1.1
 * @module
 */

import { compareEntries, sortKeysOf, type SearchQuery, type SortKeys } from '#health'
import type { Act } from '#audit'
import type { ChartEntry } from './chart-page.ts'
import type { VaultContext } from './context.ts'
import type { Judge, Opened } from './opened.ts'
import { costlyIncludes } from './refusal.ts'
import { Openings } from './search-openings.ts'
import type { PlaceOwner } from './search-place.ts'
import { Searching, type Visible } from './searching.ts'
import type { Told } from './trail.ts'

/** Who searches, and who decides what may be found. */
export interface SearchAsked {
  readonly actor: string
  /** What was asked. */
  readonly act: Act
  /** For the event; left out, it tells no more than the actor. */
  readonly told?: Told
  /** Asked for every resource that would be found, counted, ordered, chained through or included. */
  readonly judge: Judge
  /** Charts and single records that may be looked into; `LOOKS_MAX` unless said. */
  readonly looksMax?: number
}

/** One page of a result. */
export interface SearchPage {
  readonly matches: readonly Opened[]
  /** What `_include` and `_revinclude` add to this page. */
  readonly included: readonly Opened[]
  /** Matches on all pages. */
  readonly total: number
  /** For the link to the next page; undefined on the last. */
  readonly next: string | undefined
}

/**
 * Searches the resources of this site.
 *
 * @throws VaultRefusal `VAULT_SEARCH_COSTLY`, `VAULT_PLACE_UNKNOWN`, `VAULT_DAMAGED`
 */
export async function search(
  context: VaultContext,
  query: SearchQuery,
  asked: SearchAsked,
): Promise<SearchPage> {
  using openings = new Openings(context)
  const visible: Visible = async (entry) => await asked.judge(await openings.of(entry))
  const searching = new Searching(context, {
    ...{ visible, looksMax: asked.looksMax },
    candidate: (object) => openings.candidate(object),
  })
  const { types, filters, sort, count = MATCHES_A_PAGE, summary, page } = query
  const found = await searching.find(types, filters)
  const total = found.length
  if (summary === 'count') {
    await openings.log(asked, 0)
    return { matches: [], included: [], total, next: undefined }
  }
  const ordered = found
    .map((entry) => [entry, sortKeysOf(entry, sort)] as const)
    .toSorted((a, b) => compareEntries(sort, a, b))
  const owner = ownerOf(query, asked)
  const rest = page === undefined ? ordered : after(context, query, ordered, owner)
  const limit = Math.min(count, MATCHES_A_PAGE_MAX)
  const shown = rest.slice(0, limit)
  const entries = shown.map(([entry]) => entry)
  const included = await includedWith(searching, query, entries)
  const matches = await openings.all(entries)
  const added = await openings.all(included)
  await openings.log(asked, matches.length + added.length)
  const next = rest.length > shown.length ? placeAfter(context, shown, owner) : undefined
  return { matches, included: added, total, next }
}

/** Everything that decides what a search finds and in which order, as one text. */
function ownerOf({ types, understood, filters }: SearchQuery, { actor }: SearchAsked): PlaceOwner {
  const within = filters.flatMap((filter) =>
    filter.kind === 'compartment' ? filter.references.slice(0, 1) : [],
  )
  return { actor, search: JSON.stringify([types, within, understood]) }
}

type Ordered = readonly (readonly [ChartEntry, SortKeys])[]

function after(
  { places, clock }: VaultContext,
  { sort, page = '' }: SearchQuery,
  ordered: Ordered,
  owner: PlaceOwner,
): Ordered {
  const { keys, type, id } = places.open(page, owner, clock.now())
  const last = [{ type, id }, keys] as const
  return ordered.filter((item) => compareEntries(sort, item, last) > 0)
}

function placeAfter({ places, clock, random }: VaultContext, shown: Ordered, owner: PlaceOwner) {
  const [{ type, id }, keys] = shown[shown.length - 1]
  return places.seal({ keys, type, id }, owner, clock.now(), random)
}

/** What the includes of a query add to its matches, each resource once. */
async function includedWith(
  searching: Searching,
  { includes, revIncludes }: SearchQuery,
  matches: readonly ChartEntry[],
): Promise<readonly ChartEntry[]> {
  const known = new Set(matches.map(({ object }) => object))
  const found: ChartEntry[] = []
  let fresh = matches
  for (let round = 0; fresh.length > 0; round++) {
    const next: ChartEntry[] = []
    const take = (entries: readonly ChartEntry[]): void => {
      for (const entry of entries) {
        if (known.has(entry.object)) continue
        known.add(entry.object)
        next.push(entry)
      }
      if (found.length + next.length > INCLUDED_MAX) throw costlyIncludes(INCLUDED_MAX)
    }
    for (const include of includes.filter(({ iterate }) => iterate || round === 0)) {
      for (const entry of fresh) take(await searching.forwards(entry, include))
    }
    for (const include of revIncludes.filter(({ iterate }) => iterate || round === 0)) {
      take(await searching.backwards(fresh, include))
    }
    found.push(...next)
    fresh = next
  }
  return found
}

/** Matches on one page where the query does not say … */
const MATCHES_A_PAGE = 50
/** … and at most. */
export const MATCHES_A_PAGE_MAX = 1000
/** Resources that includes may add to a page. */
const INCLUDED_MAX = 1000
