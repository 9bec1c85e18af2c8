/**
 * Makes `spec/vectors/envelope.json`: containers that open, and near misses that must not.
 *
 *   node tools/make-envelope-vectors.ts
 *
 * Everything is drawn from one seed, so the file is the same each time; a test compares.
 *
 * @module
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  concat,
  hex,
  SecretBytes,
  siteId,
  toCbor,
  utf8,
  uuid,
  uuidOctets,
  type CborValue,
} from '#base'
import { hkdfExpand, sha512, simulatedRandom } from '#crypto'
import {
  containerHash,
  parseContainer,
  payloadOctets,
  seal,
  sealMessage,
  WrapCounter,
  WrappingKey,
  type Wrap,
} from '#envelope'

const random = simulatedRandom(sha512(utf8('photonward/envelope-vectors@v1')).slice(0, 32))
const object = uuid('6f9619ff-8b86-4d01-b42d-00cf4fc964ff')
const keys = ['b2f5ff47-0a1c-4d6e-8f1b-3f1f4a5c0001', 'b2f5ff47-0a1c-4d6e-8f1b-3f1f4a5c0002'].map(
  (id) => ({ id: uuid(id), key: random.octets(32) }),
)
const [first] = keys

/** The whole document. */
export function envelopeVectors(): unknown {
  return {
    format: 'PhotonWard container, version 1; see ../envelope.md',
    wrappingKeys: keys.map(({ id, key }) => ({ id, key: hex(key) })),
    valid: [
      valid('no octets at all', 0, 1),
      valid('one chunk, wrapped for two', 17, 2),
      valid('one octet less than a chunk', 16_383, 1),
      valid('one chunk exactly, and an empty one behind it', 16_384, 1),
      valid('one octet in the second chunk', 16_385, 1),
      assembled('put together by hand, as those that must be refused'),
    ],
    invalid: [...changedOctets(), ...faultyHeaders(), ...faultyEncodings(), ...faultyWraps()],
  }
}

function valid(comment: string, length: number, wraps: number): unknown {
  const header = { tenant: siteId('bristol'), object, version: 7 + length, contentType: 300 }
  const dataKey = random.octets(32)
  const wrapUnder = keys.slice(0, wraps).map(wrappingKey)
  using owned = SecretBytes.copyOf(dataKey)
  const input = { header, plaintext: pattern(length), dataKey: owned, wrapUnder, random }
  return described(comment, dataKey, seal(input))
}

function assembled(comment: string): unknown {
  const dataKey = random.octets(32)
  return described(comment, dataKey, assemble(fields(), undefined, dataKey))
}

function described(comment: string, dataKey: Uint8Array, container: Uint8Array): unknown {
  const { header, headerOctets, headerHash, wrapsTag, payload } = parseContainer(container)
  return {
    comment,
    header,
    headerOctets: hex(headerOctets),
    headerHash: hex(headerHash),
    dataKey: hex(dataKey),
    wrapsTag: hex(wrapsTag),
    salt: hex(payload.subarray(0, 24)),
    commitment: hex(payload.subarray(24, 56)),
    containerHash: hex(containerHash(container)),
    length: header.length,
    container: hex(container),
  }
}

/** One small container with one thing changed. */
function changedOctets(): unknown[] {
  const whole = assemble(fields())
  const { headerOctets, payloadAt } = parseContainer(whole)
  const wrapsAt = 6 + headerOctets.length + 2
  const places: Readonly<Record<string, number>> = {
    'the magic': 3,
    'the length of the header': 5,
    'the tenant': 6 + 5,
    'the object': 6 + 20,
    'the length of the wraps': wrapsAt - 1,
    'the key id of the wrap': wrapsAt + 5,
    'the nonce of the wrap': wrapsAt + 21,
    'the commitment of the wrap': wrapsAt + 40,
    'the wrapped data key': wrapsAt + 70,
    'the tag of the list of wraps': payloadAt - 1,
    'the salt': payloadAt,
    'the commitment of the payload': payloadAt + 55,
    'the first chunk': payloadAt + 56,
    'the tag of the last chunk': whole.length - 1,
  }
  const changed = Object.entries(places).map(([place, at]) =>
    invalid(`one bit of ${place} changed`, whole.with(at, whole[at] ^ 1)),
  )
  return [
    ...changed,
    invalid('the last octet cut off', whole.subarray(0, -1)),
    invalid('cut off before the payload', whole.subarray(0, payloadAt)),
    invalid('an octet added', concat(whole, Uint8Array.of(0))),
    invalid('nothing', new Uint8Array(0)),
  ]
}

/** Perfect in every seal and tag, but for a header that no writer may write. */
function faultyHeaders(): unknown[] {
  const header = (comment: string, change: (fields: readonly CborValue[]) => CborValue): unknown =>
    invalid(comment, assemble(toCbor(change(decoded()))))
  return [
    header('format version 2', (all) => all.with(0, 2)),
    header('suite 2', (all) => all.with(1, 2)),
    header('a tenant in upper case', (all) => all.with(2, 'Bristol')),
    header('an empty tenant', (all) => all.with(2, '')),
    header('an object of 15 octets', (all) => all.with(3, new Uint8Array(15))),
    header('version number 0', (all) => all.with(4, 0)),
    header('a negative content type', (all) => all.with(5, -1)),
    header('content type 65,536', (all) => all.with(5, 65_536)),
    header('a length that is not the payload’s', (all) => all.with(6, 16)),
    header('a member too many', (all) => [...all, 0]),
    header('a member too few', (all) => all.slice(0, 6)),
    header('a map for an array', (all) => Object.fromEntries(all.entries())),
  ]
}

/** The right header in octets that are not its one deterministic form. */
function faultyEncodings(): unknown[] {
  const good = fields()
  // The last three octets are the version number 7, the content type 3 and the length 17.
  const version = (...octets: readonly number[]): Uint8Array =>
    concat(good.subarray(0, -3), Uint8Array.from(octets), good.subarray(-2))
  return [
    invalid('a number in more octets than it needs', assemble(version(0x18, 7))),
    invalid('a number as floating point', assemble(version(0xf9, 0x47, 0x00))),
    invalid('an octet behind the array', assemble(concat(good, Uint8Array.of(0)))),
  ]
}

/** Perfect in every seal and tag, but for a list of wraps that no writer may write. */
function faultyWraps(): unknown[] {
  const one = ({ keyId, nonce, commitment, sealed }: Wrap): CborValue[] => [
    keyId,
    nonce,
    commitment,
    sealed,
  ]
  const list = (make: (wrap: Wrap) => CborValue): Uint8Array =>
    assemble(fields(), (wrap) => toCbor(make(wrap)))
  return [
    invalid(
      'the same key twice',
      list((wrap) => [one(wrap), one(wrap)]),
    ),
    invalid(
      'a nonce of 13 octets',
      list((wrap) => [one(wrap).with(1, new Uint8Array(13))]),
    ),
    invalid(
      'a member too many in a wrap',
      list((wrap) => [[...one(wrap), 0]]),
    ),
    invalid(
      'no wraps',
      list(() => []),
    ),
    invalid(
      'a list of indefinite length',
      assemble(fields(), (wrap) => {
        const octets = toCbor([one(wrap)])
        return concat(Uint8Array.of(0x9f), octets.subarray(1), Uint8Array.of(0xff))
      }),
    ),
  ]
}

function invalid(comment: string, container: Uint8Array): unknown {
  return { comment, container: hex(container) }
}

const decoded = (): readonly CborValue[] => [1, 1, 'bristol', uuidOctets(object), 7, 3, 17]
const fields = (): Uint8Array => toCbor(decoded())

/** A container around any header octets: seals and tags as a good writer would make them. */
function assemble(
  headerOctets: Uint8Array,
  wrapsOf = ({ keyId, nonce, commitment, sealed }: Wrap): Uint8Array =>
    toCbor([[keyId, nonce, commitment, sealed]]),
  dataKey = random.octets(32),
): Uint8Array {
  const plaintext = pattern(17)
  const [salt, nonce] = [random.octets(24), random.octets(12)]
  const context = sha512(headerOctets)
  const wraps = wrapsOf(wrappingKey(first).wrap(dataKey, context, nonce))
  const info = concat(utf8('photonward/wraps@v1\0'), context, wraps)
  const payload = new Uint8Array(payloadOctets(plaintext.length))
  sealMessage({ dataKey, salt, context }, plaintext, payload)
  return concat(
    utf8('PWC1'),
    prefixed(headerOctets),
    prefixed(wraps),
    hkdfExpand('sha512', { key: dataKey, info, length: 32 }),
    payload,
  )
}

const prefixed = (octets: Uint8Array): Uint8Array =>
  concat(Uint8Array.of(octets.length >> 8, octets.length & 0xff), octets)

const wrappingKey = ({ id, key }: (typeof keys)[number]): WrappingKey =>
  new WrappingKey({ id, key: SecretBytes.copyOf(key), counter: new WrapCounter() })

const pattern = (size: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, at) => (31 * at + (at >> 8)) & 0xff)

if (import.meta.main) {
  const file = join(import.meta.dirname, '../spec/vectors/envelope.json')
  writeFileSync(file, `${JSON.stringify(envelopeVectors(), undefined, 2)}\n`)
}
