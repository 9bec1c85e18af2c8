/**
 * Protection policy: the least mode of each data class, signed by the site that keeps to it.
 *
 * Each end holds its own policy to its own sessions, whatever the other end asks: so neither an
 * attacker nor a careless peer lowers what a class of data gets here. A policy is worth nothing
 * until its signatures were checked, and the type says so.
 *
 * @module
 */

import {
  door,
  Exactly,
  fromDeterministicCbor,
  Octets,
  OneOf,
  siteId,
  Text,
  toCbor,
  Type,
  Whole,
  type KeySource,
  type SiteId,
} from '#base'
import { signDual, verifyDual, type DualSigner, type DualVerifier } from '#crypto'
import { isSimulated, MODES, strongerMode } from './protection.ts'
import type { ModeUsed, ProtectionMode } from './protection.ts'
import { SessionRefusal } from './refusal.ts'

/** What a site lays down. */
export interface PolicyTerms {
  readonly site: SiteId
  /** Counts up with each change, from 1. */
  readonly version: number
  /** Demo profile only: simulated keys count as QKD keys. Such a site holds synthetic patients. */
  readonly acceptSimulated: boolean
  /** The least mode of each data class. A class that is not here is not sent at all. */
  readonly classes: Readonly<Record<string, ProtectionMode>>
}

declare const verified: unique symbol
/** Terms whose signatures were checked; made by `openPolicy` alone. */
export type ProtectionPolicy = PolicyTerms & { readonly [verified]: true }

/** What is to be sent, what was asked for it, and which QKD keys are at hand for it. */
export interface Question {
  readonly dataClass: string
  readonly wanted: ProtectionMode
  readonly offered: readonly { readonly source: KeySource }[]
}

/** What the policy says. To wait is ordinary life; to be refused is not. */
export type Decision =
  | { readonly kind: 'protect'; readonly mode: ProtectionMode; readonly used: ModeUsed }
  | { readonly kind: 'wait'; readonly mode: ProtectionMode; readonly cause: WaitCause }
  | { readonly kind: 'refuse'; readonly cause: 'CLASS_UNKNOWN' | 'MODE_RESERVED' }

export type WaitCause = 'QUANTUM_KEY_REQUIRED' | 'QUANTUM_KEY_SIMULATED'

/**
 * Decides how something is protected.
 *
 * The mode is the stronger of what was wanted and what the class needs at least. QKD keys count
 * only if every one of them is acceptable here: a mixture is as worthy as its worst part.
 */
export function decide(policy: ProtectionPolicy, question: Question): Decision {
  const { dataClass, wanted, offered } = question
  if (!Object.hasOwn(policy.classes, dataClass)) return { kind: 'refuse', cause: 'CLASS_UNKNOWN' }
  const mode = strongerMode(wanted, policy.classes[dataClass])
  const simulated = offered.some(({ source }) => isSimulated(source))
  const usable = offered.length > 0 && (policy.acceptSimulated || !simulated)
  switch (mode) {
    case 'one-time-pad':
      return { kind: 'refuse', cause: 'MODE_RESERVED' }
    case 'require-quantum': {
      if (usable) return { kind: 'protect', mode, used: 'hybrid-quantum' }
      const cause = offered.length > 0 ? 'QUANTUM_KEY_SIMULATED' : 'QUANTUM_KEY_REQUIRED'
      return { kind: 'wait', mode, cause }
    }
    case 'prefer-quantum':
      return { kind: 'protect', mode, used: usable ? 'hybrid-quantum' : 'hybrid-post-quantum' }
    case 'post-quantum':
      return { kind: 'protect', mode, used: 'hybrid-post-quantum' }
  }
}

/** The decision to protect, or its refusal thrown. @throws SessionRefusal with the cause as code */
export function decideOrRefuse(
  policy: ProtectionPolicy,
  question: Question,
): Extract<Decision, { kind: 'protect' }> {
  const decision = decide(policy, question)
  if (decision.kind === 'protect') return decision
  throw new SessionRefusal(decision.cause, WORDS[decision.cause], {
    facts: { dataClass: question.dataClass, wanted: question.wanted },
  })
}

/**
 * Signs terms with both of the site's keys.
 *
 * @returns deterministic CBOR of terms and signatures, at most `POLICY_OCTETS_MAX`
 * @throws SessionRefusal `POLICY_INVALID` for terms that `openPolicy` would refuse
 */
export function signPolicy(terms: PolicyTerms, by: DualSigner): Uint8Array {
  const { site, version, acceptSimulated, classes } = terms
  checkTerms(terms)
  const body = toCbor({ v: 1, site, version, acceptSimulated, classes })
  const { mlDsa, ed25519 } = signDual(by, LABEL, body)
  return toCbor({ body, mlDsa, ed25519 })
}

/**
 * Checks and opens a signed policy.
 *
 * @param input.keys           the site's two public keys
 * @param input.leastVersion   refuses any older policy, so that a former one cannot be put back
 * @throws SessionRefusal `POLICY_INVALID`
 */
export function openPolicy(
  octets: Uint8Array,
  input: { readonly site: SiteId; readonly keys: DualVerifier; readonly leastVersion: number },
): ProtectionPolicy {
  const terms = readTerms(octets, input.keys)
  if (terms.site !== input.site) throw invalid('it is another site’s')
  if (terms.version < input.leastVersion) throw invalid('it is older than the one in force')
  return terms as ProtectionPolicy
}

function readTerms(octets: Uint8Array, keys: DualVerifier): PolicyTerms {
  try {
    const { body, mlDsa, ed25519 } = frame(fromDeterministicCbor(octets, POLICY_OCTETS_MAX))
    if (!verifyDual(keys, LABEL, body, { mlDsa, ed25519 })) throw invalid('a signature is not good')
    const { site, version, acceptSimulated, classes } = shape(
      fromDeterministicCbor(body, POLICY_OCTETS_MAX),
    )
    return { site: siteId(site), version, acceptSimulated, classes }
  } catch (cause) {
    if (cause instanceof SessionRefusal) throw cause
    throw new SessionRefusal('POLICY_INVALID', 'The protection policy is malformed', { cause })
  }
}

function checkTerms({ site, version, acceptSimulated, classes }: PolicyTerms): void {
  try {
    siteId(site)
    shape({ v: 1, site, version, acceptSimulated, classes })
  } catch (cause) {
    throw new SessionRefusal('POLICY_INVALID', 'The protection policy is malformed', { cause })
  }
}

const invalid = (why: string): SessionRefusal =>
  new SessionRefusal('POLICY_INVALID', `The protection policy is not accepted: ${why}`)

/** The data class of a link's own authentication. Records are of any other. */
export const LINK_CLASS = 'link-authentication'

/** Names of data classes: our own words, nothing of a patient. */
export const DataClassText = Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' })
export const POLICY_OCTETS_MAX = 16_384
export const POLICY_CLASSES_MAX = 64

const LABEL = 'photonward/protection-policy/v1'
const WORDS: Readonly<Record<WaitCause | 'CLASS_UNKNOWN' | 'MODE_RESERVED', string>> = {
  CLASS_UNKNOWN: 'The protection policy has no such data class',
  MODE_RESERVED: 'The one-time-pad mode is reserved and not yet available',
  QUANTUM_KEY_REQUIRED: 'This data class waits for a QKD key',
  QUANTUM_KEY_SIMULATED: 'This data class waits for a QKD key that is not simulated',
}

const frame = door(
  Exactly({ body: Octets(1, POLICY_OCTETS_MAX), mlDsa: Octets(3309), ed25519: Octets(64) }),
  'signed protection policy',
)
const shape = door(
  Exactly({
    v: Type.Literal(1),
    site: Text(63, 1),
    version: Whole(1),
    acceptSimulated: Type.Boolean(),
    classes: Type.Record(DataClassText, OneOf(...MODES), {
      minProperties: 1,
      maxProperties: POLICY_CLASSES_MAX,
      additionalProperties: false,
    }),
  }),
  'protection policy',
)
