/**
 * What an adversary learns of keys who holds certain sites: computed from how each key came.
 *
 * Read off the provenance that both ends noted when the key was made: who held its octets in clear,
 * and of relayed ones who held each share. A party that knows the pad of a hop (the process of a
 * simulated fibre) is taken to have read what the pad hid. Shares are an exclusive or: fewer than
 * all of them tell nothing, whatever the adversary can compute. All of them leave the wrap, which is
 * post-quantum and as strong as ML-KEM-1024 and X25519 together.
 *
 * It is no better than what the ends noted. It does not say whether a key was good without any
 * compromised site (a simulated or seeded source is not), nor what an adversary did with it.
 *
 * @module
 */

import type { KeyId } from '#base'
import type { Provenance, ProvenancePart } from '#keystore'

/** Who is taken to work for the adversary, and what it can compute. */
export interface Adversary {
  /** Sites and other parties (fibre processes), as provenance names them. */
  readonly compromised: ReadonlySet<string>
  /** Whether the end-to-end wrap is taken to be broken. */
  readonly breaksWrap: boolean
}

/**
 * What is learnt, least first. `nothing`; `shares`: some shares of several, all needed, which tell
 * nothing; `wrapped`: every share, so the key under its wrap; `key`: the octets themselves.
 */
export const EXPOSURES = ['nothing', 'shares', 'wrapped', 'key'] as const
export type Exposure = (typeof EXPOSURES)[number]

/** What is learnt of the octets that a key has from one block. */
export interface PartExposure {
  readonly part: ProvenancePart
  readonly exposure: Exposure
  /** Compromised parties that held the octets themselves. */
  readonly inClear: readonly string[]
  /** For each share the compromised parties that held it; empty for octets of a direct link. */
  readonly shares: readonly (readonly string[])[]
  /** How many shares at least one of them held. */
  readonly sharesHeld: number
}

/** What is learnt of a key. */
export interface KeyExposure {
  /** That of the part of which most is learnt: a key known in part is not taken for a secret. */
  readonly exposure: Exposure
  /** Octets that are known, of so many. */
  readonly octetsKnown: number
  readonly octets: number
  readonly parts: readonly PartExposure[]
}

/** What an adversary learns of a key that came like this. */
export function exposureOf(provenance: Provenance, adversary: Adversary): KeyExposure {
  const parts = provenance.parts.map((part) => partExposure(part, adversary))
  const octetsIn = (among: readonly PartExposure[]): number =>
    among.reduce((sum, { part }) => sum + part.octets, 0)
  return {
    exposure: greatest(parts.map(({ exposure }) => exposure)),
    octetsKnown: octetsIn(parts.filter(({ exposure }) => exposure === 'key')),
    octets: octetsIn(parts),
    parts,
  }
}

/** How many of several keys are exposed how far, and which of them are not safe from everything. */
export function exposureOfAll(
  keys: Iterable<{ readonly keyId: KeyId; readonly provenance: Provenance }>,
  adversary: Adversary,
): {
  readonly counts: Readonly<Record<Exposure, number>>
  /** All but those of which nothing is learnt, in the order of `keys`. */
  readonly exposed: readonly (KeyExposure & { readonly keyId: KeyId })[]
} {
  const counts = { nothing: 0, shares: 0, wrapped: 0, key: 0 }
  const exposed: (KeyExposure & { readonly keyId: KeyId })[] = []
  for (const { keyId, provenance } of keys) {
    const found = exposureOf(provenance, adversary)
    counts[found.exposure]++
    if (found.exposure !== 'nothing') exposed.push({ keyId, ...found })
  }
  return { counts, exposed }
}

/**
 * A smallest set of parties between the ends that together held every share: so many must be
 * compromised before only the wrap is left. Undefined for octets that no relay held.
 */
export function smallestCoalition(part: ProvenancePart): readonly string[] | undefined {
  const { shares, seenBy } = part
  if (shares === undefined) return undefined
  const ends = new Set([...seenBy, part.from, part.to])
  const heldBy = new Map<string, number>()
  for (const [index, share] of shares.entries()) {
    for (const party of share.heldBy) {
      if (!ends.has(party)) heldBy.set(party, (heldBy.get(party) ?? 0) | (1 << index))
    }
  }
  return smallestCover(heldBy, 2 ** shares.length - 1)
}

/** A smallest set of parties whose shares are all of `wanted`, both as bits. */
function smallestCover(
  heldBy: ReadonlyMap<string, number>,
  wanted: number,
): readonly string[] | undefined {
  // In breadth: the first set that reaches a mask is a smallest one. At most 2^8 masks.
  const reached = new Map<number, readonly string[]>([[0, []]])
  for (const [mask, coalition] of reached) {
    if (mask === wanted) break
    for (const [party, held] of heldBy) {
      if (!reached.has(mask | held)) reached.set(mask | held, [...coalition, party])
    }
  }
  return reached.get(wanted)
}

function partExposure(part: ProvenancePart, adversary: Adversary): PartExposure {
  const { compromised, breaksWrap } = adversary
  const among = (parties: readonly string[]): string[] =>
    parties.filter((party) => compromised.has(party))
  const inClear = among([...new Set([part.from, part.to, ...part.seenBy])])
  const shares = (part.shares ?? []).map(({ heldBy }) => among(heldBy))
  const sharesHeld = shares.filter(({ length }) => length > 0).length
  const learnt = (): Exposure => {
    if (inClear.length > 0) return 'key'
    if (sharesHeld === 0) return 'nothing'
    if (sharesHeld < shares.length) return 'shares'
    return breaksWrap ? 'key' : 'wrapped'
  }
  return { part, exposure: learnt(), inClear, shares, sharesHeld }
}

const greatest = (found: readonly Exposure[]): Exposure =>
  EXPOSURES.findLast((one) => found.includes(one)) ?? 'nothing'
