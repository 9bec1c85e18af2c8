/**
 * The decision: may this principal do this to this thing, now, for this purpose?
 *
 * One pure function that every way out of the vault calls. The order is fixed and denial wins:
 * token, role, scope, site, relationship, purpose, labels, consent, obligations, audit. Token, scope
 * and site are checked here, where no policy can loosen them; the rest is said by policies over
 * facts gathered here. A thing about several patients is permitted if it is for each of them.
 *
 * `forPatients` is the same function cut in two: what does not depend on the thing itself is worked
 * out once for a list. Every decision lists its steps and names its rule.
 *
 * Knows nothing that it is not told: a caller that leaves out a Consent, or invents a tie, is not
 * found out here.
 *
 * @module
 */

import { isStepUp, openGrant } from './break-glass.ts'
import { consentFor, isImplied, type ConsentFinding } from './consent.ts'
import type { PolicyEngine, Question } from './engine.ts'
import { explained, type Answer } from './explain.ts'
import type {
  AccessContext,
  AccessRequest,
  AuditMark,
  Decision,
  Obligation,
  Principal,
  ResourceFacts,
  Step,
} from './model.ts'
import { relationsOf } from './relations.ts'
import { scopesAllow } from './scopes.ts'
import {
  ROLES,
  SENSITIVITIES,
  STEPS,
  type Relation,
  type ResourceClass,
  type StepName,
} from './vocabulary.ts'

/** Decides about one thing. */
export const decide = (engine: PolicyEngine, request: AccessRequest): Decision =>
  forPatients(engine, request)(request.resource)

/**
 * Decides about many things for the same principal, action and context, as `decide` does for each.
 *
 * Ties and grants are looked up once for each patient; answers of policies are kept by the engine.
 */
export function forPatients(
  engine: PolicyEngine,
  request: Omit<AccessRequest, 'resource'>,
): (resource: ResourceFacts) => Decision {
  const { principal, context } = request
  const token = tokenFault(principal, context)
  const tied = new Map<string, Tie>()
  const tieOf = (patient: string): Tie => {
    const known = tied.get(patient)
    if (known !== undefined) return known
    const grant = openGrant(context.grants, { by: principal.id, patient, at: context.at })?.id
    const tie = { relations: relationsOf(principal, patient, context), grant }
    tied.set(patient, tie)
    return tie
  }
  const untied = { relations: relationsOf(principal, undefined, context), grant: undefined }
  const fixed = fixedFacts(request)
  return (resource) => {
    const { patients } = resource
    const faults = [token, scopeFault(request, resource), siteFault(context, resource)].filter(
      (one) => one !== undefined,
    )
    const each = patients.length === 0 ? [undefined] : patients
    const parts = each.map((patient): Part => {
      const tie = patient === undefined ? untied : tieOf(patient)
      const consent = consentOf(patient, { ...request, resource })
      const question = questionOf(fixed, { request, resource, tie, consent })
      return { answer: explained(engine, question), consent, grant: tie.grant, question }
    })
    return together({ parts, faults, resource, purpose: context.purpose })
  }
}

/** What ties a principal to one patient. */
interface Tie {
  readonly relations: readonly Relation[]
  readonly grant: string | undefined
}

/** What is found for one of the patients a thing is about. */
interface Part {
  readonly answer: Answer
  readonly consent: ConsentFinding
  readonly grant: string | undefined
  readonly question: Question
}

/** A fixed rule that denies, and at which step. */
interface Fault {
  readonly at: StepName
  readonly rule: string
}

/** Whether the token is for here and now, and for somebody who still works here. */
function tokenFault({ kind, employment }: Principal, context: AccessContext): Fault | undefined {
  const { at, site, token } = context
  if (token.site !== site) return { at: 'token', rule: 'token.other-site' }
  if (at < token.notBefore) return { at: 'token', rule: 'token.not-yet' }
  if (at >= token.expiresAt) return { at: 'token', rule: 'token.expired' }
  const works = kind === 'person' ? employment === 'active' : employment === 'none'
  return works ? undefined : { at: 'token', rule: 'token.employment' }
}

function scopeFault(
  { principal, action, context }: Omit<AccessRequest, 'resource'>,
  resource: ResourceFacts,
): Fault | undefined {
  const { scopes, launchPatient } = context.token
  const service = principal.kind === 'service'
  // Clients and services have no rights beyond their scopes; people may come without a client.
  if (scopes === undefined) {
    const own = principal.kind === 'person' || principal.kind === 'patient'
    return own ? undefined : { at: 'scope', rule: 'scope.missing' }
  }
  return scopesAllow(scopes, { action, resource, launchPatient, service })
    ? undefined
    : { at: 'scope', rule: 'scope.not-covered' }
}

const siteFault = (context: AccessContext, { site }: ResourceFacts): Fault | undefined =>
  site === undefined || site === context.site || context.sites?.includes(site) === true
    ? undefined
    : { at: 'site', rule: 'site.other' }

function consentOf(patient: string | undefined, request: AccessRequest): ConsentFinding {
  const { resource, principal, context } = request
  if (!resource.personal) return { outcome: 'not-needed', rule: 'consent.not-needed' }
  // Directives are about data. One that hid itself, or who looked, could be changed by nobody.
  if (OF_ITSELF.has(resource.class)) return { outcome: 'not-needed', rule: 'consent.of-itself' }
  if (patient !== undefined) return consentFor(patient, request)
  // Of somebody unknown nobody can have consented; a declared flow carries what it is given.
  const isFlow = principal.kind === 'service' && isImplied(context)
  return isFlow
    ? { outcome: 'implied', rule: 'consent.nobody-known-flow' }
    : { outcome: 'absent', rule: 'consent.nobody-known' }
}

type Fixed = Pick<
  Question,
  'roles' | 'clearances' | 'action' | 'purpose' | 'stepUp' | 'ownAct' | 'assurance'
>

function fixedFacts({ principal, action, context }: Omit<AccessRequest, 'resource'>): Fixed {
  return {
    roles: ROLES.filter((role) => principal.roles.includes(role)),
    clearances: SENSITIVITIES.filter((label) => principal.clearances.includes(label)),
    action,
    purpose: context.purpose,
    stepUp: isStepUp(context.secondFactorAt, context.at),
    ownAct: context.actor === principal.id,
    assurance: context.assurance,
  }
}

function questionOf(
  fixed: Fixed,
  input: {
    readonly request: Omit<AccessRequest, 'resource'>
    readonly resource: ResourceFacts
    readonly tie: Tie
    readonly consent: ConsentFinding
  },
): Question {
  const { request, resource, tie, consent } = input
  const { references } = request.principal
  return {
    ...fixed,
    class: resource.class,
    confidentiality: resource.confidentiality,
    sensitivity: SENSITIVITIES.filter((label) => resource.sensitivity.includes(label)),
    personal: resource.personal,
    vip: resource.vip,
    authored: resource.authors.some((author) => references.includes(author)),
    held: resource.held,
    relations: tie.relations,
    consent: consent.outcome,
    // A grant counts for the purpose it was opened for, and is not carried into ordinary work.
    breakGlass: tie.grant !== undefined && request.context.purpose === 'BTG',
  }
}

/** One decision from those about each patient and the fixed checks. */
function together(input: {
  readonly parts: readonly Part[]
  readonly faults: readonly Fault[]
  readonly resource: ResourceFacts
  readonly purpose: Question['purpose']
}): Decision {
  const { parts, faults, resource } = input
  const fixed = new Map(faults.map(({ at, rule }) => [at, rule]))
  const steps = STEPS.map((step): Step => {
    const said = parts.flatMap(({ answer, consent }) => [
      ...(step === 'consent' ? [consent.rule] : []),
      ...answer.rules(step),
    ])
    const fault = fixed.get(step)
    const failed = fault !== undefined || parts.some(({ answer }) => answer.failed.has(step))
    const own = fault !== undefined ? [fault] : failed ? [] : (FIXED_RULES[step] ?? [])
    const rules = [...new Set([...own, ...said])]
    return { step, outcome: failed ? 'failed' : 'passed', rules }
  })
  const alert = parts.some(({ answer }) => answer.alert)
  const failed = steps.find(({ outcome }) => outcome === 'failed')
  const marks = marksOf(input, alert, failed !== undefined)
  if (failed !== undefined) {
    const said = parts.flatMap(({ answer }) => answer.failed.get(failed.step) ?? [])
    const rule = fixed.get(failed.step) ?? said.at(0) ?? NO_RULE
    return { kind: 'deny', rule, at: failed.step, steps, alert, obligations: [audit(marks)] }
  }
  const rule = parts.flatMap(({ answer }) => answer.permits).at(0)?.id ?? NO_RULE
  return { kind: 'permit', rule, steps, obligations: obligationsOf(parts, resource, marks) }
}

function obligationsOf(
  parts: readonly Part[],
  resource: ResourceFacts,
  marks: readonly AuditMark[],
): Obligation[] {
  const masked = new Set(parts.flatMap(({ answer }) => answer.mask))
  const forms = new Set(parts.flatMap(({ answer }) => answer.form ?? []))
  const grants = new Set(
    parts.flatMap(({ grant, question }) =>
      question.breakGlass && grant !== undefined ? [grant] : [],
    ),
  )
  return [
    ...(masked.size > 0 ? [{ kind: 'mask', elements: [...masked] } as const] : []),
    ...[...forms].map((form) => ({ kind: 'form', form }) as const),
    // 42 CFR 2.32: records of substance use are not disclosed again.
    ...(resource.sensitivity.includes('ETH')
      ? [{ kind: 'refrain', code: 'NORDSCLCD' } as const]
      : []),
    ...[...grants].map((grant) => ({ kind: 'banner', grant }) as const),
    audit(marks),
  ]
}

function marksOf(
  { parts, resource, purpose }: Parameters<typeof together>[0],
  alert: boolean,
  denied: boolean,
): AuditMark[] {
  const marks: readonly (readonly [AuditMark, boolean])[] = [
    ['break-glass', parts.some(({ question }) => question.breakGlass)],
    ['emergency', purpose === 'ETREAT'],
    ['vip', resource.vip],
    ['sensitive', resource.sensitivity.length > 0],
    ['denied', denied],
    ['alert', alert],
  ]
  return marks.filter(([, is]) => is).map(([mark]) => mark)
}

const audit = (marks: readonly AuditMark[]): Obligation => ({ kind: 'audit', marks })

const OF_ITSELF: ReadonlySet<string> = new Set<ResourceClass>(['consent', 'audit'])
/** Named where policies gave no name: nothing permits, or the engine failed. */
const NO_RULE = 'role.nothing-permits'
/** What our own checks say at steps that no policy speaks at. */
const FIXED_RULES: Readonly<Partial<Record<StepName, readonly string[]>>> = {
  token: ['token.valid'],
  scope: ['scope.covered'],
  site: ['site.own'],
  audit: ['audit.always'],
}
