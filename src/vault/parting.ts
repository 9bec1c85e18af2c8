/**
 * Parting: what stays of a patient's record goes to a new holder, before the old key is destroyed.
 *
 * For an erasure that covers some of a record only, as when another site erases what it has sent.
 * The data keys of all versions that stay are wrapped for a new holder and no longer for the old one;
 * containers keep their hashes and signatures. Containers in files keep the old wrap beside the new
 * until the old key is gone, so that a crash between file and row loses nothing.
 *
 * @module
 */

import { bind, present, statement, uuidOctets, type Statement, type Uuid } from '#base'
import { rewrap, unwrapDataKey } from '#envelope'
import { ownershipOf } from '#health'
import { placeContainers } from './blobs.ts'
import { isGone, resourceOf, type Body } from './body.ts'
import type { VaultContext } from './context.ts'
import { firstChart } from './indexing.ts'
import type { HolderKey } from './holder-key.ts'
import { everyObjectOf, versionsOf, type StoredObject } from './objects.ts'
import { openersOf, openVersion, readVersion, type VerifiedVersion } from './reading.ts'
import { idIn, numberOf, octetsOf } from './rows.ts'
import { lookupAbroad, lookupOfSubject, lookupsOfPatient, nameOf } from './subjects.ts'
import { db } from './tables.ts'
import { LOOKUP_FIELDS, type LookupField } from './tags.ts'
import { trailEntries } from './trail.ts'

/**
 * Gives what stays of a patient's record to a new holder.
 *
 * @param about.leaving   objects that stay with the old holder, to be erased
 * @param about.also      statements of the caller for the same commit
 * @returns the new holder
 */
export async function part(
  context: VaultContext,
  key: HolderKey,
  about: {
    readonly leaving: ReadonlySet<Uuid>
    readonly actor: string
    readonly also: (heir: Uuid) => readonly Statement[]
  },
): Promise<Uuid> {
  const { site, store, disk, charts, keyring, random } = context
  const { origin, since, id: old } = key.holder
  using keys = new DisposableStack()
  const { key: heir, statement: made } = keyring.newHolder(
    { kind: 'patient', origin, since },
    random,
  )
  keys.use(heir)
  const staying = new Set<Uuid>()
  const names = new Set<string>()
  const versions: Rewrapped[] = []
  for await (const { object } of everyObjectOf(context, old)) {
    if (about.leaving.has(object.id)) continue
    staying.add(object.id)
    for (const version of await versionsOf(context, object.id)) {
      const verified = await readVersion(context, object, version)
      if (!openersOf(verified).includes(old)) continue
      for (const name of namesIn(context, object, openVersion(verified, key))) names.add(name)
      versions.push(await rewrapped(context, verified, { key, heir }))
    }
  }
  const placed = await placeContainers(disk, versions, { isStored: true })
  const chart = await charts.of(old)
  const entries = [...chart.entries.values()].filter(({ object }) => staying.has(object))
  await store.commit([
    made,
    ...placed.map(({ object, version, container, column }) =>
      bind(UPDATE_VERSION, container.length, column, site, uuidOctets(object), version),
    ),
    ...[...staying].map((object) =>
      bind(MOVE_HOLDING, uuidOctets(heir.holder.id), site, uuidOctets(old), uuidOctets(object)),
    ),
    ...(await lookupMoves(context, { from: old, to: heir.holder.id, names })),
    ...firstChart(context, heir, entries),
    ...trailEntries(context, { kind: 'vault.parted', actor: about.actor, act: 'erase' }, [
      { key },
      { key: heir },
    ]),
    ...about.also(heir.holder.id),
  ])
  return heir.holder.id
}

interface Rewrapped {
  readonly object: Uuid
  readonly version: number
  readonly hash: Uint8Array
  readonly container: Uint8Array
}

/** A version for the new holder and all others who open it. */
async function rewrapped(
  context: VaultContext,
  { object, version, hash, container, parsed }: VerifiedVersion,
  { key, heir }: { readonly key: HolderKey; readonly heir: HolderKey },
): Promise<Rewrapped> {
  using others = new DisposableStack()
  const under = [heir.wrapping]
  for (const id of openersOf({ parsed })) {
    const other = id === key.holder.id ? undefined : await context.keyring.keyOf(id)
    if (other !== undefined) under.push(others.use(other).wrapping)
  }
  if (container.length > ROW_OCTETS_LEAST) under.push(key.wrapping)
  using by = unwrapDataKey(container, key.wrapping)
  const next = rewrap({ container, by, wrapUnder: under, random: context.random })
  return { object, version, hash, container: next }
}

/** Names of the rows of `vault_lookup` that a version calls for. */
function namesIn(
  { site, tags }: VaultContext,
  { origin }: StoredObject,
  body: Body,
): readonly string[] {
  if (isGone(body)) return []
  const value = resourceOf(body)
  const ownership = ownershipOf(value)
  const subjects = ownership.kind === 'patients' ? ownership.subjects : []
  const { id } = body
  const own =
    body.type === 'Patient'
      ? [
          ...lookupsOfPatient(tags, { value, id, origin }),
          ...lookupAbroad({ site, tags }, { id, origin }),
        ]
      : []
  return [...own, ...subjects.map((subject) => lookupOfSubject(tags, subject, origin))].map(nameOf)
}

/** Rows by which the new holder is found from now on. */
async function lookupMoves(
  { site, store }: VaultContext,
  about: { readonly from: Uuid; readonly to: Uuid; readonly names: ReadonlySet<string> },
): Promise<readonly Statement[]> {
  const rows = await store.read(bind(SELECT_LOOKUPS, site, uuidOctets(about.from)))
  return rows.flatMap((row) => {
    const number = numberOf(row, 'field')
    const field = present(
      FIELDS.find((name) => LOOKUP_FIELDS[name] === number),
      'a field of ours',
    )
    const tag = octetsOf(row, 'tag')
    if (!about.names.has(nameOf({ field, tag }))) return []
    const old = uuidOctets(idIn(row, 'holder_id'))
    return [bind(MOVE_LOOKUP, uuidOctets(about.to), site, number, tag, old)]
  })
}

/** Containers of at least so many octets may lie in files, before or after they are wrapped. */
const ROW_OCTETS_LEAST = 32 * 1024
const FIELDS = Object.keys(LOOKUP_FIELDS) as LookupField[]
const blank = new Uint8Array(0)
const UPDATE_VERSION = statement(
  db
    .updateTable('vault_edition')
    .set({ octets: 0, container: blank })
    .where('site_id', '=', '')
    .where('object_id', '=', blank)
    .where('edition', '=', 0),
  1,
)
const MOVE_HOLDING = statement(
  db
    .updateTable('vault_holding')
    .set({ holder_id: blank })
    .where('site_id', '=', '')
    .where('holder_id', '=', blank)
    .where('object_id', '=', blank),
  1,
)
const SELECT_LOOKUPS = statement(
  db
    .selectFrom('vault_lookup')
    .select(['field', 'tag', 'holder_id'])
    .where('site_id', '=', '')
    .where('holder_id', '=', blank),
)
const MOVE_LOOKUP = statement(
  db
    .updateTable('vault_lookup')
    .set({ holder_id: blank })
    .where('site_id', '=', '')
    .where('field', '=', 0)
    .where('tag', '=', blank)
    .where('holder_id', '=', blank),
  1,
)
