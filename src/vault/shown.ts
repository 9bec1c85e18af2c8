/**
 * What another site sealed, as it is shown here: under the name it has here, its references leading to
 * the names that what they mean has here, and marked with the site it came from.
 *
 * The container stays as it was sealed, and with it the text that its signatures cover; this is made
 * anew at each opening. Charts and marks speak of what is made, so that a search finds what a reader
 * sees.
 *
 * @module
 */

import { siteId, type SiteId } from '#base'
import { isObject, relinked, type Json, type JsonObject } from '#health'
import { idAt, isForeignId, originIn, referenceAt, type SealedName } from './names.ts'
import type { ItemProtection } from './origins.ts'

/** A resource as its site sealed it, and the ways it took. */
export interface SealedResource extends SealedName {
  readonly value: JsonObject
  readonly protections: readonly ItemProtection[]
}

/** Id and value of a resource as a site shows it. What the site itself sealed stays as it is. */
export function shownAt(
  site: SiteId,
  sealed: SealedResource,
): { readonly id: string; readonly value: JsonObject } {
  const { origin, value, protections } = sealed
  const id = idAt(site, sealed)
  if (origin === site) return { id, value }
  const { meta, ...rest } = relinked(value, (reference) => referenceAt(site, origin, reference))
  return { id, value: { ...rest, id, meta: markedMeta(meta, origin, protections) } }
}

/** The site whose resource a shown one is; undefined for this site's own. */
export function sealedBy({ id, meta }: JsonObject): SiteId | undefined {
  if (typeof id !== 'string' || !isForeignId(id)) return undefined
  const source = isObject(meta) ? meta['source'] : undefined
  const named = typeof source === 'string' ? SOURCE.exec(source)?.[1] : undefined
  return originIn(id) ?? (named === undefined ? undefined : siteId(named))
}

/** What the sender says of itself stays; where it came from, and by which ways, this site says. */
function markedMeta(
  meta: Json | undefined,
  origin: SiteId,
  protections: readonly ItemProtection[],
): JsonObject {
  const given = isObject(meta) ? meta : {}
  const { tag } = given
  const others = (Array.isArray(tag) ? tag : []).filter(
    (one) => !isObject(one) || !OWN_SYSTEMS.includes(one['system']),
  )
  const ways = [...new Set(protections.map(({ used }) => used))]
  return {
    ...given,
    source: `${SOURCE_PREFIX}${origin}`,
    tag: [
      ...others,
      { system: RECEIVED_FROM, code: origin },
      ...ways.map((code) => ({ system: PROTECTED_BY, code })),
    ],
  }
}

/** System of the tag that names the site from which something was received. */
const RECEIVED_FROM = 'urn:photonward:received-from'
/** System of the tags that say what protected it on its ways. */
const PROTECTED_BY = 'urn:photonward:protected-by'
const OWN_SYSTEMS: readonly (Json | undefined)[] = [RECEIVED_FROM, PROTECTED_BY]
const SOURCE_PREFIX = 'urn:photonward:site:'
const SOURCE = /^urn:photonward:site:([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)$/
