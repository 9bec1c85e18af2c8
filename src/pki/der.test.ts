/** Just enough DER, strictly. @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex } from '#base'
import { derElements, derInteger, sequenceOf, signedParts } from './der.ts'

test('DER is taken apart strictly', () => {
  assert.deepEqual(
    sequenceOf(fromHex('3003020105'))?.map(({ content }) => content[0]),
    [5],
  )
  assert.deepEqual(derElements(new Uint8Array(0)), [])
  const refused = ['30', '3003020105ff', '30800000', '308103020105', '3082000302010500', '3f0100']
  for (const digits of refused) assert.equal(sequenceOf(fromHex(digits)), undefined, digits)
  assert.equal(sequenceOf(fromHex('0201053000')), undefined)
  // SEQUENCE { SEQUENCE {}, NULL, BIT STRING }: a signature has whole octets.
  assert.deepEqual(signedParts(fromHex('30083000050003020007'))?.signature, Uint8Array.of(7))
  for (const digits of [
    '30083000050003020107',
    '3007300005000301' + '00',
    '30083000050004020007',
  ]) {
    assert.equal(signedParts(fromHex(digits)), undefined, digits)
  }
  const numbers = [0, 127, 128, 255, 256, 65_535].map((n) => derInteger(n).toHex())
  assert.deepEqual(numbers, ['020100', '02017f', '02020080', '020200ff', '02020100', '020300ffff'])
})
