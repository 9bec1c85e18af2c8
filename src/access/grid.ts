/**
 * The grid: every role, class, purpose and action, and what each permission takes.
 *
 * For approvers and tests. A cell says whether a person of one role may do something, and which of
 * the facts a tie to the patient, a consent, a broken glass, authorship and a second factor it cannot
 * do without. Labels and further facts are varied for the invariants, see `invariants.ts`.
 *
 * Exhaustive over what it varies: single roles, no tie, each tie alone and all ties, no label, each
 * label alone. It does not vary sets of several ties or labels.
 *
 * @module
 */

import { takeApart, type Fact, type TakenApart } from './atoms.ts'
import type { PolicyEngine, Question } from './engine.ts'
import {
  ACTIONS,
  CLASSES,
  PURPOSES,
  RELATIONS,
  ROLES,
  type Action,
  type Purpose,
  type Relation,
  type ResourceClass,
  type Role,
} from './vocabulary.ts'

/** What a permission cannot do without. */
export const NEEDS = ['tie', 'consent', 'glass', 'author', 'factor'] as const
export type Need = (typeof NEEDS)[number]

/** One permission of the grid. */
export interface Cell {
  readonly role: Role
  readonly class: ResourceClass
  readonly purpose: Purpose
  readonly action: Action
  readonly needs: readonly Need[]
  /** Ties of which one is needed; empty where none is. */
  readonly ties: readonly Relation[]
}

/** The permissions of a policy set, in the order of the vocabulary. What is not listed is denied. */
export interface Grid {
  readonly hash: string
  readonly cells: readonly Cell[]
}

/** What a policy set says of one question, without asking Cedar for it again. */
export type Said = (question: Question) => boolean

/** A combination of role, action, class and purpose, and what is said of questions that share it. */
export interface Spot {
  readonly base: Question
  readonly said: Said
}

/** Policies as a function that can be asked millions of times. */
export function sayer(policies: readonly TakenApart[]): Said {
  const permits = policies.filter(({ effect }) => effect === 'permit')
  const guards = policies.filter(({ effect }) => effect === 'forbid')
  return (question) =>
    permits.some(({ applies }) => applies(question)) &&
    !guards.some(({ applies }) => applies(question))
}

/**
 * Every combination of role, class, purpose and action for which some permit could apply, with what
 * policies say of questions that share these four. For all others, these four alone deny.
 */
export function* reachable(policies: readonly TakenApart[]): Generator<Spot> {
  const permits = policies.filter(({ effect }) => effect === 'permit')
  const guards = policies.filter(({ effect }) => effect === 'forbid')
  for (const role of ROLES) {
    for (const action of ACTIONS) {
      const of = { ...PLAIN, roles: [role], action }
      const fitting = permits.filter(({ given }) => given(of, WHO) !== undefined)
      if (fitting.length === 0) continue
      for (const name of CLASSES) {
        for (const purpose of PURPOSES) {
          const base = { ...of, class: name, purpose }
          const left = fitting.flatMap(({ given }) => given(base, WHAT) ?? [])
          if (left.length === 0) continue
          const against = guards.flatMap(({ given }) => given(base, WHAT) ?? [])
          const said: Said = (asked) =>
            left.some((permits) => permits(asked)) && !against.some((forbids) => forbids(asked))
          yield { base, said }
        }
      }
    }
  }
}

/** The grid of an engine. */
export function gridOf(engine: PolicyEngine): Grid {
  const cells: Cell[] = []
  for (const { base, said } of reachable(takeApart(engine))) {
    const cell = cellOf(base, said)
    if (cell !== undefined) cells.push(cell)
  }
  const order = (one: Cell): number =>
    (ROLES.indexOf(one.role) * CLASSES.length + CLASSES.indexOf(one.class)) * PURPOSES.length +
    PURPOSES.indexOf(one.purpose)
  return { hash: engine.hash, cells: cells.toSorted((a, b) => order(a) - order(b)) }
}

function cellOf(base: Question, said: Said): Cell | undefined {
  const found = PERSONAL.flatMap((personal) =>
    POSTURES.map((posture) => ({ posture, question: questionOf(base, posture, personal) })).filter(
      ({ question }) => said(question),
    ),
  )
  if (found.length === 0) return undefined
  const needs = NEEDS.filter((need) => found.every(({ posture }) => posture.has(need)))
  const ties = needs.includes('tie')
    ? RELATIONS.filter((tie) =>
        found.some(({ question }) => said({ ...question, relations: [tie] })),
      )
    : []
  const [role] = base.roles
  return { role, class: base.class, purpose: base.purpose, action: base.action, needs, ties }
}

const questionOf = (base: Question, posture: ReadonlySet<Need>, personal: boolean): Question => ({
  ...base,
  personal,
  relations: posture.has('tie') ? RELATIONS : [],
  consent: !personal ? 'not-needed' : posture.has('consent') ? 'granted' : 'implied',
  breakGlass: posture.has('glass'),
  authored: posture.has('author'),
  stepUp: posture.has('factor'),
})

/** What two grids permit that the other does not, and what has come to be needed otherwise. */
export function gridDiff(before: Grid, after: Grid): readonly string[] {
  const was = new Map(before.cells.map((cell) => [nameOf(cell), needsText(cell)]))
  const is = new Map(after.cells.map((cell) => [nameOf(cell), needsText(cell)]))
  const lines = [...new Set([...is.keys(), ...was.keys()])].map((name) => {
    const [old, now] = [was.get(name), is.get(name)]
    if (now === undefined) return `- ${name}${old ?? ''}`
    if (old === undefined) return `+ ${name}${now}`
    return old === now ? undefined : `~ ${name}${old} ->${now === '' ? ' nothing' : now}`
  })
  return lines.filter((line) => line !== undefined)
}

const nameOf = (cell: Cell): string =>
  `${cell.role} may ${cell.action} ${cell.class} for ${cell.purpose}`

/** What a permission takes, in words. */
export const needsText = ({ needs, ties }: Cell): string =>
  needs.length === 0
    ? ''
    : ` with ${needs.map((need) => (need === 'tie' ? ties.join(' or ') : WORDS[need])).join(', ')}`

const WORDS: Readonly<Record<Need, string>> = {
  tie: 'a tie',
  consent: 'consent',
  glass: 'broken glass',
  author: 'authorship',
  factor: 'second factor',
}

/** A question with nothing special about it. */
export const PLAIN: Question = {
  roles: [],
  clearances: [],
  action: 'view',
  class: 'clinical',
  confidentiality: 'N',
  sensitivity: [],
  personal: true,
  vip: false,
  authored: false,
  held: false,
  purpose: 'TREAT',
  relations: [],
  consent: 'implied',
  breakGlass: false,
  stepUp: false,
  ownAct: false,
  assurance: 'local',
}

const WHO: ReadonlySet<Fact> = new Set(['roles', 'action'])
const WHAT: ReadonlySet<Fact> = new Set(['roles', 'action', 'class', 'purpose'])
const PERSONAL = [true, false] as const
/** Every combination of what a permission may need. */
const POSTURES: readonly ReadonlySet<Need>[] = Array.from(
  { length: 2 ** NEEDS.length },
  (_, bits) => new Set(NEEDS.filter((_need, at) => (bits >> at) % 2 === 1)),
)
