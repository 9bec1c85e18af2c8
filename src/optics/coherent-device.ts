/**
 * The device boundary of a link of continuous variables: what a transmitter of Gaussian-modulated
 * coherent states and a receiver with homodyne or heterodyne detection report (GG02).
 *
 * As at the boundary for pulses, nothing above this line may see the truth of the channel. The
 * receiver's values are in the units of its own converter; only its calibration says how large one
 * shot noise unit is in them, so whoever spoils the calibration spoils what is concluded.
 *
 * @module
 */

/** How both devices are set. Public. */
export interface CoherentSettings {
  /** Symbols per second. */
  readonly symbolRateHz: number
  /** V_A: variance of each quadrature's modulation, in shot noise units. */
  readonly modulationVariance: number
  /** Heterodyne detection measures both quadratures of each symbol, homodyne one at random. */
  readonly detection: 'homodyne' | 'heterodyne'
}

/** What was measured of the receiver before, out of Eve's reach, and is trusted. */
export interface ReceiverCalibration {
  /** η: share of the light that is detected. */
  readonly efficiency: number
  /** v_el: electronic noise, in shot noise units. */
  readonly electronicNoise: number
  /** N₀: variance of one shot noise unit, in squared units of the converter. */
  readonly shotNoise: number
  /** Largest value, of either sign, that the converter gives; whatever is beyond is cut to it. */
  readonly range: number
}

/** Symbols of one batch, at most. */
export const BATCH_SYMBOLS_MAX = 2 ** 20

interface SymbolBatch {
  /** Counts from 0 in each session of the device; a gap means that batches were lost. */
  readonly batch: number
  /** Number of symbols, at most `BATCH_SYMBOLS_MAX`. */
  readonly symbolCount: number
  /** Whether the symbols come from simulated optics. */
  readonly simulated: boolean
}

/** What the transmitter sent: one element for each symbol, in √(shot noise unit). Taker owns. */
export interface ModulationBatch extends SymbolBatch {
  readonly x: Float32Array
  readonly p: Float32Array
}

/** What the receiver measured, in units of its converter. Whoever takes the batch owns it. */
export type QuadratureBatch = SymbolBatch & {
  /** N₀ as watched during the batch, by shutter or tap; absent where the device does not say. */
  readonly watchedShotNoise?: number
} & (
    | {
        readonly detection: 'homodyne'
        /** For each symbol the quadrature that was measured: 0 = x, 1 = p. */
        readonly quadratures: Uint8Array
        readonly values: Float32Array
      }
    | { readonly detection: 'heterodyne'; readonly x: Float32Array; readonly p: Float32Array }
  )
