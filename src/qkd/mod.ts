/**
 * Quantum key distribution: the engines of both ends of a link, by decoy-state BB84 or BBM92.
 *
 * detections → sifting → reconciliation → verification → estimation → amplification → key block.
 * Both ends are sans-I/O; every phase is authenticated; every revealed bit is counted.
 *
 * @module
 */

export * from './refusal.ts'
export * from './parameters.ts'
export * from './bounds/counts.ts'
export * from './bounds/length.ts'
export * from './bounds/one-decoy.ts'
export * from './bounds/two-decoy.ts'
export * from './bounds/three-state.ts'
export * from './bounds/single-photon.ts'
export * from './bounds/asymptotic.ts'
export { binaryEntropy } from './bounds/entropy.ts'
export * from './layout.ts'
export {
  isBootstrap,
  isPreShared,
  reserveSource,
  type AuthenticationSource,
  type PadBurn,
  type PadRun,
  type Role,
} from './authentication.ts'
export { decoyFacts } from './alarms.ts'
export * from './amplification.ts'
export * from './cascade/in-process.ts'
export { Orders } from './cascade/permutation.ts'
export { cutInto, planFor, type Cut, type Plan, type PlanAim } from './cascade/plan.ts'
export { CascadeReceiver } from './cascade/receiver.ts'
export { sliceFrames, STRIP_FRAMES_MAX, unsliceFrames, type StripShape } from './cascade/slices.ts'
export { CascadeTransmitter, type StripSetting } from './cascade/transmitter.ts'
export * from './ldpc/in-process.ts'
export { codingFor, type Coding } from './ldpc/plan.ts'
export { decodeGaps } from './gaps.ts'
export * from './gaussian/ends.ts'
export {
  estimateChannel,
  PairSums,
  type ChannelEstimate,
  type Interval,
  type Regression,
} from './gaussian/estimate.ts'
export * from './gaussian/length.ts'
export * from './gaussian/parameters.ts'
export * from './gaussian/watch.ts'
export * from './loopback.ts'
export { MESSAGE_OCTETS_MAX } from './messages.ts'
export { SiftedBlock } from './sifted-block.ts'
export * from './sifting.ts'
export * from './effects.ts'
export * from './engine.ts'
export * from './report.ts'
export * from './explain.ts'
export * from './chsh.ts'
export * from './models/expected-block.ts'
export * from './models/capacity.ts'
export { gaussianRate, type GaussianLink, type GaussianRate } from './models/continuous.ts'
export * from './models/continuous-block.ts'
export * from './models/entangled.ts'
export * from './models/mdi.ts'
export { maximise, type Peak, type Search } from './models/nelder-mead.ts'
export * from './models/twin-field.ts'
export * from './models/varying-block.ts'
export * from './optimise.ts'
