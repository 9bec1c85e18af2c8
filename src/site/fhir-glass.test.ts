import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HOUR_MS } from '#base'
import { newDecidedServer, staff } from './fhir-fixture.test.ts'

const wish = (text: string, reason = 'life-threatening') => ({
  ...{ resourceType: 'Parameters' },
  parameter: [
    { name: 'reason', valueCode: reason },
    { name: 'text', valueString: text },
  ],
})
const WHY = 'found unconscious in the corridor'

async function newEmergency() {
  const site = await newDecidedServer()
  for (const body of [
    { resourceType: 'Patient', id: 'p1' },
    { resourceType: 'Condition', id: 'c1', subject: { reference: 'Patient/p1' } },
  ]) {
    const answer = await site.his(`PUT /${body.resourceType}/${body.id}`, { body })
    assert.equal(answer.status, 201, answer.text)
  }
  return site
}

test('broken glass opens one record for an hour, to read, and says so on what it shows', async () => {
  const { as, clock, time } = await newEmergency()
  const resident = as(staff('resident'))
  const emergency = { purpose: 'BTG', secondFactorAt: clock.now() } as const
  assert.equal((await resident('GET /Condition/c1', { caller: emergency })).status, 404)
  const broken = await resident('POST /Patient/p1/$break-glass', {
    ...{ body: wish(WHY), caller: { secondFactorAt: clock.now() } },
  })
  assert.equal(broken.status, 201, broken.text)
  const seen = await resident('GET /Condition/c1', { caller: emergency })
  assert.equal(seen.status, 200)
  assert(seen.text.includes('"BTG"'))
  assert.equal((await resident('GET /Condition/c1')).status, 404)
  const body = { resourceType: 'Condition', id: 'c1', subject: { reference: 'Patient/p1' } }
  assert.equal((await resident('PUT /Condition/c1', { body, caller: emergency })).status, 403)
  const other = as(staff('attending'))
  assert.equal((await other('GET /Condition/c1', { caller: emergency })).status, 404)
  await time.advance(HOUR_MS)
  assert.equal((await resident('GET /Condition/c1', { caller: { purpose: 'BTG' } })).status, 404)
})

test('the glass holds without a fresh second factor, a reason, a role, or a patient', async () => {
  const { as, clock } = await newEmergency()
  const now = { secondFactorAt: clock.now() }
  const resident = as(staff('resident'))
  const nurse = as(staff('nurse'))
  const at = 'POST /Patient/p1/$break-glass'
  const statuses = [
    await resident(at, { body: wish(WHY) }),
    await resident(at, { body: wish('why'), caller: now }),
    await resident(at, { body: wish(WHY, 'curious'), caller: now }),
    await nurse(at, { body: wish(WHY), caller: now }),
    await resident('POST /Patient/p2/$break-glass', { body: wish(WHY), caller: now }),
  ].map(({ status }) => status)
  assert.deepEqual(statuses, [404, 403, 403, 403, 404])
})

test('a grant is durable, and is in the log without a name', async () => {
  const { as, clock, glassAgain, log } = await newEmergency()
  const caller = { secondFactorAt: clock.now() }
  await as(staff('resident'))('POST /Patient/p1/$break-glass', { body: wish(WHY), caller })
  const again = await glassAgain()
  assert.deepEqual(
    again.state.map(({ by, patient, text }) => [by, patient, text]),
    [['u-resident', 'Patient/p1', WHY]],
  )
  const event = (await log.entries()).find(({ event: { kind } }) => kind === 'break-glass.opened')
  assert(event !== undefined && !JSON.stringify(event.event.facts).includes('p1'))
})

test('in an emergency a patient is named by an identifier, to the letter; own grants are listed', async () => {
  const { as, his, clock } = await newEmergency()
  const NHS = 'https://fhir.nhs.uk/Id/nhs-number'
  for (const id of ['p5', 'p6', 'p7']) {
    const value = id === 'p5' ? '9990000018' : '9990000026'
    const body = { resourceType: 'Patient', id, identifier: [{ system: NHS, value }] }
    assert.equal((await his(`PUT /Patient/${id}`, { body })).status, 201)
  }
  const caller = { secondFactorAt: clock.now() }
  const named = (identifier: string, as = wish(WHY)) => ({
    ...as,
    parameter: [...as.parameter, { name: 'identifier', valueString: identifier }],
  })
  const resident = as(staff('resident'))
  const at = 'POST /Patient/$break-glass'
  const statusOf = async (identifier: string, who = resident) =>
    (await who(at, { body: named(identifier), caller })).status
  assert.equal(await statusOf(`${NHS}|9990000026`), 412, 'two have that number')
  assert.equal(await statusOf(`${NHS}|9990000034`), 404, 'nobody has it')
  assert.equal(await statusOf('9990000018'), 400, 'no system')
  assert.equal(await statusOf(`${NHS}|9990000018,9990000034`), 400, 'one, not a list')
  assert.equal(await statusOf(`${NHS}|9990000018`, as(staff('nurse'))), 403)
  assert.equal((await resident(at, { body: wish(WHY), caller })).status, 400, 'nobody is named')

  assert.deepEqual((await resident('GET /Patient/$break-glass')).body, {
    resourceType: 'Parameters',
  })
  const opened = await resident(at, { body: named(`${NHS}|9990000018`), caller })
  assert.equal(opened.status, 201, opened.text)
  assert(opened.text.includes('"Patient/p5"'))
  const listed = await resident('GET /Patient/$break-glass')
  assert(listed.text.includes('"Patient/p5"') && listed.text.includes('valueInstant'))
  assert(!(await as(staff('attending'))('GET /Patient/$break-glass')).text.includes('p5'))
  assert.equal((await as(staff('nurse'))('GET /Patient/$break-glass')).status, 403)
  const emergency = { caller: { purpose: 'BTG' } } as const
  assert.equal((await resident('GET /Patient/p5', emergency)).status, 200)
  const end = 'POST /Patient/p5/$end-break-glass'
  const none = { resourceType: 'Parameters' }
  assert.equal((await as(staff('attending'))(end, { body: none })).status, 404, 'not the own one')
  assert.equal((await resident(end, { body: none })).status, 200)
  assert.equal((await resident('GET /Patient/p5', emergency)).status, 404)
  assert.equal((await resident(end, { body: none })).status, 404, 'it is over')
})

test('the glass is broken by an entry of a batch as well', async () => {
  const { as, clock } = await newEmergency()
  const entry = { request: { method: 'POST', url: 'Patient/p1/$break-glass' }, resource: wish(WHY) }
  const body = { resourceType: 'Bundle', type: 'batch', entry: [entry] }
  const caller = { secondFactorAt: clock.now() }
  const { status, text } = await as(staff('resident'))('POST /', { body, caller })
  assert.equal(status, 200)
  assert(text.includes('"status":"201 Created"'), text)
})
