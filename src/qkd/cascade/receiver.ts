/**
 * Cascade at the receiver: finds and corrects its errors by asking for parities.
 *
 * Every frame goes its own pace inside a pass; all frames of a strip open a pass together. In one
 * frame only ranges of one pass are searched at a time: they are disjoint, so no error is searched
 * twice. Passes with the smallest blocks go first. Known parities of halves are used again: the
 * next search of a block starts at its smallest range known to be odd.
 *
 * Does not prove that no error is left: `verification` does. Works on answers that are not yet
 * authenticated; a forged one gives a wrong key, which verification and the final tags refuse.
 *
 * @see Brassard, Salvail, EUROCRYPT '93; Martinez-Mateo et al., arXiv 1407.3257
 * @module
 */

import { assert } from '#base'
import { QkdRefusal } from '../refusal.ts'
import { blockParities, flipIn, growTrees, halfOf } from './halving.ts'
import type { Order } from './permutation.ts'
import { Searches } from './searches.ts'
import { ROUNDS_MAX, slotOf, slotsOf, type StripSetting } from './transmitter.ts'
import {
  FLAG_DONE,
  FLAG_ODD_BLOCKS,
  FLAG_OPEN_PASS,
  octetsOf,
  packWords,
  QUESTION_HEAD_OCTETS,
  unpackWords,
} from './wire.ts'

/** One strip of frames at the receiver. */
export class CascadeReceiver {
  readonly #bits: Int32Array
  readonly #setting: StripSetting
  /**
   * By slot, two words for each place: own halving trees, and one bit for each frame that tells
   * whether the transmitter's parity is known. Where it is, the tree holds the difference of both.
   */
  readonly #trees: Int32Array
  readonly #orders: Order[] = []
  readonly #searches = new Searches()
  /** Searches that run in each frame. */
  readonly #running = new Int32Array(32)
  /** Frames in which every known block is even. */
  readonly #quiet = new Uint8Array(32)
  /** Places of errors found and not yet corrected, by frame. */
  readonly #found: readonly number[][]
  /** Places corrected since the slot was last searched, by slot and frame. */
  readonly #touched: readonly (readonly number[][])[]
  readonly #asked: Uint32Array
  #passes = 0
  #leakBits = 0
  #rounds = 0
  #errors = 0
  #done = false

  /** @param sliced   the frames as `sliceFrames` gives them; taken over and corrected in place */
  constructor(sliced: Int32Array, setting: StripSetting) {
    const { shape, plan } = setting
    const slots = slotsOf(plan)
    this.#bits = sliced
    this.#setting = setting
    this.#trees = new Int32Array(2 * slots * shape.frameBits)
    this.#found = lists(shape.frames)
    this.#touched = Array.from({ length: slots }, () => lists(shape.frames))
    this.#asked = new Uint32Array(shape.frameBits / 32 + 1)
  }

  /** Parities learnt so far: what the transmitter has revealed. */
  get leakBits(): number {
    return this.#leakBits
  }

  /** Questions asked so far. */
  get rounds(): number {
    return this.#rounds
  }

  /** Errors corrected so far. */
  get errors(): number {
    return this.#errors
  }

  get done(): boolean {
    return this.#done
  }

  /** The corrected frames, sliced; valid once done. */
  get corrected(): Int32Array {
    assert(this.#done, 'corrected frames are read when all searches have ended')
    return this.#bits
  }

  /** The first question. */
  start(): Uint8Array {
    assert(this.#rounds === 0, 'a strip starts once')
    return this.#openPass(new Uint8Array(0))
  }

  /**
   * Takes an answer and gives the next question; `done` is true with the last one.
   *
   * @throws QkdRefusal `RECONCILIATION_INVALID` or `PARITIES_INCONSISTENT` for an answer that an
   *   honest transmitter cannot give
   */
  next(answer: Uint8Array): Uint8Array {
    assert(!this.#done && this.#rounds > 0, 'a run goes on after its start until it is done')
    assert(this.#rounds < ROUNDS_MAX, 'whoever asks keeps to the limit of rounds')
    const { count } = this.#searches
    if (count === 0) return this.#searchBlocks(answer)
    if (answer.length !== octetsOf(count)) throw invalid(`an answer of ${octetsOf(count)} octets`)
    this.#leakBits += count
    const directions = this.#narrow(answer)
    const before = this.#searches.count
    for (let frame = 0; frame < this.#setting.shape.frames; frame++) {
      if (this.#running[frame] === 0 && this.#quiet[frame] === 0) this.#advance(frame)
    }
    if (this.#searches.count === 0) return this.#openPass(directions)
    return this.#ask(0, directions, new Uint8Array(0), before)
  }

  /**
   * Compares the halves, keeps the odd one of each range, and sets aside what is down to one bit.
   */
  #narrow(answer: Uint8Array): Uint8Array {
    const { low, high, frame, count } = this.#searches
    const trees = this.#trees
    const directions = new Uint8Array(octetsOf(count))
    let held = 0
    let kept = 0
    for (let index = 0; index < count; index++) {
      const from = low[index]
      const to = high[index]
      const of = frame[index]
      const middle = from + halfOf(to - from)
      const told = (answer[index >> 3] >> (index & 7)) & 1
      const word = trees[2 * middle] ^ (told << of)
      trees[2 * middle] = word
      trees[2 * middle + 1] |= 1 << of
      const first = (word >>> of) & 1
      held |= first << (index & 7)
      if ((index & 7) === 7) {
        directions[index >> 3] = held
        held = 0
      }
      const mask = -first
      const newLow = (from & mask) | (middle & ~mask)
      const newHigh = (middle & mask) | (to & ~mask)
      if (newHigh - newLow === 1) {
        this.#found[of].push(newLow)
        this.#running[of]--
      } else {
        low[kept] = newLow
        high[kept] = newHigh
        frame[kept++] = of
      }
    }
    if ((count & 7) !== 0) directions[count >> 3] = held
    this.#searches.count = kept
    return directions
  }

  /**
   * Corrects what was found in a frame and starts the next searches in it, smallest blocks first.
   */
  #advance(frame: number): void {
    const { frameBits } = this.#setting.shape
    for (const at of this.#found[frame]) {
      const slot = Math.floor(at / frameBits)
      this.#correct(frame, this.#orders[slot].positions[at - slot * frameBits], slot)
    }
    this.#found[frame].length = 0
    for (let slot = 0; slot < this.#orders.length; slot++) {
      if (this.#searchTouched(frame, slot)) return
    }
    this.#quiet[frame] = 1
  }

  #correct(frame: number, position: number, inSlot: number): void {
    const { frameBits } = this.#setting.shape
    const bit = 1 << frame
    this.#bits[position] ^= bit
    this.#errors++
    for (let slot = 0; slot < this.#orders.length; slot++) {
      const place = this.#orders[slot].places[position]
      const size = this.#sizeIn(slot)
      const start = Math.floor(place / size) * size
      const length = Math.min(size, frameBits - start)
      flipIn(this.#trees, place - start, { base: slot * frameBits + start, length, bit })
      if (slot !== inSlot) this.#touched[slot][frame].push(place)
    }
  }

  /** Starts a search of each odd range that a correction has touched; whether there was any. */
  #searchTouched(frame: number, slot: number): boolean {
    const touched = this.#touched[slot][frame]
    if (touched.length === 0) return false
    const { frameBits } = this.#setting.shape
    const trees = this.#trees
    const size = this.#sizeIn(slot)
    const base = slot * frameBits
    const first = this.#searches.count
    for (const place of touched) {
      let low = base + Math.floor(place / size) * size
      let high = Math.min(low + size, base + frameBits)
      let odd = trees[2 * low]
      while (high - low > 1) {
        const middle = low + halfOf(high - low)
        if (((trees[2 * middle + 1] >>> frame) & 1) === 0) break
        if (base + place < middle) {
          odd = trees[2 * middle]
          high = middle
        } else {
          odd ^= trees[2 * middle]
          low = middle
        }
      }
      if (((odd >>> frame) & 1) === 0) continue
      if (high - low === 1) {
        throw new QkdRefusal('PARITIES_INCONSISTENT', 'Expected parities of one string of bits')
      }
      const middle = low + halfOf(high - low) - base
      if (((this.#asked[middle >> 5] >>> (middle & 31)) & 1) === 1) continue
      this.#asked[middle >> 5] |= 1 << (middle & 31)
      this.#searches.add(frame, low, high)
    }
    touched.length = 0
    const { low, high, count } = this.#searches
    for (let index = first; index < count; index++) {
      this.#asked[(low[index] + halfOf(high[index] - low[index]) - base) >> 5] = 0
    }
    this.#running[frame] = count - first
    return count > first
  }

  /** Opens the next pass in all frames, or ends the run. */
  #openPass(directions: Uint8Array): Uint8Array {
    const { shape, plan, orders } = this.#setting
    const pass = this.#passes
    if (pass === plan.blockBits.length) {
      this.#done = true
      return this.#ask(FLAG_DONE, directions, new Uint8Array(0), 0)
    }
    this.#passes++
    this.#orders[slotOf(plan, pass)] = orders.of(shape.frameBits, pass)
    if (pass < plan.keptPasses) this.#grow(pass)
    return this.#ask(FLAG_OPEN_PASS, directions, new Uint8Array(0), 0)
  }

  /** The trees of a pass: of a late one only if a block of it is odd, which few are. */
  #grow(pass: number): void {
    const { shape, plan } = this.#setting
    const slot = slotOf(plan, pass)
    const offset = slot * shape.frameBits
    // What is not known of the pass yet, or of one that was in its slot before.
    this.#trees.fill(0, 2 * offset, 2 * (offset + shape.frameBits))
    growTrees(this.#bits, {
      positions: this.#orders[slot].positions,
      size: plan.blockBits[pass],
      into: this.#trees,
      offset,
      wide: true,
    })
  }

  /** Parities of the blocks of a pass just opened, but for the last, which no answer is about. */
  #ownBlocks(pass: number, count: number): Int32Array {
    const { shape, plan } = this.#setting
    const slot = slotOf(plan, pass)
    const size = plan.blockBits[pass]
    const { positions } = this.#orders[slot]
    if (pass >= plan.keptPasses) return blockParities(this.#bits, { positions, size, count })
    const base = slot * shape.frameBits
    return Int32Array.from({ length: count }, (_, block) => this.#trees[2 * (base + block * size)])
  }

  /** Takes the block parities of the pass just opened and starts a search of each odd block. */
  #searchBlocks(answer: Uint8Array): Uint8Array {
    const { shape, plan } = this.#setting
    const pass = this.#passes - 1
    const size = plan.blockBits[pass]
    const base = slotOf(plan, pass) * shape.frameBits
    const blocks = Math.ceil(shape.frameBits / size)
    const told = pass === 0 ? blocks : blocks - 1
    if (answer.length !== octetsOf(told * shape.frames)) {
      throw invalid(`an answer of ${octetsOf(told * shape.frames)} octets`)
    }
    this.#leakBits += told * shape.frames
    const odd = new Int32Array(blocks)
    odd.set(unpackWords(answer, 0, told, shape.frames))
    const own = this.#ownBlocks(pass, told)
    const all = shape.frames === 32 ? -1 : (1 << shape.frames) - 1
    let [sum, any] = [0, 0]
    for (let block = 0; block < blocks; block++) {
      // All blocks of pass 1 are even by now, so the errors of a frame are even in number.
      if (block < told) odd[block] ^= own[block] & all
      else odd[block] = sum
      sum ^= odd[block]
      any |= odd[block]
    }
    if (any !== 0 && pass >= plan.keptPasses) this.#grow(pass)
    for (let block = 0; block < blocks; block++) {
      const low = base + block * size
      this.#trees[2 * low] = odd[block]
      this.#startBlocks(odd[block], low, Math.min(low + size, base + shape.frameBits))
    }
    const packed = new Uint8Array(octetsOf(blocks * shape.frames))
    packWords(odd, shape.frames, packed, 0)
    if (this.#searches.count > 0) return this.#ask(FLAG_ODD_BLOCKS, new Uint8Array(0), packed, 0)
    return this.#skipPass(packed)
  }

  #startBlocks(odd: number, low: number, high: number): void {
    for (let rest = odd; rest !== 0; rest &= rest - 1) {
      const frame = 31 - Math.clz32(rest & -rest)
      this.#searches.add(frame, low, high)
      this.#running[frame]++
      this.#quiet[frame] = 0
    }
  }

  /** No block of the pass was odd: says so together with the question for the next pass. */
  #skipPass(oddBlocks: Uint8Array): Uint8Array {
    const question = this.#openPass(new Uint8Array(0))
    const joined = new Uint8Array(question.length + oddBlocks.length)
    joined.set(question)
    joined.set(oddBlocks, QUESTION_HEAD_OCTETS)
    joined[0] |= FLAG_ODD_BLOCKS
    return joined
  }

  /** @param from   index of the first search that the transmitter does not know yet */
  #ask(flags: number, directions: Uint8Array, oddBlocks: Uint8Array, from: number): Uint8Array {
    this.#rounds++
    const { low, high, frame, count } = this.#searches
    const { frameBits } = this.#setting.shape
    const fresh = (flags & FLAG_ODD_BLOCKS) === 0 ? count - from : 0
    const head = QUESTION_HEAD_OCTETS + directions.length + oddBlocks.length
    const question = new Uint8Array(head + 4 * fresh)
    const view = new DataView(question.buffer)
    question[0] = flags
    view.setUint32(1, fresh, true)
    question.set(directions, QUESTION_HEAD_OCTETS)
    question.set(oddBlocks, QUESTION_HEAD_OCTETS + directions.length)
    for (let index = count - fresh; index < count; index++) {
      const place = low[index] + halfOf(high[index] - low[index])
      const slot = Math.floor(low[index] / frameBits)
      const word = (place - slot * frameBits) | (slot << 16) | (frame[index] << 20)
      view.setUint32(head + 4 * (index - count + fresh), word, true)
    }
    return question
  }

  #sizeIn(slot: number): number {
    const { blockBits, keptPasses } = this.#setting.plan
    return blockBits[slot === keptPasses ? this.#passes - 1 : slot]
  }
}

const lists = (count: number): number[][] => Array.from({ length: count }, () => [])

const invalid = (expected: string): QkdRefusal =>
  new QkdRefusal('RECONCILIATION_INVALID', `Expected ${expected} of a Cascade run`)
