/**
 * Routes and shapes about broken glass: what was opened, what was looked at, what a second person found.
 *
 * @module
 */

import { Exactly, OneOf, Text, Type, UuidText, Whole, type Static } from '#base'
import { Proof } from './people.ts'
import { route } from './route.ts'
import { AccessShape } from './trail.ts'

const Time = Whole(0)
const named = Exactly({ grant: UuidText })
const orNull = <S extends Parameters<typeof Type.Union>[0][number]>(shape: S) =>
  Type.Union([shape, Type.Null()])

/** Somebody by our own id, and as colleagues know the person, while that is known. */
const Somebody = Exactly({ person: Text(256), name: orNull(Text(128)) })

/** One grant: one person's leave to read one patient's record, for a while. */
export const GlassShape = Exactly({
  grant: UuidText,
  by: Somebody,
  /** `Patient/id`. */
  patient: Text(256),
  reason: Text(32),
  /** In the person's own words. */
  text: Text(500),
  openedAt: Time,
  expiresAt: Time,
  closedAt: orNull(Time),
  reviewDueAt: Time,
  /** `open` can be read under; `waiting` and `overdue` are over and not reviewed. */
  state: OneOf('open', 'waiting', 'overdue', 'reviewed'),
  review: orNull(
    Exactly({
      by: Somebody,
      at: Time,
      finding: OneOf('justified', 'misuse'),
      note: Text(2000),
    }),
  ),
})
export type GlassView = Static<typeof GlassShape>

/** Shown by whoever reviews, where no session says who it is. */
const As = { as: Type.Optional(Proof) }

/** What may be asked of the daemon about broken glass. */
export const glassRoutes = {
  glasses: route({
    method: 'GET',
    path: '/v1/break-glass',
    summary: 'Broken glass that waits for a review, the most urgent first; or all there ever was',
    query: Exactly({
      which: Type.Optional(OneOf('waiting', 'all')),
      after: Type.Optional(Text(64)),
      limit: Type.Optional(Text(8)),
    }),
    body: Type.Null(),
    answer: Exactly({ glasses: Type.Array(GlassShape), next: orNull(UuidText) }),
  }),
  glass: route({
    method: 'GET',
    path: '/v1/break-glass/:grant',
    summary: 'One broken glass, and what was looked at under it; asking is logged',
    query: named,
    body: Type.Null(),
    answer: Exactly({ glass: GlassShape, accesses: Type.Array(AccessShape) }),
  }),
  closeGlass: route({
    method: 'POST',
    path: '/v1/break-glass/:grant/close',
    summary: 'End a broken glass before its hour is over',
    query: named,
    body: Exactly({}),
    answer: GlassShape,
  }),
  reviewGlass: route({
    method: 'POST',
    path: '/v1/break-glass/:grant/review',
    summary: 'Say what a review of broken glass found; never by whoever broke it',
    query: named,
    body: Exactly({ finding: OneOf('justified', 'misuse'), note: Text(2000, 1), ...As }),
    answer: GlassShape,
  }),
} as const
