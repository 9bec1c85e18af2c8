import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { before, test } from 'node:test'
import fc from 'fast-check'
import { base64, epochMs, fromBase64, isoTime, siteId } from '#base'
import {
  addCosignatures,
  AuditLog,
  auditMigrations,
  bindParts,
  consistencyPath,
  cosignRequest,
  newWitness,
  noteVerifierOf,
  receiptOf,
  rootAt,
  type NoteSigner,
} from '#audit'
import {
  checkProof,
  isContinued,
  isIncluded,
  type ProofCheck,
  type ProofFile,
  type ProofPowers,
} from '#contract'
import { signingKeyPairOf, verifyBareEd25519, verifyBareMlDsa } from '#crypto'
import { MemoryStore, seededRandom, SimulatedTime } from '#world/ports'
import { noteKeysOf, proofText } from './proof.ts'

const random = seededRandom(1)
const powers: ProofPowers = {
  hash: (octets) => Promise.resolve(new Uint8Array(createHash('sha256').update(octets).digest())),
  verify: ({ algorithm, octets }, message, signature) =>
    Promise.resolve(
      algorithm === 'ed25519'
        ? verifyBareEd25519(octets, message, signature)
        : verifyBareMlDsa({ name: 'ml-dsa-44', publicKey: octets }, message, signature),
    ),
}
/** A browser that knows Ed25519 and no post-quantum signature. */
const classical: ProofPowers = {
  ...powers,
  verify: (key, message, signature) =>
    key.algorithm === 'ed25519'
      ? powers.verify(key, message, signature)
      : Promise.resolve(undefined),
}
const at = epochMs(1_767_225_600_123)
const parts = {
  general: JSON.stringify({ resourceType: 'AuditEvent', recorded: isoTime(at), action: 'R' }),
  particular: JSON.stringify([{ what: { reference: 'Patient/p1' } }]),
}
const signerFor = (name: string): NoteSigner => ({
  name,
  ed25519: signingKeyPairOf('ed25519', random.octets(32)),
  mlDsa44: signingKeyPairOf('ml-dsa-44', random.octets(32)),
})
const own = signerFor('photonward.example/bristol')
const witness = signerFor('photonward.example/london/cosigner')
const keys = noteKeysOf(noteVerifierOf(own), [noteVerifierOf(witness)])
const bound = bindParts(random, parts)
const event = {
  general: { text: parts.general, salt: bound.salts.general, inner: bound.inner },
  particular: { text: parts.particular, salt: bound.salts.particular },
}
let log: AuditLog
let receipt: string
let whole: string

before(async () => {
  const clock = new SimulatedTime().view()
  const site = siteId('bristol')
  log = await AuditLog.open({ site, store: new MemoryStore(auditMigrations), clock, signer: own })
  const { commitment } = bound
  for (let n = 0; n < 40; n++) {
    const facts = { number: n, half: n / 2, list: ['a', `key ${n}`], none: null, yes: true }
    await log.record({
      kind: 'vault.opened',
      at,
      actor: 'pacs',
      facts,
      ...(n === 17 && { commitment }),
    })
    if (n === 20) await log.checkpoint()
  }
  await log.checkpoint()
  const other = newWitness({
    ...{ site: siteId('london'), store: new MemoryStore(auditMigrations), clock, signer: witness },
    logOf: () => noteVerifierOf(own),
  })
  const question = await cosignRequest(log, witness.name)
  assert(question.kind === 'request')
  const { reply } = await other.cosign(question.request)
  assert(reply.outcome === 'cosigned')
  await addCosignatures(log, noteVerifierOf(witness), reply)
  const found = await receiptOf(log, 17, 1)
  assert(found.kind === 'receipt')
  receipt = found.text
  whole = proofText({ receipt, event, keys })
})

const failed = ({ findings }: ProofCheck) =>
  findings.filter(({ good }) => !good).map(({ step }) => step)
const changed = (change: (file: ProofFile) => object): string =>
  JSON.stringify({ ...(JSON.parse(whole) as ProofFile), ...change(JSON.parse(whole) as ProofFile) })

test('a proof verifies with nothing but the file, and gives the event back whole', async () => {
  const check = await checkProof(whole, powers)
  assert.deepEqual(failed(check), [])
  assert(check.verified)
  assert.deepEqual(check.event, {
    ...(JSON.parse(parts.general) as object),
    entity: JSON.parse(parts.particular) as unknown,
  })
  assert.deepEqual(check.entry?.facts, {
    ...{ number: 17, half: 8.5, list: ['a', 'key 17'], none: null, yes: true },
  })
  assert.equal(check.index, 17)
  assert.equal(check.size, 40)
  assert.deepEqual(
    check.witnesses.map(({ name, state }) => [name, state]),
    [[witness.name, 'good']],
  )
})

test('a proof that keeps the patient back still proves that there was such an access', async () => {
  const { particular, ...general } = event
  const text = proofText({ receipt, event: general, keys })
  assert(!text.includes('Patient/p1') && particular.text.includes('Patient/p1'))
  const check = await checkProof(text, powers)
  assert(check.verified)
  assert.deepEqual(check.event, JSON.parse(parts.general))
})

test('a proof of an entry that binds nothing proves the entry', async () => {
  const found = await receiptOf(log, 3, 1)
  assert(found.kind === 'receipt')
  const check = await checkProof(proofText({ receipt: found.text, keys }), powers)
  assert(check.verified)
  assert.equal(check.entry?.facts['number'], 3)
  const lie = await checkProof(proofText({ receipt: found.text, event, keys }), powers)
  assert.deepEqual(failed(lie), ['event'])
})

test('whatever is changed in a proof is found, and said where', async () => {
  const other = base64(random.octets(32))
  const swap = (from: string, to: string) => ({ receipt: receipt.replace(from, to) })
  const eventWith = (change: object) => ({ event: { ...eventIn(), ...change } })
  const eventIn = () => (JSON.parse(whole) as Required<ProofFile>).event
  const general = eventIn().general
  const cases: readonly (readonly [string, () => object, readonly string[]])[] = [
    ['another text', () => eventWith({ general: { ...general, text: '{}' } }), ['event', 'time']],
    ['another salt', () => eventWith({ general: { ...general, salt: other } }), ['event']],
    ['another patient', () => eventWith({ particular: { text: '[]', salt: other } }), ['event']],
    ['another commitment', () => eventWith({ particular: { commitment: other } }), ['event']],
    ['another index', () => swap('index 17', 'index 18'), ['inclusion']],
    ['another size', () => swap('\n40\n', '\n41\n'), ['checkpoint', 'witnesses']],
    ['another origin', () => swap('bristol\n40', 'exeter\n40'), ['checkpoint', 'witnesses']],
    [
      'no cosignature',
      () => ({ receipt: receipt.split('\u2014').slice(0, 3).join('\u2014') }),
      ['witnesses'],
    ],
    [
      'half a cosignature',
      () => ({ receipt: receipt.split('\u2014').slice(0, 4).join('\u2014') }),
      ['witnesses'],
    ],
    ['keys of nobody', () => ({ keys: [] }), ['keys', 'checkpoint', 'witnesses']],
    ['one key of the log', () => ({ keys: keys.slice(1) }), ['checkpoint']],
    [
      'a key with another id',
      () => ({ keys: keys.map((key) => key.replace(/\+[0-9a-f]{8}\+/, '+00000000+')) }),
      ['keys', 'checkpoint', 'witnesses'],
    ],
    ['no proof at all', () => ({ format: 'photonward-proof@v2' }), ['form']],
    ['a receipt cut short', () => ({ receipt: receipt.slice(0, 200) }), ['form']],
  ]
  for (const [name, change, steps] of cases) {
    const check = await checkProof(changed(change), powers)
    assert(!check.verified, name)
    assert.deepEqual(failed(check), steps, name)
  }
})

test('any one octet of the path, the entry or a signature that is flipped is found', async () => {
  const places = [...receipt.matchAll(/[A-Za-z0-9+/]{40,}/g)].map(
    ({ index, 0: run }) => [index, run.length] as const,
  )
  const flip = fc
    .nat(places.length - 1)
    .chain((which) => fc.tuple(fc.constant(which), fc.nat(places[which][1] - 2)))
  await fc.assert(
    fc.asyncProperty(flip, async ([which, offset]) => {
      const at = places[which][0] + offset
      const letter = receipt[at] === 'A' ? 'B' : 'A'
      const bad = receipt.slice(0, at) + letter + receipt.slice(at + 1)
      const check = await checkProof(
        changed(() => ({ receipt: bad })),
        powers,
      )
      assert(!check.verified)
    }),
    { numRuns: 60, seed: 1 },
  )
})

test('only keys that the checker trusts count, and a machine says what it cannot check', async () => {
  assert((await checkProof(whole, powers, { keys })).verified)
  const strangers = noteKeysOf(noteVerifierOf(signerFor('photonward.example/bristol')), [])
  assert.deepEqual(failed(await checkProof(whole, powers, { keys: strangers })), [
    'keys',
    'checkpoint',
    'witnesses',
  ])
  const logOnly = await checkProof(whole, powers, { keys: keys.slice(0, 2) })
  assert.deepEqual(failed(logOnly), ['witnesses'])
  assert((await checkProof(whole, powers, { keys: keys.slice(0, 2), witnessesLeast: 0 })).verified)
  const half = await checkProof(whole, classical)
  assert.deepEqual(failed(half), [])
  assert(!half.verified)
  assert.equal(half.unchecked.length, 2)
})

test('inclusion and consistency agree with the log about every size and index', async () => {
  const roots = new Map<number, Uint8Array>()
  for (let size = 0; size <= 40; size++) roots.set(size, await rootAt(log.source, size))
  const tree = (size: number) => ({ size, root: roots.get(size) ?? new Uint8Array(32) })
  for (let first = 0; first <= 40; first++) {
    for (const second of [first, first + 1, 33, 40]) {
      if (second < first || second > 40) continue
      const path = await consistencyPath(log.source, first, second)
      assert(await isContinued(powers, tree(first), tree(second), path), `${first} ${second}`)
      if (first === 0 || first === second) continue
      const lie = { size: first, root: tree(second).root }
      assert(!(await isContinued(powers, lie, tree(second), path)), `${first} ${second}`)
      assert(!(await isContinued(powers, tree(first), tree(second), path.slice(1))))
      assert(!(await isContinued(powers, tree(first), tree(second), [...path, path[0]])))
    }
  }
  const leaf = fromBase64(/^extra (\S+)$/m.exec(receipt)?.[1] ?? '')
  const path = [...receipt.split('\n\n')[0].matchAll(/^([A-Za-z0-9+/]{43}=)$/gm)].map((one) =>
    fromBase64(one[1]),
  )
  for (let index = 0; index < 41; index++) {
    const isIn = await isIncluded(powers, { octets: leaf, index }, tree(40), path)
    assert.equal(isIn, index === 17, `${index}`)
  }
})
