/**
 * The policies of the repository, opened once, and people and things to ask about.
 *
 * @module
 */

import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { epochMs, siteId, type EpochMs } from '#base'
import { readJson, type JsonObject } from '#health'
import { openPolicyEngine } from './engine.ts'
import type { AccessContext, Principal, ResourceFacts } from './model.ts'
import type { PolicySources } from './policy-set.ts'
import type { Role } from './vocabulary.ts'

export function policySources(): PolicySources {
  const folder = join(import.meta.dirname, 'policies')
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
  const names = globSync('*.cedar', { cwd: folder }).toSorted()
  return { schema: read('photonward.cedarschema'), policies: names.map(read) }
}

let opened: ReturnType<typeof openPolicyEngine> | undefined
export const engineOfTests = () => (opened ??= openPolicyEngine(policySources()))

/** 2026-11-21T08:00:00Z */
export const NOW: EpochMs = epochMs(1_795_248_000_000)
export const minutes = (count: number): number => count * 60_000
export const after = (ms: number): EpochMs => epochMs(NOW + ms)
export const HERE = siteId('bristol')
export const ELSEWHERE = siteId('cambridge')
export const PATIENT = 'Patient/p1'

export const person = (role: Role | readonly Role[], more: Partial<Principal> = {}): Principal => ({
  id: 'person-1',
  kind: 'person',
  roles: typeof role === 'string' ? [role] : role,
  references: ['Practitioner/d1', 'Organization/o1'],
  careTeams: ['team-1'],
  employment: 'active',
  clearances: [],
  delegations: [],
  ...more,
})

export const thing = (more: Partial<ResourceFacts> = {}): ResourceFacts => ({
  type: 'Condition',
  reference: 'Condition/c1',
  class: 'clinical',
  patients: [PATIENT],
  personal: true,
  confidentiality: 'N',
  sensitivity: [],
  vip: false,
  held: false,
  authors: [],
  related: [],
  codes: [],
  categories: [],
  ...more,
})

export const context = (more: Partial<AccessContext> = {}): AccessContext => ({
  at: NOW,
  site: HERE,
  token: { site: HERE, notBefore: after(-minutes(10)), expiresAt: after(minutes(50)) },
  purpose: 'TREAT',
  assurance: 'local',
  relationships: [{ kind: 'care-team', patient: PATIENT, with: 'team-1' }],
  grants: [],
  consents: [],
  impliedPurposes: ['TREAT', 'ETREAT', 'BTG', 'HPAYMT', 'HOPERAT', 'PATRQT', 'FAMRQT', 'PUBHLTH'],
  ...more,
})

/** A value as the health room reads it. */
export const json = (value: unknown): JsonObject =>
  readJson(new TextEncoder().encode(JSON.stringify(value))) as JsonObject
