/**
 * A queue of vertices by distance: a binary heap in which a vertex stands once and may move up.
 *
 * @module
 */

/** Owned by one search at a time; `clear` makes it ready for the next. */
export class VertexQueue {
  /** Distance of each vertex that was ever offered since `clear`; Infinity for the others. */
  readonly distance: Float64Array
  readonly #heap: Int32Array
  /** Place of a vertex in the heap plus one; 0 if it is not in it. */
  readonly #place: Int32Array
  #size = 0

  constructor(vertices: number) {
    this.distance = new Float64Array(vertices).fill(Infinity)
    this.#heap = new Int32Array(vertices)
    this.#place = new Int32Array(vertices)
  }

  /** Forgets all vertices and distances. */
  clear(): void {
    this.distance.fill(Infinity)
    this.#place.fill(0)
    this.#size = 0
  }

  /** Takes the distance if it is less than what is known. @returns whether it was */
  offer(vertex: number, distance: number): boolean {
    if (distance >= this.distance[vertex]) return false
    this.distance[vertex] = distance
    let at = this.#place[vertex] - 1
    if (at < 0) at = this.#size++
    this.#rise(vertex, at)
    return true
  }

  /** Removes and returns the nearest vertex, or −1 if none is left. */
  take(): number {
    if (this.#size === 0) return -1
    const nearest = this.#heap[0]
    this.#place[nearest] = 0
    const last = this.#heap[--this.#size]
    if (this.#size > 0) this.#sink(last)
    return nearest
  }

  #rise(vertex: number, from: number): void {
    const key = this.distance[vertex]
    let at = from
    while (at > 0) {
      const above = (at - 1) >> 1
      if (this.distance[this.#heap[above]] <= key) break
      this.#put(this.#heap[above], at)
      at = above
    }
    this.#put(vertex, at)
  }

  #sink(vertex: number): void {
    const key = this.distance[vertex]
    let at = 0
    for (;;) {
      let below = at * 2 + 1
      if (below >= this.#size) break
      const other = below + 1
      if (other < this.#size && this.#less(other, below)) below = other
      if (this.distance[this.#heap[below]] >= key) break
      this.#put(this.#heap[below], at)
      at = below
    }
    this.#put(vertex, at)
  }

  #less(a: number, b: number): boolean {
    return this.distance[this.#heap[a]] < this.distance[this.#heap[b]]
  }

  #put(vertex: number, at: number): void {
    this.#heap[at] = vertex
    this.#place[vertex] = at + 1
  }
}
