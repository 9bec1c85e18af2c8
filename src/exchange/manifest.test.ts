import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyId, SecretBytes, siteId, toCbor, uuid } from '#base'
import { newDualSigner, verifierOf } from '#crypto'
import type { ItemProtection } from '#vault'
import { seededRandom } from '#world/ports'
import { openManifest, sealManifest, type Manifest } from './manifest.ts'

const transfer = uuid('0198c5a0-0000-4000-8000-000000000001')
const [from, to] = [siteId('bristol'), siteId('cambridge')]
const signer = newDualSigner()
const random = seededRandom(1, 'manifest')

const record = toCbor({
  mode: 'require-quantum',
  used: 'hybrid-quantum',
  suite: 'PW-HYB-1',
  keyIds: [keyId('0198c5a0-0000-4000-8000-000000000002')],
  keySource: 'simulated',
  keyPath: 'direct',
  sessionId: transfer,
  transcript: 'ab'.repeat(48),
  at: 1,
})
const way: ItemProtection = { mode: 'require-quantum', used: 'hybrid-quantum', record }

function travelled(...protections: readonly ItemProtection[]): Manifest {
  const key = () => SecretBytes.take(new Uint8Array(32).fill(7))
  const octets = new Uint8Array(1)
  const signature = { mlDsa: new Uint8Array(3309), ed25519: new Uint8Array(64) }
  const proof = { statement: octets, signature, place: 0, path: [] }
  const item = { hash: new Uint8Array(32), octets: 1, dataKey: key(), proof, protections }
  const manifest = { transfer, from, to, dataClass: 'clinical', items: [item] }
  const sealed = sealManifest(manifest, { signer, random, key: key() })
  return openManifest(sealed, { transfer, from, to, key: key(), senderKeys: verifierOf(signer) })
}

test('former ways of an item arrive as they were recorded', () => {
  assert.deepEqual(travelled(way).items[0].protections, [way])
  assert.deepEqual(travelled().items[0].protections, [])
})

test('a way that is no record, or says two things, refuses the offer', () => {
  for (const bad of [
    { ...way, record: toCbor({ mode: 'require-quantum' }) },
    { ...way, record: new Uint8Array(0) },
    { ...way, used: 'hybrid-post-quantum' },
    { ...way, mode: 'post-quantum' },
  ]) {
    assert.throws(() => travelled(way, bad), { code: 'OFFER_INVALID' })
  }
})
