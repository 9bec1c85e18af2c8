/**
 * From the patients that resources name to the holders of their keys.
 *
 * A patient is known by the references under which resources name it, each belonging to the site
 * that sealed the resource; by its identifiers; and by NHS number and date of birth together, which
 * two sites may use to recognise one person. Whoever is not found becomes a new holder.
 *
 * Looks up and makes rows; commits nothing.
 *
 * @module
 */

import {
  assert,
  bind,
  hex,
  statement,
  uuidOctets,
  type SiteId,
  type Statement,
  type Uuid,
} from '#base'
import {
  identifiersOf,
  NHS_NUMBER_SYSTEM,
  type Identifier,
  type JsonObject,
  type Ownership,
  type Subject,
} from '#health'
import type { VaultContext } from './context.ts'
import type { HolderKey } from './holder-key.ts'
import { idAt, isLongName, meantBy, nameIn } from './names.ts'
import { holdersOfObject } from './objects.ts'
import { damaged, erased, VaultRefusal } from './refusal.ts'
import { idIn, octetsOf } from './rows.ts'
import { db } from './tables.ts'
import { LOOKUP_FIELDS, type LookupField, type Tags } from './tags.ts'
import { tombOf } from './tombs.ts'

/** A resource whose holders are wanted. */
export interface Owned {
  readonly type: string
  readonly id: string
  readonly value: JsonObject
  readonly ownership: Ownership
  /** Site whose references it uses: the one that sealed it. */
  readonly origin: SiteId
}

/** One row of `vault_lookup`, without its holder. */
export interface Lookup {
  readonly field: LookupField
  readonly tag: Uint8Array
}

/** The rows by which a patient's holder is found, as its own resource gives them. */
export function lookupsOfPatient(
  tags: Tags,
  patient: Pick<Owned, 'value' | 'id' | 'origin'>,
): Lookup[] {
  const { value, id, origin } = patient
  const reference = { kind: 'reference', reference: `Patient/${id}` } as const
  const identifiers = identifiersOf(value).flatMap((identifier): Lookup[] => [
    lookupOfIdentifier(tags, identifier),
    { field: 'value', tag: tags.of('value', identifier.value) },
  ])
  return [lookupOfSubject(tags, reference, origin), ...identifiers, ...personOf(tags, value)]
}

/** The row by which a subject that another resource names is found. */
export function lookupOfSubject(tags: Tags, subject: Subject, origin: SiteId): Lookup {
  if (subject.kind === 'identifier') return lookupOfIdentifier(tags, subject.identifier)
  const { reference } = subject
  const name = nameIn(reference)
  // A long name means the same at every site, so that no site is to be found in it.
  if (isLongName(name.id)) return { field: 'reference', tag: tags.of('reference', '', reference) }
  const { origin: of, type, id } = meantBy(origin, name)
  const meant = of === origin ? reference : `${type}/${id}`
  return { field: 'reference', tag: tags.of('reference', of, meant) }
}

/** The row by which a patient of another site is found whose name here is a long one. */
export function lookupAbroad(
  { site, tags }: Pick<VaultContext, 'site' | 'tags'>,
  { id, origin }: Pick<Owned, 'id' | 'origin'>,
): Lookup[] {
  const here = idAt(site, { origin, type: 'Patient', id })
  if (!isLongName(here)) return []
  return [lookupOfSubject(tags, { kind: 'reference', reference: `Patient/${here}` }, site)]
}

/**
 * The holders of each of these resources, in their order: found, or made.
 *
 * @returns keys, which the caller disposes, and the statements that make what is new
 * @throws VaultRefusal `VAULT_TOO_MANY_SUBJECTS`
 */
export async function holdersOf(
  context: VaultContext,
  resources: readonly Owned[],
): Promise<Holders> {
  const holders = new Holders(context, resources)
  try {
    await holders.resolve()
  } catch (error) {
    holders[Symbol.dispose]()
    throw error
  }
  return holders
}

/**
 * The keys of those who hold an object now.
 *
 * @param keys   whose disposal clears them
 */
export async function presentHolders(
  context: VaultContext,
  object: Uuid,
  keys: DisposableStack,
): Promise<readonly HolderKey[]> {
  const held: HolderKey[] = []
  for (const id of await holdersOfObject(context, object)) {
    const key = await context.keyring.keyOf(id)
    if (key === undefined) throw await absentHolder(context, id)
    held.push(keys.use(key))
  }
  return held
}

/** The holders of one import. Owns their keys until it is disposed. */
export class Holders implements Disposable {
  readonly #context: VaultContext
  readonly #resources: readonly Owned[]
  readonly #keys = new Map<Uuid, HolderKey>()
  /** Holders by row of `vault_lookup`: as found, as made. */
  readonly #found = new Map<string, Uuid>()
  /** Tags by subject: thousands of resources name one patient. */
  readonly #lookups = new Map<string, Lookup>()
  readonly #statements: Statement[] = []
  readonly #made = new Set<Uuid>()
  #shared: Uuid | undefined
  #unassigned: Uuid | undefined

  constructor(context: VaultContext, resources: readonly Owned[]) {
    this.#context = context
    this.#resources = resources
  }

  /** Rows for what is new: holders, and how they are found. */
  get statements(): readonly Statement[] {
    return this.#statements
  }

  /** Whether this import made the holder. */
  isNew(id: Uuid): boolean {
    return this.#made.has(id)
  }

  /** The patients among the holders. */
  patients(): HolderKey[] {
    return [...this.#keys.values()].filter(({ holder }) => holder.kind === 'patient')
  }

  /** The keys under which a resource is wrapped; at least one. */
  of(resource: Owned): readonly HolderKey[] {
    const { ownership, origin } = resource
    const ids =
      ownership.kind === 'patients'
        ? ownership.subjects.map((subject) => this.#holderOf(subject, origin))
        : [ownership.kind === 'shared' ? this.#shared : this.#unassigned]
    return [...new Set(ids)].map((id) => {
      const key = id === undefined ? undefined : this.#keys.get(id)
      assert(key !== undefined, 'every owner has been resolved')
      return key
    })
  }

  /** Finds or makes the holders of all resources. */
  async resolve(): Promise<void> {
    const { tags } = this.#context
    const patients = this.#resources.filter(({ type }) => type === 'Patient')
    const named = this.#resources.flatMap(({ ownership, origin }) => {
      if (ownership.kind !== 'patients') return []
      checkSubjects(ownership)
      return ownership.subjects.map((subject) => this.#lookupOf(subject, origin))
    })
    const persons = patients.flatMap(({ value }) => personOf(tags, value))
    const abroad = patients.flatMap((patient) => lookupAbroad(this.#context, patient))
    await this.#find([...named, ...abroad, ...persons])
    for (const patient of patients) this.#settlePatient(patient)
    for (const { ownership, origin } of this.#resources) {
      if (ownership.kind !== 'patients') continue
      for (const subject of ownership.subjects) this.#settleSubject(subject, origin)
    }
    await this.#loadKeys()
  }

  /** A patient's own resource: known by reference, or as a person, or new. */
  #settlePatient(patient: Owned): void {
    const lookups = lookupsOfPatient(this.#context.tags, patient)
    const person = lookups.find(({ field }) => field === 'person')
    const abroad = lookupAbroad(this.#context, patient)
    const names = [lookups[0], ...abroad, ...(person === undefined ? [] : [person])]
    const known = names.flatMap((lookup) => this.#foundFor(lookup) ?? []).at(0)
    const id = known ?? this.#make(patient.origin)
    for (const lookup of [...lookups, ...abroad]) this.#note(lookup, id)
  }

  #settleSubject(subject: Subject, origin: SiteId): void {
    const lookup = this.#lookupOf(subject, origin)
    this.#note(lookup, this.#foundFor(lookup) ?? this.#make(origin))
  }

  /** Remembers how a holder is found, and writes the row unless it is known to be there. */
  #note(lookup: Lookup, id: Uuid): void {
    const name = nameOf(lookup)
    if (this.#found.get(name) === id) return
    this.#found.set(name, id)
    const { site } = this.#context
    this.#statements.push(insertLookup(site, lookup, id))
  }

  #make(origin: SiteId): Uuid {
    const { keyring, clock, random } = this.#context
    const about = { kind: 'patient', origin, since: clock.now() } as const
    const { key, statement: made } = keyring.newHolder(about, random)
    const { id } = key.holder
    this.#keys.set(id, key)
    this.#made.add(id)
    this.#statements.push(made)
    return id
  }

  /** Looks up rows, some hundred a statement. Of several holders the first in order is taken. */
  async #find(lookups: readonly Lookup[]): Promise<void> {
    const { site, store } = this.#context
    for (const field of ['reference', 'identifier', 'person'] as const) {
      const ofField = lookups.filter((lookup) => lookup.field === field)
      const tags = [...new Map(ofField.map((lookup) => [hex(lookup.tag), lookup.tag])).values()]
      for (let at = 0; at < tags.length; at += TAGS_A_QUERY) {
        const query = db
          .selectFrom('vault_lookup')
          .select(['tag', 'holder_id'])
          .where('site_id', '=', site)
          .where('field', '=', LOOKUP_FIELDS[field])
          .where('tag', 'in', tags.slice(at, at + TAGS_A_QUERY))
          .orderBy('holder_id', 'desc')
        for (const row of await store.read(statement(query))) {
          const name = nameOf({ field, tag: octetsOf(row, 'tag') })
          this.#found.set(name, idIn(row, 'holder_id'))
        }
      }
    }
  }

  async #loadKeys(): Promise<void> {
    const { keyring } = this.#context
    const kinds = new Set(this.#resources.map(({ ownership }) => ownership.kind))
    for (const kind of ['shared', 'unassigned'] as const) {
      if (!kinds.has(kind)) continue
      const key = await keyring.siteHolder(kind)
      this.#keys.set(key.holder.id, key)
      if (kind === 'shared') this.#shared = key.holder.id
      else this.#unassigned = key.holder.id
    }
    for (const { ownership, origin } of this.#resources) {
      if (ownership.kind !== 'patients') continue
      for (const subject of ownership.subjects) {
        const id = this.#holderOf(subject, origin)
        if (this.#keys.has(id)) continue
        const key = await keyring.keyOf(id)
        if (key === undefined) throw await absentHolder(this.#context, id)
        this.#keys.set(id, key)
      }
    }
  }

  #holderOf(subject: Subject, origin: SiteId): Uuid {
    const id = this.#foundFor(this.#lookupOf(subject, origin))
    assert(id !== undefined, 'every subject has been settled')
    return id
  }

  #lookupOf(subject: Subject, origin: SiteId): Lookup {
    const name = JSON.stringify([origin, subject])
    const lookup = this.#lookups.get(name) ?? lookupOfSubject(this.#context.tags, subject, origin)
    this.#lookups.set(name, lookup)
    return lookup
  }

  #foundFor(lookup: Lookup): Uuid | undefined {
    return this.#found.get(nameOf(lookup))
  }

  [Symbol.dispose](): void {
    for (const key of this.#keys.values()) key[Symbol.dispose]()
  }
}

/** NHS number and date of birth, where a patient has both: the same for two sites. */
function personOf(tags: Tags, patient: JsonObject): Lookup[] {
  const birthDate = patient['birthDate']
  if (typeof birthDate !== 'string' || birthDate.length !== FULL_DATE_CHARACTERS) return []
  return identifiersOf(patient)
    .filter(({ system }) => system === NHS_NUMBER_SYSTEM)
    .map(({ value }) => ({ field: 'person', tag: tags.of('person', value, birthDate) }))
}

const lookupOfIdentifier = (tags: Tags, { system, value }: Identifier): Lookup => ({
  field: 'identifier',
  tag: tags.of('identifier', system, value),
})

/** @throws VaultRefusal `VAULT_TOO_MANY_SUBJECTS` */
export function checkSubjects(ownership: Ownership): void {
  const subjects = ownership.kind === 'patients' ? ownership.subjects.length : 0
  if (subjects <= SUBJECTS_MAX) return
  throw new VaultRefusal(
    'VAULT_TOO_MANY_SUBJECTS',
    `Expected a resource about at most ${SUBJECTS_MAX} patients, got ${subjects}`,
    { facts: { subjects } },
  )
}

/** Why a holder who is named has no key: erased, or missing. */
const absentHolder = async (context: VaultContext, id: Uuid): Promise<VaultRefusal> =>
  (await tombOf(context, id)) === undefined
    ? damaged(`vault_holder ${id}`, 'the row is missing')
    : erased('patient')

/** The row by which a holder is found, once however often it is written. */
export const insertLookup = (site: SiteId, { field, tag }: Lookup, holder: Uuid): Statement =>
  bind(INSERT_LOOKUP, site, LOOKUP_FIELDS[field], tag, uuidOctets(holder))

/** A text that names a row of `vault_lookup`, without its holder. */
export const nameOf = ({ field, tag }: Lookup): string => `${field} ${hex(tag)}`

/** Patients that one resource may be about: each has a wrap of its data key. */
export const SUBJECTS_MAX = 32
const TAGS_A_QUERY = 400
const blank = new Uint8Array(0)
const FULL_DATE_CHARACTERS = 10
const INSERT_LOOKUP = statement(
  db
    .insertInto('vault_lookup')
    .values({ site_id: '', field: 0, tag: blank, holder_id: blank })
    .onConflict((conflict) => conflict.doNothing()),
)

/** The holders that a tag leads to, in the order of their ids. */
export async function holdersTagged(
  { site, store }: Pick<VaultContext, 'site' | 'store'>,
  field: LookupField,
  tag: Uint8Array,
): Promise<readonly Uuid[]> {
  const rows = await store.read(bind(SELECT_TAGGED, site, LOOKUP_FIELDS[field], tag))
  return rows.map((row) => idIn(row, 'holder_id'))
}

const SELECT_TAGGED = statement(
  db
    .selectFrom('vault_lookup')
    .select('holder_id')
    .where('site_id', '=', '')
    .where('field', '=', 0)
    .where('tag', '=', new Uint8Array(0))
    .orderBy('holder_id'),
)
