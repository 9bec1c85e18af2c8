/**
 * Decisions for one caller, each worked out once for as long as it stands.
 *
 * A decision rests on the caller (principal, token, purpose, second factor), on what is known of the
 * patients, on the grants of broken glass, on the facts of the resource, and on the moment. What is
 * kept is found by all of them: by the caller as it is spelled, by identity of what surveys and the
 * glass say (a change makes another object), by the content of the resource, and only until anything
 * next begins or ends (`steadyUntil`). So nothing has to be told that a decision no longer holds.
 *
 * Only resources that cannot be changed any more, as the vault keeps them, are found again.
 *
 * @module
 */

import type { Clock, RandomSource, SiteId } from '#base'
import {
  classOf,
  forPatients,
  resourceFacts,
  rolesGroup,
  steadyUntil,
  type AccessContext,
  type AccessRequest,
  type BreakGlassState,
  type Caller,
  type Decision as AccessDecision,
  type GlassKeeper,
  type PolicyEngine,
  type Purpose,
  type Relationship,
  type ResourceFacts,
} from '#access'
import type { Action, Decision, Sending } from '#fhir'
import { ownershipOf, type JsonObject, type Subject } from '#health'
import { contentOf, perContent, sealedBy, type Survey } from '#vault'
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
  /** What was decided, while it stands. */
  readonly memory: DecisionMemory
  /** Left out, nobody sends records by FHIR. */
  readonly sending?: Sending | undefined
}

type Decider = (resource: ResourceFacts) => AccessDecision

/** What decides for a caller and an action about a patient, and what it has decided. */
interface Standing {
  readonly decide: Decider
  readonly grants: BreakGlassState
  /** It stands from then, inclusive, until then, exclusive. */
  readonly from: number
  readonly until: number
  /** By the facts of a thing, which are kept with what it says. */
  readonly known: WeakMap<ResourceFacts, AccessDecision>
  /** Whether something of a type could be allowed at all. */
  readonly gates: Map<string, Decision>
}

/** All decisions for one caller. Owned by the memory of its site. */
export class Asking {
  readonly #deciding: Deciding
  readonly #caller: Caller
  /** By action, then by what is known of the patient: once that has changed, it is another object. */
  readonly #standing = new Map<Action, WeakMap<object, Standing>>()

  constructor(deciding: Deciding, caller: Caller) {
    this.#deciding = deciding
    this.#caller = caller
  }

  /** The full decision about a resource, with its steps. */
  async about(action: Action, resource: JsonObject): Promise<AccessDecision> {
    const subjects = subjectsOf(resource)
    const patients: PatientFacts[] = []
    for (const one of subjects) patients.push(await this.#deciding.patients.of(one))
    const { decide, known } = await this.#standingFor(action, patients)
    const found = factsOf(resource, patients)
    if (action === 'create') {
      // What somebody brings along shows him nothing.
      return decide({ ...found, authors: [...found.authors, ...this.#caller.principal.references] })
    }
    const kept = known.get(found)
    if (kept !== undefined) return kept
    const decision = decide(found)
    known.set(found, decision)
    return decision
  }

  /**
   * Whether something of a type could be allowed at all, for whatever patient.
   *
   * Only token, role and scope speak here; the rest is asked of each resource.
   */
  async gate(action: Action, type: string | undefined): Promise<Decision> {
    const { gates } = await this.#standingFor(action, [])
    const name = type ?? ''
    const known = gates.get(name)
    if (known !== undefined) return known
    const decision = await this.#gate(action, type)
    gates.set(name, decision)
    return decision
  }

  async #standingFor(action: Action, patients: readonly PatientFacts[]): Promise<Standing> {
    const engine = await this.#deciding.engine
    const kept = this.#standing.get(action) ?? new WeakMap<object, Standing>()
    const key = patients.length > 1 ? undefined : (patients.at(0) ?? NOBODY)
    const known = key && kept.get(key)
    const now = this.#deciding.clock.now()
    const grants = this.#deciding.glass.state
    if (known?.grants === grants && known.from <= now && now < known.until) return known
    const request = this.#request(action, patients)
    const standing = {
      ...{ decide: forPatients(engine, request), grants },
      ...{ from: request.context.at, until: steadyUntil(request) },
      ...{ known: new WeakMap<ResourceFacts, AccessDecision>(), gates: new Map() },
    }
    if (key !== undefined) this.#standing.set(action, kept.set(key, standing))
    return standing
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
    // A patient is whoever a record of theirs was merged with.
    const self = patients.find(({ names }) => names.includes(principal.patient ?? ''))?.name
    const asking = self === undefined ? principal : { ...principal, patient: self }
    return { principal: asking, action: ACTIONS[action], context }
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
    const deciders = await Promise.all(actions.map((one) => this.#standingFor(one, [])))
    const categories = (token.scopes ?? []).flatMap(({ category }) => category ?? [])
    const patients = token.launchPatient === undefined ? [] : [token.launchPatient]
    const things = thingsOf(type ?? ANYTHING, { categories, patients })
    const decisions = deciders.flatMap(({ decide }) => things.map(decide))
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

interface KnownFacts {
  readonly patients: readonly PatientFacts[]
  readonly facts: ResourceFacts
}

/** Whom a resource is about, as it says. */
const subjectsOf = perContent((resource): readonly Subject[] => {
  const ownership = ownershipOf(resource)
  return ownership.kind === 'patients' ? ownership.subjects : []
})

/** The facts of a resource about these patients: the same object while neither changes. */
function factsOf(resource: JsonObject, patients: readonly PatientFacts[]): ResourceFacts {
  const content = contentOf(resource)
  const known = content && factsKnown.get(content)
  const isSame =
    known?.patients.length === patients.length &&
    known.patients.every((one, at) => one === patients[at])
  if (known !== undefined && isSame) return known.facts
  const facts = resourceFacts(resource, {
    patients: patients.flatMap(({ name }) => name ?? []),
    vip: patients.some(({ vip }) => vip),
    from: sealedBy(resource),
  })
  if (content !== undefined) factsKnown.set(content, { patients, facts })
  return facts
}

/** What was decided at a site, for each caller. */
export class DecisionMemory {
  /** By everything that a decision takes from a caller; the oldest goes first. */
  readonly #askings = new Map<string, Asking>()
  readonly #spelled = new WeakMap<Caller, string>()

  /** Decisions for a caller. */
  of(deciding: Deciding, caller: Caller): Asking {
    const name = this.#spelled.get(caller) ?? spelling(caller)
    this.#spelled.set(caller, name)
    const known = this.#askings.get(name)
    if (known !== undefined) return known
    const asking = new Asking(deciding, caller)
    this.#askings.set(name, asking)
    if (this.#askings.size > CALLERS_MAX) {
      const [oldest] = this.#askings.keys()
      this.#askings.delete(oldest)
    }
    return asking
  }
}

const spelling = ({ principal, token, purpose, secondFactorAt, flows }: Caller): string =>
  JSON.stringify([principal, token, purpose, secondFactorAt ?? null, flows ?? []])

/** What the FHIR server is told: the whole decision stays here. */
export function decisionOf(decision: AccessDecision): Decision {
  if (decision.kind === 'permit') return { permit: true, obligations: decision.obligations }
  const said = TELLING.includes(decision.at) ? `: ${decision.at}, ${decision.rule}` : ''
  return { permit: false, reason: `This is not permitted${said}` }
}

/** By what a resource says. Pure: kept for as long as the vault keeps that. */
const factsKnown = new WeakMap<JsonObject, KnownFacts>()
const ACTIONS = {
  ...{ read: 'view', history: 'view', search: 'search' },
  ...{ create: 'create', update: 'update', delete: 'delete', export: 'export', unmask: 'unmask' },
  'break-glass': 'break-glass',
  send: 'send',
} as const satisfies Readonly<Record<Action, AccessRequest['action']>>
/** One category of each kind that parts a type into classes. */
const CATEGORIES: readonly string[] = ['laboratory', 'imaging']
const NOBODY = {}
const ANYTHING = 'Resource'
/** Callers whose decisions are kept. */
const CALLERS_MAX = 1000
/** Steps that are the same for everything of a type. */
const GATES: readonly string[] = ['token', 'role', 'scope']
/** Steps whose rule says nothing of a patient. */
const TELLING: readonly string[] = [...GATES, 'purpose', 'obligations']
