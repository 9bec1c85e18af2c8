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
  #remembered = 0
  #slots = new Uint32Array(CAPACITY_LEAST)
  #outcomes: Uint8Array = new Uint8Array(CAPACITY_LEAST)
  #rememberedSlots = new Uint32Array(CAPACITY_LEAST)
  #choices: Uint8Array = new Uint8Array(CAPACITY_LEAST)
  /** Detections by what they are: 2 bits detectors, then basis, bases alike, known to Eve. */
  readonly #tally = new Uint32Array(32)

  /**
   * Adds one detection, in the order of slots, and what the transmitter chose there.
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
    const known = (packed >> 6) & 1
    this.#tally[detectors | (basis << 2) | (alike << 3) | (known << 4)]++
    this.remember(slot, packed)
  }

  /** Keeps the transmitter's choice in a slot, detected or not, in the order of slots. */
  remember(slot: number, packed: number): void {
    const at = this.#remembered++
    if (at === this.#choices.length) this.#growMemory()
    this.#rememberedSlots[at] = slot
    this.#choices[at] = packed & 0b1111
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

  /** What the receiver reports, copied for a new owner. */
  detections(): { slots: Uint32Array; outcomes: Uint8Array } {
    const { count } = this
    return { slots: this.#slots.slice(0, count), outcomes: this.#outcomes.slice(0, count) }
  }

  /** What the transmitter remembers, copied for a new owner. */
  choices(): { slots: Uint32Array; choices: Uint8Array } {
    const count = this.#remembered
    return {
      slots: this.#rememberedSlots.slice(0, count),
      choices: this.#choices.slice(0, count),
    }
  }

  /** Overwrites what was reported and starts anew. */
  clear(): void {
    this.#slots.fill(0, 0, this.count)
    this.#outcomes.fill(0, 0, this.count)
    this.#choices.fill(0, 0, this.#remembered)
    this.#remembered = 0
    this.#tally.fill(0)
    this.count = 0
    this.deadTimeDrops = 0
  }

  #grow(): void {
    this.#slots = movedWords(this.#slots)
    this.#outcomes = movedOctets(this.#outcomes)
  }

  #growMemory(): void {
    this.#rememberedSlots = movedWords(this.#rememberedSlots)
    this.#choices = movedOctets(this.#choices)
  }
}

function movedWords(words: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(words.length * 2)
  larger.set(words)
  return larger
}

/** The octets in an array of twice the length; the old one is overwritten. */
export function movedOctets(octets: Uint8Array): Uint8Array {
  const larger = new Uint8Array(octets.length * 2)
  larger.set(octets)
  octets.fill(0)
  return larger
}

const CAPACITY_LEAST = 1024
