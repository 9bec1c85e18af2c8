/**
 * The receiver's report of one batch while it grows, beside the choices of the transmitter.
 *
 * Holds key bits: `clear` overwrites them.
 *
 * @module
 */

/** Counts of one batch. */
export interface Tally {
  /** Clicks of detectors 0 and 1 while set to Z, then while set to X. */
  readonly clicks: readonly [number, number, number, number]
  readonly doubleClicks: number
  /** Detections for which both ends chose the same basis. */
  readonly sifted: number
  /** Those of them whose bit Eve knows. */
  readonly knownToEve: number
}

/** Growing arrays and counts of one batch, used again for the next. */
export class Report {
  count = 0
  deadTimeDrops = 0
  #slots = new Uint32Array(CAPACITY_LEAST)
  #outcomes: Uint8Array = new Uint8Array(CAPACITY_LEAST)
  #choices: Uint8Array = new Uint8Array(CAPACITY_LEAST)
  /** Detections by what they are: 2 bits detectors, then basis, bases alike, known to Eve. */
  readonly #tally = new Uint32Array(32)

  /**
   * Adds one detection, in the order of slots.
   *
   * @param packed     choices as packed by `drawChoices`, and bit 6 if Eve knows the bit
   * @param detectors  that fired: 1, 2, or 3 for a double click
   */
  add(slot: number, packed: number, detectors: number): void {
    const at = this.count++
    if (at === this.#slots.length) this.#grow()
    const basis = (packed >> 4) & 1
    const bit = detectors === 3 ? (packed >> 5) & 1 : detectors >> 1
    const alike = 1 ^ ((packed ^ basis) & 1)
    this.#slots[at] = slot
    this.#outcomes[at] = basis | (bit << 1)
    this.#choices[at] = packed & 0b1111
    this.#tally[detectors | (basis << 2) | (alike << 3) | ((packed >> 6) << 4)]++
  }

  /** The counts so far. */
  tally(): Tally {
    const clicks: [number, number, number, number] = [0, 0, 0, 0]
    const rest = { doubleClicks: 0, sifted: 0, knownToEve: 0 }
    for (const [kind, count] of this.#tally.entries()) {
      const basis = (kind >> 2) & 1
      if (kind & 1) clicks[2 * basis] += count
      if (kind & 2) clicks[2 * basis + 1] += count
      if ((kind & 3) === 3) rest.doubleClicks += count
      if (kind & 8) rest.sifted += count
      if ((kind & 24) === 24) rest.knownToEve += count
    }
    return { clicks, ...rest }
  }

  /** Copies of the arrays, for a new owner. */
  copies(): { slots: Uint32Array; outcomes: Uint8Array; choices: Uint8Array } {
    const { count } = this
    return {
      slots: this.#slots.slice(0, count),
      outcomes: this.#outcomes.slice(0, count),
      choices: this.#choices.slice(0, count),
    }
  }

  /** Overwrites what was reported and starts anew. */
  clear(): void {
    this.#slots.fill(0, 0, this.count)
    this.#outcomes.fill(0, 0, this.count)
    this.#choices.fill(0, 0, this.count)
    this.#tally.fill(0)
    this.count = 0
    this.deadTimeDrops = 0
  }

  #grow(): void {
    const slots = new Uint32Array(this.#slots.length * 2)
    slots.set(this.#slots)
    this.#slots = slots
    this.#outcomes = moved(this.#outcomes)
    this.#choices = moved(this.#choices)
  }
}

/** The octets in an array of twice the length; the old one is overwritten. */
export function moved(octets: Uint8Array): Uint8Array {
  const larger = new Uint8Array(octets.length * 2)
  larger.set(octets)
  octets.fill(0)
  return larger
}

const CAPACITY_LEAST = 1024
