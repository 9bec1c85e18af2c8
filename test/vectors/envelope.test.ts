/** `spec/vectors/envelope.json`, read by the daemon's code and by a second decoder. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromHex, hex, newUuid, SecretBytes, siteId, uuid, type SiteId, type Uuid } from '#base'
import { simulatedRandom } from '#crypto'
import {
  containerHash,
  newDataKey,
  open,
  parseContainer,
  seal,
  WrapCounter,
  WrappingKey,
} from '#envelope'
import { envelopeVectors } from '../../tools/make-envelope-vectors.ts'
import { decode } from './envelope-decoder.ts'

interface Valid {
  readonly comment: string
  readonly header: {
    readonly tenant: SiteId
    readonly object: Uuid
    readonly version: number
    readonly contentType: number
    readonly length: number
  }
  readonly headerOctets: string
  readonly headerHash: string
  readonly dataKey: string
  readonly wrapsTag: string
  readonly salt: string
  readonly commitment: string
  readonly containerHash: string
  readonly length: number
  readonly container: string
}

interface Vectors {
  readonly wrappingKeys: readonly { readonly id: string; readonly key: string }[]
  readonly valid: readonly Valid[]
  readonly invalid: readonly { readonly comment: string; readonly container: string }[]
}

const file = join(import.meta.dirname, '../../spec/vectors/envelope.json')
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors
const keys = vectors.wrappingKeys.map(({ id, key }) => ({
  id,
  octets: fromHex(key),
  opener: new WrappingKey({ id: uuid(id), key: SecretBytes.take(fromHex(key)) }),
}))

test('the generator makes the published file, octet for octet', () => {
  assert.deepEqual(vectors, JSON.parse(JSON.stringify(envelopeVectors())))
})

test('both readers open every valid container to the published values', () => {
  assert.equal(vectors.valid.length, 6)
  for (const vector of vectors.valid) {
    const container = fromHex(vector.container)
    const expected = Uint8Array.from({ length: vector.length }, (_, i) => 31 * i + (i >> 8))
    const parsed = parseContainer(container)
    assert.equal(hex(parsed.headerOctets), vector.headerOctets)
    assert.equal(hex(parsed.headerHash), vector.headerHash)
    assert.equal(hex(parsed.wrapsTag), vector.wrapsTag)
    assert.equal(hex(parsed.payload.subarray(0, 56)), vector.salt + vector.commitment)
    assert.equal(hex(containerHash(container)), vector.containerHash)
    using dataKey = SecretBytes.take(fromHex(vector.dataKey))
    for (const by of [dataKey, ...keys.slice(0, parsed.wraps.length).map((one) => one.opener)]) {
      const opened = open({ container, by, expected: vector.header })
      assert.deepEqual(opened, { header: vector.header, plaintext: expected }, vector.comment)
    }
    for (const { id, octets } of keys.slice(0, parsed.wraps.length)) {
      const second = decode(container, id, octets)
      assert.equal(second.object, vector.header.object.replaceAll('-', ''))
      assert.deepEqual(second.plaintext, expected)
      assert.equal(hex(second.containerHash), vector.containerHash)
      assert.equal(hex(second.headerOctets), vector.headerOctets)
    }
  }
})

test('both readers refuse every invalid container', () => {
  assert.equal(vectors.invalid.length, 38)
  for (const { comment, container } of vectors.invalid) {
    const octets = fromHex(container)
    for (const { id, octets: key, opener } of keys) {
      assert.throws(
        () => open({ container: octets, by: opener, expected: {} }),
        { code: 'CONTAINER_REFUSED' },
        comment,
      )
      assert.throws(() => decode(octets, id, key), Error, comment)
    }
  }
})

test('the second reader opens whatever the daemon seals, and agrees on what is broken', () => {
  const random = simulatedRandom(new Uint8Array(32).fill(21))
  const shapes = fc.record({
    tenant: fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/),
    version: fc.integer({ min: 1, max: 2 ** 53 - 1 }),
    contentType: fc.nat(65_535),
    length: fc.oneof(fc.nat(40), fc.constantFrom(16_383, 16_384, 16_385)),
    others: fc.nat(3),
    at: fc.nat(),
    bit: fc.nat(7),
  })
  fc.assert(
    fc.property(shapes, ({ tenant, version, contentType, length, others, at, bit }) => {
      const [{ id, octets, opener }] = keys
      const header = { tenant: siteId(tenant), object: newUuid(random), version, contentType }
      const plaintext = random.octets(length)
      using dataKey = newDataKey(random)
      const names = [uuid(id), ...Array.from({ length: others }, () => newUuid(random))]
      const wrapUnder = names.map(
        (name) =>
          new WrappingKey({
            id: name,
            key: SecretBytes.copyOf(octets),
            counter: new WrapCounter(),
          }),
      )
      const container = seal({ header, plaintext, dataKey, wrapUnder, random })
      const second = decode(container, id, octets)
      assert.equal(hex(second.plaintext), hex(plaintext))
      assert.equal(hex(second.containerHash), hex(containerHash(container)))
      const { object, ...numbers } = header
      const { tenant: secondTenant, version: secondVersion, contentType: secondType } = second
      assert.deepEqual(
        { tenant: secondTenant, version: secondVersion, contentType: secondType },
        numbers,
      )
      assert.equal(second.object, object.replaceAll('-', ''))
      const place = at % container.length
      const broken = container.with(place, container[place] ^ (1 << bit))
      assert.throws(() => decode(broken, id, octets))
      assert.throws(() => open({ container: broken, by: opener, expected: {} }))
    }),
    { numRuns: 40 },
  )
})
