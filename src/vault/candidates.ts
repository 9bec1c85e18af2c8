/**
 * Where a search need look: which charts, which objects, found without opening a record.
 *
 * Every condition that has marks, or names a patient, narrows the search; the narrowest is taken,
 * and the objects of several are cut with each other. What comes out holds everything that the
 * search may find, and more: each candidate is compared afterwards.
 *
 * @module
 */

import { bind, statement, type Uuid } from '#base'
import {
  belongsToSite,
  type DateValue,
  type Filter,
  type Operand,
  type SearchParameter,
} from '#health'
import type { VaultContext } from './context.ts'
import {
  dayOf,
  isDay,
  isPerson,
  marks,
  NAME_CODES,
  objectsMarked,
  yearOf,
  type Mark,
} from './marks.ts'
import { objectsCalled } from './naming.ts'
import { isErased } from './objects.ts'
import { idIn } from './rows.ts'
import { lookupOfSubject } from './subjects.ts'
import { db } from './tables.ts'
import { LOOKUP_FIELDS } from './tags.ts'

/** Charts to be searched whole, and single objects in others. */
export interface Candidates {
  readonly holders: ReadonlySet<Uuid>
  readonly objects: ReadonlySet<Uuid>
}

/** References `Type/id` that fulfil a chain, or what is referred to for a `_has`. */
export type Links = ReadonlyMap<Filter, ReadonlySet<string>>

/**
 * What these conditions leave to be looked at; undefined where that is everything.
 *
 * @param types   resource types searched; none for all
 * @param links   chains and `_has` that were resolved
 */
export async function candidatesFor(
  context: VaultContext,
  types: readonly string[],
  filters: readonly Filter[],
  links: Links,
): Promise<Candidates | undefined> {
  let best: Candidates | undefined
  for (const filter of filters) {
    const found = await narrowed(context, types, filter, links)
    if (found === undefined) continue
    best = best === undefined ? found : narrower(best, found)
    if (costOf(best) <= COST_LOW) break
  }
  const isOfSite = types.length > 0 && types.every(belongsToSite)
  if (best === undefined && isOfSite) best = NOTHING
  return best === undefined ? undefined : await withSite(context, types, best)
}

/** Objects of single candidates both have; or the cheaper of the two. */
function narrower(a: Candidates, b: Candidates): Candidates {
  if (a.holders.size + b.holders.size === 0) {
    return { holders: a.holders, objects: a.objects.intersection(b.objects) }
  }
  return costOf(b) < costOf(a) ? b : a
}

const costOf = ({ holders, objects }: Candidates): number =>
  holders.size * COST_CHART + objects.size

/** With the charts of the site itself, and what of its types belongs to patients all the same. */
async function withSite(
  context: VaultContext,
  types: readonly string[],
  { holders, objects }: Candidates,
): Promise<Candidates> {
  const { shared, unassigned } = context.siteHolders
  const strays = types.filter(belongsToSite).map((type) => marks.stray(context.tags, type))
  const stray = await objectsMarked(context, strays)
  return {
    holders: new Set([
      ...holders,
      ...(types.length === 0 || types.some(belongsToSite) ? shared : []),
      ...(types.length === 0 || types.some((type) => type !== 'Patient') ? unassigned : []),
    ]),
    objects: objects.union(stray),
  }
}

async function narrowed(
  context: VaultContext,
  types: readonly string[],
  filter: Filter,
  links: Links,
): Promise<Candidates | undefined> {
  switch (filter.kind) {
    case 'id':
      return await byNames(
        context,
        types.flatMap((type) => [...filter.anyOf].map((id) => [type, id])),
      )
    case 'compartment':
      return await byReferences(context, filter.references)
    case 'chain':
    case 'has': {
      const found = links.get(filter)
      if (found === undefined || found.size > LINKS_MAX) return undefined
      return filter.kind === 'chain'
        ? await byReferences(context, [...found])
        : await byNames(
            context,
            [...found].map((name) => name.split('/')),
          )
    }
    case 'parameter':
      return await byParameter(context, types, filter)
    case 'missing':
    case 'updated':
    case 'dated':
      return undefined
  }
}

type ParameterFilter = Extract<Filter, { kind: 'parameter' }>

async function byParameter(
  context: VaultContext,
  types: readonly string[],
  { parameter, modifier, anyOf }: ParameterFilter,
): Promise<Candidates | undefined> {
  if (modifier !== undefined && modifier !== 'exact') return undefined
  if (parameter.type === 'reference') {
    const references = anyOf.map(referencesOf)
    if (references.includes(undefined)) return undefined
    return await byReferences(
      context,
      references.flatMap((list) => list ?? []),
    )
  }
  const wanted = anyOf.map((operand) => marksFor(context, types, parameter, operand, modifier))
  if (wanted.includes(undefined)) return undefined
  const objects = await objectsMarked(
    context,
    wanted.flatMap((list) => list ?? []),
  )
  return { holders: NOTHING.holders, objects }
}

/** The marks of everything that an operand may match; undefined where not all of it has marks. */
function marksFor(
  { tags }: VaultContext,
  types: readonly string[],
  { code, type }: SearchParameter,
  operand: Operand,
  modifier: ParameterFilter['modifier'],
): readonly Mark[] | undefined {
  if (code === 'identifier' && type === 'token') {
    if (operand.kind === 'of-type') return [marks.value(tags, operand.code)]
    if (operand.kind !== 'token' || operand.code === undefined) return undefined
    const { system } = operand
    if (system === undefined) return [marks.value(tags, operand.code)]
    return [marks.identifier(tags, system, operand.code)]
  }
  if (types.length === 0 || !types.every((one) => isPerson(one) || belongsToSite(one))) {
    return undefined
  }
  if (operand.kind === 'string' && NAME_CODES.includes(code)) {
    if (modifier === 'exact') return [marks.name(tags, operand.exact)]
    const start = marks.nameStart(tags, operand.folded)
    return start && [start]
  }
  if (operand.kind !== 'date' || code !== 'birthdate' || operand.prefix !== 'eq') return undefined
  return birthMarks(tags, operand.range)
}

function birthMarks(tags: VaultContext['tags'], range: DateValue): readonly Mark[] | undefined {
  if (isDay(range)) return [marks.birth(tags, dayOf(range[0]))]
  const [first, last] = [yearOf(range[0]), yearOf(range[1] - 1)]
  if (last - first > YEARS_MAX) return undefined
  return Array.from({ length: last - first + 1 }, (_, at) => marks.birthYear(tags, first + at))
}

/** References `Type/id` that an operand may mean; undefined for those that have no marks. */
function referencesOf(operand: Operand): readonly string[] | undefined {
  if (operand.kind === 'target-id') {
    const { targets, id } = operand
    return targets.length === 0 ? undefined : targets.map((type) => `${type}/${id}`)
  }
  if (operand.kind !== 'reference' || !LOCAL.test(operand.reference)) return undefined
  return [operand.reference.split('/_history/')[0]]
}

/** Everything that refers to one of these: a patient's whole chart, and what has the mark. */
async function byReferences(
  context: VaultContext,
  references: readonly string[],
): Promise<Candidates> {
  const { site, store, tags } = context
  const holders = new Set<Uuid>()
  for (const reference of references.filter((name) => name.startsWith('Patient/'))) {
    const { field, tag } = lookupOfSubject(tags, { kind: 'reference', reference }, site)
    const rows = await store.read(bind(SELECT_LOOKUP, site, LOOKUP_FIELDS[field], tag))
    for (const row of rows) holders.add(idIn(row, 'holder_id'))
  }
  const wanted = references.map((reference) => marks.refers(tags, reference))
  return { holders, objects: await objectsMarked(context, wanted) }
}

/** The resources of these types and ids. */
async function byNames(
  context: VaultContext,
  names: readonly (readonly string[])[],
): Promise<Candidates | undefined> {
  if (names.length === 0 || names.length > LINKS_MAX) return undefined
  const found = await objectsCalled(
    context,
    names.map(([type, id]) => ({ type, id })),
  )
  const left = [...found.values()].filter((object) => !isErased(object))
  return { holders: NOTHING.holders, objects: new Set(left.map(({ id }) => id)) }
}

const NOTHING: Candidates = { holders: new Set(), objects: new Set() }
/** References or names that are looked up one by one. */
const LINKS_MAX = 1000
/** Years of a date of birth that are looked up one by one. */
const YEARS_MAX = 10
/** What a whole chart costs, in single objects. */
const COST_CHART = 4
/** What costs no more than this is not narrowed further. */
const COST_LOW = 8
const LOCAL = /^[A-Z][A-Za-z]+\/[A-Za-z0-9\-.]+(?:\/_history\/[A-Za-z0-9\-.]+)?$/
const blank = new Uint8Array(0)
const SELECT_LOOKUP = statement(
  db
    .selectFrom('vault_lookup')
    .select('holder_id')
    .where('site_id', '=', '')
    .where('field', '=', 0)
    .where('tag', '=', blank),
)
