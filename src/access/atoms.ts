/**
 * Policies taken apart: each is a list of conditions that must all hold, or must all fail to hold.
 *
 * A policy applies if its scope fits, every `when` is true and every `unless` is false. `a && b` is
 * true if both are, `a || b` false if both are; so each policy falls into atoms that read one to three
 * facts. Cedar evaluates every atom, once for each combination of the facts that it reads; putting
 * them together is the only thing done here. That makes millions of questions affordable.
 *
 * Sound only where no atom can fail to evaluate; where one does, this refuses.
 *
 * @module
 */

import type { Clause, Expr, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs'
import { assert } from '#base'
import type { PolicyEngine, Question } from './engine.ts'
import { AccessRefusal } from './refusal.ts'

/** A member of a question. */
export type Fact = keyof Question

/** A policy that can be asked very often. */
export interface TakenApart {
  readonly id: string
  readonly effect: 'permit' | 'forbid'
  readonly applies: (question: Question) => boolean
  /**
   * What is left to ask of questions that share these facts with `question`; undefined if these
   * facts alone keep it from applying.
   */
  readonly given: (
    question: Question,
    facts: ReadonlySet<Fact>,
  ) => ((question: Question) => boolean) | undefined
}

/** The policies of an engine, taken apart. @throws AccessRefusal `ACCESS_POLICY_INVALID` */
export function takeApart(engine: PolicyEngine): readonly TakenApart[] {
  const parts = [...engine.policies.values()].map(({ id, effect, json }) => ({
    id,
    effect,
    atoms: conditionsOf(json).map(({ expression, negated }, index) => ({
      name: `${id}/${index}`,
      expression,
      negated,
      facts: factsIn(expression),
      known: new Map<string, boolean>(),
    })),
  }))
  const all = parts.flatMap(({ atoms }) => atoms)
  const ask = engine.asking(
    Object.fromEntries(all.map(({ name, expression }) => [name, policyOf(expression)])),
  )
  const holds = ({ facts, known, negated }: Atom, question: Question): boolean => {
    const key = keyOf(question, facts)
    if (!known.has(key)) {
      const verdict = ask(question)
      if (verdict.failed) {
        throw new AccessRefusal(
          'ACCESS_POLICY_INVALID',
          'A condition of a policy fails to evaluate',
        )
      }
      const held = new Set(verdict.rules)
      for (const atom of all) atom.known.set(keyOf(question, atom.facts), held.has(atom.name))
    }
    const value = known.get(key)
    assert(value !== undefined, 'an answer covers every atom')
    return value !== negated
  }
  return parts.map(({ id, effect, atoms }) => ({
    id,
    effect,
    applies: (question) => atoms.every((atom) => holds(atom, question)),
    given: (question, facts) => {
      const open = atoms.filter((atom) => !atom.facts.every((fact) => facts.has(fact)))
      const settled = atoms.filter((atom) => !open.includes(atom))
      if (!settled.every((atom) => holds(atom, question))) return undefined
      return (other) => open.every((atom) => holds(atom, other))
    },
  }))
}

interface Atom {
  readonly name: string
  readonly expression: Expr
  readonly negated: boolean
  readonly facts: readonly Fact[]
  /** By the values of its facts. Owned by the atom, only ever grows, to their combinations. */
  readonly known: Map<string, boolean>
}

interface Condition {
  readonly expression: Expr
  readonly negated: boolean
}

function conditionsOf(policy: PolicyJson): Condition[] {
  return [...scopeOf(policy), ...policy.conditions.flatMap(clauseOf)]
}

const clauseOf = ({ kind, body }: Clause): Condition[] =>
  kind === 'when'
    ? split(body, '&&').map((expression) => ({ expression, negated: false }))
    : split(body, '||').map((expression) => ({ expression, negated: true }))

function split(expression: Expr, operator: '&&' | '||'): Expr[] {
  const pair = (expression as Partial<Record<string, Pair>>)[operator]
  return pair === undefined
    ? [expression]
    : [...split(pair.left, operator), ...split(pair.right, operator)]
}

interface Pair {
  readonly left: Expr
  readonly right: Expr
}

/** The scope of a policy as conditions. Ours leave the resource open. */
function scopeOf({ principal, action, resource }: PolicyJson): Condition[] {
  const found: Condition[] = []
  const add = (expression: Expr) => found.push({ expression, negated: false })
  if (principal.op === 'in' && 'entity' in principal) {
    add({ in: { left: { Var: 'principal' }, right: { Value: asEntity(principal.entity) } } })
  } else if (principal.op !== 'All') throw unfit()
  if (action.op === 'in' && 'entities' in action) {
    const right = { Set: action.entities.map((one) => ({ Value: asEntity(one) })) }
    add({ in: { left: { Var: 'action' }, right } })
  } else if ((action.op === 'in' || action.op === '==') && 'entity' in action) {
    add({
      [action.op]: { left: { Var: 'action' }, right: { Value: asEntity(action.entity) } },
    } as Expr)
  } else if (action.op !== 'All') throw unfit()
  if (resource.op !== 'All') throw unfit()
  return found
}

const asEntity = (
  entity: { type: string; id: string } | { __entity: { type: string; id: string } },
) => ('__entity' in entity ? entity : { __entity: entity })

const policyOf = (body: Expr): PolicyJson => ({
  effect: 'permit',
  principal: { op: 'All' },
  action: { op: 'All' },
  resource: { op: 'All' },
  conditions: [{ kind: 'when', body }],
})

/** The facts that an expression reads. */
function factsIn(expression: Expr): readonly Fact[] {
  const found = new Set<Fact>()
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    const { Var: variable, '.': member } = value as { Var?: string; '.'?: Member }
    if (member?.left.Var !== undefined) {
      found.add(member.attr as Fact)
      return
    }
    if (variable === 'principal') found.add('roles')
    else if (variable === 'action') found.add('action')
    // A record as a whole: policies read members.
    else if (variable !== undefined) throw unfit()
    Object.values(value).forEach(visit)
  }
  visit(expression)
  return [...found]
}

interface Member {
  readonly left: { readonly Var?: string }
  readonly attr: string
}

function keyOf(question: Question, facts: readonly Fact[]): string {
  let key = ''
  for (const fact of facts) {
    const value = question[fact]
    key += typeof value === 'object' ? `${joined(value)}|` : `${String(value)}|`
  }
  return key
}

function joined(list: readonly string[]): string {
  let text = texts.get(list)
  if (text === undefined) texts.set(list, (text = list.join()))
  return text
}

/** Lists of questions are not changed, and few: each is joined once. */
const texts = new WeakMap<readonly string[], string>()

const unfit = (): AccessRefusal =>
  new AccessRefusal('ACCESS_POLICY_INVALID', 'A policy has a form that the grid cannot take apart')
