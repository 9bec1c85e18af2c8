/**
 * What a commit of versions writes into the index: a page for each holder, marks for each object.
 *
 * Pages are added, never changed. Once a chart has many tiny ones they are merged; once it has many
 * small ones these are, alone or together with the large ones as long as those are not much larger,
 * so that writing a resource costs the same however long the chart is.
 *
 * @module
 */

import {
  bind,
  newUuid,
  statement,
  uuidOctets,
  type EpochMs,
  type SiteId,
  type Statement,
  type Uuid,
} from '#base'
import { indexValuesOf, belongsToSite, type JsonObject } from '#health'
import { isGone, resourceOf, type Body } from './body.ts'
import type { ChartHead, PageMark } from './chart-key.ts'
import { newestEntries, PAGE_ENTRIES_MAX, type ChartEntry } from './chart-page.ts'
import { headRow, openPages, requireUnheld } from './charts.ts'
import type { VaultContext } from './context.ts'
import type { HolderKey } from './holder-key.ts'
import { deleteMarks, insertMark, marksOf, nameMarks } from './marks.ts'
import { holdersOfObject } from './objects.ts'
import type { VerifiedVersion } from './reading.ts'
import { shownAt, type SealedResource } from './shown.ts'
import { db } from './tables.ts'

/** A version that becomes the newest of its object. */
export interface Indexed {
  readonly object: Uuid
  readonly version: number
  readonly origin: SiteId
  readonly type: string
  /** As it is called here. */
  readonly id: string
  /** As it is shown here; undefined for what is no more. */
  readonly value: JsonObject | undefined
  /** Whether an older version is here. */
  readonly isNext: boolean
  /** Who holds it from now on. */
  readonly keys: readonly HolderKey[]
}

/** The statements that bring the index up to versions written at a time. @throws VaultRefusal */
export async function indexStatements(
  context: VaultContext,
  versions: readonly Indexed[],
  at: EpochMs,
): Promise<Statement[]> {
  const entries = versions.map((version) => ({ version, entry: entryOf(version, at) }))
  const additions = new Map<Uuid, { readonly key: HolderKey; readonly entries: ChartEntry[] }>()
  using former = new DisposableStack()
  for (const { version, entry } of entries) {
    const leaving = version.isNext ? await formerHolders(context, version, former) : []
    for (const key of [...version.keys, ...leaving]) {
      context.surveys.note(key.holder.id, version.type)
      const list = additions.get(key.holder.id) ?? { key, entries: [] }
      additions.set(key.holder.id, list)
      list.entries.push(leaving.includes(key) ? goneOf(entry) : entry)
    }
  }
  const statements: Statement[] = []
  for (const { key, entries: added } of additions.values()) {
    statements.push(...(await chartStatements(context, key, added)))
  }
  for (const { version, entry } of entries) {
    statements.push(...markStatements(context, entry, version))
  }
  return statements
}

/** What a chart says of a version. */
export const entryOf = (
  { object, version, origin, type, id, value }: Omit<Indexed, 'keys' | 'isNext'>,
  at: EpochMs,
): ChartEntry => ({
  ...{ object, version, origin, type, id, lastUpdated: at, isGone: value === undefined },
  values: value === undefined ? new Map() : indexValuesOf(value),
})

/** A version as its site sealed it, and the ways it took. */
interface SealedVersion extends Omit<SealedResource, 'value'> {
  readonly object: Uuid
  readonly version: number
  /** Undefined for what is no more. */
  readonly value: JsonObject | undefined
}

/** What the index says of a stored version. */
export function indexedVersion(
  { site }: Pick<VaultContext, 'site'>,
  { object, version, tenant, origin }: VerifiedVersion,
  body: Body,
): Omit<Indexed, 'keys' | 'isNext'> {
  const { type, id } = body
  const value = isGone(body) ? undefined : resourceOf(body)
  const { protections = [] } = origin ?? {}
  return indexedAt(site, { object, version, origin: tenant, type, id, value, protections })
}

/** What this site shows of a version, and so what its index says. */
export function indexedAt(
  site: SiteId,
  { object, version, origin, type, value, protections, ...name }: SealedVersion,
): Omit<Indexed, 'keys' | 'isNext'> {
  const sealed = { ...name, origin, type, protections, value: value ?? {} }
  const shown = shownAt(site, sealed)
  return { object, version, origin, type, ...shown, ...(value === undefined && { value }) }
}

const goneOf = (entry: ChartEntry): ChartEntry => ({ ...entry, isGone: true, values: new Map() })

/** Those who held an object and hold it no more. */
async function formerHolders(
  context: VaultContext,
  { object, keys }: Indexed,
  into: DisposableStack,
): Promise<readonly HolderKey[]> {
  const left: HolderKey[] = []
  for (const id of await holdersOfObject(context, object)) {
    if (keys.some(({ holder }) => holder.id === id)) continue
    const key = await context.keyring.readerOf(id)
    if (key !== undefined) left.push(into.use(key))
  }
  return left
}

/** One more page of a chart, or fewer where it has many small ones. */
export async function chartStatements(
  context: VaultContext,
  key: HolderKey,
  added: readonly ChartEntry[],
): Promise<Statement[]> {
  const { random, site } = context
  const holder = key.holder.id
  const row = await headRow(context, holder)
  if (row === undefined) {
    await requireUnheld(context, holder)
    return firstChart(context, key, added)
  }
  const head = key.chart.openHead(row.edition, row.sealed)
  const merged = mergedPages(head, added.length)
  const { pages: opened } = await openPages(context, key, head, merged)
  const isWhole = merged.length === head.pages.length
  const entries = merged.length === 0 ? added : [...newestEntries([...opened, added]).values()]
  // What is gone must be remembered as long as a page that stays may name it.
  const left = isWhole && merged.length > 0 ? entries.filter(({ isGone }) => !isGone) : entries
  const { pages, statements } = newPages(context, key, left)
  const kept = head.pages.filter((page) => !merged.includes(page))
  const after = { edition: head.edition + 1, pages: [...kept, ...pages] }
  return [
    ...merged.map(({ id }) => bind(DELETE_PAGE, site, uuidOctets(holder), uuidOctets(id))),
    ...statements,
    bind(
      MOVE_HEAD,
      ...[after.edition, key.chart.sealHead(after, random)],
      ...[site, uuidOctets(holder), head.edition],
    ),
  ]
}

/** The first pages of a chart. */
export function firstChart(
  context: VaultContext,
  key: HolderKey,
  entries: readonly ChartEntry[],
): Statement[] {
  const { site, random } = context
  const { pages, statements } = newPages(context, key, entries)
  const sealed = key.chart.sealHead({ edition: 1, pages }, random)
  return [...statements, bind(INSERT_HEAD, site, uuidOctets(key.holder.id), 1, sealed)]
}

/**
 * Which pages are merged into the next: none, the tiny ones, the small ones, or all. So each entry is
 * written again a few times only, as its page becomes small and then large.
 */
function mergedPages({ pages }: ChartHead, added: number): readonly PageMark[] {
  const tiny = pages.filter(({ entries }) => entries < PAGE_ENTRIES_TINY)
  const small = pages.filter(({ entries }) => entries < PAGE_ENTRIES_SMALL)
  if (small.length - tiny.length < PAGES_ALIKE_MAX) {
    return tiny.length < PAGES_ALIKE_MAX ? [] : tiny
  }
  const count = (list: readonly PageMark[]): number =>
    list.reduce((sum, { entries }) => sum + entries, 0)
  const fresh = count(small) + added
  return count(pages) <= fresh * GROWTH ? pages : small
}

function newPages(
  { site, random }: VaultContext,
  key: HolderKey,
  entries: readonly ChartEntry[],
): { readonly pages: readonly PageMark[]; readonly statements: readonly Statement[] } {
  const pages: PageMark[] = []
  const statements: Statement[] = []
  for (let from = 0; from < entries.length; from += PAGE_ENTRIES_MAX) {
    const part = entries.slice(from, from + PAGE_ENTRIES_MAX)
    const id = newUuid(random)
    const sealed = key.chart.sealPage(id, part, random)
    pages.push({ id, entries: part.length })
    statements.push(bind(INSERT_PAGE, site, uuidOctets(key.holder.id), uuidOctets(id), sealed))
  }
  return { pages, statements }
}

/** The marks of an object, in place of those it had. */
export function markStatements(
  { site, tags }: VaultContext,
  entry: ChartEntry,
  { isNext, keys }: Pick<Indexed, 'isNext' | 'keys'>,
): Statement[] {
  const found = expectedMarks({ tags }, entry, keys)
  return [
    ...(isNext ? [deleteMarks(site, entry.object)] : []),
    ...found.map((mark) => insertMark(site, mark, entry.object)),
  ]
}

/** The marks that an object must have: what is of patients, and names that nothing else explains. */
export function expectedMarks(
  { tags }: Pick<VaultContext, 'tags'>,
  entry: ChartEntry,
  keys: readonly HolderKey[],
) {
  const isMarked = keys.some(({ holder }) => holder.kind === 'patient')
  if (!isMarked || entry.isGone) return nameMarks(tags, entry)
  return marksOf(tags, entry, belongsToSite(entry.type))
}

/** Pages below this many entries are tiny … */
const PAGE_ENTRIES_TINY = 16
/** … below this many they are small … */
const PAGE_ENTRIES_SMALL = 256
/** … and merged once there are so many tiny ones, or so many others that are small. */
const PAGES_ALIKE_MAX = 16
/** Merged with all others where these have at most so many times as many entries. */
const GROWTH = 4
const blank = new Uint8Array(0)
const INSERT_HEAD = statement(
  db.insertInto('vault_chart').values({ site_id: '', holder_id: blank, edition: 0, head: blank }),
)
const MOVE_HEAD = statement(
  db
    .updateTable('vault_chart')
    .set({ edition: 0, head: blank })
    .where('site_id', '=', '')
    .where('holder_id', '=', blank)
    .where('edition', '=', 0),
  1,
)
const INSERT_PAGE = statement(
  db
    .insertInto('vault_page')
    .values({ site_id: '', holder_id: blank, page_id: blank, sealed: blank }),
)
const DELETE_PAGE = statement(
  db
    .deleteFrom('vault_page')
    .where('site_id', '=', '')
    .where('holder_id', '=', blank)
    .where('page_id', '=', blank),
)
