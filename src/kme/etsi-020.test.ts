/**
 * Keys between two operators: the same on both sides, for the applications agreed, once.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  clinic,
  doctor,
  ely,
  fingerprintOf,
  idsOf,
  keysOf,
  nurse,
  operators,
  originOf,
  thetford,
  ward,
} from './two-operators.test.ts'

for (const synchronous of [true, false]) {
  const mode = synchronous ? 'at once' : 'by callback'
  test(`a doctor of one operator and a ward of another share keys, acknowledged ${mode}`, async () => {
    const two = await operators({ synchronous })
    const made = await two.make(ely, doctor, ward, { number: 3, size: 512 })
    const fetched = await two.fetch(thetford, ward, doctor, idsOf(made))
    assert.equal(keysOf(made).length, 3)
    assert.deepEqual(keysOf(fetched), keysOf(made))
    assert.equal((await two.fetch(thetford, ward, doctor, idsOf(made))).status, 400)
    const paths = two.sent.map(({ url }) => new URL(url).pathname)
    assert.equal(paths.includes('/kmapi/v1/ext_keys/ack'), !synchronous)
  })
}
