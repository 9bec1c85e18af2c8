import assert from 'node:assert/strict'
import { test } from 'node:test'
import { epochMs, HOUR_MS, Refusal, SecretBytes, type EpochMs } from '#base'
import { totpCode, type Role } from '#access'
import { MemoryLog } from '#world/ports'
import { Alarms } from './alarms.ts'
import { newDecidedServer, staff } from './fhir-fixture.test.ts'
import { glassHandlers } from './glass-admin.ts'
import { GlassWatch } from './glass-watch.ts'
import { openPeople, type Asker, type PeopleDesk } from './people.ts'

const PASSWORD = 'winter river window stone'
const REASON = 'found unconscious in the corridor'
const NOTE = 'The ward confirms the emergency'
const never = new AbortController().signal

/** A site where a resident can break the glass, and two privacy officers who review. */
async function newReview() {
  const site = await newDecidedServer()
  const { store, clock, log, random, deciding, vault, time } = site
  for (const body of [
    { resourceType: 'Patient', id: 'p1' },
    { resourceType: 'Condition', id: 'c1', subject: { reference: 'Patient/p1' } },
  ]) {
    const answer = await site.his(`PUT /${body.resourceType}/${body.id}`, { body })
    assert.equal(answer.status, 201, answer.text)
  }
  const key = SecretBytes.copyOf(new Uint8Array(32).fill(5))
  const people = openPeople({ site: 'bristol', ports: { store, clock, random }, audit: log, key })
  const approver = await joined(people, 'root', 'user-administrator')
  const add = async (login: string) => {
    const officer = await joined(people, login, 'privacy-officer')
    const [change] = await people.people.changes()
    await people.people.agree(change.id, approver.id)
    return officer
  }
  const alarms = await Alarms.open({
    ...{ site: deciding.site, store, clock, random, audit: log, log: new MemoryLog() },
  })
  const watch = new GlassWatch({ clock, alarms, glass: deciding.glass, log: new MemoryLog() })
  const handlersFor = (asker: Asker) =>
    glassHandlers(() => ({ glass: deciding.glass, people, vault }), { asker, clock })
  const breakIt = async (who: string) => {
    const resident = site.as(staff('resident', { id: who }))
    const caller = { secondFactorAt: clock.now() }
    const parameter = [
      { name: 'reason', valueCode: 'unconscious' },
      { name: 'text', valueString: REASON },
    ]
    const body = { resourceType: 'Parameters', parameter }
    const answer = await resident('POST /Patient/p1/$break-glass', { body, caller })
    assert.equal(answer.status, 201, answer.text)
    const emergency = { purpose: 'BTG', secondFactorAt: clock.now() } as const
    assert.equal((await resident('GET /Condition/c1', { caller: emergency })).status, 200)
    const [{ id }] = deciding.glass.state
    return id
  }
  return { ...site, people, add, alarms, watch, handlersFor, breakIt, time }
}

/** Somebody with a password and an authenticator app, for whom the operator asks for a role. */
async function joined({ people }: PeopleDesk, login: string, role: Role) {
  const name = `${login} of the ward`
  const { id } = await people.add({ kind: 'person', login, name }, 'operator')
  await people.setPassword(id, PASSWORD, 'operator')
  const { id: factor, secret } = await people.addTotp(id, 'operator')
  await people.proveFactor(id, factor)
  const none = { remove: [], clear: [], unclear: [] }
  await people.changeRoles(id, { add: [role], ...none }, 'operator')
  const as = (at: EpochMs) => {
    return { login, password: PASSWORD, code: totpCode(secret, Math.floor(at / 30_000)) }
  }
  return { id, as }
}

const codeOf = async (asking: Promise<unknown>): Promise<string> => {
  try {
    await asking
    return 'done'
  } catch (error) {
    assert(error instanceof Refusal)
    return String(error.code)
  }
}

test('an officer sees what was looked at under a grant, and judges it: sealed, logged, once', async () => {
  const site = await newReview()
  const { clock, time, vault, log, handlersFor, add, breakIt } = site
  const officer = await add('mary')
  const grant = await breakIt('u-resident')
  const operator = handlersFor({ kind: 'operator' })
  const { glasses } = await operator.glasses({}, null, never)
  assert.deepEqual(
    glasses.map((one) => [one.grant, one.state, one.patient, one.text]),
    [[grant, 'open', 'Patient/p1', REASON]],
  )
  await operator.closeGlass({ grant }, {}, never)
  await time.advance(1000)
  const { glass, accesses } = await operator.glass({ grant }, null, never)
  assert.equal(glass.state, 'waiting')
  assert.deepEqual(
    accesses.map(({ act, data, purpose }) => [act, data, purpose]),
    [['open', ['Condition/c1/_history/1'], ['BTG']]],
  )
  const wish = { finding: 'justified', note: NOTE, as: officer.as(clock.now()) } as const
  const reviewed = await operator.reviewGlass({ grant }, wish, never)
  assert.equal(reviewed.state, 'reviewed')
  assert.deepEqual(reviewed.review?.by, { person: officer.id, name: 'mary of the ward' })
  assert.equal(reviewed.review.note, NOTE)
  const left = await operator.glasses({}, null, never)
  assert.deepEqual(left.glasses, [])
  const all = await operator.glasses({ which: 'all' }, null, never)
  assert.deepEqual([all.glasses.map((one) => one.grant), all.next], [[grant], null])
  const again = { ...wish, as: officer.as(clock.now()) }
  await time.advance(30_000)
  assert.equal(
    await codeOf(operator.reviewGlass({ grant }, { ...again, as: officer.as(clock.now()) }, never)),
    'ACCESS_GRANT_UNKNOWN',
  )
  const leaf = (await log.entries({ kind: 'break-glass.reviewed' })).at(0)?.event
  assert.deepEqual(leaf?.facts, { grant, finding: 'justified', late: false })
  assert.equal(leaf.actor, officer.id)
  const id = await vault.patientNamed('Patient/p1')
  assert(id !== undefined)
  const told = await vault.events(
    { patient: id, actor: officer.id, limit: 5 },
    { actor: 'tester', act: 'find' },
  )
  assert.deepEqual(
    told.events.map(({ facts: { account } }) => [account.grant, account.marks]),
    [[grant, ['review']]],
  )
})

test('nobody reviews who is no privacy officer, has no fresh second factor, or broke it', async () => {
  const { clock, time, handlersFor, add, breakIt, people } = await newReview()
  const officer = await add('mary')
  const other = await add('john')
  const grant = await breakIt(officer.id)
  const nurse = await joined(people, 'nurse', 'nurse')
  const wish = { finding: 'misuse', note: NOTE } as const
  const by = (id: string, secondFactorAt?: EpochMs) =>
    codeOf(
      handlersFor({
        ...{ kind: 'person', id },
        ...(secondFactorAt !== undefined && { secondFactorAt }),
      }).reviewGlass({ grant }, wish, never),
    )
  assert.equal(await by(other.id, clock.now()), 'ACCESS_REVIEW_FORBIDDEN', 'it is open')
  await time.advance(HOUR_MS)
  const now = clock.now()
  const shown = epochMs(now - 5 * 60_000 - 1)
  assert.equal(await by(officer.id, now), 'ACCESS_REVIEW_FORBIDDEN', 'own')
  assert.equal(await by(nurse.id, now), 'ACCESS_REVIEW_FORBIDDEN', 'no officer')
  assert.equal(await by(other.id), 'ACCESS_SECOND_FACTOR_DENIED')
  assert.equal(await by(other.id, shown), 'ACCESS_SECOND_FACTOR_DENIED')
  const operator = handlersFor({ kind: 'operator' })
  assert.equal(
    await codeOf(operator.reviewGlass({ grant }, wish, never)),
    'ACCESS_CHANGE_FORBIDDEN',
  )
  const brief = { finding: 'misuse', note: 'bad' } as const
  const john = handlersFor({ kind: 'person', id: other.id, secondFactorAt: now })
  assert.equal(await codeOf(john.reviewGlass({ grant }, brief, never)), 'ACCESS_REVIEW_FORBIDDEN')
  assert.equal(await by(other.id, now), 'done')
})

test('opened glass is an alarm until its review, and another once that is late', async () => {
  const { clock, time, alarms, watch, handlersFor, add, breakIt } = await newReview()
  const officer = await add('mary')
  watch.start()
  const standing = () => alarms.standing.map(({ kind, subject }) => `${kind} ${subject}`)
  const grant = await breakIt('u-resident')
  await time.advance(1000)
  assert.deepEqual(standing(), [`break-glass.opened ${grant}`])
  await time.advance(72 * HOUR_MS)
  assert.equal(standing().length, 1)
  await time.advance(HOUR_MS)
  assert.deepEqual(standing(), [`break-glass.opened ${grant}`, `break-glass.review-late ${grant}`])
  const review = handlersFor({ kind: 'person', id: officer.id, secondFactorAt: clock.now() })
  const reviewed = await review.reviewGlass({ grant }, { finding: 'misuse', note: NOTE }, never)
  assert.equal(reviewed.review?.finding, 'misuse')
  await time.advance(1000)
  assert.deepEqual(standing(), [])
  await watch.stop()
})

test('while its review waits, officers see the chart, and who broke it sees no more for that', async () => {
  const { as, time, breakIt, handlersFor, add, clock } = await newReview()
  const officer = await add('mary')
  const mary = as(staff('privacy-officer', { id: officer.id }))
  const looking = { caller: { purpose: 'HOPERAT' } } as const
  const seen = async () => (await mary('GET /Condition/c1', looking)).status
  assert.equal(await seen(), 404)
  const grant = await breakIt('u-resident')
  assert.equal(await seen(), 200)
  const own = as(staff('privacy-officer', { id: 'u-resident' }))
  assert.equal((await own('GET /Condition/c1', looking)).status, 404)
  await time.advance(HOUR_MS)
  const review = handlersFor({ kind: 'person', id: officer.id, secondFactorAt: clock.now() })
  await review.reviewGlass({ grant }, { finding: 'justified', note: NOTE }, never)
  assert.equal(await seen(), 404)
})
