/**
 * Reading what is stored: one record, a patient's whole record, lists of patients and items.
 *
 * Every reading is in the log before anything is given out. A patient appears there only under a
 * salt that means nothing once the patient's key is gone.
 *
 * Decides nothing about who may read what: that is asked before.
 *
 * @module
 */

import { bind, hex, statement, uuidOctets, type EpochMs, type SiteId, type Uuid } from '#base'
import { identifiersOf, NHS_NUMBER_SYSTEM } from '#health'
import { isGone, resourceOf, type Body } from './body.ts'
import type { VaultContext } from './context.ts'
import type { HolderKey } from './holder-key.ts'
import { HOLDER_KINDS } from './keys.ts'
import {
  everyObjectOf,
  holdersOfObject,
  isErased,
  objectByIdentity,
  objectsOfPart,
  STONE,
  versionsOf,
  type StoredObject,
} from './objects.ts'
import type { ItemProtection } from './origins.ts'
import { openVersion, readNewest, readVersion, type VerifiedVersion } from './reading.ts'
import { damaged, erased, VaultRefusal } from './refusal.ts'
import { idIn, numberOf, siteIn, timeIn } from './rows.ts'
import { db } from './tables.ts'
import { holdersTagged } from './subjects.ts'
import { identityOf } from './tags.ts'
import { tombOf } from './tombs.ts'
import { trailEntries, versionName } from './trail.ts'

/** One stored version, without its content. */
export interface Item {
  readonly object: Uuid
  readonly version: number
  /** Octets of the sealed container. */
  readonly octets: number
  /** Hash by which its group lists it, hexadecimal. */
  readonly hash: string
  /** Site that sealed it. */
  readonly origin: SiteId
  /** When it was written here. */
  readonly storedAt: EpochMs
  /** Each way it took from site to site, oldest first; empty for what was imported here. */
  readonly protections: readonly ItemProtection[]
}

/** One record, opened. */
export interface OpenedRecord extends Body {
  readonly object: Uuid
  readonly version: number
}

/** A patient whose record is here. */
export interface PatientEntry {
  /** Our own random id. */
  readonly patient: Uuid
  /** Objects of the record. */
  readonly items: number
  /** Site that sealed the first of them. */
  readonly origin: SiteId
  readonly since: EpochMs
}

/** The newest version of a resource. @throws VaultRefusal `VAULT_NOT_FOUND`, `VAULT_DAMAGED` */
export async function readRecord(
  context: VaultContext,
  about: { readonly type: string; readonly id: string; readonly origin?: SiteId },
  actor: string,
): Promise<OpenedRecord> {
  const { site, store, tags } = context
  const { type, id } = about
  const identity = identityOf(tags, about.origin ?? site, about)
  const object = await objectByIdentity(context, identity)
  if (object === undefined) throw notFound('record')
  if (isErased(object)) throw erased('record')
  const verified = await readVersion(context, object)
  using key = await openerOf(context, object)
  const body = openVersion(verified, key)
  if (isGone(body)) throw notFound('record')
  const { version } = verified
  const touched = { key, data: [versionName({ type, id, version })] }
  await store.commit(trailEntries(context, { kind: 'vault.opened', actor, act: 'open' }, [touched]))
  return { ...body, object: object.id, version }
}

/** A patient's whole record, opened, object by object. @throws VaultRefusal */
export async function* readPatient(
  context: VaultContext,
  patient: Uuid,
  actor: string,
): AsyncGenerator<OpenedRecord> {
  using key = await patientKey(context, patient)
  const deed = { kind: 'vault.opened', actor, act: 'all' } as const
  await context.store.commit(trailEntries(context, deed, [{ key }]))
  for await (const held of everyObjectOf(context, patient)) {
    const verified = await readNewest(context, held)
    const { object, version } = verified
    const body = openVersion(verified, key)
    if (!isGone(body)) yield { ...body, object, version }
  }
}

/** What a patient's record consists of, verified but not opened. @throws VaultRefusal */
export async function* itemsOf(
  context: VaultContext,
  patient: Uuid,
  actor: string,
): AsyncGenerator<Item> {
  using key = await patientKey(context, patient)
  const deed = { kind: 'vault.listed', actor, act: 'list' } as const
  await context.store.commit(trailEntries(context, deed, [{ key }]))
  for await (const held of everyObjectOf(context, patient)) {
    yield itemOf(await readNewest(context, held))
  }
}

/** One item, the newest version unless another is asked for. @throws VaultRefusal */
export async function showItem(
  context: VaultContext,
  object: StoredObject | undefined,
  version?: number,
): Promise<Item> {
  if (object === undefined) throw notFound('item')
  if (isErased(object)) throw erased('item')
  // Of what came from another site there need not be every version; the newest must be there.
  if (version !== undefined && version !== object.newest) {
    const numbers = await versionsOf(context, object.id)
    if (!numbers.includes(version)) throw notFound('item')
  }
  return itemOf(await readVersion(context, object, version))
}

/** Which patients to list. */
export interface PatientPage {
  /** Only those after this one, in order of their random ids. */
  readonly after?: Uuid
  /** Only this one, if it is here. */
  readonly at?: Uuid
  /** At most so many; `PATIENTS_A_PAGE` unless said. */
  readonly limit?: number
}

/** Patients in order of their random ids. */
export async function listPatients(
  context: VaultContext,
  { after, at, limit = PATIENTS_A_PAGE }: PatientPage,
): Promise<readonly PatientEntry[]> {
  const { site, store } = context
  const most = Math.min(Math.max(1, limit), PATIENTS_A_PAGE)
  const query =
    at === undefined
      ? bind(SELECT_PATIENTS, site, HOLDER_KINDS.patient, octetsOrNone(after), most)
      : bind(SELECT_PATIENT, site, HOLDER_KINDS.patient, uuidOctets(at))
  return (await store.read(query)).map((row) => ({
    patient: idIn(row, 'holder_id'),
    items: numberOf(row, 'items'),
    origin: siteIn(row, 'origin'),
    since: timeIn(row, 'made_at'),
  }))
}

/**
 * Patients who have this identifier now.
 *
 * Tags find candidates; each candidate's own resources are opened and compared, and the search is
 * logged for those who have it.
 *
 * @param identifier.system   the system's URL; without it any system counts
 */
export async function findPatients(
  context: VaultContext,
  identifier: { readonly system?: string; readonly value: string },
  actor: string,
): Promise<readonly Uuid[]> {
  const { site, store, tags } = context
  const { system } = identifier
  const spaced = identifier.value.trim()
  const value = system === NHS_NUMBER_SYSTEM ? spaced.replaceAll(/[\s-]/g, '') : spaced
  const field = system === undefined ? 'value' : 'identifier'
  const tag = tags.of(field, ...(system === undefined ? [] : [system]), value)
  const found: Uuid[] = []
  for (const patient of await holdersTagged({ site, store }, field, tag)) {
    using key = await patientKey(context, patient)
    if (!(await hasIdentifier(context, key, { system, value }))) continue
    const deed = { kind: 'vault.found', actor, act: 'find' } as const
    await store.commit(trailEntries(context, deed, [{ key }]))
    found.push(patient)
  }
  return found
}

/** The key of a patient. @throws VaultRefusal `VAULT_NOT_FOUND`, `VAULT_ERASED` */
export async function patientKey(context: VaultContext, patient: Uuid): Promise<HolderKey> {
  const key = await context.keyring.keyOf(patient)
  if (key?.holder.kind === 'patient') return key
  key?.[Symbol.dispose]()
  if (key === undefined && (await tombOf(context, patient)) !== undefined) throw erased('patient')
  throw notFound('patient')
}

/** How many patients and objects are here. */
export async function countRecords(
  context: VaultContext,
): Promise<{ readonly patients: number; readonly items: number }> {
  const { site, store } = context
  const [patients] = await store.read(bind(COUNT_PATIENTS, site, HOLDER_KINDS.patient))
  const [items] = await store.read(bind(COUNT_OBJECTS, site, STONE))
  return { patients: numberOf(patients, 'count'), items: numberOf(items, 'count') }
}

/** What is shown of a verified version. */
export const itemOf = (verified: VerifiedVersion): Item => ({
  object: verified.object,
  version: verified.version,
  octets: verified.container.length,
  hash: hex(verified.hash),
  origin: verified.tenant,
  storedAt: verified.storedAt,
  protections: verified.origin?.protections ?? [],
})

/** The key of any holder of an object. */
export async function openerOf(context: VaultContext, object: StoredObject): Promise<HolderKey> {
  for (const id of await holdersOfObject(context, object.id)) {
    const key = await context.keyring.keyOf(id)
    if (key !== undefined) return key
  }
  throw damaged(`vault_holding ${object.id}`, 'no holder of the object is left')
}

async function hasIdentifier(
  context: VaultContext,
  key: HolderKey,
  wanted: { readonly system: string | undefined; readonly value: string },
): Promise<boolean> {
  for await (const held of objectsOfPart(context, key.holder.id, 'self')) {
    const body = openVersion(await readNewest(context, held), key)
    if (isGone(body)) continue
    const has = identifiersOf(resourceOf(body)).some(
      ({ system, value }) =>
        value === wanted.value && (wanted.system === undefined || system === wanted.system),
    )
    if (has) return true
  }
  return false
}

const octetsOrNone = (id: Uuid | undefined): Uint8Array =>
  id === undefined ? blank : uuidOctets(id)

const notFound = (what: 'record' | 'item' | 'patient'): VaultRefusal =>
  new VaultRefusal('VAULT_NOT_FOUND', `There is no such ${what}`)

/** Patients in one page. */
export const PATIENTS_A_PAGE = 1000
const blank = new Uint8Array(0)
const PATIENTS = db
  .selectFrom('vault_holder as holder')
  .select(['holder.holder_id', 'holder.origin', 'holder.made_at'])
  .select((select) =>
    select
      .selectFrom('vault_holding as held')
      .select((count) => count.fn.countAll<number>().as('count'))
      .whereRef('held.site_id', '=', 'holder.site_id')
      .whereRef('held.holder_id', '=', 'holder.holder_id')
      .as('items'),
  )
  .where('holder.site_id', '=', '')
  .where('holder.kind', '=', 0)
const SELECT_PATIENTS = statement(
  PATIENTS.where('holder.holder_id', '>', blank).orderBy('holder.holder_id').limit(PATIENTS_A_PAGE),
)
const SELECT_PATIENT = statement(PATIENTS.where('holder.holder_id', '=', blank))
const COUNT_PATIENTS = statement(
  db
    .selectFrom('vault_holder')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('site_id', '=', '')
    .where('kind', '=', 0),
)
const COUNT_OBJECTS = statement(
  db
    .selectFrom('vault_object')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('site_id', '=', '')
    .where('newest', '>', 0),
)
