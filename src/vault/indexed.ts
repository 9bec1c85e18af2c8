/**
 * What the index knows of one resource, without opening the resource.
 *
 * @module
 */

import { localReferences } from '#health'
import type { ResourceName } from './changes.ts'
import type { VaultContext } from './context.ts'
import { holdersOfObject } from './objects.ts'
import { objectNamed } from './opened.ts'

/**
 * References `Type/id` that a resource of this site has for a search parameter; none for what is
 * not here. Nothing is opened or logged: whoever asks must not give it out.
 */
export async function referencesIndexed(
  context: VaultContext,
  name: ResourceName,
  code: string,
): Promise<readonly string[]> {
  const object = await objectNamed(context, name)
  if (object === undefined) return []
  const [holder] = await holdersOfObject(context, object.id)
  const entry = (await context.charts.of(holder)).entries.get(object.id)
  return entry === undefined ? [] : localReferences(entry, code)
}
