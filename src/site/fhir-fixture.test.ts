/**
 * A FHIR server over a vault in memory, decided by the policies of the repository, and people who
 * ask it. Holds no tests itself.
 *
 * @module
 */

import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { epochMs, HOUR_MS, SecretBytes, siteId, utf8, type SiteId } from '#base'
import {
  accessMigrations,
  openGlassKeeper,
  openPolicyEngine,
  PURPOSES,
  type Caller,
  type PolicySources,
  type Role,
} from '#access'
import { AuditLog, auditMigrations } from '#audit'
import { newDualSigner, newSigningKeyPair, verifierOf, type DualVerifier } from '#crypto'
import { createFhir, fhirMigrations, type FhirRequest, type Session } from '#fhir'
import { readJson, type Json, type JsonObject } from '#health'
import { openVault, vaultMigrations } from '#vault'
import { MemoryDisk, MemoryLog, MemoryStore, seededRandom, SimulatedTime } from '#world/ports'
import { alarmMigrations } from './alarms.ts'
import { siemMigrations } from './siem-keeper.ts'
import { DecisionMemory, type Deciding } from './fhir-asking.ts'
import { clientDesk } from './fhir-clients.ts'
import { patientsOf } from './fhir-patients.ts'
import { receivedBy } from './fhir-sending.ts'
import { sessionFor } from './fhir-session.ts'

export const HERE = siteId('bristol')

export function policySources(): PolicySources {
  const folder = join(import.meta.dirname, '../access/policies')
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
  const policies = globSync('*.cedar', { cwd: folder }).toSorted().map(read)
  return { schema: read('photonward.cedarschema'), policies }
}

let engine: ReturnType<typeof openPolicyEngine> | undefined

/** Somebody of the staff, by role. */
export const staff = (role: Role, more: Partial<Caller['principal']> = {}) =>
  ({
    ...{ id: `u-${role}`, kind: 'person', roles: [role], careTeams: [], employment: 'active' },
    ...{ references: [`Practitioner/${role}`], clearances: [], delegations: [] },
    ...more,
  }) as const satisfies Caller['principal']

/** The patient, as one who asks. */
export const selfOf = (id: string): Caller['principal'] => ({
  ...{ id: `self-${id}`, kind: 'patient', roles: ['patient'], careTeams: [], employment: 'none' },
  ...{ references: [`Patient/${id}`], patient: `Patient/${id}`, clearances: [], delegations: [] },
})

export interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  readonly body: JsonObject
}

export interface AskOptions {
  readonly body?: object
  readonly headers?: Readonly<Record<string, string>>
  readonly caller?: Partial<Caller>
  /** What becomes of the session: for servers that forget something. */
  readonly through?: (session: Session) => Session
}

/** A server that `as(principal)` asks as somebody, and `his` as a trusted system. */
export async function newDecidedServer(
  others: ReadonlyMap<SiteId, readonly DualVerifier[]> = new Map(),
) {
  const disk = new MemoryDisk()
  const store = new MemoryStore([
    ...auditMigrations,
    ...vaultMigrations,
    ...fhirMigrations,
    ...accessMigrations,
    ...alarmMigrations,
    ...siemMigrations,
  ])
  const time = new SimulatedTime()
  const clock = time.view()
  const random = seededRandom(1, 'fhir')
  const signer = newDualSigner()
  const log = await AuditLog.open({
    ...{ site: HERE, store, clock },
    signer: {
      name: 'photonward.example/bristol',
      ed25519: newSigningKeyPair('ed25519'),
      mlDsa44: newSigningKeyPair('ml-dsa-44'),
    },
  })
  using rootKey = SecretBytes.copyOf(new Uint8Array(32).fill(7))
  const vault = await openVault({
    ...{ site: HERE, store, clock, random, audit: log, signer, rootKey },
    disk,
    verifiersOf: (of) => others.get(of) ?? [verifierOf(signer)],
    acceptOnlySynthetic: false,
  })
  const glassKey = SecretBytes.copyOf(new Uint8Array(32).fill(9))
  const glassInput = { site: HERE, store, random, clock, audit: log, key: glassKey }
  engine ??= openPolicyEngine(policySources())
  const deciding: Deciding = {
    ...{ site: HERE, clock, engine, patients: patientsOf(vault, clock) },
    ...{ glass: await openGlassKeeper(glassInput), random, memory: new DecisionMemory() },
    impliedPurposes: PURPOSES.filter((one) => one !== 'HRESCH' && one !== 'HMARKT'),
  }
  const desk = clientDesk([{ name: 'bristol.his', may: 'write' }], { site: HERE, clock })
  let session: Session | undefined
  const fhir = createFhir({
    ...{ site: HERE, vault, store, disk, clock, random, log: new MemoryLog(), version: '1.2.3' },
    base: 'https://records.example/fhir',
    wayOf: (record) => receivedBy({ newest: () => Promise.resolve([]) }, record),
    authenticate: () => session,
  })
  const asking =
    (callerOf: (request: FhirRequest, more: Partial<Caller>) => Caller | undefined) =>
    async (
      line: string,
      { body, headers = {}, caller = {}, through = same }: AskOptions = {},
    ): Promise<Answered> => {
      const [method, target] = line.split(' ')
      const [path, query] = target.split('?')
      const request: FhirRequest = {
        ...{ method, path: `/fhir${path}`, query: new URLSearchParams(query) },
        contentType: headers['content-type'] ?? (body && 'application/fhir+json'),
        body: utf8(body === undefined ? '' : JSON.stringify(body)),
        client: { commonName: 'bristol.his', uriNames: [], serialNumber: '1', fingerprint: '00' },
        header: (name) => headers[name],
      }
      const known = callerOf(request, caller)
      session = known && through(sessionFor(deciding, known))
      const answer = await fhir.handle(request)
      const text = typeof answer.body === 'string' ? answer.body : ''
      const read = text === '' ? {} : (readJson(utf8(text)) as JsonObject)
      return { status: answer.status, headers: answer.headers ?? {}, text, body: read }
    }
  const callerFor = (principal: Caller['principal'], more: Partial<Caller>): Caller => ({
    ...{ principal, actor: principal.id, who: { person: principal.references[0] } },
    token: { site: HERE, notBefore: epochMs(0), expiresAt: epochMs(clock.now() + HOUR_MS) },
    purpose: principal.kind === 'patient' ? 'PATRQT' : 'TREAT',
    ...more,
  })
  return {
    ...{ vault, store, time, clock, log, random, deciding },
    his: asking((request) => desk.of(request)),
    glassAgain: () => openGlassKeeper(glassInput),
    as: (principal: Caller['principal']) => asking((_, more) => callerFor(principal, more)),
    callerFor,
  }
}

const same = (session: Session): Session => session

/** References of what a Bundle holds, sorted. */
export const namesIn = ({ body }: Answered): readonly string[] =>
  ((body['entry'] ?? []) as JsonObject[])
    .flatMap(({ resource }) => {
      const { resourceType, id } = (resource ?? {}) as JsonObject
      return typeof id === 'string' ? [`${textOf(resourceType)}/${id}`] : []
    })
    .toSorted()

const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '')
