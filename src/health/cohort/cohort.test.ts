import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sameOctets, SeededRandom, textOf } from '#base'
import {
  finish,
  generateCohort,
  identifiersOf,
  isNhsNumber,
  isSynthetic,
  isTestNhsNumber,
  readImportSteps,
  referencesOf,
  testNhsNumbers,
} from '#health'

const newId = (): never => assert.fail('every resource of a cohort has its id')
const cohort = (seed: number, patients: number) => [...generateCohort({ seed, patients })]

test('one seed gives one cohort, to the octet, and a longer one begins with a shorter', () => {
  const [once, again, other] = [cohort(7, 5), cohort(7, 8), cohort(8, 5)]
  assert(once.every(({ octets }, at) => sameOctets(octets, again[at].octets)))
  assert(!once.some(({ octets }, at) => sameOctets(octets, other[at].octets)))
})

test('a cohort is valid R4, synthetic, each patient with an NHS number of its own', () => {
  const numbers = new Set<string>()
  const stored = new Set<string>()
  const types = new Set<string>()
  for (const { name, octets } of cohort(1, 40)) {
    const resources = finish(readImportSteps(octets, newId))
    for (const { type, id } of resources) stored.add(`${type}/${id}`)
    for (const { type, value, ownership } of resources) {
      types.add(type)
      assert.equal(ownership.kind, name === 'organisations' ? 'shared' : 'patients')
      for (const reference of referencesOf(value)) assert(stored.has(reference), reference)
      if (type !== 'Patient') continue
      assert(isSynthetic(value))
      numbers.add(identifiersOf(value)[0].value)
    }
  }
  assert.equal(numbers.size, 40)
  assert.deepEqual([...types].toSorted(), [
    'AllergyIntolerance',
    'Condition',
    'DocumentReference',
    'Encounter',
    'MedicationRequest',
    'Observation',
    'Organization',
    'Patient',
    'Practitioner',
  ])
})

test('some quantities of a cohort end in a zero, as laboratories write them', () => {
  const text = cohort(1, 10)
    .map(({ octets }) => textOf(octets))
    .join('')
  assert.match(text, /"value":\d+\.\d*0[,}]/)
})

test('the check digit finds every single wrong digit and every swap of neighbours', () => {
  const numbers = [...testNhsNumbers(new SeededRandom(3)).take(200)]
  fc.assert(
    fc.property(
      fc.constantFrom(...numbers),
      fc.nat(9),
      fc.integer({ min: 1, max: 9 }),
      (text, at, by) => {
        assert(isNhsNumber(text) && isTestNhsNumber(text))
        const digits = text.split('').map(Number)
        const wrong = digits.with(at, (digits[at] + by) % 10)
        assert(!isNhsNumber(wrong.join('')))
        if (at === 9 || digits[at] === digits[at + 1]) return
        assert(
          !isNhsNumber(
            digits
              .with(at, digits[at + 1])
              .with(at + 1, digits[at])
              .join(''),
          ),
        )
      },
    ),
  )
})

test('known NHS numbers are accepted and their neighbours are not', () => {
  assert(isNhsNumber('943 476 5919'))
  assert(!isTestNhsNumber('943 476 5919'))
  for (const bad of ['', '943476591', '94347659190', '9434765918', '943-476-5919', '943476591x']) {
    assert(!isNhsNumber(bad), bad)
  }
})

test('the test range is walked once, without a repetition', () => {
  const all = new Set(testNhsNumbers(new SeededRandom(9)))
  assert(all.size > 900_000 && all.size < 920_000)
  assert(all.values().every((text) => text.startsWith('999')))
})

test('a cohort has a limit', () => {
  assert.throws(() => cohort(1, -1), RangeError)
  assert.throws(() => cohort(1, 500_001), RangeError)
})
