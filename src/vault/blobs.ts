/**
 * Where containers lie: small ones in their row, large ones in files named by their hash.
 *
 * A file is durable before its row is committed, so a crash leaves at worst a file without a row;
 * `sweepBlobs` removes those. Where the files lie, in the folder or in an object storage, is known to
 * the disk alone; what is read is held against its hash by whoever verifies the version.
 *
 * @module
 */

import { bind, hex, PortRefusal, statement, type Disk, type SiteId, type Store } from '#base'
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
 * If the disk refuses, what was written is removed again, unless it stands for what has a row. If
 * the commit that follows fails, the files stay until they are swept.
 *
 * @param about.isStored   the items have rows already: their files must not go
 * @returns the items, each with the column of its row: null where the container is a file
 */
export async function placeContainers<T extends Unplaced>(
  disk: Disk,
  items: readonly T[],
  { isStored = false }: { readonly isStored?: boolean } = {},
): Promise<readonly (T & { readonly column: Uint8Array | null })[]> {
  const written: string[] = []
  try {
    for (const { hash, container } of items) {
      if (container.length <= ROW_OCTETS_MAX) continue
      written.push(blobPath(hash))
      await disk.write(blobPath(hash), container)
    }
  } catch (error) {
    if (!isStored) await removeBlobs(disk, written)
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
 * Removes files of which no row speaks any more. What the disk refuses to remove stays until the next
 * sweep: nothing opens it, for its key is gone, or was never stored.
 */
export async function removeBlobs(disk: Disk, paths: Iterable<string>): Promise<void> {
  for (const path of paths) {
    await disk.remove(path).catch((error: unknown) => {
      if (!(error instanceof PortRefusal)) throw error
    })
  }
}

/**
 * Removes files that were written for a commit which never came, or that an erasure could not remove.
 *
 * Looks while others write, and removes while nobody does: what was under way when it looked has
 * its row by then. A file stays if a row names it or a group lists its hash: a damaged row must not
 * cost the file.
 *
 * @param at.exclusively   runs a task while nothing is written
 * @param at.stop          ends it early
 * @returns how many were removed
 * @throws PortRefusal
 */
export async function sweepBlobs(at: Sweeping): Promise<number> {
  const { disk, exclusively, stop } = at
  const stray = new Set<string>()
  for await (const page of disk.pages(FOLDER)) {
    if (stop.aborted) return 0
    for (const path of page) if (CONTAINER.test(path)) stray.add(path)
  }
  if (stray.size === 0) return 0
  await spareStored(at, stray)
  let removed = 0
  const paths = [...stray]
  for (let from = 0; from < paths.length && !stop.aborted; from += FILES_A_TURN) {
    const some = new Set(paths.slice(from, from + FILES_A_TURN))
    removed += await exclusively(async () => {
      await spareStored(at, some)
      await spareListed(at, some)
      for (const path of some) await disk.remove(path)
      return some.size
    })
  }
  return removed
}

/** What a sweep works with. */
export interface Sweeping {
  readonly site: SiteId
  readonly store: Store
  readonly disk: Disk
  readonly exclusively: (task: () => Promise<number>) => Promise<number>
  readonly stop: AbortSignal
}

/** Takes out of `stray` what a row names. */
async function spareStored({ site, store }: Sweeping, stray: Set<string>): Promise<void> {
  for (const row of await store.read(bind(SELECT_BLOBS, site, ROW_OCTETS_MAX))) {
    stray.delete(blobPath(octetsOf(row, 'hash')))
  }
}

/** Takes out of `stray` what the manifest of any group lists, unless it was erased. */
async function spareListed(at: Sweeping, stray: Set<string>): Promise<void> {
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
/** As `blobPath` makes them: whatever else lies there is not ours to remove. */
const CONTAINER = /^blobs\/[0-9a-f]{2}\/[0-9a-f]{64}$/

const GROUPS_A_PAGE = 100
/** Files that are removed before others may write again. */
const FILES_A_TURN = 64
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
