/**
 * Detectors that can be named: kinds that links are built with, every figure with its source.
 *
 * Probabilities per gate are for slots of 1 ns. A detector saturates at one click per dead time.
 * Figures marked "typical" are the range that reviews give for the kind, not one device.
 *
 * @module
 */

import type { Detector } from './detector.ts'
import { assumed, from, type Figures } from './figure.ts'

export type DetectorName = 'self-differencing-apd' | 'free-running-ingaas' | 'snspd' | 'snspd-array'

const lydersen = from('order of magnitude of Lydersen et al., Nature Photonics 4, 686 (2010)')

/** What bright light does to any avalanche photodiode. */
const avalanche = {
  blindingPowerUw: lydersen(400),
  linearResponsivity: from('assumed: a multiplication of some ten in linear mode')(10),
}

/** What bright light does to a nanowire. */
const nanowire = {
  blindingPowerUw: from('order of magnitude of Lydersen et al., New J. Phys. 13, 113042 (2011)')(1),
  linearResponsivity: from('assumed: shows as a shift of the bias current')(5),
}

/** Every kind by its name. */
export const detectorPresets: Readonly<Record<DetectorName, Figures<Detector>>> = {
  /** Gated InGaAs avalanche photodiodes whose readout subtracts one gate from the next. */
  'self-differencing-apd': {
    efficiency: assumed(0.2),
    darkCountProbability: assumed(2e-6),
    deadTimePs: assumed(2000),
    afterpulseProbability: assumed(0.01),
    afterpulseDecayPs: assumed(10_000),
    neighbourSlotProbability: assumed(0.002),
    avalancheChargePc: assumed(0.1),
    leakageCurrentUa: assumed(0.05),
    gateWidthPs: assumed(60),
    gateMismatchPs: assumed(20),
    timingJitterPs: assumed(40),
    ...avalanche,
  },
  /** InGaAs avalanche photodiodes with negative feedback, always on, cold, slow. */
  'free-running-ingaas': {
    efficiency: from('typical 0.10 to 0.25')(0.2),
    darkCountProbability: from('typical some 100 dark counts a second, in 1 ns')(1e-7),
    deadTimePs: from('typical 10 μs')(10_000_000),
    afterpulseProbability: from('typical 0.01 to 0.05')(0.02),
    afterpulseDecayPs: assumed(5_000_000),
    neighbourSlotProbability: assumed(0.01),
    avalancheChargePc: assumed(0.5),
    leakageCurrentUa: assumed(0.01),
    gateWidthPs: from('none: always on')(0),
    gateMismatchPs: from('none: always on')(0),
    timingJitterPs: from('typical 100 to 200 ps')(150),
    ...avalanche,
  },
  /** Superconducting nanowires, one per detector. */
  snspd: {
    efficiency: from('typical 0.6 to 0.9')(0.8),
    darkCountProbability: from('typical 1 to 200 dark counts a second, in 1 ns')(1e-7),
    deadTimePs: from('typical 20 to 100 ns')(50_000),
    afterpulseProbability: from('none known in nanowires')(0),
    afterpulseDecayPs: from('none known in nanowires')(0),
    neighbourSlotProbability: assumed(0.001),
    avalancheChargePc: from('assumed: some ten μA for some ten ns')(0.2),
    leakageCurrentUa: from('assumed: the bias current shared out')(0.05),
    gateWidthPs: from('none: always on')(0),
    gateMismatchPs: from('none: always on')(0),
    timingJitterPs: from('typical 30 to 80 ps')(40),
    ...nanowire,
  },
  /** Interleaved nanowires as one detector: the others see while one recovers. */
  'snspd-array': {
    efficiency: from('order of magnitude of Li et al., Nature Photonics 17, 416 (2023), 8 pixels')(
      0.75,
    ),
    darkCountProbability: from('assumed: all pixels together')(5e-7),
    deadTimePs: from('assumed: some ten ns over the number of pixels')(5000),
    afterpulseProbability: from('none known in nanowires')(0),
    afterpulseDecayPs: from('none known in nanowires')(0),
    neighbourSlotProbability: assumed(0.002),
    avalancheChargePc: from('assumed: some ten μA for some ten ns')(0.2),
    leakageCurrentUa: from('assumed: the bias current shared out')(0.4),
    gateWidthPs: from('none: always on')(0),
    gateMismatchPs: from('none: always on')(0),
    timingJitterPs: from('typical 30 to 80 ps')(50),
    ...nanowire,
  },
}
