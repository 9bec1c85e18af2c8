/**
 * A resource as it is stored and as it is served: the server's own elements come and go, everything
 * else stays to the letter.
 *
 * `meta.versionId` and `meta.lastUpdated` are the server's: what a client sends of them is dropped,
 * and what is served tells version and time as the vault has them.
 *
 * @see FHIR R4 §3.1.0.5 (versioning), §2.20.1 (Meta)
 * @module
 */

import { DAY_MS, isoTime, type EpochMs } from '#base'
import { isObject, type Json, type JsonObject } from '#health'
import type { Opened } from '#vault'
import { withoutOwner } from './hooks/owner.ts'
import { shownFrom } from './showing.ts'

/** The resource to be stored under an id. Shares its parts with what came in. */
export function storedResource(value: JsonObject, id: string): JsonObject {
  const { meta } = value
  const stored: JsonObject = {}
  for (const name of Object.keys(value)) {
    if (name === 'resourceType') Object.assign(stored, { resourceType: value[name], id })
    else if (name === 'meta' && isObject(meta)) {
      const kept = clientMeta(meta)
      if (Object.keys(kept).length > 0) stored['meta'] = kept
    } else if (name !== 'id') stored[name] = value[name]
  }
  return stored
}

/** What a version says, with its number and time, as it may be shown. */
export function servedResource({ value, version, at }: Pick<Opened, 'value' | 'version' | 'at'>) {
  const { resourceType, id, meta, ...rest } = withoutOwner(value)
  const own = { versionId: String(version), lastUpdated: isoTime(at) }
  return shownFrom(value, { resourceType, id, meta: { ...own, ...clientMeta(meta) }, ...rest })
}

/** What of a resource's meta is not the server's. */
const clientMeta = (meta: Json | undefined): JsonObject =>
  Object.fromEntries(
    Object.entries(isObject(meta) ? meta : {}).filter(([name]) => !SERVER_META.includes(name)),
  )

/** The weak tag of a version: `W/"3"`. */
export const etagOf = (version: number): string => `W/"${version}"`

/**
 * The version that an `If-Match` or `If-None-Match` names; `any` for `*`.
 *
 * @returns undefined where it names nothing this server could have given out
 */
export function versionInTag(tag: string): number | 'any' | undefined {
  if (tag.trim() === '*') return 'any'
  const found = /^\s*(?:W\/)?"?([1-9][0-9]{0,8})"?\s*$/.exec(tag)
  return found === null ? undefined : Number(found[1])
}

/** `Sat, 21 Nov 2026 05:48:34 GMT` (RFC 9110 §5.6.7). */
export function httpDate(at: EpochMs): string {
  const [, year, month, day, time] = ISO.exec(isoTime(at)) ?? []
  const weekday = WEEKDAYS[(Math.floor(at / DAY_MS) + THURSDAY) % 7]
  return `${weekday}, ${day} ${MONTHS[Number(month) - 1]} ${year} ${time} GMT`
}

/** Whether something of this time was changed after an HTTP date; yes if that is no such date. */
export function isModifiedSince(at: EpochMs, date: string): boolean {
  const [, day, name, year, time] = HTTP_DATE.exec(date.trim()) ?? []
  const month = MONTHS.indexOf(name) + 1
  if (month === 0) return true
  // Both are spelled from the year down to the second, so that texts compare like times.
  return isoTime(at).slice(0, SECONDS) > `${year}-${String(month).padStart(2, '0')}-${day}T${time}`
}

/** Day of the week of 1 January 1970. */
const THURSDAY = 4
const SERVER_META = ['versionId', 'lastUpdated']
const SECONDS = 'YYYY-MM-DDTHH:MM:SS'.length
const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')
const ISO = /^(\d{4})-(\d\d)-(\d\d)T(\d\d:\d\d:\d\d)/
const HTTP_DATE = /^[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d:\d\d:\d\d) GMT$/
