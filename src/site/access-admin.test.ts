import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal, SecretBytes } from '#base'
import { accessHandlers } from './access-admin.ts'
import { clientDesk } from './fhir-clients.ts'
import { HERE, newDecidedServer, policySources } from './fhir-fixture.test.ts'
import { openPeople } from './people.ts'

const never = new AbortController().signal

async function newExplained() {
  const site = await newDecidedServer()
  const { store, clock, random, log, deciding, vault, his } = site
  const key = SecretBytes.copyOf(new Uint8Array(32).fill(5))
  const people = openPeople({ site: HERE, ports: { store, clock, random }, audit: log, key })
  const reference = 'Practitioner/d1'
  const { id } = await people.people.add(
    { kind: 'person', login: 'ada', name: 'Ada', references: [reference] },
    'operator',
  )
  const none = { remove: [], clear: [], unclear: [] }
  await people.people.changeRoles(id, { add: ['resident'], ...none }, 'operator')
  const about = { subject: { reference: 'Patient/p1' } }
  for (const body of [
    { resourceType: 'Patient', id: 'p1' },
    { resourceType: 'Patient', id: 'p2' },
    { resourceType: 'Condition', id: 'c1', ...about },
  ]) {
    const answer = await his(`PUT /${body.resourceType}/${body.id}`, { body })
    assert.equal(answer.status, 201, answer.text)
  }
  const tie = async () => {
    const participant = [{ member: { reference } }]
    const body = { resourceType: 'CareTeam', id: 't1', status: 'active', ...about, participant }
    assert.equal((await his('PUT /CareTeam/t1', { body })).status, 201)
  }
  const deny = async () => {
    const provision = { type: 'deny' }
    const body = {
      ...{ resourceType: 'Consent', id: 'no', status: 'active', patient: about.subject },
      scope: { coding: [{ system: CONSENT_SCOPE, code: 'patient-privacy' }] },
      category: [{ coding: [{ system: 'http://loinc.org', code: '59284-0' }] }],
      policyRule: { coding: [{ system: ACT_CODE, code: 'OPTOUT' }] },
      provision,
    }
    const answer = await his('PUT /Consent/no', { body })
    assert.equal(answer.status, 201, answer.text)
  }
  const desk = clientDesk([{ name: 'bristol.his', may: 'read' }], { site: HERE, clock })
  const { schema } = policySources()
  const parts = { deciding, people, vault, schema, clientNamed: desk.named }
  const handlers = accessHandlers(() => parts, { by: 'operator', clock, site: HERE })
  const explain = (question: Parameters<typeof handlers.explainAccess>[1]) =>
    handlers.explainAccess({}, question, never)
  return { ...site, handlers, explain, tie, deny, people, person: id }
}

const CONSENT_SCOPE = 'http://terminology.hl7.org/CodeSystem/consentscope'
const ACT_CODE = 'http://terminology.hl7.org/CodeSystem/v3-ActCode'

test('an explanation names the step, the tie, the directive and the policy that decide', async () => {
  const { explain, tie, deny } = await newExplained()
  const question = { person: 'ada', patient: 'p1', resource: 'Condition/c1' }
  const untied = await explain(question)
  assert.deepEqual([untied.permitted, untied.at, untied.ties], [false, 'relationship', []])
  assert.match(untied.steps.find(({ passed }) => !passed)?.words ?? '', /this decides/)
  await tie()
  const tied = await explain(question)
  assert.deepEqual([tied.permitted, tied.at], [true, null])
  assert.deepEqual(
    tied.ties.map((one) => [one.kind, one.with]),
    [['care-team', 'Practitioner/d1']],
  )
  assert(tied.policies.some(({ id, text }) => id === tied.rule && text.includes('permit')))
  assert.equal(tied.thing.class, 'clinical')
  await deny()
  const denied = await explain(question)
  assert.deepEqual([denied.permitted, denied.at], [false, 'consent'])
  assert.deepEqual(denied.directives, ['Consent/no'])
  assert.equal(
    denied.steps.find(({ step }) => step === 'consent')?.rules.includes('Consent/no'),
    true,
  )
})

test('an explanation agrees with what the server answers, for people and for clients', async () => {
  const { explain, tie, as, people, person, his } = await newExplained()
  await tie()
  const ada = as(await people.people.principalOf(person))
  for (const [resource, purpose] of [
    ['Condition/c1', 'TREAT'],
    ['Condition/c1', 'HMARKT'],
    ['Patient/p1', 'TREAT'],
    ['Patient/p2', 'TREAT'],
    ['CareTeam/t1', 'HPAYMT'],
  ] as const) {
    const { permitted } = await explain({ person: 'ada', resource, purpose })
    const { status } = await ada(`GET /${resource}`, { caller: { purpose } })
    assert.equal(permitted, status === 200, `${resource} for ${purpose}: ${status}`)
  }
  const client = await explain({ client: 'bristol.his', resource: 'Condition/c1' })
  assert.equal(client.permitted, (await his('GET /Condition/c1')).status === 200)
  const write = await explain({ client: 'bristol.his', resource: 'Condition/c1', act: 'update' })
  assert.deepEqual([write.permitted, write.at, write.rule], [false, 'scope', 'scope.not-covered'])
})

test('asking for an explanation is an access, and a wrong question is refused', async () => {
  const { explain, vault } = await newExplained()
  await explain({ person: 'ada', patient: 'p1' })
  const patient = await vault.patientNamed('Patient/p1')
  const { events } = await vault.events(
    { patient, actor: 'operator', limit: 10 },
    { actor: 'tester', act: 'find' },
  )
  assert.deepEqual(
    events.map(({ facts, about }) => [facts.act, about?.data]),
    [['open', ['Patient/p1/_history/1']]],
  )
  for (const [question, code] of [
    [{ patient: 'p1' }, 'QUERY_INVALID'],
    [{ person: 'ada', client: 'x', patient: 'p1' }, 'QUERY_INVALID'],
    [{ person: 'ada' }, 'QUERY_INVALID'],
    [{ person: 'ada', resource: 'Nothing/1' }, 'QUERY_INVALID'],
    [{ person: 'ada', patient: 'p2', resource: 'Condition/c1' }, 'QUERY_INVALID'],
    [{ person: 'ada', patient: 'p9' }, 'RESOURCE_UNKNOWN'],
    [{ client: 'nobody', patient: 'p1' }, 'CLIENT_UNKNOWN'],
    [{ person: 'eve', patient: 'p1' }, 'ACCESS_PERSON_UNKNOWN'],
    [{ person: 'ada', patient: 'p1', purpose: 'FUN' }, 'ACCESS_PURPOSE_INVALID'],
  ] as const) {
    await assert.rejects(explain(question), (error) => {
      assert(error instanceof Refusal)
      assert.equal(error.code, code, JSON.stringify(question))
      return true
    })
  }
})

test('the grid is that of the policies which decide, and a diff says what others would permit', async () => {
  const { handlers, deciding } = await newExplained()
  const grid = await handlers.accessGrid({ role: 'auditor' }, null, never)
  assert.equal(grid.hash, (await deciding.engine).hash)
  assert(grid.cells.length > 0 && grid.cells.every(({ role }) => role === 'auditor'))
  const { policies } = policySources()
  const same = await handlers.accessGridDiff({}, { policies: [...policies] }, never)
  assert.deepEqual([same.lines, same.breaches, same.before], [[], [], same.after])
  const open = `@id("role.auditor.everything") @step("role")
    permit (principal in Role::"auditor", action in Action::"read", resource);`
  const wide = await handlers.accessGridDiff({}, { policies: [...policies, open] }, never)
  assert(
    wide.lines.some((line) => line.startsWith('+ auditor may view clinical')),
    wide.lines[0],
  )
  assert(wide.breaches.length > 0)
  await assert.rejects(handlers.accessGridDiff({}, { policies: ['permit;'] }, never))
})
