/**
 * Until when a decision stays what it is, as far as the time goes.
 *
 * A decision rests on what is handed to it, and on the moment: tokens, grants, ties, delegations and
 * consents begin and end. Between two such moments it is the same, and may be kept.
 *
 * Says nothing of what else may change; whoever keeps a decision watches that.
 *
 * @module
 */

import { STEP_UP_MS } from './break-glass.ts'
import type { Provision } from './consent-read.ts'
import type { AccessRequest } from './model.ts'

/**
 * The first moment after that of the request at which anything begins or ends that a decision looks
 * at, whatever the resource; infinite if there is none.
 *
 * From the moment of the request until then, and not at it, `forPatients` decides alike.
 */
export function steadyUntil({ principal, context }: Omit<AccessRequest, 'resource'>): number {
  let first = Infinity
  for (const moment of momentsOf({ principal, context })) {
    if (moment !== undefined && moment > context.at && moment < first) first = moment
  }
  return first
}

function* momentsOf({
  principal,
  context,
}: Pick<AccessRequest, 'principal' | 'context'>): Generator<number | undefined> {
  const { token, secondFactorAt, grants, relationships, consents } = context
  yield token.notBefore
  yield token.expiresAt
  if (secondFactorAt !== undefined) {
    yield secondFactorAt
    yield secondFactorAt + STEP_UP_MS + 1
  }
  for (const { notBefore, expiresAt } of principal.delegations) {
    yield notBefore
    yield expiresAt
  }
  for (const { notBefore, expiresAt } of relationships) {
    yield notBefore
    yield expiresAt
  }
  for (const { openedAt, expiresAt, closedAt } of grants) {
    yield openedAt
    yield expiresAt
    yield closedAt
  }
  for (const { root } of consents) if (root !== 'unreadable') yield* periodsIn(root)
}

function* periodsIn({ period, provisions }: Provision): Generator<number> {
  if (period !== undefined) yield* period
  for (const one of provisions) yield* periodsIn(one)
}
