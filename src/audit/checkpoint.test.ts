/**
 * Checkpoints and their signatures: vectors of other implementations, and the nearest wrong forms.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { epochMs, fromBase64, sameOctets, utf8 } from '#base'
import { leafHash, verifyBareEd25519 } from '#crypto'
import {
  checkpointText,
  signCheckpoint,
  treeHeadOf,
  verifyCheckpoint,
  type CheckpointCheck,
} from './checkpoint.ts'
import {
  checkMlDsaLines,
  cosignerNameOf,
  ed25519Line,
  mlDsaLine,
  noteVerifierOf,
} from './cosignature.ts'
import { keyIdOf, parseNote, signatureLine, vkeyOf } from './note.ts'
import { signerFor } from './fixtures.test.ts'

const log = signerFor(1, 'photonward.example/bristol')
const witness = signerFor(2, cosignerNameOf('photonward.example/cambridge'))
const head = { origin: log.name, size: 3, root: leafHash(utf8('three')) }
const at = epochMs(1_767_225_600_000)
const good = signCheckpoint(log, head, at)
const cosigned =
  good + ed25519Line(witness, checkpointText(head), at) + mlDsaLine(witness, head, at)
const policy = { log: noteVerifierOf(log), witnesses: [noteVerifierOf(witness)] }

const reasonOf = (check: CheckpointCheck): string =>
  check.kind === 'refused' ? check.reason : 'verified'

test('a note signed by the Go checksum database verifies under its verifier key', () => {
  // golang.org/x/mod/sumdb/note, package documentation.
  const note =
    'If you think cryptography is the answer to your problem,\n' +
    "then you don't know what your problem is.\n\n" +
    '\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqd' +
    'ngotpRZb6KE6RyyBwJnAM=\n'
  const vkey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
  const publicKey = fromBase64(vkey.split('+').slice(2).join('+')).subarray(1)
  assert.equal(vkeyOf('PeterNeumann', 0x01, publicKey), vkey)
  const parsed = parseNote(utf8(note))
  assert(parsed !== undefined)
  const [line] = parsed.signatures
  assert(sameOctets(line.keyId, keyIdOf('PeterNeumann', 0x01, publicKey)))
  assert(verifyBareEd25519(publicKey, utf8(parsed.text), line.signature))
  assert(!verifyBareEd25519(publicKey, utf8(parsed.text.toUpperCase()), line.signature))
})

test('an ML-DSA-44 checkpoint of litewitness verifies under its verifier key', () => {
  const file = readFileSync(join(import.meta.dirname, 'testdata/litewitness-mldsa.txt'), 'utf8')
  const [vkey] = file.split('\n').filter((line) => !line.startsWith('#'))
  const [name, keyId] = vkey.split('+')
  const mlDsa44 = fromBase64(vkey.split('+').slice(2).join('+')).subarray(1)
  assert.equal(keyIdOf(name, 0x06, mlDsa44).toHex(), keyId)
  const note = parseNote(utf8(file.slice(file.indexOf('\n\n') + 2)))
  const found = note && treeHeadOf(note.text)
  assert(note !== undefined && found !== undefined)
  const key = { name, mlDsa44, ed25519: new Uint8Array(32) }
  assert.deepEqual(checkMlDsaLines(key, found, note.signatures), { kind: 'good', at: 0 })
  const other = { ...found, size: found.size + 1 }
  assert.deepEqual(checkMlDsaLines(key, other, note.signatures), { kind: 'bad' })
})

test('a checkpoint verifies with both signatures of its log, and tells its time', () => {
  const check = verifyCheckpoint(utf8(good), policy)
  assert(check.kind === 'verified')
  assert.deepEqual(check.checkpoint, { ...head, at, witnesses: [] })
})

test('a witness counts with both its signatures', () => {
  const check = verifyCheckpoint(utf8(cosigned), { ...policy, witnessesLeast: 1 })
  assert(check.kind === 'verified')
  assert.deepEqual(check.checkpoint.witnesses, [{ name: witness.name, at }])
})

test('one signature of the log alone is not enough', () => {
  const lines = good.split('\n')
  for (const absent of [4, 5]) {
    const note = lines.filter((_, at) => at !== absent).join('\n')
    assert.equal(reasonOf(verifyCheckpoint(utf8(note), policy)), 'signature-missing')
  }
})

test('one signature of a witness alone is refused', () => {
  const lines = cosigned.split('\n')
  for (const absent of [6, 7]) {
    const note = lines.filter((_, at) => at !== absent).join('\n')
    assert.equal(reasonOf(verifyCheckpoint(utf8(note), policy)), 'cosignature-invalid')
  }
})

test('lines of keys that are not known are ignored', () => {
  const other = signerFor(3, witness.name)
  const note = cosigned + ed25519Line(other, checkpointText(head), at)
  assert.equal(reasonOf(verifyCheckpoint(utf8(note), policy)), 'verified')
  const strangers = good + mlDsaLine(signerFor(4, 'other.example/cosigner'), head, at)
  const needed = { ...policy, witnessesLeast: 1 }
  assert.equal(reasonOf(verifyCheckpoint(utf8(strangers), needed)), 'witnesses-too-few')
})

test('a second, wrong line of a known key spoils the note', () => {
  const wrong = mlDsaLine(log, { ...head, size: 4 }, at)
  assert.equal(reasonOf(verifyCheckpoint(utf8(good + wrong), policy)), 'signature-invalid')
})

test('a cosignature of a smaller tree, another log or another time does not verify', () => {
  const text = checkpointText(head)
  const forged = [
    ed25519Line(witness, text, at) + mlDsaLine(witness, { ...head, size: 2 }, at),
    ed25519Line(witness, text, at) + mlDsaLine(witness, { ...head, origin: 'other' }, at),
    ed25519Line(witness, `${text}x\n`, at) + mlDsaLine(witness, head, at),
  ]
  for (const lines of forged) {
    const check = verifyCheckpoint(utf8(good + lines), policy)
    assert.equal(reasonOf(check), 'cosignature-invalid')
  }
})

test('a timestamp beyond every calendar is wrong, and nothing worse', () => {
  const keyId = keyIdOf(witness.name, 0x06, witness.mlDsa44.publicKey)
  const signature = new Uint8Array(8 + 2420).fill(0xff)
  const lines = ed25519Line(witness, checkpointText(head), at)
  const beyond = lines + signatureLine({ name: witness.name, keyId, signature })
  assert.equal(reasonOf(verifyCheckpoint(utf8(good + beyond), policy)), 'cosignature-invalid')
})

test('a checkpoint of another log is refused, whoever signed it', () => {
  const other = signerFor(5, 'photonward.example/london')
  const note = signCheckpoint(other, { ...head, origin: other.name }, at)
  assert.equal(reasonOf(verifyCheckpoint(utf8(note), policy)), 'origin-other')
  const asOurs = signCheckpoint({ ...other, name: log.name }, head, at)
  assert.equal(reasonOf(verifyCheckpoint(utf8(asOurs), policy)), 'signature-missing')
})

test('a text that is not exactly three lines is refused', () => {
  const signed = (text: string): string => `${text}\n${good.slice(good.indexOf('\n\n') + 2)}`
  const text = checkpointText(head)
  const malformed = [
    signed(`${text}extension\n`),
    signed(text.replace('\n3\n', '\n03\n')),
    signed(text.replace('\n3\n', '\n-3\n')),
    signed(text.replace('\n3\n', '\n3 \n')),
    signed(text.replace('\n3\n', '\n9007199254740993\n')),
    signed(text.replace('=\n', '\n')),
    signed(text.replace('photonward', '\tphotonward')),
    text,
    good.slice(0, -1),
    good.replace('\u2014', '-'),
    '',
  ]
  for (const note of malformed) {
    assert.equal(reasonOf(verifyCheckpoint(utf8(note), policy)), 'note-malformed', note)
  }
  assert.equal(reasonOf(verifyCheckpoint(Uint8Array.of(0xff, 0x0a), policy)), 'note-malformed')
})

test('no octet of a checkpoint can change without being noticed', () => {
  const octets = utf8(good)
  const strict = { log: noteVerifierOf(log) }
  for (let place = 0; place < octets.length; place += place < 400 ? 1 : 97) {
    const changed = octets.slice()
    changed[place] ^= 1
    const check = verifyCheckpoint(changed, strict)
    assert.notEqual(check.kind, 'verified', `octet ${place}`)
  }
})
