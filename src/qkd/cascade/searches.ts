/**
 * The list of running searches of a strip: both ends keep the same list in the same order.
 *
 * A search is a range of one frame, in the order of one pass, with an odd number of errors. It is
 * halved (`halving`) once a round until one bit is left.
 *
 * @module
 */

/** Structure of arrays; `count` elements are in use. */
export class Searches {
  count = 0
  /** First place of the range, counted through all pass slots. */
  low = new Int32Array(1024)
  /** Place behind the range. */
  high = new Int32Array(1024)
  /** Frame in the strip, 0 to 31. */
  frame = new Uint8Array(1024)

  add(frame: number, low: number, high: number): void {
    if (this.count === this.low.length) this.#grow()
    this.low[this.count] = low
    this.high[this.count] = high
    this.frame[this.count++] = frame
  }

  #grow(): void {
    const size = this.low.length * 2
    const { low, high, frame } = this
    this.low = new Int32Array(size)
    this.high = new Int32Array(size)
    this.frame = new Uint8Array(size)
    this.low.set(low)
    this.high.set(high)
    this.frame.set(frame)
  }
}
