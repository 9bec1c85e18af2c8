import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isObject, issuesOf, type JsonObject } from '#health'
import { newServer, patient, type Answered } from '../fixture.test.ts'

const subject = { reference: 'Patient/p' }
const concept = (text: string): JsonObject => ({ text })
const state = (of: string, code: string) => ({
  coding: [{ system: `http://terminology.hl7.org/CodeSystem/${of}`, code }],
})
const observation = (id: string, category: string, more: object = {}): JsonObject => ({
  ...{ resourceType: 'Observation', id, status: 'final', code: concept(id), subject },
  category: [state('observation-category', category)],
  ...more,
})

const RECORD: readonly JsonObject[] = [
  {
    resourceType: 'MedicationRequest',
    id: 'given',
    status: 'active',
    intent: 'order',
    subject,
    medicationReference: { reference: 'Medication/tablet' },
  },
  {
    resourceType: 'MedicationRequest',
    id: 'stopped',
    status: 'stopped',
    intent: 'order',
    subject,
    medicationCodeableConcept: concept('old'),
  },
  {
    resourceType: 'AllergyIntolerance',
    id: 'nuts',
    patient: subject,
    clinicalStatus: state('allergyintolerance-clinical', 'active'),
    code: concept('nuts <&> "shells"'),
  },
  {
    resourceType: 'AllergyIntolerance',
    id: 'wrong',
    patient: subject,
    verificationStatus: state('allergyintolerance-verification', 'entered-in-error'),
    code: concept('wrong'),
  },
  {
    resourceType: 'Condition',
    id: 'now',
    subject,
    clinicalStatus: state('condition-clinical', 'active'),
    code: concept('now'),
  },
  {
    resourceType: 'Condition',
    id: 'past',
    subject,
    clinicalStatus: state('condition-clinical', 'resolved'),
    code: concept('past'),
  },
  {
    resourceType: 'Immunization',
    id: 'done',
    status: 'completed',
    patient: subject,
    vaccineCode: concept('done'),
    occurrenceDateTime: '2020',
  },
  {
    resourceType: 'Immunization',
    id: 'not',
    status: 'not-done',
    patient: subject,
    vaccineCode: concept('not'),
    occurrenceDateTime: '2020',
  },
  observation('lab', 'laboratory'),
  observation('pulse', 'vital-signs'),
  observation('draft', 'laboratory', { status: 'preliminary' }),
  observation('smoking', 'social-history'),
]

async function filled(record = RECORD, ...args: Parameters<typeof newServer>) {
  const server = await newServer(...args)
  const { ask } = server
  await ask('PUT /Medication/tablet', {
    body: { resourceType: 'Medication', id: 'tablet', code: concept('tablet') },
  })
  await ask('PUT /Patient/p', { body: patient('p', { birthDate: '1961-03-12' }) })
  for (const resource of record) {
    const name = `${resource['resourceType'] as string}/${resource['id'] as string}`
    assert.equal((await ask(`PUT /${name}`, { body: resource })).status, 201, name)
  }
  return server
}

const entriesOf = ({ body }: Answered): JsonObject[] => body?.['entry'] as JsonObject[]
const composition = (answer: Answered): JsonObject => entriesOf(answer)[0]['resource'] as JsonObject
/** Titles with what each section refers to. */
function sections(answer: Answered): Readonly<Record<string, readonly string[]>> {
  const byUrl = new Map(
    entriesOf(answer).map(({ fullUrl, resource }) => [fullUrl as string, resource as JsonObject]),
  )
  const list = composition(answer)['section'] as JsonObject[]
  return Object.fromEntries(
    list.map(({ title, entry }) => [
      title as string,
      (entry as JsonObject[]).map(({ reference }) => {
        const resource = byUrl.get(reference as string)
        assert(resource !== undefined, 'every entry of a section is in the document')
        const { id, code, medicationCodeableConcept } = resource
        if (id !== undefined) return id as string
        const [{ code: said }] = ((code ?? medicationCodeableConcept) as JsonObject)[
          'coding'
        ] as JsonObject[]
        return said as string
      }),
    ]),
  )
}

test('a summary has what is so now in its sections, and is valid FHIR', async () => {
  const { ask } = await filled()
  const answer = await ask('GET /Patient/p/$summary')
  assert.equal(answer.status, 200, answer.text)
  assert.deepEqual(issuesOf(answer.body ?? {}, 'Bundle', 10), [])
  assert.deepEqual(sections(answer), {
    'Medication summary': ['given'],
    'Allergies and intolerances': ['nuts'],
    'Problem list': ['now'],
    Immunizations: ['done'],
    'Diagnostic results': ['lab'],
    'Vital signs': ['pulse'],
    'History of past illness': ['past'],
  })
  const types = entriesOf(answer).map(({ resource }) => (resource as JsonObject)['resourceType'])
  assert.deepEqual(types.slice(0, 2), ['Composition', 'Patient'])
  assert(types.includes('Medication'), 'what a prescription names comes with it')
  const [, allergies] = composition(answer)['section'] as JsonObject[]
  const { div } = allergies['text'] as JsonObject
  assert.match(div as string, /<li>nuts &#60;&#38;&#62; &#34;shells&#34;<\/li>/)
  assert.equal(new Set(entriesOf(answer).map(({ fullUrl }) => fullUrl)).size, types.length)
})

test('where nothing is known the required sections say so', async () => {
  const { ask } = await filled([])
  const answer = await ask('GET /Patient/p/$summary')
  assert.deepEqual(issuesOf(answer.body ?? {}, 'Bundle', 10), [])
  assert.deepEqual(sections(answer), {
    'Medication summary': ['no-medication-info'],
    'Allergies and intolerances': ['no-allergy-info'],
    'Problem list': ['no-problem-info'],
  })
})

test('what a session may not see is in no section, no narrative, and not counted', async () => {
  const { ask } = await filled(RECORD, ({ resource, action }) =>
    action !== 'create' && resource?.['id'] === 'nuts'
      ? { permit: false, reason: 'not this one' }
      : { permit: true },
  )
  const answer = await ask('GET /Patient/p/$summary')
  assert.doesNotMatch(answer.text, /nuts/)
  assert.deepEqual(sections(answer)['Allergies and intolerances'], ['no-allergy-info'])
})

test('nobody has no summary, and a parameter that is not known is refused', async () => {
  const { ask } = await filled([])
  assert.equal((await ask('GET /Patient/nobody/$summary')).status, 404)
  assert.equal((await ask('GET /Patient/p/$summary?profile=x')).status, 400)
  await ask('DELETE /Patient/p')
  assert.equal((await ask('GET /Patient/p/$summary')).status, 410)
  assert(isObject((await ask('GET /metadata')).body))
})
