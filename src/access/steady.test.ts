/** Decisions are kept only for as long as time leaves them what they are. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { epochMs, newUuid } from '#base'
import { seededRandom } from '#world/ports'
import { readConsent } from './consent-read.ts'
import { decide, forPatients } from './decide.ts'
import { after, context, engineOfTests, HERE, json, NOW, PATIENT } from './fixture.test.ts'
import { minutes, person, thing } from './fixture.test.ts'
import { steadyUntil } from './steady.ts'

const moment = fc.integer({ min: -20, max: 20 }).map((count) => after(minutes(count)))
const maybe = fc.option(moment, { nil: undefined })

const id = newUuid(seededRandom(1))

const given = fc.record({
  token: fc.tuple(moment, moment),
  secondFactorAt: maybe,
  tie: fc.tuple(maybe, maybe),
  grant: fc.option(fc.tuple(moment, moment, maybe), { nil: undefined }),
  delegation: fc.option(fc.tuple(moment, moment), { nil: undefined }),
  consent: fc.option(
    fc.tuple(fc.constantFrom('permit', 'deny'), moment, moment, fc.constantFrom('permit', 'deny')),
    { nil: undefined },
  ),
  purpose: fc.constantFrom('TREAT', 'BTG', 'HRESCH'),
  steps: fc.array(fc.integer({ min: 1, max: 15 * 60_000 }), { minLength: 1, maxLength: 12 }),
})

function requestOf(one: typeof given extends fc.Arbitrary<infer T> ? T : never) {
  const [notBefore, expiresAt] = one.token
  const [from, to] = one.tie
  const period = (low: number, high: number) => ({
    start: new Date(low).toISOString(),
    end: new Date(high).toISOString(),
  })
  const directive =
    one.consent &&
    readConsent(
      json({
        ...{ resourceType: 'Consent', id: 'c1', status: 'active', patient: { reference: PATIENT } },
        scope: { coding: [{ code: 'patient-privacy' }] },
        provision: {
          ...{ type: one.consent[0], period: period(NOW - 1e9, one.consent[1]) },
          provision: [{ type: one.consent[3], period: period(one.consent[2], NOW + 1e9) }],
        },
      }),
    )
  const lent = one.delegation
  const principal = person('attending', {
    delegations: lent ? [{ from: 'person-2', notBefore: lent[0], expiresAt: lent[1] }] : [],
  })
  const grant = one.grant && {
    ...{ id, by: 'person-1', patient: PATIENT, reason: 'emergency', text: 'in the resus room' },
    ...{ openedAt: one.grant[0], expiresAt: one.grant[1], reviewDueAt: after(minutes(60)) },
    ...(one.grant[2] && { closedAt: one.grant[2] }),
  }
  const tie = { kind: 'care-team', patient: PATIENT, with: 'team-1' } as const
  return {
    principal,
    action: 'view' as const,
    context: context({
      ...{ purpose: one.purpose, token: { site: HERE, notBefore, expiresAt } },
      ...(one.secondFactorAt && { secondFactorAt: one.secondFactorAt }),
      relationships: [
        { ...tie, ...(from && { notBefore: from }), ...(to && { expiresAt: to }) },
        { ...tie, with: 'person-2' },
      ],
      grants: grant ? [grant as never] : [],
      consents: directive ? [directive] : [],
    }),
  }
}

test('nothing changes before the moment that is told', async () => {
  const engine = await engineOfTests()
  fc.assert(
    fc.property(given, (one) => {
      let request = requestOf(one)
      for (const step of one.steps) {
        const { at } = request.context
        const kept = forPatients(engine, request)
        const until = steadyUntil(request)
        assert(until > at)
        for (const later of [at + step, until - 1]) {
          if (later >= until || later === Infinity) continue
          const moved = { ...request.context, at: epochMs(later) }
          const anew = decide(engine, { ...request, context: moved, resource: thing() })
          assert.deepEqual(kept(thing()), anew)
        }
        request = { ...request, context: { ...request.context, at: epochMs(at + step) } }
      }
    }),
    { seed: 65, numRuns: 150 },
  )
})

test('each beginning and each end is a moment, and without any there is none', () => {
  const bare = context({
    token: { site: HERE, notBefore: epochMs(0), expiresAt: after(minutes(9)) },
  })
  const until = (more: Partial<typeof bare>, principal = person('nurse')): number =>
    steadyUntil({ principal, action: 'view', context: { ...bare, ...more } }) - NOW
  assert.equal(until({}), minutes(9))
  assert.equal(until({ at: after(minutes(9)) }), Infinity)
  assert.equal(until({ secondFactorAt: after(-minutes(1)) }), minutes(4) + 1)
  assert.equal(until({ secondFactorAt: after(5) }), 5)
  const tie = { kind: 'care-team', patient: PATIENT, with: 'team-1' } as const
  assert.equal(until({ relationships: [{ ...tie, notBefore: after(7), expiresAt: after(8) }] }), 7)
  assert.equal(until({ relationships: [{ ...tie, expiresAt: after(8) }] }), 8)
  const lent = { from: 'person-2', notBefore: after(-3), expiresAt: after(6) }
  assert.equal(until({}, person('nurse', { delegations: [lent] })), 6)
})
