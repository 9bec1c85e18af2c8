import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { epochMs, newUuid, type EpochMs } from '#base'
import { seededRandom } from '#world/ports'
import {
  closeGlass,
  GRANT_MS,
  NOTE_CHARACTERS_MAX,
  OPEN_MAX,
  openGlass,
  openGrant,
  overdueReviews,
  REVIEW_MS,
  reviewGlass,
  STEP_UP_MS,
  type BreakGlassOutcome,
  type BreakGlassState,
} from './break-glass.ts'
import { after, NOW, PATIENT } from './fixture.test.ts'

const random = seededRandom(50)
const asked = (more: Partial<Parameters<typeof openGlass>[1]> = {}) => ({
  id: newUuid(random),
  by: 'person-1',
  patient: PATIENT,
  reason: 'unconscious' as const,
  text: 'Found without papers',
  secondFactorAt: NOW as EpochMs | undefined,
  at: NOW,
  ...more,
})

function done(outcome: BreakGlassOutcome) {
  assert(outcome.kind === 'done', outcome.kind === 'refused' ? outcome.why : '')
  return outcome
}
const whyNot = (outcome: BreakGlassOutcome) => outcome.kind === 'refused' && outcome.why

test('a grant is for one person, one patient and one hour', () => {
  const { state, grant } = done(openGlass([], asked()))
  const mine = { by: 'person-1', patient: PATIENT }
  assert.equal(openGrant(state, { ...mine, at: NOW })?.id, grant.id)
  assert.equal(openGrant(state, { ...mine, at: after(GRANT_MS - 1) })?.id, grant.id)
  for (const other of [
    { ...mine, at: after(GRANT_MS) },
    { ...mine, at: after(-1) },
    { ...mine, by: 'person-2', at: NOW },
    { ...mine, patient: 'Patient/p2', at: NOW },
  ]) {
    assert.equal(openGrant(state, other), undefined)
  }
})

test('the glass needs a second factor of the last five minutes', () => {
  const shown = (at: EpochMs | undefined) => openGlass([], asked({ secondFactorAt: at }))
  assert.equal(shown(after(-STEP_UP_MS)).kind, 'done')
  for (const stale of [undefined, after(-STEP_UP_MS - 1), after(1)]) {
    assert.equal(whyNot(shown(stale)), 'second-factor-stale')
  }
})

test('the glass needs a reason in own words', () => {
  const said = (text: string) => openGlass([], asked({ text }))
  assert.equal(said('x'.repeat(10)).kind, 'done')
  assert.equal(said('x'.repeat(500)).kind, 'done')
  assert.equal(whyNot(said(`${' '.repeat(20)}x`)), 'text-too-short')
  assert.equal(whyNot(said('x'.repeat(501))), 'text-too-long')
})

test('one person has few grants open, and one for each patient', () => {
  let state: BreakGlassState = []
  for (let index = 0; index < OPEN_MAX; index++) {
    state = done(openGlass(state, asked({ patient: `Patient/${index}` }))).state
  }
  assert.equal(whyNot(openGlass(state, asked())), 'too-many-open')
  assert.equal(whyNot(openGlass(state, asked({ patient: 'Patient/0' }))), 'already-open')
  assert.equal(openGlass(state, asked({ by: 'person-2' })).kind, 'done')
  const later = after(GRANT_MS)
  assert.equal(openGlass(state, asked({ at: later, secondFactorAt: later })).kind, 'done')
})

test('a grant that is closed permits nothing more, whoever closed it', () => {
  const { state, grant } = done(openGlass([], asked()))
  const close = { grant: grant.id, by: 'person-1', at: after(1000) }
  assert.equal(whyNot(closeGlass(state, { ...close, at: after(GRANT_MS) })), 'already-closed')
  assert.equal(whyNot(closeGlass([], close)), 'unknown-grant')
  const closed = done(closeGlass(state, close)).state
  const mine = { by: 'person-1', patient: PATIENT }
  assert.equal(openGrant(closed, { ...mine, at: after(1000) }), undefined)
  assert.equal(openGrant(closed, { ...mine, at: after(999) })?.id, grant.id)
  assert.equal(whyNot(closeGlass(closed, { ...close, at: after(2000) })), 'already-closed')
  const other = done(closeGlass(state, { ...close, by: 'person-2' }))
  assert.equal(openGrant(other.state, { ...mine, at: after(1000) }), undefined)
  assert.equal(other.record.by, 'person-2')
})

test('a second person reviews a grant, once, after it has ended', () => {
  const { state, grant } = done(openGlass([], asked()))
  const review = {
    grant: grant.id,
    by: 'person-2',
    at: after(GRANT_MS),
    finding: 'justified' as const,
    note: 'The ward confirms it',
  }
  assert.equal(whyNot(reviewGlass(state, { ...review, by: 'person-1' })), 'own-grant')
  assert.equal(whyNot(reviewGlass(state, { ...review, at: after(1) })), 'still-open')
  assert.equal(whyNot(reviewGlass([], review)), 'unknown-grant')
  assert.equal(whyNot(reviewGlass(state, { ...review, note: ' fine    ' })), 'note-too-short')
  const long = 'x'.repeat(NOTE_CHARACTERS_MAX + 1)
  assert.equal(whyNot(reviewGlass(state, { ...review, note: long })), 'note-too-long')
  const { state: reviewed, record } = done(reviewGlass(state, review))
  assert.deepEqual(record.facts, { grant: grant.id, finding: 'justified', late: false })
  assert.equal(whyNot(reviewGlass(reviewed, review)), 'already-reviewed')
})

test('a review is overdue after three days, or the term of the site, until it is made', () => {
  const { state, grant } = done(openGlass([], asked()))
  assert.deepEqual(overdueReviews(state, after(REVIEW_MS)), [])
  assert.deepEqual(overdueReviews(state, after(REVIEW_MS + 1)), [grant])
  const sooner = done(openGlass([], asked({ reviewMs: GRANT_MS })))
  assert.deepEqual(overdueReviews(sooner.state, after(GRANT_MS + 1)), [sooner.grant])
  const late = done(
    reviewGlass(state, {
      grant: grant.id,
      by: 'person-2',
      at: after(REVIEW_MS + 1),
      finding: 'misuse',
      note: 'Nobody knows of a visit',
    }),
  )
  assert.equal(late.record.facts['late'], true)
  assert.deepEqual(overdueReviews(late.state, after(2 * REVIEW_MS)), [])
})

test('facts of the log name the grant, and nobody', () => {
  const { state, grant, record } = done(openGlass([], asked()))
  const at = after(GRANT_MS)
  const reviewed = done(
    reviewGlass(state, {
      ...{ grant: grant.id, by: 'person-2', at },
      ...{ finding: 'misuse', note: 'No papers were there' },
    }),
  )
  const closed = done(closeGlass(state, { grant: grant.id, by: 'person-1', at: after(1) }))
  for (const said of [record, reviewed.record, closed.record]) {
    const text = JSON.stringify(said.facts)
    for (const secret of ['person-1', 'person-2', 'p1', 'papers']) {
      assert(!text.includes(secret), `${secret} in ${text}`)
    }
    assert(text.includes(grant.id))
  }
})

test('whatever happens, nobody reads without an open grant and nobody reviews an own one', () => {
  const people = ['person-1', 'person-2']
  const step = fc.record({
    act: fc.constantFrom('open', 'close', 'review'),
    by: fc.constantFrom(...people),
    pick: fc.nat(5),
    wait: fc.integer({ min: 0, max: 40 * 60_000 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      let state: BreakGlassState = []
      let at = NOW
      for (const { act, by, pick, wait } of steps) {
        at = epochMs(at + wait)
        const grant = state.at(pick)
        const id = grant?.id ?? newUuid(random)
        const outcome =
          act === 'open'
            ? openGlass(state, asked({ by, at, secondFactorAt: at, patient: `Patient/${pick}` }))
            : act === 'close'
              ? closeGlass(state, { grant: id, by, at })
              : reviewGlass(state, {
                  grant: id,
                  by,
                  at,
                  finding: 'justified',
                  note: 'Seen and fine',
                })
        if (outcome.kind === 'done') state = outcome.state
        for (const one of state) {
          assert.notEqual(one.review?.by, one.by)
          const open = openGrant(state, { by: one.by, patient: one.patient, at })
          if (open !== undefined) assert(at < open.expiresAt && open.review === undefined)
        }
        for (const who of people) {
          const open = state.filter((one) => one.by === who && at < one.expiresAt)
          assert(open.filter(({ closedAt }) => closedAt === undefined).length <= OPEN_MAX)
        }
      }
    }),
    { seed: 5, numRuns: 200 },
  )
})
