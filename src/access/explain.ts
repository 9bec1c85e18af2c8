/**
 * Why policies answered as they did: which step failed, and by which rule.
 *
 * The verdict is always that of all policies together. Where they deny, more questions find the
 * step: no permit at all for the role, none with these ties, none for this purpose, or a guard.
 * These are questions about other facts than the real ones; their answers explain, never permit.
 *
 * @module
 */

import { assert } from '#base'
import type { PolicyEngine, Question, Verdict } from './engine.ts'
import type { DisclosureForm, Policy } from './policy-set.ts'
import { PURPOSES, RELATIONS, type StepName } from './vocabulary.ts'

/** What policies say of one question, in full. */
export interface Answer {
  readonly allowed: boolean
  readonly alert: boolean
  /** Permits that apply; empty where denied. */
  readonly permits: readonly Policy[]
  /** Steps that failed, each with its rules. */
  readonly failed: ReadonlyMap<StepName, readonly string[]>
  /** Rules that spoke at a step. */
  readonly rules: (step: StepName) => readonly string[]
  /** Elements that every permit would mask: one permit without a mask is enough to see all. */
  readonly mask: readonly string[]
  /** The form that every permit prescribes, if they agree. */
  readonly form: DisclosureForm | undefined
}

/** The full answer to a question, kept with the engine. */
export function explained(engine: PolicyEngine, question: Question): Answer {
  const verdict = engine.ask(question)
  let kept = answers.get(engine)
  if (kept === undefined) answers.set(engine, (kept = new WeakMap()))
  const known = kept.get(verdict)
  if (known !== undefined) return known
  const answer = verdict.allowed ? permitted(engine, verdict) : denied(engine, question, verdict)
  // Verdicts are kept by question, so one verdict object stands for one question.
  if (!verdict.failed) kept.set(verdict, answer)
  return answer
}

function permitted(engine: PolicyEngine, verdict: Verdict): Answer {
  const permits = policiesOf(engine, verdict.rules)
  assert(permits.length > 0, 'whoever is allowed is allowed by a permit')
  const [first, ...others] = permits
  const mask = first.mask.filter((element) => others.every((one) => one.mask.includes(element)))
  const form = others.every((one) => one.form === first.form) ? first.form : undefined
  const rules = (step: StepName) => permits.filter((one) => one.step === step).map(({ id }) => id)
  return { allowed: true, alert: false, permits, failed: new Map(), rules, mask, form }
}

function denied(engine: PolicyEngine, question: Question, verdict: Verdict): Answer {
  const failed = new Map<StepName, readonly string[]>()
  if (verdict.failed) failed.set('role', ['engine.failed'])
  else {
    const missing = missingStep(engine, question)
    if (missing !== undefined) failed.set(missing, [`${missing}.nothing-permits`])
    for (const { id, step } of policiesOf(engine, verdict.rules)) {
      failed.set(step, [...(failed.get(step) ?? []), id])
    }
  }
  return {
    allowed: false,
    alert: verdict.failed,
    permits: [],
    failed,
    rules: (step) => failed.get(step) ?? [],
    mask: [],
    form: undefined,
  }
}

/** The first step without which no permit applies, or undefined if one does apply. */
function missingStep(engine: PolicyEngine, question: Question): StepName | undefined {
  const applies = (facts: Partial<Question>): boolean =>
    engine.askPermits({ ...question, ...facts }).allowed
  if (applies({})) return undefined
  const met = { ...UNREMARKABLE, consent: 'named', stepUp: true } as const
  const tied = { ...met, relations: RELATIONS, authored: true }
  const emergency = { ...tied, breakGlass: true, purpose: 'BTG' } as const
  const some = (facts: Partial<Question>): boolean =>
    [question.purpose, ...PURPOSES].some((purpose) => applies({ ...facts, purpose }))
  if (!some(tied) && !applies(emergency)) return 'role'
  if (!some(met)) return 'relationship'
  if (!applies(met)) return 'purpose'
  return applies({ stepUp: true }) ? 'obligations' : 'consent'
}

const policiesOf = (engine: PolicyEngine, ids: readonly string[]): Policy[] =>
  ids.map((id) => {
    const policy = engine.policies.get(id)
    assert(policy !== undefined, 'policies that decided are among those loaded')
    return policy
  })

/** Facts that guards look at; so most questions that explain are alike, and asked once. */
const UNREMARKABLE = {
  clearances: [],
  confidentiality: 'N',
  sensitivity: [],
  vip: false,
  held: false,
  ownAct: false,
  assurance: 'local',
} as const satisfies Partial<Question>

/** Owned by this module; goes with the engine and its verdicts. */
const answers = new WeakMap<PolicyEngine, WeakMap<Verdict, Answer>>()
