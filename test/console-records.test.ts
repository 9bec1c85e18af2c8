/** What the console makes of records: charts, words, consents. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BREAK_GLASS_REASONS, readConsent } from '#access'

import { issuesOf, type JsonObject } from '#health'
import {
  byYear,
  chartOf,
  filtered,
  measuredIn,
  namesOf,
  unnamedStaff,
} from '../console/src/records/chart-model.ts'
import { consentFor, consentWords } from '../console/src/records/consent-model.ts'
import { attachedTo, described } from '../console/src/records/described.ts'
import { recordTexts } from '../console/src/texts-records.ts'
import { nextPageIn, nhsNumberOf, type Resource } from '../console/src/records/fhir.ts'

const observation = (id: string, date: string | undefined, value: number): Resource => ({
  ...{ resourceType: 'Observation', id, status: 'final', code: { text: 'Heart rate' } },
  ...(date !== undefined && { effectiveDateTime: date }),
  valueQuantity: { value, unit: '/min' },
})

const CHART = chartOf(
  [
    { resourceType: 'Patient', id: 'p' },
    { resourceType: 'Practitioner', id: 'd', name: [{ family: 'Lovelace', given: ['Ada'] }] },
    observation('a', '2024-03-01', 61),
    observation('b', undefined, 62),
    observation('c', '2026-01-05T10:00:00Z', 63),
    { resourceType: 'Condition', id: 'e', code: { text: 'Migraine' }, onsetDateTime: '2024' },
    { resourceType: 'Basic', id: 'f', code: { coding: [{ code: 'odd' }] } },
  ],
  'Patient/p',
)

test('a chart is newest first, with what has no date at its end, and names nobody as an entry', () => {
  assert.deepEqual(
    CHART.entries.map(({ name }) => name),
    ['Observation/c', 'Observation/a', 'Condition/e', 'Observation/b', 'Basic/f'],
  )
  assert.equal(CHART.names.get('Practitioner/d'), 'Ada Lovelace')
  assert.deepEqual(
    byYear(CHART.entries).map(([year, some]) => [year, some.length]),
    [
      ['2026', 1],
      ['2024', 2],
      ['', 2],
    ],
  )
})

test('filters keep kinds and times, and nothing without a date where a time is asked for', () => {
  const names = (by: Parameters<typeof filtered>[1]) =>
    filtered(CHART.entries, by).map(({ name }) => name)
  assert.equal(names({ kinds: [], since: undefined }).length, 5)
  assert.deepEqual(names({ kinds: ['condition', 'other'], since: undefined }), [
    'Condition/e',
    'Basic/f',
  ])
  const since = Date.parse('2025-01-01')
  assert.deepEqual(names({ kinds: [], since }), ['Observation/c'])
})

test('what was measured twice is drawn in the order of its dates', () => {
  const [one, ...more] = measuredIn(CHART.entries)
  assert.deepEqual(more, [])
  assert.equal(one.unit, '/min')
  assert.deepEqual(
    one.lines.map(({ label, points }) => [label, points.map(({ value }) => value)]),
    [['Heart rate', [61, 63]]],
  )
})

test('any resource is told in words, and only harmless attachments are shown', () => {
  const resource: Resource = {
    ...{ resourceType: 'DocumentReference', id: 'x', status: 'current' },
    type: { coding: [{ display: 'Discharge summary' }] },
    author: [{ reference: 'Practitioner/d' }, { reference: 'Practitioner/z' }],
    context: { period: { start: '2024-01-01' } },
    content: ['text/plain', 'text/html', 'image/png', 'image/svg+xml', 'application/pdf'].map(
      (contentType) => ({ attachment: { contentType, data: btoa('<b>') } }),
    ),
  }
  assert.deepEqual(described(resource, CHART.names), [
    ['Status', 'current'],
    ['Type', 'Discharge summary'],
    ['Author', 'Ada Lovelace\nPractitioner/z'],
    ['Context', '2024-01-01 – …'],
  ])
  assert.deepEqual(
    attachedTo(resource).map(({ text, picture }) => [text, picture]),
    [
      ['<b>', undefined],
      ['<b>', undefined],
      [undefined, `data:image/png;base64,${btoa('<b>')}`],
      [undefined, undefined],
      [undefined, undefined],
    ],
  )
})

test('a consent that is given here is valid FHIR, and means to the site what it says', () => {
  const words = {
    ...{ permit: 'yes', deny: 'no', other: 'other' },
    abouts: { research: 'research', elsewhere: 'elsewhere', person: 'person' },
  }
  const who = 'Practitioner/d'
  const told = (['research', 'elsewhere', 'person'] as const).map((about) => {
    const consent = consentFor('p', { about, says: 'deny', who }, new Date(0))
    assert.deepEqual(issuesOf({ ...consent, id: 'c' }, 'Consent'), [])
    const directive = readConsent(consent as unknown as JsonObject)
    assert(directive !== undefined && directive.root !== 'unreadable')
    const { type, purposes, actions, actors } = directive.root
    return [
      consentWords(consent, CHART.names, words),
      type,
      [...purposes, ...actions].map(({ code }) => code),
      actors.map(({ reference }) => reference),
    ]
  })
  assert.deepEqual(told, [
    ['no: research', 'deny', ['HRESCH'], []],
    ['no: elsewhere', 'deny', ['disclose'], []],
    ['no: Ada Lovelace', 'deny', [], [who]],
  ])
})

test('pages follow the link of the server, and numbers are spoken in groups', () => {
  const link = [{ relation: 'next', url: 'https://x/fhir/Patient/p/$everything?_page=ab%2Fc' }]
  assert.equal(nextPageIn({ resourceType: 'Bundle', link }), 'ab/c')
  assert.equal(nextPageIn({ resourceType: 'Bundle', link: [] }), undefined)
  const identifier = [{ system: 'https://fhir.nhs.uk/Id/nhs-number', value: '9990000018' }]
  assert.equal(nhsNumberOf({ resourceType: 'Patient', identifier }), '999 000 0018')
})

test('an emergency offers the reasons that the site takes, each in words', () => {
  const { reasons } = recordTexts.glass
  assert.deepEqual(Object.keys(reasons), [...BREAK_GLASS_REASONS])
  assert(Object.values(reasons).every((words) => words.length > 3))
})

test('whoever looked and is not named by the chart is looked up once, staff alone', () => {
  const by = (...references: string[]): Resource => ({
    ...{ resourceType: 'AuditEvent', id: references.join('') },
    agent: references.map((reference) => ({ who: { reference }, requestor: true })),
  })
  const events = [by('Practitioner/d'), by('Practitioner/x', 'Patient/p'), by('Practitioner/x')]
  assert.deepEqual(unnamedStaff(events, CHART.names), ['x'])
  const names = namesOf([
    { resourceType: 'Practitioner', id: 'x', name: [{ text: 'Bea Lind' }] },
    { resourceType: 'Practitioner', id: 'y' },
  ])
  assert.deepEqual([...names], [['Practitioner/x', 'Bea Lind']])
})
