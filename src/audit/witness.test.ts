/** Two sites, one log and one witness: what is cosigned, what never is, and what a log learns. @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { epochMs, utf8, type Store } from '#base'
import { emptyRoot } from '#crypto'
import { signCheckpoint, verifyCheckpoint } from './checkpoint.ts'
import { cosignerNameOf, noteVerifierOf } from './cosignature.ts'
import {
  addCosignatures,
  compareWithWitness,
  cosignedNote,
  cosignRequest,
  receiptOf,
} from './cosigning.ts'
import { eventNumber, Place, signerFor } from './fixtures.test.ts'
import type { AuditLog } from './log.ts'
import {
  readCosignReply,
  readCosignRequest,
  readSeenReply,
  readSeenRequest,
  writeCosignReply,
  writeCosignRequest,
  writeSeenReply,
  writeSeenRequest,
  type CosignReply,
  type CosignRequest,
} from './messages.ts'
import { verifyReceipt } from './receipt.ts'
import { consistencyPath } from './tree-store.ts'
import { newWitness, type Witness } from './witness.ts'

const signer = signerFor(2, cosignerNameOf('photonward.example/cambridge'))

function witnessOf(log: AuditLog, place = new Place('cambridge', 2), store?: Store): Witness {
  const logOf = (origin: string) => (origin === log.verifier.name ? log.verifier : undefined)
  const clock = place.time.view()
  return newWitness({ site: place.site, store: store ?? place.store, clock, signer, logOf })
}

/** The request of a log as it arrives at the witness, and the answer as it comes back. */
async function ask(log: AuditLog, witness: Witness, heldSize?: number): Promise<CosignReply> {
  const question = await cosignRequest(log, witness.verifier.name, heldSize)
  assert(question.kind === 'request', question.kind)
  const arrived = readCosignRequest(writeCosignRequest(question.request))
  const { reply } = await witness.cosign(arrived)
  return readCosignReply(writeCosignReply(reply))
}

async function cosign(log: AuditLog, witness: Witness): Promise<void> {
  const reply = await ask(log, witness)
  assert(reply.outcome === 'cosigned')
  await addCosignatures(log, witness.verifier, reply)
}

const reasonOf = (reply: CosignReply): string =>
  reply.outcome === 'refused' ? reply.reason : reply.outcome

test('a checkpoint is cosigned, stored, and verifies offline with its witness', async () => {
  const log = await new Place().filled(10)
  const witness = witnessOf(log)
  await cosign(log, witness)
  const note = await cosignedNote(log, 10)
  const policy = { log: log.verifier, witnesses: [witness.verifier], witnessesLeast: 1 }
  const check = verifyCheckpoint(utf8(note ?? ''), policy)
  assert(check.kind === 'verified')
  assert.deepEqual(
    check.checkpoint.witnesses.map(({ name }) => name),
    [signer.name],
  )
  assert.deepEqual(await cosignRequest(log, witness.verifier.name), { kind: 'nothing' })
})

test('each checkpoint is cosigned after the one before, over a consistency proof', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 }),
      async (runs) => {
        const log = await new Place().open()
        const witness = witnessOf(log)
        for (const run of runs) {
          for (let n = 0; n < run; n++) await log.record(eventNumber(n))
          await log.checkpoint()
          await cosign(log, witness)
        }
      },
    ),
    { numRuns: 10, seed: 5 },
  )
})

test('a witness asked again for the same checkpoint cosigns it again', async () => {
  const log = await new Place().filled(3)
  const witness = witnessOf(log)
  await cosign(log, witness)
  const newest = await log.newest()
  const request = { oldSize: 3, proof: [], note: utf8(newest?.note ?? '') }
  assert.equal(reasonOf((await witness.cosign(request)).reply), 'cosigned')
})

test('a lost answer is repaired by what the witness says it has seen', async () => {
  const log = await new Place().filled(3)
  const witness = witnessOf(log)
  await ask(log, witness)
  await log.record(eventNumber(3))
  await log.checkpoint()
  const reply = await ask(log, witness)
  assert.deepEqual(reply, { outcome: 'refused', reason: 'size-other', heldSize: 3 })
  assert.equal((await ask(log, witness, 3)).outcome, 'cosigned')
})

test('a witness never signs backwards', async () => {
  const place = new Place()
  const log = await place.filled(5, [3, 5])
  const witness = witnessOf(log)
  await cosign(log, witness)
  const old = await place.store.read({
    sql: 'select note from audit_checkpoint where size = 3',
    parameters: [],
  })
  const note = old[0]['note'] as Uint8Array
  for (const oldSize of [0, 3, 5]) {
    const { reply } = await witness.cosign({ oldSize, proof: [], note })
    assert.deepEqual(reply, { outcome: 'refused', reason: 'checkpoint-late', heldSize: 5 })
  }
})

test('a smaller tree that was signed later is of a log that lost entries, not late', async () => {
  const place = new Place()
  const log = await place.filled(5)
  const witness = witnessOf(log)
  await cosign(log, witness)
  const { at } = (await log.newest()) ?? assert.fail()
  const head = { origin: log.verifier.name, size: 3, root: new Uint8Array(32) }
  for (const [seconds, reason] of [
    [-1, 'checkpoint-late'],
    [0, 'checkpoint-late'],
    [1, 'size-behind'],
  ] as const) {
    const note = utf8(signCheckpoint(place.signer, head, epochMs(at + seconds * 1000)))
    const { reply } = await witness.cosign({ oldSize: 5, proof: [], note })
    assert.equal(reasonOf(reply), reason)
  }
})

test('a fork is refused, and the two signed notes are the evidence', async () => {
  const place = new Place()
  const log = await place.filled(5)
  const witness = witnessOf(log)
  await cosign(log, witness)
  const rewritten = new Place()
  const forked = await rewritten.open()
  for (let n = 0; n < 5; n++) await forked.record(eventNumber(n + 100))
  await forked.checkpoint()
  const newest = await forked.newest()
  const note = utf8(newest?.note ?? '')
  const { reply, evidence } = await witness.cosign({ oldSize: 5, proof: [], note })
  assert.equal(reasonOf(reply), 'fork')
  assert(evidence !== undefined)
  for (const signed of [evidence.held, evidence.offered]) {
    const check = verifyCheckpoint(signed, { log: log.verifier })
    assert(check.kind === 'verified' && check.checkpoint.size === 5)
  }
  assert.notDeepEqual(evidence.held, evidence.offered)
})

test('a log that grew from a rewritten history has no proof that convinces', async () => {
  const log = await new Place().filled(5)
  const witness = witnessOf(log)
  await cosign(log, witness)
  const forked = await new Place().open()
  for (let n = 0; n < 8; n++) await forked.record(eventNumber(n + 100))
  await forked.checkpoint()
  assert.equal(reasonOf(await ask(forked, witness, 5)), 'proof-invalid')
})

test('a wrong, missing or superfluous proof is refused', async () => {
  const log = await new Place().filled(7, [3])
  const witness = witnessOf(log)
  await cosign(log, witness)
  await log.checkpoint()
  const question = await cosignRequest(log, witness.verifier.name)
  assert(question.kind === 'request')
  const { request } = question
  const changed: readonly CosignRequest[] = [
    { ...request, proof: [] },
    { ...request, proof: request.proof.slice(1) },
    { ...request, proof: [...request.proof, request.proof[0]] },
    { ...request, proof: request.proof.map(() => new Uint8Array(32)) },
  ]
  for (const one of changed) {
    assert.equal(reasonOf((await witness.cosign(one)).reply), 'proof-invalid')
  }
  assert.equal(reasonOf((await witness.cosign(request)).reply), 'cosigned')
})

test('what is not signed by a known log is not cosigned', async () => {
  const log = await new Place().filled(2)
  const witness = witnessOf(log)
  const other = new Place('london', 3)
  const stranger = await other.filled(2)
  const forged = signCheckpoint(
    { ...other.signer, name: log.verifier.name },
    { origin: log.verifier.name, size: 2, root: new Uint8Array(32) },
    (await log.newest())?.at ?? assert.fail(),
  )
  const tries = [
    ['origin-unknown', (await stranger.newest())?.note ?? ''],
    ['checkpoint-invalid', forged],
    ['checkpoint-invalid', 'no note'],
  ] as const
  for (const [reason, note] of tries) {
    const request = { oldSize: 0, proof: [], note: utf8(note) }
    assert.equal(reasonOf((await witness.cosign(request)).reply), reason)
  }
})

test('two requests at once leave the larger head remembered', async () => {
  const log = await new Place().filled(9, [4, 9])
  const cambridge = new Place('cambridge', 2)
  const witness = witnessOf(log, cambridge)
  const notes = await Promise.all([4, 9].map((size) => cosignedNote(log, size)))
  const asked = notes.map((note) =>
    witness.cosign({ oldSize: 0, proof: [], note: utf8(note ?? '') }),
  )
  const outcomes = (await Promise.all(asked)).map(({ reply }) => reasonOf(reply))
  const seen = await witness.seen(log.verifier.name)
  const check = verifyCheckpoint(seen.note ?? new Uint8Array(), { log: log.verifier })
  assert(check.kind === 'verified')
  // Whichever came first, the other had to prove that it continues it, and had no proof.
  assert.deepEqual(outcomes.filter((outcome) => outcome === 'cosigned').length, 1)
  assert.equal(check.checkpoint.size, outcomes[1] === 'cosigned' ? 9 : 4)
})

test('two requests at once from the same size: one is cosigned, the other asks again', async () => {
  const log = await new Place().filled(9, [2, 4, 9])
  const cambridge = new Place('cambridge', 2)
  const witness = witnessOf(log, cambridge)
  const first = utf8((await cosignedNote(log, 2)) ?? '')
  await witness.cosign({ oldSize: 0, proof: [], note: first })
  const asked = [4, 9].map(async (size) => {
    const proof = await consistencyPath(log.source, 2, size)
    const note = utf8((await cosignedNote(log, size)) ?? '')
    return { oldSize: 2, proof, note }
  })
  const requests = await Promise.all(asked)
  const both = await Promise.all(requests.map((request) => witness.cosign(request)))
  const outcomes = both.map(({ reply }) => reasonOf(reply))
  assert.equal(outcomes.filter((outcome) => outcome === 'cosigned').length, 1, String(outcomes))
})

test('a first checkpoint comes without a proof, and covers something', async () => {
  const place = new Place()
  const log = await place.filled(2)
  const witness = witnessOf(log)
  const note = utf8((await log.newest())?.note ?? '')
  const superfluous = { oldSize: 0, proof: [new Uint8Array(32)], note }
  assert.equal(reasonOf((await witness.cosign(superfluous)).reply), 'proof-invalid')
  const empty = { origin: log.verifier.name, size: 0, root: emptyRoot() }
  const nothing = utf8(signCheckpoint(place.signer, empty, epochMs(0)))
  const { reply } = await witness.cosign({ oldSize: 0, proof: [], note: nothing })
  assert.equal(reasonOf(reply), 'proof-invalid')
})

test('nothing is cosigned that could not be remembered', async () => {
  const log = await new Place().filled(2)
  const place = new Place('cambridge', 2)
  const store: Store = {
    read: (statement) => place.store.read(statement),
    commit: () => Promise.reject(new Error('full')),
  }
  await assert.rejects(ask(log, witnessOf(log, place, store)), /full/)
  assert.deepEqual(await witnessOf(log, place).seen(log.verifier.name), { note: null })
})

test('a witness whose memory is damaged says so, and does not cry fork', async () => {
  const log = await new Place().filled(2)
  const place = new Place('cambridge', 2)
  const witness = witnessOf(log, place)
  await cosign(log, witness)
  await place.tamper('update audit_witnessed set root = zeroblob(32)')
  const newest = await log.newest()
  const request = { oldSize: 2, proof: [], note: utf8(newest?.note ?? '') }
  await assert.rejects(witness.cosign(request), { code: 'AUDIT_LOG_DAMAGED' })
})

test('a cosignature that does not verify, or of another size, is not stored', async () => {
  const log = await new Place().filled(4, [2, 4])
  const witness = witnessOf(log)
  const reply = await ask(log, witness)
  assert(reply.outcome === 'cosigned')
  const [classical, postQuantum] = reply.lines.split('\n')
  const invalid = [
    { ...reply, lines: `${classical}\n` },
    { ...reply, lines: `${postQuantum}\n` },
    { ...reply, lines: 'nothing' },
    { ...reply, size: 2 },
  ]
  for (const one of invalid) {
    const code = 'AUDIT_COSIGNATURE_INVALID'
    await assert.rejects(addCosignatures(log, witness.verifier, one), { code })
  }
  const unknown = { ...reply, size: 3 }
  await assert.rejects(addCosignatures(log, witness.verifier, unknown), { code: 'AUDIT_NOT_FOUND' })
  const stranger = noteVerifierOf(signerFor(8, signer.name))
  await assert.rejects(addCosignatures(log, stranger, reply))
  assert.equal(await cosignedNote(log, 4), (await log.newest())?.note)
})

test('lines of others that come with a cosignature are not stored', async () => {
  const log = await new Place().filled(2)
  const witness = witnessOf(log)
  const reply = await ask(log, witness)
  assert(reply.outcome === 'cosigned')
  const lines = `${reply.lines}\u2014 ${signer.name} AAAAAAAAAAAA\n`
  await addCosignatures(log, witness.verifier, { ...reply, lines })
  assert.equal(await cosignedNote(log, 2), `${(await log.newest())?.note ?? ''}${reply.lines}`)
})

test('a site learns at start whether it is behind or beside what a witness saw', async () => {
  const place = new Place()
  const log = await place.filled(6, [3])
  const witness = witnessOf(log)
  const seen = async () => {
    const { origin } = readSeenRequest(writeSeenRequest({ origin: log.verifier.name }))
    return readSeenReply(writeSeenReply(await witness.seen(origin)))
  }
  assert.deepEqual(await compareWithWitness(log, await seen()), {
    kind: 'consistent',
    seen: undefined,
  })
  await cosign(log, witness)
  await log.checkpoint()
  assert.equal((await compareWithWitness(log, await seen())).kind, 'consistent')
  await cosign(log, witness)
  const restored = await new Place().filled(5, [3, 5])
  const behind = await compareWithWitness(restored, await seen())
  assert(behind.kind === 'behind')
  assert.deepEqual([behind.seen.size, behind.size], [6, 5])
  const asked = await cosignRequest(restored, witness.verifier.name, 6)
  assert.deepEqual(asked, { kind: 'behind', heldSize: 6, size: 5 })
  const rewritten = await new Place().open()
  for (let n = 0; n < 9; n++) await rewritten.record(eventNumber(n + 1))
  await rewritten.checkpoint()
  assert.equal((await compareWithWitness(rewritten, await seen())).kind, 'forked')
})

test('a witness cannot stop a site by an invented checkpoint', async () => {
  const log = await new Place().filled(3)
  const thief = new Place('bristol', 77)
  const invented = await thief.filled(9)
  const note = utf8((await invented.newest())?.note ?? '')
  assert.deepEqual(await compareWithWitness(log, { note }), { kind: 'unproven' })
})

test('a receipt proves an entry offline, and only that one', async () => {
  const log = await new Place().filled(300)
  const witness = witnessOf(log)
  const policy = { log: log.verifier, witnesses: [witness.verifier], witnessesLeast: 1 }
  assert.deepEqual(await receiptOf(log, 17, 1), { kind: 'pending' })
  await cosign(log, witness)
  const receipt = await receiptOf(log, 17, 1)
  assert(receipt.kind === 'receipt')
  const check = verifyReceipt(receipt.text, policy)
  assert(check.kind === 'verified')
  assert.deepEqual([check.index, check.event], [17, eventNumber(17)])
  assert.deepEqual(check.checkpoint.witnesses.length, 1)
  const refusals = [
    ['proof-invalid', receipt.text.replace('index 17', 'index 18')],
    ['receipt-malformed', receipt.text.replace('index 17', 'index 017')],
    ['receipt-malformed', receipt.text.replace('tlog-proof@v1', 'tlog-proof@v2')],
    ['receipt-malformed', receipt.text.replace(/extra .*\n/, '')],
    ['receipt-malformed', receipt.text.replace('\n\n', '\n')],
    ['witnesses-too-few', receipt.text.replaceAll(signer.name, 'other')],
  ] as const
  for (const [reason, text] of refusals) {
    assert.deepEqual(verifyReceipt(text, policy), { kind: 'refused', reason })
  }
  const other = await receiptOf(log, 18, 1)
  assert(other.kind === 'receipt')
  const mixed = other.text.replace(/extra .*\n/, /extra .*\n/.exec(receipt.text)?.[0] ?? '')
  assert.deepEqual(verifyReceipt(mixed, policy), { kind: 'refused', reason: 'proof-invalid' })
  assert.deepEqual(verifyReceipt('x'.repeat(400_000), policy), {
    kind: 'refused',
    reason: 'receipt-malformed',
  })
})

test('a receipt takes the newest checkpoint that enough sites have cosigned', async () => {
  const log = await new Place().filled(9, [4])
  const witness = witnessOf(log)
  await cosign(log, witness)
  await log.checkpoint()
  const cosigned = await receiptOf(log, 2, 1)
  const newest = await receiptOf(log, 2, 0)
  assert(cosigned.kind === 'receipt' && newest.kind === 'receipt')
  assert.deepEqual([cosigned.size, newest.size], [4, 9])
  assert.deepEqual(await receiptOf(log, 6, 1), { kind: 'pending' })
  assert.deepEqual(await receiptOf(log, 2, 2), { kind: 'pending' })
  await assert.rejects(receiptOf(log, 9, 0), { code: 'AUDIT_NOT_FOUND' })
})

test('messages between log and witness refuse every other form', () => {
  const request = writeCosignRequest({ oldSize: 0, proof: [], note: utf8('n') })
  assert.doesNotThrow(() => readCosignRequest(request))
  const many = Array.from({ length: 64 }, () => new Uint8Array(32))
  const refused: readonly (() => unknown)[] = [
    () => readCosignRequest(request.subarray(1)),
    () => readCosignRequest(writeCosignRequest({ oldSize: -1, proof: [], note: utf8('n') })),
    () => readCosignRequest(writeCosignRequest({ oldSize: 0, proof: many, note: utf8('n') })),
    () => readCosignRequest(writeCosignRequest({ oldSize: 0, proof: [], note: utf8('') })),
    () =>
      readCosignRequest(
        writeCosignRequest({ oldSize: 0, proof: [new Uint8Array(31)], note: utf8('n') }),
      ),
    () => readCosignReply(request),
    () => readSeenRequest(writeSeenRequest({ origin: '' })),
    () => readSeenReply(writeSeenReply({ note: new Uint8Array(300_000) })),
  ]
  for (const read of refused) assert.throws(read, /Invalid|CBOR/)
})
