/**
 * Extensions of requests that this KME knows (GS QKD 014 §6.2); names carry our vendor prefix.
 *
 * `photonward_route_type`: `direct` or `indirect`, as the standard's own example has it. Keys here
 * come over the link between the two sites, so `direct` is met and `indirect` is not.
 * `photonward_provenance`: true adds to each key where it comes from, as `key_extension`.
 *
 * @module
 */

import { summary, type Provenance } from '#keystore'
import { KmeRefusal, MESSAGE } from './refusal.ts'
import type { Extension } from './wire.ts'

/** What the extensions of a request ask of the answer. */
export interface Wishes {
  readonly provenance: boolean
}

/**
 * Checks mandatory extensions and gathers what to do; unknown optional ones are passed over.
 *
 * @throws KmeRefusal `KME_EXTENSION_UNSUPPORTED`, `KME_EXTENSION_UNMET`
 */
export function wishesOf(request: {
  readonly mandatory: readonly Extension[]
  readonly optional: readonly Extension[]
}): Wishes {
  const { mandatory, optional } = request
  if (mandatory.some(({ name }) => !KNOWN.has(name))) {
    throw new KmeRefusal('KME_EXTENSION_UNSUPPORTED', MESSAGE.mandatoryUnsupported)
  }
  if (!mandatory.every(isMet)) {
    throw new KmeRefusal('KME_EXTENSION_UNMET', MESSAGE.mandatoryUnmet)
  }
  const met = [...mandatory, ...optional.filter(isMet)]
  return { provenance: met.some(({ name }) => name === PROVENANCE) }
}

/** The `key_extension` that says where a key comes from. */
export function provenanceExtension(provenance: Provenance): Readonly<Record<string, unknown>> {
  const { source, epsilon, seenBy, heldWrappedBy, authentication, links } = summary(provenance)
  const held = heldWrappedBy.length === 0 ? {} : { held_wrapped_by: heldWrappedBy }
  return { [PROVENANCE]: { source, epsilon, seen_by: seenBy, ...held, authentication, links } }
}

const isMet = ({ name, value }: Extension): boolean => KNOWN.get(name)?.(value) === true

const PROVENANCE = 'photonward_provenance'
const KNOWN: ReadonlyMap<string, (value: unknown) => boolean> = new Map<
  string,
  (value: unknown) => boolean
>([
  ['photonward_route_type', (value) => value === 'direct'],
  [PROVENANCE, (value) => value === true],
])
