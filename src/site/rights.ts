/**
 * Which roles may call which route of the admin API, for people who have signed in.
 *
 * Least privilege: a route that is not said for a role is closed to it, and whoever has no such role
 * sees nothing of how the site runs. Nobody gets at records by these routes: they are read as FHIR,
 * where every answer is decided. What remains (importing files, erasing, the root key, ending the daemon) is the
 * operator's, at the admin socket.
 *
 * @module
 */

import type { Role } from '#access'
import type { LabRoutes, SiteRoutes } from '#contract'

/** Whether somebody with these roles may call a route. */
export const mayCall = (route: AdminRoute, roles: readonly string[]): boolean =>
  ROUTE_ROLES[route].some((role) => roles.includes(role))

/** The routes that somebody with these roles may call. */
export const routesFor = (roles: readonly string[]): readonly AdminRoute[] =>
  (Object.keys(ROUTE_ROLES) as AdminRoute[]).filter((route) => mayCall(route, roles))

export type AdminRoute = keyof SiteRoutes | keyof LabRoutes

const RUNS = ['administrator', 'qkd-operator', 'security-analyst', 'auditor'] as const
const LINKS = ['qkd-operator'] as const
const CUSTODIANS = ['crypto-officer-a', 'crypto-officer-b'] as const
const KEYS = [...LINKS, ...CUSTODIANS] as const
const WATCHES = ['privacy-officer', 'auditor', 'security-analyst'] as const
const USERS = ['user-administrator'] as const
const SEES_USERS = [...USERS, 'privacy-officer', 'auditor'] as const
const SEES_RIGHTS = [...SEES_USERS, 'administrator', 'security-analyst'] as const
const NOBODY = [] as const
/** Whose work is with records: launching an app for one gives no right to it. */
const USES_RECORDS = [
  ...['attending', 'resident', 'ed-clinician', 'nurse', 'allied', 'pharmacist'],
  ...['radiologist', 'laboratory', 'telehealth', 'patient', 'proxy'],
] as const satisfies readonly Role[]

/** Every route, with the roles that it is open to. */
export const ROUTE_ROLES: Readonly<Record<AdminRoute, readonly Role[]>> = {
  status: [...RUNS, 'crypto-officer-a', 'crypto-officer-b', 'privacy-officer'],
  links: RUNS,
  watchLinks: RUNS,
  network: RUNS,
  compromise: ['security-analyst'],
  pardon: ['security-analyst'],
  explainLink: RUNS,
  linkHistory: RUNS,
  alignLink: LINKS,
  releaseLink: LINKS,
  switchLink: LINKS,
  pools: [...RUNS, ...KEYS],
  keyOrigin: [...KEYS, 'security-analyst', 'auditor'],
  importRecords: NOBODY,
  patients: NOBODY,
  findPatient: NOBODY,
  items: NOBODY,
  readRecord: NOBODY,
  send: NOBODY,
  transfers: WATCHES,
  transfer: WATCHES,
  entries: WATCHES,
  verify: WATCHES,
  receipt: WATCHES,
  proof: WATCHES,
  consistency: WATCHES,
  // These name patients.
  accesses: ['privacy-officer', 'auditor'],
  eventProof: ['privacy-officer', 'auditor'],
  proofKeys: WATCHES,
  // These name patients too; whoever watches sees, and privacy officers alone judge.
  explainAccess: ['privacy-officer', 'auditor'],
  accessGrid: SEES_RIGHTS,
  accessGridDiff: SEES_RIGHTS,
  glasses: ['privacy-officer', 'auditor'],
  glass: ['privacy-officer', 'auditor'],
  closeGlass: ['privacy-officer'],
  reviewGlass: ['privacy-officer'],
  alarms: [...RUNS, 'privacy-officer'],
  administration: [...RUNS, 'crypto-officer-a', 'crypto-officer-b'],
  erase: NOBODY,
  exportPatient: NOBODY,
  importPatient: NOBODY,
  erasure: ['privacy-officer', 'auditor'],
  // With a second factor shown just now.
  hold: ['privacy-officer'],
  holdOf: ['privacy-officer', 'auditor'],
  rotateSiteKey: CUSTODIANS,
  consoleLink: NOBODY,
  stop: NOBODY,
  sealState: [...RUNS, 'crypto-officer-a', 'crypto-officer-b'],
  unseal: NOBODY,
  seal: NOBODY,
  fibres: LINKS,
  attackFibre: LINKS,
  fibreFigures: LINKS,
  compareDecoys: LINKS,
  people: SEES_USERS,
  person: SEES_USERS,
  addPerson: USERS,
  describePerson: USERS,
  changeRoles: USERS,
  setPersonState: USERS,
  setPassword: USERS,
  addTotp: USERS,
  proveFactor: USERS,
  removeFactor: USERS,
  bindPerson: USERS,
  unbindPerson: USERS,
  delegate: USERS,
  roleChanges: SEES_USERS,
  agreeToChange: USERS,
  refuseChange: USERS,
  apps: ['administrator', 'auditor'],
  addApp: ['administrator'],
  launchApp: USES_RECORDS,
  removeApp: ['administrator'],
}
