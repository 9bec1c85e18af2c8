import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fold, intervalOfDate, spelledNumber } from '#health'

test('what a reader takes for the same folds to the same', () => {
  for (const [text, folded] of [
    ['Müller', 'muller'],
    ['MULLER', 'muller'],
    ['Mu\u0308ller', 'muller'],
    ['O’Neill', 'oneill'],
    ["O'Neill", 'oneill'],
    ['Smith‐Jones', 'smith jones'],
    ['Łukasz  Ørsted\tStraße', 'lukasz orsted strasse'],
    ['İstanbul', 'istanbul'],
    ['ﬁne', 'fine'],
    ['山田', '山田'],
    ['  ', ''],
  ]) {
    assert.equal(fold(text), folded)
  }
})

test('folding twice is folding once, and case never matters', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }))
  fc.assert(
    fc.property(text, (one) => assert.equal(fold(fold(one)), fold(one))),
    { numRuns: 3000 },
  )
  const latin = fc.string({
    unit: fc.constantFrom(...'a à À b ç Ç d é É ñ Ñ ö Ö ø Ø ß ł Ł - ’ .'.split(' '), ' '),
  })
  fc.assert(fc.property(latin, (one) => assert.equal(fold(one.toUpperCase()), fold(one))))
})

test('a date is the time that its spelling leaves open', () => {
  const at = (text: string) => intervalOfDate(text)?.map((ms) => new Date(ms).toISOString())
  assert.deepEqual(at('2000'), ['2000-01-01T00:00:00.000Z', '2001-01-01T00:00:00.000Z'])
  assert.deepEqual(at('2000-12'), ['2000-12-01T00:00:00.000Z', '2001-01-01T00:00:00.000Z'])
  assert.deepEqual(at('2000-02-29'), ['2000-02-29T00:00:00.000Z', '2000-03-01T00:00:00.000Z'])
  assert.deepEqual(at('2000-03-01T01:30+02:00'), [
    '2000-02-29T23:30:00.000Z',
    '2000-02-29T23:31:00.000Z',
  ])
  assert.deepEqual(at('2000-03-01T01:30:00.25Z'), [
    '2000-03-01T01:30:00.250Z',
    '2000-03-01T01:30:00.260Z',
  ])
})

test('a date of the calendar is where the calendar has it', () => {
  const days = fc.date({
    min: new Date('0001-01-01'),
    max: new Date('9998-12-31'),
    noInvalidDate: true,
  })
  fc.assert(
    fc.property(days, (date) => {
      const text = date.toISOString()
      assert.equal(intervalOfDate(text)?.[0], date.getTime())
      assert.equal(intervalOfDate(text.slice(0, 10))?.[0], Date.parse(text.slice(0, 10)))
    }),
  )
})

test('what is no date is none', () => {
  for (const text of [
    '1900-02-29',
    '2001-02-29',
    '2000-13',
    '2000-00',
    '2000-04-31',
    '2000-01-01T24:00Z',
    '2000-01-01T10',
    '2000-01-01T10:00+15:00',
    '80',
    '2000-1-1',
    '',
  ]) {
    assert.equal(intervalOfDate(text), undefined, text)
  }
})

test('a number stands for all that rounds to it', () => {
  const range = (text: string) =>
    spelledNumber(text)?.range.map((end) => Number(end.toPrecision(9)))
  assert.deepEqual(range('100'), [99.5, 100.5])
  assert.deepEqual(range('100.00'), [99.995, 100.005])
  assert.deepEqual(range('5.40e-3'), [0.005395, 0.005405])
  assert.deepEqual(range('-5.4'), [-5.45, -5.35])
  for (const text of ['', '.5', '5.', '1e9999', 'NaN', 'Infinity', '0x10', '1 ', '1'.repeat(65)]) {
    assert.equal(spelledNumber(text), undefined, text)
  }
})
