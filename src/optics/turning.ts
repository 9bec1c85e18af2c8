/**
 * How far light has turned on its way: the state of a drift, and when a law is to follow it.
 *
 * Owned by a simulator, which asks before every batch; where the turn makes a new law worth its
 * price, the simulator takes the law of the link turned by that angle.
 *
 * @module
 */

import type { Attack } from './eve.ts'

/** Angle between the frames of both ends, growing batch by batch. */
export class Turning {
  /** Angle by which the light has been turned so far, and that of the law at hand. */
  #radians = 0
  #radiansOfLaw = 0

  /** Both ends are aligned again. */
  reset(): void {
    this.#radians = 0
    this.#radiansOfLaw = 0
  }

  /**
   * Turns the light a little further, if it turns.
   *
   * @returns the angle whose law is due, or nothing while that at hand is near enough
   */
  over(attack: Attack, seconds: number): number | undefined {
    if (attack.kind !== 'drift') return undefined
    this.#radians += attack.radiansPerSecond * seconds
    if (this.#radians - this.#radiansOfLaw < STEP_RADIANS) return undefined
    this.#radiansOfLaw = this.#radians
    return this.#radians
  }
}

/** A turn by less is not worth a new law: an error rate of 5 % changes by 0.1 %. */
const STEP_RADIANS = 0.002
