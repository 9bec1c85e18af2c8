import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { KEY_SOURCES, siteId, toCbor } from '#base'
import { newDualSigner, signDual, verifierOf } from '#crypto'
import {
  decide,
  MODES,
  openPolicy,
  signPolicy,
  strongerMode,
  type PolicyTerms,
  type ProtectionMode,
  type ProtectionPolicy,
} from './mod.ts'

const signer = newDualSigner()
const terms: PolicyTerms = {
  site: siteId('bristol'),
  version: 5,
  acceptSimulated: false,
  classes: { archive: 'require-quantum', clinical: 'prefer-quantum', public: 'post-quantum' },
}
const by = { site: terms.site, keys: verifierOf(signer), leastVersion: 5 }
const octets = signPolicy(terms, signer)
const INVALID = { name: 'SessionRefusal', code: 'POLICY_INVALID' }

test('a signed policy opens to its terms', () => {
  assert.deepEqual(openPolicy(octets, by), terms)
  assert.deepEqual(openPolicy(octets, { ...by, leastVersion: 1 }).version, 5)
})

test('a policy that was changed, is older, of another site or another’s hand is refused', () => {
  for (let at = 0; at < octets.length; at++) {
    assert.throws(() => openPolicy(octets.with(at, octets[at] ^ 1), by), INVALID)
  }
  for (const cut of [octets.subarray(1), octets.subarray(0, -1), new Uint8Array(0)]) {
    assert.throws(() => openPolicy(cut, by), INVALID)
  }
  assert.throws(() => openPolicy(octets, { ...by, leastVersion: 6 }), INVALID)
  assert.throws(() => openPolicy(octets, { ...by, site: siteId('cambridge') }), INVALID)
  const [other, mine] = [newDualSigner(), verifierOf(signer)]
  const keys = [verifierOf(other), { ...mine, mlDsa: verifierOf(other).mlDsa }]
  keys.push({ ...mine, ed25519: verifierOf(other).ed25519 })
  for (const one of keys) assert.throws(() => openPolicy(octets, { ...by, keys: one }), INVALID)
})

test('terms that say nothing clear are neither signed nor opened', () => {
  const wrong: Partial<Record<keyof PolicyTerms, unknown>>[] = [
    { version: 0 },
    { version: 1.5 },
    { acceptSimulated: 1 },
    { classes: {} },
    { classes: { archive: 'classical' } },
    { classes: { Archive: 'post-quantum' } },
    { classes: { 'patient name': 'post-quantum' } },
    { site: 'Bristol' },
    { classes: Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`c${at}`, MODES[0]])) },
  ]
  for (const change of wrong) {
    const changed = { ...terms, ...change } as PolicyTerms
    assert.throws(() => signPolicy(changed, signer), INVALID)
    const body = toCbor({ v: 1, ...changed })
    const signature = signDual(signer, 'photonward/protection-policy/v1', body)
    assert.throws(() => openPolicy(toCbor({ body, ...signature }), by), INVALID)
  }
})

test('the decision is never weaker than what was wanted, nor than the class needs', () => {
  const policies = fc.record({
    minimum: fc.constantFrom(...MODES),
    wanted: fc.constantFrom(...MODES),
    acceptSimulated: fc.boolean(),
    sources: fc.array(fc.constantFrom(...KEY_SOURCES), { maxLength: 3 }),
  })
  fc.assert(
    fc.property(policies, ({ minimum, wanted, acceptSimulated, sources }) => {
      const policy = opened({ acceptSimulated, classes: { one: minimum } })
      const offered = sources.map((source) => ({ source }))
      const decision = decide(policy, { dataClass: 'one', wanted, offered })
      const mode: ProtectionMode = strongerMode(wanted, minimum)
      if (mode === 'one-time-pad') {
        assert.deepEqual(decision, { kind: 'refuse', cause: 'MODE_RESERVED' })
        return
      }
      assert(decision.kind !== 'refuse')
      assert.equal(decision.mode, mode)
      const simulated = sources.some((one) => one === 'simulated' || one === 'seeded-test')
      const usable = sources.length > 0 && (acceptSimulated || !simulated)
      if (mode === 'require-quantum') assert.equal(decision.kind === 'protect', usable)
      else assert.equal(decision.kind, 'protect')
      if (decision.kind === 'protect') {
        const quantum = usable && mode !== 'post-quantum'
        assert.equal(decision.used, quantum ? 'hybrid-quantum' : 'hybrid-post-quantum')
      }
    }),
    { numRuns: 60 },
  )
})

test('a class the policy does not know is not sent, whatever it is called', () => {
  const policy = openPolicy(octets, by)
  for (const dataClass of ['other', '', 'toString', '__proto__', 'constructor']) {
    const decision = decide(policy, { dataClass, wanted: 'post-quantum', offered: [] })
    assert.deepEqual(decision, { kind: 'refuse', cause: 'CLASS_UNKNOWN' })
  }
})

test('waiting names its cause', () => {
  const policy = openPolicy(octets, by)
  const wait = (offered: { source: 'simulated' }[]) =>
    decide(policy, { dataClass: 'archive', wanted: 'post-quantum', offered })
  const mode = 'require-quantum'
  assert.deepEqual(wait([]), { kind: 'wait', mode, cause: 'QUANTUM_KEY_REQUIRED' })
  const simulated = wait([{ source: 'simulated' }])
  assert.deepEqual(simulated, { kind: 'wait', mode, cause: 'QUANTUM_KEY_SIMULATED' })
})

function opened(changes: Partial<PolicyTerms>): ProtectionPolicy {
  return openPolicy(signPolicy({ ...terms, ...changes }, signer), by)
}
