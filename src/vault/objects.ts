/**
 * Objects as rows: which are here, in which version, and whose they are.
 *
 * @module
 */

import {
  bind,
  hex,
  statement,
  uuidOctets,
  type SiteId,
  type SqlValue,
  type Statement,
  type Store,
  type Uuid,
} from '#base'
import { idIn, numberOf, octetsOf, siteIn } from './rows.ts'
import { db } from './tables.ts'

/** A row of `vault_object`. */
export interface StoredObject {
  readonly id: Uuid
  /** Site that sealed it. */
  readonly origin: SiteId
  readonly newest: number
  readonly identity: Uint8Array
  readonly likeness: Uint8Array
}

/** `newest` of an object that was erased: its row is all that is left of it. */
export const STONE = 0

/** Whether an object was erased. */
export const isErased = ({ newest }: StoredObject): boolean => newest === STONE

/** A row of `vault_edition`, as stored: nothing of it is verified. */
export interface StoredVersion {
  readonly object: Uuid
  readonly version: number
  readonly group: Uuid
  readonly place: number
  readonly octets: number
  readonly hash: Uint8Array
  readonly column: Uint8Array | null
}

/** The objects that have one of these identity tags, by tag in hexadecimal. */
export async function objectsByIdentity(
  at: { readonly site: SiteId; readonly store: Store },
  identities: readonly Uint8Array[],
): Promise<ReadonlyMap<string, StoredObject>> {
  const found = new Map<string, StoredObject>()
  for (let from = 0; from < identities.length; from += TAGS_A_QUERY) {
    const query = db
      .selectFrom('vault_object')
      .select(OBJECT_COLUMNS)
      .where('site_id', '=', at.site)
      .where('identity', 'in', identities.slice(from, from + TAGS_A_QUERY))
    for (const row of await at.store.read(statement(query))) {
      const object = objectOf(row)
      found.set(hex(object.identity), object)
    }
  }
  return found
}

/** The object that has this identity tag, or undefined. */
export async function objectByIdentity(
  at: { readonly site: SiteId; readonly store: Store },
  identity: Uint8Array,
): Promise<StoredObject | undefined> {
  const rows = await at.store.read(bind(SELECT_IDENTITY, at.site, identity))
  return rows.map(objectOf).at(0)
}

/** The object that has this identity tag with its newest version, in one reading; or undefined. */
export async function heldByIdentity(
  at: { readonly site: SiteId; readonly store: Store },
  identity: Uint8Array,
): Promise<HeldObject | undefined> {
  const row = (await at.store.read(bind(SELECT_IDENTITY_HELD, at.site, identity))).at(0)
  return row && heldOf(row)
}

/** One object, or undefined. */
export async function objectById(
  at: { readonly site: SiteId; readonly store: Store },
  id: Uuid,
): Promise<StoredObject | undefined> {
  const rows = await at.store.read(bind(SELECT_OBJECT, at.site, uuidOctets(id)))
  return rows.map(objectOf).at(0)
}

/** The objects of which nothing is left but that they were erased. */
export async function erasedObjects(at: {
  readonly site: SiteId
  readonly store: Store
}): Promise<ReadonlySet<Uuid>> {
  const rows = await at.store.read(bind(SELECT_STONES, at.site, STONE))
  return new Set(rows.map((row) => idIn(row, 'object_id')))
}

/** One version, or undefined. */
export async function versionOf(
  at: { readonly site: SiteId; readonly store: Store },
  id: Uuid,
  version: number,
): Promise<StoredVersion | undefined> {
  const rows = await at.store.read(bind(SELECT_VERSION, at.site, uuidOctets(id), version))
  return rows.map(readVersion).at(0)
}

/** Numbers of the stored versions of an object, in order. */
export async function versionsOf(
  at: { readonly site: SiteId; readonly store: Store },
  id: Uuid,
): Promise<readonly number[]> {
  const rows = await at.store.read(bind(SELECT_VERSIONS, at.site, uuidOctets(id)))
  return rows.map((row) => numberOf(row, 'edition'))
}

/** Who holds an object, and as which part of the record: `HOLDING_PARTS` as numbers. */
export async function holdingsOfObject(
  at: { readonly site: SiteId; readonly store: Store },
  id: Uuid,
): Promise<readonly { readonly holder: Uuid; readonly part: number }[]> {
  const rows = await at.store.read(bind(SELECT_HOLDERS, at.site, uuidOctets(id)))
  return rows.map((row) => ({
    holder: idIn(row, 'holder_id'),
    part: numberOf(row, 'part'),
  }))
}

/** Holders of an object. */
export const holdersOfObject = async (
  at: { readonly site: SiteId; readonly store: Store },
  id: Uuid,
): Promise<readonly Uuid[]> => (await holdingsOfObject(at, id)).map(({ holder }) => holder)

/** Parts of a holder's record: the resource that describes the holder, and all others. */
export const HOLDING_PARTS = { self: 0, rest: 1 } as const
export type HoldingPart = keyof typeof HOLDING_PARTS

/** An object and the row of its newest version, if that is there. */
export interface HeldObject {
  readonly object: StoredObject
  readonly row: StoredVersion | undefined
}

/** All objects of a holder with their newest versions, page by page, its own resource first. */
export async function* everyObjectOf(
  at: { readonly site: SiteId; readonly store: Store },
  holder: Uuid,
): AsyncGenerator<HeldObject> {
  yield* objectsOfPart(at, holder, 'self')
  yield* objectsOfPart(at, holder, 'rest')
}

/** The objects of one part of a holder's record, in order of their ids. */
export async function* objectsOfPart(
  at: { readonly site: SiteId; readonly store: Store },
  holder: Uuid,
  part: HoldingPart,
): AsyncGenerator<HeldObject> {
  const { site, store } = at
  const about = [site, uuidOctets(holder), HOLDING_PARTS[part]]
  let after: Uint8Array = blank
  for (;;) {
    const query = bind(SELECT_HELD, ...about, after, OBJECTS_A_PAGE)
    const rows = await store.read(query)
    for (const row of rows) yield heldOf(row)
    if (rows.length < OBJECTS_A_PAGE) return
    after = octetsOf(rows[rows.length - 1], 'object_id')
  }
}

export const insertObject = (site: SiteId, object: StoredObject): Statement =>
  bind(
    INSERT_OBJECT,
    site,
    uuidOctets(object.id),
    object.origin,
    object.newest,
    object.identity,
    object.likeness,
  )

/** Moves an object on to a newer version; loses the race if another got there first. */
export const moveObject = (site: SiteId, before: StoredObject, after: StoredObject): Statement =>
  bind(
    MOVE_OBJECT,
    after.newest,
    after.identity,
    after.likeness,
    site,
    uuidOctets(before.id),
    before.newest,
  )

export const insertVersion = (site: SiteId, row: StoredVersion): Statement => {
  const { object, version, group, place, octets, hash, column } = row
  return bind(
    INSERT_VERSION,
    site,
    uuidOctets(object),
    version,
    uuidOctets(group),
    place,
    octets,
    hash,
    column,
  )
}

export const insertHolding = (site: SiteId, holder: Uuid, part: HoldingPart, object: Uuid) =>
  bind(INSERT_HOLDING, site, uuidOctets(holder), HOLDING_PARTS[part], uuidOctets(object))

export const deleteHoldings = (site: SiteId, object: Uuid): Statement =>
  bind(DELETE_HOLDINGS, site, uuidOctets(object))

const objectOf = (row: Readonly<Record<string, SqlValue>>): StoredObject => ({
  id: idIn(row, 'object_id'),
  origin: siteIn(row, 'origin'),
  newest: numberOf(row, 'newest'),
  identity: octetsOf(row, 'identity'),
  likeness: octetsOf(row, 'likeness'),
})

const heldOf = (row: Readonly<Record<string, SqlValue>>): HeldObject => ({
  object: objectOf(row),
  row: row['edition'] === null ? undefined : readVersion(row),
})

const readVersion = (row: Readonly<Record<string, SqlValue>>): StoredVersion => ({
  object: idIn(row, 'object_id'),
  version: numberOf(row, 'edition'),
  group: idIn(row, 'group_id'),
  place: numberOf(row, 'place'),
  octets: numberOf(row, 'octets'),
  hash: octetsOf(row, 'hash'),
  column: row['container'] === null ? null : octetsOf(row, 'container'),
})

const OBJECTS_A_PAGE = 200
const TAGS_A_QUERY = 400
const blank = new Uint8Array(0)
const OBJECT_COLUMNS = ['object_id', 'origin', 'newest', 'identity', 'likeness'] as const
const VERSION_COLUMNS = ['edition', 'group_id', 'place', 'octets', 'hash', 'container'] as const
const SELECT_OBJECT = statement(
  db
    .selectFrom('vault_object')
    .select(OBJECT_COLUMNS)
    .where('site_id', '=', '')
    .where('object_id', '=', blank),
)
const SELECT_STONES = statement(
  db
    .selectFrom('vault_object')
    .select('object_id')
    .where('site_id', '=', '')
    .where('newest', '=', STONE),
)
const SELECT_IDENTITY = statement(
  db
    .selectFrom('vault_object')
    .select(OBJECT_COLUMNS)
    .where('site_id', '=', '')
    .where('identity', '=', blank),
)
const SELECT_IDENTITY_HELD = statement(
  db
    .selectFrom('vault_object as object')
    .leftJoin('vault_edition as version', (join) =>
      join
        .onRef('version.site_id', '=', 'object.site_id')
        .onRef('version.object_id', '=', 'object.object_id')
        .onRef('version.edition', '=', 'object.newest'),
    )
    .select(OBJECT_COLUMNS.map((column) => `object.${column}` as const))
    .select(VERSION_COLUMNS.map((column) => `version.${column}` as const))
    .where('object.site_id', '=', '')
    .where('object.identity', '=', blank),
)
const SELECT_VERSION = statement(
  db
    .selectFrom('vault_edition')
    .select(['object_id', ...VERSION_COLUMNS])
    .where('site_id', '=', '')
    .where('object_id', '=', blank)
    .where('edition', '=', 0),
)
const SELECT_VERSIONS = statement(
  db
    .selectFrom('vault_edition')
    .select('edition')
    .where('site_id', '=', '')
    .where('object_id', '=', blank)
    .orderBy('edition'),
)
const SELECT_HOLDERS = statement(
  db
    .selectFrom('vault_holding')
    .select(['holder_id', 'part'])
    .where('site_id', '=', '')
    .where('object_id', '=', blank),
)
const SELECT_HELD = statement(
  db
    .selectFrom('vault_holding as held')
    .innerJoin('vault_object as object', (join) =>
      join
        .onRef('object.site_id', '=', 'held.site_id')
        .onRef('object.object_id', '=', 'held.object_id'),
    )
    .leftJoin('vault_edition as version', (join) =>
      join
        .onRef('version.site_id', '=', 'object.site_id')
        .onRef('version.object_id', '=', 'object.object_id')
        .onRef('version.edition', '=', 'object.newest'),
    )
    .select(OBJECT_COLUMNS.map((column) => `object.${column}` as const))
    .select(VERSION_COLUMNS.map((column) => `version.${column}` as const))
    .where('held.site_id', '=', '')
    .where('held.holder_id', '=', blank)
    .where('held.part', '=', 0)
    .where('held.object_id', '>', blank)
    .orderBy('held.object_id')
    .limit(OBJECTS_A_PAGE),
)
const INSERT_OBJECT = statement(
  db.insertInto('vault_object').values({
    site_id: '',
    object_id: blank,
    origin: '',
    newest: 0,
    identity: blank,
    likeness: blank,
  }),
)
const MOVE_OBJECT = statement(
  db
    .updateTable('vault_object')
    .set({ newest: 0, identity: blank, likeness: blank })
    .where('site_id', '=', '')
    .where('object_id', '=', blank)
    .where('newest', '=', 0),
  1,
)
const INSERT_VERSION = statement(
  db.insertInto('vault_edition').values({
    site_id: '',
    object_id: blank,
    edition: 0,
    group_id: blank,
    place: 0,
    octets: 0,
    hash: blank,
    container: blank,
  }),
)
const INSERT_HOLDING = statement(
  db
    .insertInto('vault_holding')
    .values({ site_id: '', holder_id: blank, part: 0, object_id: blank })
    .onConflict((conflict) => conflict.doNothing()),
)
const DELETE_HOLDINGS = statement(
  db.deleteFrom('vault_holding').where('site_id', '=', '').where('object_id', '=', blank),
)
