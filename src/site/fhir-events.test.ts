import assert from 'node:assert/strict'
import { test } from 'node:test'
import { issuesOf, type JsonObject } from '#health'
import { namesIn, newDecidedServer, selfOf, staff, type Answered } from './fhir-fixture.test.ts'

const about = { subject: { reference: 'Patient/p1' } }

/** A site at which two patients' records were written and one was read. */
async function newWatched() {
  const site = await newDecidedServer()
  const { his } = site
  for (const body of [
    { resourceType: 'Patient', id: 'p1' },
    { resourceType: 'Patient', id: 'p2' },
    { resourceType: 'Condition', id: 'c1', ...about },
  ]) {
    const answer = await his(`PUT /${body.resourceType}/${body.id}`, { body })
    assert.equal(answer.status, 201, answer.text)
  }
  assert.equal((await his('GET /Condition/c1')).status, 200)
  const officer = site.as(staff('privacy-officer'))
  const watching = { caller: { purpose: 'HOPERAT' } } as const
  return { ...site, watch: (line: string) => officer(line, watching) }
}

const eventsIn = ({ body }: Answered): readonly JsonObject[] =>
  ((body['entry'] ?? []) as JsonObject[]).map(({ resource }) => resource as JsonObject)
const idIn = ({ id }: JsonObject): string => {
  assert(typeof id === 'string')
  return id
}
const actionsIn = (answer: Answered) => eventsIn(answer).map(({ action }) => action)
const nextOf = ({ body }: Answered): string | undefined => {
  const link = (body['link'] as { relation: string; url: string }[]).find(
    ({ relation }) => relation === 'next',
  )
  return link?.url.slice(link.url.indexOf('/AuditEvent'))
}

test('officers and auditors find events of a patient, of a time, of an act and of an agent', async () => {
  const { watch, as, clock } = await newWatched()
  const found = await watch('GET /AuditEvent?patient=Patient/p1')
  assert.equal(found.status, 200, found.text)
  // The newest is the search itself.
  assert.deepEqual(actionsIn(found), ['E', 'R', 'U', 'U'])
  for (const event of eventsIn(found)) assert.deepEqual(issuesOf(event, 'AuditEvent'), [])
  assert.equal(found.body['total'], undefined)
  assert.deepEqual(actionsIn(await watch('GET /AuditEvent?patient=p1&action=R')), ['R'])
  const read = await watch('GET /AuditEvent?action=R&entity=Condition/c1/_history/1')
  assert.deepEqual(actionsIn(read), ['R'])
  assert.deepEqual(actionsIn(await watch('GET /AuditEvent?type=rest&action=D')), [])
  assert.deepEqual(actionsIn(await watch('GET /AuditEvent?patient=p9')), [])
  const year = new Date(clock.now()).getUTCFullYear()
  assert.equal(eventsIn(await watch(`GET /AuditEvent?patient=p2&date=ge${year}`)).length, 2)
  assert.equal(eventsIn(await watch(`GET /AuditEvent?patient=p2&date=lt${year}`)).length, 0)
  const auditor = as(staff('auditor'))
  const own = await auditor('GET /AuditEvent?agent=Practitioner/privacy-officer&patient=p1', {
    caller: { purpose: 'HOPERAT' },
  })
  assert(eventsIn(own).length >= 2 && actionsIn(own).every((action) => action === 'E'))
})

test('pages end, hold each event once, and go on from their links', async () => {
  const { watch, his } = await newWatched()
  for (let count = 0; count < 7; count++) await his('GET /Condition/c1')
  const all = namesIn(await watch('GET /AuditEvent?patient=p1&action=R&_count=50'))
  assert.equal(all.length, 8)
  const seen: string[] = []
  let line: string | undefined = '/AuditEvent?patient=p1&action=R&_count=3'
  for (let pages = 0; line !== undefined; pages++) {
    assert(pages < 10)
    const page = await watch(`GET ${line}`)
    seen.push(...namesIn(page))
    line = nextOf(page)
  }
  assert.deepEqual(seen.toSorted(), all)
})

test('one event is read by its id, as its entry binds it', async () => {
  const { watch, log } = await newWatched()
  const [event] = eventsIn(await watch('GET /AuditEvent?patient=p1&action=R'))
  const answer = await watch(`GET /AuditEvent/${idIn(event)}`)
  assert.equal(answer.status, 200, answer.text)
  assert.deepEqual(answer.body, event)
  const index = Number(idIn(event).slice('log-'.length))
  const entry = (await log.entries({ after: index - 1 }, 1)).at(0)
  assert.equal(entry?.event.kind, 'vault.opened')
  assert.equal((await watch('GET /AuditEvent/log-999999')).status, 404)
  assert.equal((await watch('GET /AuditEvent/log-0/_history/1')).status, 404)
})

test('a patient finds who looked at the own record, and nothing about others', async () => {
  const { as, watch } = await newWatched()
  const self = as(selfOf('p1'))
  const own = await self('GET /AuditEvent?patient=Patient/p1')
  assert.deepEqual(actionsIn(own), ['E', 'R', 'U', 'U'])
  assert.deepEqual(eventsIn(await self('GET /AuditEvent?patient=Patient/p2')), [])
  const everything = eventsIn(await self('GET /AuditEvent'))
  for (const event of everything) assert(JSON.stringify(event).includes('Patient/p1'))
  const [other] = eventsIn(await watch('GET /AuditEvent?patient=p2&action=U'))
  assert.equal((await self(`GET /AuditEvent/${idIn(other)}`)).status, 404)
})

test('whoever may see no events finds none, and nobody writes them or is shown masked ones', async () => {
  const { as, watch, his } = await newWatched()
  const [event] = eventsIn(await watch('GET /AuditEvent?patient=p1&action=R'))
  const name = `AuditEvent/${idIn(event)}`
  for (const role of ['nurse', 'resident', 'billing', 'administrator'] as const) {
    const somebody = as(staff(role))
    assert.equal((await somebody(`GET /${name}`)).status >= 403, true, role)
    assert.deepEqual(eventsIn(await somebody('GET /AuditEvent?patient=p1')), [], role)
  }
  assert.equal((await his(`PUT /${name}`, { body: event })).status, 405)
  const put = { resource: event, request: { method: 'PUT', url: name } }
  const body = { resourceType: 'Bundle', type: 'transaction', entry: [put] }
  assert.equal((await his('POST /', { body })).status, 405)
  assert.equal((await his(`DELETE /${name}`)).status, 403)
  const again = await watch(`GET /${name}`)
  assert.deepEqual(again.body, event)
  const analyst = as(staff('security-analyst'))
  const seen = await analyst('GET /AuditEvent?action=R', { caller: { purpose: 'HOPERAT' } })
  assert.equal(seen.status, 200, seen.text)
  assert(!seen.text.includes('Patient/p1') && !seen.text.includes('Condition/c1'), seen.text)
  const asked = await analyst('GET /AuditEvent?patient=p1', { caller: { purpose: 'HOPERAT' } })
  assert.equal(asked.status, 403, asked.text)
})

test('looking is an access of its own, refused looks too', async () => {
  const { watch, as, vault } = await newWatched()
  const [event] = eventsIn(await watch('GET /AuditEvent?patient=p2'))
  await as(staff('nurse'))(`GET /AuditEvent/${idIn(event)}`)
  const { events } = await vault.events({ limit: 4 }, { actor: 'tester', act: 'find' })
  const told = events.map(({ kind, actor, facts }) => `${kind} ${actor} ${facts.outcome}`)
  assert(
    told.includes('vault.refused u-nurse refused') || told.includes('vault.refused u-nurse failed'),
  )
  const looked = events.find(({ actor }) => actor === 'u-privacy-officer')
  assert.equal(looked?.about?.query, 'AuditEvent?patient=p2')
})

test('what the log cannot be searched by is refused', async () => {
  const { watch } = await newWatched()
  for (const asked of [
    'patient.name=x',
    '_include=AuditEvent:patient',
    '_sort=action',
    '_sort=date',
    '_summary=count',
    '_count=0',
    'nothing=1',
    '_page=x',
  ]) {
    assert.equal((await watch(`GET /AuditEvent?${asked}`)).status, 400, asked)
  }
  assert.equal((await watch('GET /AuditEvent?_sort=-date')).status, 200)
})
