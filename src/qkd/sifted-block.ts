/**
 * What sifting leaves of a block: key bits, their intensities, and counts of both bases.
 *
 * Key bits are packed as they come, so that a block of 10⁷ bits takes 1.25 MB and not ten.
 *
 * @module
 */

import { type Bits } from '#base'
import type { PulseSettings } from '#optics'
import type { BlockCounts } from './bounds/counts.ts'
import { newChshTally, type ChshTally } from './chsh-sifting.ts'

/** A growing string of packed bits: bit i is bit (i mod 32) of word ⌊i / 32⌋. */
export class BitBuffer {
  words = new Int32Array(1024)
  /** Bits in use; those above are 0. */
  length = 0

  /** Makes room for `more` bits. */
  reserve(more: number): void {
    const needed = ((this.length + more) >>> 5) + 3
    if (needed <= this.words.length) return
    const grown = new Int32Array(Math.max(needed, this.words.length * 2))
    grown.set(this.words)
    this.words.fill(0)
    this.words = grown
  }

  /** The bits, sharing memory with this buffer, which must not grow any more. */
  get bits(): Bits {
    const octets = new Uint8Array(this.words.buffer, 0, Math.ceil(this.length / 8))
    return { length: this.length, octets }
  }

  /** Words that hold the bits. */
  get used(): Int32Array {
    return this.words.subarray(0, Math.ceil(this.length / 32))
  }

  clear(): void {
    this.words.fill(0)
  }
}

/** A block that is being sifted, or has been. Each end fills its own. */
export class SiftedBlock {
  /** Own key-basis bits. */
  readonly key = new BitBuffer()
  /** Index of the intensity of each key bit: its low bit, then its high bit. Receiver only. */
  readonly intensityPlanes: readonly [BitBuffer, BitBuffer] = [new BitBuffer(), new BitBuffer()]
  readonly keyDetections: number[]
  readonly testDetections: number[]
  readonly testErrors: number[]
  /**
   * Key states measured in the test basis and seen as its bit 0; undefined but with three states.
   */
  readonly crossedZeros: number[] | undefined
  /** Coincidences of a CHSH test; undefined on a link without one. */
  readonly chsh: ChshTally | undefined
  /** Detections of all batches, matching or not. */
  detections = 0
  /** Pulse slots of all batches. */
  slots = 0
  batches = 0
  /** The device's number of the first batch; undefined before it. */
  firstBatch: number | undefined
  /** Whether any batch came from simulated optics. */
  simulated = false
  /** Whether this end's device was trusted throughout; no key may come of it otherwise. */
  trusted = true

  /**
   * @param intensities   number of intensities of the link
   * @param source   what its slots hold; weak pulses in four states if left out
   * @param chsh     whether the link has a CHSH test
   */
  constructor(intensities: number, source?: PulseSettings['source'], chsh = false) {
    this.keyDetections = Array.from({ length: intensities }, () => 0)
    this.testDetections = [...this.keyDetections]
    this.testErrors = [...this.keyDetections]
    this.crossedZeros = source === 'three-states' ? [...this.keyDetections] : undefined
    this.chsh = chsh ? newChshTally() : undefined
  }

  /** A copy of what was counted in the test basis. */
  get tested(): Omit<BlockCounts, 'key'> {
    const { testDetections, testErrors, crossedZeros } = this
    return {
      test: { detections: [...testDetections], errors: [...testErrors] },
      ...(crossedZeros === undefined ? {} : { crossedZeros: [...crossedZeros] }),
    }
  }

  /** Error rate in the test basis; 0 where nothing was detected. */
  get testErrorRate(): number {
    const detections = this.testDetections.reduce((sum, count) => sum + count, 0)
    return detections === 0
      ? 0
      : this.testErrors.reduce((sum, count) => sum + count, 0) / detections
  }

  /** Overwrites the bits. */
  clear(): void {
    this.key.clear()
    for (const plane of this.intensityPlanes) plane.clear()
  }
}
