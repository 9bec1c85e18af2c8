/**
 * The contract between a daemon and its clients: routes, shapes and types, no code that runs one.
 *
 * The command line and the console are clients of this and have no other way in.
 *
 * @module
 */

export * from './access.ts'
export * from './administration.ts'
export * from './attacks.ts'
export * from './break-glass.ts'
export * from './checks.ts'
export * from './erasure.ts'
export * from './exposure.ts'
export * from './lab.ts'
export * from './link-history.ts'
export * from './network-file.ts'
export * from './network-plan.ts'
export * from './network-simulation.ts'
export * from './people.ts'
export * from './portable.ts'
export * from './proof.ts'
export * from './proof-leaf.ts'
export * from './proof-note.ts'
export * from './proof-tree.ts'
export * from './request-path.ts'
export * from './root-key.ts'
export * from './route.ts'
export * from './routes.ts'
export * from './seal.ts'
export * from './setup.ts'
export * from './shapes.ts'
export * from './trail.ts'
