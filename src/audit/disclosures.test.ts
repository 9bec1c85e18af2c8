import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accountOf, type Act } from './access-event.ts'
import { accountingOf } from './disclosures.ts'

const judged = (act: Act, purpose: readonly string[], outcome: 'done' | 'refused' = 'done') => {
  const { isDisclosure, counts } = accountingOf({
    ...{ act, outcome },
    account: { ...accountOf('london'), purpose },
  })
  return [isDisclosure, counts]
}

test('what leaves the site counts unless it is for care or goes to the patient', () => {
  assert.deepEqual(judged('sent', ['TREAT']), [true, false])
  assert.deepEqual(judged('sent', ['HPAYMT']), [true, false])
  assert.deepEqual(judged('bulk', ['HOPERAT']), [true, false])
  assert.deepEqual(judged('sent', ['PATRQT']), [true, false])
  assert.deepEqual(judged('sent', []), [true, true])
  assert.deepEqual(judged('sent', ['HRESCH']), [true, true])
  assert.deepEqual(judged('bulk', ['PUBHLTH']), [true, true])
  assert.deepEqual(judged('sent', ['TREAT', 'HRESCH']), [true, true])
})

test('what is looked at within the site, and what was refused, is no disclosure', () => {
  for (const act of ['open', 'find', 'next', 'end', 'taken'] as const) {
    assert.deepEqual(judged(act, ['HRESCH']), [false, false])
  }
  assert.deepEqual(judged('sent', [], 'refused'), [false, false])
})
