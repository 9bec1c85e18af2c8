/**
 * Shapes of erasures and holds, as the admin API says them.
 *
 * @module
 */

import { Exactly, OneOf, Text, Type, UuidText, Whole, type Static } from '#base'

/** `wish` of the person, end of the `term`, order of a `court`, filed in `error`. */
export const ErasureCauseShape = OneOf('wish', 'term', 'court', 'error')
export type ErasureCauseName = Static<typeof ErasureCauseShape>

export const HoldCauseShape = OneOf('court', 'claim', 'study', 'other')
export type HoldCauseName = Static<typeof HoldCauseShape>

export const ErasureShape = Exactly({
  patient: UuidText,
  at: Whole(0),
  cause: ErasureCauseShape,
  /** Resources that are no more, with all their versions. */
  items: Whole(0),
  /** `pending` until every site that received the record has signed that it destroyed it. */
  state: OneOf('pending', 'complete'),
  sites: Type.Array(
    Exactly({
      site: Text(63),
      state: OneOf('waiting', 'signed'),
      /** Why it waits, as a stable code; empty if nothing is wrong. */
      reason: Text(64),
      /** When the site says that it erased; null while it has not. */
      at: Type.Union([Whole(0), Type.Null()]),
      /** Its resources that it destroyed, as it signs. */
      items: Whole(0),
      /** Whether both its signatures were verified here. */
      verified: Type.Boolean(),
    }),
  ),
})
export type ErasureView = Static<typeof ErasureShape>

export const HoldShape = Exactly({
  patient: UuidText,
  /** Null while none stands. */
  hold: Type.Union([Exactly({ cause: HoldCauseShape, since: Whole(0) }), Type.Null()]),
})
export type HoldView = Static<typeof HoldShape>
