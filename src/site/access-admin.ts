/**
 * Why somebody may do something, or may not: decisions explained, and what policies permit at all.
 *
 * An explanation is the decision itself, asked as a request would ask it, with everything it rested
 * on. It opens the resource in question, which is an access of whoever asks. Policies that are
 * compared are loaded beside those that decide, and decide nothing.
 *
 * @module
 */

import { epochMs, HOUR_MS, type Ports, type SiteId } from '#base'
import {
  breachesOf,
  gridDiff,
  gridOf,
  INVARIANTS,
  needsText,
  openGrant,
  openPolicyEngine,
  purposeOf,
  resourceFacts,
  tiesBetween,
  type Caller,
  type Cell,
  type Decision,
  type Obligation,
  type PolicyEngine,
  type Step,
  type StepName,
} from '#access'
import { accountOf } from '#audit'
import type { AccessExplanation, AccessQuestion, accessRoutes, Handlers } from '#contract'
import { isResourceId, isResourceType, ownershipOf, type JsonObject } from '#health'
import type { Vault } from '#vault'
import { AdminRefusal } from './admin-refusal.ts'
import { Asking, type Deciding } from './fhir-asking.ts'
import type { PeopleDesk } from './people.ts'

/** What these routes stand on. */
export interface AccessDesk {
  readonly deciding: Deciding
  /** A client of the configuration as a caller, by its name. */
  readonly clientNamed: (name: string) => Caller | undefined
  readonly people: PeopleDesk
  readonly vault: Vault
  /** The words that policies are written in. */
  readonly schema: string
}

/** The handlers of `accessRoutes`. @param desk   refuses where no records are kept */
export function accessHandlers(
  desk: () => AccessDesk,
  { by, clock, site }: { readonly by: string; readonly clock: Ports['clock']; site: SiteId },
): Handlers<typeof accessRoutes> {
  return {
    explainAccess: async (_query, question) => {
      const parts = desk()
      const caller = await callerOf(parts, question, { clock, site })
      return await explained(parts, question, { caller, by })
    },
    accessGrid: async ({ role }) => {
      const { hash, cells } = gridOf(await desk().deciding.engine)
      return { hash, cells: ofRole(cells, role).map(cellView) }
    },
    accessGridDiff: async ({ role }, { policies }) => {
      const { deciding, schema } = desk()
      const before = gridOf(await deciding.engine)
      const engine = await openPolicyEngine({ schema, policies })
      const after = gridOf(engine)
      const [old, now] = [before, after].map(({ hash, cells }) => {
        return { hash, cells: ofRole(cells, role) }
      })
      return {
        ...{ before: before.hash, after: after.hash, lines: [...gridDiff(old, now)] },
        breaches: breachTexts(engine),
      }
    },
  }
}

const ofRole = (cells: readonly Cell[], role: string | undefined): readonly Cell[] =>
  role === undefined ? cells : cells.filter((cell) => cell.role === role)

const cellView = (cell: Cell) => ({
  ...{ role: cell.role, class: cell.class, purpose: cell.purpose, action: cell.action },
  needs: needsText(cell).trim(),
})

function breachTexts(engine: PolicyEngine): string[] {
  const says = new Map(INVARIANTS.map((one) => [one.id, one.says]))
  const broken = new Map<string, string>()
  for (const { invariant, question } of breachesOf(engine, 1)) {
    const { roles, action, class: name, purpose } = question
    const example = `${roles.join(' and ')} may ${action} ${name} for ${purpose}`
    broken.set(invariant, `${says.get(invariant) ?? invariant}: ${example}`)
  }
  return [...broken.values()]
}

/** Whoever is asked about, as a caller who asks now. @throws AdminRefusal, AccessRefusal */
async function callerOf(
  { people, clientNamed }: AccessDesk,
  { person, client, purpose, secondFactor = false }: AccessQuestion,
  { clock, site }: { readonly clock: Ports['clock']; readonly site: SiteId },
): Promise<Caller> {
  if ((person === undefined) === (client === undefined)) {
    throw new AdminRefusal('QUERY_INVALID', 'Expected a person or a client, one of them')
  }
  const at = clock.now()
  if (client !== undefined) {
    const caller = clientNamed(client)
    if (caller === undefined) {
      throw new AdminRefusal('CLIENT_UNKNOWN', 'No client of that name is in the configuration')
    }
    const known = caller.principal.roles
    return {
      ...caller,
      purpose: purpose === undefined ? caller.purpose : purposeOf(known, purpose),
    }
  }
  const { id } = await people.people.named(person ?? '')
  const principal = await people.people.principalOf(id)
  return {
    ...{ principal, actor: id, who: {}, flows: await people.people.tiesOf(id) },
    token: { site, notBefore: at, expiresAt: epochMs(at + HOUR_MS) },
    purpose: purposeOf(principal.roles, purpose),
    ...(secondFactor && { secondFactorAt: at }),
  }
}

async function explained(
  desk: AccessDesk,
  question: AccessQuestion,
  { caller, by }: { readonly caller: Caller; readonly by: string },
): Promise<AccessExplanation> {
  const { deciding } = desk
  const { act = 'read' } = question
  const { name, value } = await opened(desk, question, by)
  const decision = await new Asking(deciding, caller).about(act, value)
  const { principal, purpose } = caller
  const engine = await deciding.engine
  const rules = new Set([decision.rule, ...decision.steps.flatMap((step) => step.rules)])
  return {
    ...{ permitted: decision.kind === 'permit', rule: decision.rule },
    at: decision.kind === 'permit' ? null : decision.at,
    who: { id: principal.id, kind: principal.kind, roles: [...principal.roles] },
    ...{ act, purpose, resource: name },
    ...(await basis(deciding, caller, value)),
    steps: decision.steps.map((step) => stepView(step, decision)),
    obligations: decision.obligations.map(obligationText),
    policies: [...engine.policies.values()]
      .filter(({ id }) => rules.has(id))
      .map(({ id, effect, text }) => ({ id, effect, text })),
  }
}

/** What the decision rests on: facts of the resource, ties, directives, a grant. */
async function basis(
  deciding: Deciding,
  { principal, purpose, flows = [] }: Caller,
  value: JsonObject,
) {
  const { patients, glass, clock } = deciding
  const at = clock.now()
  const ownership = ownershipOf(value)
  const subjects = ownership.kind === 'patients' ? ownership.subjects : []
  const known = await Promise.all(subjects.map((one) => patients.of(one)))
  const names = known.flatMap(({ name }) => name ?? [])
  const thing = resourceFacts(value, { patients: names, vip: known.some(({ vip }) => vip) })
  const relationships = [...flows, ...known.flatMap((one) => one.relationships)]
  const ties = names.flatMap((name) => tiesBetween(principal, name, { at, relationships }))
  const grants = names.flatMap(
    (patient) => openGrant(glass.state, { by: principal.id, patient, at })?.id ?? [],
  )
  return {
    thing: {
      ...{ class: thing.class, confidentiality: thing.confidentiality },
      ...{ sensitivity: [...thing.sensitivity], vip: thing.vip, personal: thing.personal },
    },
    ties: ties.map((tie) => ({ kind: tie.kind, with: tie.with, until: tie.expiresAt ?? null })),
    directives: known.flatMap(({ directives }) => directives.map(({ id }) => id)),
    grant: purpose === 'BTG' ? (grants.at(0) ?? null) : null,
  }
}

/** The resource in question, opened in the name of whoever asks. @throws AdminRefusal */
async function opened({ vault }: AccessDesk, question: AccessQuestion, by: string) {
  const { patient, resource } = question
  const own = patient?.replace(/^(?!Patient\/)/, 'Patient/')
  const name = resource ?? own
  const [type, id, ...rest] = (name ?? '').split('/')
  if (name === undefined || !isResourceType(type) || !isResourceId(id) || rest.length > 0) {
    throw new AdminRefusal('QUERY_INVALID', 'Expected a patient or a resource, such as Type/id')
  }
  const told = { account: accountOf(by) }
  const asked = { actor: by, act: 'open', told, judge: () => true } as const
  const found = await vault.consult({ type, id }, asked)
  if (found === undefined || found.isGone) {
    throw new AdminRefusal('RESOURCE_UNKNOWN', 'There is no such resource at this site')
  }
  if (own !== undefined && own !== name && !isAbout(found.value, own)) {
    throw new AdminRefusal('QUERY_INVALID', 'The resource is not about that patient')
  }
  return { name, value: found.value }
}

function isAbout(value: JsonObject, patient: string): boolean {
  const ownership = ownershipOf(value)
  if (ownership.kind !== 'patients') return false
  return ownership.subjects.some((one) => one.kind === 'reference' && one.reference === patient)
}

function stepView({ step, outcome, rules }: Step, decision: Decision) {
  const passed = outcome === 'passed'
  const [good, bad] = WORDS[step]
  const decides = decision.kind === 'deny' && decision.at === step
  const words = `${passed ? good : bad}${decides ? '; this decides' : ''}`
  return { step, passed, rules: [...rules], words }
}

function obligationText(one: Obligation): string {
  switch (one.kind) {
    case 'mask':
      return `these elements are shown masked: ${one.elements.join(', ')}`
    case 'form':
      return `it is shown as ${one.form}`
    case 'refrain':
      return `it is not to be passed on (${one.code})`
    case 'banner':
      return `the screen says that the glass is broken (${one.grant})`
    case 'audit':
      return one.marks.length === 0
        ? 'it is logged'
        : `it is logged, marked ${one.marks.join(', ')}`
  }
}

const WORDS: Readonly<Record<StepName, readonly [passed: string, failed: string]>> = {
  token: ['works here, and is let in now', 'is not let in: token, validity or employment'],
  role: ['the role may do such a thing', 'no role of this person may do such a thing'],
  scope: ['the scopes of the client cover it', 'the scopes of the client do not cover it'],
  site: ['it is a record of this site', 'it is a record of another site'],
  relationship: ['a tie to the patient, or none is needed', 'no tie to the patient that counts'],
  purpose: ['for this purpose', 'not for this purpose'],
  labels: ['no label stands against it', 'a label stands against it'],
  consent: ['no directive stands against it', 'a directive stands against it, or none permits it'],
  obligations: [
    'what it takes is there',
    'something that it takes is missing: a second factor, mostly',
  ],
  audit: ['it is logged', 'it cannot be logged'],
}
