/**
 * Cascade at the transmitter: answers questions about parities of its bits, and counts them.
 *
 * Keeps the parities of all halves of all blocks, in the order of each pass: an answer is one load.
 * Its bits never change. Questions are not yet authenticated when they are answered: every
 * answer counts as leaked, whoever asked, and a forged question voids the block at the final tag.
 *
 * @see Brassard, Salvail, EUROCRYPT '93
 * @module
 */

import { QkdRefusal } from '../refusal.ts'
import { blockParities, growTrees, halfOf } from './halving.ts'
import type { Orders } from './permutation.ts'
import type { Plan } from './plan.ts'
import { Searches } from './searches.ts'
import type { StripShape } from './slices.ts'
import {
  FLAG_DONE,
  FLAG_ODD_BLOCKS,
  FLAG_OPEN_PASS,
  octetsOf,
  packWords,
  QUESTION_HEAD_OCTETS,
  unpackWords,
} from './wire.ts'

/** What both ends of a strip must agree on before its first question. */
export interface StripSetting {
  readonly shape: StripShape
  readonly plan: Plan
  readonly orders: Orders
}

/** One strip of frames at the transmitter. */
export class CascadeTransmitter {
  readonly #bits: Int32Array
  readonly #setting: StripSetting
  /** The halving trees of each slot. */
  readonly #trees: Int32Array
  /** The slot of late passes has no trees until one of its blocks is odd, which few are. */
  #lateGrown = false
  readonly #searches = new Searches()
  /** Passes opened so far. */
  #passes = 0
  #oddBlocksDue = false
  #leakBits = 0
  #rounds = 0
  #done = false

  /** @param sliced   the frames as `sliceFrames` gives them; kept and not changed */
  constructor(sliced: Int32Array, setting: StripSetting) {
    this.#bits = sliced
    this.#setting = setting
    this.#trees = new Int32Array(slotsOf(setting.plan) * setting.shape.frameBits)
  }

  /** Parities revealed so far. */
  get leakBits(): number {
    return this.#leakBits
  }

  /** Questions taken so far. */
  get rounds(): number {
    return this.#rounds
  }

  get done(): boolean {
    return this.#done
  }

  /**
   * Answers one question; the answer to the last one is empty.
   *
   * @throws QkdRefusal `RECONCILIATION_INVALID` for a question that an honest receiver cannot ask
   */
  answer(question: Uint8Array): Uint8Array {
    if (this.#done || question.length < QUESTION_HEAD_OCTETS) throw invalid('a question')
    if (this.#rounds++ > ROUNDS_MAX) throw invalid(`at most ${ROUNDS_MAX} rounds`)
    const view = new DataView(question.buffer, question.byteOffset, question.byteLength)
    const flags = question[0]
    const fresh = view.getUint32(1, true)
    const directions = octetsOf(this.#searches.count)
    const { frames } = this.#setting.shape
    const oddOctets = this.#oddBlocksDue ? octetsOf(this.#blocks() * frames) : 0
    const length = QUESTION_HEAD_OCTETS + directions + oddOctets + 4 * fresh
    if (question.length !== length) throw invalid(`a question of ${length} octets`)
    if (((flags & FLAG_ODD_BLOCKS) !== 0) !== this.#oddBlocksDue) throw invalid('odd blocks')

    this.#narrow(question)
    if (this.#oddBlocksDue) this.#searchBlocks(question, QUESTION_HEAD_OCTETS + directions)
    this.#oddBlocksDue = false
    for (let at = length - 4 * fresh; at < length; at += 4) this.#search(view.getUint32(at, true))
    if ((flags & (FLAG_OPEN_PASS | FLAG_DONE)) === 0) return this.#answers()
    if (this.#searches.count > 0) throw invalid('all searches ended')
    if ((flags & FLAG_OPEN_PASS) !== 0) return this.#open()
    this.#done = true
    return new Uint8Array(0)
  }

  /** Halves every range as told and drops those that are down to one bit. */
  #narrow(question: Uint8Array): void {
    const { low, high, frame, count } = this.#searches
    let kept = 0
    for (let index = 0; index < count; index++) {
      const from = low[index]
      const to = high[index]
      const middle = from + halfOf(to - from)
      const first = -((question[QUESTION_HEAD_OCTETS + (index >> 3)] >> (index & 7)) & 1)
      const newLow = (from & first) | (middle & ~first)
      const newHigh = (middle & first) | (to & ~first)
      low[kept] = newLow
      high[kept] = newHigh
      frame[kept] = frame[index]
      kept += newHigh - newLow > 1 ? 1 : 0
    }
    this.#searches.count = kept
  }

  #searchBlocks(question: Uint8Array, offset: number): void {
    const { frames, frameBits } = this.#setting.shape
    const slot = slotOf(this.#setting.plan, this.#passes - 1)
    const size = this.#setting.plan.blockBits[this.#passes - 1]
    const odd = unpackWords(question, offset, this.#blocks(), frames)
    for (let block = 0; block < odd.length; block++) {
      const low = block * size
      const high = Math.min(low + size, frameBits)
      for (let rest = odd[block]; rest !== 0; rest &= rest - 1) {
        if (high - low < 2) throw invalid('blocks of two bits or more')
        const frame = 31 - Math.clz32(rest & -rest)
        this.#searches.add(frame, slot * frameBits + low, slot * frameBits + high)
        this.#growLate(slot)
      }
    }
  }

  /** Starts a search of the range with this middle in the halving tree of its block. */
  #search(word: number): void {
    const { shape, plan } = this.#setting
    const middle = word & 0xffff
    const slot = (word >>> 16) & 0xf
    const frame = (word >>> 20) & 0x1f
    const opened = Math.min(this.#passes, slotsOf(plan))
    if (word >>> 25 !== 0 || frame >= shape.frames || slot >= opened || middle >= shape.frameBits) {
      throw invalid('a range of an opened pass')
    }
    const size = plan.blockBits[slot === plan.keptPasses ? this.#passes - 1 : slot]
    const start = Math.floor(middle / size) * size
    const at = middle - start
    if (at === 0) throw invalid('a middle of a range')
    const half = at & -at
    const high = Math.min(middle + half, start + size, shape.frameBits)
    const base = slot * shape.frameBits
    this.#searches.add(frame, base + middle - half, base + high)
    this.#growLate(slot)
  }

  #answers(): Uint8Array {
    const { low, high, frame, count } = this.#searches
    const trees = this.#trees
    const answer = new Uint8Array(octetsOf(count))
    let held = 0
    for (let index = 0; index < count; index++) {
      const from = low[index]
      const middle = from + halfOf(high[index] - from)
      held |= ((trees[middle] >>> frame[index]) & 1) << (index & 7)
      if ((index & 7) === 7) {
        answer[index >> 3] = held
        held = 0
      }
    }
    if ((count & 7) !== 0) answer[count >> 3] = held
    this.#leakBits += count
    return answer
  }

  #open(): Uint8Array {
    const { shape, plan } = this.#setting
    const pass = this.#passes
    if (pass >= plan.blockBits.length) throw invalid(`at most ${pass} passes`)
    this.#passes++
    this.#lateGrown = false
    // The parity of the last block follows from the others and the parity of the whole frame.
    const told = pass === 0 ? this.#blocks() : this.#blocks() - 1
    const words = this.#tellBlocks(pass, told)
    const answer = new Uint8Array(octetsOf(told * shape.frames))
    packWords(words, shape.frames, answer, 0)
    this.#leakBits += told * shape.frames
    this.#oddBlocksDue = true
    return answer
  }

  #tellBlocks(pass: number, told: number): Int32Array {
    const { shape, plan, orders } = this.#setting
    const size = plan.blockBits[pass]
    const { positions } = orders.of(shape.frameBits, pass)
    if (pass >= plan.keptPasses) return blockParities(this.#bits, { positions, size, count: told })
    const offset = pass * shape.frameBits
    growTrees(this.#bits, { positions, size, into: this.#trees, offset })
    return Int32Array.from({ length: told }, (_, block) => this.#trees[offset + block * size])
  }

  /** The trees of a late pass, as soon as they are asked about. */
  #growLate(slot: number): void {
    const { shape, plan, orders } = this.#setting
    if (slot < plan.keptPasses || this.#lateGrown) return
    this.#lateGrown = true
    const pass = this.#passes - 1
    growTrees(this.#bits, {
      positions: orders.of(shape.frameBits, pass).positions,
      size: plan.blockBits[pass],
      into: this.#trees,
      offset: slot * shape.frameBits,
    })
  }

  /** Blocks of the pass opened last. */
  #blocks(): number {
    const { shape, plan } = this.#setting
    return Math.ceil(shape.frameBits / plan.blockBits[this.#passes - 1])
  }
}

/** Slots for halving trees: one for each kept pass and one for the late passes in turn. */
export const slotsOf = ({ blockBits, keptPasses }: Plan): number =>
  Math.min(blockBits.length, keptPasses + 1)

/** The slot of a pass. */
export const slotOf = ({ keptPasses }: Plan, pass: number): number => Math.min(pass, keptPasses)

const invalid = (expected: string): QkdRefusal =>
  new QkdRefusal('RECONCILIATION_INVALID', `Expected ${expected} of a Cascade run`)

/** Honest runs need some hundred rounds. */
export const ROUNDS_MAX = 8192
