/**
 * The pulse settings and the block size that give a link the most key.
 *
 * Searches intensities, their probabilities and the basis bias together, from what the link runs
 * with now and from two settings that suit most links; deterministic. Both ends get the same basis
 * bias: for a given share of key-basis detections, equal biases leave the most detections to test.
 *
 * Optimises what a link gives on average. Settings at the very edge of giving key give none in
 * every other block.
 *
 * @see Lim et al., Phys. Rev. A 89, 022307 (2014), section V
 * @module
 */

import type { Intensity, PulseSettings } from '#optics'
import type { ExpectedBlock } from './models/expected-block.ts'
import { maximise } from './models/nelder-mead.ts'
import { QkdRefusal } from './refusal.ts'

export interface SettingsSearch {
  /** What the link runs with now. The weakest of three intensities stays as it is. */
  readonly start: PulseSettings
  /** The block that a link with these settings gives; its unfloored length is what counts. */
  readonly evaluate: (settings: PulseSettings) => ExpectedBlock
  /** Evaluations for each place that the search starts from. */
  readonly evaluationsMax?: number
  /** Whether to try other places than `start`; needless where `start` is near the best. */
  readonly elsewhere?: boolean
}

export interface OptimisedSettings {
  readonly settings: PulseSettings
  readonly block: ExpectedBlock
  /** The block with the settings that the search started from. */
  readonly before: ExpectedBlock
  readonly evaluations: number
}

/**
 * The best settings found; never worse than those of the start.
 *
 * @throws QkdRefusal `BOUND_NOT_APPLICABLE` unless there are two or three intensities
 */
export function optimiseSettings(search: SettingsSearch): OptimisedSettings {
  const { start, evaluate, elsewhere = true } = search
  const before = evaluate(start)
  let best = { settings: start, block: before, score: scoreOf(before) }
  let evaluations = 1
  const consider = (at: readonly number[]): number => {
    const settings = settingsAt(start, at)
    const block = evaluate(settings)
    const score = scoreOf(block)
    if (score > best.score) best = { settings, block, score }
    return score
  }
  const first = coordinatesOf(start)
  const places = elsewhere
    ? [first, ...PLACES.map((place) => place.slice(0, first.length))]
    : [first]
  for (const place of places) {
    const peak = maximise({
      score: consider,
      start: place,
      step: 0.5,
      tolerance: 1e-7,
      evaluationsMax: search.evaluationsMax ?? EVALUATIONS_MAX,
    })
    evaluations += peak.evaluations
  }
  const { settings, block } = best
  return { settings, block, before, evaluations }
}

/** A block size and what it gives. */
export interface ChosenBlock {
  readonly blockBits: number
  readonly block: ExpectedBlock
  /** Rate over that of the largest block allowed. */
  readonly share: number
}

/**
 * The smallest block, among powers of two times the least, that gives a share of the rate of the
 * largest allowed: larger ones only make key later and lose more when one is lost.
 *
 * @param input.secondsMax  longest time in which a block may fill
 * @returns undefined if no block allowed gives key
 */
export function chooseBlockBits(input: {
  readonly evaluate: (blockBits: number) => ExpectedBlock
  readonly blockBitsMin: number
  readonly blockBitsMax: number
  readonly secondsMax: number
  readonly share: number
}): ChosenBlock | undefined {
  const { evaluate, blockBitsMin, blockBitsMax, secondsMax, share } = input
  const blocks: { readonly blockBits: number; readonly block: ExpectedBlock }[] = []
  for (let blockBits = blockBitsMin; blockBits <= blockBitsMax; blockBits *= 2) {
    const block = evaluate(blockBits)
    if (block.seconds > secondsMax) break
    blocks.push({ blockBits, block })
  }
  const most = blocks.at(-1)?.block.secretBitsPerSecond ?? 0
  if (most === 0) return undefined
  const found = blocks.find(({ block }) => block.secretBitsPerSecond >= share * most)
  return found && { ...found, share: found.block.secretBitsPerSecond / most }
}

/**
 * Larger for more key; below all of those, for what is less far from giving any.
 *
 * The logarithm makes differences relative, so that one tolerance fits 10 b/s and 10 Mb/s.
 */
function scoreOf({ keyLength, pulsesSent, counts }: ExpectedBlock): number {
  const bits = keyLength.terms['lengthBits']
  if (bits >= 1) return Math.log(bits / pulsesSent)
  const size = counts.key.detections.reduce((sum, count) => sum + count, 0)
  return NO_KEY + (bits - 1) / size
}

/**
 * Unbounded coordinates, each the logit of a share: signal, decoy, probability of the signal, basis
 * bias, and with three intensities how the rest is divided.
 */
function coordinatesOf({ intensities, keyBasisProbability }: PulseSettings): readonly number[] {
  if (intensities.length !== 2 && intensities.length !== 3) {
    throw new QkdRefusal('BOUND_NOT_APPLICABLE', 'Expected a signal and one or two decoys')
  }
  const [signal, decoy] = intensities
  const weakest = weakestOf(intensities)
  const { transmitter, receiver } = keyBasisProbability
  const room = signal.meanPhotonNumber - 2 * weakest
  const shares = [
    signal.meanPhotonNumber / SIGNAL_MAX,
    (decoy.meanPhotonNumber - weakest) / room,
    signal.probability,
    Math.sqrt(transmitter * receiver),
  ]
  if (intensities.length === 3) shares.push(decoy.probability / (1 - signal.probability))
  return shares.map((share) => logit(Math.min(1 - 1e-6, Math.max(1e-6, share))))
}

function settingsAt(start: PulseSettings, at: readonly number[]): PulseSettings {
  const shares = at.map((value) => LEAST + (1 - 2 * LEAST) / (1 + Math.exp(-value)))
  const [first, second, signalProbability, bias, divided] = shares
  const weakest = weakestOf(start.intensities)
  const signal = Math.max(first * SIGNAL_MAX, 4 * weakest)
  const decoy = weakest + second * (signal - 2 * weakest)
  const rest = 1 - signalProbability
  const intensities: Intensity[] = [{ meanPhotonNumber: signal, probability: signalProbability }]
  if (start.intensities.length === 2)
    intensities.push({ meanPhotonNumber: decoy, probability: rest })
  else {
    intensities.push({ meanPhotonNumber: decoy, probability: rest * divided })
    intensities.push({ meanPhotonNumber: weakest, probability: rest - rest * divided })
  }
  return { ...start, intensities, keyBasisProbability: { transmitter: bias, receiver: bias } }
}

const weakestOf = (intensities: readonly Intensity[]): number =>
  intensities.length === 3 ? intensities[2].meanPhotonNumber : 0

const logit = (share: number): number => Math.log(share / (1 - share))

/** Signals brighter than this hold so many multi-photon pulses that no bound gives key. */
const SIGNAL_MAX = 1.5
/** Shares stay this far from 0 and 1: an intensity that is never sent bounds nothing. */
const LEAST = 1e-3
const NO_KEY = -1000
const EVALUATIONS_MAX = 600
/**
 * Signal 0.5, decoy 0.15, sent with 0.6 and bias 0.85, for large blocks; and for small ones, which
 * need every kind of pulse often, in both bases.
 */
const PLACES: readonly (readonly number[])[] = [
  [-0.7, -0.85, 0.4, 1.73, 0.8],
  [-0.4, -0.4, -0.8, 0.4, 0],
  [0, -0.8, -1.2, 0.4, 0.8],
  [0, -1.4, -0.4, 0, 0.4],
]
