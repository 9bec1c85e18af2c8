import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { epochMs, newUuid, type Uuid } from '#base'
import { newDualSigner, verifierOf } from '#crypto'
import { seededRandom } from '#world/ports'
import { BRISTOL, CAMBRIDGE } from './fixture.test.ts'
import {
  GroupProver,
  isManifestOf,
  isProven,
  isSigned,
  readStatement,
  signGroup,
  subjectOfEntry,
  entryAt,
  type ManifestEntry,
} from './group.ts'

const signer = newDualSigner()
const random = seededRandom(1)
const about = { site: BRISTOL, group: newUuid(random), at: epochMs(5) }
const entries = (count: number, received = false): ManifestEntry[] =>
  Array.from({ length: count }, (_, at) => ({
    object: newUuid(random),
    version: at + 1,
    hash: random.octets(32),
    ...(received && { origin: random.octets(32) }),
  }))

test('each entry of a group is proven by itself, for any size of group', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 70 }), (size) => {
      const listed = entries(size)
      const group = signGroup(signer, about, listed)
      const prover = new GroupProver(group)
      for (const [place, entry] of listed.entries()) {
        const proof = prover.prove(place)
        assert(isProven(proof, entry))
        assert(isSigned([verifierOf(signer)], proof))
        assert(!isProven({ ...proof, place: place + 1 }, entry))
        assert(!isProven(proof, { ...entry, version: entry.version + 1 }))
        assert(!isProven(proof, { ...entry, object: about.group }))
        assert(!isProven(proof, { ...entry, hash: entry.hash.with(0, entry.hash[0] ^ 1) }))
      }
    }),
    { numRuns: 30 },
  )
})

test('a statement says what was signed, and a manifest is that of its statement alone', () => {
  const listed = entries(9, true)
  const { statement, manifest, root } = signGroup(signer, about, listed)
  const read = readStatement(statement)
  assert.deepEqual(read, { ...about, size: 9, stride: 84, root })
  assert(isManifestOf(manifest, read))
  assert.deepEqual(subjectOfEntry(entryAt(manifest, 84, 4)), {
    object: listed[4].object,
    version: 5,
  })
  for (let at = 0; at < manifest.length; at += 13) {
    assert(!isManifestOf(manifest.with(at, manifest[at] ^ 1), read), `octet ${at}`)
  }
  assert(!isManifestOf(manifest.subarray(84), read))
  assert(!isManifestOf(new Uint8Array([...manifest, ...manifest.subarray(0, 84)]), read))
})

test('both signatures are needed, of the right signer, over the very statement', () => {
  const { statement, signature } = signGroup(signer, about, entries(3))
  const other = signGroup(newDualSigner(), about, entries(3))
  const mine = [verifierOf(signer)]
  assert(isSigned(mine, { statement, signature }))
  assert(!isSigned([], { statement, signature }))
  assert(!isSigned(mine, other))
  for (const half of ['mlDsa', 'ed25519'] as const) {
    const mixed = { ...signature, [half]: other.signature[half] }
    assert(!isSigned(mine, { statement, signature: mixed }))
  }
  const moved = signGroup(signer, { ...about, site: CAMBRIDGE }, entries(3))
  assert(!isSigned(mine, { statement: moved.statement, signature }))
})

test('what came from another site is not proven by this one', () => {
  const group = signGroup(signer, about, entries(3, true))
  assert.throws(() => new GroupProver(group), { name: 'AssertionFailure' })
  const [entry] = entries(1, true)
  const forged = signGroup(signer, about, [entry])
  const { statement, signature } = forged
  assert(!isProven({ statement, signature, place: 0, path: [] }, entry))
})

test('a statement of any other form is refused', () => {
  const { statement } = signGroup(signer, about, entries(2))
  assert.throws(() => readStatement(statement.subarray(1)))
  assert.throws(() => readStatement(new Uint8Array([...statement, 0])))
  assert.throws(() => readStatement(new Uint8Array(300)))
  assert.throws(() => signGroup(signer, about, []), { name: 'AssertionFailure' })
  const mixed = [...entries(1), ...entries(1, true)]
  assert.throws(() => signGroup(signer, about, mixed), { name: 'AssertionFailure' })
  assert.equal(about.group satisfies Uuid, readStatement(statement).group)
})
