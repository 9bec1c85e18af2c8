/**
 * Whatever neighbours and far ends say: refused with a code, and the pair goes on with equal keys.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromCbor, Refusal, SeededRandom, siteId, toCbor, type CborValue } from '#base'
import { hostile } from '#world/ports'
import { keysBetween, Net, type Wire } from './fixture.test.ts'

const SQUARE = ['bristol london', 'london cambridge', 'bristol oxford', 'oxford cambridge']
const WAYS = [
  ['bristol', 'london', 'cambridge'],
  ['bristol', 'oxford', 'cambridge'],
].map((way) => way.map(siteId))

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`hostile words on every wire cost blocks and nothing else (seed ${String(seed)})`, async () => {
    const random = new SeededRandom(seed)
    const pair = { shares: 2, targetBits: 24_000, blockOctets: 256 }
    const net = await new Net(SQUARE, { 'bristol cambridge': pair }).start()
    for (const fibre of SQUARE) for (let at = 0; at < 8; at++) await net.grow(fibre)
    net.ways.set('bristol cambridge', WAYS)
    net.ways.set(
      'cambridge bristol',
      WAYS.map((way) => way.toReversed()),
    )
    const told: string[] = []
    net.wire = hostileWire(random, told)
    for (const name of ['bristol', 'cambridge']) net.site(name).relay.start()
    await net.time.advance(180_000)
    net.wire = (_, deliver) => deliver()
    await net.time.advance(90_000)

    assert(told.length > 20, `${String(told.length)} hostile words`)
    assert.deepEqual(
      [...new Set(told)].filter((code) => !isCode(code)),
      [],
    )
    const [a, b] = ['bristol', 'cambridge'].map((name) => net.site(name))
    const [here, there] = [a.keystore.pool(b.id), b.keystore.pool(a.id)]
    assert.deepEqual([here.heldBlocks, there.heldBlocks], [0, 0])
    assert.deepEqual([here.availableBits, here.peerBits], [there.peerBits, there.availableBits])
    assert(here.availableBits >= 24_000 && there.availableBits >= 24_000)
    const keys = await keysBetween(net, 'bristol', 'cambridge', 64)
    assert(keys.every(({ made, fetched }) => made === fetched))
  })
}

test('what no site should be asked is refused with a code, by each of its doors', async () => {
  const random = new SeededRandom(9)
  const net = await new Net(SQUARE, { 'bristol cambridge': { shares: 1 } }).start()
  const codes = new Set<string>()
  for (const [method, handler] of Object.entries(net.site('london').relay.handlers)) {
    for (let at = 0; at < 200; at++) {
      const octets = hostile(toCbor(ANYTHING), random)
      await assert.rejects(handler(siteId('bristol'), octets), (error: unknown) => {
        assert(error instanceof Refusal, `${method} threw ${String(error)}`)
        codes.add((error as Refusal).code)
        return true
      })
    }
  }
  assert(codes.size > 2)
})

/** Changes every fourth word: questions, answers, and the header within a hop. */
function hostileWire(random: SeededRandom, told: string[]): Wire {
  return async ({ payload }, deliver) => {
    const kind = random.below(12)
    try {
      if (kind === 0) return await deliver(hostile(payload, random))
      if (kind === 1) return await deliver(withHeader(payload, random))
      const answer = await deliver()
      if (kind !== 2 || answer.length === 0) return answer
      told.push('ANSWER')
      return hostile(answer, random)
    } catch (error) {
      told.push(error instanceof Refusal ? (error as Refusal).code : String(error))
      throw error
    }
  }
}

/** A hop with another header under the tag of the true one; other questions as they are. */
function withHeader(payload: Uint8Array, random: SeededRandom): Uint8Array {
  const members = fromCbor(payload, payload.length) as Record<string, CborValue>
  const { header } = members
  return header instanceof Uint8Array
    ? toCbor({ ...members, header: hostile(header, random) })
    : payload
}

const isCode = (told: string): boolean => /^[A-Z][A-Z_]+$/.test(told)

/** Members that some reader here takes for its own. */
const ANYTHING: CborValue = {
  link: 'bristol--cambridge',
  from: 'bristol',
  to: 'cambridge',
  epoch: 1,
  sequence: 0,
  session: '00000000-0000-4000-8000-000000000000',
  shares: 1,
  blocks: new Uint8Array(4),
  mark: new Uint8Array(4),
  header: new Uint8Array(16),
  body: new Uint8Array(64),
  tag: new Uint8Array(16),
}
