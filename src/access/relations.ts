/**
 * The legitimate relationship: what ties a principal to a patient at this moment.
 *
 * @module
 */

import type { AccessContext, Principal } from './model.ts'
import { RELATIONS, type Relation } from './vocabulary.ts'

/** The kinds of tie between a principal and a patient, in the order of the vocabulary. */
export function relationsOf(
  principal: Principal,
  patient: string,
  { at, relationships }: Pick<AccessContext, 'at' | 'relationships'>,
): readonly Relation[] {
  const groups = principal.department === undefined ? [] : [principal.department]
  const own = new Set([principal.id, ...principal.careTeams, ...groups])
  const lent = new Set(
    principal.delegations
      .filter(({ notBefore, expiresAt }) => notBefore <= at && at < expiresAt)
      .map(({ from }) => from),
  )
  const found = new Set<Relation>()
  if (principal.patient === patient) found.add('own')
  for (const tie of relationships) {
    if (tie.patient !== patient) continue
    if (tie.notBefore !== undefined && at < tie.notBefore) continue
    if (tie.expiresAt !== undefined && at >= tie.expiresAt) continue
    if (own.has(tie.with)) found.add(tie.kind)
    // What is lent is the duty to treat, not somebody's own record or a reviewer's permission.
    else if (lent.has(tie.with) && LENDABLE.has(tie.kind)) {
      found.add(tie.kind)
      found.add('delegation')
    }
  }
  return RELATIONS.filter((relation) => found.has(relation))
}

const LENDABLE: ReadonlySet<Relation> = new Set([
  'care-team',
  'encounter',
  'referral',
  'ward',
  'ed-present',
  'booked-session',
  'order',
])
