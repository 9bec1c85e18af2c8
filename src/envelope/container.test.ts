import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { concat, hex, newUuid, SecretBytes, siteId, type Uuid } from '#base'
import { simulatedRandom } from '#crypto'
import {
  containerHash,
  CONTENT_TYPE_MAX,
  LENGTH_MAX,
  newDataKey,
  open,
  parseContainer,
  seal,
  WrapCounter,
  WrappingKey,
  type ContainerHeader,
  type SealInput,
} from './mod.ts'

const random = simulatedRandom(new Uint8Array(32).fill(11))
const by = newKey()
const header = {
  tenant: siteId('bristol'),
  object: newUuid(random),
  version: 7,
  contentType: 3,
}
const plaintext = Uint8Array.from({ length: 100 }, (_, at) => at)
const container = sealed()

test('what is sealed is opened, for every length around the border of a chunk', () => {
  const lengths = fc.oneof(fc.nat(200), fc.integer({ min: 16_370, max: 16_400 }), fc.nat(70_000))
  fc.assert(
    fc.property(lengths, fc.integer({ min: 1, max: 4 }), (length, keys) => {
      const text = random.octets(length)
      const wrapUnder = Array.from({ length: keys }, newKey)
      const octets = sealed({ plaintext: text, wrapUnder })
      for (const key of wrapUnder) {
        const opened = open({ container: octets, by: key, expected: header })
        assert.deepEqual(opened.plaintext, text)
        assert.deepEqual(opened.header, { ...header, length })
      }
    }),
    { numRuns: 30 },
  )
})

test('the data key itself opens a container, and stays with its owner', () => {
  using dataKey = newDataKey(random)
  const octets = sealed({ dataKey })
  assert.deepEqual(open({ container: octets, by: dataKey, expected: {} }).plaintext, plaintext)
  assert.equal(dataKey.length, 32)
  using other = newDataKey(random)
  refuses(octets, { by: other })
  using short = SecretBytes.take(new Uint8Array(31))
  refuses(octets, { by: short })
})

test('one changed octet, anywhere, is refused in the same words', () => {
  const words = new Set<string>()
  for (let at = 0; at < container.length; at++) {
    for (const change of [0x01, 0x80, 0xff]) {
      words.add(refuses(container.with(at, container[at] ^ change)))
    }
  }
  for (let size = 0; size < container.length; size++) {
    words.add(refuses(container.subarray(0, size)))
  }
  for (const more of [1, 16, 16_400]) words.add(refuses(concat(container, new Uint8Array(more))))
  words.add(refuses(container, { by: newKey() }))
  words.add(refuses(container, { expected: { version: 8 } }))
  assert.deepEqual([...words], ['EnvelopeRefusal CONTAINER_REFUSED The container does not open'])
})

test('in a container of several chunks, no border can be touched', () => {
  const octets = sealed({ plaintext: random.octets(3 * 16_384 + 50) })
  const { payloadAt } = parseContainer(octets)
  for (let chunk = 0; chunk <= 3; chunk++) {
    const at = payloadAt + 56 + chunk * 16_400
    for (let near = Math.max(at - 20, payloadAt); near < at + 20; near++) {
      refuses(octets.with(near, octets[near] ^ 4))
    }
    refuses(octets.subarray(0, at))
    refuses(octets.subarray(0, at + 16))
    refuses(concat(octets.subarray(0, at), octets.subarray(at + 16_400)))
  }
})

test('the payload, wraps or header of another container under the same key do not fit', () => {
  const others = [
    sealed(),
    sealed({ plaintext: plaintext.with(0, 9) }),
    sealed({ header: { ...header, version: 8 } }),
  ]
  const mine = parts(container)
  for (const other of others) {
    const theirs = parts(other)
    for (let mask = 1; mask < 7; mask++) {
      const mixed = mine.map((part, at) => ((mask >> at) & 1 ? theirs[at] : part))
      const joined = concat(...mixed)
      if (hex(joined) === hex(container) || hex(joined) === hex(other)) continue
      refuses(joined)
    }
  }
})

test('a container does not open as another tenant, object, version, type or length', () => {
  const said: ContainerHeader = { ...header, length: plaintext.length }
  const others: Partial<ContainerHeader>[] = [
    { tenant: siteId('bristo') },
    { object: newUuid(random) },
    { version: 6 },
    { contentType: 4 },
    { length: 99 },
  ]
  for (const other of others) {
    refuses(container, { expected: { ...said, ...other } })
    refuses(container, { expected: other })
    // Nor does it when the header in the container is rewritten to what is expected.
    const rewritten = parts(sealed({ header: { ...said, ...other } }))
    const [, wraps, payload] = parts(container)
    refuses(concat(rewritten[0], wraps, payload), { expected: other })
  }
  open({ container, by, expected: said })
})

test('two seals of the same have nothing in common but header and key name', () => {
  const [, wrapsA, payloadA] = parts(sealed())
  const [, wrapsB, payloadB] = parts(sealed())
  assert.notEqual(hex(payloadA.subarray(0, 24)), hex(payloadB.subarray(0, 24)))
  assert.notEqual(hex(payloadA.subarray(24, 56)), hex(payloadB.subarray(24, 56)))
  assert.notEqual(hex(payloadA.subarray(56)), hex(payloadB.subarray(56)))
  assert.notEqual(hex(wrapsA.subarray(-48)), hex(wrapsB.subarray(-48)))
})

test('the hash names header and payload, and nothing else', () => {
  const hash = hex(containerHash(container))
  const seen = new Set([hash])
  const { payloadAt, headerOctets } = parseContainer(container)
  assert.equal(hex(containerHash(parseContainer(container))), hash)
  for (let at = payloadAt; at < container.length; at++) {
    seen.add(hex(containerHash(container.with(at, container[at] ^ 1))))
  }
  assert.equal(seen.size, container.length - payloadAt + 1)
  // The last octet of the wraps' tag: still a container by its form, with the same hash.
  const retagged = container.with(payloadAt - 1, container[payloadAt - 1] ^ 1)
  assert.equal(hex(containerHash(retagged)), hash)
  const versioned = container.with(6 + headerOctets.indexOf(7), 8)
  assert.notEqual(hex(containerHash(versioned)), hash)
  for (const cut of [container.subarray(1), container.subarray(0, -1), container.subarray(0, 60)]) {
    assert.throws(() => containerHash(cut), { code: 'CONTAINER_REFUSED' })
  }
})

test('header fields out of range are refused before anything is sealed', () => {
  const counter = new WrapCounter()
  const key = newKey(counter)
  const wrong: Partial<ContainerHeader>[] = [
    { tenant: '' as never },
    { tenant: 'Bristol' as never },
    { tenant: 'a'.repeat(64) as never },
    { object: 'patient-12' as Uuid },
    { version: 0 },
    { version: 1.5 },
    { version: 2 ** 53 },
    { contentType: -1 },
    { contentType: CONTENT_TYPE_MAX + 1 },
  ]
  for (const one of wrong) {
    const input = { header: { ...header, ...one }, wrapUnder: [key] }
    assert.throws(() => sealed(input), { code: 'HEADER_INVALID' }, JSON.stringify(one))
  }
  assert.equal(counter.used, 0)
  sealed({ header: { ...header, contentType: CONTENT_TYPE_MAX, version: 2 ** 53 - 1 } })
  assert.equal(LENGTH_MAX, 2 ** 52 - 1)
})

test('random octets and random changes of form never do anything but be refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (octets) => {
      refuses(octets)
      refuses(concat(container.subarray(0, 4), octets))
      refuses(concat(container.subarray(0, 6), octets))
    }),
    { numRuns: 300 },
  )
  fc.assert(
    fc.property(
      fc.nat(container.length - 1),
      fc.nat(40),
      fc.uint8Array({ maxLength: 40 }),
      (...c) => {
        const [at, cut, put] = c
        const changed = concat(container.subarray(0, at), put, container.subarray(at + cut))
        if (hex(changed) !== hex(container)) refuses(changed)
      },
    ),
    { numRuns: 500 },
  )
})

function newKey(counter = new WrapCounter()): WrappingKey {
  using key = SecretBytes.take(random.octets(32))
  return new WrappingKey({ id: newUuid(random), key, counter })
}

function sealed(changes: Partial<SealInput> = {}): Uint8Array {
  using dataKey = newDataKey(random)
  return seal({ header, plaintext, dataKey, wrapUnder: [by], random, ...changes })
}

/** Opens what must not open; gives back how it was refused. */
function refuses(octets: Uint8Array, changes: Partial<Parameters<typeof open>[0]> = {}): string {
  try {
    open({ container: octets, by, expected: {}, ...changes })
  } catch (error) {
    const { name, code, message, cause, facts } = error as Error & { code: string; facts: object }
    assert.equal(code, 'CONTAINER_REFUSED', message)
    assert.equal(cause, undefined)
    assert.deepEqual(facts, {})
    return `${name} ${code} ${message}`
  }
  return assert.fail('a container opened that must not')
}

/** Magic and header; wraps and their tag; payload. */
function parts(octets: Uint8Array): Uint8Array[] {
  const { headerOctets, payloadAt } = parseContainer(octets)
  const wrapsAt = 6 + headerOctets.length
  return [
    octets.subarray(0, wrapsAt),
    octets.subarray(wrapsAt, payloadAt),
    octets.subarray(payloadAt),
  ]
}
