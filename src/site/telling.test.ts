import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SecretBytes } from '#base'
import { eventOfParts } from '#audit'
import { issuesOf, type JsonObject } from '#health'
import { HERE, newDecidedServer } from './fhir-fixture.test.ts'
import { demoHolder, openPeople } from './people.ts'
import { TellingTrail } from './telling.ts'

async function newTold() {
  const site = await newDecidedServer()
  const { store, clock, random, log, vault } = site
  const key = SecretBytes.copyOf(new Uint8Array(32).fill(5))
  const audit = new TellingTrail(log, vault)
  const desk = openPeople({ site: HERE, ports: { store, clock, random }, audit, key })
  const events = async () => {
    const page = await vault.events({ limit: 50 }, { actor: 'tester', act: 'find' })
    return page.events.filter(({ actor }) => actor !== 'tester').toReversed()
  }
  return { ...site, desk, events }
}

const told = ({ kind, facts }: { kind: string; facts: { act: string; outcome: string } }) =>
  `${kind} ${facts.act} ${facts.outcome}`

test('sign-ins, failed ones, sign-outs, tokens and rights are valid events bound by the log', async () => {
  const { desk, events, clock, log } = await newTold()
  const { people, signIn, audit } = desk
  const { id } = await people.add({ kind: 'person', login: 'ada', name: 'Ada' }, 'operator')
  await people.setPassword(id, 'winter river window', 'operator')
  const none = { remove: [], clear: [], unclear: [] }
  await people.changeRoles(id, { add: ['nurse'], ...none }, 'operator')
  const at = (password: string) => ({ login: 'ada', password, source: 'here' })
  await assert.rejects(signIn.withPassword(at('wrong')))
  await signIn.withPassword(at('winter river window'))
  await demoHolder(desk, 'ada', { profile: 'demo', clock })
  await audit.record({ kind: 'people.signed-out', at: clock.now(), actor: id, facts: {} })
  await audit.record({ kind: 'app.token', at: clock.now(), actor: 'lab.app', facts: { scopes: 2 } })
  const found = await events()
  assert.deepEqual(found.map(told), [
    ...Array.from({ length: 3 }, () => 'people.told grade done'),
    'people.sign-in-denied enter refused',
    'people.signed-in enter done',
    'people.signed-in enter done',
    'people.signed-out leave done',
    'app.token enter done',
  ])
  for (const { general, particular } of found) {
    const event = eventOfParts(general.text, particular?.text) as JsonObject
    assert.deepEqual(issuesOf(event, 'AuditEvent'), [])
  }
  const denied = found[3].facts
  assert.deepEqual([denied.account.actor, denied.reason], [id, 'ACCESS_SIGN_IN_DENIED'])
  assert.deepEqual(found[5].facts.account.marks, ['demo'])
  assert.equal(found[7].facts.account.client, 'lab.app')
  const entries = await log.entries({ kind: 'people.roles' })
  assert.equal(entries.length, 1, 'the entry that binds the line of history stands as before')
  assert(!JSON.stringify(entries).includes('nurse'))
  const beside = await log.entries({ kind: 'people.told' })
  assert(beside.some(({ event }) => event.facts['of'] === 'people.roles'))
})

test('what is no matter of people goes into the log as it is', async () => {
  const { desk, log, clock } = await newTold()
  const event = { kind: 'people.counted', at: clock.now(), actor: 'operator', facts: { n: 1 } }
  const index = await desk.audit.record(event)
  assert.deepEqual((await log.entries({ after: index - 1 }, 1))[0].event, event)
})
