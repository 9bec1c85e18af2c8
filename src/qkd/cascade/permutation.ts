/**
 * The orders in which Cascade reads a frame: pass 1 as it came, each later pass in its own order.
 *
 * Orders are public and drawn from a public seed of the session. All frames of one size share them,
 * so that they are made once and frames can be worked on side by side. Sharing costs no secrecy:
 * what is revealed is counted parity by parity, whatever the order. Whoever knows the order before
 * the photons fly could at worst place errors that Cascade misses; the verification hash sees them.
 *
 * @module
 */

import { assert, SeededRandom } from '#base'
import { sha256 } from '#crypto'

/** One order of a frame. */
export class Order {
  /** `positions[j]` is the bit of the frame that stands at place j. */
  readonly positions: Uint16Array
  #places: Uint16Array | undefined

  constructor(positions: Uint16Array) {
    this.positions = positions
  }

  /** `places[x]` is the place where bit x of the frame stands; made when first asked for. */
  get places(): Uint16Array {
    if (this.#places === undefined) {
      this.#places = new Uint16Array(this.positions.length)
      for (let place = 0; place < this.positions.length; place++) {
        this.#places[this.positions[place]] = place
      }
    }
    return this.#places
  }
}

/** Bits of the longest frame: positions have 16 bits. */
export const FRAME_BITS_MAX = 65_536

/** Makes orders from one seed and keeps those of the frame sizes used last. */
export class Orders {
  readonly #seed: Uint8Array
  readonly #kept = new Map<number, Order[]>()

  /** @param seed public; both ends need the same */
  constructor(seed: Uint8Array) {
    this.#seed = seed.slice()
  }

  /** The order of a pass, counted from 0, for frames of this size. Shared: do not change it. */
  of(frameBits: number, pass: number): Order {
    assert(frameBits >= 1 && frameBits <= FRAME_BITS_MAX, 'a frame has at most 65 536 bits')
    const known = this.#kept.get(frameBits) ?? []
    // Re-inserted, so that the size used longest ago stands first.
    this.#kept.delete(frameBits)
    this.#kept.set(frameBits, known)
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= SIZES_KEPT_MAX) break
      this.#kept.delete(oldest)
    }
    while (known.length <= pass) known.push(newOrder(this.#seed, frameBits, known.length))
    return known[pass]
  }
}

function newOrder(seed: Uint8Array, frameBits: number, pass: number): Order {
  const positions = Uint16Array.from({ length: frameBits }, (_, at) => at)
  if (pass === 0) return new Order(positions)
  const drawn = sha256(seed, Uint8Array.of(pass, frameBits & 0xff, frameBits >> 8))
  const view = new DataView(drawn.buffer, drawn.byteOffset)
  const random = new SeededRandom((view.getUint32(0) >>> 11) * 2 ** 32 + view.getUint32(4))
  for (let at = frameBits - 1; at > 0; at--) {
    // 32 bits scaled: the bias of 2⁻¹⁶ at most is of no weight for scattering errors.
    const other = Math.floor((random.uint32() / 2 ** 32) * (at + 1))
    const held = positions[at]
    positions[at] = positions[other]
    positions[other] = held
  }
  return new Order(positions)
}

/** All sizes that `cutInto` gives for blocks of many frames; some 2 MB each. */
const SIZES_KEPT_MAX = 5
