/**
 * Consent evaluated. Groups are named by the options of IHE PCF 1.1.0; the cases follow the examples
 * of its content profiles.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { intervalOfDate } from '#health'
import { consentFor } from './consent.ts'
import { readConsent, type Directive } from './consent-read.ts'
import { context, json, PATIENT, person, thing } from './fixture.test.ts'
import type { AccessContext, ResourceFacts } from './model.ts'
import { ACT_CODE, CONFIDENTIALITY, LOINC, RESOURCE_TYPES } from './systems.ts'
import type { Action, ConsentOutcome, Purpose } from './vocabulary.ts'

const ACT_REASON = 'http://terminology.hl7.org/CodeSystem/v3-ActReason'
const purposes = (...codes: readonly string[]) =>
  codes.map((code) => ({ system: ACT_REASON, code }))
const recipient = (reference: string) => ({
  role: {
    coding: [
      { system: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType', code: 'IRCP' },
    ],
  },
  reference: { reference },
})
const labels = (...codes: readonly string[]) =>
  codes.map((code) => ({ system: code.length === 1 ? CONFIDENTIALITY : ACT_CODE, code }))

const resourceOf = (provision: object | undefined, more: object = {}) => ({
  resourceType: 'Consent',
  id: 'c1',
  status: 'active',
  scope: {
    coding: [
      { system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' },
    ],
  },
  patient: { reference: PATIENT },
  ...(provision === undefined ? {} : { provision }),
  ...more,
})

function directive(provision: object | undefined, more: object = {}): Directive {
  const found = readConsent(json(resourceOf(provision, more)))
  assert(found !== undefined)
  return found
}

interface Asked {
  readonly purpose?: Purpose
  readonly action?: Action
  readonly resource?: Partial<ResourceFacts>
  readonly context?: Partial<AccessContext>
}

function outcome(consents: readonly Directive[], asked: Asked = {}): ConsentOutcome {
  return consentFor(PATIENT, {
    principal: person('attending'),
    action: asked.action ?? 'view',
    resource: thing(asked.resource),
    context: context({ consents, purpose: asked.purpose ?? 'TREAT', ...asked.context }),
  }).outcome
}

const dated = (text: string) => {
  const interval = intervalOfDate(text)
  assert(interval !== undefined)
  return { dated: interval }
}

describe('no consent', () => {
  test('care is implied where the site says so; research and marketing never are', () => {
    for (const purpose of ['TREAT', 'ETREAT', 'BTG', 'HPAYMT'] as const) {
      assert.equal(outcome([], { purpose }), 'implied', purpose)
      assert.equal(outcome([], { purpose, context: { impliedPurposes: [] } }), 'absent', purpose)
    }
    for (const purpose of ['HRESCH', 'HMARKT'] as const) {
      const impliedPurposes = ['HRESCH', 'HMARKT'] as const
      assert.equal(outcome([], { purpose, context: { impliedPurposes } }), 'absent', purpose)
    }
  })

  test('a consent of somebody else says nothing', () => {
    const other = { ...directive({ type: 'deny' }), patient: 'Patient/p2' }
    assert.equal(outcome([other]), 'implied')
  })

  test('a consent is filed under the patient as the host names patients', () => {
    const elsewhere = { patient: { reference: 'https://example.org/fhir/Patient/p1' } }
    const consent = json(resourceOf({ type: 'deny' }, elsewhere))
    const found = readConsent(consent, PATIENT)
    assert.equal(outcome(found === undefined ? [] : [found]), 'denied')
  })

  test('what is not in force or not about data directs nothing', () => {
    for (const status of ['draft', 'proposed', 'rejected', 'inactive', 'entered-in-error']) {
      assert.equal(readConsent(json(resourceOf({ type: 'deny' }, { status }))), undefined, status)
    }
    for (const code of ['treatment', 'adr']) {
      const scope = { coding: [{ code }] }
      assert.equal(readConsent(json(resourceOf({ type: 'deny' }, { scope }))), undefined, code)
    }
  })
})

describe('IHE PCF Explicit Basic', () => {
  test('a permission holds for its purposes, and others keep their default', () => {
    const basic = directive({ type: 'permit', purpose: purposes('TREAT', 'HPAYMT', 'HOPERAT') })
    assert.equal(outcome([basic], { purpose: 'TREAT' }), 'granted')
    assert.equal(outcome([basic], { purpose: 'HPAYMT' }), 'granted')
    assert.equal(outcome([basic], { purpose: 'PUBHLTH' }), 'implied')
    assert.equal(outcome([basic], { purpose: 'HRESCH' }), 'absent')
  })

  test('a rejection of the policy denies', () => {
    const reject = directive({ type: 'deny', purpose: purposes('TREAT', 'HPAYMT', 'HOPERAT') })
    assert.equal(outcome([reject]), 'denied')
    assert.equal(outcome([reject], { purpose: 'PATRQT' }), 'implied')
  })

  test('a denial of treatment is one of emergency treatment, but does not name it', () => {
    const reject = directive({ type: 'deny', purpose: purposes('TREAT') })
    assert.equal(outcome([reject], { purpose: 'ETREAT' }), 'denied')
    assert.equal(outcome([reject], { purpose: 'BTG' }), 'denied')
    const named = directive({ type: 'deny', purpose: purposes('TREAT', 'BTG') })
    assert.equal(outcome([named], { purpose: 'BTG' }), 'refused')
  })

  test('a consent that has expired says nothing, and one that has not begun neither', () => {
    const during = (period: object) => [directive({ type: 'deny', period })]
    assert.equal(outcome(during({ end: '2022-12-31' })), 'implied')
    assert.equal(outcome(during({ end: '2026-11-20' })), 'implied')
    assert.equal(outcome(during({ end: '2026-11-21' })), 'denied')
    assert.equal(outcome(during({ start: '2026-11-22' })), 'implied')
    assert.equal(outcome(during({ start: '2026-11-21T07:59:59Z', end: '2027' })), 'denied')
  })

  test('a permission for some recipients says nothing of others', () => {
    const to = (reference: string) => [directive({ type: 'permit', actor: [recipient(reference)] })]
    assert.equal(outcome(to('Practitioner/d1'), { purpose: 'HRESCH' }), 'granted')
    assert.equal(outcome(to('Organization/o1'), { purpose: 'HRESCH' }), 'granted')
    assert.equal(outcome(to('Practitioner/d2'), { purpose: 'HRESCH' }), 'absent')
    assert.equal(outcome(to('Practitioner/d2')), 'implied')
  })

  test('a policy that is opted in to or out of decides where the root does not', () => {
    const rule = (code: string) => ({ policyRule: { coding: [{ system: ACT_CODE, code }] } })
    assert.equal(outcome([directive(undefined, rule('OPTIN'))]), 'granted')
    assert.equal(outcome([directive(undefined, rule('OPTOUT'))]), 'denied')
    assert.equal(outcome([directive(undefined, rule('OTHER'))]), 'implied')
    assert.equal(outcome([directive({ type: 'permit' }, rule('OPTOUT'))]), 'granted')
  })
})

describe('IHE PCF Explicit Intermediate', () => {
  test('a permission for a time frame covers data of it and denies the rest', () => {
    const frame = { start: '2022-01-01', end: '2022-12-31' }
    const some = [directive({ type: 'permit', dataPeriod: frame })]
    assert.equal(outcome(some, { resource: dated('2022-06') }), 'granted')
    assert.equal(outcome(some, { resource: dated('2023-06') }), 'denied')
    assert.equal(outcome(some, { resource: dated('2022') }), 'granted')
    // Half inside: permitted only whole.
    assert.equal(outcome(some, { resource: { dated: [0, Infinity] } }), 'denied')
  })

  test('an exception for a time frame denies data that touches it, or has no date', () => {
    const frame = { start: '2022-01-01', end: '2022-12-31' }
    const except = [directive({ type: 'permit', provision: [{ type: 'deny', dataPeriod: frame }] })]
    assert.equal(outcome(except, { resource: dated('2022-06') }), 'denied')
    assert.equal(outcome(except, { resource: dated('2023-06') }), 'granted')
    assert.equal(outcome(except, { resource: { dated: [0, Infinity] } }), 'denied')
    assert.equal(outcome(except), 'denied')
  })

  test('named data, data of an encounter and data by an author are permitted or excepted', () => {
    const data = (meaning: string, reference: string) => ({
      data: [{ meaning, reference: { reference } }],
    })
    const kinds: readonly (readonly [string, string, Partial<ResourceFacts>])[] = [
      ['instance', 'Condition/c1', {}],
      ['related', 'Encounter/e1', { related: ['Encounter/e1'] }],
      ['dependents', 'Encounter/e1', { related: ['Encounter/e1'] }],
      ['authoredby', 'Practitioner/d7', { authors: ['Practitioner/d7'] }],
    ]
    const other = { reference: 'Condition/c2', related: ['Encounter/e2'], authors: [] }
    for (const [meaning, reference, resource] of kinds) {
      const only = [directive({ type: 'permit', ...data(meaning, reference) })]
      assert.equal(outcome(only, { resource }), 'granted', meaning)
      assert.equal(outcome(only, { resource: other }), 'denied', meaning)
      const exception = [{ type: 'deny', ...data(meaning, reference) }]
      const all = [directive({ type: 'permit', provision: exception })]
      assert.equal(outcome(all, { resource }), 'denied', meaning)
      assert.equal(outcome(all, { resource: other }), 'granted', meaning)
    }
    const instance = [directive({ type: 'permit', ...data('instance', 'Encounter/e1') })]
    assert.equal(outcome(instance, { resource: { related: ['Encounter/e1'] } }), 'denied')
  })

  test('further purposes are permitted or excepted', () => {
    const research = [
      directive({
        type: 'permit',
        purpose: purposes('TREAT'),
        provision: [{ type: 'deny', purpose: purposes('ETREAT') }],
      }),
      directive({ type: 'permit', purpose: purposes('HRESCH') }),
    ]
    assert.equal(outcome(research, { purpose: 'HRESCH' }), 'granted')
    assert.equal(outcome(research, { purpose: 'TREAT' }), 'granted')
    assert.equal(outcome(research, { purpose: 'ETREAT' }), 'refused')
  })

  test('an exception names a recipient', () => {
    const not = [
      directive({
        type: 'permit',
        provision: [{ type: 'deny', actor: [recipient('Practitioner/d1')] }],
      }),
    ]
    assert.equal(outcome(not), 'denied')
    const another = [
      directive({
        type: 'permit',
        provision: [{ type: 'deny', actor: [recipient('Practitioner/d2')] }],
      }),
    ]
    assert.equal(outcome(another), 'granted')
  })

  test('everything is denied but to break the glass', () => {
    const sealed = [
      directive({ type: 'deny', provision: [{ type: 'permit', purpose: purposes('BTG') }] }),
    ]
    assert.equal(outcome(sealed, { purpose: 'TREAT' }), 'denied')
    assert.equal(outcome(sealed, { purpose: 'ETREAT' }), 'denied')
    assert.equal(outcome(sealed, { purpose: 'BTG' }), 'granted')
  })
})

describe('IHE PCF Explicit Advanced', () => {
  const psy = { sensitivity: ['PSY'], confidentiality: 'R' } as const

  test('a permission that names the label of the data is a named one', () => {
    const general = directive({ type: 'permit' })
    const named = directive({
      type: 'permit',
      provision: [{ type: 'permit', securityLabel: labels('PSY') }],
    })
    assert.equal(outcome([general], { resource: psy }), 'granted')
    assert.equal(outcome([named], { resource: psy }), 'named')
    const two = { ...psy, sensitivity: ['PSY', 'HIV'] as const }
    assert.equal(outcome([named], { resource: two }), 'granted')
    const only = directive({ type: 'permit', securityLabel: labels('PSY') })
    assert.equal(outcome([only], { resource: two }), 'denied')
  })

  test('an exception for a label denies data that has it among others', () => {
    const except = [
      directive({
        type: 'permit',
        provision: [{ type: 'deny', securityLabel: labels('PSY', 'HIV') }],
      }),
    ]
    assert.equal(outcome(except, { resource: psy }), 'denied')
    assert.equal(outcome(except, { resource: { sensitivity: ['ETH', 'HIV'] } }), 'denied')
    assert.equal(outcome(except, { resource: { sensitivity: ['ETH'] } }), 'granted')
    assert.equal(outcome(except), 'granted')
  })

  test('labels that are kinds of ours count as ours', () => {
    const except = [
      directive({
        type: 'permit',
        provision: [{ type: 'deny', securityLabel: labels('OPIOIDUD') }],
      }),
    ]
    assert.equal(outcome(except, { resource: { sensitivity: ['ETH'] } }), 'denied')
  })

  test('a confidentiality permits what is below it and denies what is above', () => {
    const normal = [directive({ type: 'permit', securityLabel: labels('N') })]
    assert.equal(outcome(normal, { resource: { confidentiality: 'L' } }), 'granted')
    assert.equal(outcome(normal, { resource: { confidentiality: 'R' } }), 'denied')
    const restricted = [
      directive({ type: 'permit', provision: [{ type: 'deny', securityLabel: labels('R') }] }),
    ]
    assert.equal(outcome(restricted, { resource: { confidentiality: 'V' } }), 'denied')
    assert.equal(outcome(restricted, { resource: { confidentiality: 'N' } }), 'granted')
  })

  test('a denial by a label of a system we do not know speaks', () => {
    const strange = [{ system: 'urn:example:labels', code: 'XX' }]
    const except = [
      directive({ type: 'permit', provision: [{ type: 'deny', securityLabel: strange }] }),
    ]
    assert.equal(outcome(except), 'denied')
  })
})

describe('FHIR R4 beyond PCF', () => {
  test('exceptions nest, each against the one before', () => {
    const nested = [
      directive({
        type: 'deny',
        provision: [
          {
            type: 'permit',
            purpose: purposes('TREAT'),
            provision: [
              {
                type: 'deny',
                class: [{ system: RESOURCE_TYPES, code: 'Condition' }],
                provision: [{ type: 'permit', actor: [recipient('Practitioner/d1')] }],
              },
            ],
          },
        ],
      }),
    ]
    assert.equal(outcome(nested, { purpose: 'HPAYMT' }), 'denied')
    assert.equal(outcome(nested, { resource: { type: 'Observation' } }), 'granted')
    assert.equal(outcome(nested, { resource: { type: 'Condition' } }), 'granted')
    const stranger = consentFor(PATIENT, {
      principal: person('attending', { references: ['Practitioner/d2'] }),
      action: 'view',
      resource: thing(),
      context: context({ consents: nested }),
    })
    assert.deepEqual(stranger, { outcome: 'denied', rule: 'Consent/c1' })
  })

  test('at equal depth a denial wins, in whatever order', () => {
    const parts = [
      { type: 'permit', purpose: purposes('TREAT') },
      { type: 'deny', actor: [recipient('Practitioner/d1')] },
    ]
    for (const provision of [parts, parts.toReversed()]) {
      assert.equal(outcome([directive({ type: 'permit', provision })]), 'denied')
    }
  })

  test('codes, classes and actions are matched; in doubt a denial speaks and a permission not', () => {
    const code = [{ coding: [{ system: LOINC, code: '7917-8' }] }]
    const coded = { codes: [{ system: LOINC, code: '7917-8' }] }
    const other = { codes: [{ system: LOINC, code: '8302-2' }] }
    const deny = [directive({ type: 'permit', provision: [{ type: 'deny', code }] })]
    assert.equal(outcome(deny, { resource: coded }), 'denied')
    assert.equal(outcome(deny, { resource: other }), 'granted')
    assert.equal(outcome(deny, { resource: { codes: [] } }), 'denied')
    const permit = [directive({ type: 'deny', provision: [{ type: 'permit', code }] })]
    assert.equal(outcome(permit, { resource: coded }), 'granted')
    assert.equal(outcome(permit, { resource: { codes: [] } }), 'denied')
    const strange = [{ system: 'urn:example:classes', code: 'XX' }]
    assert.equal(
      outcome([directive({ type: 'permit', provision: [{ type: 'deny', class: strange }] })]),
      'denied',
    )
    const action = [{ coding: [{ code: 'disclose' }] }]
    const disclose = [directive({ type: 'permit', provision: [{ type: 'deny', action }] })]
    assert.equal(outcome(disclose, { action: 'export' }), 'denied')
    assert.equal(outcome(disclose, { action: 'view' }), 'granted')
  })

  test('a consent in force that cannot be read whole denies', () => {
    let deep: object = { type: 'permit' }
    for (let depth = 0; depth < 10; depth++) deep = { type: 'permit', provision: [deep] }
    const faulty: readonly object[] = [
      { type: 'perhaps' },
      { type: 'permit', modifierExtension: [{ url: 'urn:x', valueBoolean: true }] },
      { type: 'permit', period: { start: 'soon' } },
      { type: 'permit', dataPeriod: { end: '2022-13' } },
      { type: 'permit', provision: [{ actor: [recipient('Practitioner/d1')] }] },
      { type: 'permit', actor: [{ reference: { display: 'the doctor' } }] },
      { type: 'permit', data: [{ meaning: 'about', reference: { reference: 'Condition/c1' } }] },
      deep,
    ]
    for (const provision of faulty) {
      assert.equal(outcome([directive(provision)]), 'denied', JSON.stringify(provision))
    }
    const foreign = { modifierExtension: [{ url: 'urn:x', valueBoolean: true }] }
    assert.equal(outcome([directive({ type: 'permit' }, foreign)]), 'denied')
  })

  test('among several consents the strongest denial wins, in whatever order', () => {
    const permit = directive({ type: 'permit' })
    const deny = directive({ type: 'deny' })
    const refuse = directive({ type: 'deny', purpose: purposes('TREAT', 'BTG') })
    const all = [permit, deny, refuse]
    assert.equal(outcome([permit, deny]), 'denied')
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: 3 }), (consents) => {
        assert.equal(outcome(consents), 'refused')
      }),
    )
  })

  test('adding a denial never permits more', () => {
    const conditions = fc.record(
      {
        purpose: fc.subarray([...purposes('TREAT', 'HRESCH')], { minLength: 1 }),
        actor: fc.constantFrom([recipient('Practitioner/d1')], [recipient('Practitioner/d2')]),
        securityLabel: fc.subarray([...labels('PSY', 'R')], { minLength: 1 }),
        class: fc.constantFrom([{ system: RESOURCE_TYPES, code: 'Condition' }], [{ code: 'x' }]),
      },
      { requiredKeys: [] },
    )
    const type = fc.constantFrom('permit', 'deny')
    const leaf = fc.tuple(type, conditions).map(([kind, rest]) => ({ type: kind, ...rest }))
    const tree = fc
      .tuple(type, conditions, fc.array(leaf, { maxLength: 2 }))
      .map(([kind, rest, provision]) => ({ type: kind, ...rest, provision }))
    const psy = fc.constantFrom<Asked>(
      { resource: { sensitivity: ['PSY'] } },
      { purpose: 'HRESCH' },
      {},
    )
    fc.assert(
      fc.property(tree, leaf, psy, (before, denial, asked) => {
        const without = outcome([directive(before)], asked)
        const extra = { ...denial, type: 'deny' }
        const more = { ...before, provision: [...before.provision, extra] }
        const permits = (said: ConsentOutcome) => said === 'granted' || said === 'named'
        if (!permits(without)) assert(!permits(outcome([directive(more)], asked)))
        const beside = [directive(before), directive(extra)]
        if (!permits(without) && without !== 'implied' && without !== 'absent') {
          assert(!permits(outcome(beside, asked)))
        }
      }),
      { seed: 8, numRuns: 500 },
    )
  })
})
