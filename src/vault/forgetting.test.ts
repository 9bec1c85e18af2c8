import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY_MS, epochMs, HOUR_MS, type Uuid } from '#base'
import { accountOf } from '#audit'
import { by, importCohort, newSite } from './fixture.test.ts'

const deed = { actor: 'auditor', act: 'find', told: { account: accountOf('auditor') } } as const

/** A site with two patients whose records were read on three days, and on the last one again. */
async function newRead() {
  const site = await newSite()
  const { vault, time } = site
  const clock = time.view()
  const ids = await importCohort(vault, 2)
  const begin = clock.now()
  const readBoth = async () => {
    for (const id of ids) await Array.fromAsync(vault.readPatient(id, by))
  }
  for (let day = 0; day < 3; day++) {
    await readBoth()
    await time.advance(DAY_MS)
  }
  const of = async (patient: Uuid) => {
    const { events } = await vault.events({ patient, limit: 100 }, deed)
    return events.filter(({ actor }) => actor === by.actor)
  }
  return { ...site, ids, clock, begin, of }
}

test('events are forgotten once their term is over, and their entries stay', async () => {
  const { vault, ids, log, begin, of } = await newRead()
  const size = await log.size()
  const all = (await of(ids[0])).length
  const some = await vault.forgetEvents(epochMs(begin + DAY_MS))
  assert(some.events > 0 && some.held === 0)
  const left = await of(ids[0])
  assert(left.length > 0 && left.length < all)
  assert(left.every(({ at }) => at >= begin + DAY_MS))
  assert((await log.size()) >= size)
  const [first] = await log.entries({ kind: 'vault.opened' })
  assert.equal(first.event.commitment?.length, 32, 'the entry binds what nobody can tell any more')
  assert.deepEqual(await log.kept({ at: first.index }), [])
  const told = await log.entries({ kind: 'log.events-emptied' })
  const count = told.map(({ event }) => Number(event.facts['entries']))
  assert.equal(
    count.reduce((a, b) => a + b, 0),
    some.events,
  )
  assert.equal((await vault.forgetEvents(epochMs(begin + DAY_MS))).events, 0, 'once')
})

test('while a hold stands on a patient, events about that patient stay, and no others', async () => {
  const { vault, ids, clock, of } = await newRead()
  const [held, other] = ids
  const before = (await of(held)).map(({ index }) => index)
  await vault.hold(held, { cause: 'court', actor: 'operator' })
  const now = clock.now()
  const { held: count } = await vault.forgetEvents(now)
  assert.equal(count, 1)
  assert.deepEqual(
    (await of(held)).map(({ index }) => index),
    before,
  )
  assert.deepEqual(await of(other), [])
  await vault.release(held, { actor: 'operator' })
  assert((await vault.forgetEvents(now)).events >= before.length)
  assert.deepEqual(await of(held), [])
})

test('a day that is over in part is forgotten in part', async () => {
  const { vault, ids, begin, of, time } = await newRead()
  const edge = epochMs(begin + 2 * DAY_MS)
  await vault.forgetEvents(edge)
  const left = await of(ids[1])
  assert(left.length > 0 && left.every(({ at }) => at >= edge))
  await time.advance(HOUR_MS)
  assert.equal((await vault.forgetEvents(edge)).events, 0)
})

test('a site with nothing to forget says nothing', async () => {
  const { vault, log, begin } = await newRead()
  const size = await log.size()
  assert.deepEqual(await vault.forgetEvents(begin), { events: 0, held: 0 })
  assert.equal(await log.size(), size)
})
