/**
 * How much one application may take: so many requests a second, and a share of what is stored.
 *
 * No application empties a pool alone: of what is there now and what it has lately had together, it
 * gets its share, and more as time passes and keys grow. What it has had counts half after a minute.
 *
 * Does not divide a pool among many: each gets its share of what the others have left.
 *
 * @module
 */

import type { Clock, SaeId, SiteId } from '#base'
import { KmeRefusal } from './refusal.ts'

/** What a site allows to each of its applications. */
export interface SharesLimits {
  /** Above 0, at most 1, which is no limit. */
  readonly saeShare: number
  /** Requests a second that are kept up; twice as many at once. */
  readonly requestsPerSecond: number
  /** The same for single applications, where it is less. */
  readonly requestsPerSecondOf?: (sae: SaeId) => number | undefined
}

/** What each application has had. In memory only: a restart forgets it. */
export class Shares {
  readonly #clock: Clock
  readonly #limits: SharesLimits
  readonly #requests = new Map<SaeId, { tokens: number; atMs: number }>()
  readonly #taken = new Map<string, { bits: number; atMs: number }>()

  constructor(clock: Clock, limits: SharesLimits) {
    this.#clock = clock
    this.#limits = limits
  }

  /** Counts a request. @returns seconds to wait if it is one too many */
  readonly request = (sae: SaeId): number | undefined => {
    const { requestsPerSecond, requestsPerSecondOf } = this.#limits
    const rate = Math.min(requestsPerSecond, requestsPerSecondOf?.(sae) ?? Infinity)
    const nowMs = this.#clock.monotonicMs()
    const { tokens, atMs } = this.#requests.get(sae) ?? { tokens: 2 * rate, atMs: nowMs }
    const there = Math.min(2 * rate, tokens + ((nowMs - atMs) / 1000) * rate)
    const isAllowed = there >= 1
    this.#requests.set(sae, { tokens: isAllowed ? there - 1 : there, atMs: nowMs })
    return isAllowed ? undefined : (1 - there) / rate
  }

  /** Bits that an application may have of a pool in which so many are. */
  left(sae: SaeId, peer: SiteId, availableBits: number): number {
    const taken = this.#takenBits(nameOf(sae, peer))
    const share = this.#limits.saeShare * (availableBits + taken) - taken
    return Math.min(availableBits, Math.max(0, share))
  }

  /** Counts bits that an application has had; fewer than 0 where it did not get them after all. */
  take(sae: SaeId, peer: SiteId, bits: number): void {
    const name = nameOf(sae, peer)
    const all = Math.max(0, this.#takenBits(name) + bits)
    if (all < 1) this.#taken.delete(name)
    else this.#taken.set(name, { bits: all, atMs: this.#clock.monotonicMs() })
  }

  #takenBits(name: string): number {
    const held = this.#taken.get(name)
    if (held === undefined) return 0
    return held.bits * 2 ** -((this.#clock.monotonicMs() - held.atMs) / HALF_LIFE_MS)
  }
}

/**
 * Has keys made within the share of an application; what it does not get after all is not counted.
 *
 * @throws KmeRefusal `KME_KEYS_EXHAUSTED`
 */
export async function withinShare<T>(
  shares: Pick<Shares, 'left' | 'take'> | undefined,
  about: {
    readonly sae: SaeId
    readonly peer: SiteId
    readonly bits: number
    readonly availableBits: number
  },
  make: () => Promise<T>,
): Promise<T> {
  if (shares === undefined) return make()
  const { sae, peer, bits, availableBits } = about
  if (bits > shares.left(sae, peer, availableBits)) {
    throw new KmeRefusal('KME_KEYS_EXHAUSTED', 'Not enough keys are left for this SAE now')
  }
  // Counted at once: requests that are under way together must not each have the whole share.
  shares.take(sae, peer, bits)
  try {
    return await make()
  } catch (error) {
    shares.take(sae, peer, -bits)
    throw error
  }
}

const nameOf = (sae: SaeId, peer: SiteId): string => `${peer} ${sae}`

const HALF_LIFE_MS = 60_000
