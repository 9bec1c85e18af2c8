/**
 * Health of the transmitter's random source, watched on the bits that it chose.
 *
 * The two continuous tests of NIST SP 800-90B §4.4 on the chosen bits of detected pulses, one bit of
 * entropy claimed for each: repetition count, and adaptive proportion over windows of 1024. A
 * source that is stuck or grossly biased fails within one window; no key may come of its bits. A
 * third test, our own, finds a bias of 2.4 % over 64 windows.
 *
 * Finds no source that looks random and can be predicted: no test of its output could. Bits of
 * pulses that nobody detected are not seen here; a device that tests its raw noise does more.
 *
 * @see NIST SP 800-90B (2018), §4.4.1 and §4.4.2
 * @module
 */

/** What the tests have found since the source was last healthy for long. */
export type SourceFault =
  | { readonly kind: 'repeating'; readonly run: number }
  | { readonly kind: 'biased'; readonly share: number }

/** The tests on one stream of choices. */
export class SourceHealth {
  #ones = 0
  #filled = 0
  #longOnes = 0
  #windows = 0
  /** Equal bits at the end of what was seen. */
  #run = 0
  #last = -1
  #healthyWindows = HEALTHY_WINDOWS
  #fault: SourceFault | undefined

  /** The fault that stands: it is forgotten after `HEALTHY_WINDOWS` healthy windows in a row. */
  get fault(): SourceFault | undefined {
    return this.#fault
  }

  /** Takes choices as the device gives them; bit 1 of each is the bit. */
  take(given: Uint8Array): void {
    const choices = given.byteOffset % 4 === 0 ? given : given.slice()
    const words = new Int32Array(choices.buffer, choices.byteOffset, choices.length >> 2)
    this.#countRepetitions(choices, words)
    for (let at = 0; at < choices.length;) {
      const end = Math.min(choices.length, at + WINDOW - this.#filled)
      this.#ones += onesBetween(choices, words, at, end)
      this.#filled += end - at
      at = end
      if (this.#filled === WINDOW) this.#closeWindow()
    }
  }

  #closeWindow(): void {
    const more = Math.max(this.#ones, WINDOW - this.#ones)
    const share = this.#shareOfLong()
    if (more >= PROPORTION_CUTOFF) this.#fail({ kind: 'biased', share: this.#ones / WINDOW })
    else if (Math.abs(share - 0.5) > BIAS_MOST) this.#fail({ kind: 'biased', share })
    else if (this.#healthyWindows < HEALTHY_WINDOWS) this.#healthyWindows++
    else this.#fault = undefined
    this.#ones = 0
    this.#filled = 0
  }

  /** Share of ones over the last 64 windows, when they are full; one half before. */
  #shareOfLong(): number {
    this.#longOnes += this.#ones
    this.#windows++
    if (this.#windows < LONG_WINDOWS) return 0.5
    const share = this.#longOnes / (LONG_WINDOWS * WINDOW)
    this.#longOnes = 0
    this.#windows = 0
    return share
  }

  #countRepetitions(choices: Uint8Array, words: Int32Array): void {
    if (choices.length === 0) return
    const before = (choices[0] & 2) === this.#last ? this.#run : 0
    const first = runFrom(choices, 0)
    if (first === choices.length) this.#run = before + first
    else this.#run = runBefore(choices, choices.length)
    this.#last = choices[choices.length - 1] & 2
    const longest = Math.max(before + first, mayRepeat(words) ? longestRun(choices) : 0)
    if (longest >= REPETITION_CUTOFF) this.#fail({ kind: 'repeating', run: longest })
  }

  #fail(fault: SourceFault): void {
    this.#fault = fault
    this.#healthyWindows = 0
  }
}

/** Ones among the choices from `from` to before `to`, four at a time where they make words. */
function onesBetween(choices: Uint8Array, words: Int32Array, from: number, to: number): number {
  const [first, last] = [(from + 3) >> 2, to >> 2]
  if (first >= last) return onesOf(choices, from, to)
  // Two sums of up to 128 words each: a lane of eight bits holds no more.
  const middle = (first + last) >> 1
  const ones = lanesOf(words, first, middle) + lanesOf(words, middle, last)
  return onesOf(choices, from, 4 * first) + ones + onesOf(choices, 4 * last, to)
}

function lanesOf(words: Int32Array, from: number, to: number): number {
  let lanes = 0
  for (let at = from; at < to; at++) lanes += (words[at] >>> 1) & 0x01010101
  return (lanes & 255) + ((lanes >>> 8) & 255) + ((lanes >>> 16) & 255) + (lanes >>> 24)
}

function onesOf(choices: Uint8Array, from: number, to: number): number {
  let ones = 0
  for (let at = from; at < to; at++) ones += (choices[at] >> 1) & 1
  return ones
}

/** Whether words of equal bits follow each other for as long as every run at the cutoff makes them. */
function mayRepeat(words: Int32Array): boolean {
  let run = 0
  let last = -1
  for (let at = 0; at < words.length; at++) {
    const bits = words[at] & 0x02020202
    if (bits === last) run++
    else {
      run = 1
      last = bits
    }
    if (run >= REPEATED_WORDS && (bits === 0 || bits === 0x02020202)) return true
  }
  return false
}

function longestRun(choices: Uint8Array): number {
  let longest = 0
  for (let at = 0; at < choices.length;) {
    const run = runFrom(choices, at)
    if (run > longest) longest = run
    at += run
  }
  return longest
}

function runFrom(choices: Uint8Array, from: number): number {
  let at = from + 1
  while (at < choices.length && ((choices[at] ^ choices[from]) & 2) === 0) at++
  return at - from
}

function runBefore(choices: Uint8Array, to: number): number {
  let at = to - 1
  while (at > 0 && ((choices[at - 1] ^ choices[to - 1]) & 2) === 0) at--
  return to - at
}

/** Bits of one window, as SP 800-90B §4.4.2 asks for binary sources. */
const WINDOW = 1024
/** A healthy source fails a test by chance with 2⁻⁶⁰: less than once in a century of links. */
export const FALSE_ALARM = 2 ** -60
/** 1 + ⌈60 / 1⌉ for one bit of entropy (SP 800-90B §4.4.1). */
export const REPETITION_CUTOFF = 61
/** Whole words of four choices in a run of 61, wherever it begins. */
const REPEATED_WORDS = 14
/** 1 + the quantile of the binomial law of 1024 fair bits at 1 − 2⁻⁶⁰ (SP 800-90B §4.4.2). */
export const PROPORTION_CUTOFF = 652
const HEALTHY_WINDOWS = 256
const LONG_WINDOWS = 64
/**
 * Bias that is let pass over 65 536 bits: seven standard deviations, and one per cent by which the
 * detectors may prefer one bit (these are bits of detected pulses).
 */
const BIAS_MOST = 7 / (2 * 256) + 0.01
