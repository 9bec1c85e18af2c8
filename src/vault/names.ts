/**
 * What a resource is called: by the site that sealed it, and by every other.
 *
 * Two sites may both have a `Patient/7`. What another site sealed is therefore called
 * `from-<site>.<id>` everywhere but at its own site: the same name at every site, so that a reference
 * that was written at one means the same thing at the next, and at the site itself leads home. An
 * own resource cannot take such a name: see `requireOwnName`.
 *
 * A name that would be longer than FHIR allows is `from.<hash>`, of which only its holder's index
 * knows what it stands for.
 *
 * Pure. Proves nothing: who sealed something its container says.
 *
 * @see FHIR R4 §2.24.0.1 (id: 64 characters)
 * @module
 */

import { hex, lengthPrefixed, siteId, utf8, type SiteId } from '#base'
import { sha256 } from '#crypto'
import type { ResourceName } from './changes.ts'
import { VaultRefusal } from './refusal.ts'

/** A resource by the site that sealed it, and its type and logical id there. */
export interface SealedName extends ResourceName {
  readonly origin: SiteId
}

/** The logical id under which a site shows a resource. */
export function idAt(site: SiteId, { origin, type, id }: SealedName): string {
  if (origin === site) return id
  const name = `${FROM}${origin}.${id}`
  return name.length <= ID_CHARACTERS_MAX ? name : longName({ origin, type, id })
}

/** What a name means in a resource that a site sealed. */
export function meantBy(site: SiteId, { type, id }: ResourceName): SealedName {
  const found = SHORT.exec(id)
  return found === null
    ? { origin: site, type, id }
    : { origin: siteId(found[1]), type, id: found[2] }
}

/** The reference `Type/id` under which a site shows what a resource of an origin refers to. */
export function referenceAt(site: SiteId, origin: SiteId, reference: string): string {
  const name = nameIn(reference)
  return isLongName(name.id) ? reference : `${name.type}/${idAt(site, meantBy(origin, name))}`
}

/** Type and id of a reference `Type/id`. */
export function nameIn(reference: string): ResourceName {
  const [type, id] = reference.split('/')
  return { type, id }
}

/** Whether an id is one under which sites show what others have sealed. */
export const isForeignId = (id: string): boolean => SHORT.test(id) || isLongName(id)

/** Whether an id is the hash of a name that is too long. */
export const isLongName = (id: string): boolean => LONG.test(id)

/** The site that sealed what is shown under an id; undefined where the id does not say. */
export function originIn(id: string): SiteId | undefined {
  const origin = SHORT.exec(id)?.[1]
  return origin === undefined ? undefined : siteId(origin)
}

/** @throws VaultRefusal `VAULT_RECEIVED` for a name that only another site's resources have */
export function requireOwnName({ id }: ResourceName): void {
  if (!isForeignId(id)) return
  const message = 'What another site has sealed is not changed here, and nothing else has its names'
  throw new VaultRefusal('VAULT_RECEIVED', message)
}

function longName({ origin, type, id }: SealedName): string {
  const octets = lengthPrefixed(LABEL, utf8(origin), utf8(type), utf8(id))
  return `${LONG_FROM}${hex(sha256(octets)).slice(0, LONG_DIGITS)}`
}

const FROM = 'from-'
const LONG_FROM = 'from.'
/** 224 bits: as many as fit beside the prefix. */
const LONG_DIGITS = 56
const ID_CHARACTERS_MAX = 64
const LABEL = utf8('photonward/long-name@v1')
const SHORT = /^from-([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)\.([A-Za-z0-9\-.]{1,57})$/
const LONG = /^from\.[0-9a-f]{56}$/
