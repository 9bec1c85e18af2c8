/**
 * One version of a resource, sealed for its holders.
 *
 * @module
 */

import { newUuid } from '#base'
import { containerHash, newDataKey, seal } from '#envelope'
import { CONTENT_FHIR_R4, encodeBody, likenessOf, type Body } from './body.ts'
import type { VaultContext } from './context.ts'
import type { HolderKey } from './holder-key.ts'
import type { StoredObject } from './objects.ts'
import type { NewVersion } from './writing.ts'

/** A version whose container has no place yet. */
export interface Sealed extends Omit<NewVersion, 'column'> {
  readonly container: Uint8Array
}

/** What is to be sealed. */
export interface Unsealed extends Body {
  readonly identity: Uint8Array
  /** The object as it is stored now; undefined if it is new. */
  readonly before: StoredObject | undefined
}

/** Seals the next version of a resource of this site under the keys of its holders. */
export function sealVersion(
  context: VaultContext,
  resource: Unsealed,
  keys: readonly HolderKey[],
): Sealed {
  const { site, random, tags } = context
  const { before, identity, type, text } = resource
  const id = before?.id ?? newUuid(random)
  const version = (before?.newest ?? 0) + 1
  using dataKey = newDataKey(random)
  const container = seal({
    header: { tenant: site, object: id, version, contentType: CONTENT_FHIR_R4 },
    plaintext: encodeBody(resource),
    dataKey,
    wrapUnder: keys.map(({ wrapping }) => wrapping),
    random,
  })
  const likeness = likenessOf(tags, id, text)
  return {
    object: { id, origin: site, newest: version, identity, likeness },
    before,
    version,
    type,
    hash: containerHash(container),
    octets: container.length,
    container,
    holders: keys.map(({ holder }) => holder.id),
    part: type === 'Patient' ? 'self' : 'rest',
  }
}
