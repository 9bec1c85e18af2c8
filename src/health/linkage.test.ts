import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { demographicsOf, isSlip, matchOf, wrongNhsNumbers, type JsonObject } from '#health'

const nhs = (value: string) => ({ system: 'https://fhir.nhs.uk/Id/nhs-number', value })
const person = (more: object = {}): JsonObject => ({
  resourceType: 'Patient',
  name: [{ family: 'Winterbourne', given: ['Élodie'] }],
  birthDate: '1961-03-12',
  gender: 'female',
  ...more,
})
const gradeOf = (a: JsonObject, b: JsonObject): string | undefined =>
  matchOf(demographicsOf(a), demographicsOf(b))?.grade

/** What one record says otherwise than another, and what that makes of them. */
const GRADES: readonly (readonly [string, object, object, string | undefined])[] = [
  [
    'number and day',
    { identifier: [nhs('999 000 0018')] },
    { identifier: [nhs('9990000018')], name: [] },
    'certain',
  ],
  [
    'number alone',
    { identifier: [nhs('9990000018')] },
    { identifier: [nhs('9990000018')], birthDate: '1999-09-09' },
    'probable',
  ],
  [
    'number, all else another',
    { identifier: [nhs('9990000018')] },
    {
      identifier: [nhs('9990000018')],
      birthDate: '1999-09-09',
      name: [{ family: 'Summer', given: ['Zoe'] }],
      gender: 'male',
    },
    'possible',
  ],
  [
    'name, day and postcode',
    { address: [{ postalCode: 'BS2 8HW' }] },
    { address: [{ postalCode: 'bs28hw' }] },
    'probable',
  ],
  ['name and day', {}, { name: [{ family: 'WINTERBOURNE', given: ['Elodie'] }] }, 'probable'],
  [
    'name with a slip, and day',
    {},
    { name: [{ family: 'Winterborne', given: ['Elodie'] }] },
    'probable',
  ],
  ['name, day and month swapped', {}, { birthDate: '1961-12-03' }, 'possible'],
  ['day alone', {}, { name: [{ family: 'Summer', given: ['Zoe'] }] }, undefined],
  ['name alone', {}, { birthDate: '1999-09-09' }, undefined],
  [
    'name and day but two numbers',
    { identifier: [nhs('9990000018')] },
    { identifier: [nhs('9990000026')] },
    'possible',
  ],
]

for (const [what, a, b, grade] of GRADES) {
  test(`${what}: ${grade ?? 'not the same person'}`, () => {
    assert.equal(gradeOf(person(a), person(b)), grade)
    assert.equal(gradeOf(person(b), person(a)), grade, 'either way round')
  })
}

test('an NHS number with a wrong check digit is named', () => {
  const wrong = wrongNhsNumbers(demographicsOf(person({ identifier: [nhs('9990000019')] })))
  assert.deepEqual(wrong, ['9990000019'])
  const right = wrongNhsNumbers(demographicsOf(person({ identifier: [nhs('999 000 0018')] })))
  assert.deepEqual(right, [])
})

test('one slip of a letter is found wherever it is, two are not', () => {
  const word = fc.string({
    unit: fc.constantFrom(...'a b c d e f g h'.split(' ')),
    minLength: 5,
    maxLength: 12,
  })
  fc.assert(
    fc.property(word, fc.nat(4), (name, at) => {
      const [head, tail] = [name.slice(0, at), name.slice(at)]
      assert(isSlip(name, `${head}z${tail}`), 'a letter more')
      assert(isSlip(name, head + tail.slice(1)), 'a letter less')
      assert(isSlip(name, `${head}z${tail.slice(1)}`), 'another letter')
      assert(!isSlip(name, `zz${name}`), 'two letters more')
    }),
  )
  assert(isSlip('winter', 'witner'))
  assert(!isSlip('lee', 'led'), 'short names have to be the same')
})
