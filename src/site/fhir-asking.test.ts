/** What is kept of decisions is what would be decided anew, whatever changes in between. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { epochMs, isoTime, MINUTE_MS, utf8 } from '#base'
import { canonicalText, readJson, type JsonObject } from '#health'
import { contentOf } from '#vault'
import { DecisionMemory } from './fhir-asking.ts'
import { newDecidedServer, selfOf, staff } from './fhir-fixture.test.ts'

const subject = { reference: 'Patient/p0' }
const ACTIONS = ['read', 'history', 'search', 'update', 'unmask'] as const

const changes = fc.oneof(
  fc.record({ kind: fc.constant('wait'), minutes: fc.integer({ min: 1, max: 50 }) }),
  fc.record({
    kind: fc.constant('consent'),
    type: fc.constantFrom('permit', 'deny'),
    minutes: fc.integer({ min: 1, max: 60 }),
  }),
  fc.record({ kind: fc.constant('visit'), status: fc.constantFrom('in-progress', 'finished') }),
  fc.record({ kind: fc.constant('label'), code: fc.constantFrom('R', 'N', 'ETH') }),
  fc.record({ kind: fc.constant('famous'), is: fc.boolean() }),
  fc.record({ kind: fc.constant('glass') }),
)
type Change = typeof changes extends fc.Arbitrary<infer T> ? T : never
type Site = Awaited<ReturnType<typeof newDecidedServer>>

async function change(site: Site, one: Change): Promise<void> {
  const put = async (name: string, body: object): Promise<void> => {
    const [resourceType, id] = name.split('/')
    const { status, text } = await site.his(`PUT /${name}`, { body: { resourceType, id, ...body } })
    // Once a consent denies it, the system changes nothing any more.
    assert([200, 201, 403, 404].includes(status), text)
  }
  const now = site.clock.now()
  const at = (minutes: number): string => isoTime(epochMs(now + minutes * MINUTE_MS))
  if (one.kind === 'wait' && 'minutes' in one) await site.time.advance(one.minutes * MINUTE_MS)
  if (one.kind === 'consent' && 'type' in one) {
    await put('Consent/c0', {
      ...{ status: 'active', patient: subject, policyRule: { coding: [{ code: 'OPTIN' }] } },
      scope: { coding: [{ system: SCOPE, code: 'patient-privacy' }] },
      category: [{ coding: [{ code: '59284-0' }] }],
      provision: { type: one.type, period: { start: at(-5), end: at(one.minutes) } },
    })
  }
  if (one.kind === 'visit' && 'status' in one) {
    await put('Encounter/e0', {
      ...{ status: one.status, subject, class: { system: ACT_CODE, code: 'IMP' } },
      participant: [{ individual: { reference: 'Practitioner/nurse' } }],
      period: one.status === 'finished' ? { start: at(-60), end: at(-1) } : { start: at(-60) },
    })
  }
  if (one.kind === 'label' && 'code' in one) {
    const system = one.code === 'ETH' ? ACT_CODE : CONFIDENTIALITY
    await put('Condition/k0', {
      ...{ subject, code: { text: 'flu' }, meta: { security: [{ system, code: one.code }] } },
    })
  }
  if (one.kind === 'famous' && 'is' in one) {
    const security = [{ system: ACT_CODE, code: 'CEL' }]
    await put('Patient/p0', { birthDate: '1980-02-03', ...(one.is && { meta: { security } }) })
  }
  if (one.kind === 'glass') {
    const principal = staff('resident')
    const { as, callerFor } = site
    const caller = callerFor(principal, { secondFactorAt: now })
    const [reason, text] = ['unconscious', 'found without consciousness']
    const parameter = [
      { name: 'reason', valueCode: reason },
      { name: 'text', valueString: text },
    ]
    const body = { resourceType: 'Parameters', parameter }
    const { status, text: said } = await as(principal)('POST /Patient/p0/$break-glass', {
      ...{ body, caller },
    })
    // What is broken already is not broken again.
    assert([201, 403].includes(status), said)
  }
}

async function newSite(): Promise<Site> {
  const site = await newDecidedServer()
  await change(site, { kind: 'famous', is: false })
  await change(site, { kind: 'label', code: 'N' })
  await change(site, { kind: 'visit', status: 'in-progress' })
  return site
}

/** The newest version of a resource, as the vault gives it to everybody alike. */
async function valueOf(site: Site, name: string): Promise<JsonObject | undefined> {
  const [type, id] = name.split('/')
  const asked = { actor: 'test', act: 'open', judge: () => true } as const
  return (await site.vault.consult({ type, id }, asked))?.value
}

test('a decision that is kept is the one that would be made now', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(changes, { minLength: 2, maxLength: 8 }), async (all) => {
      const site = await newSite()
      const { callerFor, deciding } = site
      const callers = [
        callerFor(staff('nurse'), {}),
        callerFor(staff('resident'), { purpose: 'BTG', secondFactorAt: site.clock.now() }),
        callerFor(staff('attending'), { secondFactorAt: site.clock.now() }),
        callerFor(staff('privacy-officer'), {}),
        callerFor(selfOf('p0'), {}),
      ]
      for (const one of [undefined, ...all]) {
        if (one !== undefined) await change(site, one)
        for (const name of ['Patient/p0', 'Condition/k0', 'Encounter/e0', 'Consent/c0']) {
          const value = await valueOf(site, name)
          if (value === undefined) continue
          assert.notEqual(contentOf(value), undefined)
          const copy = readJson(utf8(canonicalText(value))) as JsonObject
          for (const caller of callers) {
            const kept = deciding.memory.of(deciding, caller)
            const anew = new DecisionMemory().of(deciding, { ...caller })
            for (const action of ACTIONS) {
              const found = await kept.about(action, value)
              assert.deepEqual(found, await anew.about(action, copy), `${action} ${name}`)
              const type = name.split('/')[0]
              assert.deepEqual(await kept.gate(action, type), await anew.gate(action, type))
            }
          }
        }
      }
    }),
    { seed: 65, numRuns: 4, examples: [[[{ kind: 'glass' }, { kind: 'wait', minutes: 1 }]]] },
  )
})

test('a repeated question is not decided again, another caller is', async () => {
  const { callerFor, deciding, ...site } = await newSite()
  const value = await valueOf({ ...site, callerFor, deciding }, 'Condition/k0')
  assert(value !== undefined)
  const nurse = callerFor(staff('nurse'), {})
  const asking = deciding.memory.of(deciding, nurse)
  assert.equal(await asking.about('read', value), await asking.about('read', value))
  assert.equal(deciding.memory.of(deciding, { ...nurse }), asking)
  for (const other of [
    callerFor(staff('nurse', { careTeams: ['Location/w9'] }), {}),
    callerFor(staff('nurse'), { purpose: 'HRESCH' }),
    callerFor(staff('nurse'), { secondFactorAt: site.clock.now() }),
    { ...nurse, token: { ...nurse.token, launchPatient: 'Patient/p9' } },
    { ...nurse, flows: [{ kind: 'declared-flow', patient: '*', with: 'u-nurse' }] as const },
  ]) {
    assert.notEqual(deciding.memory.of(deciding, other), asking)
  }
})

const ACT_CODE = 'http://terminology.hl7.org/CodeSystem/v3-ActCode'
const CONFIDENTIALITY = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality'
const SCOPE = 'http://terminology.hl7.org/CodeSystem/consentscope'
