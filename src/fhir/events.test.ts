import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accountOf, eventOfParts } from '#audit'
import { isObject, issuesOf, type JsonObject } from '#health'
import type { TrailEvent } from '#vault'
import { newServer, patient, textIn } from './fixture.test.ts'

const reader = { actor: 'tester', act: 'open', told: { account: accountOf('tester') } } as const
type Server = Awaited<ReturnType<typeof newServer>>

/** Everything that the log binds, oldest first, without what tests asked for. */
async function eventsOf({ vault }: Server): Promise<readonly TrailEvent[]> {
  const { events } = await vault.events({ limit: 100 }, reader)
  return events.filter(({ actor }) => actor !== 'tester').toReversed()
}

const resourceOf = ({ general, particular }: TrailEvent): JsonObject =>
  eventOfParts(general.text, particular?.text) as JsonObject

const member = (value: JsonObject, name: string): readonly JsonObject[] => {
  const found = value[name] ?? []
  assert(Array.isArray(found))
  return found.filter(isObject)
}
const codeOf = (value: JsonObject | undefined): string => textIn(value, 'code')
const agentCode = (agent: JsonObject): string => {
  const type = agent['type']
  assert(isObject(type))
  return codeOf(member(type, 'coding').at(0))
}
const entityCodes = (event: JsonObject): readonly string[] =>
  member(event, 'entity').map(({ type, role }) => {
    assert(isObject(type))
    return `${codeOf(type)}${isObject(role) ? `/${codeOf(role)}` : ''}`
  })

/** What BALP 1.1 asks of each of its profiles: subtype, action, agents, entities. */
const BALP: Readonly<Record<string, readonly [string, string, string, readonly string[]]>> = {
  Read: ['read', 'R', '110152 110153', ['2/4']],
  Query: ['search', 'E', '110153 110152', ['2/24']],
  Create: ['create', 'C', '110153 110152', ['2/4']],
  Update: ['update patch', 'U', '110153 110152', ['2/4']],
  Delete: ['delete', 'D', '110150 custodian', ['2/4']],
}

function checkBalp(event: JsonObject): string {
  const meta = event['meta']
  assert(isObject(meta))
  const [profile] = meta['profile'] as readonly string[]
  const name = /BALP\/StructureDefinition\/IHE\.BasicAudit\.(Patient)?(\w+)$/.exec(profile)
  assert(name !== null, profile)
  const ofPatient = name.at(1)
  const kind = name[2]
  const [subtypes, action, agents, entities] = BALP[kind]
  assert(subtypes.split(' ').includes(codeOf(member(event, 'subtype').at(0))), profile)
  assert.equal(event['action'], action)
  assert.equal(event['outcome'], '0')
  const taking = member(event, 'agent')
  assert.equal(taking.slice(0, 2).map(agentCode).join(' '), agents)
  for (const agent of taking.slice(0, 2))
    assert(isObject(agent['who']) && isObject(agent['network']))
  const wanted = [...(ofPatient === undefined ? [] : ['1/1']), ...entities]
  const codes = entityCodes(event)
  for (const one of wanted) assert.equal(codes.filter((code) => code === one).length, 1, profile)
  assert.equal(codes.filter((code) => code === '1/1').length, ofPatient === undefined ? 0 : 1)
  return `${ofPatient ?? ''}${kind}`
}

test('every interaction leaves an event that is valid R4 and follows its BALP profile', async () => {
  const server = await newServer()
  const { ask } = server
  await ask('PUT /Patient/p1', { body: patient('p1') })
  const observation = { resourceType: 'Observation', status: 'final', code: { text: 'x' } }
  const about = { ...observation, id: 'o1', subject: { reference: 'Patient/p1' } }
  await ask('PUT /Observation/o1', { body: about })
  await ask('POST /Organization', { body: { resourceType: 'Organization', name: 'Ward' } })
  await ask('GET /Observation/o1')
  await ask('GET /Observation?subject=Patient/p1&code:text=x')
  await ask('PUT /Observation/o1', { body: { ...about, status: 'amended' } })
  await ask('PATCH /Observation/o1', {
    body: JSON.stringify([{ op: 'replace', path: '/status', value: 'corrected' }]),
    headers: { 'content-type': 'application/json-patch+json' },
  })
  await ask('DELETE /Observation/o1')
  await ask('GET /Patient?name=nobody')
  const events = await eventsOf(server)
  const kinds = events.map((event) => {
    const resource = resourceOf(event)
    assert.deepEqual(issuesOf(resource, 'AuditEvent'), [])
    return checkBalp(resource)
  })
  assert.deepEqual(kinds, [
    'PatientUpdate',
    'PatientUpdate',
    'Create',
    'PatientRead',
    'PatientQuery',
    'PatientUpdate',
    'PatientUpdate',
    'PatientDelete',
    'Query',
  ])
  const query = member(resourceOf(events[4]), 'entity').find((entity) => 'query' in entity)
  const raw = Buffer.from(textIn(query, 'query'), 'base64').toString()
  assert.equal(raw, 'Observation?subject=Patient%2Fp1&code%3Atext=x')
})

test('what was refused is told, with its reason, and of a patient where there is one', async () => {
  const server = await newServer(({ action, type }) =>
    action === 'delete' || (action === 'read' && type === 'Observation')
      ? { permit: false, reason: 'Not for you' }
      : { permit: true },
  )
  const { ask, vault } = server
  await ask('PUT /Patient/p1', { body: patient('p1') })
  assert.equal((await ask('DELETE /Patient/p1')).status, 403)
  assert.equal((await ask('GET /Patient/absent')).status, 404)
  assert.equal(
    (await ask('POST /Patient', { body: { resourceType: 'Patient', x: 1 } })).status,
    422,
  )
  const events = (await eventsOf(server)).slice(1)
  const told = events.map(({ kind, facts }) => [kind, facts.act, facts.outcome, facts.reason])
  assert.deepEqual(told, [
    ['vault.refused', 'end', 'refused', 'FHIR_FORBIDDEN'],
    ['vault.refused', 'open', 'failed', 'FHIR_NOT_FOUND'],
    ['vault.refused', 'new', 'failed', 'HEALTH_RESOURCE_INVALID'],
  ])
  for (const event of events) assert.deepEqual(issuesOf(resourceOf(event), 'AuditEvent'), [])
  assert.deepEqual(entityCodes(resourceOf(events[0])).slice(0, 2), ['1/1', '2/4'])
  const id = await vault.patientNamed('Patient/p1')
  assert(id !== undefined)
  const { events: own } = await vault.events({ patient: id, limit: 10 }, reader)
  assert.deepEqual(own.map(({ facts }) => facts.act).slice(1), ['end', 'next'])
})

test('an entry of a batch that fails is told as itself, and a transaction as one', async () => {
  const server = await newServer()
  const entry = [
    { request: { method: 'GET', url: 'Patient/absent' } },
    { resource: patient(), request: { method: 'POST', url: 'Patient' } },
  ]
  const bundle = { resourceType: 'Bundle', type: 'batch', entry }
  await server.ask('POST /', { body: bundle })
  await server.ask('POST /', { body: { ...bundle, type: 'transaction', entry: entry.slice(1) } })
  const failing = { request: { method: 'DELETE', url: 'Patient?name=Winter' } }
  const answer = await server.ask('POST /', {
    body: { ...bundle, type: 'transaction', entry: [failing] },
  })
  assert.equal(answer.status, 412)
  const acts = (await eventsOf(server)).map(({ kind, facts }) => `${kind} ${facts.act}`)
  assert.deepEqual(acts.toSorted(), [
    'vault.filed many',
    'vault.filed new',
    'vault.refused many',
    'vault.refused open',
    'vault.sought match',
    'vault.sought match',
  ])
})

test('callers who are not known are told one by one, then counted', async () => {
  const server = await newServer()
  const request = {
    ...{ method: 'GET', path: '/fhir/Patient/p1', query: new URLSearchParams() },
    ...{ contentType: undefined, body: new Uint8Array(0), client: undefined },
    ...{ header: () => undefined, address: '192.0.2.7' },
  }
  for (let count = 0; count < 40; count++) await server.fhir.handle(request)
  await server.time.advance(60_000)
  await server.fhir.handle(request)
  const events = await eventsOf(server)
  assert.equal(events.length, 31)
  assert.equal(events.at(0)?.facts.account.address, '192.0.2.7')
  assert.equal(events.at(-1)?.about?.more, 10)
})
