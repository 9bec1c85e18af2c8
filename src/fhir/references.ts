/**
 * Whether references must lead somewhere.
 *
 * By default `Type/id` may name what is not here: it may come later, or be at another site. A site
 * that wants otherwise has every such reference of what is written checked inside the vault's turn.
 * What may not be seen counts as here: the answer tells that an id is taken.
 *
 * @module
 */

import { referencesOf, type JsonObject } from '#health'
import type { WriteView } from '#vault'
import type { FhirOptions } from './context.ts'
import { idIn, typeIn } from './incoming.ts'
import { FhirRefusal } from './refusal.ts'

/** @throws FhirRefusal `FHIR_RULE_BROKEN` if a reference leads nowhere and must not */
export async function checkReferences(
  { references }: Pick<FhirOptions, 'references'>,
  values: readonly JsonObject[],
  view: Pick<WriteView, 'isHere'>,
): Promise<void> {
  if (references !== 'here' || values.length === 0) return
  const written = new Set(values.map((value) => `${typeIn(value)}/${idIn(value)}`))
  const wanted = new Set(values.flatMap((value) => referencesOf(value)))
  const names = [...wanted]
    .filter((reference) => !written.has(reference))
    .map((reference) => {
      const [type, id] = reference.split('/')
      return { type, id }
    })
  if (await view.isHere(names)) return
  const message = 'A reference leads to no resource of this site, which its rules do not allow'
  throw new FhirRefusal('FHIR_RULE_BROKEN', message)
}
