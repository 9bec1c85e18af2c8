/**
 * The world: many sites in one process, over simulated ports, from one seed.
 *
 * @module
 */

export { DAY_FAULTS, NO_FAULTS, ROUGH_FAULTS, type Episodes, type Faults } from './faults.ts'
export type { LinkSettings } from './fibre.ts'
export type { Death } from './incarnation.ts'
export { makeMaterial, type WorldMaterial } from './material.ts'
export {
  randomNetwork,
  type MeasuredLink,
  type PlacedNode,
  type RandomNetwork,
  type RandomNetworkOptions,
} from './random-network.ts'
export {
  NETWORK_FAULTS,
  randomScenario,
  type NetworkFaults,
  type Scenario,
  type ScenarioPair,
} from './network/scenario.ts'
export { simulateNetwork, type NetworkSimulationOptions } from './network/simulation.ts'
export { SiteDown, WorldSite } from './site.ts'
export type { Trace } from './trace.ts'
export { simulate, World, type WorldOptions, type WorldState } from './world.ts'
