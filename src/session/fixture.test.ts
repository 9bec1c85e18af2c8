/**
 * Two sites with keys, policies and a stock of QKD keys: what the tests of this room talk with.
 *
 * @module
 */

import {
  epochMs,
  keyId,
  kmeId,
  newUuid,
  saeId,
  SecretBytes,
  siteId,
  type EpochMs,
  type KeyId,
  type RandomSource,
} from '#base'
import { newDualSigner, simulatedRandom, verifierOf, type DualSigner } from '#crypto'
import { complete, initiate, type InitiateInput } from './initiator.ts'
import type { Party } from './message.ts'
import { openPolicy, signPolicy, type PolicyTerms, type ProtectionPolicy } from './policy.ts'
import type { QuantumKey } from './quantum-key.ts'
import { accept, receiveHello, respond, type ReceiveInput } from './responder.ts'
import type { Session } from './session.ts'

export interface TestSite {
  readonly party: Party
  readonly signer: DualSigner
  readonly policy: ProtectionPolicy
}

const random: RandomSource = simulatedRandom(new Uint8Array(32).fill(41))
export const at: EpochMs = epochMs(1_767_225_600_000)

/** A site under its own signed policy; the terms given replace the usual ones. */
export function testSite(name: string, terms: Partial<PolicyTerms> = {}): TestSite {
  const party = { site: siteId(name), sae: saeId(`sae.${name}`), kme: kmeId(`kme.${name}`) }
  return withPolicy({ party, signer: newDualSigner() }, terms)
}

/** The same site under another policy. */
export function withPolicy(
  { party, signer }: Pick<TestSite, 'party' | 'signer'>,
  terms: Partial<PolicyTerms>,
): TestSite {
  const usual: PolicyTerms = {
    site: party.site,
    version: 3,
    acceptSimulated: false,
    classes: {
      archive: 'require-quantum',
      clinical: 'prefer-quantum',
      'link-authentication': 'post-quantum',
    },
  }
  const octets = signPolicy({ ...usual, ...terms }, signer)
  const keys = verifierOf(signer)
  return { party, signer, policy: openPolicy(octets, { site: party.site, keys, leastVersion: 1 }) }
}

/** Copies of one QKD key for both ends, as their key management would hand it out. */
export function keyPair(changes: Partial<QuantumKey> = {}): readonly [QuantumKey, QuantumKey] {
  const octets = random.octets(32)
  const key = (): QuantumKey => ({
    keyId: id,
    octets: SecretBytes.copyOf(octets),
    source: 'kme-asserted',
    path: 'direct',
    provenance: new Uint8Array(0),
    ...changes,
  })
  const id: KeyId = keyId(newUuid(random))
  return [key(), key()]
}

/** `count` keys for each end. */
export function keyPairs(
  count: number,
  changes: Partial<QuantumKey> = {},
): readonly [QuantumKey[], QuantumKey[]] {
  const pairs = Array.from({ length: count }, () => keyPair(changes))
  return [pairs.map(([first]) => first), pairs.map(([, second]) => second)]
}

export const initiatorInput = (
  one: TestSite,
  two: TestSite,
  changes: Partial<InitiateInput> = {},
): InitiateInput => ({
  self: one.party,
  peer: two.party,
  signer: one.signer,
  peerKeys: verifierOf(two.signer),
  policy: one.policy,
  dataClass: 'clinical',
  purpose: 'transfer',
  wanted: 'prefer-quantum',
  keys: [],
  epoch: 1,
  random,
  ...changes,
})

export const receiverInput = (
  one: TestSite,
  two: TestSite,
  changes: Partial<ReceiveInput> = {},
): ReceiveInput => ({
  self: two.party,
  peer: one.party,
  peerKeys: verifierOf(one.signer),
  policy: two.policy,
  epochAfter: 0,
  ...changes,
})

/** A whole exchange between two honest sites. */
export function exchange(
  one: TestSite,
  two: TestSite,
  input: Partial<InitiateInput> & { readonly fetched?: readonly QuantumKey[] } = {},
): { readonly first: Session; readonly second: Session } {
  const { fetched = [], ...changes } = input
  const begun = initiate(initiatorInput(one, two, changes))
  const received = receiveHello(begun.hello, receiverInput(one, two))
  const { answer, state } = respond(received, { signer: two.signer, keys: fetched })
  const { confirm, session } = complete(begun.state, answer, at)
  return { first: session, second: accept(state, confirm, at) }
}
