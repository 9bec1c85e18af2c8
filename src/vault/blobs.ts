/**
 * Where containers lie: small ones in their row, large ones in files named by their hash.
 *
 * A file is durable before its row is committed, so a crash leaves at worst a file without a row;
 * `sweepBlobs` removes those when the vault opens.
 *
 * @module
 */

import { bind, hex, statement, type Disk, type SiteId, type Store } from '#base'
import { db } from './tables.ts'

/** Where a container with this hash lies as a file. */
export function blobPath(hash: Uint8Array): string {
  const name = hex(hash)
  return `${FOLDER}/${name.slice(0, 2)}/${name}`
}

/** A container on its way to the store. */
export interface Unplaced {
  readonly hash: Uint8Array
  readonly container: Uint8Array
}

/**
 * Puts containers where they belong; files are durable when this resolves.
 *
 * If the disk refuses, what was written is removed again. If the commit that follows fails, the
 * files stay until the vault opens next: only then is it certain that no row names them.
 *
 * @returns the items, each with the column of its row: null where the container is a file
 */
export async function placeContainers<T extends Unplaced>(
  disk: Disk,
  items: readonly T[],
): Promise<readonly (T & { readonly column: Uint8Array | null })[]> {
  const written: string[] = []
  try {
    for (const { hash, container } of items) {
      if (container.length <= ROW_OCTETS_MAX) continue
      written.push(blobPath(hash))
      await disk.write(blobPath(hash), container)
    }
  } catch (error) {
    for (const path of written) await disk.remove(path).catch(() => undefined)
    throw error
  }
  return items.map((item) => {
    const { container } = item
    return { ...item, column: container.length > ROW_OCTETS_MAX ? null : container }
  })
}

/** The container of a row, from the row or its file; undefined if the file is missing. */
export const fetchContainer = async (
  disk: Disk,
  column: Uint8Array | null,
  hash: Uint8Array,
): Promise<Uint8Array | undefined> => column ?? (await disk.read(blobPath(hash)))

/** Removes files that no row names. Only while nothing is being written. @returns how many */
export async function sweepBlobs(about: {
  readonly site: SiteId
  readonly store: Store
  readonly disk: Disk
}): Promise<number> {
  const { site, store, disk } = about
  const rows = await store.read(bind(SELECT_BLOBS, site, ROW_OCTETS_MAX))
  const named = new Set(rows.map(({ hash }) => blobPath(hash as Uint8Array)))
  let removed = 0
  for (let part = 0; part < 256; part++) {
    const folder = `${FOLDER}/${part.toString(16).padStart(2, '0')}`
    for (const path of await disk.list(folder)) {
      if (named.has(path)) continue
      await disk.remove(path)
      removed++
    }
  }
  return removed
}

/** Octets of a container that still lies in its row. */
export const ROW_OCTETS_MAX = 64 * 1024
const FOLDER = 'blobs'

const SELECT_BLOBS = statement(
  db
    .selectFrom('vault_edition')
    .select('hash')
    .where('site_id', '=', '')
    .where('octets', '>', ROW_OCTETS_MAX),
)
