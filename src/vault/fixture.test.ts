/**
 * Vaults over simulated ports, for the tests of this room. Holds no tests itself.
 *
 * @module
 */

import assert from 'node:assert/strict'
import {
  type Row,
  type SqlValue,
  type Store,
  SecretBytes,
  siteId,
  utf8,
  type SiteId,
  type Uuid,
} from '#base'
import { AuditLog, auditMigrations } from '#audit'
import {
  newDualSigner,
  newSigningKeyPair,
  verifierOf,
  type DualSigner,
  type DualVerifier,
} from '#crypto'
import { newDataKey, rewrap, WrapCounter, WrappingKey } from '#envelope'
import { generateCohort } from '#health'
import { openVault, vaultMigrations, type ExportItem, type ScrubFinding, type Vault } from '#vault'
import { MemoryDisk, MemoryStore, seededRandom, SimulatedTime } from '#world/ports'

export const BRISTOL = siteId('bristol')
export const CAMBRIDGE = siteId('cambridge')
export const IPSWICH = siteId('ipswich')
export const by = { actor: 'tester' }

/** One site's vault with the ports beneath it. */
export interface TestSite {
  readonly site: SiteId
  readonly vault: Vault
  /** Moves the clock of the site. */
  readonly time: SimulatedTime
  readonly store: MemoryStore
  readonly disk: MemoryDisk
  readonly log: AuditLog
  readonly signer: DualSigner
  /** Puts something else in the place of the vault's commits, until called with undefined. */
  readonly rig: (commit: Store['commit'] | undefined) => void
  /** Opens the vault again, as after a restart, perhaps with another root key or profile. */
  readonly reopen: (root?: Uint8Array, synthetic?: boolean) => Promise<Vault>
}

/** Keys of all sites of a test. */
export const known = new Map<SiteId, DualVerifier[]>()
/** Keys that sites had before. */
export const former = new Map<SiteId, DualVerifier[]>()

export async function newSite(
  site: SiteId = BRISTOL,
  options: {
    readonly synthetic?: boolean
    readonly seed?: number
    /** The folder and the keys of a site, with a database that was put back. */
    readonly over?: Pick<TestSite, 'store' | 'disk' | 'signer'>
  } = {},
): Promise<TestSite> {
  const { over } = options
  const store = over?.store ?? new MemoryStore([...auditMigrations, ...vaultMigrations])
  let rigged: Store['commit'] | undefined
  const port: Store = {
    read: (statement) => store.read(statement),
    commit: (statements) => (rigged ?? store.commit.bind(store))(statements),
  }
  const rig = (commit: Store['commit'] | undefined): void => void (rigged = commit)
  const disk = over?.disk ?? new MemoryDisk()
  const time = new SimulatedTime()
  const clock = time.view()
  const random = seededRandom(options.seed ?? 1, site)
  const signer = over?.signer ?? newDualSigner()
  known.set(site, [verifierOf(signer)])
  const log = await AuditLog.open({
    site,
    store: port,
    clock,
    signer: {
      name: `photonward.example/${site}`,
      ed25519: newSigningKeyPair('ed25519'),
      mlDsa44: newSigningKeyPair('ml-dsa-44'),
    },
  })
  const reopen = async (
    root: Uint8Array = ROOT,
    synthetic = options.synthetic ?? false,
  ): Promise<Vault> => {
    using rootKey = SecretBytes.copyOf(root)
    return await openVault({
      site,
      store: port,
      disk,
      clock,
      random,
      audit: log,
      signer,
      rootKey,
      verifiersOf: (of) => known.get(of) ?? [],
      formerVerifiersOf: (of) => former.get(of) ?? [],
      acceptOnlySynthetic: synthetic,
    })
  }
  return { site, vault: await reopen(), time, store, disk, log, signer, rig, reopen }
}

/** Imports a small cohort. @returns the patients' random ids, in the order of the bundles */
export async function importCohort(vault: Vault, patients: number, seed = 1): Promise<Uuid[]> {
  const ids: Uuid[] = []
  for (const { octets } of generateCohort({ seed, patients })) {
    ids.push(...(await vault.importRecords(octets, by)).patients)
  }
  return ids
}

/** A Bundle of resources. */
export const bundleOf = (...resources: readonly object[]): Uint8Array =>
  utf8(
    JSON.stringify({
      resourceType: 'Bundle',
      type: 'collection',
      entry: resources.map((resource) => ({ resource })),
    }),
  )

export const resource = (value: object): Uint8Array => utf8(JSON.stringify(value))

/** The texts of a patient's record, by `Type/id`. */
export async function textsOf(vault: Vault, patient: Uuid): Promise<Map<string, string>> {
  const texts = new Map<string, string>()
  for await (const { type, id, text } of vault.readPatient(patient, by))
    texts.set(`${type}/${id}`, text)
  return texts
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

/** What a scrub finds wrong, as `place: problem`. */
export async function faultsOf(
  vault: Vault,
  options?: Parameters<Vault['scrub']>[0],
): Promise<string[]> {
  const findings = await all(vault.scrub(options))
  const last: ScrubFinding | undefined = findings.at(-1)
  const faults = findings.filter((finding) => finding.kind === 'fault')
  assert(last?.kind === 'done' && last.faults >= faults.length)
  return faults.map(({ place, problem }) => `${place}: ${problem}`)
}

/** Items as they arrive at another site: re-wrapped for a session key, then only its data key. */
export function carried(items: readonly ExportItem[]) {
  const random = seededRandom(99, 'session')
  using key = newDataKey(random)
  using session = new WrappingKey({
    id: '00000000-0000-4000-8000-000000000001' as Uuid,
    key,
    counter: new WrapCounter(),
  })
  return items.map(({ container, dataKey, proof, protections }) => ({
    container: rewrap({ container, by: dataKey, wrapUnder: [session], random }),
    dataKey,
    proof,
    protections: [
      ...protections,
      { mode: 'require-quantum', used: 'hybrid-quantum', record: utf8('record of the session') },
    ],
  }))
}

/** Sends a patient's whole record from one vault to another. */
export async function send(from: TestSite, to: TestSite, patient: Uuid) {
  const items = await all(from.vault.exportItems({ patient, to: to.site, ...by }))
  return await to.vault.exclusively(async () => {
    const staged = await to.vault.stageImport({ from: from.site, ...by }, carried(items))
    if (staged.statements.length > 0) await to.store.commit(staged.statements)
    return staged
  })
}

/** All rows of a store as texts and octets, and the schema of this room. */
export async function dump(store: MemoryStore): Promise<Uint8Array[]> {
  const rows: Row[] = vaultMigrations.flatMap(({ statements }) =>
    statements.map((sql) => ({ sql })),
  )
  for (const table of tablesNow()) {
    rows.push(...(await store.read({ sql: `select * from ${table}`, parameters: [] })))
  }
  return rows.flatMap((row) => Object.values(row).map(asOctets))
}

/** Tables that the migrations leave. */
function tablesNow(): ReadonlySet<string> {
  const tables = new Set<string>()
  const statements = [...auditMigrations, ...vaultMigrations].flatMap((one) => one.statements)
  for (const sql of statements) {
    for (const [, act, table] of sql.matchAll(/^(create|drop) table (\w+)/gi)) {
      if (act.toLowerCase() === 'create') tables.add(table)
      else tables.delete(table)
    }
  }
  assert(tables.size > 8)
  return tables
}

const asOctets = (value: SqlValue): Uint8Array =>
  value instanceof Uint8Array ? value : utf8(String(value))

/** Paths of the containers that lie in files. */
export const blobsOf = (disk: MemoryDisk): string[] =>
  [...disk.files.keys()].filter((path) => path.startsWith('blobs/'))

export const ROOT = new Uint8Array(32).fill(7)
