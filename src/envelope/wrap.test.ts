import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gcmsiv } from '@noble/ciphers/aes.js'
import { expand } from '@noble/hashes/hkdf.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { concat, hex, newUuid, SecretBytes, siteId, utf8, uuidOctets } from '#base'
import { simulatedRandom } from '#crypto'
import { BEGINNING_OCTETS_MAX, buildPreamble, PREAMBLE_OCTETS_MAX } from './container.ts'
import {
  containerHash,
  keyIdOf,
  newDataKey,
  open,
  parseContainer,
  parsePreamble,
  rewrap,
  rewrapPreamble,
  seal,
  unwrapDataKey,
  WrapCounter,
  WrappingKey,
  WRAPS_MAX,
  WRAPS_PER_KEY_MAX,
} from './mod.ts'
import { encodeWraps, tagWraps, type Wrap } from './wrap.ts'

const random = simulatedRandom(new Uint8Array(32).fill(12))
const header = { tenant: siteId('bristol'), object: newUuid(random), version: 1, contentType: 3 }
const plaintext = utf8('an octet string')
const REFUSED = { name: 'EnvelopeRefusal', code: 'CONTAINER_REFUSED' }

test('a wrap is GCM-SIV under the header hash with a commitment, by another library', () => {
  const [id, kek] = [newUuid(random), random.octets(32)]
  using dataKey = newDataKey(random)
  const by = new WrappingKey({ id, key: SecretBytes.copyOf(kek), counter: new WrapCounter() })
  const container = seal({ header, plaintext, dataKey, wrapUnder: [by], random })
  const { wraps, headerOctets } = parseContainer(container)
  const [wrap] = wraps
  assert.equal(keyIdOf(wrap), id)
  const info = concat(utf8('photonward/wrapping-key@v1\0'), uuidOctets(id))
  const okm = expand(sha512, concat(kek, new Uint8Array(32)), info, 64)
  assert.equal(hex(wrap.commitment), hex(okm.subarray(32)))
  const siv = gcmsiv(okm.slice(0, 32), wrap.nonce, sha512(headerOctets))
  assert.equal(hex(siv.decrypt(wrap.sealed)), hex(dataKey.reveal()))
})

test('a wrapping key wraps 2^32 times, and the count goes on where its owner kept it', () => {
  const counter = new WrapCounter(WRAPS_PER_KEY_MAX - 2)
  const by = newKey(counter)
  sealed([by])
  sealed([by])
  assert.equal(counter.used, 2 ** 32)
  assert.throws(() => sealed([by]), { code: 'WRAPS_EXHAUSTED' })
  assert.equal(counter.used, 2 ** 32)
  for (const used of [-1, 0.5, Number.NaN]) {
    assert.throws(() => new WrapCounter(used), { name: 'AssertionFailure' })
  }
})

test('a key without a counter opens, and does not wrap', () => {
  const [id, key] = [newUuid(random), random.octets(32)]
  const writer = new WrappingKey({ id, key: SecretBytes.copyOf(key), counter: new WrapCounter() })
  const reader = new WrappingKey({ id, key: SecretBytes.copyOf(key) })
  assert.deepEqual(
    open({ container: sealed([writer]), by: reader, expected: {} }).plaintext,
    plaintext,
  )
  assert.throws(() => sealed([reader]), { name: 'AssertionFailure' })
})

test('the same secret under another name is another key, and a name alone opens nothing', () => {
  const [id, key] = [newUuid(random), random.octets(32)]
  const writer = new WrappingKey({ id, key: SecretBytes.copyOf(key), counter: new WrapCounter() })
  const container = sealed([writer])
  const renamed = new WrappingKey({ id: newUuid(random), key: SecretBytes.copyOf(key) })
  const impostor = new WrappingKey({ id, key: SecretBytes.take(random.octets(32)) })
  const [wrap] = parseContainer(container).wraps
  const { headerHash } = parseContainer(container)
  for (const other of [renamed, impostor]) {
    assert.throws(() => open({ container, by: other, expected: {} }), REFUSED)
    assert.throws(() => other.unwrap(wrap, headerHash), REFUSED)
  }
  assert.throws(() => writer.unwrap(wrap, headerHash.with(0, headerHash[0] ^ 1)), REFUSED)
  // GCM-SIV alone would open this: it does not know of the commitment.
  const commitment = wrap.commitment.with(31, wrap.commitment[31] ^ 1)
  assert.throws(() => writer.unwrap({ ...wrap, commitment }, headerHash), REFUSED)
})

test('a wrapping key of another size is refused, and one disposed of is not used', () => {
  for (const size of [0, 16, 31, 33, 64]) {
    const key = SecretBytes.take(new Uint8Array(size))
    assert.throws(() => new WrappingKey({ id: newUuid(random), key }), {
      code: 'WRAPPING_KEY_INVALID',
    })
  }
  const by = newKey()
  const container = sealed([by])
  by[Symbol.dispose]()
  assert.throws(() => open({ container, by, expected: {} }))
  assert.throws(() => sealed([by]), { name: 'AssertionFailure' })
})

test('a container has 1 to 64 wraps under distinct keys', () => {
  const keys = Array.from({ length: WRAPS_MAX + 1 }, () => newKey())
  const full = sealed(keys.slice(0, WRAPS_MAX))
  assert.deepEqual(open({ container: full, by: keys[63], expected: {} }).plaintext, plaintext)
  assert(parsePreamble(full).payloadAt <= PREAMBLE_OCTETS_MAX)
  for (const wrong of [keys, [], [keys[0], keys[1], keys[0]]]) {
    assert.throws(() => sealed(wrong), { name: 'AssertionFailure' })
  }
})

test('a list of wraps with a wrap twice, none, or one too many is not read', () => {
  const by = newKey()
  const { wraps } = parseContainer(sealed([by]))
  const [wrap] = wraps
  const other = (at: number): Wrap => ({ ...wrap, keyId: new Uint8Array(16).fill(at) })
  const tooMany = Array.from({ length: WRAPS_MAX + 1 }, (_, at) => other(at))
  const list = (all: readonly Wrap[]): Uint8Array => {
    const head = all.length < 24 ? [0x80 + all.length] : [0x98, all.length]
    return concat(Uint8Array.from(head), ...all.map((one) => encodeWraps([one]).subarray(1)))
  }
  const { headerOctets, wrapsTag } = parseContainer(sealed([by]))
  const preamble = (all: readonly Wrap[]) => buildPreamble(headerOctets, list(all), wrapsTag)
  assert.equal(parsePreamble(preamble([wrap, other(1)])).wraps.length, 2)
  for (const bad of [[wrap, wrap], [], tooMany]) {
    assert.throws(() => parsePreamble(preamble(bad)), REFUSED)
  }
})

test('whoever stores a container cannot add, drop or exchange its wraps', () => {
  const [one, two] = [newKey(), newKey()]
  const container = sealed([one, two])
  const { headerOctets, headerHash, wraps, wrapsTag, payload } = parseContainer(container)
  const withWraps = (changed: readonly Wrap[], tag = wrapsTag): Uint8Array =>
    concat(buildPreamble(headerOctets, encodeWraps(changed), tag), payload)
  assert.deepEqual(withWraps(wraps), container)
  const stranger = newKey().wrap(random.octets(32), headerHash, random.octets(12))
  for (const changed of [
    [wraps[0]],
    wraps.toReversed(),
    [...wraps, stranger],
    [wraps[0], stranger],
  ]) {
    assert.throws(() => open({ container: withWraps(changed), by: one, expected: {} }), REFUSED)
    const guessed = tagWraps(random.octets(32), headerHash, encodeWraps(changed))
    const retagged = withWraps(changed, guessed)
    assert.throws(() => open({ container: retagged, by: one, expected: {} }), REFUSED)
  }
})

test('re-wrapping lets others in and the former out, and leaves hash and payload alone', () => {
  const [patient, session, receiver] = [newKey(), newKey(), newKey()]
  const container = sealed([patient])
  const sent = rewrap({ container, by: patient, wrapUnder: [session], random })
  const received = rewrap({ container: sent, by: session, wrapUnder: [receiver, patient], random })
  for (const moved of [sent, received]) {
    assert.equal(hex(containerHash(moved)), hex(containerHash(container)))
    assert.deepEqual(parseContainer(moved).payload, parseContainer(container).payload)
  }
  assert.throws(() => open({ container: sent, by: patient, expected: {} }), REFUSED)
  assert.throws(() => open({ container: received, by: session, expected: {} }), REFUSED)
  for (const by of [receiver, patient]) {
    assert.deepEqual(open({ container: received, by, expected: header }).plaintext, plaintext)
  }
  assert.throws(() => rewrap({ container, by: receiver, wrapUnder: [session], random }), REFUSED)
})

test('a large container is re-wrapped by its beginning alone', () => {
  const [patient, session] = [newKey(), newKey()]
  const container = sealed([patient], new Uint8Array(100_000))
  const beginning = container.subarray(0, BEGINNING_OCTETS_MAX)
  const input = { container: beginning, by: patient, wrapUnder: [session], random }
  const { preamble, payloadAt } = rewrapPreamble(input)
  const joined = concat(preamble, container.subarray(payloadAt))
  assert.equal(open({ container: joined, by: session, expected: header }).plaintext.length, 100_000)
})

test('a data key that is not the payload’s is not wrapped for anybody', () => {
  const [by, counter] = [newKey(), new WrapCounter()]
  const container = sealed([by])
  const { headerOctets, headerHash, payload } = parseContainer(container)
  using wrong = newDataKey(random)
  const list = encodeWraps([by.wrap(wrong.reveal(), headerHash, random.octets(12))])
  const tag = tagWraps(wrong.reveal(), headerHash, list)
  const forged = concat(buildPreamble(headerOctets, list, tag), payload)
  const wrapUnder = [newKey(counter)]
  assert.throws(() => rewrap({ container: forged, by, wrapUnder, random }), REFUSED)
  assert.equal(counter.used, 0)
})

test('the data key comes out for its new owner', () => {
  const by = newKey()
  using dataKey = newDataKey(random)
  const container = seal({ header, plaintext, dataKey, wrapUnder: [by], random })
  using unwrapped = unwrapDataKey(container, by)
  assert.deepEqual(unwrapped.reveal(), dataKey.reveal())
  assert.throws(() => unwrapDataKey(container, newKey()), REFUSED)
})

function newKey(counter = new WrapCounter()): WrappingKey {
  using key = SecretBytes.take(random.octets(32))
  return new WrappingKey({ id: newUuid(random), key, counter })
}

function sealed(wrapUnder: readonly WrappingKey[], text = plaintext): Uint8Array {
  using dataKey = newDataKey(random)
  return seal({ header, plaintext: text, dataKey, wrapUnder, random })
}
