import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PATIENT, thing } from './fixture.test.ts'
import { AccessRefusal } from './refusal.ts'
import {
  narrowScopes,
  readScopes,
  scopeOf,
  scopesAllow,
  scopeText,
  type Permission,
  type Scope,
} from './scopes.ts'
import type { Action } from './vocabulary.ts'

const scope = (text: string): Scope => {
  const found = scopeOf(text)
  assert(found !== undefined, text)
  return found
}

test('scopes of version 2 are read, and those of version 1 as their successors', () => {
  assert.deepEqual(scope('patient/Observation.rs'), {
    level: 'patient',
    type: 'Observation',
    permissions: ['r', 's'],
  })
  assert.deepEqual(scope('user/*.cruds').permissions, ['c', 'r', 'u', 'd', 's'])
  assert.deepEqual(scope('system/Patient.read'), scope('system/Patient.rs'))
  assert.deepEqual(scope('user/Patient.write'), scope('user/Patient.cud'))
  assert.deepEqual(scope('user/*.*'), scope('user/*.cruds'))
  const category =
    'patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory'
  assert.deepEqual(scope(category).category, {
    system: 'http://terminology.hl7.org/CodeSystem/observation-category',
    code: 'laboratory',
  })
  assert.deepEqual(scope('user/Condition.r?category=a%7Cb').category, { system: 'a', code: 'b' })
  assert.deepEqual(scope('user/Condition.r?category=b').category, { system: '', code: 'b' })
})

test('what is nearly a scope is none', () => {
  for (const text of [
    'patient/Observation',
    'patient/Observation.',
    'patient/Observation.sr',
    'patient/Observation.rr',
    'patient/Observation.rx',
    'patient/observation.r',
    'patient/Observations.r',
    'patient/.r',
    'clinic/Observation.r',
    'Observation.r',
    'patient/Observation.r?',
    'patient/Observation.r?category=',
    'patient/Observation.r?category=a|',
    'patient/Observation.r?category=a|b|c',
    'patient/Observation.r?category=a,b',
    'patient/Observation.r?category=a&category=b',
    'patient/Observation.r?code=1234-5',
    'patient/Observation.r?category=%',
    'patient/*.r\n',
    ' patient/*.r',
    'PATIENT/*.r',
  ]) {
    assert.equal(scopeOf(text), undefined, text)
  }
})

test('a list keeps scopes, words and what is unknown apart', () => {
  const list = readScopes('openid  launch/patient patient/Patient.r patient/Patient.r fun')
  assert.deepEqual(list.scopes, [scope('patient/Patient.r')])
  assert.deepEqual(list.words, ['openid', 'launch/patient'])
  assert.deepEqual(list.unknown, ['fun'])
  for (const text of ['a"b', 'a\\b', 'a\nb', 'é', 'x'.repeat(8193)]) {
    assert.throws(() => readScopes(text), AccessRefusal)
  }
})

const observation = thing({
  type: 'Observation',
  class: 'observation',
  categories: [{ system: 'sys', code: 'vital-signs' }],
})
const allows = (
  text: string,
  action: Action,
  more: Partial<Parameters<typeof scopesAllow>[1]> = {},
) =>
  scopesAllow([scope(text)], {
    action,
    resource: observation,
    launchPatient: PATIENT,
    service: false,
    ...more,
  })

test('each action needs its letter, and some are beyond all scopes', () => {
  const needs: readonly (readonly [Action, Permission])[] = [
    ['create', 'c'],
    ['view', 'r'],
    ['update', 'u'],
    ['delete', 'd'],
    ['search', 's'],
    ['export', 'r'],
    ['deidentify', 'r'],
  ]
  for (const [action, letter] of needs) {
    assert.equal(allows(`user/*.${letter}`, action), true, action)
    const others = ['c', 'r', 'u', 'd', 's'].filter((one) => one !== letter).join('')
    assert.equal(allows(`user/*.${others}`, action), false, action)
  }
  for (const action of ['unmask', 'break-glass', 'review', 'approve', 'destroy-key'] as const) {
    assert.equal(allows('user/*.cruds', action), false, action)
  }
})

test('a category narrows a scope to resources that have it', () => {
  assert.equal(allows('user/Observation.r?category=sys|vital-signs', 'view'), true)
  assert.equal(allows('user/Observation.r?category=vital-signs', 'view'), true)
  assert.equal(allows('user/Observation.r?category=sys|laboratory', 'view'), false)
  assert.equal(allows('user/Observation.r?category=other|vital-signs', 'view'), false)
})

test('a scope of level patient reaches the launch patient alone, and what is about nobody', () => {
  const both = thing({ type: 'Observation', patients: [PATIENT, 'Patient/p2'] })
  const nobody = thing({ type: 'Practitioner', patients: [], personal: false })
  const unknown = thing({ type: 'Observation', patients: [], personal: true })
  assert.equal(allows('patient/*.r', 'view'), true)
  assert.equal(allows('patient/*.r', 'view', { resource: both }), false)
  assert.equal(allows('patient/*.r', 'view', { resource: nobody }), true)
  assert.equal(allows('patient/*.r', 'view', { resource: unknown }), false)
  assert.equal(allows('patient/*.r', 'view', { launchPatient: undefined }), false)
})

test('system scopes are for services, and services have no others', () => {
  assert.equal(allows('system/*.r', 'view', { service: true }), true)
  assert.equal(allows('system/*.r', 'view'), false)
  assert.equal(allows('user/*.r', 'view', { service: true }), false)
  assert.equal(allows('patient/*.r', 'view', { service: true }), false)
})

const scopes = fc
  .record({
    level: fc.constantFrom('patient', 'user', 'system'),
    type: fc.constantFrom('*', 'Observation', 'Condition'),
    letters: fc.subarray(['c', 'r', 'u', 'd', 's'], { minLength: 1 }),
    category: fc.constantFrom('', '?category=vital-signs', '?category=sys|vital-signs'),
  })
  .map(({ level, type, letters, category }) =>
    scope(`${level}/${type}.${letters.join('')}${category}`),
  )

test('a scope is written as it is read', () => {
  fc.assert(
    fc.property(scopes, (one) => {
      assert.deepEqual(scopeOf(scopeText(one)), one)
    }),
    { seed: 6 },
  )
})

test('narrowed scopes allow what both lists allow, and nothing else', () => {
  const lists = fc.array(scopes, { maxLength: 4 })
  const resources = fc.constantFrom(
    observation,
    thing(),
    thing({ type: 'Observation' }),
    thing({ type: 'Observation', patients: ['Patient/p2'] }),
  )
  fc.assert(
    fc.property(lists, lists, resources, fc.boolean(), (asked, allowed, resource, service) => {
      for (const action of ['view', 'search', 'create', 'update', 'delete'] as const) {
        const what = { action, resource, launchPatient: PATIENT, service }
        const both = scopesAllow(asked, what) && scopesAllow(allowed, what)
        assert.equal(scopesAllow(narrowScopes(asked, allowed), what), both)
      }
    }),
    { seed: 7, numRuns: 500 },
  )
})
