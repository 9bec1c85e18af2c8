/** Who may send a whole record to another site, and what is told of it. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { epochMs, uuid } from '#base'
import type { Sending, SentRecord, Session } from '#fhir'
import { newDecidedServer, selfOf, staff } from './fhir-fixture.test.ts'

const SENT: SentRecord = {
  transfer: uuid('018f0000-0000-7000-8000-000000000001'),
  ...{ to: 'cambridge', mode: 'require-quantum', state: 'delivered', reason: '' },
  ...{ items: 3, itemsDone: 3, begunAt: epochMs(1000), finishedAt: epochMs(2000) },
  ...{ used: 'hybrid-quantum', keySource: 'simulated', entry: 17 },
  keys: ['018f0000-0000-4000-8000-000000000002'],
}

const wish = (to: string, mode?: string) => ({
  ...{ resourceType: 'Parameters' },
  parameter: [
    { name: 'to', valueString: to },
    ...(mode === undefined ? [] : [{ name: 'mode', valueCode: mode }]),
  ],
})

async function newWard() {
  const server = await newDecidedServer()
  const wishes: unknown[] = []
  const sending: Sending = {
    sites: ['cambridge'],
    send: (patient, asked) => {
      wishes.push([patient, asked.to, asked.mode, asked.actor])
      return Promise.resolve(SENT)
    },
    of: () => Promise.resolve([SENT]),
  }
  const team = {
    ...{ resourceType: 'CareTeam', id: 't1', status: 'active' },
    subject: { reference: 'Patient/p1' },
    participant: [{ member: { reference: 'Practitioner/attending' } }],
  }
  for (const body of [{ resourceType: 'Patient', id: 'p1' }, team]) {
    const { status, text } = await server.his(`PUT /${body.resourceType}/${body.id}`, { body })
    assert.equal(status, 201, text)
  }
  const through = (session: Session): Session => ({ ...session, sending })
  const caller = { secondFactorAt: server.clock.now() }
  const send = 'POST /Patient/p1/$send'
  return { ...server, wishes, through, caller, send }
}

test('a physician of the patient sends the whole record, with a second factor', async () => {
  const { as, wishes, through, caller, send } = await newWard()
  const attending = as(staff('attending'))
  const stale = await attending(send, { body: wish('cambridge'), through })
  assert.equal(stale.status, 403)
  assert.match(stale.text, /obligations.step-up/)
  const sent = await attending(send, {
    body: wish('cambridge', 'require-quantum'),
    through,
    caller,
  })
  assert.equal(sent.status, 202, sent.text)
  assert.deepEqual(wishes, [['Patient/p1', 'cambridge', 'require-quantum', 'u-attending']])
  for (const said of ['"delivered"', SENT.keys[0], '"valueInteger":17']) {
    assert(sent.text.includes(said), said)
  }
})

test('nobody else does, nor anywhere, and nothing is sent where it cannot be', async () => {
  const { as, his, wishes, through, caller, send } = await newWard()
  const statusOf = async (who: ReturnType<typeof as>, body = wish('cambridge')) =>
    (await who(send, { body, through, caller })).status
  const attending = as(staff('attending'))
  assert.equal(await statusOf(attending, wish('mars')), 400)
  assert.equal(await statusOf(attending, wish('cambridge', 'in-clear')), 400)
  const stranger = as(staff('attending', { references: ['Practitioner/other'] }))
  assert.equal(await statusOf(stranger), 404, 'without a tie there is no such patient')
  for (const role of ['resident', 'nurse', 'billing', 'administrator'] as const) {
    assert.equal(await statusOf(as(staff(role))), 403, role)
  }
  assert.equal(await statusOf(as(selfOf('p1'))), 403)
  assert.equal((await attending(send, { body: wish('cambridge'), caller })).status, 403)
  assert.equal((await his(send, { body: wish('cambridge'), through })).status, 403)
  assert.deepEqual(wishes, [])
})

test('a record goes as a whole or not at all', async () => {
  const { as, his, wishes, through, caller, send } = await newWard()
  const note = {
    ...{ resourceType: 'Condition', id: 'c1', subject: { reference: 'Patient/p1' } },
    meta: { security: [{ system: ACT_CODE, code: 'PSY' }] },
  }
  assert.equal((await his('PUT /Condition/c1', { body: note })).status, 201)
  const { status, text } = await as(staff('attending'))(send, {
    ...{ body: wish('cambridge'), through, caller },
  })
  assert.equal(status, 403)
  assert.match(text, /may not be sent as a whole/)
  assert(!text.includes('PSY') && !text.includes('Condition'))
  assert.deepEqual(wishes, [])
})

test('where a record went is told to whoever may see the patient as a whole', async () => {
  const { as, through } = await newWard()
  const asked = 'GET /Patient/p1/$transfers'
  for (const who of [as(staff('attending')), as(selfOf('p1'))]) {
    const { status, text } = await who(asked, { through })
    assert.equal(status, 200, text)
    assert(text.includes('"cambridge"') && text.includes('"hybrid-quantum"'))
  }
  assert.equal((await as(selfOf('p2'))(asked, { through })).status, 404)
  const billing = await as(staff('billing'))(asked, { through, caller: { purpose: 'HPAYMT' } })
  assert.equal(billing.status, 403)
})

const ACT_CODE = 'http://terminology.hl7.org/CodeSystem/v3-ActCode'
