import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newDualSigner } from '#crypto'
import { policyOf } from './policy.ts'

const signer = newDualSigner()
const configuration = {
  site: 'bristol',
  profile: 'production',
  role: 'hospital',
  policyVersion: 3,
} as const

test('a policy that leaves links out lets them authenticate themselves all the same', () => {
  const policy = policyOf({ ...configuration, policy: { clinical: 'require-quantum' } }, signer)
  assert.deepEqual(policy.classes, {
    clinical: 'require-quantum',
    'link-authentication': 'post-quantum',
  })
  assert.deepEqual([policy.version, policy.acceptSimulated], [3, false])
})

test('a policy that says more of links is kept to, and only the demo profile takes simulated keys', () => {
  const classes = { clinical: 'prefer-quantum', 'link-authentication': 'prefer-quantum' } as const
  const demo = { ...configuration, profile: 'demo', policy: classes } as const
  const policy = policyOf(demo, signer)
  assert.deepEqual({ ...policy.classes }, classes)
  assert(policy.acceptSimulated)
})

test('a trusted node has sessions for its links, and for nothing else', () => {
  const classes = { clinical: 'prefer-quantum', 'link-authentication': 'prefer-quantum' } as const
  const node = { ...configuration, role: 'trusted-node', policy: classes } as const
  const policy = policyOf(node, signer)
  assert.deepEqual({ ...policy.classes }, { 'link-authentication': 'prefer-quantum' })
})
