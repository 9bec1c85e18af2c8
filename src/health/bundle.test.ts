import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { utf8 } from '#base'
import {
  BUNDLE_ENTRIES_MAX,
  canonicalText,
  finish,
  HealthRefusal,
  isSynthetic,
  readImportSteps,
  type ImportedResource,
  type JsonObject,
} from '#health'

const ids = (): (() => string) => {
  let last = 0
  return () => `new-${++last}`
}
const read = (value: unknown): readonly ImportedResource[] =>
  finish(readImportSteps(utf8(typeof value === 'string' ? value : JSON.stringify(value)), ids()))

const A = 'urn:uuid:00000000-0000-4000-8000-00000000000a'
const B = 'urn:uuid:00000000-0000-4000-8000-00000000000b'
const post = (url: string): object => ({ request: { method: 'POST', url } })
const patient = (id?: string): object => ({ resourceType: 'Patient', ...(id && { id }) })
const condition = (reference: string): object => ({
  resourceType: 'Condition',
  subject: { reference },
})
const bundle = (...entry: unknown[]): object => ({
  resourceType: 'Bundle',
  type: 'transaction',
  entry,
})
const entries = {
  a: { fullUrl: A, resource: patient('a'), ...post('Patient') },
  b: { fullUrl: B, resource: condition(A), ...post('Condition') },
}

const refused = (value: unknown, code: string, place: string): void => {
  assert.throws(
    () => read(value),
    (error) => {
      assert(error instanceof HealthRefusal, String(error))
      assert.deepEqual([error.code, error.issues[0].place], [code, place])
      return true
    },
  )
}

test('references between entries become Type/id, in either order of the entries', () => {
  for (const order of [
    [entries.a, entries.b],
    [entries.b, entries.a],
  ]) {
    const texts = read(bundle(...order)).map(({ value }) => canonicalText(value))
    assert.deepEqual(texts.toSorted(), [
      '{"resourceType":"Condition","id":"new-1","subject":{"reference":"Patient/a"}}',
      '{"resourceType":"Patient","id":"a"}',
    ])
  }
})

test('an absolute fullUrl gives an id and is resolved like any other', () => {
  const fullUrl = 'https://elsewhere.example/fhir/Patient/p-9'
  const [first, second] = read({
    ...bundle({ fullUrl, resource: patient() }, { resource: condition(fullUrl) }),
    type: 'collection',
  })
  assert.equal(first.id, 'p-9')
  assert.deepEqual(second.value['subject'], { reference: 'Patient/p-9' })
})

test('only references and links are rewritten, not every text that equals a fullUrl', () => {
  const resource = {
    resourceType: 'Patient',
    identifier: [{ system: 'urn:ietf:rfc:3986', value: A }],
    photo: [{ url: A }],
  }
  const [{ value }] = read(bundle({ fullUrl: A, resource, ...post('Patient') }))
  assert.equal((value['identifier'] as JsonObject[])[0]['value'], A)
  assert.equal((value['photo'] as JsonObject[])[0]['url'], 'Patient/new-1')
})

test('a reference that no entry resolves is refused, one to a stored resource is not', () => {
  refused(bundle(entries.b), 'HEALTH_RESOURCE_INVALID', 'entry[0].resource.subject.reference')
  refused(
    bundle({ ...entries.b, resource: condition('Patient?identifier=x|1') }),
    'HEALTH_RESOURCE_INVALID',
    'entry[0].resource.subject.reference',
  )
  const [{ ownership }] = read(bundle({ ...entries.b, resource: condition('Patient/stored') }))
  assert.deepEqual(ownership, {
    kind: 'patients',
    subjects: [{ kind: 'reference', reference: 'Patient/stored' }],
  })
})

test('what is not supported or not sound is refused with its place', () => {
  const change = (...changes: object[]): object =>
    bundle(Object.assign({}, entries.a, ...changes) as object)
  const request = { method: 'POST', url: 'Patient' }
  const unsupported = 'HEALTH_UNSUPPORTED'
  const unsound = 'HEALTH_BUNDLE_INVALID'
  const cases: readonly (readonly [unknown, string, string])[] = [
    [{ ...bundle(entries.a), type: 'document' }, unsupported, 'type'],
    [
      change({ request: { method: 'DELETE', url: 'Patient/a' } }),
      unsupported,
      'entry[0].request.method',
    ],
    [
      change({ request: { ...request, ifNoneExist: 'a=b' } }),
      unsupported,
      'entry[0].request.ifNoneExist',
    ],
    [
      change({ request: { method: 'PUT', url: 'Patient?a=b' } }),
      unsupported,
      'entry[0].request.url',
    ],
    [change({ request: { method: 'PUT', url: 'Patient/other' } }), unsound, 'entry[0].resource'],
    [change({ request: { method: 'POST', url: 'Observation' } }), unsound, 'entry[0].resource'],
    [change({ request: undefined }), unsound, 'entry[0].request'],
    [change({ resource: undefined }), unsound, 'entry[0].resource'],
    [change({ fullUrl: 'a b' }), unsound, 'entry[0].fullUrl'],
    [change({ Ottoline: 1 }), unsound, 'entry[0].{member 4}'],
    [bundle(entries.a, entries.a), unsound, 'entry[1].fullUrl'],
    [bundle(entries.a, { ...entries.a, fullUrl: B }), unsound, 'entry[1].resource'],
    [bundle(), unsound, 'entry'],
    [bundle(1), unsound, 'entry[0]'],
    [{ ...bundle(entries.a), total: 1 }, 'HEALTH_RESOURCE_INVALID', ''],
    [
      bundle(...Array.from({ length: BUNDLE_ENTRIES_MAX + 1 }, () => 1)),
      'HEALTH_BUNDLE_TOO_LARGE',
      'entry',
    ],
    [[], 'HEALTH_JSON_INVALID', ''],
    [{}, 'HEALTH_RESOURCE_INVALID', 'resourceType'],
    [
      change({ resource: { resourceType: 'Ottoline' } }),
      'HEALTH_RESOURCE_INVALID',
      'entry[0].resource.resourceType',
    ],
    [
      change({ resource: { resourceType: 'Patient', id: 'a b' } }),
      'HEALTH_RESOURCE_INVALID',
      'entry[0].resource.id',
    ],
  ]
  for (const [value, code, place] of cases) refused(value, code, place)
  assert.equal(read(bundle(entries.a)).length, 1)
})

test('one invalid resource refuses the whole, with all its faults and none of its values', () => {
  const faulty = { resourceType: 'Patient', birthDate: 'Ottoline', gender: 5 }
  const value = bundle(entries.a, { fullUrl: B, resource: faulty, ...post('Patient') })
  assert.throws(
    () => read(value),
    (error) => {
      assert(error instanceof HealthRefusal)
      const places = error.issues.map(({ place }) => place)
      assert.deepEqual(places.toSorted(), [
        'entry[1].resource.birthDate',
        'entry[1].resource.gender',
      ])
      assert.equal(error.message, `At ${places[0]}: ${error.issues[0].reason} (and 1 more)`)
      assert(!JSON.stringify([error.message, error.issues, error.facts]).includes('Ottoline'))
      return true
    },
  )
})

test('a resource changed at any one place is either valid or refused, never a crash', () => {
  const [sound] = [
    {
      resourceType: 'Observation',
      id: 'o1',
      status: 'final',
      code: { coding: [{ system: 'http://loinc.org', code: '1-8' }] },
      subject: { reference: 'Patient/a' },
      component: [{ code: { text: 'x' }, valueQuantity: { value: 1.5, unit: 'g' } }],
      extension: [{ url: 'urn:x', valuePeriod: { start: '2024-01-01' } }],
      contained: [{ resourceType: 'Patient', id: 'p', name: [{ given: ['A', 'B'] }] }],
    },
  ]
  const pieces = fc.constantFrom<unknown>(
    null,
    1,
    -1.5,
    true,
    '',
    'x y',
    [],
    {},
    [[]],
    [null],
    [1],
    { a: 1 },
    { resourceType: 'Patient' },
  )
  fc.assert(
    fc.property(fc.nat(), pieces, (at, piece) => {
      const copy = structuredClone(sound)
      const spots: (() => void)[] = []
      const visit = (value: unknown): void => {
        if (typeof value !== 'object' || value === null) return
        for (const key of Object.keys(value)) {
          spots.push(() => void ((value as Record<string, unknown>)[key] = piece))
          visit((value as Record<string, unknown>)[key])
        }
      }
      visit(copy)
      spots[at % spots.length]()
      try {
        assert.equal(read(copy).length, 1)
      } catch (error) {
        assert(error instanceof HealthRefusal, String(error))
        assert(error.issues.length > 0)
      }
    }),
    { numRuns: 500 },
  )
})

test('an import is read in many steps', () => {
  const many = Array.from({ length: 400 }, (_, at) => ({
    fullUrl: `urn:uuid:${at}`,
    resource: patient(`p${at}`),
    ...post('Patient'),
  }))
  const steps = readImportSteps(utf8(JSON.stringify(bundle(...many))), ids())
  let count = 0
  while (steps.next().done !== true) count++
  assert(count > 25, `${count} steps`)
})

const data = resolve(import.meta.dirname, '../../../shared/data/fhir')
const skip = existsSync(data) ? false : 'needs ../shared/data'

test('every Synthea bundle is valid, synthetic and kept to the letter', { skip }, () => {
  for (const file of readdirSync(join(data, 'synthea'))) {
    const text = readFileSync(join(data, 'synthea', file), 'utf8')
    const resources = read(text)
    assert.deepEqual(
      resources.map(({ value }) => canonicalText(value)),
      expectedTexts(text),
      file,
    )
    for (const { type, value } of resources) if (type === 'Patient') assert(isSynthetic(value))
  }
})

test('HL7 examples are kept to the letter, but for two that break R4', { skip }, () => {
  const broken: string[] = []
  for (const file of readdirSync(join(data, 'hl7-r4-examples'))) {
    const text = readFileSync(join(data, 'hl7-r4-examples', file), 'utf8')
    try {
      const texts = read(text).map(({ value }) => canonicalText(value))
      assert(texts.join('\n') === expectedTexts(text).join('\n'), file)
    } catch (error) {
      assert(error instanceof HealthRefusal, String(error))
      broken.push(`${file}: ${error.issues[0].place}`)
    }
  }
  // A questionnaire whose items lack their linkId, and a code system that has one code twice.
  assert.deepEqual(broken, [
    'bundle-questionnaire.json: item[0].item[0].linkId',
    'codesystem-example.json: ',
  ])
})

/** What must be stored of a file: its resources as the platform reads and writes them. */
function expectedTexts(file: string): readonly string[] {
  const document = JSON.parse(file, exactly) as Resource & { readonly entry?: readonly Entry[] }
  if (document.resourceType !== 'Bundle') {
    const { resourceType, id = 'new-1', ...rest } = document
    return [JSON.stringify(document.id === undefined ? { resourceType, id, ...rest } : document)]
  }
  const entry = document.entry ?? []
  const targets = new Map(
    entry.map(({ fullUrl, resource }) => [
      fullUrl,
      `${resource.resourceType}/${resource.id ?? ''}`,
    ]),
  )
  return entry.map(({ resource }) =>
    JSON.stringify(resource).replaceAll(
      /"reference":"([^"]*)"/g,
      (_, target: string) => `"reference":"${targets.get(target) ?? target}"`,
    ),
  )
}

interface Resource {
  readonly resourceType: string
  readonly id?: string
}
interface Entry {
  readonly fullUrl: string
  readonly resource: Resource
}

/** The platform's own way to keep numbers as spelled, as the oracle of ours. */
const exactly = (_: string, value: unknown, context?: { source?: string }): unknown =>
  typeof value === 'number' && context?.source !== undefined
    ? (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(context.source)
    : value
