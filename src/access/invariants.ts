/**
 * What must hold whatever the policies say: sentences that a hospital's privacy officer would sign,
 * asserted over the whole grid.
 *
 * A policy set that breaks one is shown to its approver with the questions that break it. Asked are
 * all combinations of role, action, class and purpose with every consent, broken glass (for its
 * purpose), authorship, second factor, no label, a sensitive one and psychotherapy notes, and no tie,
 * each tie alone, all ties; reviews and approvals, of own acts as well.
 *
 * @module
 */

import { takeApart, type TakenApart } from './atoms.ts'
import type { PolicyEngine, Question } from './engine.ts'
import { reachable, sayer, type Spot } from './grid.ts'
import {
  CHART_CLASSES,
  CONSENTS,
  RELATIONS,
  type Action,
  type ConsentOutcome,
  type Relation,
  type ResourceClass,
  type Role,
} from './vocabulary.ts'

/** A sentence about every permission. */
export interface Invariant {
  readonly id: string
  readonly says: string
  /** Whether a question that is permitted may be. */
  readonly holds: (permitted: Question) => boolean
}

/** A permission that should not be. */
export interface Breach {
  readonly invariant: string
  readonly question: Question
}

const CHART: ReadonlySet<ResourceClass> = new Set([...CHART_CLASSES, 'demographics'])
const isIn = <T extends string>(...words: readonly T[]): ((word: T) => boolean) => {
  const set: ReadonlySet<T> = new Set(words)
  return (word) => set.has(word)
}
const isMachine = isIn<Role>(
  'administrator',
  'user-administrator',
  'qkd-operator',
  'crypto-officer-a',
  'crypto-officer-b',
  'policy-author',
  'policy-approver',
  'auditor',
  'security-analyst',
)
const isConsented = isIn<ConsentOutcome>('granted', 'named')
const isMissing = isIn<ConsentOutcome>('absent', 'denied')
const isJudging = isIn<Action>('review', 'approve')
const isReading = isIn<Action>('view', 'search')
const isOpen = isIn<ResourceClass>('deidentified', 'directory', 'knowledge')
const isMarked = isIn<Action>(
  'export',
  'print',
  'send',
  'unmask',
  'approve',
  'destroy-key',
  'break-glass',
)
const tied = ({ relations }: Question, tie: Relation): boolean => relations.includes(tie)

/** The sentences. */
export const INVARIANTS: readonly Invariant[] = [
  {
    id: 'sensitive',
    says: 'Sensitive data needs a consent that was given, broken glass, authorship, or to be the own',
    holds: (asked) =>
      asked.sensitivity.length === 0 ||
      asked.action === 'break-glass' ||
      isConsented(asked.consent) ||
      asked.breakGlass ||
      asked.authored ||
      tied(asked, 'own'),
  },
  {
    id: 'psychotherapy-notes',
    says: 'Psychotherapy notes need authorship or a consent that names them; glass does not open them',
    holds: ({ sensitivity, authored, consent }) =>
      !sensitivity.includes('PSYTHPN') || authored || consent === 'named',
  },
  {
    id: 'machines',
    says: 'Nobody who runs, keys, audits or guards the machines reaches a chart',
    holds: ({ roles, class: name }) => !roles.some(isMachine) || !CHART.has(name),
  },
  {
    id: 'researcher',
    says: 'Researchers see de-identified sets alone, for research',
    holds: ({ roles, class: name, purpose, action }) =>
      !roles.includes('researcher') ||
      (isOpen(name) && isReading(action) && (name !== 'deidentified' || purpose === 'HRESCH')),
  },
  {
    id: 'tie',
    says: 'A chart needs a tie or broken glass; billing has its codes without',
    holds: ({ class: name, relations, breakGlass, roles, purpose, personal, action }) =>
      !CHART.has(name) ||
      !personal ||
      relations.length > 0 ||
      breakGlass ||
      (roles.includes('billing') && purpose === 'HPAYMT' && action !== 'create') ||
      (name === 'demographics' && (roles.includes('registration') || action === 'break-glass')),
  },
  {
    id: 'glass-reads',
    says: 'Under broken glass one reads, and does nothing else',
    holds: ({ purpose, action, breakGlass }) =>
      purpose !== 'BTG' || action === 'break-glass' || (breakGlass && isReading(action)),
  },
  {
    id: 'consent',
    says: 'Consent that is missing or denied yields to broken glass alone; one that names emergencies never',
    holds: (asked) =>
      tied(asked, 'own') ||
      (asked.consent !== 'refused' &&
        (!isMissing(asked.consent) || asked.breakGlass || asked.action === 'break-glass')),
  },
  {
    id: 'opt-in',
    says: 'Marketing with a patient in it, and de-identifying one, need a consent that was given',
    holds: ({ purpose, personal, action, consent }) =>
      isConsented(consent) || !((purpose === 'HMARKT' && personal) || action === 'deidentify'),
  },
  {
    id: 'second-factor',
    says: 'What leaves, is unmasked, approved or destroyed needs a second factor; services have keys',
    holds: ({ action, stepUp, roles }) => !isMarked(action) || stepUp || roles.includes('service'),
  },
  {
    id: 'own-act',
    says: 'Nobody reviews or approves an own act',
    holds: ({ action, ownAct }) => !ownAct || !isJudging(action),
  },
  {
    id: 'unclassified',
    says: 'Nobody reaches what nobody classified',
    holds: ({ class: name }) => name !== 'unclassified',
  },
]

/** Roles that one person must not hold together. */
export const SEPARATE: readonly (readonly [Role, Role])[] = [
  ['policy-author', 'policy-approver'],
  ['crypto-officer-a', 'crypto-officer-b'],
  ['user-administrator', 'auditor'],
  ['administrator', 'auditor'],
  ['researcher', 'reidentification-holder'],
]

/**
 * Permissions that break a sentence, or come from roles held together; empty is what should be.
 *
 * @param most   examples for each sentence
 */
export function breachesOf(engine: PolicyEngine, most = 10): readonly Breach[] {
  const policies = takeApart(engine)
  const spots = [...reachable(policies)]
  const breaches = INVARIANTS.map(({ id, holds }) => ({ id, holds, found: [] as Question[] }))
  for (const question of permittedQuestions(spots)) {
    for (const { holds, found } of breaches) {
      if (found.length < most && !holds(question)) found.push(question)
    }
  }
  return [
    ...breaches.flatMap(({ id, found }) => found.map((question) => ({ invariant: id, question }))),
    ...unseparated(policies, spots).slice(0, most),
  ]
}

/** Every permission of the whole grid, with every posture in which it is one. */
function* permittedQuestions(spots: readonly Spot[]): Generator<Question> {
  for (const { base, said } of spots) {
    for (const posture of POSTURES) {
      if (posture.breakGlass && base.purpose !== 'BTG') continue
      if (posture.ownAct && !isJudging(base.action)) continue
      const question = { ...base, ...posture }
      if (said(question)) yield question
    }
  }
}

/** Whoever holds two roles that are to be apart may do nothing at all. */
function unseparated(policies: readonly TakenApart[], spots: readonly Spot[]): Breach[] {
  const said = sayer(policies)
  return SEPARATE.flatMap((roles) =>
    spots
      .filter(({ base }) => roles.some((role) => base.roles.includes(role)))
      .map(({ base }) => ({ ...base, ...OPEN, roles }))
      .filter((question) => said(question))
      .map((question) => ({ invariant: 'separation', question })),
  )
}

const OPEN = {
  personal: false,
  relations: RELATIONS,
  consent: 'named',
  stepUp: true,
  authored: true,
} as const satisfies Partial<Question>

type Posture = Pick<
  Question,
  | 'sensitivity'
  | 'relations'
  | 'consent'
  | 'breakGlass'
  | 'authored'
  | 'stepUp'
  | 'ownAct'
  | 'personal'
>
const YES_NO = [false, true] as const
const TIES: readonly (readonly Relation[])[] = [[], ...RELATIONS.map((one) => [one]), RELATIONS]
const LABELS = [[], ['PSY'], ['PSYTHPN']] as const

const POSTURES: readonly Posture[] = TIES.flatMap((relations) =>
  LABELS.flatMap((sensitivity) =>
    CONSENTS.flatMap((consent) =>
      YES_NO.flatMap((breakGlass) =>
        YES_NO.flatMap((authored) =>
          YES_NO.flatMap((stepUp) =>
            YES_NO.map((ownAct) => ({
              relations,
              sensitivity,
              consent,
              breakGlass,
              authored,
              stepUp,
              ownAct,
              personal: consent !== 'not-needed',
            })),
          ),
        ),
      ),
    ),
  ),
)
