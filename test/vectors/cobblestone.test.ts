/**
 * Cobblestone-256 against the vectors that its author published through Wycheproof: made by
 * filippo.io/cobblestone, a Go implementation that shares nothing with ours.
 */

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { inflateSync } from 'node:zlib'
import { fromHex, hex } from '#base'
import { openMessage, sealMessage } from '#envelope'

interface Vector {
  readonly tcId: number
  readonly comment: string
  readonly key: string
  readonly ctx: string
  readonly ct: string
  readonly result: 'valid' | 'invalid'
  readonly msgLength?: number
  readonly msgSha512?: string
}

const file = join(import.meta.dirname, 'cobblestone-256.json')
const { tests } = JSON.parse(readFileSync(file, 'utf8')) as { tests: readonly Vector[] }

for (const vector of tests) {
  const { tcId, comment, result } = vector
  test(`Cobblestone-256 vector ${tcId} is ${result}: ${comment}`, () => {
    const [key, context] = [fromHex(vector.key), fromHex(vector.ctx)]
    const payload = new Uint8Array(inflateSync(fromHex(vector.ct)))
    if (result === 'invalid') {
      const refusal = { name: 'EnvelopeRefusal', code: 'CONTAINER_REFUSED' }
      assert.throws(() => openMessage(key, context, payload), refusal)
      return
    }
    const message = openMessage(key, context, payload)
    assert.equal(message.length, vector.msgLength)
    assert.equal(createHash('sha512').update(message).digest('hex'), vector.msgSha512)
    const again = new Uint8Array(payload.length)
    sealMessage({ dataKey: key, salt: payload.subarray(0, 24), context }, message, again)
    assert.equal(hex(again), hex(payload))
  })
}

test('both kinds of vector are there', () => {
  const valid = tests.filter(({ result }) => result === 'valid')
  assert.deepEqual([valid.length, tests.length - valid.length], [6, 17])
})
