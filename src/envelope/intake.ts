/**
 * Takes octets in exact sizes from pieces of any size.
 *
 * @module
 */

/** Octets in pieces of any size, empty ones included. A piece must not change once given. */
export type Pieces = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

/** Holds at most one piece more than was asked for. Disposing of it lets go of the source. */
export class Intake implements AsyncDisposable {
  readonly #pieces: AsyncIterator<Uint8Array> | Iterator<Uint8Array>
  #held: Uint8Array[] = []
  #heldOctets = 0
  #ended = false

  constructor(pieces: Pieces) {
    this.#pieces =
      Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]()
  }

  /** Exactly `size` octets, or undefined if there are fewer left. */
  async take(size: number): Promise<Uint8Array | undefined> {
    await this.#fill(size)
    if (this.#heldOctets < size) return undefined
    const taken = this.#copy(size)
    this.#drop(size)
    return taken
  }

  /** The next `size` octets, or all there are, without taking them. */
  async peek(size: number): Promise<Uint8Array> {
    await this.#fill(size)
    return this.#copy(Math.min(size, this.#heldOctets))
  }

  /** Whether nothing is left. */
  async ended(): Promise<boolean> {
    await this.#fill(1)
    return this.#heldOctets === 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) await this.#pieces.return?.()
    this.#ended = true
    this.#held = []
    this.#heldOctets = 0
  }

  async #fill(size: number): Promise<void> {
    while (this.#heldOctets < size && !this.#ended) {
      const next = await this.#pieces.next()
      if (next.done === true) {
        this.#ended = true
      } else if (next.value.length > 0) {
        this.#held.push(next.value)
        this.#heldOctets += next.value.length
      }
    }
  }

  /** The first `size` octets held; a view where one piece has them all. */
  #copy(size: number): Uint8Array {
    const [first] = this.#held
    if (this.#held.length > 0 && first.length >= size) return first.subarray(0, size)
    const joined = new Uint8Array(size)
    let at = 0
    for (const piece of this.#held) {
      const part = piece.subarray(0, size - at)
      joined.set(part, at)
      at += part.length
    }
    return joined
  }

  #drop(size: number): void {
    let left = size
    let whole = 0
    while (whole < this.#held.length && this.#held[whole].length <= left) {
      left -= this.#held[whole].length
      whole++
    }
    this.#held.splice(0, whole)
    if (left > 0) this.#held[0] = this.#held[0].subarray(left)
    this.#heldOctets -= size
  }
}
