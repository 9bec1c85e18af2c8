/**
 * The folder of a site, and the lock that keeps a second daemon out of it.
 *
 * The folder is ours alone (0700): whoever else may write in it could swap keys and code paths.
 * The lock is the operating system's on an open file, so that it ends with the process, however
 * that ends. It does not work across machines: a site folder is not shared over a network.
 *
 * @module
 */

import { lstatSync, mkdirSync, realpathSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { GatewayRefusal } from './refusal.ts'
import { systemCode } from './system.ts'

/**
 * The absolute path of a site's folder, which is made if there is none.
 *
 * @throws GatewayRefusal `PERMISSION_TOO_OPEN` if others may enter it or it is not ours,
 *   `PERMISSION_DENIED` if it cannot be made
 */
export function openFolder(folder: string): string {
  const place = resolve(folder)
  try {
    mkdirSync(place, { recursive: true, mode: 0o700 })
    const root = realpathSync(place)
    const { mode, uid } = lstatSync(root)
    const ours = process.getuid === undefined || uid === process.getuid()
    if (ours && (mode & 0o077) === 0) return root
  } catch (cause) {
    throw new GatewayRefusal('PERMISSION_DENIED', `Cannot make or enter the folder ${place}`, {
      cause,
      facts: { folder: place, system: systemCode(cause) ?? 'unknown' },
    })
  }
  throw new GatewayRefusal(
    'PERMISSION_TOO_OPEN',
    `Other accounts can enter ${place}; it must be ours and have mode 0700 (chmod 700)`,
    { facts: { folder: place } },
  )
}

/** Keeps other daemons out of a folder until disposal or the end of the process. */
export class FolderLock implements Disposable {
  readonly #held: DatabaseSync

  private constructor(held: DatabaseSync) {
    this.#held = held
  }

  /**
   * Takes the lock. The file stays; only an open lock on it means anything.
   *
   * @param file   its path; nothing else may ever open or close this file
   * @throws GatewayRefusal `SITE_IN_USE`
   */
  static take(file: string): FolderLock {
    // Node has no flock. SQLite takes fcntl locks, and knows their trap: closing any descriptor of
    // a file drops all locks that the process has on it.
    const held = openLockFile(file)
    try {
      held.exec('pragma journal_mode = memory; begin exclusive')
      return new FolderLock(held)
    } catch (cause) {
      held.close()
      throw new GatewayRefusal('SITE_IN_USE', `Another daemon works in ${dirname(file)}`, {
        cause,
        facts: { folder: dirname(file) },
      })
    }
  }

  [Symbol.dispose](): void {
    if (!this.#held.isOpen) return
    this.#held.close()
  }
}

function openLockFile(file: string): DatabaseSync {
  try {
    return new DatabaseSync(file, { timeout: 0 })
  } catch (cause) {
    throw new GatewayRefusal('PERMISSION_DENIED', `Cannot open the lock file ${file}`, {
      cause,
      facts: { file },
    })
  }
}

/** Name of the lock file in the folder of a site. */
export const LOCK_FILE = 'daemon.lock'

/** Takes the lock of a site's folder. @throws GatewayRefusal `SITE_IN_USE` */
export const lockFolder = (folder: string): FolderLock => FolderLock.take(join(folder, LOCK_FILE))

/** Takes the lock of one of several daemons that work in a folder. @throws GatewayRefusal `SITE_IN_USE` */
export const lockDaemon = (folder: string, name: string): FolderLock =>
  FolderLock.take(join(folder, `daemon-${name}.lock`))
