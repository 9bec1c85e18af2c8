/**
 * Links of our own optics model, evaluated by expectation: what the simulation would give on
 * average, with all its effects, under the bounds that the engine uses.
 *
 * @module
 */

import {
  expectLink,
  linkOf,
  presetNamed,
  type Detector,
  type FibreChannel,
  type PulseSettings,
} from '#optics'
import { expectedBlock, type BlockBound, type ExpectedBlock } from '#qkd'

/** What a system is besides its settings and its fibre. */
export interface LinkModel {
  readonly receiverLossDb: number
  readonly misalignment: number
  readonly detector: Detector
  readonly bound: BlockBound
  readonly blockBits: number
  readonly efficiency: number
  readonly epsilons: { readonly secrecy: number; readonly correctness: number }
}

/** What these studies do not vary, such as how a detector meets an attack, is this link's. */
const base = linkOf(presetNamed('lab-25km'))

/** The block that a system gives over a channel. */
export function blockOver(
  model: LinkModel,
  channel: FibreChannel,
  settings: PulseSettings,
): ExpectedBlock {
  const { receiverLossDb: lossDb, misalignment, detector, ...rest } = model
  const misaligned = { Z: misalignment, X: misalignment }
  const receiver = { ...base.receiver, lossDb, misalignment: misaligned, detector }
  const { pulses } = expectLink({ ...base, settings, channel, receiver })
  return expectedBlock({ ...rest, settings, pulses })
}

/** A fibre of this loss and nothing else. */
export const lossOf = (lossDb: number, backgroundProbability = 0): FibreChannel => ({
  lengthKm: 0,
  attenuationDbPerKm: 0,
  insertionLossDb: lossDb,
  backgroundProbability,
})

/** A detector pair with the effects that these studies vary, and without afterpulses or jitter. */
export const detectorOf = (
  figures: Pick<Detector, 'efficiency' | 'darkCountProbability' | 'deadTimePs'> & Partial<Detector>,
): Detector => ({
  ...base.receiver.detector,
  afterpulseProbability: 0,
  afterpulseDecayPs: 0,
  neighbourSlotProbability: 0,
  ...figures,
})
