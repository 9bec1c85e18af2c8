/**
 * Sessions of the FHIR server: every question of `#fhir` put to the access decision.
 *
 * Stands between whoever checked a certificate or token (`Caller`) and the interactions: for each
 * resource on its way in or out it gathers what `decide` needs, the patients' ties and consents, and
 * asks. Nothing here permits anything: what cannot be found out is left out, and denies.
 *
 * A session lives for one request: token, purpose and second factor are those of the request.
 *
 * @module
 */

import { newUuid, type Clock, type RandomSource, type SiteId } from '#base'
import {
  classOf,
  forPatients,
  resourceFacts,
  rolesGroup,
  type AccessContext,
  type AccessRequest,
  BREAK_GLASS_REASONS,
  type Caller,
  type GlassKeeper,
  type Decision as AccessDecision,
  type PolicyEngine,
  type Purpose,
  type Relationship,
  type ResourceFacts,
} from '#access'
import type { Account } from '#audit'
import type { Action, Decision, GlassBroken, Session } from '#fhir'
import { ownershipOf, type JsonObject } from '#health'
import type { Survey } from '#vault'
import type { PatientFacts } from './fhir-patients.ts'

/** What sessions are decided with, for the whole site. */
export interface Deciding {
  readonly site: SiteId
  readonly clock: Clock
  /** Opened in the background; whoever asks before waits. */
  readonly engine: Promise<PolicyEngine>
  readonly patients: Survey<PatientFacts>
  /** Purposes for which consent is taken as given. */
  readonly impliedPurposes: readonly Purpose[]
  /** Grants of broken glass. */
  readonly glass: GlassKeeper
  readonly random: RandomSource
}

/** A session for a caller, for one request. */
export function sessionFor(deciding: Deciding, caller: Caller): Session {
  const asking = new Asking(deciding, caller)
  // Whoever breaks the glass does so for that, whatever the request says.
  const breaking = new Asking(deciding, { ...caller, purpose: 'BTG' })
  const askingFor = (action: Action): Asking => (action === 'break-glass' ? breaking : asking)
  return {
    account: accountFor(caller),
    decide: async ({ action, type, resource }) =>
      resource === undefined
        ? await askingFor(action).gate(action, type)
        : decisionOf(await askingFor(action).about(action, resource)),
    breakGlass: (patient, wish) => broken(deciding, caller, { patient, ...wish }),
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

/** A caller as the log and its events tell it. */
const accountFor = ({ actor, who, purpose, principal }: Caller): Account => ({
  ...{ actor, ...who, purpose: [purpose], roles: principal.roles, marks: [] },
})

type Decider = (resource: ResourceFacts) => AccessDecision

/** All decisions of one request, each worked out once. Owned by its session. */
export class Asking {
  readonly #deciding: Deciding
  readonly #caller: Caller
  readonly #gates = new Map<string, Promise<Decision>>()
  readonly #deciders = new Map<Action, WeakMap<object, Decider>>()
  readonly #known = new WeakMap<JsonObject, Map<Action, Promise<AccessDecision>>>()

  constructor(deciding: Deciding, caller: Caller) {
    this.#deciding = deciding
    this.#caller = caller
  }

  /** The full decision about a resource, with its steps. */
  about(action: Action, resource: JsonObject): Promise<AccessDecision> {
    const kept = this.#known.get(resource) ?? new Map<Action, Promise<AccessDecision>>()
    const known = kept.get(action) ?? this.#aboutResource(action, resource)
    this.#known.set(resource, kept.set(action, known))
    return known
  }

  /**
   * Whether something of a type could be allowed at all, for whatever patient.
   *
   * Only token, role and scope speak here; the rest is asked of each resource.
   */
  gate(action: Action, type: string | undefined): Promise<Decision> {
    const name = `${action} ${type ?? ''}`
    const known = this.#gates.get(name) ?? this.#gate(action, type)
    this.#gates.set(name, known)
    return known
  }

  async #aboutResource(action: Action, resource: JsonObject): Promise<AccessDecision> {
    const { principal } = this.#caller
    const ownership = ownershipOf(resource)
    const subjects = ownership.kind === 'patients' ? ownership.subjects : []
    const patients = await Promise.all(subjects.map((one) => this.#deciding.patients.of(one)))
    const found = resourceFacts(resource, {
      patients: patients.flatMap(({ name }) => name ?? []),
      vip: patients.some(({ vip }) => vip),
    })
    const decider = await this.#decider(action, patients)
    return decider({
      ...found,
      // What somebody brings along shows him nothing.
      authors: action === 'create' ? [...found.authors, ...principal.references] : found.authors,
    })
  }

  async #decider(action: Action, patients: readonly PatientFacts[]): Promise<Decider> {
    const engine = await this.#deciding.engine
    if (patients.length > 1) return forPatients(engine, this.#request(action, patients))
    // By what was found out of the patient: once that has changed, it is another object.
    const kept = this.#deciders.get(action) ?? new WeakMap<object, Decider>()
    const key = patients.at(0) ?? NOBODY
    const known = kept.get(key) ?? forPatients(engine, this.#request(action, patients))
    this.#deciders.set(action, kept.set(key, known))
    return known
  }

  #request(action: Action, patients: readonly PatientFacts[]): Omit<AccessRequest, 'resource'> {
    const { site, clock, impliedPurposes, glass } = this.#deciding
    const { principal, token, purpose, secondFactorAt, flows = [] } = this.#caller
    const context: AccessContext = {
      ...{ at: clock.now(), site, token, purpose, impliedPurposes, assurance: 'local' },
      ...(secondFactorAt === undefined ? {} : { secondFactorAt }),
      relationships: [
        ...flows,
        ...patients.flatMap(({ relationships }) => relationships),
        ...this.#reviews(),
      ],
      consents: patients.flatMap(({ directives }) => directives),
      grants: glass.state,
    }
    return { principal, action: ACTIONS[action], context }
  }

  /** Whoever reviews broken glass sees what it was about, while the review waits. */
  #reviews(): Relationship[] {
    const { id } = this.#caller.principal
    return this.#deciding.glass.state
      .filter(({ by }) => by !== id)
      .map(({ patient }) => ({
        ...{ kind: 'reviewed-grant', patient, with: rolesGroup('privacy-officer') },
      }))
  }

  async #gate(action: Action, type: string | undefined): Promise<Decision> {
    const { token } = this.#caller
    // A PUT may create.
    const actions = action === 'update' ? (['update', 'create'] as const) : [action]
    const deciders = await Promise.all(actions.map((one) => this.#decider(one, [])))
    const categories = (token.scopes ?? []).flatMap(({ category }) => category ?? [])
    const patients = token.launchPatient === undefined ? [] : [token.launchPatient]
    const things = thingsOf(type ?? ANYTHING, { categories, patients })
    const decisions = deciders.flatMap((decider) => things.map(decider))
    const permitted = decisions.find(({ kind }) => kind === 'permit')
    if (permitted !== undefined) return decisionOf(permitted)
    const closing = type === undefined ? ['token'] : GATES
    const isClosed = decisions.every((one) => one.kind === 'deny' && closing.includes(one.at))
    return isClosed ? decisionOf(decisions[0]) : { permit: true }
  }
}

/** Things of a type as different as policies can tell. */
function thingsOf(
  type: string,
  { categories, patients }: Pick<ResourceFacts, 'categories' | 'patients'>,
): readonly ResourceFacts[] {
  const parted = [...CATEGORIES.map((code) => [{ system: '', code }]), []]
  return parted.flatMap((own) =>
    [true, false].map((personal): ResourceFacts => ({
      ...{ type, class: classOf(type, { categories: own, personal }), personal, patients },
      ...{ confidentiality: 'N', sensitivity: [], vip: false, held: false, authors: [] },
      ...{ related: [], codes: [], categories },
    })),
  )
}

/** What the FHIR server is told: the whole decision stays here. */
export function decisionOf(decision: AccessDecision): Decision {
  if (decision.kind === 'permit') return { permit: true, obligations: decision.obligations }
  const said = TELLING.includes(decision.at) ? `: ${decision.at}, ${decision.rule}` : ''
  return { permit: false, reason: `This is not permitted${said}` }
}

const ACTIONS = {
  ...{ read: 'view', history: 'view', search: 'search' },
  ...{ create: 'create', update: 'update', delete: 'delete', export: 'export', unmask: 'unmask' },
  'break-glass': 'break-glass',
} as const satisfies Readonly<Record<Action, AccessRequest['action']>>
/** Steps that are the same for everything of a type. */
const GATES: readonly string[] = ['token', 'role', 'scope']
/** Steps whose rule says nothing of a patient. */
const TELLING: readonly string[] = [...GATES, 'purpose', 'obligations']
/** One category of each kind that parts a type into classes. */
const CATEGORIES: readonly string[] = ['laboratory', 'imaging']
const NOBODY = {}
const ANYTHING = 'Resource'
