/**
 * Optics: what devices report, and simulated sources, channels, detectors and eavesdroppers.
 *
 * `device` is the boundary: the layers above work with any two devices that keep to it. Behind it
 * stands the simulation: a link (`link`, `preset`) is drawn batch by batch (`simulate`) under an
 * attack (`eve`), and `SimulatedFibre` makes two devices of it. `pairs` and what is named after it do
 * the same for a source of entangled pairs; `named-link` knows links of both kinds by name. What is
 * named `coherent` is a link of continuous variables (GG02), with a device boundary of its own.
 *
 * Simulated optics yield computational keys: whoever knows the state of the random source knows
 * every key.
 *
 * @module
 */

export * from './device.ts'
export * from './channels/all.ts'
export type { Arrival, Light } from './arrival.ts'
export type { FibreChannel } from './channel.ts'
export { channelLossDb } from './channel.ts'
export * from './coherent-device.ts'
export * from './coherent-link.ts'
export * from './coherent-preset.ts'
export * from './coherent-simulate.ts'
export type { Detector, Receiver } from './detector.ts'
export {
  expectLink,
  type CrossedExpectation,
  type LinkExpectation,
  type PulseExpectation,
} from './expectation.ts'
export { checkedAttack, noAttack, type Attack } from './eve.ts'
export { returnedPhotons, type TransmitterGuard } from './trojan-horse.ts'
export { splittingPlan, type SplittingPlan } from './splitting.ts'
export * from './fibre.ts'
export { checkedLink, type OpticalLink } from './link.ts'
export * from './detectors.ts'
export type { Figure, Figures } from './figure.ts'
export * from './named-link.ts'
export * from './pair-expectation.ts'
export * from './pair-preset.ts'
export * from './pair-simulate.ts'
export { checkedPairLink, type PairArm, type PairDetector, type PairLink } from './pairs.ts'
export * from './preset.ts'
export type { ChoiceRecord } from './record.ts'
export * from './refusal.ts'
export * from './remote.ts'
export * from './simulate.ts'
export { checkedSettings, INTENSITIES_MAX } from './source.ts'
export * from './wire.ts'
