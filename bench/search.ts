/**
 * Searching a vault in this process, over the real store: no listener, no client, one core.
 *
 * Patients are invented, each with five observations. What is timed is everything from a query
 * string to opened, verified, logged resources, in several searches at once, as a daemon would have
 * them under way.
 *
 * @module
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { epochMs, SecretBytes, siteId, utf8 } from '#base'
import { AuditLog, auditMigrations } from '#audit'
import { newDualSigner, newSigningKeyPair, verifierOf } from '#crypto'
import { openDisk, openStore, SystemClock, testedRandom } from '#gateway'
import { parseSearch, type JsonObject } from '#health'
import { openVault, vaultMigrations, type Vault } from '#vault'
import type { Benchmark } from './bench.ts'

/** A vault in a folder of its own, which goes with it. */
export interface BenchVault extends AsyncDisposable {
  readonly vault: Vault
}

/** An empty vault in this process. */
export async function makeVault(): Promise<BenchVault> {
  const folder = mkdtempSync(join(tmpdir(), 'photonward-bench-'))
  const site = siteId('bristol')
  const clock = new SystemClock()
  const random = testedRandom()
  const migrations = [...auditMigrations, ...vaultMigrations]
  const store = await openStore({ file: join(folder, 'state.db'), migrations })
  const signer = newDualSigner()
  const verifiers = [verifierOf(signer)]
  const audit = await AuditLog.open({
    ...{ site, store, clock },
    signer: {
      name: `bench.example/${site}`,
      ed25519: newSigningKeyPair('ed25519'),
      mlDsa44: newSigningKeyPair('ml-dsa-44'),
    },
  })
  using rootKey = SecretBytes.copyOf(random.octets(32))
  const vault = await openVault({
    ...{ site, store, clock, random, audit, signer, rootKey },
    disk: openDisk(folder),
    verifiersOf: () => verifiers,
    acceptOnlySynthetic: false,
  })
  return {
    vault,
    [Symbol.asyncDispose]: async () => {
      vault[Symbol.dispose]()
      await store[Symbol.asyncDispose]()
      clock[Symbol.dispose]()
      rmSync(folder, { recursive: true })
    },
  }
}

/** Adds patients up to a number, from another on. @returns seconds */
export async function loadCharts(vault: Vault, from: number, upTo: number): Promise<number> {
  const begun = performance.now()
  for (let first = from; first < upTo; first += PATIENTS_A_BUNDLE) {
    const last = Math.min(first + PATIENTS_A_BUNDLE, upTo)
    const resources: JsonObject[] = []
    for (let number = first; number < last; number++) resources.push(...benchChart(number))
    const entry = resources.map((resource) => ({ resource }))
    const bundle = { resourceType: 'Bundle', type: 'collection', entry }
    await vault.importRecords(utf8(JSON.stringify(bundle)), { actor: 'bench' })
  }
  return (performance.now() - begun) / 1000
}

/** How a search is asked, of one patient by his number. */
const SEARCHES = {
  identifier: (number: number) => ['Patient', `identifier=urn:hospital|${number}`],
  chart: (number: number) => ['Observation', `subject=Patient/p${number}&code=8302-2`],
} as const

/** Searches over patients in a scattered order. @throws Error if one finds another count */
async function timeSearches(
  vault: Vault,
  kind: keyof typeof SEARCHES,
  about: { readonly patients: number; readonly searches: number },
): Promise<{ readonly perSecond: number; readonly cpuMs: number }> {
  const { patients, searches } = about
  const judged = { actor: 'bench', act: 'find', judge: () => true } as const
  let next = 0
  const client = async (): Promise<void> => {
    while (next < searches) {
      const [type, text] = SEARCHES[kind]((next++ * STRIDE) % patients)
      const parameters = new URLSearchParams(text)
      const { total } = await vault.search(
        parseSearch({ type, parameters, now: NOW, bases: [] }),
        judged,
      )
      if (total !== 1) throw new Error(`Expected one match, got ${String(total)}`)
    }
  }
  const before = process.cpuUsage()
  const begun = performance.now()
  await Promise.all(Array.from({ length: CLIENTS }, client))
  const perSecond = searches / ((performance.now() - begun) / 1000)
  const { user, system } = process.cpuUsage(before)
  return { perSecond, cpuMs: (user + system) / 1000 / searches }
}

/** Rows of the table: the rate of each search, and what growing a hundredfold does to its cost. */
export function searchBenchmarks(patients: number): readonly Benchmark[] {
  const about = `at ${patients.toLocaleString('en-GB')} patients`
  const grown = once(() => growth(patients))
  const rate = (kind: keyof typeof SEARCHES, bar: number, peer: number): Benchmark => ({
    ...{ name: `vault.search.${kind}`, claim: `${kind} search, opened and logged, ${about}` },
    ...{ unit: 'searches/s', bar, better: 'more', runs: 1 },
    peer: { name: 'Medplum 5.0.10, nothing sealed', value: peer },
    run: async () => (await grown())[kind].perSecond,
  })
  const cost = (kind: keyof typeof SEARCHES): Benchmark => ({
    name: `vault.search.${kind}.growth`,
    claim: `processor time of a ${kind} search against that ${GROWTH} times fewer patients`,
    ...{ unit: '×', bar: 2, better: 'less', runs: 1 },
    run: async () => (await grown())[kind].growth,
  })
  return [
    {
      ...{ name: 'vault.search.load', claim: `loading them, five observations each, ${about}` },
      ...{ unit: 's', bar: 600, better: 'less', runs: 1 },
      run: async () => (await grown()).loadSeconds,
    },
    ...[rate('identifier', 2000, 1192), rate('chart', 2500, 1546)],
    ...[cost('identifier'), cost('chart')],
  ]
}

interface Grown {
  readonly loadSeconds: number
  readonly identifier: { readonly perSecond: number; readonly growth: number }
  readonly chart: { readonly perSecond: number; readonly growth: number }
}

/** Loads a hundredth, searches, loads the rest, searches again. */
async function growth(patients: number): Promise<Grown> {
  await using made = await makeVault()
  const { vault } = made
  const few = Math.max(1, Math.round(patients / GROWTH))
  const both = async (among: number) => {
    const at = { patients: among, searches: SEARCHES_TIMED }
    const identifier = await timeSearches(vault, 'identifier', at)
    return { identifier, chart: await timeSearches(vault, 'chart', at) }
  }
  const loadedFew = await loadCharts(vault, 0, few)
  // The first searches are slower than all others: nothing is compiled yet.
  await both(few)
  const before = await both(few)
  const loadSeconds = loadedFew + (await loadCharts(vault, few, patients))
  const after = await both(patients)
  const of = (kind: keyof typeof SEARCHES) => ({
    perSecond: after[kind].perSecond,
    growth: after[kind].cpuMs / before[kind].cpuMs,
  })
  return { loadSeconds, identifier: of('identifier'), chart: of('chart') }
}

/** The same result whoever asks, made when first asked for. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}

/** A patient and what was measured of him. */
export function benchChart(number: number): JsonObject[] {
  const id = `p${number}`
  const born = 1930 + (number % 90)
  return [
    {
      ...{ resourceType: 'Patient', id },
      identifier: [{ system: 'urn:hospital', value: String(number) }],
      name: [{ family: `Family${(number * STRIDE) % 9973}`, given: [`Given${number % 499}`] }],
      gender: number % 2 === 0 ? 'female' : 'male',
      birthDate: `${born}-${String((number % 12) + 1).padStart(2, '0')}-15`,
    },
    ...CODES.map((code, at) => ({
      ...{ resourceType: 'Observation', id: `${id}-${at}`, status: 'final' },
      code: { coding: [{ system: 'http://loinc.org', code }] },
      subject: { reference: `Patient/${id}` },
      effectiveDateTime: `2024-0${at + 1}-01`,
      valueQuantity: { value: number % 200, unit: 'cm' },
    })),
  ]
}

/** Only a search for what is near in time would ask. */
const NOW = epochMs(0)
const CODES = ['8302-2', '29463-7', '8867-4', '8480-6', '8462-4'] as const
const PATIENTS_A_BUNDLE = 200
const CLIENTS = 8
const SEARCHES_TIMED = 4000
const GROWTH = 100
/** A prime, so that patients come in an order that no cache can guess. */
const STRIDE = 7919
