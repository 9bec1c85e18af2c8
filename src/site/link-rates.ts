/**
 * Rates of a link over the last seconds, from the reports of its blocks.
 *
 * @module
 */

interface Sample {
  readonly atMs: number
  readonly siftedBits: number
  readonly secretBits: number
}

/** Rates over a sliding window. A link that stops making blocks falls to zero within the window. */
export class LinkRates {
  #samples: Sample[] = []
  #sinceMs: number

  constructor(nowMs: number) {
    this.#sinceMs = nowMs
  }

  note(sample: Sample): void {
    this.#samples.push(sample)
    this.#forget(sample.atMs)
  }

  at(nowMs: number): { readonly sifted: number; readonly secret: number } {
    this.#forget(nowMs)
    const seconds = Math.max(1, (nowMs - Math.max(this.#sinceMs, nowMs - WINDOW_MS)) / 1000)
    const sum = (of: (sample: Sample) => number): number =>
      this.#samples.reduce((total, sample) => total + of(sample), 0)
    return {
      sifted: sum(({ siftedBits }) => siftedBits) / seconds,
      secret: sum(({ secretBits }) => secretBits) / seconds,
    }
  }

  /** Starts anew, as a session does. */
  restart(nowMs: number): void {
    this.#samples = []
    this.#sinceMs = nowMs
  }

  #forget(nowMs: number): void {
    const oldest = nowMs - WINDOW_MS
    this.#samples = this.#samples.filter(({ atMs }) => atMs >= oldest).slice(-SAMPLES_MAX)
  }
}

const WINDOW_MS = 10_000
const SAMPLES_MAX = 4096
