/**
 * Where the console asks: names and paths of the contract, which a test compares.
 *
 * @module
 */

/** The routes that the console asks, as the contract has them. */
export const paths = {
  session: ['GET', '/v1/session'],
  status: ['GET', '/v1/status'],
  watchLinks: ['GET', '/v1/links/watch'],
  network: ['GET', '/v1/network'],
  compromise: ['POST', '/v1/network/compromise'],
  explainLink: ['GET', '/v1/links/:link/explanation'],
  linkHistory: ['GET', '/v1/links/:link/history'],
  pools: ['GET', '/v1/keys'],
  keyOrigin: ['GET', '/v1/keys/:key'],
  people: ['GET', '/v1/people'],
  person: ['GET', '/v1/people/:person'],
  changeRoles: ['POST', '/v1/people/:person/roles'],
  removeFactor: ['DELETE', '/v1/people/:person/factors/:factor'],
  bindPerson: ['POST', '/v1/people/:person/bindings'],
  unbindPerson: ['DELETE', '/v1/people/:person/bindings/:provider'],
  setPersonState: ['POST', '/v1/people/:person/state'],
  roleChanges: ['GET', '/v1/role-changes'],
  agreeToChange: ['POST', '/v1/role-changes/:change/agreement'],
  refuseChange: ['POST', '/v1/role-changes/:change/refusal'],
  transfers: ['GET', '/v1/transfers'],
  entries: ['GET', '/v1/audit'],
  proof: ['GET', '/v1/audit/:index/proof'],
  consistency: ['GET', '/v1/audit/consistency'],
  glasses: ['GET', '/v1/break-glass'],
  glass: ['GET', '/v1/break-glass/:grant'],
  closeGlass: ['POST', '/v1/break-glass/:grant/close'],
  reviewGlass: ['POST', '/v1/break-glass/:grant/review'],
  alarms: ['GET', '/v1/alarms'],
  sealState: ['GET', '/v1/seal'],
  unseal: ['POST', '/v1/seal/opening'],
  accessGrid: ['GET', '/v1/access/grid'],
  accessGridDiff: ['POST', '/v1/access/grid/diff'],
  administration: ['GET', '/v1/administration'],
  fibres: ['GET', '/v1/lab'],
  fibreFigures: ['GET', '/v1/lab/:link/figures'],
  compareDecoys: ['POST', '/v1/lab/comparison'],
  attackFibre: ['POST', '/v1/lab/:link/attack'],
} as const satisfies Readonly<Record<string, readonly ['GET' | 'POST' | 'DELETE', string]>>
