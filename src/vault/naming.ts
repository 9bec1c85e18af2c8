/**
 * From the name of a resource to its object: an own one, or what another site sealed.
 *
 * @module
 */

import { hex, type SiteId } from '#base'
import type { ResourceName } from './changes.ts'
import type { VaultContext } from './context.ts'
import { marks, objectsMarked } from './marks.ts'
import { isForeignId, isLongName, meantBy } from './names.ts'
import {
  heldByIdentity,
  objectById,
  objectByIdentity,
  objectsByIdentity,
  type HeldObject,
  type StoredObject,
} from './objects.ts'
import { identityOf } from './tags.ts'

type Names = Pick<VaultContext, 'site' | 'store' | 'tags'>

/** By type and the id that it has here; or, of an origin, by the id it has there. */
type Name = ResourceName & { readonly origin?: SiteId }

/** The object of a name, also one that was erased; undefined for what never was here. */
export async function objectCalled(context: Names, name: Name): Promise<StoredObject | undefined> {
  const { tags, site } = context
  const { origin = site } = name
  const own = await objectByIdentity(context, identityOf(tags, origin, name))
  if (own !== undefined || name.origin !== undefined || !isForeignId(name.id)) return own
  if (isLongName(name.id)) return await longNamed(context, name)
  const meant = meantBy(site, name)
  return await objectByIdentity(context, identityOf(tags, meant.origin, meant))
}

/** The object of a name with its newest version: in one reading, where it is this site's own. */
export async function heldNamed(context: Names, name: Name): Promise<HeldObject | undefined> {
  const { tags, site } = context
  const { origin = site } = name
  const own = await heldByIdentity(context, identityOf(tags, origin, name))
  if (own !== undefined || name.origin !== undefined || !isForeignId(name.id)) return own
  if (isLongName(name.id)) {
    const object = await longNamed(context, name)
    return object && (await heldByIdentity(context, object.identity))
  }
  const meant = meantBy(site, name)
  return await heldByIdentity(context, identityOf(tags, meant.origin, meant))
}

/** The objects of names, by `Type/id`; those that never were here are not among them. */
export async function objectsCalled(
  context: Names,
  names: readonly ResourceName[],
): Promise<ReadonlyMap<string, StoredObject>> {
  const { tags, site } = context
  const identities = names.map((name) => identityOf(tags, site, name))
  const stored = await objectsByIdentity(context, identities)
  const found = new Map<string, StoredObject>()
  for (const [at, name] of names.entries()) {
    const own = stored.get(hex(identities[at]))
    const object = own ?? (isForeignId(name.id) ? await objectCalled(context, name) : undefined)
    if (object !== undefined) found.set(`${name.type}/${name.id}`, object)
  }
  return found
}

async function longNamed(
  context: Names,
  { type, id }: ResourceName,
): Promise<StoredObject | undefined> {
  const wanted = marks.foreign(context.tags, `${type}/${id}`)
  const found = [...(await objectsMarked(context, [wanted]))].at(0)
  return found === undefined ? undefined : await objectById(context, found)
}
