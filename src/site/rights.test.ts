import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ROLES, type Role } from '#access'
import { labRoutes, siteRoutes } from '#contract'
import { mayCall, ROUTE_ROLES, type AdminRoute } from './rights.ts'

const routes = Object.keys(ROUTE_ROLES) as AdminRoute[]
const reach = (role: Role): readonly AdminRoute[] =>
  routes.filter((route) => mayCall(route, [role]))

/** Routes that change something, by their method. */
const acting = routes.filter((route) => ({ ...siteRoutes, ...labRoutes })[route].method !== 'GET')

test('every route of the admin API stands in the table, and no other', () => {
  assert.deepEqual(routes.toSorted(), Object.keys({ ...siteRoutes, ...labRoutes }).toSorted())
})

test('nobody reaches records, the end of the daemon or another’s session by these routes', () => {
  const closed: readonly AdminRoute[] = [
    ...(['importRecords', 'patients', 'findPatient', 'items', 'readRecord', 'send'] as const),
    ...(['erase', 'consoleLink', 'stop'] as const),
  ]
  for (const route of closed) assert.deepEqual(ROUTE_ROLES[route], [], route)
  assert.equal(mayCall('stop', ROLES), false)
})

test('clinical roles, patients and services launch apps at most: their way is FHIR', () => {
  const administering: readonly Role[] = [
    ...(['privacy-officer', 'security-analyst', 'crypto-officer-a', 'crypto-officer-b'] as const),
    ...(['qkd-operator', 'administrator', 'user-administrator', 'auditor'] as const),
  ]
  for (const role of ROLES) {
    const others = reach(role).filter((route) => route !== 'launchApp')
    assert.equal(others.length > 0, administering.includes(role), role)
  }
})

test('who administers users does not read the log, and who reads it judges broken glass at most', () => {
  assert.equal(mayCall('entries', ['user-administrator']), false)
  const acts = (role: Role) => reach(role).filter((route) => acting.includes(route))
  assert.deepEqual(acts('auditor'), ['verify', 'explainAccess', 'accessGridDiff'])
  assert.deepEqual(acts('privacy-officer'), [
    'verify',
    'explainAccess',
    'accessGridDiff',
    'closeGlass',
    'reviewGlass',
    'hold',
  ])
})

test('links are steered by their operators alone', () => {
  for (const route of ['alignLink', 'releaseLink', 'switchLink', 'attackFibre'] as const) {
    assert.deepEqual(ROUTE_ROLES[route], ['qkd-operator'], route)
  }
})

test('a hold is for privacy officers, and a new site key for the custodians of keys', () => {
  assert.deepEqual(ROUTE_ROLES.hold, ['privacy-officer'])
  assert.deepEqual(ROUTE_ROLES.rotateSiteKey, ['crypto-officer-a', 'crypto-officer-b'])
})
