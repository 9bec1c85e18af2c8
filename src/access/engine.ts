/**
 * The policy engine: Cedar, asked about facts and nothing else, and closed whenever it stumbles.
 *
 * Stands below `decide`. A question holds words of the vocabulary only, no identity and nothing of a
 * record, so the answers to equal questions are equal for ever and are kept: Cedar needs about
 * 0.3 ms for one, a kept one a few microseconds. A `forbid` whose evaluation fails is skipped by
 * Cedar, and the request could be allowed; here any failure is a denial that raises an alert.
 *
 * Loading takes some 25 ms and 20 MB, so nothing is loaded before the first call of
 * `openPolicyEngine`. Does not say whether policies are wise: see the grid and its invariants.
 *
 * @see Cedar policy language 4.5
 * @module
 */

import type * as CedarModule from '@cedar-policy/cedar-wasm/nodejs'
import type {
  CheckParseAnswer,
  EntityJson,
  EntityUidJson,
  Policy as CedarPolicy,
  StatefulAuthorizationCall,
} from '@cedar-policy/cedar-wasm/nodejs'
import { AccessRefusal } from './refusal.ts'
import { readPolicies, type Policy, type PolicySources } from './policy-set.ts'
import type {
  Action,
  Assurance,
  Confidentiality,
  ConsentOutcome,
  Purpose,
  Relation,
  ResourceClass,
  Role,
  Sensitivity,
} from './vocabulary.ts'

/** One question, in words of the vocabulary. Lists are sorted and without repetition. */
export interface Question {
  readonly roles: readonly Role[]
  readonly clearances: readonly Sensitivity[]
  readonly action: Action
  readonly class: ResourceClass
  readonly confidentiality: Confidentiality
  readonly sensitivity: readonly Sensitivity[]
  readonly personal: boolean
  readonly vip: boolean
  readonly authored: boolean
  readonly held: boolean
  readonly purpose: Purpose
  readonly relations: readonly Relation[]
  readonly consent: ConsentOutcome
  readonly breakGlass: boolean
  readonly stepUp: boolean
  readonly ownAct: boolean
  readonly assurance: Assurance
}

/** What policies say. */
export interface Verdict {
  readonly allowed: boolean
  /** Policies that decided: permits that apply, or guards that do; sorted. */
  readonly rules: readonly string[]
  /** Evaluation failed somewhere: denied, and somebody must look. */
  readonly failed: boolean
}

/** Policies, parsed and proven against their schema. Answers are pure. */
export interface PolicyEngine {
  /** SHA-256 of schema and policies, hexadecimal: the key of whatever is derived from answers. */
  readonly hash: string
  readonly policies: ReadonlyMap<string, Policy>
  /** The verdict of all policies. */
  readonly ask: (question: Question) => Verdict
  /** The permits that apply, as if there were no guards. For explanations. */
  readonly askPermits: (question: Question) => Verdict
  /**
   * Asks policies that are not among ours, by the same schema. For the grid, which takes ours apart.
   *
   * @throws AccessRefusal `ACCESS_POLICY_INVALID`
   */
  readonly asking: (policies: Readonly<Record<string, CedarPolicy>>) => Asker
}

/** Answers one question. */
export type Asker = (question: Question) => Verdict

/**
 * Loads Cedar, and policies into it.
 *
 * @throws AccessRefusal `ACCESS_POLICY_INVALID` naming the place
 */
export async function openPolicyEngine(sources: PolicySources): Promise<PolicyEngine> {
  const cedar = await import('@cedar-policy/cedar-wasm/nodejs')
  const { hash, policies } = readPolicies(cedar, sources)
  const schemaName = `photonward-${hash}`
  mustParse(cedar.preparseSchema(schemaName, sources.schema))
  let sets = 0
  const asking = (staticPolicies: Readonly<Record<string, CedarPolicy>>): Asker => {
    const policySet = `${schemaName}/${sets++}`
    mustParse(cedar.preparsePolicySet(policySet, { staticPolicies: { ...staticPolicies } }))
    return (question) =>
      verdictOf(cedar, {
        ...callOf(question),
        preparsedSchemaName: schemaName,
        preparsedPolicySetId: policySet,
        validateRequest: true,
      })
  }
  const texts = (some: Iterable<Policy>) =>
    Object.fromEntries(Iterator.from(some).map(({ id, text }) => [id, text]))
  const permits = policies.values().filter(({ effect }) => effect === 'permit')
  return {
    hash,
    policies,
    ask: kept(asking(texts(policies.values()))),
    askPermits: kept(asking(texts(permits))),
    asking,
  }
}

function mustParse(answer: CheckParseAnswer): void {
  if (answer.type === 'success') return
  const message = `Policies do not parse: ${answer.errors.at(0)?.message ?? 'unknown'}`
  throw new AccessRefusal('ACCESS_POLICY_INVALID', message)
}

/** Cedar's answer; whatever is not a clean answer is a denial with an alert. */
function verdictOf(cedar: typeof CedarModule, call: StatefulAuthorizationCall): Verdict {
  let answer
  try {
    answer = cedar.statefulIsAuthorized(call)
  } catch {
    return FAILED
  }
  if (answer.type === 'failure' || answer.response.diagnostics.errors.length > 0) return FAILED
  const { decision, diagnostics } = answer.response
  return {
    allowed: decision === 'allow',
    rules: diagnostics.reason.toSorted(),
    failed: false,
  }
}

/** Keeps answers; pure, so none ever gets old. The oldest makes room. */
function kept(ask: Asker): Asker {
  const answers = new Map<string, Verdict>()
  return (question) => {
    const key = keyOf(question)
    const known = answers.get(key)
    if (known !== undefined) return known
    const verdict = ask(question)
    // A failure may be one of the engine, not of the question: it is asked again.
    if (verdict.failed) return verdict
    if (answers.size >= ANSWERS_MAX) {
      const [oldest] = answers.keys()
      answers.delete(oldest)
    }
    answers.set(key, verdict)
    return verdict
  }
}

/** A text that is equal for equal questions only. */
export const keyOf = (question: Question): string =>
  [
    question.roles.join(),
    question.clearances.join(),
    question.action,
    question.class,
    question.confidentiality,
    question.sensitivity.join(),
    question.personal,
    question.vip,
    question.authored,
    question.held,
    question.purpose,
    question.relations.join(),
    question.consent,
    question.breakGlass,
    question.stepUp,
    question.ownAct,
    question.assurance,
  ].join('|')

function callOf(
  question: Question,
): Pick<StatefulAuthorizationCall, 'principal' | 'action' | 'resource' | 'context' | 'entities'> {
  const session: EntityJson = {
    uid: SESSION,
    attrs: { clearances: listOf('Sensitivity', question.clearances) },
    parents: question.roles.map((role) => ({ type: 'Role', id: role })),
  }
  const item: EntityJson = {
    uid: ITEM,
    attrs: {
      class: one('Class', question.class),
      confidentiality: one('Confidentiality', question.confidentiality),
      sensitivity: listOf('Sensitivity', question.sensitivity),
      personal: question.personal,
      vip: question.vip,
      authored: question.authored,
      held: question.held,
    },
    parents: [],
  }
  return {
    principal: SESSION,
    action: { type: 'Action', id: question.action },
    resource: ITEM,
    context: {
      purpose: one('Purpose', question.purpose),
      relations: listOf('Relation', question.relations),
      consent: one('Consent', question.consent),
      breakGlass: question.breakGlass,
      stepUp: question.stepUp,
      ownAct: question.ownAct,
      assurance: one('Assurance', question.assurance),
    },
    entities: [session, item],
  }
}

const one = (type: string, id: string) => ({ __entity: { type, id } })
const listOf = (type: string, ids: readonly string[]) => ids.map((id) => one(type, id))

const SESSION: EntityUidJson = { type: 'Session', id: 'asking' }
const ITEM: EntityUidJson = { type: 'Item', id: 'asked-for' }
const FAILED: Verdict = { allowed: false, rules: [], failed: true }
/** Answers kept by one engine, about 300 octets each. */
export const ANSWERS_MAX = 16_384
