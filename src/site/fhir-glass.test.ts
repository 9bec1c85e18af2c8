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
