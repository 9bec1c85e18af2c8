/** Channels of every kind, as the room's door shows them. @module */

export {
  attenuationOf,
  fibreBudget,
  fibreTypes,
  townRoute,
  type FibreBudget,
  type FibreRoute,
  type FibreType,
  type FibreTypeFigures,
} from './fibre-budget.ts'
export {
  coexistence,
  RAMAN_C_BAND,
  ramanScaled,
  type ChannelNoise,
  type Coexistence,
  type DataChannel,
  type Nonlinearity,
  type QuantumWindow,
} from './coexistence.ts'
export {
  freeSpaceBudget,
  hazeDbPerKm,
  skyRadiance,
  type FreeSpaceBudget,
  type FreeSpacePath,
  type SkyLight,
} from './free-space.ts'
export { fadeProbability, fadeQuantile, gammaGammaOf, type Fading } from './fading.ts'
export {
  airMass,
  satellitePass,
  slantRangeKm,
  type PassMoment,
  type PassProfile,
  type SatellitePass,
} from './satellite.ts'
export { dataChannels, miciusPass, narrowWindow, rooftopPaths, type Sourced } from './presets.ts'
