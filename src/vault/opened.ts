/**
 * Versions opened for whoever may see them: the one place where records are given out singly.
 *
 * A version is fetched, verified, opened and shown to a judge. What the judge permits is logged and
 * given out; what he refuses is logged and looks as if it were not there. What says that a resource
 * is no more is judged by what the resource was.
 *
 * @module
 */

import type { EpochMs, SiteId, Uuid } from '#base'
import type { Act } from '#audit'
import { ownershipOf, type JsonObject } from '#health'
import { isGone, resourceOf, type Body } from './body.ts'
import type { ResourceName } from './changes.ts'
import type { VaultContext } from './context.ts'
import type { HolderKey } from './holder-key.ts'
import {
  holdersOfObject,
  isErased,
  versionOf,
  versionsOf,
  type HeldObject,
  type StoredObject,
  type StoredVersion,
} from './objects.ts'
import { heldNamed, objectCalled } from './naming.ts'
import { perContent, valueOf, type KeptVersion } from './kept-versions.ts'
import {
  openersOf,
  openVersion,
  placeOf,
  readVersion,
  verifyVersion,
  type VerifiedVersion,
} from './reading.ts'
import { damaged, erased } from './refusal.ts'
import { shownAt } from './shown.ts'
import { tombOf } from './tombs.ts'
import {
  patientIn,
  trailEntries,
  versionName,
  type Deed,
  type Told,
  type Touched,
} from './trail.ts'

/** One version, opened. */
export interface Opened extends Body {
  readonly object: Uuid
  readonly version: number
  /** When it was written here. */
  readonly at: EpochMs
  /** Site that sealed it: of another's, `id` and `value` are as this site shows them. */
  readonly origin: SiteId
  readonly isNewest: boolean
  /** Whether it says that the resource is no more. */
  readonly isGone: boolean
  /** What it says; of a resource that is no more, what it said last. */
  readonly value: JsonObject
  /** Whose keys open it: patients by our own random ids, or the site's own holders. */
  readonly holders: readonly Uuid[]
}

/** Whether something opened may be given out. */
export type Judge = (opened: Opened) => boolean | Promise<boolean>

/** Who asks for what, for the log; and who decides. */
export interface Asked {
  readonly actor: string
  /** What was asked. */
  readonly act: Act
  /** For the event; left out, it tells no more than the actor. */
  readonly told?: Told
  readonly judge: Judge
}

/** A resource by type and the id it has here; or, of an origin, by the id it has there. */
export interface SiteResourceName extends ResourceName {
  readonly origin?: SiteId
}

/**
 * One version of a resource, the newest unless another is asked for, if the judge permits.
 *
 * @returns undefined for what is not there, and for what may not be seen
 */
export async function consult(
  context: VaultContext,
  name: SiteResourceName & { readonly version?: number },
  asked: Asked,
): Promise<Opened | undefined> {
  const { version } = name
  const held: HeldObject | undefined = await heldNamed(context, name)
  if (held === undefined) return undefined
  const { object } = held
  if (isErased(object)) throw erased('record')
  if (version === undefined || version === object.newest) {
    const { row } = held
    if (row === undefined) throw damaged(placeOf(object.id, object.newest), 'the row is missing')
    using opening = await openRow(context, object, row)
    return await shown(context, opening, asked)
  }
  if (!(await versionsOf(context, object.id)).includes(version)) return undefined
  using opening = await openAt(context, object, version)
  return await shown(context, opening, asked)
}

/** A version with the key that opened it. */
export class Opening implements Disposable {
  readonly opened: Opened
  readonly key: HolderKey

  constructor(opened: Opened, key: HolderKey) {
    this.opened = opened
    this.key = key
  }

  [Symbol.dispose](): void {
    this.key[Symbol.dispose]()
  }
}

/** What the judge makes of a version, logged before it is given out or withheld. */
export async function shown(
  context: VaultContext,
  { opened, key }: Opening,
  { actor, act, told, judge }: Asked,
): Promise<Opened | undefined> {
  const permitted = await judge(opened)
  const kind = permitted ? 'vault.opened' : 'vault.withheld'
  const outcome = permitted ? 'done' : 'refused'
  using others = new DisposableStack()
  const touched = await touchedBy(context, { opened, key }, others)
  await context.store.commit(trailEntries(context, { kind, actor, act, told, outcome }, touched))
  return permitted ? opened : undefined
}

/**
 * Everybody whom a version is about, each with a key.
 *
 * @param others   whose disposal clears the keys of those beside the one whose key opened it
 */
async function touchedBy(
  context: VaultContext,
  { opened, key }: Pick<Opening, 'opened' | 'key'>,
  others: DisposableStack,
): Promise<readonly Touched[]> {
  const keys = [key]
  for (const id of opened.holders) {
    const other = id === key.holder.id ? undefined : await context.keyring.readerOf(id)
    if (other !== undefined) keys.push(others.use(other))
  }
  const patient = patientOf(opened.value)
  const data = [versionName(opened)]
  return keys.map((one) => ({ key: one, patient, data }))
}

/** What somebody tried and did not get. */
export interface RefusedDeed extends Omit<Deed, 'kind' | 'peer' | 'facts'> {
  /** What was asked for, whether or not there is such a thing. */
  readonly name?: SiteResourceName
  /** How many others of whom the log does not tell one by one. */
  readonly more?: number
}

/** Logs what was refused: for whomever the resource is about, or for nobody. */
export async function tellRefused(
  context: VaultContext,
  { name, more, ...deed }: RefusedDeed,
): Promise<void> {
  using keys = new DisposableStack()
  const object = name && (await objectLeft(context, name))
  const touched: Touched[] = []
  const about = {
    ...(name && { data: [`${name.type}/${name.id}`] }),
    ...(more !== undefined && { more }),
  }
  for (const id of object === undefined ? [] : await holdersOfObject(context, object.id)) {
    const key = await context.keyring.readerOf(id)
    if (key !== undefined) touched.push({ ...about, key: keys.use(key) })
  }
  const all = touched.length === 0 ? [about] : touched
  await context.store.commit(trailEntries(context, { ...deed, kind: 'vault.refused' }, all))
}

/** The object of a name, or undefined. @throws VaultRefusal `VAULT_ERASED` */
export async function objectNamed(
  context: VaultContext,
  name: SiteResourceName,
): Promise<StoredObject | undefined> {
  const object = await objectCalled(context, name)
  if (object !== undefined && isErased(object)) throw erased('record')
  return object
}

/** The object of a name; undefined for what never was, and for what was erased. */
export async function objectLeft(
  context: VaultContext,
  name: SiteResourceName,
): Promise<StoredObject | undefined> {
  const object = await objectCalled(context, name)
  return object === undefined || isErased(object) ? undefined : object
}

/** Opens one version of an object, whoever asks. @throws VaultRefusal `VAULT_DAMAGED` */
export async function openAt(
  context: VaultContext,
  object: StoredObject,
  version = object.newest,
): Promise<Opening> {
  const row = await versionOf(context, object.id, version)
  if (row === undefined) throw damaged(placeOf(object.id, version), 'the row is missing')
  return await openRow(context, object, row)
}

/** Opens the version of an object that a row holds. @throws VaultRefusal `VAULT_DAMAGED` */
async function openRow(
  context: VaultContext,
  object: StoredObject,
  row: StoredVersion,
): Promise<Opening> {
  const kept = context.versions.of(object, row, await context.groups.verified(row.group))
  if (kept !== undefined) {
    return new Opening(openedFrom(context, object, kept), await keyFor(context, kept.verified))
  }
  const verified = await verifyVersion(context, object, row)
  const key = await keyFor(context, verified)
  try {
    const body = openVersion(verified, key)
    const content = isGone(body) ? await lastValue(context, object, row.version) : resourceOf(body)
    const found = { verified, body, content, holders: openersOf(verified) }
    // What a resource said before it was gone lies in another row.
    if (!isGone(body)) context.versions.keep(row, found)
    return new Opening(openedFrom(context, object, found), key)
  } catch (error) {
    key[Symbol.dispose]()
    throw error
  }
}

function openedFrom(
  { site }: VaultContext,
  { newest, origin }: StoredObject,
  { verified, body, content, holders }: KeptVersion,
): Opened {
  const { object, version, storedAt: at } = verified
  const opened = {
    ...body,
    ...{ object, version, at, origin, isNewest: version === newest, isGone: isGone(body), holders },
  }
  if (origin === site) return { ...opened, value: valueOf(content) }
  const protections = verified.origin?.protections ?? []
  return { ...opened, ...shownAt(site, { ...body, origin, value: content, protections }) }
}

/** What a resource said before it was gone. */
async function lastValue(
  context: VaultContext,
  object: StoredObject,
  before: number,
): Promise<JsonObject> {
  const numbers = await versionsOf(context, object.id)
  for (const version of numbers.filter((number) => number < before).toReversed()) {
    const verified = await readVersion(context, object, version)
    using key = await keyFor(context, verified)
    const body = openVersion(verified, key)
    if (!isGone(body)) return resourceOf(body)
  }
  throw damaged(`vault_object ${object.id}`, 'is gone and never was')
}

/** The key of any holder for whom a version is sealed: former holders open former versions. */
async function keyFor(context: VaultContext, verified: VerifiedVersion): Promise<HolderKey> {
  const openers = openersOf(verified)
  for (const id of openers) {
    const key = await context.keyring.readerOf(id)
    if (key !== undefined) return key
  }
  for (const id of openers) if ((await tombOf(context, id)) !== undefined) throw erased('record')
  throw damaged(`vault_holding ${verified.object}`, 'no holder of the object is left')
}

/** The patient that a resource names, if it names one only. */
export const patientOf = perContent((value) => patientIn(ownershipOf(value)))
