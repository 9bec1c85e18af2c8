/** Networks of files: read, planned and drawn. @module */

export { drawNetwork } from './map.ts'
export { paceNetwork } from './pace.ts'
export { planNetwork } from './plan.ts'
export { networkNames, readNetwork } from './read.ts'
export { simulateThis } from './simulate.ts'
