/**
 * The legitimate relationship: what ties a principal to a patient at this moment.
 *
 * @module
 */

import type { AccessContext, Principal, Relationship } from './model.ts'
import { RELATIONS, type Relation, type Role } from './vocabulary.ts'

/** In the place of a patient: a declared flow reaches everybody, also whom nobody knows. */
export const ANYBODY = '*'

/** In the place of a person: everybody who works in a role. */
export const rolesGroup = (role: Role): string => `role:${role}`

/**
 * The kinds of tie between a principal and a patient, in the order of the vocabulary.
 *
 * @param patient   undefined for whom nobody knows, and for what is about nobody
 */
export function relationsOf(
  principal: Principal,
  patient: string | undefined,
  { at, relationships }: Pick<AccessContext, 'at' | 'relationships'>,
): readonly Relation[] {
  const own = namesOf(principal)
  const lent = new Set(
    principal.delegations
      .filter(({ notBefore, expiresAt }) => notBefore <= at && at < expiresAt)
      .map(({ from }) => from),
  )
  const found = new Set<Relation>()
  if (patient !== undefined && principal.patient === patient) found.add('own')
  for (const tie of relationships) {
    const isFlow = tie.kind === 'declared-flow' && tie.patient === ANYBODY
    if (tie.patient !== patient && !isFlow) continue
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

/** The ties that count between a principal and a patient at this moment, for explanations. */
export const tiesBetween = (
  principal: Principal,
  patient: string,
  { at, relationships }: Pick<AccessContext, 'at' | 'relationships'>,
): readonly Relationship[] =>
  relationships.filter((tie) =>
    relationsOf(principal, patient, { at, relationships: [tie] }).includes(tie.kind),
  )

/**
 * By which names records may tie this principal. The organisation somebody works for is none of
 * them: it provides for every patient; the department is.
 */
const namesOf = (principal: Principal): ReadonlySet<string> =>
  new Set([
    principal.id,
    ...principal.careTeams,
    ...principal.references.filter((reference) => !reference.startsWith('Organization/')),
    ...(principal.department === undefined ? [] : [principal.department]),
    ...principal.roles.map(rolesGroup),
  ])

const LENDABLE: ReadonlySet<Relation> = new Set([
  'care-team',
  'encounter',
  'referral',
  'ward',
  'ed-present',
  'booked-session',
  'order',
])
