/**
 * The simulator of a link of Gaussian-modulated coherent states: draws what both devices report,
 * symbol by symbol.
 *
 * What is sent, and which quadrature is measured, comes from the cryptographic random source; the
 * noise of light, fibre and receiver, and whom Eve intercepts, from a noise generator. Values are
 * Gaussian because all states are: for such a link sampling its covariances is exact.
 *
 * @module
 */

import type { RandomSource, SeededRandom } from '#base'
import { BATCH_SYMBOLS_MAX, type ModulationBatch, type QuadratureBatch } from './coherent-device.ts'
import {
  checkedCoherentAttack,
  checkedCoherentLink,
  lawUnder,
  noCoherentAttack,
  type CoherentAttack,
  type CoherentLink,
  type SymbolLaw,
} from './coherent-link.ts'
import { fillNormal, oneNormal } from './normal.ts'
import { noiseFrom, RandomWords, requireRandomness } from './random-words.ts'
import { OpticsRefusal } from './refusal.ts'

export interface CoherentSimulatorOptions {
  readonly link: CoherentLink
  readonly random: RandomSource
  /** Accepts a random source that repeats itself: for tests and studies only. */
  readonly allowSimulatedRandomness?: boolean
}

/** One batch as both ends see it. */
export interface SimulatedSymbols {
  readonly modulation: ModulationBatch
  readonly measurement: QuadratureBatch
}

/** One link under simulation. Owns its generators. */
export class CoherentSimulator {
  readonly link: CoherentLink
  readonly #words: RandomWords
  readonly #noise: SeededRandom
  #attack: CoherentAttack = noCoherentAttack
  #law: SymbolLaw
  #batch = 0
  /** Phase that has run away since the attack at hand began. */
  #radians = 0

  /** @throws OpticsRefusal OPTICS_LINK_INVALID, OPTICS_RANDOMNESS_REFUSED */
  constructor({ link, random, allowSimulatedRandomness = false }: CoherentSimulatorOptions) {
    requireRandomness(random, allowSimulatedRandomness)
    this.link = checkedCoherentLink(link)
    this.#noise = noiseFrom(random)
    this.#words = new RandomWords(random)
    this.#law = lawUnder(link, noCoherentAttack)
  }

  get attack(): CoherentAttack {
    return this.#attack
  }

  /** Changes what Eve does, from the next batch on. @throws OpticsRefusal OPTICS_ATTACK_INVALID */
  setAttack(attack: CoherentAttack): void {
    this.#attack = checkedCoherentAttack(this.link, attack)
    this.#law = lawUnder(this.link, attack)
    this.#radians = 0
  }

  /**
   * Draws the next batch. The caller owns all arrays in it.
   *
   * @throws OpticsRefusal OPTICS_SLOTS_INVALID unless 1 to `BATCH_SYMBOLS_MAX` symbols
   */
  next(symbolCount: number): SimulatedSymbols {
    if (!(Number.isInteger(symbolCount) && symbolCount >= 1 && symbolCount <= BATCH_SYMBOLS_MAX)) {
      throw new OpticsRefusal(
        'OPTICS_SLOTS_INVALID',
        `Expected 1 to ${String(BATCH_SYMBOLS_MAX)} symbols, got ${String(symbolCount)}`,
      )
    }
    const head = { batch: this.#batch++, symbolCount, simulated: true }
    const deviation = Math.sqrt(this.link.settings.modulationVariance)
    const word = (): number => this.#words.next()
    const [x, p] = [new Float32Array(symbolCount), new Float32Array(symbolCount)]
    fillNormal(x, deviation, word)
    fillNormal(p, deviation, word)
    const modulation: ModulationBatch = { ...head, x, p }
    return { modulation, measurement: { ...head, ...this.#measure(modulation), ...this.#watch() } }
  }

  /** Overwrites what is left of choices. */
  clear(): void {
    this.#words.clear()
  }

  #measure({ x, p, symbolCount }: ModulationBatch) {
    const arrived = this.#turned(x, p)
    const extra = this.#resent(symbolCount)
    if (this.link.settings.detection === 'heterodyne') {
      return {
        detection: 'heterodyne' as const,
        x: this.#detected(arrived.x, extra),
        p: this.#detected(arrived.p, extra),
      }
    }
    const quadratures = new Uint8Array(symbolCount)
    const chosen = new Float32Array(symbolCount)
    let coins = 0
    for (let at = 0; at < symbolCount; at++) {
      if (at % 32 === 0) coins = this.#words.next()
      quadratures[at] = (coins >>> (at % 32)) & 1
      chosen[at] = quadratures[at] === 0 ? arrived.x[at] : arrived.p[at]
    }
    return { detection: 'homodyne' as const, quadratures, values: this.#detected(chosen, extra) }
  }

  /** What was sent, as it lies to the local oscillator. */
  #turned(
    x: Float32Array,
    p: Float32Array,
  ): { readonly x: Float32Array; readonly p: Float32Array } {
    const spread = Math.sqrt(this.link.channel.phaseVariance)
    const { radiansPerSymbol } = this.#law
    if (spread === 0 && radiansPerSymbol === 0) return { x, p }
    const angles = new Float32Array(x.length)
    fillNormal(angles, spread, () => this.#noise.uint32())
    const turned = { x: new Float32Array(x.length), p: new Float32Array(x.length) }
    for (let at = 0; at < x.length; at++) {
      this.#radians = (this.#radians + radiansPerSymbol) % (2 * Math.PI)
      const angle = this.#radians + angles[at]
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
      turned.x[at] = cos * x[at] - sin * p[at]
      turned.p[at] = sin * x[at] + cos * p[at]
    }
    return turned
  }

  /** For each symbol the variance that Eve adds to it; left out if she resends none or all alike. */
  #resent(symbolCount: number): Float32Array | undefined {
    const { resentShare, resentNoise } = this.#law
    if (resentShare === 0) return undefined
    const extra = new Float32Array(symbolCount)
    for (let at = 0; at < symbolCount; at++) {
      if (this.#noise.chance(resentShare)) extra[at] = resentNoise
    }
    return extra
  }

  /** One quadrature of each symbol in units of the converter. */
  #detected(arrived: Float32Array, extra: Float32Array | undefined): Float32Array {
    const { slope, noise, shift, power } = this.#law
    const { electronicNoise, shotNoise, range } = this.link.receiver
    const unit = Math.sqrt(shotNoise)
    const [scale, offset] = [unit * Math.sqrt(power) * slope, unit * Math.sqrt(power) * shift]
    const plain = unit * Math.sqrt(power * noise + electronicNoise)
    const values = new Float32Array(arrived.length)
    fillNormal(values, 1, () => this.#noise.uint32())
    for (let at = 0; at < values.length; at++) {
      const more = extra === undefined ? 0 : extra[at]
      const spread = more === 0 ? plain : Math.sqrt(plain * plain + shotNoise * power * more)
      const value = scale * arrived[at] + offset + spread * values[at]
      values[at] = value > range ? range : value < -range ? -range : value
    }
    return values
  }

  /** N₀ as the receiver watches it, if it does. */
  #watch(): { readonly watchedShotNoise?: number } {
    const { watchSamples, shotNoise } = this.link.receiver
    if (watchSamples === 0) return {}
    const error = Math.sqrt(2 / watchSamples) * oneNormal(() => this.#noise.uint32())
    return { watchedShotNoise: shotNoise * this.#law.power * (1 + error) }
  }
}
