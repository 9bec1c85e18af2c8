/**
 * Surveys: what a host has to know of a patient before it may decide who sees the rest.
 *
 * Decisions rest on a few resources of a chart: consents, encounters, care teams. A survey finds them
 * in the chart, opens them, lets the host derive what it needs, and keeps that until one of these
 * resources changes. Nothing of it is given out, and so nothing is logged.
 *
 * What is kept is exact in the process that writes: every commit of this vault passes by here. A
 * chart that is being changed is looked at and not kept.
 *
 * @module
 */

import type { Uuid } from '#base'
import { fulfils, type JsonObject, type SearchQuery, type Subject } from '#health'
import type { ChartEntry } from './chart-page.ts'
import type { Charts } from './charts.ts'
import type { VaultContext } from './context.ts'
import { objectById } from './objects.ts'
import { openAt } from './opened.ts'
import { holdersTagged, lookupOfSubject } from './subjects.ts'

/** What is looked for, and what is made of it. */
export interface SurveyPlan<T> {
  /** Searches without chains; all that they find in the chart is opened. */
  readonly queries: readonly SearchQuery[]
  /**
   * Pure: what is kept, of resources as this site shows them. Gets nothing where the patient is not
   * known here.
   */
  readonly derive: (resources: readonly JsonObject[], patient: Subject) => T
}

/** One survey of all patients. */
export interface Survey<T> {
  /** What is known of a patient now. @throws VaultRefusal `VAULT_DAMAGED` */
  of(patient: Subject): Promise<T>
}

/** Whose charts change: told by every commit that is prepared, and when it is done. */
export interface ChartWatch {
  /** A resource of this type in this holder's chart is about to change. */
  note(holder: Uuid, type: string): void
  /** What was about to change has changed, or not. */
  settle(): void
  /** The holder is no more: nothing of it stays in memory. */
  forget(holder: Uuid): void
}

/** All surveys of a vault, told of changes together. Owned by the vault. */
export class Surveys implements ChartWatch {
  readonly #watching: ChartWatch[] = []

  open<T>(context: SurveyContext, plan: SurveyPlan<T>): Survey<T> {
    const survey = new KeptSurvey(context, plan)
    this.#watching.push(survey)
    return survey
  }

  note(holder: Uuid, type: string): void {
    for (const one of this.#watching) one.note(holder, type)
  }

  settle(): void {
    for (const one of this.#watching) one.settle()
  }

  forget(holder: Uuid): void {
    for (const one of this.#watching) one.forget(holder)
  }
}

type SurveyContext = VaultContext & { readonly charts: Charts }

class KeptSurvey<T> implements Survey<T>, ChartWatch {
  readonly #context: SurveyContext
  readonly #plan: SurveyPlan<T>
  readonly #types: ReadonlySet<string>
  /** What is known, by the name of the patient; the oldest goes first. */
  readonly #kept = new Map<string, { readonly holder: Uuid; readonly value: T }>()
  readonly #namesOf = new Map<Uuid, Set<string>>()
  /** Charts with a change under way: never answered from memory. */
  readonly #changing = new Set<Uuid>()
  /** How many times something has settled: what was read before is not kept after. */
  #settled = 0

  constructor(context: SurveyContext, plan: SurveyPlan<T>) {
    this.#context = context
    this.#plan = plan
    this.#types = new Set(plan.queries.flatMap(({ types }) => types))
  }

  async of(patient: Subject): Promise<T> {
    const name = nameOf(patient)
    const kept = this.#kept.get(name)
    if (kept !== undefined && !this.#changing.has(kept.holder)) return kept.value
    const settled = this.#settled
    const holder = await holderNamed(this.#context, patient)
    // Who is not known may be known at any moment, by a name that nobody watches.
    if (holder === undefined) return this.#plan.derive([], patient)
    const value = this.#plan.derive(await this.#resources(holder), patient)
    if (settled === this.#settled && !this.#changing.has(holder)) this.#keep(name, holder, value)
    return value
  }

  note(holder: Uuid, type: string): void {
    if (this.#types.has(type)) this.#changing.add(holder)
  }

  settle(): void {
    if (this.#changing.size === 0) return
    this.#settled++
    for (const holder of this.#changing) {
      for (const name of this.#namesOf.get(holder) ?? []) this.#kept.delete(name)
      this.#namesOf.delete(holder)
    }
    this.#changing.clear()
  }

  forget(holder: Uuid): void {
    this.#changing.add(holder)
    this.settle()
  }

  async #resources(holder: Uuid): Promise<readonly JsonObject[]> {
    const { charts } = this.#context
    const wanted = (entry: ChartEntry): boolean =>
      this.#types.has(entry.type) &&
      this.#plan.queries.some(
        ({ types, filters }) =>
          types.includes(entry.type) && filters.every((one) => fulfils(entry, one, NOTHING)),
      )
    const found: JsonObject[] = []
    for (const entry of (await charts.of(holder)).entries.values()) {
      if (!wanted(entry)) continue
      const object = await objectById(this.#context, entry.object)
      if (object === undefined) continue
      using opening = await openAt(this.#context, object)
      if (!opening.opened.isGone) found.push(opening.opened.value)
    }
    return found
  }

  #keep(name: string, holder: Uuid, value: T): void {
    if (this.#kept.size >= KEPT_MAX) {
      const [[oldest, { holder: of }]] = this.#kept
      this.#kept.delete(oldest)
      const names = this.#namesOf.get(of)
      names?.delete(oldest)
      if (names?.size === 0) this.#namesOf.delete(of)
    }
    this.#kept.set(name, { holder, value })
    const names = this.#namesOf.get(holder) ?? new Set()
    this.#namesOf.set(holder, names.add(name))
  }
}

/** A reference has no space before its end, an identifier one at its beginning: no two are alike. */
const nameOf = (patient: Subject): string =>
  patient.kind === 'reference' ? patient.reference : ` ${JSON.stringify(patient.identifier)}`

/** The holder of whom a resource of this site names, as a write would find it; undefined if none. */
export async function holderNamed(
  { site, store, tags }: Pick<VaultContext, 'site' | 'tags' | 'store'>,
  patient: Subject,
): Promise<Uuid | undefined> {
  const { field, tag } = lookupOfSubject(tags, patient, site)
  return (await holdersTagged({ site, store }, field, tag)).at(0)
}

const NOTHING = new Map<never, never>()
/** Patients of whom a survey keeps what it found, some hundred octets each. */
const KEPT_MAX = 20_000
