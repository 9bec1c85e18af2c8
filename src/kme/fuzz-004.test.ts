/**
 * Arbitrary frames and messages about key streams: answered or refused, and no chunk twice.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hex, uint32, utf8, uuidOctets } from '#base'
import { KmeRefusal } from '#kme'
import { SERVICE, STREAM_STATUS as IS } from './etsi-004.ts'
import { NO_NAME, OF_BRISTOL, OF_CAMBRIDGE, pair, stream } from './stream-calls.test.ts'
import { archive, cambridge, certificate } from './two-kmes.test.ts'

test('whatever comes in a frame, it is answered or refused as unreadable', async () => {
  const two = await pair({}, 512)
  const name = await stream(two)
  const parts = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc
      .tuple(fc.constantFrom(name, NO_NAME, OF_CAMBRIDGE), fc.nat(2 ** 32 - 1), fc.nat(2000))
      .map(([id, index, room]) =>
        Uint8Array.from([...uuidOctets(id), ...uint32(index), ...uint32(room)]),
      ),
    fc
      .tuple(fc.string(), fc.string(), fc.uint8Array({ minLength: 300, maxLength: 300 }))
      .map(([a, b, rest]) => Uint8Array.from([...utf8(`${a}\0${b}\0`), ...rest])),
  )
  const seen = new Map<string, string>()
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 10 }), parts, async (service, body) => {
      try {
        const client = certificate(archive)
        const answer = await two.a.kme.stream({ service, body, client })
        assert.equal(answer.service, service + 1)
        const view = new DataView(answer.body.buffer)
        assert(view.getUint32(0) <= 8)
        if (answer.service !== SERVICE.got || view.getUint32(0) !== IS.success) return
        const key = hex(answer.body.subarray(12, 12 + view.getUint32(8)))
        assert(!seen.has(key), 'no chunk comes twice')
        seen.set(key, name)
      } catch (error) {
        assert(error instanceof KmeRefusal && error.code === 'KME_REQUEST_INVALID')
      }
    }),
    { numRuns: 1500, seed: 4 },
  )
})

test('whatever another KME says about a stream, it is answered or refused', async () => {
  const two = await pair()
  await stream(two, { name: OF_BRISTOL })
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (octets) => {
      await assert.rejects(two.a.kme.acceptStream(cambridge, octets))
    }),
    { numRuns: 300, seed: 5 },
  )
})
