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
import { blobPath } from './blobs.ts'
import { storedVerifiersOf, type VaultContext } from './context.ts'
import { requireUnheldBy } from './holds.ts'
import type { HolderKey } from './keyring.ts'
import { everyObjectOf, holdersOfObject, STONE } from './objects.ts'
import { patientKey } from './records.ts'
import { damaged } from './refusal.ts'
import { rotate } from './rotating.ts'
import { octetsOf } from './rows.ts'
import { db } from './tables.ts'
import { LOOKUP_FIELDS } from './tags.ts'
import {
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

/**
 * Erases a patient, for good. To be run while no other write of the vault is prepared.
 *
 * @param about.also   statements of the caller for the same commit
 * @throws VaultRefusal `VAULT_NOT_FOUND`, `VAULT_HELD`; `VAULT_ERASED` if it was done before
 */
export async function erase(
  context: VaultContext,
  patient: Uuid,
  about: {
    readonly cause: ErasureCause
    readonly actor: string
    readonly also?: (erased: Erased) => readonly Statement[]
  },
): Promise<Erased> {
  const { site, disk, clock, signer } = context
  const { cause, actor, also } = about
  using key = await patientKey(context, patient)
  await requireUnheldBy(context, [patient], 'erased')
  const objects = await ownObjects(context, patient)
  const at = clock.now()
  const tomb = signTomb({ site, holder: patient, at, cause, objects }, signer)
  const erased = { patient, at, cause, objects, tomb }
  await keepTomb(disk, patient, tomb)
  await bury(context, key, { tomb, actor, also: also?.(erased) ?? [] })
  await rotate(context, actor)
  return erased
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
    await bury(context, key, { tomb: whole, actor: site, also: [] })
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

/** The commit of an erasure, and what follows from it on the disk and in memory. */
async function bury(
  context: VaultContext,
  key: HolderKey,
  { tomb, actor, also }: { tomb: Tomb; actor: string; also: readonly Statement[] },
): Promise<void> {
  const { site, store, disk, keyring, charts, surveys } = context
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
    ...also,
  ])
  charts.forget(id)
  surveys.forget(id)
  keyring.forget(id)
  for (const path of files) await disk.remove(path)
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
