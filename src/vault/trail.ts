/**
 * What the log says of accesses: one entry for each patient touched, and beside it, sealed, the
 * event that it binds.
 *
 * The general part of an event is sealed under the site's key, the particular part under the key of
 * whoever it is about: when that is destroyed, it is still known that somebody looked, and who, and
 * no longer at whom. What is about nobody is sealed under the site's key altogether.
 *
 * An entry in clear tells when, by whose name and what kind of act. That two entries are about one
 * patient, it does not say; their tags say it within a day.
 *
 * @module
 */

import { concat, utf8, uuidOctets, type Statement, type Uuid } from '#base'
import {
  accessEvent,
  accountOf,
  bindParts,
  profileFor,
  type Account,
  type Act,
  type AuditEvent,
  type GeneralFacts,
  type KeptBeside,
  type Outcome,
  type ParticularFacts,
} from '#audit'
import type { Ownership } from '#health'
import type { VaultContext } from './context.ts'
import type { HolderKey } from './holder-key.ts'

/** What was done, by whom: the same for all whom it touched. */
export interface Deed {
  /** Kind of the entries. */
  readonly kind: string
  /** As it stands in the entries. */
  readonly actor: string
  readonly act: Act
  readonly told?: Told | undefined
  readonly outcome?: Outcome
  /** Why not: a code of ours. */
  readonly reason?: string
  /** The other site, for what was sent or came. */
  readonly peer?: string
  /** What else stands in the entries, in clear. */
  readonly facts?: AuditEvent['facts']
}

/** What whoever asks tells of a request, for its events. */
export interface Told {
  readonly account: Account
  /** The search, as it was asked. */
  readonly query?: string | undefined
  /** The name of the request. */
  readonly request?: string | undefined
  /** What was special about it, for one of those whom it touched; asked when it is logged. */
  readonly marked?: (holder: Uuid | undefined) => Marked
}

/** What an event says of how something came to be permitted. */
export interface Marked {
  readonly marks: readonly string[]
  /** What gave an exceptional right: the id of a grant. */
  readonly grant?: string
}

/** Whom or what a deed touched. */
export interface Touched {
  /** Left out for what is about nobody. */
  readonly key?: HolderKey | undefined
  readonly patient?: ParticularFacts['patient'] | undefined
  /** `Type/id/_history/version`. */
  readonly data?: readonly string[]
  readonly more?: number
}

/** The statements that log a deed, one for each that it touched. */
export function trailEntries(
  context: VaultContext,
  deed: Deed,
  touched: readonly Touched[],
): Statement[] {
  return touched.map((one) => trailEntry(context, deed, one))
}

function trailEntry(context: VaultContext, deed: Deed, touched: Touched): Statement {
  const { event, kept } = trailTelling(context, deed, touched)
  return context.audit.append(event, kept)
}

/** An entry, and what is kept beside it: for whoever appends it. */
export interface Telling {
  readonly event: AuditEvent
  readonly kept: KeptBeside
}

/** What the log is to say of a deed. */
export function trailTelling(context: VaultContext, deed: Deed, touched: Touched): Telling {
  const { clock, random, trail } = context
  const { kind, actor, act, facts } = deed
  const { key } = touched
  const at = clock.now()
  const particular = particularOf(deed, touched)
  const general = generalOf(context, deed, { at, particular, key })
  const { commitment, inner, salts } = bindParts(random, accessEvent(general, particular))
  const id = key === undefined ? NOBODY : uuidOctets(key.holder.id)
  const kept = {
    about: key?.trail.tag(at),
    doer: trail.tag(at, 'doer', actor),
    general: concat(inner, salts.general, id, utf8(JSON.stringify(general))),
    particular: concat(salts.particular, utf8(JSON.stringify(particular))),
  }
  const event = { kind, at, actor, facts: { act, ...facts }, commitment }
  return {
    event,
    kept: {
      ...kept,
      general: trail.seal('general', commitment, kept.general, random),
      particular: (key?.trail ?? trail).seal('particular', commitment, kept.particular, random),
    },
  }
}

function generalOf(
  { site }: VaultContext,
  { actor, act, told, outcome = 'done', reason, peer }: Deed,
  about: {
    readonly at: GeneralFacts['at']
    readonly particular: ParticularFacts
    readonly key: HolderKey | undefined
  },
): GeneralFacts {
  const { at, particular, key } = about
  const profile = profileFor(act, outcome, particular)
  const account = told?.account ?? accountOf(actor)
  return {
    ...{ v: 1, act, at, outcome, site },
    account: { ...account, ...told?.marked?.(key?.holder.id) },
    ...(profile !== undefined && { profile }),
    ...(reason !== undefined && { reason }),
    ...(peer !== undefined && { peer }),
  }
}

function particularOf({ told }: Deed, { key, patient, data, more }: Touched): ParticularFacts {
  const isPatient = key?.holder.kind === 'patient'
  return {
    v: 1,
    ...(isPatient && { patient: patient ?? ownName(key.holder.id) }),
    ...(data !== undefined && data.length > 0 && { data: data.slice(0, LISTED_MAX) }),
    ...moreOf(data, more),
    ...(told?.query !== undefined && { query: told.query.slice(0, QUERY_CHARACTERS_MAX) }),
    ...(told?.request !== undefined && { request: told.request }),
  }
}

function moreOf(data: readonly string[] = [], more = 0) {
  const beyond = more + Math.max(0, data.length - LISTED_MAX)
  return beyond > 0 ? { more: beyond } : {}
}

/** Our own id of a patient, where no reference is at hand that names this one and nobody else. */
const ownName = (id: Uuid) => ({
  identifier: { system: 'urn:ietf:rfc:3986', value: `urn:uuid:${id}` },
})

/** How a resource names its patient, if it names one only. */
export function patientIn(ownership: Ownership): ParticularFacts['patient'] | undefined {
  if (ownership.kind !== 'patients' || ownership.subjects.length !== 1) return undefined
  const [subject] = ownership.subjects
  return subject.kind === 'reference'
    ? { reference: subject.reference }
    : { identifier: subject.identifier }
}

/** A version, as events name it. */
export const versionName = (version: {
  readonly type: string
  readonly id: string
  readonly version: number
}): string => `${version.type}/${version.id}/_history/${version.version}`

/** Resources that one event lists. */
const LISTED_MAX = 100
/** Of a search, as an event tells it. */
const QUERY_CHARACTERS_MAX = 4096
const NOBODY = new Uint8Array(16)
