/**
 * `spec/vectors/proof.json`: proofs as a second implementation makes and checks them.
 *
 * What it makes goes through the daemon's code and through that of the console and its offline page;
 * what a log of ours gives out goes through the second implementation.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { epochMs, fromHex, isoTime, siteId, utf8 } from '#base'
import {
  addCosignatures,
  AuditLog,
  auditMigrations,
  bindParts,
  consistencyPath,
  cosignRequest,
  eventOf,
  inclusionPath,
  leafOf,
  newWitness,
  noteVerifierOf,
  receiptOf,
  rootAt,
  verifyCheckpoint,
  verifyInclusion,
  verifyReceipt,
  vkeyOf,
  type AuditEvent,
  type NoteSigner,
  type NoteVerifier,
} from '#audit'
import { checkProof, isContinued, isIncluded, type ProofCheck, type ProofPowers } from '#contract'
import { leafHash, signingKeyPairOf } from '#crypto'
import { proofPowers } from '#gateway'
import { MemoryStore, seededRandom, SimulatedTime } from '#world/ports'
import { proofVectors } from '../../tools/make-proof-vectors.ts'
import * as second from '../../tools/proof-second.ts'

interface Vectors {
  readonly signers: readonly { readonly name: string; ed25519: string; mlDsa44: string }[]
  readonly keys: readonly string[]
  readonly entries: readonly {
    readonly event: Omit<AuditEvent, 'commitment'> & { readonly commitment?: string }
    readonly octets: string
    readonly leafHash: string
  }[]
  readonly roots: readonly string[]
  readonly inclusion: readonly { size: number; index: number; path: readonly string[] }[]
  readonly consistency: readonly { first: number; second: number; path: readonly string[] }[]
  readonly checkpoint: string
  readonly proofs: readonly {
    readonly comment: string
    readonly file: string
    readonly witnessesLeast: number
    readonly trusted?: readonly string[]
    readonly fails: readonly number[]
  }[]
}

const published = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../spec/vectors/proof.json'), 'utf8'),
) as Vectors
const site = siteId('bristol')
const signers = published.signers.map(({ name, ed25519, mlDsa44 }): NoteSigner => ({
  name,
  ed25519: signingKeyPairOf('ed25519', fromHex(ed25519)),
  mlDsa44: signingKeyPairOf('ml-dsa-44', fromHex(mlDsa44)),
}))
const [own, ...witnesses] = signers
/** What a browser can, by WebCrypto; the console's own module, which has its own names for ours. */
const { browserPowers } = (await import(
  new URL('../../console/src/proof-powers.ts', import.meta.url).href
)) as { readonly browserPowers: ProofPowers }

test('the generator makes the published proofs, octet for octet', () => {
  assert(published.proofs.length > 20 && published.consistency.length > 20)
  assert.deepEqual(published, JSON.parse(JSON.stringify(proofVectors())))
})

test('an entry is the octets that the specification says, both ways', () => {
  for (const { event, octets, leafHash: hash } of published.entries) {
    const { commitment, ...rest } = event
    const own = { ...rest, ...(commitment !== undefined && { commitment: fromHex(commitment) }) }
    assert.equal(leafOf(own).toHex(), octets)
    assert.deepEqual(eventOf(fromHex(octets)), own)
    assert.equal(leafHash(fromHex(octets)).toHex(), hash)
  }
})

/** A log that has written the entries of the vectors, with a checkpoint at each third. */
async function writtenLog() {
  const clock = new SimulatedTime().view()
  const store = new MemoryStore(auditMigrations)
  const log = await AuditLog.open({ site, store, clock, signer: own })
  for (const [n, { event }] of published.entries.entries()) {
    const { commitment, ...rest } = event
    await log.record({
      ...rest,
      ...(commitment !== undefined && { commitment: fromHex(commitment) }),
    })
    if (n % 3 === 2) await log.checkpoint()
  }
  await log.checkpoint()
  return { log, clock, source: { site, store } }
}

test('roots and paths of a log of ours are those of the second implementation', async () => {
  const { source } = await writtenLog()
  for (const [size, root] of published.roots.entries()) {
    assert.equal((await rootAt(source, size)).toHex(), root, `root of ${size}`)
  }
  for (const { size, index, path } of published.inclusion) {
    const made = await inclusionPath(source, index, size)
    assert.deepEqual(hexes(made), path, `entry ${index} of ${size}`)
  }
  for (const { first, second, path } of published.consistency) {
    const made = await consistencyPath(source, first, second)
    assert.deepEqual(hexes(made), path, `from ${first} to ${second}`)
  }
})

test('paths of the second implementation lead where they should, and nowhere else', async () => {
  const rootOf = (size: number) => ({ size, root: fromHex(published.roots[size]) })
  for (const { size, index, path } of published.inclusion) {
    const hashes = path.map(fromHex)
    const leaf = { octets: fromHex(published.entries[index].octets), index }
    const other = { ...leaf, index: (index + 1) % Math.max(2, size) }
    assert(await isIncluded(proofPowers, leaf, rootOf(size), hashes))
    assert(verifyInclusion(leaf, hashes, rootOf(size)))
    assert(!(await isIncluded(proofPowers, other, rootOf(size), hashes)))
    assert(!verifyInclusion(other, hashes, rootOf(size)))
  }
  for (const { first, second, path } of published.consistency) {
    const hashes = path.map(fromHex)
    assert(await isContinued(proofPowers, rootOf(first), rootOf(second), hashes))
    if (first === 0) continue
    const forked = { size: first, root: fromHex(published.roots[0]) }
    assert(!(await isContinued(proofPowers, forked, rootOf(second), hashes)))
  }
})

test('a checkpoint of the second implementation is signed and cosigned as ours are', () => {
  const policy = {
    log: noteVerifierOf(own),
    witnesses: witnesses.map(noteVerifierOf),
    witnessesLeast: 2,
  }
  const check = verifyCheckpoint(utf8(published.checkpoint), policy)
  assert(check.kind === 'verified')
  const { size, root, witnesses: seen } = check.checkpoint
  assert.deepEqual([size, root.toHex()], [21, published.roots[21]])
  assert.deepEqual(
    seen.map(({ at }) => at),
    [1_767_225_602_000, 1_767_225_660_000],
  )
  const keysOf = ({ name, ed25519, mlDsa44 }: NoteVerifier, type: 0x01 | 0x04) => [
    vkeyOf(name, type, ed25519),
    vkeyOf(name, 0x06, mlDsa44),
  ]
  const keys = [keysOf(policy.log, 0x01), ...policy.witnesses.map((one) => keysOf(one, 0x04))]
  assert.deepEqual(keys.flat(), published.keys)
})

/** Numbers of §3 of the specification, by the steps of our checker. */
const NUMBERS = {
  ...{ form: 1, keys: 1, event: 2, time: 2, inclusion: 3, checkpoint: 4, witnesses: 5 },
} as const

const failed = ({ findings }: ProofCheck): number[] => [
  ...new Set(findings.filter(({ good }) => !good).map(({ step }) => NUMBERS[step])),
]

for (const { comment, file, witnessesLeast, trusted, fails } of published.proofs) {
  test(`proof: ${comment}`, async () => {
    const trust = { witnessesLeast, ...(trusted && { keys: trusted }) }
    const machines = { 'command line': proofPowers, 'console and offline page': browserPowers }
    for (const [name, machine] of Object.entries(machines)) {
      const check = await checkProof(file, machine, trust)
      assert.deepEqual(failed(check), fails, name)
      assert.equal(check.verified, fails.length === 0, name)
      assert.deepEqual(check.unchecked, [], name)
    }
    assert.deepEqual(
      second.failuresOf(file, { witnessesLeast, ...(trusted && { trusted }) }),
      fails,
    )
  })
}

test('a receipt of the second implementation is one for the daemon', () => {
  const { receipt } = JSON.parse(published.proofs[0].file) as { receipt: string }
  const check = verifyReceipt(receipt, {
    ...{ log: noteVerifierOf(own), witnesses: witnesses.map(noteVerifierOf), witnessesLeast: 2 },
  })
  assert(check.kind === 'verified')
  assert.deepEqual([check.index, check.event.kind], [5, 'vault.opened'])
})

test('a proof of a log of ours holds for the second implementation, and a changed one does not', async () => {
  const { log, clock } = await writtenLog()
  const at = epochMs(1_767_225_700_456)
  const general = JSON.stringify({ resourceType: 'AuditEvent', recorded: isoTime(at), action: 'R' })
  const particular = JSON.stringify([{ what: { reference: 'Patient/p9' } }])
  const bound = bindParts(seededRandom(7), { general, particular })
  const { commitment } = bound
  await log.record({ kind: 'vault.opened', at, actor: 'pacs', facts: { n: 0.1 }, commitment })
  await log.checkpoint()
  for (const witness of witnesses) {
    const other = newWitness({
      ...{ site: siteId('london'), store: new MemoryStore(auditMigrations), clock },
      ...{ signer: witness, logOf: () => noteVerifierOf(own) },
    })
    const question = await cosignRequest(log, witness.name)
    assert(question.kind === 'request')
    const { reply } = await other.cosign(question.request)
    assert(reply.outcome === 'cosigned')
    await addCosignatures(log, noteVerifierOf(witness), reply)
  }
  const found = await receiptOf(log, 21, 2)
  assert(found.kind === 'receipt')
  const [salt, inner] = [bound.salts.particular, bound.inner].map((octets) => octets.toBase64())
  const fileWith = (part: object): string =>
    JSON.stringify({
      ...{ format: 'photonward-proof@v1', receipt: found.text, keys: published.keys },
      event: {
        general: { text: general, salt: bound.salts.general.toBase64() },
        particular: part,
      },
    })
  const text = fileWith({ text: particular, salt })
  const asked = { witnessesLeast: 2, trusted: published.keys }
  assert.deepEqual(second.failuresOf(text, asked), [])
  assert.deepEqual(second.failuresOf(fileWith({ commitment: inner }), asked), [])
  assert.deepEqual(second.failuresOf(text.replace('Patient/p9', 'Patient/p8'), asked), [2])
  assert.deepEqual(second.failuresOf(text.replace('index 21', 'index 20'), asked), [3])
})

const hexes = (hashes: readonly Uint8Array[]): string[] => hashes.map((hash) => hash.toHex())
