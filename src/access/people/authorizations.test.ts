import assert from 'node:assert/strict'
import { test } from 'node:test'
import { epochMs, MINUTE_MS } from '#base'
import { Authorizations, GRANT } from './authorizations.ts'
import { newPeople, staff } from './fixture.test.ts'

async function newMemory() {
  const site = await newPeople()
  const memory = new Authorizations({ ...site.rows, ...site })
  const ada = await staff(site, 'ada', { add: ['nurse'] })
  const endsAt = () => epochMs(site.clock.now() + MINUTE_MS)
  const keep = (sort: string, secret: string, more: object = {}) =>
    memory.keep(sort, secret, { payload: `"${secret}"`, endsAt: endsAt(), ...more })
  const rows = async () =>
    await site.rows.store.read({
      sql: 'SELECT * FROM access_row WHERE kind = ?',
      parameters: ['sign-on'],
    })
  return { ...site, memory, ada, keep, rows }
}

test('what is remembered is found by its secret until it ends, and by nothing else', async () => {
  const { memory, keep, time } = await newMemory()
  await keep('Session', 's1', { uid: 'u1' })
  assert.equal(await memory.find('Session', 's1'), '"s1"')
  assert.equal(await memory.findByUid('Session', 'u1'), '"s1"')
  assert.equal(await memory.find('Session', 'u1'), undefined)
  assert.equal(await memory.find('Interaction', 's1'), undefined)
  await time.advance(MINUTE_MS - 1)
  assert.equal(await memory.find('Session', 's1'), '"s1"')
  await time.advance(1)
  assert.equal(await memory.find('Session', 's1'), undefined)
})

test('what has ended is taken away with what comes', async () => {
  const { keep, time, rows } = await newMemory()
  for (let at = 0; at < 6; at++) await keep('Interaction', `i${at}`)
  assert.equal((await rows()).length, 6)
  await time.advance(MINUTE_MS)
  await keep('Interaction', 'later')
  await keep('Interaction', 'last')
  assert.equal((await rows()).length, 2)
})

test('what is given under a grant ends with it, and a grant with the person’s sessions', async () => {
  const { memory, keep, people, ada } = await newMemory()
  const of = { person: ada.id, client: 'portal' }
  await keep(GRANT, 'g1', of)
  await keep('RefreshToken', 'r1', { ...of, grant: 'g1' })
  assert.equal(await memory.stands('g1', of), true)
  assert.equal(await memory.stands('g1', { ...of, client: 'other' }), false)
  await people.setPassword(ada.id, 'another horse battery', 'operator')
  assert.equal(await memory.find('RefreshToken', 'r1'), undefined)
  assert.equal(await memory.stands('g1', of), false)
  await keep(GRANT, 'g2', of)
  await keep('RefreshToken', 'r2', { ...of, grant: 'g2' })
  assert.equal(await memory.find('RefreshToken', 'r2'), '"r2"')
  await memory.forget(GRANT, 'g2')
  assert.equal(await memory.find('RefreshToken', 'r2'), undefined)
})

test('to write something again does not bring back what a change of rights ended', async () => {
  const { memory, keep, people, ada } = await newMemory()
  await keep('Session', 's1', { person: ada.id })
  await people.setPassword(ada.id, 'another horse battery', 'operator')
  await keep('Session', 's1', { person: ada.id })
  assert.equal(await memory.find('Session', 's1'), undefined)
})

test('of two who use one secret at one time, one is refused', async () => {
  const { memory, keep } = await newMemory()
  await keep('RefreshToken', 'r1')
  const both = [memory.change('RefreshToken', 'r1', 'a'), memory.change('RefreshToken', 'r1', 'b')]
  assert.deepEqual((await Promise.all(both)).toSorted(), [false, true])
  assert.deepEqual(
    (
      await Promise.all([memory.forget('RefreshToken', 'r1'), memory.forget('RefreshToken', 'r1')])
    ).toSorted(),
    [false, true],
  )
})

test('a form of one sign-in is not one of another', async () => {
  const { memory } = await newMemory()
  assert.equal(memory.formToken('u1'), memory.formToken('u1'))
  assert.notEqual(memory.formToken('u1'), memory.formToken('u2'))
})
