/**
 * Marks: keyed tags by which objects are found without knowing whose they are.
 *
 * Only what is rare enough to say little has marks: identifiers, the beginnings of people's names,
 * dates of birth, references. Codes, states, sexes and measured values have none: they are looked
 * for inside charts. A mark of eight octets leads to candidates, each of which is opened and
 * compared; what equal marks show to whoever has the rows stands in docs/internals/vault.md.
 *
 * What belongs to the whole site (hospitals, staff, places) has no marks: all of it is one chart.
 *
 * @module
 */

import {
  bind,
  hex,
  statement,
  uuidOctets,
  type SiteId,
  type Statement,
  type Store,
  type Uuid,
} from '#base'
import { fold, localReferences, searchParametersOf, type DateValue, type TokenValue } from '#health'
import type { ChartEntry } from './chart-page.ts'
import { isForeignId, isLongName, nameIn } from './names.ts'
import { idIn, numberOf, octetsOf } from './rows.ts'
import { db } from './tables.ts'
import type { MarkField, Tags } from './tags.ts'

/** Fields of `vault_mark`. The number stands in the row. */
export const MARK_FIELDS: Readonly<Record<MarkField, number>> = {
  'mark-identifier': 1,
  'mark-value': 2,
  'mark-name': 3,
  'mark-name-start': 4,
  'mark-birth': 5,
  'mark-birth-year': 6,
  'mark-refers': 7,
  'mark-stray': 8,
  'mark-foreign': 9,
  'mark-linked': 10,
}

/** One row of `vault_mark`, without its object. */
export interface Mark {
  readonly field: MarkField
  readonly tag: Uint8Array
}

/** How each field is asked for. Texts are compared as search compares them. */
export const marks = {
  identifier: (tags: Tags, system: string | null, code: string): Mark =>
    markOf(tags, 'mark-identifier', system ?? '', code.toLowerCase()),
  value: (tags: Tags, code: string): Mark => markOf(tags, 'mark-value', code.toLowerCase()),
  name: (tags: Tags, name: string): Mark => markOf(tags, 'mark-name', fold(name)),
  /** Undefined for a beginning too short to have a mark. */
  nameStart: (tags: Tags, folded: string): Mark | undefined => {
    const start = Array.from(folded).slice(0, START_LETTERS)
    return start.length < START_LETTERS
      ? undefined
      : markOf(tags, 'mark-name-start', start.join(''))
  },
  /** @param day   days since 1970 */
  birth: (tags: Tags, day: number): Mark => markOf(tags, 'mark-birth', String(day)),
  birthYear: (tags: Tags, year: number): Mark => markOf(tags, 'mark-birth-year', String(year)),
  /** @param reference   `Type/id` */
  refers: (tags: Tags, reference: string): Mark => markOf(tags, 'mark-refers', reference),
  stray: (tags: Tags, type: string): Mark => markOf(tags, 'mark-stray', type),
  /** @param reference   `Type/id`, with an id of which only this mark tells what it stands for */
  foreign: (tags: Tags, reference: string): Mark => markOf(tags, 'mark-foreign', reference),
  /** @param reference   to a patient of another site, whose record one of ours is linked to */
  linked: (tags: Tags, reference: string): Mark => markOf(tags, 'mark-linked', reference),
}

/**
 * The marks of an entry in a patient's chart; each once.
 *
 * @param isStray   whether resources of this type belong to the site, and this one to a patient
 */
export function marksOf(tags: Tags, entry: ChartEntry, isStray: boolean): readonly Mark[] {
  const found: Mark[] = []
  for (const [system, code] of (entry.values.get('identifier') ?? []) as readonly TokenValue[]) {
    if (code !== null) found.push(marks.identifier(tags, system, code), marks.value(tags, code))
  }
  if (isPerson(entry.type)) found.push(...personMarks(tags, entry))
  if (entry.type === 'Patient') {
    const abroad = localReferences(entry, 'link').filter((to) => isForeignId(nameIn(to).id))
    found.push(...abroad.map((to) => marks.linked(tags, to)))
  }
  const references = new Set<string>()
  for (const [code, { type }] of searchParametersOf(entry.type)) {
    if (type !== 'reference') continue
    for (const to of localReferences(entry, code)) if (isMarked(to)) references.add(to)
  }
  for (const to of references) found.push(marks.refers(tags, to))
  if (isStray) found.push(marks.stray(tags, entry.type))
  found.push(...nameMarks(tags, entry))
  return [...new Map(found.map((mark) => [nameOfMark(mark), mark])).values()]
}

/** The mark of a name that does not say itself what it stands for. */
export const nameMarks = (tags: Tags, { type, id }: ChartEntry): readonly Mark[] =>
  isLongName(id) ? [marks.foreign(tags, `${type}/${id}`)] : []

function personMarks(tags: Tags, { values }: ChartEntry): Mark[] {
  const names = NAME_CODES.flatMap((code) => (values.get(code) ?? []) as readonly string[])
  const born = (values.get('birthdate') ?? []) as readonly DateValue[]
  return [
    ...names.map((name) => marks.name(tags, name)),
    ...names.flatMap((name) => marks.nameStart(tags, fold(name)) ?? []),
    ...born.filter(isDay).map(([low]) => marks.birth(tags, dayOf(low))),
    ...born.map(([low]) => marks.birthYear(tags, yearOf(low))),
  ]
}

/** What a reference by this site's own ids leads to; URNs and other servers have no marks. */
const isMarked = (reference: string): boolean => /^[A-Z][A-Za-z]+\/[A-Za-z0-9\-.]+$/.test(reference)

/** Whether an interval is one day. */
export const isDay = ([low, high]: DateValue): boolean => high - low === DAY

export const dayOf = (ms: number): number => Math.floor(ms / DAY)

/** The year of a time, by the mean length of a year: one day off at most, alike on both sides. */
export const yearOf = (ms: number): number => Math.floor(ms / MEAN_YEAR)

/** Objects that have one of these marks. */
export async function objectsMarked(
  { site, store }: { readonly site: SiteId; readonly store: Store },
  anyOf: readonly Mark[],
): Promise<ReadonlySet<Uuid>> {
  const found = new Set<Uuid>()
  for (const { field, tag } of anyOf) {
    const rows = await store.read(bind(SELECT_MARKED, site, MARK_FIELDS[field], tag))
    for (const row of rows) found.add(idIn(row, 'object_id'))
  }
  return found
}

/** The marks that an object has, as stored: names as of `nameOfMark`. */
export async function storedMarks(
  { site, store }: { readonly site: SiteId; readonly store: Store },
  object: Uuid,
): Promise<readonly string[]> {
  const rows = await store.read(bind(SELECT_OF_OBJECT, site, uuidOctets(object)))
  return rows.map((row) => `${numberOf(row, 'field')} ${hex(octetsOf(row, 'tag'))}`)
}

export const nameOfMark = ({ field, tag }: Mark): string => `${MARK_FIELDS[field]} ${hex(tag)}`

export const insertMark = (site: SiteId, { field, tag }: Mark, object: Uuid): Statement =>
  bind(INSERT_MARK, site, MARK_FIELDS[field], tag, uuidOctets(object))

export const deleteMarks = (site: SiteId, object: Uuid): Statement =>
  bind(DELETE_MARKS, site, uuidOctets(object))

const markOf = (tags: Tags, field: MarkField, ...texts: readonly string[]): Mark => ({
  field,
  tag: tags.of(field, ...texts),
})

/** Letters of a name that have a mark: three say little of a name and leave few to be opened. */
export const START_LETTERS = 3
const PEOPLE: readonly string[] = ['Patient', 'RelatedPerson', 'Person']
/** Whether names and dates of birth of this type have marks. */
export const isPerson = (type: string): boolean => PEOPLE.includes(type)
/** Search parameters whose texts are names of people. */
export const NAME_CODES: readonly string[] = ['name', 'family', 'given', 'phonetic']
const DAY = 86_400_000
const MEAN_YEAR = 365.2425 * DAY
const blank = new Uint8Array(0)
const SELECT_MARKED = statement(
  db
    .selectFrom('vault_mark')
    .select('object_id')
    .where('site_id', '=', '')
    .where('field', '=', 0)
    .where('tag', '=', blank),
)
const SELECT_OF_OBJECT = statement(
  db
    .selectFrom('vault_mark')
    .select(['field', 'tag'])
    .where('site_id', '=', '')
    .where('object_id', '=', blank),
)
const INSERT_MARK = statement(
  db
    .insertInto('vault_mark')
    .values({ site_id: '', field: 0, tag: blank, object_id: blank })
    .onConflict((conflict) => conflict.doNothing()),
)
const DELETE_MARKS = statement(
  db.deleteFrom('vault_mark').where('site_id', '=', '').where('object_id', '=', blank),
)
