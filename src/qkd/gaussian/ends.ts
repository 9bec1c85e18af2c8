/**
 * Both ends of a Gaussian link up to the length of a key: disclosure and estimation, sans I/O.
 *
 * For each batch, after it was measured, the receiver draws positions and announces them, with the
 * quadrature that it measured there. The transmitter answers with what it sent. From these pairs
 * the receiver estimates the channel, and when a block is full it gives the length of the key that
 * reverse reconciliation of an assumed efficiency could leave.
 *
 * No key is made. Symbols that were not disclosed are counted and dropped, and the messages carry
 * no tags: whoever owns the wire can move the estimate, and gains nothing by it.
 *
 * @module
 */

import type { RandomSource } from '#base'
import { Keystream } from '#crypto'
import type { ModulationBatch, QuadratureBatch } from '#optics'
import { QkdRefusal } from '../refusal.ts'
import { estimateChannel, PairSums, PAIRS_MIN, type ChannelEstimate } from './estimate.ts'
import { gaussianLength, type GaussianLength, type GaussianVerdict } from './length.ts'
import { checkedGaussianParameters, type GaussianParameters } from './parameters.ts'
import { gaussianAlarms, type BlockObservables, type GaussianAlarm } from './watch.ts'

/** Receiver to transmitter: which symbols of a batch are disclosed. */
export interface SymbolsAsked {
  readonly batch: number
  readonly symbolCount: number
  /** Strictly increasing. */
  readonly positions: Uint32Array
  /** One for each position, 0 = x, 1 = p; empty with heterodyne detection, which measures both. */
  readonly quadratures: Uint8Array
}

/** Transmitter to receiver: what was sent there; with heterodyne detection x and p in turn. */
export interface SymbolsDisclosed {
  readonly batch: number
  readonly values: Float32Array
}

/** A full block. */
export interface GaussianReport {
  readonly symbols: number
  readonly disclosedSymbols: number
  readonly estimate: ChannelEstimate
  readonly observables: BlockObservables
  /** What the bound gives, whether or not the devices are trusted. */
  readonly length: GaussianLength
  readonly alarms: readonly GaussianAlarm[]
  /** ℓ: that of the bound, or 0 where an alarm voids the block. Bits of a key that is not made. */
  readonly lengthBits: number
  readonly verdict: GaussianVerdict | 'device-suspect'
}

/**
 * The transmitter's answer.
 *
 * @throws QkdRefusal `MESSAGE_INVALID` for another batch or impossible positions, `BATCH_INVALID`
 *   for a batch that is not of its form
 */
export function disclose(asked: SymbolsAsked, sent: ModulationBatch): SymbolsDisclosed {
  const { batch, symbolCount, positions, quadratures } = asked
  if (sent.x.length !== sent.symbolCount || sent.p.length !== sent.symbolCount) {
    throw new QkdRefusal('BATCH_INVALID', 'Expected both quadratures of each symbol sent')
  }
  const homodyne = quadratures.length > 0
  if (batch !== sent.batch || symbolCount !== sent.symbolCount || positions.length === 0) {
    throw new QkdRefusal('MESSAGE_INVALID', 'Expected positions in the batch that was sent')
  }
  if (homodyne && quadratures.length !== positions.length) {
    throw new QkdRefusal('MESSAGE_INVALID', 'Expected one quadrature for each position')
  }
  const values = new Float32Array(homodyne ? positions.length : 2 * positions.length)
  let last = -1
  for (const [at, position] of positions.entries()) {
    if (position <= last || position >= symbolCount || quadratures[at] > 1) {
      throw new QkdRefusal('MESSAGE_INVALID', 'Expected increasing positions, and quadratures 0, 1')
    }
    last = position
    if (homodyne) values[at] = quadratures[at] === 0 ? sent.x[position] : sent.p[position]
    else values.set([sent.x[position], sent.p[position]], 2 * at)
  }
  return { batch, values }
}

/** The receiver's end. Owns the values of one batch until it was answered, and the block's sums. */
export class GaussianReceiver {
  readonly parameters: GaussianParameters
  readonly #words: Keystream
  #pending: { readonly batch: number; readonly symbols: number; values: Float32Array } | undefined
  #lastBatch = -1
  #block = emptyBlock()

  /**
   * @param random  draws the positions; whoever foresaw them could spare them
   * @throws QkdRefusal `PARAMETERS_INVALID`
   */
  constructor(parameters: GaussianParameters, random: RandomSource) {
    this.parameters = checkedGaussianParameters(parameters)
    this.#words = new Keystream(random)
  }

  /**
   * Takes what was measured and announces what is to be disclosed of it.
   *
   * @throws QkdRefusal `BATCH_INVALID` for a batch of another form, `MESSAGE_OUT_OF_ORDER` while
   *   the one before was not answered; neither changes anything
   */
  measured(batch: QuadratureBatch): SymbolsAsked {
    if (this.#pending !== undefined) {
      throw new QkdRefusal('MESSAGE_OUT_OF_ORDER', 'Expected the answer about the batch before')
    }
    const saturated = this.#checked(batch)
    const { symbolCount } = batch
    const count = Math.max(1, Math.round(symbolCount * this.parameters.estimationShare))
    const positions = drawPositions(symbolCount, count, this.#words)
    const homodyne = batch.detection === 'homodyne'
    const values = new Float32Array(homodyne ? count : 2 * count)
    for (const [at, position] of positions.entries()) {
      if (homodyne) values[at] = batch.values[position]
      else values.set([batch.x[position], batch.p[position]], 2 * at)
    }
    this.#pending = { batch: batch.batch, symbols: symbolCount, values }
    this.#lastBatch = batch.batch
    this.#block.saturated += saturated
    const { watchedShotNoise } = batch
    if (watchedShotNoise !== undefined) {
      const shift = Math.abs(watchedShotNoise / this.parameters.receiver.shotNoise - 1)
      this.#block.shotNoiseShift = Math.max(this.#block.shotNoiseShift ?? 0, shift)
    }
    const quadratures = homodyne
      ? Uint8Array.from(positions, (position) => batch.quadratures[position])
      : new Uint8Array(0)
    return { batch: batch.batch, symbolCount, positions, quadratures }
  }

  /**
   * Takes the transmitter's answer. Returns a report when the block is full.
   *
   * @throws QkdRefusal `MESSAGE_OUT_OF_ORDER` unasked, `MESSAGE_INVALID` for another batch, a wrong
   *   number of values, or values that are none; nothing is changed by it
   */
  disclosed({ batch, values }: SymbolsDisclosed): GaussianReport | undefined {
    const pending = this.#pending
    if (pending === undefined) {
      throw new QkdRefusal('MESSAGE_OUT_OF_ORDER', 'Expected a batch to be measured first')
    }
    if (batch !== pending.batch || values.length !== pending.values.length) {
      throw new QkdRefusal('MESSAGE_INVALID', 'Expected a value for each position announced')
    }
    if (!values.every((value) => Math.abs(value) < SENT_MAX)) {
      throw new QkdRefusal('MESSAGE_INVALID', 'Expected values in √(shot noise unit)')
    }
    const unit = 1 / Math.sqrt(this.parameters.receiver.shotNoise)
    const { sums } = this.#block
    for (let at = 0; at < values.length; at++) sums.add(values[at], pending.values[at] * unit)
    pending.values.fill(0)
    this.#block.symbols += pending.symbols
    this.#pending = undefined
    const full = this.#block.symbols >= this.parameters.blockSymbols && sums.pairs >= PAIRS_MIN
    return full ? this.#report() : undefined
  }

  #report(): GaussianReport {
    const { symbols, sums, saturated, shotNoiseShift } = this.#block
    this.#block = emptyBlock()
    const { receiver, modulationVariance, reconciliation, epsilon } = this.parameters
    const quadratures = receiver.detection === 'homodyne' ? 1 : 2
    const regression = sums.regression(quadratures)
    const estimate = estimateChannel(regression, receiver, epsilon)
    const length = gaussianLength({
      ...{ modulationVariance, receiver, reconciliation, estimate, epsilon },
      keptSymbols: symbols - regression.symbols,
    })
    const observables = { saturatedShare: saturated / (quadratures * symbols), shotNoiseShift }
    const alarms = gaussianAlarms(this.parameters, estimate, observables)
    const suspect = alarms.some(({ voidsBlock }) => voidsBlock)
    return {
      ...{ symbols, disclosedSymbols: regression.symbols, estimate, observables, length, alarms },
      lengthBits: suspect ? 0 : length.lengthBits,
      verdict: suspect ? 'device-suspect' : length.verdict,
    }
  }

  /** How many values of a batch lie at the end of the range. @throws QkdRefusal `BATCH_INVALID` */
  #checked(batch: QuadratureBatch): number {
    const { detection, range } = this.parameters.receiver
    const invalid = (message: string): QkdRefusal => new QkdRefusal('BATCH_INVALID', message)
    if (!(Number.isInteger(batch.batch) && batch.batch > this.#lastBatch)) {
      throw invalid('Expected a batch later than the one before')
    }
    if (batch.detection !== detection) throw invalid(`Expected ${detection} detection`)
    const { symbolCount, watchedShotNoise = 1 } = batch
    if (!(Number.isInteger(symbolCount) && symbolCount > 1 && symbolCount <= SYMBOLS_MAX)) {
      throw invalid(`Expected 2 to ${String(SYMBOLS_MAX)} symbols`)
    }
    if (!(watchedShotNoise >= 0 && watchedShotNoise < Infinity)) {
      throw invalid('Expected a shot noise of 0 or more')
    }
    const arrays = batch.detection === 'homodyne' ? [batch.values] : [batch.x, batch.p]
    const quadratures = batch.detection === 'homodyne' ? batch.quadratures : undefined
    const sizes = [...arrays, ...(quadratures === undefined ? [] : [quadratures])]
    if (sizes.some(({ length }) => length !== symbolCount)) {
      throw invalid('Expected as many values as symbols')
    }
    if (quadratures?.some((one) => one > 1) === true) throw invalid('Expected quadratures 0 or 1')
    let saturated = 0
    for (const values of arrays) {
      for (const value of values) {
        const size = Math.abs(value)
        if (!(size <= range * ROUNDING)) throw invalid('Expected values inside the range')
        if (size * ROUNDING >= range) saturated++
      }
    }
    return saturated
  }
}

interface Block {
  symbols: number
  sums: PairSums
  saturated: number
  shotNoiseShift: number | undefined
}

const emptyBlock = (): Block => ({
  symbols: 0,
  sums: new PairSums(),
  saturated: 0,
  shotNoiseShift: undefined,
})

/** Some of so many positions, each set of them equally likely to within 2⁻³² a symbol. */
function drawPositions(symbols: number, count: number, stream: Keystream): Uint32Array {
  const octets = stream.octets(4 * symbols)
  const words = new DataView(octets.buffer, octets.byteOffset, octets.byteLength)
  const positions = new Uint32Array(count)
  let found = 0
  for (let at = 0; at < symbols && found < count; at++) {
    if (words.getUint32(4 * at) * (symbols - at) < (count - found) * 2 ** 32)
      positions[found++] = at
  }
  octets.fill(0)
  return positions
}

/** Symbols of one batch, at most; the devices' own limit. */
const SYMBOLS_MAX = 2 ** 20

/** No modulation reaches this. */
const SENT_MAX = 1e6

/** Values of 32 bits round the end of the range by up to 6·10⁻⁸. */
const ROUNDING = 1 + 1e-6
