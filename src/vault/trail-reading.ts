/**
 * Reads the events of accesses back: of a patient, of whoever did them, of a time.
 *
 * Each is opened, composed anew and held against the commitment in its entry: an event that is
 * given out is the one that the log binds, or its row is named as damaged. Of a patient whose key
 * was destroyed, the general part is left. Reading events is an access like others, and logged.
 *
 * A row that was taken away is not missed here: its entry stays, with a commitment to nothing.
 *
 * @module
 */

import { DAY_MS, epochMs, textOf, uuidOf, type EpochMs, type Uuid } from '#base'
import {
  accessEvent,
  bindsGeneral,
  bindsParticular,
  type GeneralFacts,
  type KeptEntry,
  type KeptFilter,
  type ParticularFacts,
} from '#audit'
import type { VaultContext } from './context.ts'
import { patientKey } from './records.ts'
import { damaged } from './refusal.ts'
import { trailEntries, type Deed } from './trail.ts'
import { dayOf, type TrailKey } from './trail-key.ts'

/** Which events are wanted: of a patient, of whoever did them, or of a time. */
export interface TrailQuery {
  /** By our own id. */
  readonly patient?: Uuid | undefined
  /** By the name in the entries. */
  readonly actor?: string | undefined
  readonly since?: EpochMs | undefined
  readonly until?: EpochMs | undefined
  /** Only this entry. */
  readonly index?: number | undefined
  /** Only entries below this one: where a page before ended. */
  readonly before?: number | undefined
  /** At most so many. */
  readonly limit: number
}

/** One event, opened, with what proves it. */
export interface TrailEvent {
  readonly index: number
  readonly at: EpochMs
  readonly kind: string
  readonly actor: string
  readonly facts: GeneralFacts
  /** Left out where the key of whom it is about is gone. */
  readonly about?: ParticularFacts
  /** Our own id of whose key it is about: a patient's, or a holder of the site's. */
  readonly holder?: Uuid
  /** The texts that the entry binds, and their salts. */
  readonly general: { readonly text: string; readonly salt: Uint8Array; readonly inner: Uint8Array }
  readonly particular?: { readonly text: string; readonly salt: Uint8Array }
}

/** Events, newest first, and where the next page begins if there may be more. */
export interface TrailPage {
  readonly events: readonly TrailEvent[]
  readonly next: number | undefined
}

/** A page of events, logged as `deed` says. @throws VaultRefusal `VAULT_DAMAGED` */
export async function trailPage(
  context: VaultContext,
  query: TrailQuery,
  deed: Omit<Deed, 'kind'>,
): Promise<TrailPage> {
  const { patient, actor, index, before, since, until, limit } = query
  using key = patient === undefined ? undefined : await patientKey(context, patient)
  const named = { ...deed, kind: 'vault.told' }
  await context.store.commit(trailEntries(context, named, [key === undefined ? {} : { key }]))
  const events: TrailEvent[] = []
  let isMore = false
  for (const filter of filtersFor(context, query, key?.trail)) {
    const wanted = { ...filter, since, until, at: index, before }
    const rows = await context.audit.kept(wanted, limit + 1 - events.length)
    for (const row of rows) {
      if (events.length === limit) isMore = true
      else if (actor === undefined || row.event.actor === actor) {
        events.push(await openKept(context, row))
      }
    }
    if (isMore) break
  }
  return { events, next: isMore ? events.at(-1)?.index : undefined }
}

/** Tags of days, newest first, some hundred at a time; one filter without tags for everybody. */
function* filtersFor(
  { clock, trail }: VaultContext,
  { patient, actor, since, until }: TrailQuery,
  key: TrailKey | undefined,
): Generator<KeptFilter> {
  if (patient === undefined && actor === undefined) {
    yield {}
    return
  }
  const now = clock.now()
  const last = dayOf(Math.min(until ?? now, now))
  const first = Math.max(dayOf(since ?? 0), last - DAYS_MAX)
  const tagOf = (day: number): Uint8Array => {
    const at = epochMs(day * DAY_MS)
    return key === undefined ? trail.tag(at, 'doer', actor ?? '') : key.tag(at)
  }
  for (let day = last; day >= first; day -= DAYS_A_QUERY) {
    const days = Array.from({ length: Math.min(DAYS_A_QUERY, day - first + 1) }, (_, n) => day - n)
    yield { tagged: { as: key === undefined ? 'doer' : 'about', tags: days.map(tagOf) } }
  }
}

/** Opens what is kept beside an entry, and holds it against the entry. */
async function openKept(context: VaultContext, kept: KeptEntry): Promise<TrailEvent> {
  const { index, event } = kept
  const { commitment, at, kind, actor } = event
  const place = `audit_entry ${index}`
  if (commitment === undefined) throw damaged(place, 'binds nothing that could be kept')
  const who = opened(context.trail, 'general', { commitment, sealed: kept.general, place })
  const [inner, salt] = [who.slice(0, 32), who.slice(32, 64)]
  const holder = who.subarray(64, 80).some((octet) => octet !== 0)
    ? uuidOf(who.subarray(64, 80))
    : undefined
  using key = holder === undefined ? undefined : await context.keyring.readerOf(holder)
  const trail = holder === undefined ? context.trail : key?.trail
  const whom = trail && opened(trail, 'particular', { commitment, sealed: kept.particular, place })
  // Authentic, and held against the commitment below: nobody else has written them.
  const facts = JSON.parse(textOf(who.subarray(80))) as GeneralFacts
  const about = whom && (JSON.parse(textOf(whom.subarray(32))) as ParticularFacts)
  const texts = accessEvent(facts, about ?? { v: 1 })
  const general = { text: texts.general, salt, inner }
  const particular = whom && { text: texts.particular, salt: whom.slice(0, 32) }
  const isBound =
    bindsGeneral(commitment, general) &&
    (particular === undefined || bindsParticular(inner, particular))
  if (!isBound) throw damaged(place, 'the entry binds another event')
  return {
    ...{ index, at, kind, actor, facts, general },
    ...(holder !== undefined && { holder }),
    ...(about !== undefined && { about }),
    ...(particular !== undefined && { particular }),
  }
}

function opened(
  trail: TrailKey,
  part: 'general' | 'particular',
  about: { readonly commitment: Uint8Array; readonly sealed: Uint8Array; readonly place: string },
): Uint8Array {
  const { commitment, sealed, place } = about
  try {
    return trail.open(part, commitment, sealed)
  } catch (cause) {
    throw damaged(place, 'what is kept beside the entry does not open', cause)
  }
}

/** Days that one statement asks for. */
const DAYS_A_QUERY = 366
/** Days that are looked back at where nothing is said: ten years. */
const DAYS_MAX = 3653
