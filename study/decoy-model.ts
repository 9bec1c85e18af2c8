/**
 * The decoy-state links of the papers, as the papers model them.
 *
 * @module
 */

import type { PulseSettings } from '#optics'
import {
  asymptoticLoMa,
  expectedBlock,
  optimiseSettings,
  rateOfSinglePhotons,
  type ExpectedBlock,
  type GainAndError,
  type OptimisedSettings,
  type PulseExpectations,
} from '#qkd'

/** What each intensity does, in the same way in both bases. */
const alike = (
  settings: PulseSettings,
  of: (meanPhotonNumber: number) => { readonly gain: number; readonly error: number },
): PulseExpectations =>
  settings.intensities.map(({ meanPhotonNumber }) => {
    const one = of(meanPhotonNumber)
    return { Z: one, X: one }
  })

/**
 * A block of the link of Lim et al.: detectors of 10 %, p_dc 6·10⁻⁷, afterpulses 4 %, errors of
 * 0.5 %, f = 1.16, 0.2 dB/km, ε_sec = 10⁻¹⁵·ℓ.
 *
 * Unlike the paper as printed, η_sys and not η_ch stands in the error term: with η_ch no block
 * of 10⁴ gives key even at 0 km, with η_sys the paper's reach comes out.
 */
export function limBlock(km: number, blockBits: number, settings: PulseSettings): ExpectedBlock {
  const eta = 10 ** (-0.02 * km) * 0.1
  const pulses = alike(settings, (mu) => {
    const click = 1 - (1 - 2 * 6e-7) * Math.exp(-eta * mu)
    return {
      gain: click * 1.04,
      error: 6e-7 + 5e-3 * -Math.expm1(-eta * mu) + (0.04 * click) / 2,
    }
  })
  const model = { settings, pulses, bound: 'lim-2014', blockBits, efficiency: 1.16 } as const
  // ε is granted per bit of key, so that ℓ stands on both sides; three rounds settle it.
  const granting = (secretBits: number): ExpectedBlock =>
    expectedBlock({ ...model, epsilons: { secrecy: 1e-15 * secretBits, correctness: 1e-15 } })
  let block = granting(blockBits / 4)
  for (let round = 0; round < 2; round++) {
    const { secretBits } = block.keyLength
    if (secretBits === 0) return block
    block = granting(secretBits)
  }
  return block
}

/**
 * A block of the link of Rusca et al.: 1 GHz, p_dc 10⁻⁸, errors of 1 %, dead time 100 ns,
 * ε 10⁻⁹ and 10⁻¹⁵, f = 1.16, over a loss that includes the detectors.
 */
export function ruscaBlock(
  lossDb: number,
  blockBits: number,
  settings: PulseSettings,
  bound: 'rusca-2018' | 'wiesemann-2024' | 'lim-2014' = 'rusca-2018',
): ExpectedBlock {
  const eta = 10 ** (-lossDb / 10)
  const light = (mu: number): number => 1 - Math.exp(-eta * mu) * (1 - RUSCA.dark)
  const perPulse = settings.intensities.reduce(
    (sum, { meanPhotonNumber, probability }) => sum + probability * light(meanPhotonNumber),
    0,
  )
  const live = 1 / (1 + settings.clockHz * perPulse * RUSCA.deadSeconds)
  const pulses = alike(settings, (mu) => ({
    gain: live * light(mu),
    error: live * (0.01 * -Math.expm1(-eta * mu) + RUSCA.dark / 2),
  }))
  const epsilons = { secrecy: 1e-9, correctness: 1e-15 }
  return expectedBlock({ settings, pulses, bound, blockBits, efficiency: 1.16, epsilons })
}

const RUSCA = { dark: 1e-8, deadSeconds: 100e-9 }

/** The rate of the experiment of Gobby, Yuan and Shields in the model of Ma et al. 2005. */
export function gysRate(km: number, signal: number, decoy?: number): number {
  const eta = 0.045 * 10 ** (-0.021 * km)
  const at = (mu: number): GainAndError => {
    const light = -Math.expm1(-eta * mu)
    const gain = GYS.y0 + light
    return { meanPhotonNumber: mu, gain, errorRate: (GYS.y0 / 2 + GYS.error * light) / gain }
  }
  const common = { signal: at(signal), sifting: 0.5, efficiency: 1.22 }
  if (decoy !== undefined) {
    return asymptoticLoMa({ ...common, decoy: at(decoy), vacuumYield: GYS.y0 }).rate
  }
  const yieldOfOne = GYS.y0 + eta
  return rateOfSinglePhotons({
    ...common,
    singleGain: yieldOfOne * signal * Math.exp(-signal),
    singleError: (GYS.y0 / 2 + GYS.error * eta) / yieldOfOne,
  })
}

const GYS = { y0: 1.7e-6, error: 0.033 }

/** Settings to search from. */
export const oneDecoy = (clockHz: number): PulseSettings => ({
  clockHz,
  intensities: [
    { meanPhotonNumber: 0.5, probability: 0.6 },
    { meanPhotonNumber: 0.18, probability: 0.4 },
  ],
  keyBasisProbability: { transmitter: 0.85, receiver: 0.85 },
})

/** The same with a third intensity, nearly vacuum. */
export const twoDecoys = (clockHz: number): PulseSettings => ({
  clockHz,
  intensities: [
    { meanPhotonNumber: 0.5, probability: 0.6 },
    { meanPhotonNumber: 0.15, probability: 0.3 },
    { meanPhotonNumber: 2e-4, probability: 0.1 },
  ],
  keyBasisProbability: { transmitter: 0.85, receiver: 0.85 },
})

/** The best settings at one place along a line. */
export type PlacedSettings = OptimisedSettings & { readonly place: number }

/**
 * The best settings at each place along a line, each searched from those of the place before. Ends
 * where no key is left; the last place is that end, closed in upon by halving.
 */
export function along(
  places: readonly number[],
  start: PulseSettings,
  evaluate: (place: number, settings: PulseSettings) => ExpectedBlock,
): readonly PlacedSettings[] {
  const found: PlacedSettings[] = []
  const search = (place: number): boolean => {
    const last = found.at(-1)
    const best = optimiseSettings({
      start: last?.settings ?? start,
      evaluate: (settings) => evaluate(place, settings),
      elsewhere: last === undefined,
      evaluationsMax: last === undefined ? 600 : 250,
    })
    if (best.block.keyLength.secretBits === 0) return false
    found.push({ ...best, place })
    return true
  }
  for (const [at, place] of places.entries()) {
    if (search(place)) continue
    let step = place - (places[at - 1] ?? place)
    for (let round = 0; round < EDGE_ROUNDS && found.length > 0; round++) {
      if (!search(found.at(-1)!.place + step)) step /= 2
    }
    break
  }
  return found
}

const EDGE_ROUNDS = 12
