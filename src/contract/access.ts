/**
 * Routes and shapes about who may: why one thing is permitted or not, and what policies permit at all.
 *
 * Roles, classes, purposes and actions are words of the access room; it checks them.
 *
 * @module
 */

import { Exactly, OneOf, Text, Type, Whole, type Static } from '#base'
import { route } from './route.ts'

const Word = Text(64, 1)
const Time = Whole(0)
const orNull = <S extends Parameters<typeof Type.Union>[0][number]>(shape: S) =>
  Type.Union([shape, Type.Null()])

/** Who would do what with which resource. One of `person` and `client`. */
export const AccessQuestionShape = Exactly({
  /** A login name or an identifier. */
  person: Type.Optional(Text(64, 1)),
  /** A client of the configuration, by the name in its certificate. */
  client: Type.Optional(Text(64, 1)),
  /** `Patient/id`, or the id alone. */
  patient: Type.Optional(Text(128, 1)),
  /** `Type/id`; the patient's own resource unless said. */
  resource: Type.Optional(Text(128, 1)),
  /** The usual one of the first role unless said. */
  purpose: Type.Optional(Text(16, 1)),
  act: Type.Optional(
    OneOf('read', 'history', 'search', 'create', 'update', 'delete', 'export', 'unmask'),
  ),
  /** As if a second factor had just been shown. */
  secondFactor: Type.Optional(Type.Boolean()),
})
export type AccessQuestion = Static<typeof AccessQuestionShape>

/** A decision with everything that it rests on. */
export const AccessExplanationShape = Exactly({
  permitted: Type.Boolean(),
  /** The policy or fixed rule that decided. */
  rule: Text(128),
  /** The first step that failed; null where permitted. */
  at: orNull(Word),
  who: Exactly({ id: Text(256), kind: Word, roles: Type.Array(Word) }),
  act: Word,
  purpose: Word,
  resource: Text(256),
  /** What it is taken for: class, labels, whether it is about somebody. */
  thing: Exactly({
    class: Word,
    confidentiality: Word,
    sensitivity: Type.Array(Word),
    vip: Type.Boolean(),
    personal: Type.Boolean(),
  }),
  /** Ties between the two that hold now. */
  ties: Type.Array(Exactly({ kind: Word, with: Text(256), until: orNull(Time) })),
  /** Directives in force of the patient, by their ids. */
  directives: Type.Array(Text(256)),
  /** The grant of broken glass that counts here. */
  grant: orNull(Text(64)),
  steps: Type.Array(
    Exactly({ step: Word, passed: Type.Boolean(), rules: Type.Array(Text(256)), words: Text(512) }),
  ),
  /** What must be done with what is shown. */
  obligations: Type.Array(Text(512)),
  /** Texts of the policies among the rules. */
  policies: Type.Array(Exactly({ id: Text(128), effect: Word, text: Type.String() })),
})
export type AccessExplanation = Static<typeof AccessExplanationShape>

/** One permission of the grid; what is not listed is denied. */
export const GridCellShape = Exactly({
  role: Word,
  class: Word,
  purpose: Word,
  action: Word,
  /** What it cannot do without, in words; empty for nothing. */
  needs: Text(512),
})
export type GridCell = Static<typeof GridCellShape>

/** Characters of one policy file, and files of a set. */
const POLICY_CHARACTERS_MAX = 262_144
const POLICY_FILES_MAX = 64

export const accessRoutes = {
  explainAccess: route({
    method: 'POST',
    path: '/v1/access/explain',
    summary: 'Why somebody may do something with a resource, or may not; asking is logged',
    query: Exactly({}),
    body: AccessQuestionShape,
    answer: AccessExplanationShape,
  }),
  accessGrid: route({
    method: 'GET',
    path: '/v1/access/grid',
    summary: 'What the policies of the site permit each role, by class, purpose and action',
    query: Exactly({ role: Type.Optional(Word) }),
    body: Type.Null(),
    answer: Exactly({ hash: Word, cells: Type.Array(GridCellShape) }),
  }),
  accessGridDiff: route({
    method: 'POST',
    path: '/v1/access/grid/diff',
    summary: 'What other policies would permit otherwise; nothing is changed',
    query: Exactly({ role: Type.Optional(Word) }),
    body: Exactly({
      /** Texts of `.cedar` files. */
      policies: Type.Array(Text(POLICY_CHARACTERS_MAX), {
        minItems: 1,
        maxItems: POLICY_FILES_MAX,
      }),
    }),
    answer: Exactly({
      before: Word,
      after: Word,
      /** `+` newly permitted, `-` no more, `~` with other needs. */
      lines: Type.Array(Text(1024)),
      /** Sentences about the whole grid that would not hold any more. */
      breaches: Type.Array(Text(1024)),
    }),
  }),
} as const
