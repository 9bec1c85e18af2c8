/**
 * Rates of a link, from the reports of its last blocks.
 *
 * Blocks may be minutes apart, and ways are chosen by these rates: so they are taken from one block to
 * another, over ten seconds at least and four blocks where these take longer, never from a moment
 * between two blocks alone.
 *
 * @module
 */

interface Sample {
  readonly atMs: number
  readonly siftedBits: number
  readonly secretBits: number
}

/**
 * Rates over the last blocks. Those of a link that makes no more fall as time passes, to zero once
 * three times as long has passed as ever between two of these blocks.
 */
export class LinkRates {
  #samples: Sample[] = []
  /** When the block before the first of the samples came, or the session began. */
  #sinceMs: number

  constructor(nowMs: number) {
    this.#sinceMs = nowMs
  }

  note(sample: Sample): void {
    this.#samples.push(sample)
    this.#forget(sample.atMs)
  }

  /** Bits a second. */
  at(nowMs: number): { readonly sifted: number; readonly secret: number } {
    this.#forget(nowMs)
    const last = this.#samples.at(-1)
    if (last === undefined || nowMs - last.atMs > this.#patienceMs()) return NOTHING
    const seconds = Math.max(1, (nowMs - this.#sinceMs) / 1000)
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

  /** How long no block may come before the link counts as making none. */
  #patienceMs(): number {
    const gaps = this.#samples.map(({ atMs }, at) => {
      return atMs - (at === 0 ? this.#sinceMs : this.#samples[at - 1].atMs)
    })
    return Math.max(WINDOW_MS, PATIENCE * Math.max(...gaps))
  }

  #forget(nowMs: number): void {
    const oldest = nowMs - WINDOW_MS
    const fresh = this.#samples.filter(({ atMs }) => atMs >= oldest).length
    const kept = Math.min(SAMPLES_MAX, Math.max(SAMPLES_LEAST, fresh))
    const forgotten = this.#samples.splice(0, Math.max(0, this.#samples.length - kept))
    this.#sinceMs = forgotten.at(-1)?.atMs ?? this.#sinceMs
  }
}

const NOTHING = { sifted: 0, secret: 0 }
const WINDOW_MS = 10_000
/** Blocks that count however old they are. */
const SAMPLES_LEAST = 4
const SAMPLES_MAX = 4096
const PATIENCE = 3
