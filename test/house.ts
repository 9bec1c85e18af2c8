/**
 * The plan of the house as data: rooms, the doors each may open, and what it may bring in.
 *
 * `test/house.test.ts` holds the code against it. A new room, door or package is a line here and,
 * where it needs a reason, a page in `docs/decisions/`.
 *
 * @module
 */

export interface Room {
  /** Rooms whose door (`#room`) this one may open. */
  readonly opens: readonly string[]
  /** Rooms of which it may import types, but no code. */
  readonly opensTypesOf?: readonly string[]
  /** Third-party packages that only this room (or a room listed beside it) may import. */
  readonly packages?: readonly string[]
  /** Built-in modules of Node it may import. */
  readonly builtins?: readonly string[]
  /** Whether it may use clocks, timers, sockets and the process: the real outside world. */
  readonly outside?: boolean
}

export const rooms: Readonly<Partial<Record<string, Room>>> = {
  base: { opens: [], packages: ['cborg', '@sinclair/typebox'] },
  crypto: {
    opens: ['base'],
    packages: ['shamir-secret-sharing'],
    builtins: ['node:crypto', 'node:v8'],
  },
  audit: { opens: ['base', 'crypto'] },
  pki: {
    opens: ['base', 'crypto', 'audit'],
    packages: ['@peculiar/x509', 'reflect-metadata'],
    builtins: ['node:crypto'],
  },
  optics: { opens: ['base', 'crypto'] },
  qkd: { opens: ['base', 'crypto'], opensTypesOf: ['optics'] },
  keystore: { opens: ['base', 'crypto', 'audit'], opensTypesOf: ['qkd'] },
  relay: { opens: ['base', 'crypto', 'pki', 'keystore', 'audit'] },
  kme: { opens: ['base', 'pki', 'keystore', 'audit'] },
  session: { opens: ['base', 'crypto', 'pki'], opensTypesOf: ['kme'] },
  envelope: { opens: ['base', 'crypto', 'pki', 'session'] },
  health: { opens: ['base'], packages: ['@medplum/core', '@medplum/fhirtypes'] },
  access: {
    opens: ['base', 'crypto', 'pki', 'audit', 'health'],
    packages: ['@cedar-policy/cedar-wasm', '@simplewebauthn/server', 'jose'],
    builtins: ['node:crypto'],
  },
  privacy: { opens: ['base', 'crypto', 'health'] },
  vault: { opens: ['base', 'crypto', 'health', 'envelope', 'access', 'privacy', 'audit'] },
  fhir: {
    opens: ['base', 'crypto', 'audit', 'health', 'access', 'privacy', 'vault'],
    packages: ['graphql', 'rfc6902'],
  },
  exchange: {
    opens: [
      'base',
      'crypto',
      'pki',
      'health',
      'session',
      'envelope',
      'vault',
      'access',
      'privacy',
      'audit',
    ],
  },
  guard: { opens: ['base', 'audit'], opensTypesOf: ['health'] },
  govern: { opens: ['base', 'crypto', 'pki', 'audit'] },
  contract: { opens: ['base'] },
  site: {
    opens: [
      'base',
      'crypto',
      'audit',
      'pki',
      'optics',
      'qkd',
      'keystore',
      'relay',
      'kme',
      'session',
      'envelope',
      'health',
      'access',
      'privacy',
      'vault',
      'fhir',
      'exchange',
      'guard',
      'govern',
      'contract',
    ],
  },
  gateway: {
    opens: ['base', 'crypto', 'contract', 'optics', 'site', 'kme/client'],
    packages: ['aws4fetch', 'fastify', 'oidc-provider', 'openid-client', 'pg'],
    outside: true,
  },
  world: {
    opens: ['base', 'crypto', 'contract', 'optics', 'keystore', 'relay', 'kme', 'site'],
    outside: true,
  },
  cli: {
    opens: ['base', 'contract'],
    packages: ['commander', '@clack/prompts', 'picocolors', '@bomb.sh/tab'],
    outside: true,
  },
}

/**
 * Further doors of a room, for whoever may open its main one, or is named with the side door itself.
 * The simulated ports are open to the tests of every room; the engine's is for worker threads, which
 * need not load the whole site; the client's is published, and so is that with its connection.
 */
export const sideDoors: Readonly<Partial<Record<string, string>>> = {
  'world/ports': './src/world/ports/mod.ts',
  'site/engine': './src/site/link-ports.ts',
  'kme/client': './src/kme/client-mod.ts',
  'gateway/client': './src/gateway/kme-client.ts',
}

/** Packages that several rooms share, each with its reason. */
export const sharedPackages: Readonly<Partial<Record<string, string>>> = {
  kysely: 'SQL is written where the table is owned',
}

/** Folders that compose the rooms and may open every door. */
export const composers: readonly string[] = ['bench', 'study', 'test']

/** Lines in one file, tests included; generated data is not TypeScript. */
export const FILE_LINES_MAX = 500

/** Identifiers that reach the outside world, or pretend to be random. */
export const bannedGlobals: readonly string[] = [
  'Date',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'fetch',
  'process',
  'console',
  'crypto',
  'Worker',
]
