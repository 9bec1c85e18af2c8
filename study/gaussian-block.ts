/**
 * One block of a Gaussian link (GG02): both ends over simulated symbols, up to the length that a
 * key could have. No key is made.
 *
 * @module
 */

import type { RandomSource } from '#base'
import {
  BATCH_SYMBOLS_MAX,
  CoherentSimulator,
  noCoherentAttack,
  type CoherentAttack,
  type CoherentLink,
} from '#optics'
import { disclose, GaussianReceiver, type GaussianParameters, type GaussianReport } from '#qkd'

export interface GaussianRun {
  readonly link: CoherentLink
  readonly attack?: CoherentAttack
  readonly symbols: number
  /** Draws what is sent, what is measured and what is disclosed. */
  readonly random: RandomSource
  /** Whether that source may be one that repeats itself: for studies and tests. */
  readonly simulatedRandomness?: boolean
  /** β, if not `RECONCILIATION`. */
  readonly reconciliation?: number
}

/** Runs one block of this many symbols. @throws OpticsRefusal, QkdRefusal for what is impossible */
export function runGaussianBlock(run: GaussianRun): GaussianReport {
  const { link, attack = noCoherentAttack, symbols, random, simulatedRandomness = false } = run
  const receiver = new GaussianReceiver(
    gaussianParametersOf(link, symbols, run.reconciliation),
    random,
  )
  const simulator = new CoherentSimulator({
    ...{ link, random },
    allowSimulatedRandomness: simulatedRandomness,
  })
  simulator.setAttack(attack)
  const batches = Math.ceil(symbols / BATCH_SYMBOLS_MAX)
  for (;;) {
    // Batches of one size: a last one of a few symbols could not be halved.
    const { modulation, measurement } = simulator.next(Math.ceil(symbols / batches))
    const report = receiver.disclosed(disclose(receiver.measured(measurement), modulation))
    if (report === undefined) continue
    simulator.clear()
    return report
  }
}

/** What both ends agree on: calibrated as the link is, half of all symbols disclosed. */
export const gaussianParametersOf = (
  { settings, receiver, channel }: CoherentLink,
  symbols: number,
  reconciliation = RECONCILIATION,
): GaussianParameters => ({
  modulationVariance: settings.modulationVariance,
  receiver: { ...receiver, detection: settings.detection },
  reconciliation,
  epsilon: EPSILON,
  estimationShare: ESTIMATION_SHARE,
  blockSymbols: symbols,
  excessNoiseMax: 2 * channel.excessNoise,
})

/** β of published systems; assumed. */
export const RECONCILIATION = 0.95
/** ε of estimate, smoothing and amplification, each. */
export const EPSILON = 1e-10
/** Share of symbols that are disclosed. */
export const ESTIMATION_SHARE = 0.5
