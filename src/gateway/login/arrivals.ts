/**
 * Browsers that are back from a provider outside: what it vouched for, until the sign-in is through.
 *
 * Between the two a second factor of this site may be asked for, a few times over. Each is found by a
 * secret of 256 bits that one browser has, for one purpose, for ten minutes.
 *
 * Lives in memory: a daemon that starts anew has people begin again.
 *
 * @module
 */

import { createHash, randomBytes } from 'node:crypto'
import { MINUTE_MS, noteOf, type Clock } from '#base'
import type { Arrival } from '#site'
import type { OutsideProviders, Return } from './outside.ts'

/** Whom a provider vouches for; or why it does not. */
export type Arrived =
  | { readonly kind: 'vouched'; readonly arrival: Arrival }
  | { readonly kind: 'failed'; readonly error: unknown }

interface Waiting {
  readonly arrived: Arrived
  readonly about: string
  readonly untilMs: number
}

/** Providers outside, and who is back from them. */
export interface OutsideDesk {
  readonly providers: OutsideProviders
  readonly arrivals: Arrivals
}

/** Owns what waits. */
export class Arrivals {
  readonly #outside: OutsideProviders
  readonly #clock: Clock
  /** By digest of the secret, oldest first. */
  readonly #waiting = new Map<string, Waiting>()

  constructor(outside: OutsideProviders, clock: Clock) {
    this.#outside = outside
    this.#clock = clock
  }

  /**
   * Takes in what a browser has brought back.
   *
   * @returns what its sign-in was for, and the secret that it goes on with; undefined if it has not
   *   set out from here, or long ago
   */
  async take(back: Return): Promise<{ readonly about: string; secret: string } | undefined> {
    const about = this.#outside.aboutOf(back.secret)
    if (about === undefined) return undefined
    let arrived: Arrived
    try {
      arrived = { kind: 'vouched', arrival: await this.#outside.arrive(back) }
    } catch (error) {
      // Ours are for the log alone; the others say what to do.
      if (!TOLD.includes(noteOf(error).code)) throw error
      arrived = { kind: 'failed', error }
    }
    const secret = randomBytes(SECRET_OCTETS).toString('base64url')
    const untilMs = this.#clock.monotonicMs() + WAIT_MS
    this.#waiting.set(digestOf(secret), { arrived, about, untilMs })
    for (const oldest of [...this.#waiting.keys()].slice(0, -WAITING_MAX)) {
      this.#waiting.delete(oldest)
    }
    return { about, secret }
  }

  /** What waits under a secret for this purpose. */
  of(secret: string, about: string): Arrived | undefined {
    const found = this.#waiting.get(digestOf(secret))
    const isHere = found?.about === about && this.#clock.monotonicMs() < found.untilMs
    return isHere ? found.arrived : undefined
  }

  /** The sign-in is through, or over. */
  forget(secret: string): void {
    this.#waiting.delete(digestOf(secret))
  }
}

const digestOf = (secret: string): string => createHash('sha256').update(secret).digest('base64')

const TOLD: readonly string[] = ['PROVIDER_UNREACHABLE', 'PROVIDER_REFUSED', 'LOGIN_REFUSED']
const SECRET_OCTETS = 32
const WAIT_MS = 10 * MINUTE_MS
const WAITING_MAX = 1024
