/**
 * What a transmission rests on, for all that nodes know which were ever declared compromised.
 *
 * A session's key comes from a QKD key, ML-KEM-1024 and X25519 together. If declared nodes have the
 * QKD key, the other two are left, and if they break those too, nothing is. Judged anew whenever it
 * is shown, from what was noted when the key was used; as declarations are never forgotten, a
 * judgement only ever gets worse.
 *
 * @module
 */

import type { KeyId, SiteId } from '#base'
import type { KeyOriginView, ProtectionView, StandingName } from '#contract'
import { summary } from '#keystore'
import { exposureOf, smallestCoalition, type Adversary } from '#relay'
import type { Protection } from '#session'
import { isKnown, type Declarations } from './declarations.ts'
import type { KeyMemory, RememberedKey } from './key-memory.ts'

/** What a transmission rests on, the least first. */
export const STANDINGS: readonly StandingName[] = ['open', 'post-quantum', 'unknown', 'hybrid']

/** The least of several. */
export const leastStanding = (some: readonly StandingName[]): StandingName =>
  STANDINGS.find((one) => some.includes(one)) ?? 'hybrid'

/** Who is asked about: everybody declared, or those of a trial besides. */
export type AdversaryAt = (protection: Pick<Protection, 'at'>) => Adversary

/** Judges protections, one after the other; looks each key up once. */
export class Judge {
  readonly #memory: KeyMemory
  readonly #adversaryAt: AdversaryAt
  readonly #keys = new Map<KeyId, RememberedKey | undefined>()

  constructor(memory: KeyMemory, adversaryAt: AdversaryAt) {
    this.#memory = memory
    this.#adversaryAt = adversaryAt
  }

  static of(memory: KeyMemory, declarations: Declarations): Judge {
    return new Judge(memory, ({ at }) => declarations.adversaryOf(at))
  }

  /**
   * A protection as the API shows it.
   *
   * @param ends   sites that are known to have had what was sent, such as the one that sealed it
   */
  async view(protection: Protection, ends: readonly SiteId[]): Promise<ProtectionView> {
    const keys = await this.#keysOf(protection)
    const adversary = this.#adversaryAt(protection)
    const used = protection.keyIds.map((keyId, at) => {
      const provenance = keys[at]?.provenance
      const exposure = provenance === undefined ? null : exposureOf(provenance, adversary).exposure
      const parts = provenance?.parts ?? []
      const shares = parts.flatMap((part) => part.shares ?? [])
      const links = [...new Set(parts.map(({ link }) => link))]
      return { keyId, exposure, links, shares: shares.map(shareView) }
    })
    return {
      ...{ ...protection, keyIds: [...protection.keyIds], keys: used },
      standing: standingOf(keys, adversary, ends),
    }
  }

  /** What a protection rests on. */
  async standing(protection: Protection, ends: readonly SiteId[]): Promise<StandingName> {
    return standingOf(await this.#keysOf(protection), this.#adversaryAt(protection), ends)
  }

  async #keysOf({ keyIds }: Protection): Promise<readonly (RememberedKey | undefined)[]> {
    for (const key of keyIds) {
      if (!this.#keys.has(key)) this.#keys.set(key, await this.#memory.find(key))
    }
    return keyIds.map((key) => this.#keys.get(key))
  }
}

/** @param keys   of the session, those included of which nothing is known; none without a QKD key */
function standingOf(
  keys: readonly (RememberedKey | undefined)[],
  { compromised, breaksWrap }: Adversary,
  ends: readonly SiteId[],
): StandingName {
  const known = keys.filter((key) => key !== undefined)
  const between = known.flatMap(({ provenance }) => provenance.parts.flatMap(endsOf))
  // An end of the session has what was sent, whatever protected it.
  if ([...ends, ...between].some((end) => compromised.has(end))) return 'open'
  const left = breaksWrap ? 'open' : 'post-quantum'
  const exposures = known.map(
    ({ provenance }) => exposureOf(provenance, { compromised, breaksWrap }).exposure,
  )
  // Keys are taken together: one that nobody knows is enough.
  if (exposures.some((one) => !isKnown(one))) return 'hybrid'
  return known.length < keys.length ? 'unknown' : left
}

/** A remembered key as the API shows it. */
export function keyOriginView(
  { keyId, at, provenance }: RememberedKey,
  adversary: Adversary,
): KeyOriginView {
  const { source, epsilon, seenBy } = summary(provenance)
  return {
    ...{ keyId, at, source, epsilon, seenBy: [...seenBy] },
    parts: provenance.parts.map((part) => ({
      ...{ link: part.link, from: part.from, to: part.to, octets: part.octets },
      shares: (part.shares ?? []).map(shareView),
      coalition: [...(smallestCoalition(part) ?? [])],
    })),
    exposure: exposureOf(provenance, adversary).exposure,
  }
}

const endsOf = ({ from, to }: { readonly from: SiteId; readonly to: SiteId }) => [from, to]

const shareView = ({
  way,
  heldBy,
}: {
  readonly way: readonly string[]
  readonly heldBy: readonly string[]
}) => ({ way: [...way], heldBy: [...heldBy] })
