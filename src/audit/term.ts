/**
 * Statements that forget: what is kept beside entries is emptied, by when they were written.
 *
 * @module
 */

import { sql, type ExpressionBuilder } from 'kysely'
import { statement, tablesOf, type Statement } from '#base'
import type { AuditTables } from './tables.ts'

/** A span of time, from its beginning to before its end, epoch milliseconds. */
export interface Span {
  readonly from: number
  readonly before: number
}

/** When the oldest entry was written beside which something is kept, as `oldest`; null for none. */
export const selectOldestKept = (site: string): Statement =>
  statement(
    db
      .selectFrom('audit_entry')
      .select(sql<number | null>`min(at)`.as('oldest'))
      .where('site_id', '=', site)
      .where('who', 'is not', null),
  )

/** How many entries of a span something is kept beside, as `entries`, those about some left out. */
export const countKept = (site: string, span: Span, besides: readonly Uint8Array[]): Statement =>
  statement(
    db
      .selectFrom('audit_entry')
      .select(sql<number>`count(*)`.as('entries'))
      .where('site_id', '=', site)
      .where((is) => keptIn(is, span, besides)),
  )

/** Forgets what is kept beside the entries of a span, those about some left out; entries stay. */
export const forgetKept = (site: string, span: Span, besides: readonly Uint8Array[]): Statement =>
  statement(
    db
      .updateTable('audit_entry')
      .set({ about: null, doer: null, who: null, whom: null })
      .where('site_id', '=', site)
      .where((is) => keptIn(is, span, besides)),
  )

/** @param besides   tags of those whose entries stay */
const keptIn = (
  is: ExpressionBuilder<AuditTables, 'audit_entry'>,
  { from, before }: Span,
  besides: readonly Uint8Array[],
) =>
  is.and([
    is('at', '>=', from),
    is('at', '<', before),
    is('who', 'is not', null),
    ...(besides.length === 0
      ? []
      : [is.or([is('about', 'is', null), is('about', 'not in', [...besides])])]),
  ])

const db = tablesOf<AuditTables>()
