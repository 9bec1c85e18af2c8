/**
 * Pages of a chart: what an index knows of some resources, in few octets.
 *
 * A page has a table of texts and one of numbers, each value in it once, and rows that point into
 * them: ten observations of one patient repeat almost everything but their numbers. What is sealed
 * is CBOR; a page stands by itself and is never changed.
 *
 * @module
 */

import {
  cborDoor,
  epochMs,
  Exactly,
  Octets,
  siteId,
  toCbor,
  Type,
  uuidOctets,
  uuidOf,
  Whole,
  type CborValue,
  type SiteId,
  type Uuid,
} from '#base'
import type { IndexValue, IndexValues, SearchEntry } from '#health'

/** What a chart knows of one resource. */
export interface ChartEntry extends SearchEntry {
  readonly object: Uuid
  /** The version whose values these are. */
  readonly version: number
  /** Site that sealed it. */
  readonly origin: SiteId
  /** Whether it is no longer here: deleted, or not this holder's any more. */
  readonly isGone: boolean
}

/** The octets of a page, to be sealed. */
export function encodePage(entries: readonly ChartEntry[]): Uint8Array {
  const tables = new Tables()
  const rows = entries.map((entry) => [
    uuidOctets(entry.object),
    entry.version,
    tables.text(entry.type),
    tables.text(entry.id),
    tables.text(entry.origin),
    entry.lastUpdated,
    entry.isGone ? null : tables.values(entry.values),
  ])
  return toCbor({ v: 1, texts: tables.texts, numbers: tables.numbers, rows })
}

/** The entries of a page. @throws Refusal unless the octets are one */
export function decodePage(octets: Uint8Array): readonly ChartEntry[] {
  const { texts, numbers, rows } = openPage(octets)
  const textAt = (index: number): string => {
    if (index < texts.length) return texts[index]
    throw new RangeError('A page points beyond its texts')
  }
  const valueAt = (packed: unknown): unknown => {
    if (Array.isArray(packed)) return packed.map(valueAt)
    if (typeof packed !== 'number') return null
    return packed >= 0 ? textAt(packed) : numbers[-1 - packed]
  }
  return rows.map(([object, version, type, id, origin, at, values]) => ({
    object: uuidOf(object),
    version,
    type: textAt(type),
    id: textAt(id),
    origin: siteId(textAt(origin)),
    lastUpdated: epochMs(at),
    isGone: values === null,
    values: new Map(
      (values ?? []).map(([code, list]) => [textAt(code), list.map(valueAt) as IndexValue[]]),
    ),
  }))
}

/** The newest entry of each object, in the order in which objects came. */
export function newestEntries(
  pages: Iterable<readonly ChartEntry[]>,
): ReadonlyMap<Uuid, ChartEntry> {
  const newest = new Map<Uuid, ChartEntry>()
  for (const page of pages) {
    for (const entry of page) {
      const known = newest.get(entry.object)
      if (known === undefined || isAfter(entry, known)) newest.set(entry.object, entry)
    }
  }
  return newest
}

/** Of one version, that the holder has it no more says the last word. */
const isAfter = (entry: ChartEntry, known: ChartEntry): boolean =>
  entry.version > known.version || (entry.version === known.version && entry.isGone)

/** Texts and numbers of one page, each once. Owned by one encoding. */
class Tables {
  readonly texts: string[] = []
  readonly numbers: number[] = []
  readonly #texts = new Map<string, number>()
  readonly #numbers = new Map<number, number>()

  text(value: string): number {
    const known = this.#texts.get(value)
    if (known !== undefined) return known
    this.#texts.set(value, this.texts.length)
    return this.texts.push(value) - 1
  }

  values(values: IndexValues): CborValue {
    return [...values].map(([code, list]) => [
      this.text(code),
      list.map((item) => this.#packed(item)),
    ])
  }

  #packed(value: unknown): CborValue {
    if (typeof value === 'string') return this.text(value)
    if (typeof value === 'number') return -1 - this.#number(value)
    return Array.isArray(value) ? value.map((item) => this.#packed(item)) : null
  }

  #number(value: number): number {
    const known = this.#numbers.get(value)
    if (known !== undefined) return known
    this.#numbers.set(value, this.numbers.length)
    return this.numbers.push(value) - 1
  }
}

/** Entries of one page. */
export const PAGE_ENTRIES_MAX = 1024
/** Octets of one page: entries of the largest resources come to some 100 kB. */
const PAGE_OCTETS_MAX = 256 * 1024 * 1024
const openPage = cborDoor(
  Exactly({
    v: Type.Literal(1),
    texts: Type.Array(Type.String()),
    numbers: Type.Array(Type.Number()),
    rows: Type.Array(
      Type.Tuple([
        Octets(16),
        Whole(1),
        Whole(0),
        Whole(0),
        Whole(0),
        Whole(0),
        Type.Union([Type.Null(), Type.Array(Type.Tuple([Whole(0), Type.Array(Type.Unknown())]))]),
      ]),
    ),
  }),
  'page of a chart',
  PAGE_OCTETS_MAX,
)
