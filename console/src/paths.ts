/**
 * Where the console asks: names and paths of the contract, which a test compares.
 *
 * @module
 */

/** The routes that the console asks, as in `siteRoutes` of the contract. */
export const paths = {
  status: ['GET', '/v1/status'],
  watchLinks: ['GET', '/v1/links/watch'],
  network: ['GET', '/v1/network'],
  compromise: ['POST', '/v1/network/compromise'],
  explainLink: ['GET', '/v1/links/:link/explanation'],
  linkHistory: ['GET', '/v1/links/:link/history'],
  pools: ['GET', '/v1/keys'],
  keyOrigin: ['GET', '/v1/keys/:key'],
  transfers: ['GET', '/v1/transfers'],
  entries: ['GET', '/v1/audit'],
  proof: ['GET', '/v1/audit/:index/proof'],
  consistency: ['GET', '/v1/audit/consistency'],
  alarms: ['GET', '/v1/alarms'],
  fibres: ['GET', '/v1/lab'],
  attackFibre: ['POST', '/v1/lab/:link/attack'],
} as const satisfies Readonly<Record<string, readonly ['GET' | 'POST', string]>>
