/**
 * Versions that were opened stay for some minutes, as opened charts do: what is read is read again.
 *
 * What is kept stands for a row, and is given out only for that very row: whoever asks has read the
 * row, and each of its columns, the container among them, is compared. A row that was changed is
 * verified and opened anew, and found damaged. Whether anybody may open it, the caller finds out by
 * the key of a holder, whose row is read as well. Only what this site sealed, and lies in its row.
 *
 * Whoever reads the memory of the daemon finds these texts, as those of charts and of requests under
 * way; no disk does.
 *
 * @module
 */

import { sameOctets, type Clock, type Uuid } from '#base'
import type { JsonObject } from '#health'
import type { Body } from './body.ts'
import type { VerifiedGroup } from './groups.ts'
import type { StoredObject, StoredVersion } from './objects.ts'
import type { VerifiedVersion } from './reading.ts'

/** A version as it was verified and opened. */
export interface KeptVersion {
  readonly verified: VerifiedVersion
  readonly body: Body
  /** Frozen, with all that is in it. */
  readonly content: JsonObject
  /** Whose keys open it. */
  readonly holders: readonly Uuid[]
}

interface Kept extends KeptVersion {
  readonly row: StoredVersion
  readonly octets: number
  readonly until: number
}

/** Opened versions of one site. Owns them until it is disposed. */
export class KeptVersions implements Disposable {
  readonly #clock: Clock
  /** By object and version, oldest first; at most `KEPT_OCTETS_MAX` of containers. */
  readonly #kept = new Map<string, Kept>()
  #octets = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** What was opened from this row, if it is the same still. */
  of(object: StoredObject, row: StoredVersion, group: VerifiedGroup): KeptVersion | undefined {
    const kept = this.#kept.get(nameOf(row))
    if (kept === undefined || this.#clock.monotonicMs() >= kept.until) return undefined
    const { verified } = kept
    return verified.group === group && verified.tenant === object.origin && isSame(kept.row, row)
      ? kept
      : undefined
  }

  /** Keeps what was opened from a row, and freezes it. */
  keep(row: StoredVersion, opened: KeptVersion): void {
    if (row.column === null || opened.verified.origin !== undefined) return
    freeze(opened.content)
    const octets = row.column.length
    const now = this.#clock.monotonicMs()
    this.#forget(nameOf(row))
    this.#kept.set(nameOf(row), { ...opened, row, octets, until: now + KEPT_MS })
    this.#octets += octets
    for (const [oldest, { until }] of this.#kept) {
      if (this.#octets <= KEPT_OCTETS_MAX && now < until) break
      this.#forget(oldest)
    }
  }

  /** Takes everything about a holder out of memory. */
  forget(holder: Uuid): void {
    for (const [name, { holders }] of this.#kept) if (holders.includes(holder)) this.#forget(name)
  }

  #forget(name: string): void {
    this.#octets -= this.#kept.get(name)?.octets ?? 0
    this.#kept.delete(name)
  }

  [Symbol.dispose](): void {
    this.#kept.clear()
    this.#octets = 0
  }
}

/** A value of its own for one request, whose content is that of all others. */
export function valueOf(content: JsonObject): JsonObject {
  const value = Object.freeze({ ...content })
  contents.set(value, content)
  return value
}

/**
 * What stands for the content of an opened resource: the same object for whoever is given this
 * version while it stays opened. Undefined for what somebody has made.
 */
export const contentOf = (value: JsonObject): JsonObject | undefined => contents.get(value)

/**
 * Works something out once for each content that stays opened, and each time for what somebody made.
 *
 * @param work   pure
 */
export function perContent<T>(work: (value: JsonObject) => T): (value: JsonObject) => T {
  const known = new WeakMap<JsonObject, { readonly found: T }>()
  return (value) => {
    const content = contentOf(value)
    if (content === undefined) return work(value)
    const before = known.get(content)
    if (before !== undefined) return before.found
    const found = work(value)
    known.set(content, { found })
    return found
  }
}

const nameOf = ({ object, version }: StoredVersion): string => `${object} ${version}`

const isSame = (a: StoredVersion, b: StoredVersion): boolean =>
  a.group === b.group &&
  a.place === b.place &&
  a.octets === b.octets &&
  sameOctets(a.hash, b.hash) &&
  a.column !== null &&
  b.column !== null &&
  sameOctets(a.column, b.column)

function freeze(value: object): void {
  Object.freeze(value)
  for (const part of Object.values(value) as unknown[]) {
    if (typeof part === 'object' && part !== null) freeze(part)
  }
}

const contents = new WeakMap<JsonObject, JsonObject>()
/** Octets of containers whose versions stay opened, some five times larger in memory. */
const KEPT_OCTETS_MAX = 8 * 1024 * 1024
/** How long a version stays opened. */
const KEPT_MS = 5 * 60_000
