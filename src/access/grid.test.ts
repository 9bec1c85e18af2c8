import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { takeApart } from './atoms.ts'
import { openPolicyEngine, type Question } from './engine.ts'
import { engineOfTests, policySources } from './fixture.test.ts'
import { gridDiff, gridOf, PLAIN, reachable, sayer } from './grid.ts'
import { breachesOf, INVARIANTS } from './invariants.ts'
import {
  ACTIONS,
  ASSURANCES,
  CLASSES,
  CONFIDENTIALITIES,
  CONSENTS,
  PURPOSES,
  RELATIONS,
  ROLES,
  SENSITIVITIES,
} from './vocabulary.ts'

/** Our policies, with one text changed for another. */
async function changed(from: string | RegExp, to: string) {
  const { schema, policies } = policySources()
  const other = policies.map((text) => text.replace(from, to))
  assert.notDeepEqual(other, policies)
  return openPolicyEngine({ schema, policies: other })
}

async function withMore(...more: readonly string[]) {
  const { schema, policies } = policySources()
  return openPolicyEngine({ schema, policies: [...policies, ...more] })
}

const some = <T>(items: readonly T[], most: number) => fc.subarray([...items], { maxLength: most })
const questions: fc.Arbitrary<Question> = fc.record({
  roles: some(ROLES, 2),
  clearances: some(SENSITIVITIES, 3),
  action: fc.constantFrom(...ACTIONS),
  class: fc.constantFrom(...CLASSES),
  confidentiality: fc.constantFrom(...CONFIDENTIALITIES),
  sensitivity: some(SENSITIVITIES, 2),
  personal: fc.boolean(),
  vip: fc.boolean(),
  authored: fc.boolean(),
  held: fc.boolean(),
  purpose: fc.constantFrom(...PURPOSES),
  relations: some(RELATIONS, 4),
  consent: fc.constantFrom(...CONSENTS),
  breakGlass: fc.boolean(),
  stepUp: fc.boolean(),
  ownAct: fc.boolean(),
  assurance: fc.constantFrom(...ASSURANCES),
})

test('policies taken apart say what Cedar says of them as a whole', async () => {
  const engine = await engineOfTests()
  const said = sayer(takeApart(engine))
  const cells = gridOf(engine).cells
  const near = fc
    .tuple(fc.constantFrom(...cells), questions)
    .map(([{ role, class: name, purpose, action, ties }, rest]) => {
      const relations = ties.length > 0 ? [ties[0]] : rest.relations
      return { ...rest, roles: [role], class: name, purpose, action, relations }
    })
  const allowed = { yes: 0, no: 0 }
  fc.assert(
    fc.property(fc.oneof(questions, near, near), (question) => {
      const verdict = engine.ask(question)
      assert.equal(verdict.failed, false)
      assert.equal(said(question), verdict.allowed)
      allowed[verdict.allowed ? 'yes' : 'no']++
    }),
    { seed: 11, numRuns: 300 },
  )
  assert(allowed.yes >= 20 && allowed.no >= 20, JSON.stringify(allowed))
})

test('where the grid sees no way, Cedar sees none either', async () => {
  const engine = await engineOfTests()
  const seen = new Set(
    [...reachable(takeApart(engine))].map(
      ({ base }) => `${base.roles[0]}|${base.action}|${base.class}|${base.purpose}`,
    ),
  )
  const lavish = {
    ...PLAIN,
    relations: RELATIONS,
    consent: 'named',
    breakGlass: true,
    authored: true,
    stepUp: true,
  } as const
  const word = fc.record({
    role: fc.constantFrom(...ROLES),
    action: fc.constantFrom(...ACTIONS),
    class: fc.constantFrom(...CLASSES),
    purpose: fc.constantFrom(...PURPOSES),
    personal: fc.boolean(),
  })
  fc.assert(
    fc.property(word, ({ role, ...rest }) => {
      if (seen.has(`${role}|${rest.action}|${rest.class}|${rest.purpose}`)) return
      assert.equal(engine.ask({ ...lavish, ...rest, roles: [role] }).allowed, false)
    }),
    { seed: 12, numRuns: 150 },
  )
})

test('every sentence holds over the whole grid', async () => {
  assert.deepEqual(breachesOf(await engineOfTests()), [])
})

const permit = (id: string, head: string, when: string) =>
  `@id("test.${id}") @step("role") permit (${head}, resource) when { ${when} };`

/** Guards loosened, each so that one sentence breaks. */
const LOOSENED: readonly (readonly [string, from: string, to: string])[] = [
  [
    'sensitive',
    'when { !resource.sensitivity.isEmpty() }',
    'when { resource.sensitivity.contains(Sensitivity::"HIV") }',
  ],
  [
    'psychotherapy-notes',
    'unless { resource.authored || context.consent == Consent::"named" }',
    'unless { resource.authored || context.breakGlass }',
  ],
  [
    'consent',
    'when { context.consent == Consent::"denied" }',
    'when { context.consent == Consent::"denied" && resource.vip }',
  ],
  ['second-factor', 'when { !context.stepUp }', 'when { !context.stepUp && resource.vip }'],
  ['own-act', 'when { context.ownAct }', 'when { context.ownAct && resource.vip }'],
  [
    'separation',
    'when { principal in Role::"crypto-officer-b" }',
    'when { principal in Role::"crypto-officer-b" && resource.vip }',
  ],
]

/** Permits too many, each so that one sentence breaks. */
const ADDED: readonly (readonly [string, head: string, when: string])[] = [
  [
    'machines',
    'principal in Role::"administrator", action == Action::"view"',
    'resource.class == Class::"laboratory"',
  ],
  [
    'researcher',
    'principal in Role::"researcher", action == Action::"view"',
    'resource.class == Class::"audit"',
  ],
  [
    'tie',
    'principal in Role::"nurse", action == Action::"view"',
    'resource.class == Class::"allergy"',
  ],
  [
    'glass-reads',
    'principal in Role::"resident", action == Action::"create"',
    'context.breakGlass',
  ],
  [
    'opt-in',
    'principal in Role::"billing", action == Action::"view"',
    'context.purpose == Purpose::"HMARKT"',
  ],
  [
    'unclassified',
    'principal in Role::"service", action == Action::"view"',
    'resource.class == Class::"unclassified"',
  ],
]

test('each sentence is broken by a policy that should break it', async () => {
  const { schema, policies } = policySources()
  const loosened = LOOSENED.reduce((texts, [id, from, to]) => {
    const other = texts.map((text) => text.replace(from, to))
    assert.notDeepEqual(other, texts, id)
    return other
  }, policies)
  const engine = await engineOfTests()
  const gone = ['break-glass.read-only', 'purpose.marketing'].map((id) => {
    const text = engine.policies.get(id)?.text
    assert(text !== undefined)
    return text
  })
  const without = policies.map((text) => gone.reduce((rest, one) => rest.replace(one, ''), text))
  const more = ADDED.map(([id, head, when]) => permit(id, head, when))
  const broken = [
    [LOOSENED, await openPolicyEngine({ schema, policies: loosened })],
    [ADDED, await openPolicyEngine({ schema, policies: [...without, ...more] })],
  ] as const
  for (const [changes, other] of broken) {
    const found = new Set(breachesOf(other, 1).map(({ invariant }) => invariant))
    for (const [id] of changes) assert(found.has(id), id)
  }
  const tested = [...LOOSENED, ...ADDED].map(([id]) => id)
  assert.deepEqual(tested.toSorted(), [...INVARIANTS.map(({ id }) => id), 'separation'].toSorted())
})

test('an approver sees what a change of policy permits, withdraws and loosens', async () => {
  const before = gridOf(await engineOfTests())
  assert.deepEqual(gridDiff(before, before), [])
  const more = gridOf(
    await withMore(
      '@id("test.more") @step("role")\n' +
        'permit (principal in Role::"billing", action == Action::"view", resource)\n' +
        'when { resource.class == Class::"laboratory" && context.purpose == Purpose::"HPAYMT" };',
    ),
  )
  assert.deepEqual(gridDiff(before, more), ['+ billing may view laboratory for HPAYMT'])
  assert.deepEqual(gridDiff(more, before), ['- billing may view laboratory for HPAYMT'])
  const loose = gridOf(
    await changed('context.relations.contains(Relation::"ed-present")\n};', 'true\n};'),
  )
  const said = gridDiff(before, loose)
  assert(said.includes('~ ed-clinician may view clinical for TREAT with ed-present -> nothing'))
  assert(said.every((line) => line.startsWith('~ ed-clinician may ')))
})

test('a condition that may fail to evaluate has no grid', async () => {
  const engine = await withMore(
    '@id("test.broken") @step("labels") forbid (principal, action, resource)\n' +
      'when { 9223372036854775807 + 1 > 0 };',
  )
  assert.throws(() => gridOf(engine), { code: 'ACCESS_POLICY_INVALID' })
})
