/**
 * Erasure: a patient's key is destroyed, and with it every version of the record in every copy.
 *
 * In order: a signed tomb is made durable beside the database; one commit takes away the key, every
 * version that nobody else holds, the index and whatever leads to the patient, and logs it; files of
 * containers are removed; the site key is changed, so that older copies of the database do not give
 * the patient's key back. A crash anywhere is made good when the vault opens next, and so is a
 * database that was put back from before: the tomb beside it says what must not be.
 *
 * A resource about several patients stays as theirs: it cannot be cut without breaking the signature
 * over it. It goes with the last of them.
 *
 * @module
 */

import {
  base64,
  bind,
  hex,
  statement,
  uuidOctets,
  type EpochMs,
  type SiteId,
  type Statement,
  type Uuid,
} from '#base'
import { blobPath, removeBlobs } from './blobs.ts'
import { storedVerifiersOf, type VaultContext } from './context.ts'
import { requireUnheldBy } from './holds.ts'
import type { HolderKey } from './holder-key.ts'
import { everyObjectOf, holdersOfObject, isErased, objectById, STONE } from './objects.ts'
import { part } from './parting.ts'
import { patientKey } from './records.ts'
import { damaged } from './refusal.ts'
import { rotate } from './rotating.ts'
import { octetsOf } from './rows.ts'
import { db } from './tables.ts'
import { LOOKUP_FIELDS } from './tags.ts'
import {
  everyTomb,
  insertTomb,
  isTombSigned,
  keepTomb,
  keptTombs,
  readTomb,
  signTomb,
  tombHash,
  tombOf,
  type ErasureCause,
  type Tomb,
} from './tombs.ts'
import { trailEntries } from './trail.ts'

/** What was erased. */
export interface Erased {
  readonly patient: Uuid
  readonly at: EpochMs
  readonly cause: ErasureCause
  /** Objects that are no more. */
  readonly objects: readonly Uuid[]
  /** The site's signed word for it. */
  readonly tomb: Tomb
}

/** Why, and who says so. */
export interface ErasureOrder {
  readonly cause: ErasureCause
  readonly actor: string
}

/**
 * Erases a patient, for good. To be run while no other write of the vault is prepared.
 *
 * @throws VaultRefusal `VAULT_NOT_FOUND`, `VAULT_HELD`; `VAULT_ERASED` if it was done before
 */
export async function erase(
  context: VaultContext,
  patient: Uuid,
  order: ErasureOrder,
): Promise<Erased> {
  using key = await patientKey(context, patient)
  await requireUnheldBy(context, [patient], 'erased')
  return await destroy(context, key, order)
}

/**
 * Erases these objects of a patient; what stays goes to a new holder.
 *
 * @param about.also   statements for the commit in which something stays, which names the new holder
 * @returns undefined if the patient holds none of them
 * @throws VaultRefusal `VAULT_HELD`
 */
export async function eraseObjects(
  context: VaultContext,
  patient: Uuid,
  about: ErasureOrder & {
    readonly objects: ReadonlySet<Uuid>
    readonly also: (heir: Uuid) => readonly Statement[]
  },
): Promise<Erased | undefined> {
  using key = await patientKey(context, patient)
  const own = await ownObjects(context, patient)
  const leaving = new Set(own.filter((object) => about.objects.has(object)))
  if (leaving.size === 0) return undefined
  await requireUnheldBy(context, [patient], 'erased')
  let isPart = false
  for await (const { object } of everyObjectOf(context, patient)) {
    isPart ||= !leaving.has(object.id)
  }
  if (isPart) await part(context, key, { ...about, leaving })
  return await destroy(context, key, about)
}

async function destroy(
  context: VaultContext,
  key: HolderKey,
  { cause, actor }: ErasureOrder,
): Promise<Erased> {
  const { site, disk, clock, signer } = context
  const { id: patient } = key.holder
  const objects = await ownObjects(context, patient)
  const at = clock.now()
  const tomb = signTomb({ site, holder: patient, at, cause, objects }, signer)
  await keepTomb(disk, patient, tomb)
  await bury(context, key, { tomb, actor })
  await rotate(context, actor)
  return { patient, at, cause, objects, tomb }
}

/** What was erased here of some objects. */
export interface Burials {
  /** The patients of this site whom they belonged to. */
  readonly patients: readonly Uuid[]
  /** How many of the objects are no more. */
  readonly objects: number
  /** When the last of them was erased; undefined if none was. */
  readonly at: EpochMs | undefined
}

/** What was erased here of these objects, by the tombs of this site. */
export async function burialsOf(
  context: Pick<VaultContext, 'site' | 'store'>,
  objects: ReadonlySet<Uuid>,
): Promise<Burials> {
  const patients: Uuid[] = []
  const gone = new Set<Uuid>()
  let at: EpochMs | undefined
  for await (const { holder, tomb } of everyTomb(context)) {
    const body = readTomb(tomb)
    const named = body.objects.filter((object) => objects.has(object))
    if (named.length === 0) continue
    patients.push(holder)
    for (const object of named) gone.add(object)
    if (at === undefined || body.at > at) at = body.at
  }
  return { patients, objects: gone.size, at }
}

/** Brings to an end what a tomb beside the database says was begun: called before a vault serves. */
export async function finishErasures(context: VaultContext): Promise<void> {
  const { site, store, keyring } = context
  for (const tomb of await keptTombs(context.disk)) {
    const { holder } = readTomb(tomb)
    if (!isTombSigned(tomb, storedVerifiersOf(context)(site))) {
      throw damaged(`tombs/${holder}`, 'the signatures do not hold')
    }
    using key = await keyring.readerOf(holder)
    if (key === undefined) {
      const isThere = (await tombOf(context, holder)) !== undefined
      if (!isThere) await store.commit([insertTomb(site, readTomb(tomb), tomb)])
      continue
    }
    const whole = await withAll(context, tomb)
    await bury(context, key, { tomb: whole, actor: site })
    await rotate(context, site)
  }
}

/** A tomb that names all that a database from before the erasure holds of the patient alone. */
async function withAll(context: VaultContext, tomb: Tomb): Promise<Tomb> {
  const body = readTomb(tomb)
  const objects = new Set([...body.objects, ...(await ownObjects(context, body.holder))])
  if (objects.size === body.objects.length) return tomb
  const whole = signTomb({ ...body, objects: [...objects] }, context.signer)
  await keepTomb(context.disk, body.holder, whole)
  return whole
}

/** What an erasure of a patient at this site has left, or undefined. */
export async function erasedOf(
  context: Pick<VaultContext, 'site' | 'store'>,
  patient: Uuid,
): Promise<Erased | undefined> {
  const tomb = await tombOf(context, patient)
  if (tomb === undefined) return undefined
  const { at, cause, objects } = readTomb(tomb)
  return { patient, at, cause, objects, tomb }
}

/** Those of some objects that are here and were sealed elsewhere, with their holders. */
export async function foreignAmong(
  context: Pick<VaultContext, 'site' | 'store'>,
  objects: Iterable<Uuid>,
): Promise<ReadonlyMap<Uuid, readonly Uuid[]>> {
  const found = new Map<Uuid, readonly Uuid[]>()
  for (const id of objects) {
    const object = await objectById(context, id)
    if (object === undefined || isErased(object) || object.origin === context.site) continue
    found.set(id, await holdersOfObject(context, id))
  }
  return found
}

/** The commit of an erasure, and what follows from it on the disk and in memory. */
async function bury(
  context: VaultContext,
  key: HolderKey,
  { tomb, actor }: { tomb: Tomb; actor: string },
): Promise<void> {
  const { site, store, disk, keyring, charts, versions, surveys } = context
  const { id } = key.holder
  const body = readTomb(tomb)
  // Of a database from before the erasure, what is the patient's alone now.
  const objects = await ownObjects(context, id)
  const files = await filesOf(context, objects)
  const facts = { cause: body.cause, items: objects.length, tomb: base64(tombHash(tomb)) }
  const holder = uuidOctets(id)
  await store.commit([
    insertTomb(site, body, tomb),
    ...objects.flatMap((object) => stoneOf(site, object)),
    ...HOLDER_ROWS.map((query) => bind(query, site, holder)),
    bind(DELETE_LOOKUPS, site, holder, LOOKUP_FIELDS.reference),
    ...trailEntries(context, { kind: 'vault.erased', actor, act: 'erase', facts }, [{ key }]),
  ])
  charts.forget(id)
  versions.forget(id)
  surveys.forget(id)
  keyring.forget(id)
  await removeBlobs(disk, files)
}

/** Objects that nobody but the patient holds. */
async function ownObjects(context: VaultContext, patient: Uuid): Promise<readonly Uuid[]> {
  const objects: Uuid[] = []
  for await (const { object } of everyObjectOf(context, patient)) {
    if ((await holdersOfObject(context, object.id)).length === 1) objects.push(object.id)
  }
  return objects.toSorted()
}

/** Takes away everything of an object but the bare row that says it was. */
const stoneOf = (site: SiteId, object: Uuid): readonly Statement[] => [
  ...OBJECT_ROWS.map((query) => bind(query, site, uuidOctets(object))),
  bind(MAKE_STONE, STONE, blank, site, uuidOctets(object)),
]

/** Paths of the containers that lie in files. */
async function filesOf(
  { site, store }: VaultContext,
  objects: readonly Uuid[],
): Promise<readonly string[]> {
  const paths = new Map<string, string>()
  for (let from = 0; from < objects.length; from += IDS_A_QUERY) {
    const some = objects.slice(from, from + IDS_A_QUERY).map(uuidOctets)
    const query = db
      .selectFrom('vault_edition')
      .select('hash')
      .where('site_id', '=', site)
      .where('object_id', 'in', some)
      .where('container', 'is', null)
    for (const row of await store.read(statement(query))) {
      const hash = octetsOf(row, 'hash')
      paths.set(hex(hash), blobPath(hash))
    }
  }
  return [...paths.values()]
}

const IDS_A_QUERY = 400
const blank = new Uint8Array(0)
const OBJECT_ROWS = (['vault_edition', 'vault_origin', 'vault_mark'] as const).map((table) =>
  statement(db.deleteFrom(table).where('site_id', '=', '').where('object_id', '=', blank)),
)
const HOLDER_ROWS = (['vault_holding', 'vault_chart', 'vault_page', 'vault_holder'] as const).map(
  (table) =>
    statement(db.deleteFrom(table).where('site_id', '=', '').where('holder_id', '=', blank)),
)
/** References stay: under them nothing is to be filed again. */
const DELETE_LOOKUPS = statement(
  db
    .deleteFrom('vault_lookup')
    .where('site_id', '=', '')
    .where('holder_id', '=', blank)
    .where('field', '<>', 0),
)
const MAKE_STONE = statement(
  db
    .updateTable('vault_object')
    .set({ newest: 0, likeness: blank })
    .where('site_id', '=', '')
    .where('object_id', '=', blank),
)
