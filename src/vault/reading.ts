/**
 * Reading one version: fetched, verified against its signed group, opened.
 *
 * A version is what it was sealed as if its container has the hash that a verified group lists for
 * this object and version, and opens under the key of a holder. It is not thereby the newest: that
 * nothing newer was taken away, a scrub finds out, and the witnessed log.
 *
 * @module
 */

import { sameOctets, uuidOf, type EpochMs, type SiteId, type Uuid } from '#base'
import { containerHash, open, parseContainer, WRAP_OCTETS, type Container } from '#envelope'
import { CONTENT_FHIR_R4, decodeBody, type Body } from './body.ts'
import { fetchContainer } from './blobs.ts'
import type { VaultContext } from './context.ts'
import { entryOctets, RECEIVED_STRIDE, SEALED_STRIDE } from './group.ts'
import { placeIn, type VerifiedGroup } from './groups.ts'
import type { HolderKey } from './holder-key.ts'
import { versionOf, type HeldObject, type StoredObject, type StoredVersion } from './objects.ts'
import { originOf, type Origin } from './origins.ts'
import { damaged } from './refusal.ts'

/** A stored version whose hash, group and origin were found good; not opened. */
export interface VerifiedVersion {
  readonly object: Uuid
  readonly version: number
  /** Site that sealed it. */
  readonly tenant: SiteId
  readonly container: Uint8Array
  readonly parsed: Container
  readonly hash: Uint8Array
  /** When it was written here. */
  readonly storedAt: EpochMs
  readonly group: VerifiedGroup
  readonly place: number
  /** How it came here; undefined for what was imported at this site. */
  readonly origin: Origin | undefined
}

/** The newest version of an object, verified. @throws VaultRefusal `VAULT_DAMAGED` */
export async function readNewest(
  context: VaultContext,
  { object, row }: HeldObject,
): Promise<VerifiedVersion> {
  if (row === undefined) throw damaged(placeOf(object.id, object.newest), 'the row is missing')
  return await verifyVersion(context, object, row)
}

/** One version of an object, the newest unless another is asked for. @throws VaultRefusal `VAULT_DAMAGED` */
export async function readVersion(
  context: VaultContext,
  object: StoredObject,
  version = object.newest,
): Promise<VerifiedVersion> {
  return await readNewest(context, {
    object: { ...object, newest: version },
    row: await versionOf(context, object.id, version),
  })
}

/** What is sealed in a version. @throws VaultRefusal `VAULT_DAMAGED` */
export function openVersion(verified: VerifiedVersion, by: HolderKey): Body {
  const { object, version, tenant, container } = verified
  const expected = { object, version, tenant, contentType: CONTENT_FHIR_R4 }
  try {
    return decodeBody(open({ container, by: by.wrapping, expected }).plaintext)
  } catch (cause) {
    throw damaged(placeOf(object, version), 'the container does not open', cause)
  }
}

/** Names of the holders whose keys open a version, as its wraps say. */
export const openersOf = ({ parsed }: Pick<VerifiedVersion, 'parsed'>): readonly Uuid[] =>
  parsed.wraps.map(({ keyId }) => uuidOf(keyId))

/** How a version is named in findings: `vault_edition <object> <version>`. */
export const placeOf = (object: string, version: number): string =>
  `vault_edition ${object} ${version}`

/** What a row holds, verified. @throws VaultRefusal `VAULT_DAMAGED` */
export async function verifyVersion(
  context: VaultContext,
  object: StoredObject,
  row: StoredVersion,
): Promise<VerifiedVersion> {
  const { version, hash, place } = row
  const where = placeOf(object.id, version)
  const container = await fetchContainer(context.disk, row.column, hash)
  if (container === undefined) throw damaged(where, 'the file of the container is missing')
  const excess = container.length - row.octets
  // A file that was wrapped for one more holder before its row: see `parting.ts`.
  const isAhead = row.column === null && excess === WRAP_OCTETS
  if (excess !== 0 && !isAhead) throw damaged(where, 'the container has another size')
  const parsed = parsedOf(container, where)
  const { header } = parsed
  if (header.object !== object.id || header.version !== version) {
    throw damaged(where, 'the container is of another object or version')
  }
  if (header.tenant !== object.origin) throw damaged(where, 'the container is of another site')
  if (!sameOctets(containerHash(parsed), hash)) throw damaged(where, 'the container was changed')
  const group = await context.groups.verified(row.group)
  const isReceived = group.read.stride === RECEIVED_STRIDE
  const origin = isReceived ? await originOf(context, object.id, version) : undefined
  const entry = { object: object.id, version, hash, origin: origin?.hash }
  const listed = placeIn(group, place)
  if (listed === undefined || !sameOctets(listed, entryOctets(entry))) {
    const own = listed?.subarray(0, SEALED_STRIDE)
    const isOwn = own !== undefined && sameOctets(own, entryOctets({ ...entry, origin: undefined }))
    const what = isOwn ? `vault_origin ${object.id} ${version}` : where
    throw damaged(what, 'the signed group lists something else')
  }
  const { tenant } = header
  const storedAt = group.read.at
  return {
    object: object.id,
    version,
    tenant,
    container,
    parsed,
    hash,
    storedAt,
    group,
    place,
    origin,
  }
}

function parsedOf(container: Uint8Array, where: string): Container {
  try {
    return parseContainer(container)
  } catch (cause) {
    throw damaged(where, 'the container was changed', cause)
  }
}
