/**
 * Sessions of the FHIR server: every question of `#fhir` put to the access decision.
 *
 * Stands between whoever checked a certificate or token (`Caller`) and the interactions: for each
 * resource on its way in or out it gathers what `decide` needs, the patients' ties and consents, and
 * asks. Nothing here permits anything: what cannot be found out is left out, and denies.
 *
 * A session lives for one request: token, purpose and second factor are those of the request. What was
 * decided for the same caller before is used again while it stands: see `fhir-asking.ts`.
 *
 * @module
 */

import { newUuid } from '#base'
import { BREAK_GLASS_REASONS, isOpen, type Caller } from '#access'
import type { Account } from '#audit'
import type { Action, GlassBroken, OpenGlass, Session } from '#fhir'
import { decisionOf, type Asking, type Deciding } from './fhir-asking.ts'

/** A session for a caller, for one request. */
export function sessionFor(deciding: Deciding, caller: Caller): Session {
  const asking = deciding.memory.of(deciding, caller)
  // Whoever breaks the glass does so for that, whatever the request says.
  const askingFor = (action: Action): Asking =>
    action === 'break-glass' ? deciding.memory.of(deciding, { ...caller, purpose: 'BTG' }) : asking
  return {
    account: accountFor(caller),
    until: caller.token.expiresAt,
    decide: async ({ action, type, resource }) =>
      resource === undefined
        ? await askingFor(action).gate(action, type)
        : decisionOf(await askingFor(action).about(action, resource)),
    breakGlass: (patient, wish) => broken(deciding, caller, { patient, ...wish }),
    openGlass: () => openFor(deciding, caller),
    endGlass: (patient) => ended(deciding, caller, patient),
    ...(deciding.sending && { sending: deciding.sending }),
  }
}

async function broken(
  { glass, random, clock }: Deciding,
  { principal, secondFactorAt }: Caller,
  wish: { readonly patient: string; readonly reason: string; readonly text: string },
): Promise<GlassBroken> {
  const { patient, text } = wish
  const reason = BREAK_GLASS_REASONS.find((one) => one === wish.reason)
  if (reason === undefined) {
    return { kind: 'refused', why: `Expected a reason among ${BREAK_GLASS_REASONS.join(', ')}` }
  }
  const [id, at] = [newUuid(random), clock.now()]
  const input = { id, by: principal.id, patient, reason, text, secondFactorAt, at }
  const outcome = await glass.open(input)
  if (outcome.kind === 'refused') {
    return { kind: 'refused', why: `The glass was not broken: ${outcome.why}` }
  }
  const { expiresAt, reviewDueAt } = outcome.grant
  return { kind: 'done', grant: id, expiresAt, reviewDueAt }
}

/** Grants of the caller that are open now. */
const openFor = ({ glass, clock }: Deciding, { principal }: Caller): readonly OpenGlass[] =>
  glass.state
    .filter((grant) => grant.by === principal.id && isOpen(grant, clock.now()))
    .map(({ id, patient, expiresAt }) => ({ grant: id, patient, expiresAt }))

/** Ends the caller's grant over a patient, if there is one. */
async function ended(deciding: Deciding, caller: Caller, patient: string): Promise<boolean> {
  const { glass, clock } = deciding
  const open = openFor(deciding, caller).find((grant) => grant.patient === patient)
  if (open === undefined) return false
  const { grant } = open
  const outcome = await glass.close({ grant, by: caller.principal.id, at: clock.now() })
  return outcome.kind === 'done'
}

/** A caller as the log and its events tell it. */
const accountFor = ({ actor, who, purpose, principal }: Caller): Account => ({
  ...{ actor, ...who, purpose: [purpose], roles: principal.roles, marks: [] },
})
