/**
 * Charts: for each holder what can be searched of its resources, loaded, kept and looked at.
 *
 * A chart is read as a whole: its head, then the pages that the head names. Opened charts stay in
 * memory for a while, as far as their octets fit; each use asks for the head's number first, so
 * that a chart changed by another daemon is never answered from memory.
 *
 * @module
 */

import {
  bind,
  statement,
  uuidOctets,
  type Clock,
  type Row,
  type SiteId,
  type Store,
  type Uuid,
} from '#base'
import { newestEntries, type ChartEntry } from './chart-page.ts'
import type { ChartHead, PageMark } from './chart-key.ts'
import type { HolderKey } from './holder-key.ts'
import type { Keyring } from './keyring.ts'
import { damaged } from './refusal.ts'
import { idIn, numberOf, octetsOf } from './rows.ts'
import { db } from './tables.ts'

/** What is known of a holder's resources. */
export interface Chart {
  readonly holder: Uuid
  readonly edition: number
  /** The newest entry of each object; those that are gone are not among them. */
  readonly entries: ReadonlyMap<Uuid, ChartEntry>
  /** Octets of the sealed pages. */
  readonly octets: number
}

/** The charts of one site's store. Owns a cache of opened ones until it is disposed. */
export class Charts implements Disposable {
  readonly #at: { readonly site: SiteId; readonly store: Store; readonly clock: Clock }
  readonly #keyring: Keyring
  /** Least recently used first; at most `CACHE_OCTETS_MAX` of pages. */
  readonly #kept = new Map<Uuid, { readonly chart: Chart; readonly until: number }>()
  #octets = 0

  constructor(
    at: { readonly site: SiteId; readonly store: Store; readonly clock: Clock },
    keyring: Keyring,
  ) {
    this.#at = at
    this.#keyring = keyring
  }

  /** The chart of a holder; empty if there is no such holder. @throws VaultRefusal `VAULT_DAMAGED` */
  async of(holder: Uuid): Promise<Chart> {
    const row = await headRow(this.#at, holder)
    if (row === undefined) {
      this.forget(holder)
      await requireUnheld(this.#at, holder)
      return { holder, edition: 0, entries: new Map(), octets: 0 }
    }
    const kept = this.#kept.get(holder)
    const now = this.#at.clock.monotonicMs()
    if (kept?.chart.edition === row.edition && now < kept.until) {
      this.#kept.delete(holder)
      this.#kept.set(holder, kept)
      return kept.chart
    }
    using key = await this.#keyring.readerOf(holder)
    if (key === undefined) throw damaged(`vault_holder ${holder}`, 'the row is missing')
    const chart = await this.#load(key)
    this.#keep(chart, now)
    return chart
  }

  async #load(key: HolderKey): Promise<Chart> {
    try {
      return await loadChart(this.#at, key)
    } catch {
      // A commit in between may have replaced pages: what is wrong stays wrong.
      return await loadChart(this.#at, key)
    }
  }

  #keep(chart: Chart, now: number): void {
    this.forget(chart.holder)
    this.#kept.set(chart.holder, { chart, until: now + KEPT_MS })
    this.#octets += chart.octets
    for (const [oldest, { until }] of this.#kept) {
      if (this.#octets <= CACHE_OCTETS_MAX && now < until) return
      this.forget(oldest)
    }
  }

  /** Takes a holder's opened chart out of memory. */
  forget(holder: Uuid): void {
    const kept = this.#kept.get(holder)
    if (kept === undefined) return
    this.#kept.delete(holder)
    this.#octets -= kept.chart.octets
  }

  [Symbol.dispose](): void {
    this.#kept.clear()
    this.#octets = 0
  }
}

/** The head of a chart as stored, or undefined. */
export async function headRow(
  { site, store }: { readonly site: SiteId; readonly store: Store },
  holder: Uuid,
): Promise<{ readonly edition: number; readonly sealed: Uint8Array } | undefined> {
  const row = (await store.read(bind(SELECT_HEAD, site, uuidOctets(holder)))).at(0)
  return row && { edition: numberOf(row, 'edition'), sealed: octetsOf(row, 'head') }
}

/** A chart, opened whole. @throws VaultRefusal `VAULT_DAMAGED` */
export async function loadChart(
  at: { readonly site: SiteId; readonly store: Store },
  key: HolderKey,
): Promise<Chart> {
  const holder = key.holder.id
  const row = await headRow(at, holder)
  if (row === undefined) throw damaged(`vault_chart ${holder}`, 'the row is missing')
  const head = key.chart.openHead(row.edition, row.sealed)
  const { pages, octets } = await openPages(at, key, head)
  const entries = new Map(newestEntries(pages))
  for (const [object, { isGone }] of entries) if (isGone) entries.delete(object)
  return { holder, edition: head.edition, entries, octets }
}

/** Pages that a head names, all unless some are wanted, opened. @throws VaultRefusal `VAULT_DAMAGED` */
export async function openPages(
  at: { readonly site: SiteId; readonly store: Store },
  key: HolderKey,
  head: Pick<ChartHead, 'pages'>,
  pages = head.pages,
): Promise<{ readonly pages: readonly (readonly ChartEntry[])[]; readonly octets: number }> {
  const rows = pages.length === head.pages.length ? allPages(at, key) : somePages(at, key, pages)
  const stored = new Map((await rows).map((row) => [idIn(row, 'page_id'), octetsOf(row, 'sealed')]))
  let octets = 0
  const opened = pages.map(({ id, entries }) => {
    const sealed = stored.get(id)
    if (sealed === undefined) throw damaged(`vault_page ${id}`, 'the row is missing')
    octets += sealed.length
    const page = key.chart.openPage(id, sealed)
    if (page.length !== entries) throw damaged(`vault_page ${id}`, 'the page was changed')
    return page
  })
  return { pages: opened, octets }
}

const allPages = (
  { site, store }: { readonly site: SiteId; readonly store: Store },
  { holder }: HolderKey,
): Promise<readonly Row[]> => store.read(bind(SELECT_PAGES, site, uuidOctets(holder.id)))

/** Rows of some pages of a chart, which may be small beside the others. */
async function somePages(
  { site, store }: { readonly site: SiteId; readonly store: Store },
  { holder }: HolderKey,
  pages: readonly PageMark[],
): Promise<readonly Row[]> {
  const about = [site, uuidOctets(holder.id)]
  const found: Row[] = []
  for (const { id } of pages) {
    found.push(...(await store.read(bind(SELECT_PAGE, ...about, uuidOctets(id)))))
  }
  return found
}

/** That a holder without a chart holds nothing. @throws VaultRefusal `VAULT_DAMAGED` */
export async function requireUnheld(
  { site, store }: { readonly site: SiteId; readonly store: Store },
  holder: Uuid,
): Promise<void> {
  const held = await store.read(bind(SELECT_HOLDING, site, uuidOctets(holder), 1))
  if (held.length > 0) throw damaged(`vault_chart ${holder}`, 'the row is missing')
}

/** Octets of sealed pages whose charts stay in memory, some ten times larger there. */
const CACHE_OCTETS_MAX = 16 * 1024 * 1024
/** How long an opened chart stays in memory after it was loaded. */
const KEPT_MS = 5 * 60_000
const blank = new Uint8Array(0)
const SELECT_HEAD = statement(
  db
    .selectFrom('vault_chart')
    .select(['edition', 'head'])
    .where('site_id', '=', '')
    .where('holder_id', '=', blank),
)
const pagesOfHolder = db
  .selectFrom('vault_page')
  .select(['page_id', 'sealed'])
  .where('site_id', '=', '')
  .where('holder_id', '=', blank)
const SELECT_PAGES = statement(pagesOfHolder)
const SELECT_PAGE = statement(pagesOfHolder.where('page_id', '=', blank))
const SELECT_HOLDING = statement(
  db
    .selectFrom('vault_holding')
    .select('object_id')
    .where('site_id', '=', '')
    .where('holder_id', '=', blank)
    .limit(1),
)
