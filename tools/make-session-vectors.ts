/**
 * Makes `spec/vectors/hybrid-session.json`: whole sessions with everything that is in them.
 *
 *   node tools/make-session-vectors.ts
 *
 * A second implementation of `spec/hybrid-session.md`, written from its text over @noble and cborg.
 * It shares no code with `#session` or `#crypto`, so that agreement with it means something.
 *
 * @module
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { expand, extract } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha384 } from '@noble/hashes/sha2.js'
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js'
import { ml_kem1024 } from '@noble/post-quantum/ml-kem.js'
import { encode, rfc8949EncodeOptions } from 'cborg'

interface Case {
  readonly comment: string
  readonly purpose: string
  readonly class: string
  readonly offered: string
  readonly mode: string
  readonly used: string
  readonly epoch: number
  readonly keys: readonly KeyCase[]
  /** Whether the responder uses the keys that the hello names. */
  readonly keysUsed: boolean
}

interface KeyCase {
  readonly keyId: string
  readonly source: string
  readonly path: string
  readonly provenance: string
}

const bristol = { site: 'bristol', sae: 'sae.bristol', kme: 'kme.bristol' }
const cambridge = { site: 'cambridge', sae: 'sae.cambridge', kme: 'kme.cambridge' }
const keyNotes: readonly KeyCase[] = [
  note('0c4b9f3e-55a1-4e0a-9d6f-1f2a3b4c5d01', 'kme-asserted', 'direct', ''),
  note('0c4b9f3e-55a1-4e0a-9d6f-1f2a3b4c5d02', 'partner', 'relayed', 'a1b2c3d4'),
  note('e0000000-0000-4000-8000-00000000ffff', 'simulated', 'direct', ''),
]

/** The whole document. */
export function sessionVectors(): unknown {
  const quantum = { purpose: 'transfer', class: 'clinical', mode: 'prefer-quantum' }
  const cases: readonly Case[] = [
    {
      comment: 'two QKD keys, one of them relayed',
      ...quantum,
      offered: 'prefer-quantum',
      used: 'hybrid-quantum',
      epoch: 1,
      keys: keyNotes.slice(0, 2),
      keysUsed: true,
    },
    {
      comment: 'prefer-quantum without a key at the responder',
      ...quantum,
      offered: 'prefer-quantum',
      used: 'hybrid-post-quantum',
      epoch: 2,
      keys: keyNotes.slice(0, 1),
      keysUsed: false,
    },
    {
      comment: 'the responder raises the mode to require-quantum; a simulated key',
      purpose: 'backup',
      class: 'archive',
      offered: 'prefer-quantum',
      mode: 'require-quantum',
      used: 'hybrid-quantum',
      epoch: 300,
      keys: keyNotes.slice(2),
      keysUsed: true,
    },
    {
      comment: 'post-quantum only, to begin the authentication of a link',
      purpose: 'qkd-authentication-bootstrap',
      class: 'link-authentication',
      offered: 'post-quantum',
      mode: 'post-quantum',
      used: 'hybrid-post-quantum',
      epoch: 70_000,
      keys: [],
      keysUsed: true,
    },
  ]
  return {
    suite: 'PW-HYB-1',
    specification: '../hybrid-session.md',
    initiator: bristol,
    responder: cambridge,
    sessions: cases.map(sessionOf),
  }
}

function sessionOf(one: Case, number: number): unknown {
  const drawn: Draw = (name, size) =>
    expand(sha384, sha384(utf8(`photonward/session-vectors/${number}`)), utf8(name), size)
  const seeds = seedsOf(drawn)
  const session = drawn('session', 16)
  // Version and variant of a random UUID (RFC 9562 §5.4).
  session.set([(session[6] & 0x0f) | 0x40], 6)
  session.set([(session[8] & 0x3f) | 0x80], 8)
  const keys = one.keys.map((key) => ({ ...key, octets: hex(drawn(key.keyId, 32)) }))
  const kem = ml_kem1024.keygen(seeds.initiatorMlKem)
  const encapsulated = ml_kem1024.encapsulate(kem.publicKey, drawn('ML-KEM-1024 m', 32))
  const hello = helloOf(one, session, seeds, kem.publicKey)
  const answerSigned = answerOf(one, session, seeds, { hello, mlkem: encapsulated.cipherText })
  const context = contextOf(one, session, seeds)
  const publicKey = x25519.getPublicKey(seeds.responderX25519)
  const secrets = {
    psk: joined(...(one.keysUsed ? keys.map(({ octets }) => octetsOf(octets)) : [])),
    classical: x25519.getSharedSecret(seeds.initiatorX25519, publicKey),
    postQuantum: encapsulated.sharedSecret,
  }
  const derived = schedule(one.purpose, secrets, { context, hello, answerSigned })
  return {
    comment: one.comment,
    purpose: one.purpose,
    class: one.class,
    offered: one.offered,
    mode: one.mode,
    used: one.used,
    epoch: one.epoch,
    initiatorPolicy: 3,
    responderPolicy: 9,
    session: hex(session),
    seeds: hexAll(seeds),
    keys,
    hello: hex(hello),
    answer: hex(cbor({ signed: answerSigned, tag: derived.responderTag })),
    confirm: hex(cbor({ v: 1, session, tag: derived.initiatorTag })),
    context: hex(context),
    ...hexAll(secrets),
    ...hexAll(derived),
  }
}

type Draw = (name: string, size: number) => Uint8Array
type Seeds = ReturnType<typeof seedsOf>

function seedsOf(drawn: Draw) {
  return {
    initiatorMlDsa: drawn('initiator ML-DSA-65', 32),
    initiatorEd25519: drawn('initiator Ed25519', 32),
    responderMlDsa: drawn('responder ML-DSA-65', 32),
    responderEd25519: drawn('responder Ed25519', 32),
    initiatorX25519: drawn('initiator X25519', 32),
    responderX25519: drawn('responder X25519', 32),
    initiatorMlKem: drawn('initiator ML-KEM-1024', 64),
  }
}

/** §2.1 */
function helloOf(one: Case, session: Uint8Array, seeds: Seeds, mlkem: Uint8Array): Uint8Array {
  return signed('hello', seeds.initiatorMlDsa, seeds.initiatorEd25519, {
    v: 1,
    suite: 'PW-HYB-1',
    session,
    purpose: one.purpose,
    class: one.class,
    from: bristol,
    to: cambridge,
    mode: one.offered,
    policy: 3,
    epoch: one.epoch,
    keys: one.keys.map(noteFields),
    x25519: x25519.getPublicKey(seeds.initiatorX25519),
    mlkem,
  })
}

/** §2.2, the signed part */
function answerOf(
  one: Case,
  session: Uint8Array,
  seeds: Seeds,
  { hello, mlkem }: { readonly hello: Uint8Array; readonly mlkem: Uint8Array },
): Uint8Array {
  return signed('answer', seeds.responderMlDsa, seeds.responderEd25519, {
    v: 1,
    suite: 'PW-HYB-1',
    session,
    hello: sha384(hello),
    from: cambridge,
    to: bristol,
    mode: one.mode,
    used: one.used,
    policy: 9,
    keys: one.keysUsed ? one.keys.map(({ keyId }) => uuid(keyId)) : [],
    x25519: x25519.getPublicKey(seeds.responderX25519),
    mlkem,
  })
}

/** §3, the context */
function contextOf(one: Case, session: Uint8Array, seeds: Seeds): Uint8Array {
  return cbor({
    v: 1,
    suite: 'PW-HYB-1',
    session,
    purpose: one.purpose,
    class: one.class,
    epoch: one.epoch,
    initiator: bristol,
    responder: cambridge,
    initiatorKeys: fingerprint(seeds.initiatorMlDsa, seeds.initiatorEd25519),
    responderKeys: fingerprint(seeds.responderMlDsa, seeds.responderEd25519),
    offered: one.offered,
    mode: one.mode,
    used: one.used,
    initiatorPolicy: 3,
    responderPolicy: 9,
    keys: one.keysUsed ? one.keys.map(noteFields) : [],
  })
}

type Derived =
  | 'transcript'
  | 'secret'
  | 'responderTag'
  | 'initiatorTag'
  | 'initiatorToResponder'
  | 'responderToInitiator'
  | 'exporter'
  | 'exportedVectors40'

/** §3, §4 and §5 */
function schedule(
  purpose: string,
  secrets: Readonly<Record<'psk' | 'classical' | 'postQuantum', Uint8Array>>,
  by: Readonly<Record<'context' | 'hello' | 'answerSigned', Uint8Array>>,
): Readonly<Record<Derived, Uint8Array>> {
  const prefix = 'photonward/session/v1/'
  const transcript = sha384(joined(len32(by.context), len32(by.hello), len32(by.answerSigned)))
  const ikm = joined(secrets.psk, secrets.classical, secrets.postQuantum)
  const prk = extract(sha384, ikm, utf8(prefix + purpose))
  const secret = expand(sha384, prk, transcript, 48)
  const key = (name: string, size: number): Uint8Array =>
    expand(sha384, secret, joined(utf8(`${prefix}${name}\0`), transcript), size)
  const responderTag = hmac(sha384, key('confirm/responder', 48), transcript)
  const exporter = key('exporter', 48)
  const [label, size] = [utf8('vectors'), 40]
  const info = joined(utf8(`${prefix}exported\0`), len32(label), Uint8Array.of(0, 0, 0, size))
  return {
    transcript,
    secret,
    responderTag,
    initiatorTag: hmac(sha384, key('confirm/initiator', 48), joined(transcript, responderTag)),
    initiatorToResponder: key('key/initiator-to-responder', 32),
    responderToInitiator: key('key/responder-to-initiator', 32),
    exporter,
    exportedVectors40: expand(sha384, exporter, info, size),
  }
}

/** §1, with the deterministic variant of ML-DSA. */
function signed(
  kind: string,
  mlDsaSeed: Uint8Array,
  ed25519Seed: Uint8Array,
  fields: object,
): Uint8Array {
  const [label, body] = [utf8(`photonward/session/v1/${kind}`), cbor(fields)]
  const { secretKey } = ml_dsa65.keygen(mlDsaSeed)
  return cbor({
    body,
    mlDsa: ml_dsa65.sign(body, secretKey, { context: label, extraEntropy: false }),
    ed25519: ed25519.sign(joined(len32(label), body), ed25519Seed),
  })
}

function fingerprint(mlDsaSeed: Uint8Array, ed25519Seed: Uint8Array): Uint8Array {
  const { publicKey } = ml_dsa65.keygen(mlDsaSeed)
  return sha384(joined(len32(publicKey), len32(ed25519.getPublicKey(ed25519Seed))))
}

function note(keyId: string, source: string, path: string, provenance: string): KeyCase {
  return { keyId, source, path, provenance }
}

function noteFields({ keyId, source, path, provenance }: KeyCase): unknown[] {
  return [uuid(keyId), source, path, octetsOf(provenance)]
}

function hexAll(all: Readonly<Record<string, Uint8Array>>): Record<string, string> {
  return Object.fromEntries(Object.entries(all).map(([name, octets]) => [name, hex(octets)]))
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}

function len32(octets: Uint8Array): Uint8Array {
  const size = new Uint8Array(4)
  new DataView(size.buffer).setUint32(0, octets.length)
  return joined(size, octets)
}

const cbor = (value: object): Uint8Array => encode(value, rfc8949EncodeOptions)
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const hex = (octets: Uint8Array): string => octets.toHex()
const octetsOf = (digits: string): Uint8Array => Uint8Array.fromHex(digits)
const uuid = (id: string): Uint8Array => octetsOf(id.replaceAll('-', ''))

if (import.meta.main) {
  const file = join(import.meta.dirname, '../spec/vectors/hybrid-session.json')
  writeFileSync(file, `${JSON.stringify(sessionVectors(), undefined, 2)}\n`)
}
