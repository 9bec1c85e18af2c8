import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LinkRates } from './link-rates.ts'

const block = (atMs: number) => ({ atMs, siftedBits: 4_000_000, secretBits: 1_000_000 })

/** Blocks of a link that makes one in so many seconds, and its rates after the last. */
function grown(seconds: number, blocks: number): LinkRates {
  const rates = new LinkRates(0)
  for (let at = 1; at <= blocks; at++) rates.note(block(at * seconds * 1000))
  return rates
}

test('a link whose blocks are a minute apart has its rate between two of them too', () => {
  const rates = grown(60, 6)
  for (const after of [0, 20, 59]) {
    const { secret, sifted } = rates.at(360_000 + after * 1000)
    assert.equal(sifted, 4 * secret)
    assert(secret > 13_000 && secret < 16_700, `${secret} b/s after ${after} s`)
  }
  assert.equal(Math.round(rates.at(360_000).secret), 16_667)
})

test('the rate follows a link that grows slower, within four blocks', () => {
  const rates = grown(1, 100)
  assert.equal(rates.at(100_000).secret, 1_000_000)
  for (let at = 1; at <= 4; at++) rates.note(block(100_000 + at * 20_000))
  assert.equal(rates.at(180_000).secret, 50_000)
})

test('a link that stops making blocks falls, to zero after three of its longest gaps', () => {
  const rates = grown(20, 5)
  const { secret } = rates.at(100_000)
  assert(rates.at(130_000).secret < secret)
  assert(rates.at(160_000).secret > 0)
  assert.equal(rates.at(160_001).secret, 0)
  const quick = grown(0.1, 200)
  assert(quick.at(30_000).secret > 0, 'ten seconds are the least')
  assert.equal(quick.at(30_001).secret, 0)
})

test('a session begins without what an earlier one made', () => {
  const rates = grown(60, 6)
  rates.restart(400_000)
  assert.deepEqual(rates.at(410_000), { sifted: 0, secret: 0 })
  rates.note(block(460_000))
  assert.equal(Math.round(rates.at(460_000).secret), 16_667)
})
