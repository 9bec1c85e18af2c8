/**
 * Waiting for rare events: how many trials pass in vain before the next success.
 *
 * @module
 */

import type { SeededRandom } from '#base'

/** The geometric law: trials in vain before a success that has the same chance in each. */
export class Geometric {
  readonly #scale: number
  /** For each value of a word's leading bits: the one number that it leads to, or `UNDECIDED`. */
  readonly #guide = new Int16Array(2 ** GUIDE_BITS)

  /** @param probability  of success in one trial; with 0 one waits for ever */
  constructor(probability: number) {
    this.#scale = 1 / Math.log1p(-probability)
    for (let lead = 0; lead < this.#guide.length; lead++) {
      const least = this.#inverse(lead * WORDS_PER_GUIDE)
      const most = this.#inverse((lead + 1) * WORDS_PER_GUIDE - 1)
      this.#guide[lead] = least === most && least <= GUIDED_MAX ? least : UNDECIDED
    }
  }

  /** A whole number of 0 or more, or Infinity. */
  draw(noise: SeededRandom): number {
    const word = noise.uint32()
    const guided = this.#guide[word >>> (32 - GUIDE_BITS)]
    return guided === UNDECIDED ? this.#inverse(word) : guided
  }

  /** Inverts the cumulative law at (word + ½) / 2³². */
  #inverse(word: number): number {
    return Math.floor(Math.log((word + 0.5) * 2 ** -32) * this.#scale)
  }
}

/** Something that happens with one small probability at each trial: costs a draw when it does. */
export class RareEvent {
  readonly #waiting: Geometric
  readonly #noise: SeededRandom
  #trialsLeft: number

  constructor(probability: number, noise: SeededRandom) {
    this.#waiting = new Geometric(probability)
    this.#noise = noise
    this.#trialsLeft = this.#waiting.draw(noise)
  }

  /** One trial: whether it happens. */
  happens(): boolean {
    if (this.#trialsLeft-- > 0) return false
    this.#trialsLeft = this.#waiting.draw(this.#noise)
    return true
  }
}

const GUIDE_BITS = 12
const WORDS_PER_GUIDE = 2 ** (32 - GUIDE_BITS)
const GUIDED_MAX = 2 ** 15 - 1
const UNDECIDED = -1
