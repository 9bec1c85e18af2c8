/**
 * Where containers lie: small ones in their row, large ones in files named by their hash.
 *
 * A file is durable before its row is committed, so a crash leaves at worst a file without a row;
 * `sweepBlobs` removes those when the vault opens.
 *
 * @module
 */

import { bind, hex, statement, type Disk, type SiteId, type Store } from '#base'
import { listedIn } from './group.ts'
import { erasedObjects } from './objects.ts'
import { octetsOf } from './rows.ts'
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

/**
 * Removes files that were written for a commit which never came. Only while nothing is written.
 *
 * A file stays if a row names it or a group lists its hash: a damaged row must not cost the file.
 *
 * @returns how many were removed
 */
export async function sweepBlobs(at: {
  readonly site: SiteId
  readonly store: Store
  readonly disk: Disk
}): Promise<number> {
  const { site, store, disk } = at
  const stray = new Set<string>()
  for (let part = 0; part < 256; part++) {
    const folder = `${FOLDER}/${part.toString(16).padStart(2, '0')}`
    for (const path of await disk.list(folder)) stray.add(path)
  }
  if (stray.size === 0) return 0
  for (const row of await store.read(bind(SELECT_BLOBS, site, ROW_OCTETS_MAX))) {
    stray.delete(blobPath(octetsOf(row, 'hash')))
  }
  if (stray.size > 0) await spareListed(at, stray)
  for (const path of stray) await disk.remove(path)
  return stray.size
}

/** Takes out of `stray` what the manifest of any group lists, unless it was erased. */
async function spareListed(
  at: { readonly site: SiteId; readonly store: Store },
  stray: Set<string>,
): Promise<void> {
  const { site, store } = at
  const erased = await erasedObjects(at)
  let after: Uint8Array = new Uint8Array(0)
  for (;;) {
    const rows = await store.read(bind(SELECT_MANIFESTS, site, after, GROUPS_A_PAGE))
    for (const row of rows) {
      for (const { object, hash } of listedIn(octetsOf(row, 'manifest'))) {
        if (!erased.has(object)) stray.delete(blobPath(hash))
      }
    }
    if (rows.length < GROUPS_A_PAGE) return
    after = octetsOf(rows[rows.length - 1], 'group_id')
  }
}

/** Octets of a container that still lies in its row. */
export const ROW_OCTETS_MAX = 64 * 1024
const FOLDER = 'blobs'

const GROUPS_A_PAGE = 100
const SELECT_BLOBS = statement(
  db
    .selectFrom('vault_edition')
    .select('hash')
    .where('site_id', '=', '')
    .where('octets', '>', ROW_OCTETS_MAX),
)
const SELECT_MANIFESTS = statement(
  db
    .selectFrom('vault_group')
    .select(['group_id', 'manifest'])
    .where('site_id', '=', '')
    .where('group_id', '>', new Uint8Array(0))
    .orderBy('group_id')
    .limit(GROUPS_A_PAGE),
)
