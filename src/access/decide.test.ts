import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuid } from '#base'
import { openGlass } from './break-glass.ts'
import { readConsent } from './consent-read.ts'
import { decide } from './decide.ts'
import { openPolicyEngine } from './engine.ts'
import {
  after,
  context,
  ELSEWHERE,
  engineOfTests,
  json,
  minutes,
  NOW,
  PATIENT,
  person,
  policySources,
  thing,
} from './fixture.test.ts'
import type { AccessContext, AccessRequest, Decision, Principal, ResourceFacts } from './model.ts'
import { scopeOf } from './scopes.ts'
import { ROLES, STEPS } from './vocabulary.ts'

interface Changes {
  readonly principal?: Principal
  readonly action?: AccessRequest['action']
  readonly resource?: Partial<ResourceFacts>
  readonly context?: Partial<AccessContext>
}

async function decided(changes: Changes = {}): Promise<Decision> {
  return decide(await engineOfTests(), {
    principal: changes.principal ?? person('attending'),
    action: changes.action ?? 'view',
    resource: thing(changes.resource),
    context: context(changes.context),
  })
}

async function denial(changes: Changes): Promise<string> {
  const decision = await decided(changes)
  assert.equal(decision.kind, 'deny')
  return decision.rule
}

const token = context().token

test('a physician of the care team reads a chart, and every step says why', async () => {
  const decision = await decided()
  assert.equal(decision.kind, 'permit')
  assert.equal(decision.rule, 'role.physician.read')
  assert.deepEqual(
    decision.steps.map(({ step }) => step),
    STEPS,
  )
  assert(decision.steps.every(({ outcome }) => outcome === 'passed'))
  assert.deepEqual(decision.steps.at(1)?.rules, ['role.physician.read'])
  assert.deepEqual(decision.steps.at(7)?.rules, ['consent.default.implied'])
  assert.deepEqual(decision.obligations, [{ kind: 'audit', marks: [] }])
})

test('each step denies by itself, and names its rule', async () => {
  const psy = { sensitivity: ['PSY'] } as const
  const consents = [
    readConsent(
      json({
        resourceType: 'Consent',
        id: 'no',
        status: 'active',
        patient: { reference: PATIENT },
        provision: { type: 'deny' },
      }),
    ),
  ].filter((one) => one !== undefined)
  const cases: readonly (readonly [Changes, string, string])[] = [
    [{ context: { token: { ...token, site: ELSEWHERE } } }, 'token', 'token.other-site'],
    [{ context: { token: { ...token, expiresAt: NOW } } }, 'token', 'token.expired'],
    [{ context: { token: { ...token, notBefore: after(1) } } }, 'token', 'token.not-yet'],
    [{ principal: person('attending', { employment: 'ended' }) }, 'token', 'token.employment'],
    [{ principal: person('pharmacist') }, 'role', 'role.nothing-permits'],
    [{ principal: person('billing') }, 'purpose', 'purpose.nothing-permits'],
    [{ principal: person([]) }, 'role', 'role.nothing-permits'],
    [{ action: 'quarantine' }, 'role', 'role.nothing-permits'],
    [
      { principal: person(['policy-author', 'policy-approver', 'attending']) },
      'role',
      'separation.policy',
    ],
    [{ context: { token: { ...token, scopes: [] } } }, 'scope', 'scope.not-covered'],
    [{ resource: { site: ELSEWHERE } }, 'site', 'site.other'],
    [{ context: { relationships: [] } }, 'relationship', 'relationship.nothing-permits'],
    [{ context: { purpose: 'HPAYMT' } }, 'purpose', 'purpose.nothing-permits'],
    [{ resource: psy }, 'labels', 'labels.sensitive'],
    [{ resource: { confidentiality: 'V' } }, 'labels', 'labels.very-restricted'],
    [{ context: { consents } }, 'consent', 'consent.denied'],
    [{ action: 'print' }, 'obligations', 'obligations.step-up'],
    [{ action: 'delete' }, 'relationship', 'relationship.nothing-permits'],
    [
      { action: 'delete', resource: { authors: ['Practitioner/d1'], held: true } },
      'obligations',
      'obligations.hold',
    ],
    [
      {
        action: 'deidentify',
        principal: person('service', { kind: 'service', employment: 'none' }),
        context: {
          purpose: 'HRESCH',
          token: { ...token, scopes: [] },
          relationships: [{ kind: 'declared-flow', patient: PATIENT, with: 'person-1' }],
        },
      },
      'scope',
      'scope.not-covered',
    ],
    [
      {
        principal: person('telehealth'),
        context: {
          relationships: [{ kind: 'booked-session', patient: PATIENT, with: 'person-1' }],
        },
      },
      'obligations',
      'obligations.nothing-permits',
    ],
  ]
  for (const [changes, at, rule] of cases) {
    const decision = await decided(changes)
    assert.equal(decision.kind, 'deny', rule)
    assert.deepEqual([decision.at, decision.rule], [at, rule])
    assert.equal(decision.alert, false)
    const order = STEPS.indexOf(decision.at)
    assert(
      decision.steps.slice(0, order).every(({ outcome }) => outcome === 'passed'),
      rule,
    )
  }
})

test('the first step that fails decides, whatever else fails', async () => {
  const everything: Changes = {
    principal: person('pharmacist', { employment: 'suspended' }),
    resource: { site: ELSEWHERE, sensitivity: ['HIV'] },
    context: { relationships: [], purpose: 'HRESCH' },
  }
  const decision = await decided(everything)
  assert(decision.kind === 'deny')
  assert.equal(decision.rule, 'token.employment')
  const failed = decision.steps.filter(({ outcome }) => outcome === 'failed')
  assert.deepEqual(
    failed.map(({ step }) => step),
    ['token', 'role', 'site', 'labels', 'consent'],
  )
})

test('labels, VIPs, links and sites narrow what a role may', async () => {
  const order = [{ kind: 'order', patient: PATIENT, with: 'team-1' }] as const
  const pharmacist = {
    principal: person('pharmacist'),
    resource: { class: 'allergy' },
    context: { relationships: order },
  } as const
  const psychiatrist = person('attending', { clearances: ['PSY'] })
  const cases: readonly (readonly [string, Changes])[] = [
    ['permit', { resource: { confidentiality: 'R' } }],
    ['permit', pharmacist],
    ['labels.restricted', { ...pharmacist, resource: { class: 'allergy', confidentiality: 'R' } }],
    ['labels.vip', { ...pharmacist, resource: { class: 'allergy', vip: true } }],
    ['permit', { resource: { vip: true } }],
    ['permit', { resource: { confidentiality: 'V', authors: ['Practitioner/d1'] } }],
    ['permit', { principal: psychiatrist, resource: { sensitivity: ['PSY'] } }],
    ['labels.sensitive', { principal: psychiatrist, resource: { sensitivity: ['PSY', 'HIV'] } }],
    [
      'labels.sensitive',
      {
        principal: psychiatrist,
        resource: { sensitivity: ['PSY'] },
        context: { relationships: [{ kind: 'referral', patient: PATIENT, with: 'team-1' }] },
      },
    ],
    ['permit', { resource: { site: ELSEWHERE }, context: { sites: [ELSEWHERE] } }],
  ]
  for (const [expected, changes] of cases) {
    const decision = await decided(changes)
    const said = decision.kind === 'permit' ? 'permit' : decision.rule
    assert.equal(said, expected, JSON.stringify(changes.resource))
  }
  const patient = person('patient', { kind: 'patient', employment: 'none', patient: PATIENT })
  const leaving = (assurance: 'hybrid-quantum' | 'degraded') =>
    decided({
      principal: patient,
      action: 'export',
      context: { purpose: 'PATRQT', secondFactorAt: NOW, assurance },
    })
  assert.equal((await leaving('hybrid-quantum')).kind, 'permit')
  assert.equal((await leaving('degraded')).rule, 'obligations.degraded-link')
})

test('a failing engine denies at the role and raises an alert', async () => {
  const broken =
    '@id("broken") @step("labels") forbid (principal, action, resource)\n' +
    'when { 9223372036854775807 + 1 > 0 };'
  const { schema, policies } = policySources()
  const engine = await openPolicyEngine({ schema, policies: [...policies, broken] })
  const decision = decide(engine, {
    principal: person('attending'),
    action: 'view',
    resource: thing(),
    context: context(),
  })
  assert(decision.kind === 'deny')
  assert.deepEqual([decision.rule, decision.alert], ['engine.failed', true])
  assert.deepEqual(decision.obligations, [{ kind: 'audit', marks: ['denied', 'alert'] }])
})

test('a thing about two patients is permitted only if it is for both', async () => {
  const both = { patients: [PATIENT, 'Patient/p2'] }
  assert.equal(await denial({ resource: both }), 'relationship.nothing-permits')
  const relationships = [
    { kind: 'care-team', patient: PATIENT, with: 'team-1' },
    { kind: 'encounter', patient: 'Patient/p2', with: 'person-1' },
  ] as const
  assert.equal((await decided({ resource: both, context: { relationships } })).kind, 'permit')
})

test('a thing about somebody unknown is reached by nobody', async () => {
  for (const role of ROLES) {
    const principal = person(role)
    const decision = await decided({ principal, resource: { patients: [], personal: true } })
    assert.equal(decision.kind, 'deny', role)
  }
})

test('everybody reads who works here, and nobody a patient filed under that', async () => {
  const directory = { type: 'Practitioner', class: 'directory', patients: [] } as const
  const principal = person('administrator')
  const decision = await decided({ principal, resource: { ...directory, personal: false } })
  assert.equal(decision.kind, 'permit')
  const filed = await decided({ principal, resource: { ...directory, personal: true } })
  assert.equal(filed.kind, 'deny')
})

test('a locum has the ties of whoever is represented, until the delegation ends', async () => {
  const relationships = [{ kind: 'encounter', patient: PATIENT, with: 'person-2' }] as const
  const locum = (notBefore: number, expiresAt: number) =>
    person('attending', {
      careTeams: [],
      delegations: [{ from: 'person-2', notBefore: after(notBefore), expiresAt: after(expiresAt) }],
    })
  const principal = locum(-1, 1)
  assert.equal((await decided({ principal, context: { relationships } })).kind, 'permit')
  for (const late of [locum(-2, 0), locum(1, 2)]) {
    assert.equal(
      await denial({ principal: late, context: { relationships } }),
      'relationship.nothing-permits',
    )
  }
})

test('a delegation lends no reviewed grant and no family tie', async () => {
  const principal = person(['privacy-officer', 'proxy'], {
    careTeams: [],
    delegations: [{ from: 'person-2', notBefore: after(-1), expiresAt: after(1) }],
  })
  for (const [kind, purpose] of [
    ['reviewed-grant', 'HOPERAT'],
    ['proxy', 'FAMRQT'],
  ] as const) {
    const relationships = [{ kind, patient: PATIENT, with: 'person-2' }]
    assert.equal(
      await denial({ principal, context: { relationships, purpose } }),
      'relationship.nothing-permits',
    )
  }
})

test('a parent reads until the proxy ends', async () => {
  const parent = person('proxy', { kind: 'patient', employment: 'none', patient: 'Patient/p9' })
  const until = (ms: number) => ({
    purpose: 'FAMRQT' as const,
    relationships: [
      { kind: 'proxy', patient: PATIENT, with: 'person-1', expiresAt: after(ms) } as const,
    ],
  })
  assert.equal((await decided({ principal: parent, context: until(1) })).kind, 'permit')
  assert.equal(
    await denial({ principal: parent, context: until(0) }),
    'relationship.nothing-permits',
  )
})

test('a patient reads the own record and who looked at it, and no other', async () => {
  const patient = person('patient', { kind: 'patient', employment: 'none', patient: PATIENT })
  const asked = { principal: patient, context: { purpose: 'PATRQT', relationships: [] } } as const
  for (const name of ['clinical', 'audit', 'consent'] as const) {
    assert.equal((await decided({ ...asked, resource: { class: name } })).kind, 'permit', name)
  }
  const other = { patients: ['Patient/p2'] }
  assert.equal(await denial({ ...asked, resource: other }), 'relationship.nothing-permits')
  const own = await decided({ ...asked, resource: { sensitivity: ['HIV'] } })
  assert.equal(own.kind, 'permit')
  const notes = { sensitivity: ['PSYTHPN'] } as const
  assert.equal(await denial({ ...asked, resource: notes }), 'labels.psychotherapy-notes')
})

test('breaking the glass opens one chart for one hour, and psychotherapy notes never', async () => {
  const opened = openGlass([], {
    id: uuid('01234567-89ab-4def-8123-456789abcdef'),
    by: 'person-1',
    patient: PATIENT,
    reason: 'unconscious',
    text: 'Found without papers',
    secondFactorAt: NOW,
    at: NOW,
  })
  assert(opened.kind === 'done')
  const emergency = { purpose: 'BTG', relationships: [], grants: opened.state } as const
  const decision = await decided({ context: emergency, resource: { sensitivity: ['HIV'] } })
  assert.equal(decision.rule, 'role.break-glass.read')
  assert.deepEqual(decision.obligations, [
    { kind: 'banner', grant: opened.grant.id },
    { kind: 'audit', marks: ['break-glass', 'sensitive'] },
  ])
  const expected: readonly (readonly [string, Changes])[] = [
    ['labels.psychotherapy-notes', { resource: { sensitivity: ['PSYTHPN'] } }],
    ['role.nothing-permits', { principal: person('pharmacist') }],
    ['relationship.nothing-permits', { resource: { patients: ['Patient/p2'] } }],
    ['relationship.nothing-permits', { context: { ...emergency, purpose: 'TREAT' } }],
  ]
  for (const [rule, changes] of expected) {
    assert.equal(await denial({ context: emergency, ...changes }), rule)
  }
  const printed = { ...emergency, secondFactorAt: NOW }
  const paper = await decided({ action: 'print', context: printed })
  assert.equal(paper.kind, 'deny')
  assert(paper.steps.some(({ rules }) => rules.includes('break-glass.read-only')))
  const late = {
    ...emergency,
    at: after(minutes(60)),
    token: { ...token, expiresAt: after(minutes(90)) },
  }
  assert.equal((await decided({ context: late })).kind, 'deny')
})

test('a denial does not keep an emergency from being declared, unless it names emergencies', async () => {
  const consent = (...codes: readonly string[]) => {
    const purpose = codes.map((code) => ({ code }))
    const patient = { reference: PATIENT }
    const provision = { type: 'deny', ...(codes.length > 0 ? { purpose } : {}) }
    const found = readConsent(
      json({ resourceType: 'Consent', status: 'active', patient, provision }),
    )
    return found === undefined ? [] : [found]
  }
  const opening = (more: Partial<AccessContext>) =>
    decided({
      action: 'break-glass',
      resource: { type: 'Patient', class: 'demographics', confidentiality: 'V' },
      context: { purpose: 'BTG', relationships: [], secondFactorAt: NOW, ...more },
    })
  assert.equal((await opening({ consents: consent() })).kind, 'permit')
  assert.equal((await opening({ impliedPurposes: [] })).kind, 'permit')
  const refused = await opening({ consents: consent('BTG') })
  assert.deepEqual([refused.kind, refused.rule], ['deny', 'consent.refused'])
  const stale = await opening({ secondFactorAt: after(-minutes(6)) })
  assert.equal(stale.rule, 'obligations.step-up')
})

test('billing sees who somebody is masked, and unmasks with a second factor', async () => {
  const principal = person('billing')
  const asked = {
    principal,
    resource: { class: 'demographics' },
    context: { purpose: 'HPAYMT' },
  } as const
  const decision = await decided(asked)
  assert.deepEqual(decision.obligations.at(0), {
    kind: 'mask',
    elements: ['identifier', 'telecom', 'address', 'photo', 'birthDate', 'contact'],
  })
  assert.equal(await denial({ ...asked, action: 'unmask' }), 'obligations.step-up')
  const shown = { ...asked.context, secondFactorAt: after(-minutes(5)) }
  assert.equal((await decided({ ...asked, action: 'unmask', context: shown })).kind, 'permit')
  const both = await decided({ ...asked, principal: person(['billing', 'registration']) })
  assert.equal(
    both.obligations.some(({ kind }) => kind === 'mask'),
    false,
  )
})

test('a second factor counts for five minutes and not before it was shown', async () => {
  const at = (ms: number) => ({ action: 'print' as const, context: { secondFactorAt: after(ms) } })
  assert.equal((await decided(at(-minutes(5)))).kind, 'permit')
  assert.equal((await decided(at(0))).kind, 'permit')
  for (const ms of [-minutes(5) - 1, 1]) {
    assert.equal(await denial(at(ms)), 'obligations.step-up')
  }
})

test('an app has no more rights than whoever uses it, and no more than its scopes', async () => {
  const scoped = (text: string, launchPatient?: string) => {
    const scope = scopeOf(text)
    assert(scope !== undefined, text)
    const launch = launchPatient === undefined ? {} : { launchPatient }
    return { token: { ...token, scopes: [scope], ...launch } }
  }
  const kinds: readonly (readonly [string, string | undefined, string])[] = [
    ['user/Condition.r', undefined, 'permit'],
    ['user/*.rs', undefined, 'permit'],
    ['patient/Condition.r', PATIENT, 'permit'],
    ['patient/Condition.r', 'Patient/p2', 'deny'],
    ['patient/Condition.r', undefined, 'deny'],
    ['user/Condition.s', undefined, 'deny'],
    ['user/Observation.r', undefined, 'deny'],
    ['system/Condition.r', undefined, 'deny'],
  ]
  for (const [text, launch, kind] of kinds) {
    assert.equal((await decided({ context: scoped(text, launch) })).kind, kind, text)
  }
  const principal = person('billing')
  assert.equal((await decided({ principal, context: scoped('user/*.cruds') })).kind, 'deny')
})

test('a service reaches declared flows within its scopes, and nothing without scopes', async () => {
  const principal = person('service', { kind: 'service', employment: 'none' })
  const relationships = [{ kind: 'declared-flow', patient: PATIENT, with: 'person-1' }] as const
  assert.equal(await denial({ principal, context: { relationships } }), 'scope.missing')
  const scope = scopeOf('system/Condition.rs')
  assert(scope !== undefined)
  const scoped = { token: { ...token, scopes: [scope] } }
  assert.equal((await decided({ principal, context: { relationships, ...scoped } })).kind, 'permit')
  assert.equal(
    await denial({ principal, context: { relationships: [], ...scoped } }),
    'relationship.nothing-permits',
  )
})

test('a service de-identifies whom research was consented to, and nobody else', async () => {
  const scope = scopeOf('system/*.rs')
  assert(scope !== undefined)
  const consent = readConsent(
    json({
      resourceType: 'Consent',
      status: 'active',
      patient: { reference: PATIENT },
      provision: { type: 'permit', purpose: [{ code: 'HRESCH' }] },
    }),
  )
  assert(consent !== undefined)
  const asked = (consents: AccessContext['consents']): Changes => ({
    action: 'deidentify',
    principal: person('service', { kind: 'service', employment: 'none' }),
    context: {
      purpose: 'HRESCH',
      token: { ...token, scopes: [scope] },
      relationships: [{ kind: 'declared-flow', patient: PATIENT, with: 'person-1' }],
      consents,
    },
  })
  assert.equal((await decided(asked([consent]))).kind, 'permit')
  assert.equal(await denial(asked([])), 'consent.nothing-permits')
})

test('nobody reviews an own act', async () => {
  const principal = person('privacy-officer')
  const review = {
    principal,
    action: 'review' as const,
    resource: { type: 'case', class: 'case', patients: [], personal: false } as const,
  }
  const by = (actor: string) => ({ purpose: 'HOPERAT' as const, actor })
  assert.equal((await decided({ ...review, context: by('person-2') })).kind, 'permit')
  assert.equal(await denial({ ...review, context: by('person-1') }), 'separation.own-act')
})

test('records of substance use are marked as not to be passed on', async () => {
  const consents = [
    readConsent(
      json({
        resourceType: 'Consent',
        id: 'yes',
        status: 'active',
        patient: { reference: PATIENT },
        provision: { type: 'permit' },
      }),
    ),
  ].filter((one) => one !== undefined)
  const decision = await decided({ resource: { sensitivity: ['ETH'] }, context: { consents } })
  assert.equal(decision.kind, 'permit')
  assert.deepEqual(decision.obligations.at(0), { kind: 'refrain', code: 'NORDSCLCD' })
})
