import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decide, forPatients } from './decide.ts'
import type { Question } from './engine.ts'
import { context, engineOfTests, PATIENT, person, thing } from './fixture.test.ts'
import { PLAIN } from './grid.ts'
import { scopeOf } from './scopes.ts'
import {
  ACTIONS,
  CLASSES,
  CONFIDENTIALITIES,
  PURPOSES,
  RELATIONS,
  ROLES,
  SENSITIVITIES,
} from './vocabulary.ts'

const token = context().token

test('deciding for a list is deciding for each thing in it', async () => {
  const engine = await engineOfTests()
  const someOf = <T>(items: readonly T[], most: number) =>
    fc.uniqueArray(fc.constantFrom(...items), { maxLength: most })
  const resources = fc.record({
    class: fc.constantFrom(...CLASSES),
    patients: someOf([PATIENT, 'Patient/p2'], 2),
    personal: fc.boolean(),
    confidentiality: fc.constantFrom(...CONFIDENTIALITIES),
    sensitivity: someOf(SENSITIVITIES, 2),
    vip: fc.boolean(),
    authors: someOf(['Practitioner/d1', 'Practitioner/d2'], 1),
  })
  const relations = RELATIONS.filter((one) => one !== 'own' && one !== 'delegation')
  const requests = fc.record({
    roles: someOf(ROLES, 2),
    action: fc.constantFrom(...ACTIONS),
    purpose: fc.constantFrom(...PURPOSES),
    ties: someOf(relations, 2),
    scoped: fc.boolean(),
  })
  fc.assert(
    fc.property(requests, fc.array(resources, { minLength: 1, maxLength: 4 }), (asked, items) => {
      const scope = scopeOf('user/Condition.cruds')
      const request = {
        principal: person(asked.roles),
        action: asked.action,
        context: context({
          purpose: asked.purpose,
          relationships: asked.ties.map((kind) => ({ kind, patient: PATIENT, with: 'team-1' })),
          token: asked.scoped && scope !== undefined ? { ...token, scopes: [scope] } : token,
        }),
      }
      const list = forPatients(engine, request)
      for (const item of items) {
        const resource = thing(item)
        assert.deepEqual(list(resource), decide(engine, { ...request, resource }))
      }
    }),
    { seed: 50, numRuns: 40 },
  )
})

test('things that are alike to policies cost Cedar one question', async () => {
  const engine = await engineOfTests()
  const list = forPatients(engine, {
    principal: person('attending'),
    action: 'view',
    context: context(),
  })
  const decisions = Array.from({ length: 50 }, (_, index) =>
    list(
      thing({ reference: `Condition/c${index}`, codes: [{ system: 's', code: String(index) }] }),
    ),
  )
  assert(decisions.every(({ kind }) => kind === 'permit'))
  const question: Question = { ...PLAIN, roles: ['attending'], relations: ['care-team'] }
  assert.equal(engine.ask(question), engine.ask({ ...question }))
})
