/**
 * Who wrote a Subscription last: stands in the stored resource, and is not shown.
 *
 * @module
 */

import { isObject, type JsonObject } from '#health'

/** Who wrote a stored Subscription last. */
export function ownerOf({ extension }: JsonObject): string | undefined {
  const own = (Array.isArray(extension) ? extension : []).filter(isObject).find(isOwner)
  return typeof own?.['valueString'] === 'string' ? own['valueString'] : undefined
}

/** A resource as anybody may see it: a Subscription without its owner. */
export function withoutOwner(value: JsonObject): JsonObject {
  if (value['resourceType'] !== 'Subscription' || !Array.isArray(value['extension'])) return value
  const { extension, ...rest } = value
  const kept = extension.filter((one) => !isObject(one) || !isOwner(one))
  return kept.length === 0 ? rest : { ...value, extension: kept }
}

/** A Subscription of this owner, whatever it says of its owner itself. */
export function withOwner(value: JsonObject, actor: string): JsonObject {
  const { extension = [] } = withoutOwner(value)
  const owner = { url: OWNER, valueString: actor }
  return { ...value, extension: [...(Array.isArray(extension) ? extension : []), owner] }
}

const isOwner = ({ url }: JsonObject): boolean => url === OWNER
const OWNER = 'urn:photonward:subscription-owner'
