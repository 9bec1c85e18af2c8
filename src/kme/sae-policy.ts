/**
 * What a site allows to one of its applications, beyond what holds for all of them.
 *
 * A policy takes away: whom it may share keys with, how fast it may ask, how much it may have in an
 * hour, and the least worthy source its keys may come from. It gives one thing: what is kept of each
 * pool for emergencies.
 *
 * @module
 */

import { KEY_SOURCES, type Clock, type KeySource, type SaeId } from '#base'
import type { KeyUse } from '#keystore'
import { invalidRequest, KmeRefusal } from './refusal.ts'

/** What one application may. What is left out is not limited. */
export interface SaePolicy {
  /** The only SAEs it may share keys with, as master or as slave. */
  readonly peers?: readonly SaeId[]
  /** Requests a second that it may keep up; twice as many at once. */
  readonly requestsPerSecond?: number
  /** Bits of key that it may have made in an hour. */
  readonly bitsPerHour?: number
  /** The least worthy source that its keys may come from. */
  readonly leastSource?: KeySource
  /** Whether it may have what of each pool is kept for emergencies. */
  readonly emergency?: boolean
}

/** The policies of a site, and what each application has used of its quota. In memory only. */
export class SaePolicies {
  readonly #clock: Clock
  readonly #policies: ReadonlyMap<SaeId, SaePolicy>
  readonly #used = new Map<SaeId, { bits: number; atMs: number }>()

  constructor(clock: Clock, policies: ReadonlyMap<SaeId, SaePolicy>) {
    this.#clock = clock
    this.#policies = policies
  }

  /** Whether an application of this site may share keys with these SAEs. */
  mayShare(sae: SaeId, others: readonly SaeId[]): boolean {
    const peers = this.#policies.get(sae)?.peers
    return peers === undefined || others.every((other) => peers.includes(other))
  }

  /** @throws KmeRefusal `KME_REQUEST_INVALID` unless `mayShare` */
  checkPeers(sae: SaeId, others: readonly SaeId[]): void {
    if (this.mayShare(sae, others)) return
    throw invalidRequest('The policy of this KME lets the caller share no key with that SAE')
  }

  /** How low an application may draw a pool. */
  useOf(sae: SaeId): KeyUse {
    return this.#policies.get(sae)?.emergency === true ? 'emergency' : 'application'
  }

  /**
   * @param sources   looks where the next keys could come from; asked only where it matters
   * @throws KmeRefusal `KME_KEYS_EXHAUSTED` if they could come from a lesser source
   */
  checkSources(sae: SaeId, sources: () => readonly KeySource[]): void {
    const least = this.#policies.get(sae)?.leastSource
    if (least === undefined) return
    const rank = KEY_SOURCES.indexOf(least)
    if (sources().every((source) => KEY_SOURCES.indexOf(source) >= rank)) return
    const message = `The policy of this KME lets the caller have no keys from a source below ${least}`
    throw new KmeRefusal('KME_KEYS_EXHAUSTED', message, { facts: { retryAfter: RETRY_AFTER_S } })
  }

  /** Whether keys of an application have to come from a source of some worth. */
  asksForSource(sae: SaeId): boolean {
    return this.#policies.get(sae)?.leastSource !== undefined
  }

  /**
   * Has keys made within the quota of an application; what it does not get after all is not counted.
   *
   * @throws KmeRefusal `KME_KEYS_EXHAUSTED`
   */
  async withinQuota<T>(sae: SaeId, bits: number, make: () => Promise<T>): Promise<T> {
    const quota = this.#policies.get(sae)?.bitsPerHour
    if (quota === undefined) return make()
    const over = this.#usedBits(sae, quota) + bits - quota
    if (over > 0) {
      const retryAfter = Math.ceil((over * HOUR_S) / quota)
      const message = `The policy of this KME lets the caller have ${quota} bits of key an hour`
      throw new KmeRefusal('KME_KEYS_EXHAUSTED', message, { facts: { retryAfter } })
    }
    this.#count(sae, quota, bits)
    try {
      return await make()
    } catch (error) {
      this.#count(sae, quota, -bits)
      throw error
    }
  }

  #count(sae: SaeId, quota: number, bits: number): void {
    const used = Math.max(0, this.#usedBits(sae, quota) + bits)
    this.#used.set(sae, { bits: used, atMs: this.#clock.monotonicMs() })
  }

  /** What was used wears off as the hour goes by. */
  #usedBits(sae: SaeId, quota: number): number {
    const held = this.#used.get(sae)
    if (held === undefined) return 0
    const seconds = (this.#clock.monotonicMs() - held.atMs) / 1000
    return Math.max(0, held.bits - (seconds * quota) / HOUR_S)
  }
}

const HOUR_S = 3600
/** A link of another kind does not come within seconds. */
const RETRY_AFTER_S = 60
