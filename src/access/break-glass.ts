/**
 * Break-glass: reading one patient's record in an emergency, without any tie to the patient.
 *
 * Pure functions over a list of grants, which the host keeps durably. Nothing here needs a network,
 * a key or another site, so that an emergency never waits. Each grant is for one person and one
 * patient, ends after an hour, and is due for review by somebody else, within three days unless the host says else.
 *
 * What a grant permits is said by policies (`role.break-glass.…`, `break-glass.…`): reading, and
 * never psychotherapy notes. What is logged names the grant and whose act it was, by our own id; whom
 * it was about, and why, stands in the sealed state alone. Does not judge whether the reason was true.
 *
 * @module
 */

import { DAY_MS, HOUR_MS, MINUTE_MS, type EpochMs, type Uuid } from '#base'
import type { EventFact } from '#audit'

/** Why the glass was broken: a short list, so that it takes one tap. */
export const BREAK_GLASS_REASONS = [
  'life-threatening',
  'unconscious',
  'safeguarding',
  'covering-colleague',
  'transfer-arrived',
  'record-misfiled',
] as const
export type BreakGlassReason = (typeof BREAK_GLASS_REASONS)[number]

/** One person's leave to read one patient's record, for a while. */
export interface BreakGlassGrant {
  readonly id: Uuid
  /** The principal who broke the glass. */
  readonly by: string
  /** `Patient/id`. */
  readonly patient: string
  readonly reason: BreakGlassReason
  /** In the person's own words. */
  readonly text: string
  readonly openedAt: EpochMs
  readonly expiresAt: EpochMs
  /** Set when the person was done before it expired. */
  readonly closedAt?: EpochMs
  readonly reviewDueAt: EpochMs
  readonly review?: BreakGlassReview
}

/** What a review may find. */
export const REVIEW_FINDINGS = ['justified', 'misuse'] as const
export type ReviewFinding = (typeof REVIEW_FINDINGS)[number]

/** What a second person found. */
export interface BreakGlassReview {
  readonly by: string
  readonly at: EpochMs
  readonly finding: ReviewFinding
  /** In that person's own words; kept sealed, as the reason is. */
  readonly note: string
}

/** All grants that are open or await review; the host removes reviewed ones as it pleases. */
export type BreakGlassState = readonly BreakGlassGrant[]

/** What the host performs after a change: an entry of the log. */
export interface BreakGlassRecord {
  readonly kind: 'break-glass.opened' | 'break-glass.closed' | 'break-glass.reviewed'
  /** Who did it, by our own id. */
  readonly by: string
  readonly facts: Readonly<Record<string, EventFact>>
}

export type BreakGlassRefused =
  | 'second-factor-stale'
  | 'text-too-short'
  | 'text-too-long'
  | 'too-many-open'
  | 'already-open'
  | 'unknown-grant'
  | 'own-grant'
  | 'note-too-short'
  | 'note-too-long'
  | 'already-closed'
  | 'still-open'
  | 'already-reviewed'

/** A new state and what to perform, or why not. */
export type BreakGlassOutcome =
  | {
      readonly kind: 'done'
      readonly state: BreakGlassState
      readonly grant: BreakGlassGrant
      readonly record: BreakGlassRecord
    }
  | { readonly kind: 'refused'; readonly why: BreakGlassRefused }

/**
 * Breaks the glass. The role to do so is asked of `decide` (action `break-glass`) before.
 *
 * @param input   id fresh; text in the person's own words; secondFactorAt at most five minutes old
 */
export function openGlass(
  state: BreakGlassState,
  input: {
    readonly id: Uuid
    readonly by: string
    readonly patient: string
    readonly reason: BreakGlassReason
    readonly text: string
    readonly secondFactorAt: EpochMs | undefined
    readonly at: EpochMs
    /** Until the review is late. */
    readonly reviewMs?: number
  },
): BreakGlassOutcome {
  const { id, by, patient, reason, at, reviewMs = REVIEW_MS } = input
  const text = input.text.trim()
  if (!isStepUp(input.secondFactorAt, at)) return refused('second-factor-stale')
  if (text.length < TEXT_CHARACTERS_LEAST) return refused('text-too-short')
  if (text.length > TEXT_CHARACTERS_MAX) return refused('text-too-long')
  const open = state.filter((grant) => grant.by === by && isOpen(grant, at))
  if (open.some((grant) => grant.patient === patient)) return refused('already-open')
  if (open.length >= OPEN_MAX) return refused('too-many-open')
  const grant: BreakGlassGrant = {
    id,
    by,
    patient,
    reason,
    text,
    openedAt: at,
    expiresAt: (at + GRANT_MS) as EpochMs,
    reviewDueAt: (at + reviewMs) as EpochMs,
  }
  const record: BreakGlassRecord = {
    kind: 'break-glass.opened',
    by,
    facts: { grant: id, reason, expiresAt: grant.expiresAt, reviewDueAt: grant.reviewDueAt },
  }
  return { kind: 'done', state: [...state, grant], grant, record }
}

/** The grant under which this person may read this patient's record now, if there is one. */
export const openGrant = (
  state: BreakGlassState,
  { by, patient, at }: { readonly by: string; readonly patient: string; readonly at: EpochMs },
): BreakGlassGrant | undefined =>
  state.find((grant) => grant.by === by && grant.patient === patient && isOpen(grant, at))

/** Ends a grant before its time: whoever opened it is done, or whoever reviews it has seen enough. */
export function closeGlass(
  state: BreakGlassState,
  { grant: id, by, at }: { readonly grant: Uuid; readonly by: string; readonly at: EpochMs },
): BreakGlassOutcome {
  const grant = state.find((one) => one.id === id)
  if (grant === undefined) return refused('unknown-grant')
  if (!isOpen(grant, at)) return refused('already-closed')
  return changed(
    state,
    { ...grant, closedAt: at },
    { kind: 'break-glass.closed', by, facts: { grant: id } },
  )
}

/** Records what a second person found. Whoever broke the glass cannot, nor while it is open. */
export function reviewGlass(
  state: BreakGlassState,
  input: { readonly grant: Uuid } & BreakGlassReview,
): BreakGlassOutcome {
  const { grant: id, by, at, finding } = input
  const note = input.note.trim()
  const grant = state.find((one) => one.id === id)
  if (grant === undefined) return refused('unknown-grant')
  if (grant.by === by) return refused('own-grant')
  if (grant.review !== undefined) return refused('already-reviewed')
  if (isOpen(grant, at)) return refused('still-open')
  if (note.length < TEXT_CHARACTERS_LEAST) return refused('note-too-short')
  if (note.length > NOTE_CHARACTERS_MAX) return refused('note-too-long')
  const late = at > grant.reviewDueAt
  return changed(
    state,
    { ...grant, review: { by, at, finding, note } },
    { kind: 'break-glass.reviewed', by, facts: { grant: id, finding, late } },
  )
}

/** Grants whose review is late: their users' risk rises until somebody looks. */
export const overdueReviews = (state: BreakGlassState, at: EpochMs): readonly BreakGlassGrant[] =>
  state.filter(({ review, reviewDueAt }) => review === undefined && at > reviewDueAt)

/** Whether a grant permits anything now. */
export const isOpen = ({ openedAt, expiresAt, closedAt }: BreakGlassGrant, at: EpochMs): boolean =>
  openedAt <= at && at < expiresAt && (closedAt === undefined || at < closedAt)

/** Whether a second factor was shown so lately that it counts as shown for this act. */
export const isStepUp = (secondFactorAt: EpochMs | undefined, at: EpochMs): boolean =>
  secondFactorAt !== undefined && secondFactorAt <= at && at - secondFactorAt <= STEP_UP_MS

function changed(
  state: BreakGlassState,
  grant: BreakGlassGrant,
  record: BreakGlassRecord,
): BreakGlassOutcome {
  const next = state.map((one) => (one.id === grant.id ? grant : one))
  return { kind: 'done', state: next, grant, record }
}

const refused = (why: BreakGlassRefused): BreakGlassOutcome => ({ kind: 'refused', why })

/** How old a second factor may be for acts that ask for one. */
export const STEP_UP_MS = 5 * MINUTE_MS
/** How long a grant lasts. */
export const GRANT_MS = HOUR_MS
/** Until when a grant is to be reviewed, where the host says nothing else. */
export const REVIEW_MS = 3 * DAY_MS
/** Grants that one person may have open: an emergency is rarely more than these patients. */
export const OPEN_MAX = 3
const TEXT_CHARACTERS_LEAST = 10
const TEXT_CHARACTERS_MAX = 500
/** Characters of what a reviewer notes. */
export const NOTE_CHARACTERS_MAX = 2000
