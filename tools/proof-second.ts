/**
 * A second implementation of `spec/proof.md`: trees, notes, cosignatures, and a checker.
 *
 * Written from the texts of RFC 9162, C2SP and the specification over @noble and cborg, by their
 * recursive definitions. It shares no code with `#audit`, `#contract` or `#crypto`, so that agreement
 * with it means something.
 *
 * @module
 */

import { ed25519 } from '@noble/curves/ed25519.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js'
import { decode, encode, rfc8949EncodeOptions } from 'cborg'

export interface Signer {
  readonly name: string
  /** 32 octets each. */
  readonly seeds: { readonly ed25519: Uint8Array; readonly mlDsa44: Uint8Array }
}

export interface Head {
  readonly origin: string
  readonly size: number
  readonly root: Uint8Array
}

/** §1: the octets of an entry. */
export const entryOctets = (event: object): Uint8Array =>
  encode({ v: 1, ...event }, rfc8949EncodeOptions)

export const leafHash = (entry: Uint8Array): Uint8Array => sha256(joined(Uint8Array.of(0), entry))

/** RFC 9162 §2.1.1: MTH(D[n]) of the hashes of leaves. */
export function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return sha256(new Uint8Array(0))
  if (leaves.length === 1) return leaves[0]
  const k = splitOf(leaves.length)
  return node(rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)))
}

/** RFC 9162 §2.1.3.1: PATH(m, D[n]). */
export function pathOf(index: number, leaves: readonly Uint8Array[]): readonly Uint8Array[] {
  if (leaves.length === 1) return []
  const k = splitOf(leaves.length)
  return index < k
    ? [...pathOf(index, leaves.slice(0, k)), rootOf(leaves.slice(k))]
    : [...pathOf(index - k, leaves.slice(k)), rootOf(leaves.slice(0, k))]
}

/** RFC 9162 §2.1.4.1: PROOF(m, D[n]). */
export function consistencyOf(m: number, leaves: readonly Uint8Array[]): readonly Uint8Array[] {
  return m === 0 || m === leaves.length ? [] : subproof(m, leaves, true)
}

function subproof(m: number, leaves: readonly Uint8Array[], isWhole: boolean): Uint8Array[] {
  if (m === leaves.length) return isWhole ? [] : [rootOf(leaves)]
  const k = splitOf(leaves.length)
  return m <= k
    ? [...subproof(m, leaves.slice(0, k), isWhole), rootOf(leaves.slice(k))]
    : [...subproof(m - k, leaves.slice(k), false), rootOf(leaves.slice(0, k))]
}

/** The largest power of two smaller than n. */
const splitOf = (n: number): number => 2 ** Math.ceil(Math.log2(n) - 1)
const node = (left: Uint8Array, right: Uint8Array): Uint8Array =>
  sha256(joined(Uint8Array.of(1), left, right))

/** C2SP tlog-checkpoint. */
export const checkpointText = ({ origin, size, root }: Head): string =>
  `${origin}\n${size}\n${root.toBase64()}\n`

/** Verifier keys of a log (types 1 and 6) or of a witness (4 and 6). */
export const keysOf = ({ name, seeds }: Signer, classical: 1 | 4): readonly string[] => [
  keyText(name, classical, ed25519.getPublicKey(seeds.ed25519)),
  keyText(name, 6, ml_dsa44.keygen(seeds.mlDsa44).publicKey),
]

/** The lines of a signer below a checkpoint; a log's own Ed25519 line has no time. */
export function signatureLines(
  { name, seeds }: Signer,
  head: Head,
  by: { readonly seconds: number; readonly classical: 1 | 4 },
): readonly string[] {
  const text = checkpointText(head)
  const time = uint64(by.seconds)
  const bare = by.classical === 1
  const first = ed25519.sign(
    utf8(bare ? text : `cosignature/v1\ntime ${by.seconds}\n${text}`),
    seeds.ed25519,
  )
  const { secretKey, publicKey } = ml_dsa44.keygen(seeds.mlDsa44)
  const message = subtree(name, head, by.seconds)
  const second = ml_dsa44.sign(message, secretKey, { extraEntropy: false })
  const classicalKey = ed25519.getPublicKey(seeds.ed25519)
  return [
    lineOf(name, keyId(name, by.classical, classicalKey), bare ? first : joined(time, first)),
    lineOf(name, keyId(name, 6, publicKey), joined(time, second)),
  ]
}

/** C2SP tlog-proof v1, the entry as its extra data. */
export const receiptText = (
  entry: Uint8Array,
  { index, path }: { readonly index: number; readonly path: readonly Uint8Array[] },
  note: string,
): string =>
  [
    'c2sp.org/tlog-proof@v1',
    `extra ${entry.toBase64()}`,
    `index ${index}`,
    ...path.map((hash) => hash.toBase64()),
    '',
    note,
  ].join('\n')

/** §2: the commitment of an event's two parts. */
export const innerOf = (text: string, salt: Uint8Array): Uint8Array =>
  hmac(sha256, salt, utf8(text))
export const commitmentOf = (inner: Uint8Array, general: string, salt: Uint8Array): Uint8Array =>
  hmac(sha256, salt, joined(inner, utf8(general)))

interface Part {
  readonly text: string
  readonly salt: string
}

interface File {
  readonly format: string
  readonly receipt: string
  readonly event?: {
    readonly general: Part
    readonly particular: Part | { readonly commitment: string }
  }
  readonly keys: readonly string[]
}

/** What of §3 does not hold, by its numbers; empty for a proof that is good. */
export function failuresOf(
  text: string,
  asked: { readonly trusted?: readonly string[]; readonly witnessesLeast: number },
): readonly number[] {
  let parts: ReturnType<typeof takenApart>
  try {
    parts = takenApart(JSON.parse(text) as File)
  } catch {
    return [1]
  }
  const { file, entry, octets, index, path, head, lines } = parts
  const failures: number[] = []
  if (!isBound(file, entry)) failures.push(2)
  if (!leadsTo(leafHash(octets), { index, path }, head)) failures.push(3)
  const keys = file.keys.filter((key) => asked.trusted?.includes(key) !== false).map(keyOf)
  const logKeys = keys.filter(({ name, type }) => name === head.origin && type !== 4)
  if (stateOf(logKeys, lines, head) !== 'good') failures.push(4)
  const names = new Set(keys.filter(({ type }) => type === 4).map(({ name }) => name))
  const states = [...names].map((name) =>
    stateOf(
      keys.filter((key) => key.name === name && key.type !== 1),
      lines,
      head,
    ),
  )
  const good = states.filter((state) => state === 'good').length
  if (states.includes('bad') || good < asked.witnessesLeast) failures.push(5)
  return failures
}

function takenApart(file: File) {
  if (file.format !== 'photonward-proof@v1') throw new TypeError('format')
  const split = file.receipt.indexOf('\n\n')
  const [header, extra, place, ...hashes] = file.receipt.slice(0, split).split('\n')
  if (header !== 'c2sp.org/tlog-proof@v1' || !extra.startsWith('extra '))
    throw new TypeError('head')
  if (!/^index (0|[1-9]\d*)$/.test(place)) throw new TypeError('index')
  const octets = canonical(extra.slice('extra '.length))
  const note = file.receipt.slice(split + 2)
  const end = note.lastIndexOf('\n\n')
  const [origin, size, root] = note.slice(0, end).split('\n')
  return {
    ...{ file, octets, index: Number(place.slice('index '.length)), path: hashes.map(canonical) },
    entry: decode(octets) as Readonly<Record<string, unknown>>,
    head: { origin, size: Number(size), root: canonical(root) },
    lines: note.slice(end + 2, -1).split('\n'),
  }
}

function isBound({ event }: File, { commitment, at }: Readonly<Record<string, unknown>>): boolean {
  if (event === undefined) return true
  const { general, particular } = event
  const salts = [general.salt, 'salt' in particular ? particular.salt : general.salt].map(canonical)
  if (salts.some(({ length }) => length !== 32)) return false
  const inner =
    'text' in particular ? innerOf(particular.text, salts[1]) : canonical(particular.commitment)
  const bound = commitmentOf(inner, general.text, salts[0])
  const { recorded } = JSON.parse(general.text) as { recorded: string }
  return (
    commitment instanceof Uint8Array &&
    bound.toHex() === commitment.toHex() &&
    new Date(recorded).getTime() === at
  )
}

/** RFC 9162 §2.1.3.2, by recursion over the tree instead of by its bits. */
function leadsTo(
  leaf: Uint8Array,
  { index, path }: { readonly index: number; readonly path: readonly Uint8Array[] },
  { size, root }: Head,
): boolean {
  const climbed = (at: number, n: number, left: readonly Uint8Array[]): Uint8Array | undefined => {
    if (at >= n) return undefined
    if (n === 1) return left.length === 0 ? leaf : undefined
    const [k, sibling] = [splitOf(n), left.at(-1)]
    const below = climbed(at < k ? at : at - k, at < k ? k : n - k, left.slice(0, -1))
    if (sibling === undefined || below === undefined) return undefined
    return at < k ? node(below, sibling) : node(sibling, below)
  }
  return climbed(index, size, path)?.toHex() === root.toHex()
}

type Key = ReturnType<typeof keyOf>

function stateOf(keys: readonly Key[], lines: readonly string[], head: Head) {
  const found = [false, true].map((isMlDsa) => {
    const key = keys.find(({ type }) => (type === 6) === isMlDsa)
    const line = key && lines.find((one) => isLineOf(one, key))
    return key && line !== undefined ? isGood(key, line, head) : undefined
  })
  if (found.every((one) => one === undefined)) return 'absent'
  return found.every((one) => one === true) ? 'good' : 'bad'
}

const isLineOf = (line: string, { name, id }: Key): boolean =>
  line.startsWith(`\u2014 ${name} `) && lineOctets(line).subarray(0, 4).toHex() === id

const lineOctets = (line: string): Uint8Array => canonical(line.slice(line.lastIndexOf(' ') + 1))

function isGood({ type, name, octets }: Key, line: string, head: Head): boolean {
  const signed = lineOctets(line).subarray(4)
  if (type === 1) return ed25519.verify(signed, utf8(checkpointText(head)), octets)
  const seconds = Number(new DataView(signed.buffer, signed.byteOffset).getBigUint64(0))
  const signature = signed.slice(8)
  const text = utf8(`cosignature/v1\ntime ${seconds}\n${checkpointText(head)}`)
  if (type === 4) return ed25519.verify(signature, text, octets)
  return ml_dsa44.verify(signature, subtree(name, head, seconds), octets)
}

function keyOf(text: string) {
  const [name, id, encoded] = text.split('+', 2).concat(text.split('+').slice(2).join('+'))
  const octets = canonical(encoded)
  return { name, id, type: octets[0], octets: octets.slice(1) }
}

/** C2SP tlog-cosignature, the message of ML-DSA-44 over a whole tree. */
const subtree = (name: string, { origin, size, root }: Head, seconds: number): Uint8Array =>
  joined(
    utf8('subtree/v1\n\0'),
    ...[opaque(name), uint64(seconds), opaque(origin), uint64(0), uint64(size), root],
  )

const keyId = (name: string, type: number, key: Uint8Array): Uint8Array =>
  sha256(joined(utf8(`${name}\n`), Uint8Array.of(type), key)).slice(0, 4)
const keyText = (name: string, type: number, key: Uint8Array): string =>
  `${name}+${keyId(name, type, key).toHex()}+${joined(Uint8Array.of(type), key).toBase64()}`
const lineOf = (name: string, id: Uint8Array, signature: Uint8Array): string =>
  `\u2014 ${name} ${joined(id, signature).toBase64()}`

function canonical(text: string): Uint8Array {
  const octets = Uint8Array.fromBase64(text, { lastChunkHandling: 'strict' })
  if (octets.toBase64() !== text) throw new TypeError('base64')
  return octets
}

const opaque = (text: string): Uint8Array => joined(Uint8Array.of(utf8(text).length), utf8(text))
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

function uint64(value: number): Uint8Array {
  const octets = new Uint8Array(8)
  new DataView(octets.buffer).setBigUint64(0, BigInt(value))
  return octets
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}
