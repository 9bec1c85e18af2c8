/**
 * The part of a scrub that holds the index against the versions that it speaks of.
 *
 * A chart must say of each object what its newest version says, no less and no more, in pages that
 * its head names; an object must have the marks that follow from it. So a page that was swapped,
 * left out or put back is found, and a mark that was added or taken away.
 *
 * @module
 */

import { bind, sameOctets, statement, uuidOctets, type Uuid } from '#base'
import type { Body } from './body.ts'
import { encodePage, type ChartEntry } from './chart-page.ts'
import { headRow, loadChart } from './charts.ts'
import type { VaultContext } from './context.ts'
import { faultOf, type Fault } from './findings.ts'
import { entryOf, expectedMarks, indexedVersion } from './indexing.ts'
import type { HolderKey } from './holder-key.ts'
import { nameOfMark, storedMarks } from './marks.ts'
import type { VerifiedVersion } from './reading.ts'
import { idIn } from './rows.ts'
import { db } from './tables.ts'

/** What the records of one holder call for in the index. */
export class IndexCheck {
  readonly #context: VaultContext
  readonly #key: HolderKey
  readonly #expected = new Map<Uuid, ChartEntry>()

  constructor(context: VaultContext, key: HolderKey) {
    this.#context = context
    this.#key = key
  }

  /** The newest version of an object that the holder has. */
  expect(verified: VerifiedVersion, body: Body): void {
    const entry = entryOf(indexedVersion(this.#context, verified, body), verified.storedAt)
    this.#expected.set(entry.object, entry)
  }

  async faults(): Promise<readonly Fault[]> {
    const faults = await this.#chartFaults()
    for (const entry of this.#expected.values()) faults.push(...(await this.#markFaults(entry)))
    return faults
  }

  async #chartFaults(): Promise<Fault[]> {
    const holder = this.#key.holder.id
    const place = `vault_chart ${holder}`
    const faults: Fault[] = []
    // Every holder has a chart, however empty, but for the one of the index itself.
    if (this.#key.holder.kind === 'index') return faults
    try {
      const { entries } = await loadChart(this.#context, this.#key)
      for (const [object, expected] of this.#expected) {
        const problem = difference(expected, entries.get(object))
        if (problem !== undefined)
          faults.push({ place, problem: `of object ${object}: ${problem}` })
      }
      for (const object of entries.keys()) {
        if (this.#expected.has(object)) continue
        faults.push({ place, problem: `lists object ${object}, which the holder does not have` })
      }
      faults.push(...(await this.#strayPages()))
    } catch (error) {
      faults.push(faultOf(error, place))
    }
    return faults
  }

  /** Pages that lie beside those of the head. */
  async #strayPages(): Promise<readonly Fault[]> {
    const { site, store } = this.#context
    const holder = this.#key.holder.id
    const row = await headRow(this.#context, holder)
    const head = row && this.#key.chart.openHead(row.edition, row.sealed)
    const named = new Set(head?.pages.map(({ id }) => id))
    const rows = await store.read(bind(SELECT_PAGE_IDS, site, uuidOctets(holder)))
    return rows
      .map((found) => idIn(found, 'page_id'))
      .filter((id) => !named.has(id))
      .map((id) => ({ place: `vault_page ${id}`, problem: 'the chart does not name it' }))
  }

  async #markFaults(entry: ChartEntry): Promise<readonly Fault[]> {
    const expected = new Set(expectedMarks(this.#context, entry, [this.#key]).map(nameOfMark))
    const stored = new Set(await storedMarks(this.#context, entry.object))
    const fault = (name: string, problem: string): Fault => ({
      place: `vault_mark ${name} ${entry.object}`,
      problem,
    })
    return [
      ...[...expected.difference(stored)].map((name) => fault(name, 'the row is missing')),
      ...[...stored.difference(expected)].map((name) => fault(name, 'no version calls for it')),
    ]
  }
}

/** What is wrong with what a chart says, if anything. */
function difference(expected: ChartEntry, entry: ChartEntry | undefined): string | undefined {
  if (expected.isGone) return entry === undefined ? undefined : 'is listed, and is no more'
  if (entry === undefined) return 'is not listed'
  if (entry.version !== expected.version) return `lists version ${entry.version}`
  return sameOctets(encodePage([entry]), encodePage([expected]))
    ? undefined
    : 'lists other values than those of its version'
}

const SELECT_PAGE_IDS = statement(
  db
    .selectFrom('vault_page')
    .select('page_id')
    .where('site_id', '=', '')
    .where('holder_id', '=', new Uint8Array(0)),
)
