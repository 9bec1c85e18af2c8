/**
 * One search: finds candidates, compares each, shows it to whoever decides, follows references.
 *
 * What may not be seen is left out before anything is counted, ordered, chained through or
 * included, so that no number and no order tells of it. How long an answer takes may: what is
 * refused was found first.
 *
 * @module
 */

import type { Uuid } from '#base'
import {
  fulfils,
  localReferences,
  searchParametersOf,
  type ChainFilter,
  type Filter,
  type HasFilter,
  type Include,
} from '#health'
import { candidatesFor, type Candidates } from './candidates.ts'
import type { ChartEntry } from './chart-page.ts'
import { pauses, type VaultContext } from './context.ts'
import { holdersOfObject } from './objects.ts'
import { objectLeft } from './opened.ts'
import { costlySearch } from './refusal.ts'
import { everyPatient } from './holders.ts'

/** Whether an entry may be known to exist. Asked once for each in one search. */
export type Visible = (entry: ChartEntry) => boolean | Promise<boolean>

/** What a chart would say of an object, from the object itself; undefined if it is no more. */
export type Candidate = (object: Uuid) => Promise<ChartEntry | undefined>

export interface SearchingOptions {
  readonly visible: Visible
  readonly candidate: Candidate
  /** Charts and single records that may be looked into; `LOOKS_MAX` unless said. */
  readonly looksMax?: number | undefined
}

/** One search under way. Reads, writes nothing. */
export class Searching {
  readonly #context: VaultContext
  readonly #visible: Visible
  readonly #seen = new Map<Uuid, Promise<boolean>>()
  readonly #rest: () => Promise<void>
  readonly #candidate: Candidate
  readonly #looksMax: number
  #looks = 0

  constructor(
    context: VaultContext,
    { visible, candidate, looksMax = LOOKS_MAX }: SearchingOptions,
  ) {
    this.#context = context
    this.#visible = visible
    this.#candidate = candidate
    this.#looksMax = looksMax
    this.#rest = pauses(context.clock)
  }

  /**
   * Every visible entry of these types that fulfils all conditions, in no order.
   *
   * @throws VaultRefusal `VAULT_SEARCH_COSTLY` where that would mean to look through everything
   */
  async find(types: readonly string[], filters: readonly Filter[]): Promise<readonly ChartEntry[]> {
    const linking = filters.filter(isLink)
    const plain = filters.filter((filter) => !isLink(filter))
    const links = new Map<Filter, ReadonlySet<string>>()
    let candidates = await candidatesFor(this.#context, types, plain, links)
    if (candidates === undefined && linking.length > 0) {
      // Nothing else narrows it: find first what the chains lead to.
      for (const filter of linking) links.set(filter, await this.#resolved(filter))
      candidates = await candidatesFor(this.#context, types, filters, links)
    }
    const found: ChartEntry[] = []
    for await (const entry of this.#entries(candidates)) {
      if (types.length > 0 && !types.includes(entry.type)) continue
      if (!plain.every((filter) => fulfils(entry, filter, links))) continue
      if (!(await this.#fulfilsLinks(entry, linking, links))) continue
      if (await this.isVisible(entry)) found.push(entry)
    }
    return found
  }

  /** The visible entry of a reference `Type/id`, or undefined. */
  async named(reference: string): Promise<ChartEntry | undefined> {
    const [type, id] = reference.split('/')
    const object = await objectLeft(this.#context, { type, id })
    const entry = object && (await this.#entryOf(object.id))
    return entry !== undefined && (await this.isVisible(entry)) ? entry : undefined
  }

  /** Visible entries to which an entry refers, by one parameter or by all. */
  async forwards(entry: ChartEntry, include: Include): Promise<readonly ChartEntry[]> {
    if (entry.type !== include.source) return []
    const found: ChartEntry[] = []
    for (const { code } of referencesIn(include)) {
      for (const to of localReferences(entry, code)) {
        if (include.target !== undefined && !to.startsWith(`${include.target}/`)) continue
        const target = await this.named(to)
        if (target !== undefined) found.push(target)
      }
    }
    return found
  }

  /** Visible entries that refer to one of these, by one parameter or by all. */
  async backwards(
    entries: readonly ChartEntry[],
    include: Include,
  ): Promise<readonly ChartEntry[]> {
    const anyOf = entries
      .filter(({ type }) => include.target === undefined || include.target === type)
      .map(({ type, id }) => ({ kind: 'reference', reference: `${type}/${id}` }) as const)
    const found: ChartEntry[] = []
    for (const parameter of anyOf.length === 0 ? [] : referencesIn(include)) {
      const filter = { kind: 'parameter', parameter, modifier: undefined, anyOf } as const
      found.push(...(await this.find([include.source], [filter])))
    }
    return found
  }

  isVisible(entry: ChartEntry): Promise<boolean> {
    const known = this.#seen.get(entry.object)
    if (known !== undefined) return known
    const asked = Promise.resolve(this.#visible(entry))
    this.#seen.set(entry.object, asked)
    return asked
  }

  /** Candidates as entries, each object once. */
  async *#entries(candidates: Candidates | undefined): AsyncGenerator<ChartEntry> {
    const given = new Set<Uuid>()
    for await (const holder of candidates?.holders ?? this.#everyone()) {
      await this.#rest()
      for (const entry of (await this.#chart(holder)).values()) {
        if (given.has(entry.object)) continue
        given.add(entry.object)
        yield entry
      }
    }
    for (const object of candidates?.objects ?? []) {
      await this.#rest()
      if (given.has(object)) continue
      this.#look()
      const entry = await this.#candidate(object)
      if (entry !== undefined) yield entry
    }
  }

  async *#everyone(): AsyncGenerator<Uuid> {
    const { shared, unassigned } = this.#context.siteHolders
    yield* [...shared, ...unassigned]
    yield* everyPatient(this.#context)
  }

  async #entryOf(object: Uuid): Promise<ChartEntry | undefined> {
    const holder = (await holdersOfObject(this.#context, object)).at(0)
    return holder === undefined ? undefined : (await this.#chart(holder)).get(object)
  }

  async #chart(holder: Uuid): Promise<ReadonlyMap<Uuid, ChartEntry>> {
    this.#look()
    return (await this.#context.charts.of(holder)).entries
  }

  #look(): void {
    if (++this.#looks > this.#looksMax) throw costlySearch(this.#looksMax)
  }

  async #fulfilsLinks(
    entry: ChartEntry,
    linking: readonly Link[],
    links: ReadonlyMap<Filter, ReadonlySet<string>>,
  ): Promise<boolean> {
    for (const filter of linking) {
      const isFulfilled = links.has(filter)
        ? fulfils(entry, filter, links)
        : await this.#fulfilsLink(entry, filter)
      if (!isFulfilled) return false
    }
    return true
  }

  /** Whether one of the things to which an entry refers, or which refer to it, is as asked. */
  async #fulfilsLink(entry: ChartEntry, filter: Link): Promise<boolean> {
    if (filter.kind === 'has') {
      const anyOf = [{ kind: 'reference', reference: `${entry.type}/${entry.id}` } as const]
      const { type, parameter } = filter
      const refers = { kind: 'parameter', parameter, modifier: undefined, anyOf } as const
      return (await this.find([type], [refers, filter.filter])).length > 0
    }
    for (const to of localReferences(entry, filter.parameter.code)) {
      const [type, id] = to.split('/')
      const branch = filter.branches.find((one) => one.type === type)
      if (branch === undefined) continue
      const named = { kind: 'id', anyOf: new Set([id]) } as const
      if ((await this.find([type], [named, branch.filter])).length > 0) return true
    }
    return false
  }

  /** All references that fulfil a chain, or all that is referred to for a `_has`. */
  async #resolved(filter: Link): Promise<ReadonlySet<string>> {
    const found = new Set<string>()
    if (filter.kind === 'has') {
      for (const entry of await this.find([filter.type], [filter.filter])) {
        for (const to of localReferences(entry, filter.parameter.code)) found.add(to)
      }
      return found
    }
    for (const { type, filter: inner } of filter.branches) {
      for (const { id } of await this.find([type], [inner])) found.add(`${type}/${id}`)
    }
    return found
  }
}

type Link = ChainFilter | HasFilter

const isLink = (filter: Filter): filter is Link => filter.kind === 'chain' || filter.kind === 'has'

/** The parameters that an include follows. */
const referencesIn = ({ source, code }: Include) =>
  [...searchParametersOf(source).values()].filter(
    (parameter) =>
      parameter.type === 'reference' && (code === undefined || parameter.code === code),
  )

/** Charts and single records that one search may look into, the same again included. */
const LOOKS_MAX = 5000
