/**
 * Makes `spec/vectors/proof.json`: a log, its tree, its checkpoints, and proofs, good and bad.
 *
 *   node tools/make-proof-vectors.ts
 *
 * @module
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expand } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import {
  checkpointText,
  commitmentOf,
  consistencyOf,
  entryOctets,
  innerOf,
  keysOf,
  leafHash,
  pathOf,
  receiptText,
  rootOf,
  signatureLines,
  type Head,
  type Signer,
} from './proof-second.ts'

/** A proof, and which numbers of §3 of the specification do not hold for it. */
interface ProofCase {
  readonly comment: string
  readonly file: string
  readonly witnessesLeast: number
  /** Left out, the keys in the file are believed. */
  readonly trusted?: readonly string[]
  readonly fails: readonly number[]
}

const [log, london, york] = [
  'photonward.example/bristol',
  'photonward.example/london/cosigner',
  'photonward.example/york/cosigner',
].map(signerOf)
const keys = [...keysOf(log, 1), ...keysOf(london, 4), ...keysOf(york, 4)]
const at = 1_767_225_600_123
const general = JSON.stringify({
  ...{ resourceType: 'AuditEvent', recorded: '2026-01-01T00:00:00.123Z', action: 'R' },
  agent: [{ who: { identifier: { value: 'pacs' } }, requestor: true }],
})
const particular = JSON.stringify([{ what: { reference: 'Patient/p1' }, query: 'Zürich' }])
const salts = { general: drawn('salt of general', 32), particular: drawn('salt of particular', 32) }
const inner = innerOf(particular, salts.particular)
const commitment = commitmentOf(inner, general, salts.general)

const events = Array.from({ length: 21 }, (_, n) => ({
  ...{
    kind: n === 5 ? 'vault.opened' : 'key.delivered',
    at: at + (n === 5 ? 0 : n),
    actor: 'pacs',
  },
  facts: {
    ...{ number: n, half: n / 2, far: n * 4_294_967_296, low: -n, tiny: n / 1024 / 1024 },
    ...{ list: ['a', `key ${n}`], none: null, yes: true, text: n % 2 === 0 ? 'Zürich 𝄞' : '' },
  },
  ...(n === 5 && { commitment }),
}))
const entries = events.map(entryOctets)
const leaves = entries.map(leafHash)

const note = noteOf(headOf(21))
const event = {
  general: { text: general, salt: salts.general.toBase64() },
  particular: { text: particular, salt: salts.particular.toBase64() },
}
const whole = { format: 'photonward-proof@v1', receipt: receiptOf(5), event, keys }

/** The whole document. */
export function proofVectors(): unknown {
  const pairs = leaves.flatMap((_, first) =>
    leaves.map((_, second) => [first, second + 1] as const),
  )
  return {
    specification: '../proof.md',
    signers: [log, london, york].map(({ name, seeds }) => ({
      ...{ name, ed25519: seeds.ed25519.toHex(), mlDsa44: seeds.mlDsa44.toHex() },
    })),
    keys,
    entries: events.map((event, n) => ({
      event: { ...event, ...(n === 5 && { commitment: commitment.toHex() }) },
      octets: entries[n].toHex(),
      leafHash: leaves[n].toHex(),
    })),
    /** By size, from the empty tree on. */
    roots: [0, ...leaves.keys()].map((_, size) => rootOf(leaves.slice(0, size)).toHex()),
    inclusion: [1, 2, 7, 8, 21].flatMap((size) =>
      [0, Math.floor(size / 2), size - 1].map((index) => ({
        ...{ size, index, path: hexes(pathOf(index, leaves.slice(0, size))) },
      })),
    ),
    consistency: pairs
      .filter(([first, second]) => first <= second && (first * 7 + second) % 9 === 0)
      .map(([first, second]) => ({
        ...{ first, second, path: hexes(consistencyOf(first, leaves.slice(0, second))) },
      })),
    checkpoint: note,
    proofs: [...goodProofs(), ...badProofs()],
  }
}

function goodProofs(): readonly ProofCase[] {
  return [
    one('whole, cosigned by two witnesses', file()),
    one(
      'the particular part kept back',
      file({
        event: { general: event.general, particular: { commitment: inner.toBase64() } },
      }),
    ),
    one('an entry that binds nothing', file({ receipt: receiptOf(20), event: undefined })),
    one('one witness, and one asked for', file({ receipt: receiptOf(5, without(4, 5)) }), [], {
      witnessesLeast: 1,
    }),
    one('keys known from elsewhere', file(), [], { trusted: keys }),
  ]
}

/** Each is wrong in one thing. */
function badProofs(): readonly ProofCase[] {
  const late = { ...event.general, text: general.replace('.123Z', '.124Z') }
  const short = { ...event.general, salt: salts.general.slice(0, 31).toBase64() }
  const spelled = receiptOf(5).replace(/^extra .*$/m, (line) => line.replace(/=+$/, ''))
  return [
    one('of another format', file({ format: 'photonward-proof@v2' }), [1]),
    one('base64 in another spelling', file({ receipt: spelled }), [1]),
    one('no receipt', file({ receipt: 'c2sp.org/tlog-proof@v1\n' }), [1]),
    one('the general part changed', file({ event: { ...event, general: late } }), [2]),
    one('a salt of 31 octets', file({ event: { ...event, general: short } }), [2]),
    one(
      'the particular part of another',
      file({
        event: { ...event, particular: { ...event.particular, text: '[]' } },
      }),
      [2],
    ),
    one('an event beside an entry that binds none', file({ receipt: receiptOf(20) }), [2]),
    one('the path of another entry', file({ receipt: receiptOf(5, note, pathOf(4, leaves)) }), [3]),
    one(
      'a hash too many',
      file({
        receipt: receiptOf(5, note, [...pathOf(5, leaves), leaves[0]]),
      }),
      [3],
    ),
    one(
      'a hash too few',
      file({ receipt: receiptOf(5, note, pathOf(5, leaves).slice(0, -1)) }),
      [3],
    ),
    one('the log’s Ed25519 signature changed', file({ receipt: receiptOf(5, changed(0)) }), [4]),
    one('the log’s ML-DSA-44 signature changed', file({ receipt: receiptOf(5, changed(1)) }), [4]),
    one('the log’s ML-DSA-44 signature left out', file({ receipt: receiptOf(5, without(1)) }), [4]),
    one('the log’s keys not among the trusted', file(), [4], { trusted: keys.slice(2) }),
    one('a cosignature of Ed25519 changed', file({ receipt: receiptOf(5, changed(2)) }), [5]),
    one('a cosignature of ML-DSA-44 changed', file({ receipt: receiptOf(5, changed(5)) }), [5]),
    one('half a cosignature', file({ receipt: receiptOf(5, without(5)) }), [5]),
    one('fewer witnesses than asked for', file({ receipt: receiptOf(5, without(4, 5)) }), [5]),
    one(
      'another tree’s signatures',
      file({
        receipt: receiptOf(
          5,
          `${checkpointText(headOf(21))}\n${linesUnder(headOf(20)).join('\n')}\n`,
        ),
      }),
      [4, 5],
    ),
  ]
}

const one = (
  comment: string,
  file: string,
  fails: readonly number[] = [],
  more: Partial<ProofCase> = {},
): ProofCase => ({ comment, file, witnessesLeast: 2, fails, ...more })

const file = (changes: object = {}): string =>
  JSON.stringify({ ...whole, ...changes }, undefined, 2)

function receiptOf(index: number, under = note, path = pathOf(index, leaves)): string {
  return receiptText(entries[index], { index, path }, under)
}

/** The checkpoint with one signature line changed in one character. */
const changed = (which: number): string =>
  noteOf(headOf(21), (line, at) => {
    if (at !== which) return line
    return `${line.slice(0, -8)}${line.at(-8) === 'A' ? 'B' : 'A'}${line.slice(-7)}`
  })

/** The checkpoint with some signature lines left out. */
const without = (...lines: readonly number[]): string =>
  noteOf(headOf(21), (line, at) => (lines.includes(at) ? undefined : line))

function headOf(size: number): Head {
  return { origin: log.name, size, root: rootOf(leaves.slice(0, size)) }
}

function linesUnder(head: Head): readonly string[] {
  return [
    ...signatureLines(log, head, { seconds: 1_767_225_601, classical: 1 }),
    ...signatureLines(london, head, { seconds: 1_767_225_602, classical: 4 }),
    ...signatureLines(york, head, { seconds: 1_767_225_660, classical: 4 }),
  ]
}

/** A checkpoint with all signatures, each as it is or as it is changed. */
function noteOf(
  head: Head,
  change: (line: string, at: number) => string | undefined = (line) => line,
): string {
  const lines = linesUnder(head).flatMap((line, at) => change(line, at) ?? [])
  return `${checkpointText(head)}\n${lines.join('\n')}\n`
}

function signerOf(name: string): Signer {
  return { name, seeds: { ed25519: drawn(`${name} 1`, 32), mlDsa44: drawn(`${name} 2`, 32) } }
}

function drawn(name: string, size: number): Uint8Array {
  const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
  return expand(sha256, sha256(utf8('photonward/proof-vectors')), utf8(name), size)
}

const hexes = (hashes: readonly Uint8Array[]): string[] => hashes.map((hash) => hash.toHex())

if (import.meta.main) {
  const file = join(import.meta.dirname, '../spec/vectors/proof.json')
  writeFileSync(file, `${JSON.stringify(proofVectors(), undefined, 2)}\n`)
}
