/**
 * What the index knows of a resource, without opening the resource.
 *
 * @module
 */

import { localReferences } from '#health'
import type { Uuid } from '#base'
import type { ResourceName } from './changes.ts'
import type { ChartEntry } from './chart-page.ts'
import type { VaultContext } from './context.ts'
import { marks, objectsMarked } from './marks.ts'
import { isForeignId } from './names.ts'
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
  const entry = await entryFor(context, object.id)
  return entry === undefined ? [] : localReferences(entry, code)
}

/**
 * Ids of this site's own patients whose records are linked to that of a patient of another site,
 * which cannot say so itself; none for an own one. How they are linked the index does not know.
 */
export async function patientsLinkedTo(
  context: VaultContext,
  id: string,
): Promise<readonly string[]> {
  if (!isForeignId(id)) return []
  const reference = `Patient/${id}`
  const found: string[] = []
  for (const object of await objectsMarked(context, [marks.linked(context.tags, reference)])) {
    const entry = await entryFor(context, object)
    if (entry === undefined || isForeignId(entry.id)) continue
    if (!localReferences(entry, 'link').includes(reference)) continue
    found.push(entry.id)
  }
  return found
}

/** What the chart of its first holder says of an object; undefined for what is gone. */
async function entryFor(context: VaultContext, object: Uuid): Promise<ChartEntry | undefined> {
  const [holder] = await holdersOfObject(context, object)
  return (await context.charts.of(holder)).entries.get(object)
}
