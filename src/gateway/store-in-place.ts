/**
 * A writer on the calling thread, for small groups of commits that come while nothing else is
 * written.
 *
 * To wake another thread and be woken by it costs about as much as to write some rows and to sync
 * them, where the disk syncs in a tenth of a millisecond. So a small group is written where it was
 * called for. The writer thread has what is large, what comes while it is at work, and everything
 * for a while after groups took long: on a slow disk each sync would keep this thread from all its
 * other work.
 *
 * Never writes while the writer thread does: its owner sees to that, and to the order of commits.
 * What a commit promises is the same on either way.
 *
 * @module
 */

import type { DatabaseSync } from 'node:sqlite'
import { openSecondWriter } from './store-schema.ts'
import type { Commit, Outcome } from './store-wire.ts'
import { GroupWriter } from './store-writer.ts'

/** Owns a writing connection of this thread. */
export class InPlaceWriter implements Disposable {
  readonly #database: DatabaseSync
  readonly #writer: GroupWriter
  readonly #now: () => number
  /** Groups until the writer thread has one, and looks whether the log is to be folded in. */
  #left = GROUPS_MAX
  /** What a group took lately, those before counting less and less, in milliseconds. */
  #averageMs = 0
  /** No group is written here before this, in milliseconds. */
  #notBeforeMs = 0

  /** @param now   milliseconds that never go back */
  constructor(file: string, now = () => performance.now()) {
    this.#database = openSecondWriter(file)
    this.#writer = new GroupWriter(this.#database)
    this.#now = now
  }

  /** Whether a group of such a size is to be written here; if not, the writer thread has it. */
  takes({ commits, octets }: { readonly commits: number; readonly octets: number }): boolean {
    const isSmall = commits <= GROUP_COMMITS_MAX && octets <= GROUP_OCTETS_MAX
    if (!isSmall || this.#now() < this.#notBeforeMs) return false
    this.#left--
    if (this.#left >= 0) return true
    this.#left = GROUPS_MAX
    return false
  }

  /** Commits in order, as the writer thread does. @throws DiskFailure */
  commitAll(commits: readonly Commit[]): readonly Outcome[] {
    const begun = this.#now()
    const outcomes = this.#writer.commitAll(commits)
    const ended = this.#now()
    this.#averageMs += (ended - begun - this.#averageMs) / AVERAGE_OVER
    if (this.#averageMs > SLOW_MS) {
      this.#notBeforeMs = ended + PAUSE_MS
      this.#averageMs = 0
    }
    return outcomes
  }

  /** Bounds the size of the database, in pages of 4 KiB. */
  limit(pagesMax: number): void {
    this.#writer.limit(pagesMax)
  }

  [Symbol.dispose](): void {
    this.#database.close()
  }
}

/** What is larger is worth another thread. */
export const GROUP_COMMITS_MAX = 16
export const GROUP_OCTETS_MAX = 64 * 1024
/** Groups that take longer, averaged over about so many, say that the disk is slow now. */
export const SLOW_MS = 3
const AVERAGE_OVER = 16
/** For how long the writer thread has everything then. */
export const PAUSE_MS = 1000
/** Only the writer thread folds the log of the database in: so it has a group now and then. */
export const GROUPS_MAX = 256
