/**
 * The Disk port: the files of one site, below its folder and nowhere else.
 *
 * A file is written beside the others under a name of its own, synced, renamed over the old one,
 * and the folder is synced: after a power cut there is the old file or the new one. Files are
 * 0600, folders 0700. Paths that lead out of the folder are refused, through symbolic links too.
 *
 * Does not encrypt: rooms seal what they hand over. Deleting or overwriting does not reach copies
 * that a file system or a flash drive keeps by itself.
 *
 * @module
 */

import { constants, rmSync } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, realpath, rename, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { PortRefusal, type Disk } from '#base'
import { openFolder } from './folder.ts'
import { systemCode } from './system.ts'

/**
 * Opens the disk of a site; its folder is made if there is none. A daemon may be at work in the same
 * folder: `pki publish` writes to those of running sites. @throws GatewayRefusal
 */
export const openDisk = (folder: string): FolderDisk => new FolderDisk(openFolder(folder))

/** Removes what a crash left half written. Only for who holds the lock of the folder. */
export function sweepPending(folder: string): void {
  rmSync(join(folder, PENDING), { recursive: true, force: true })
}

export class FolderDisk implements Disk {
  /** Absolute, without symbolic links. */
  readonly #root: string
  readonly #syncs = new Map<string, FolderSync>()
  #pending = 0

  /** Use `openDisk`. */
  constructor(root: string) {
    this.#root = root
  }

  read(path: string): Promise<Uint8Array | undefined> {
    return refusing(async () => {
      const file = await this.#open(path, constants.O_RDONLY)
      if (file === undefined) return undefined
      await using handle = file.handle
      if (file.size > FILE_OCTETS_MAX) {
        throw failure('The file is larger than a site reads at once')
      }
      return await readAll(handle, file.size)
    })
  }

  write(path: string, octets: Uint8Array): Promise<void> {
    return refusing(async () => {
      const place = join(this.#root, checkedPath(path))
      const pending = join(this.#root, PENDING, `${process.pid}-${this.#pending++}`)
      try {
        await this.#putNew(pending, octets)
        await this.#rename(pending, place)
      } catch (error) {
        await unlink(pending).catch(() => undefined)
        throw error
      }
      await this.#sync(dirname(place))
    })
  }

  overwrite(path: string, offset: number, octets: Uint8Array): Promise<void> {
    return refusing(async () => {
      const file = await this.#open(path, constants.O_RDWR)
      if (file === undefined) throw failure('There is no file to overwrite')
      await using handle = file.handle
      if (!Number.isSafeInteger(offset) || offset < 0 || offset + octets.length > file.size) {
        throw failure('An overwrite must stay inside the file')
      }
      await writeAll(handle, octets, offset)
      await handle.sync()
    })
  }

  remove(path: string): Promise<void> {
    return refusing(async () => {
      const place = join(this.#root, checkedPath(path))
      try {
        await this.#checkFolder(dirname(place))
        await unlink(place)
      } catch (error) {
        if (isAbsent(error)) return
        throw error
      }
      await this.#sync(dirname(place))
    })
  }

  list(folder: string): Promise<readonly string[]> {
    return refusing(async () => {
      const place = folder === '' ? this.#root : join(this.#root, checkedPath(folder))
      try {
        await this.#checkFolder(place)
        const entries = await readdir(place, { withFileTypes: true })
        const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name)
        return names.map((name) => (folder === '' ? name : `${folder}/${name}`)).toSorted()
      } catch (error) {
        if (isAbsent(error)) return []
        throw error
      }
    })
  }

  async *pages(folder: string): AsyncGenerator<readonly string[]> {
    const page = await this.list(folder)
    if (page.length > 0) yield page
    for (const inner of await this.#foldersIn(folder)) yield* this.pages(`${folder}/${inner}`)
  }

  #foldersIn(folder: string): Promise<readonly string[]> {
    return refusing(async () => {
      try {
        const entries = await readdir(join(this.#root, checkedPath(folder)), {
          withFileTypes: true,
        })
        return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
      } catch (error) {
        if (isAbsent(error)) return []
        throw error
      }
    })
  }

  /** A present file and its size, never through a link; undefined if there is none. */
  async #open(
    path: string,
    flags: number,
  ): Promise<{ readonly handle: FileHandle; readonly size: number } | undefined> {
    const place = join(this.#root, checkedPath(path))
    try {
      await this.#checkFolder(dirname(place))
      const handle = await open(place, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK)
      const stat = await handle.stat()
      if (stat.isFile()) return { handle, size: stat.size }
      await handle.close()
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw error
    }
    throw failure('The path does not name a file')
  }

  async #putNew(pending: string, octets: Uint8Array): Promise<void> {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
    const create = (): Promise<FileHandle> => open(pending, flags, FILE_MODE)
    await using handle = await create().catch(async (error: unknown) => {
      if (!isAbsent(error)) throw error
      await this.#makeFolder(dirname(pending))
      return create()
    })
    await writeAll(handle, octets, 0)
    await handle.sync()
  }

  async #rename(pending: string, place: string): Promise<void> {
    try {
      await this.#checkFolder(dirname(place))
    } catch (error) {
      if (!isAbsent(error)) throw error
      await this.#makeFolder(dirname(place))
      await this.#checkFolder(dirname(place))
    }
    await rename(pending, place)
  }

  /** Makes a folder and those above it, each durable in its own parent. */
  async #makeFolder(place: string): Promise<void> {
    if (place === this.#root) return
    await this.#makeFolder(dirname(place))
    await this.#checkFolder(dirname(place))
    try {
      await mkdir(place, { mode: FOLDER_MODE })
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error
    }
    // Also where another call has made it: that call may not have synced it yet.
    await this.#sync(dirname(place))
  }

  /** The folder is where its path says. @throws with ENOENT where there is none */
  async #checkFolder(place: string): Promise<void> {
    if ((await realpath(place)) !== place) throw failure('The path leads through a symbolic link')
  }

  #sync(place: string): Promise<void> {
    let sync = this.#syncs.get(place)
    if (sync === undefined) {
      sync = new FolderSync(place, () => this.#syncs.delete(place))
      this.#syncs.set(place, sync)
    }
    return sync.next()
  }
}

/** Syncs one folder for many callers at once: whoever comes during a sync waits for the next. */
class FolderSync {
  readonly #place: string
  readonly #done: () => void
  #running: Promise<void> | undefined
  #waiting: Promise<void> | undefined

  constructor(place: string, done: () => void) {
    this.#place = place
    this.#done = done
  }

  next(): Promise<void> {
    if (this.#running === undefined) return this.#run()
    this.#waiting ??= this.#running.catch(() => undefined).then(() => this.#run())
    return this.#waiting
  }

  #run(): Promise<void> {
    this.#waiting = undefined
    this.#running = syncFolder(this.#place).finally(() => {
      if (this.#waiting !== undefined) return
      this.#running = undefined
      this.#done()
    })
    return this.#running
  }
}

async function syncFolder(place: string): Promise<void> {
  await using handle = await open(place, constants.O_RDONLY | constants.O_DIRECTORY)
  await handle.sync()
}

/** As many octets as the file had when it was opened, or fewer if it has been cut since. */
async function readAll(handle: FileHandle, size: number): Promise<Uint8Array> {
  const octets = new Uint8Array(size)
  let done = 0
  while (done < size) {
    const { bytesRead } = await handle.read(octets, done, size - done, done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return octets.subarray(0, done)
}

async function writeAll(handle: FileHandle, octets: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < octets.length;) {
    const left = octets.subarray(done)
    const { bytesWritten } = await handle.write(left, 0, left.length, offset + done)
    done += bytesWritten
  }
}

/** A path of a site: parts of plain characters, none of which starts with a dot. */
function checkedPath(path: string): string {
  const parts = path.split('/')
  if (parts.length <= PARTS_MAX && parts.every((part) => PART.test(part))) return path
  throw failure('A path has up to 8 parts of letters, digits, dots, hyphens and underscores')
}

async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw diskRefusal(error)
  }
}

/** The refusal for what the file system said; paths stay out of it. */
export function diskRefusal(error: unknown): PortRefusal {
  if (error instanceof PortRefusal) return error
  const system = systemCode(error) ?? 'unknown'
  const options = { cause: error, facts: { system } }
  if (system === 'ENOSPC' || system === 'EDQUOT') {
    return new PortRefusal('DISK_FULL', 'No space is left on the disk', options)
  }
  return new PortRefusal('DISK_FAILED', 'The disk refused an operation', options)
}

const failure = (message: string): PortRefusal => new PortRefusal('DISK_FAILED', message)

const isAbsent = (error: unknown): boolean => systemCode(error) === 'ENOENT'

/** Folder of files that are being written; starts with a dot, so that no path names it. */
const PENDING = '.pending'
const PART = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/
const PARTS_MAX = 8
const FILE_MODE = 0o600
const FOLDER_MODE = 0o700
/** Octets of one file that `read` takes into memory. */
export const FILE_OCTETS_MAX = 1024 ** 3
