/**
 * The vault in a running daemon: importing bundles, how soon a daemon serves, and searching.
 *
 * Imports the Synthea bundles of ../shared/data where they are, and otherwise a cohort of our own.
 * Each run takes a fresh site. The client that sends the bundles is not counted as processor time.
 *
 * @module
 */

import { existsSync, globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { syntheticCohort } from '#site'
import { makeSites } from './daemons.ts'
import type { Benchmark, Group } from './bench.ts'
import { encryptionCost } from './encryption.ts'
import { serving } from './fhir.ts'
import { searchBenchmarks } from './search.ts'

/** All of it, in the order of the table. */
export const group: Group = {
  name: 'vault',
  open: async () => ({
    list: [...(await importing()), ...serving(), encryptionCost, ...searchBenchmarks(PATIENTS)],
  }),
}

/** Importing, and a daemon that has started. */
export const importGroup: Group = {
  name: 'vault.import',
  open: async () => ({ list: await importing() }),
}

/** What a daemon serves. */
export const servingGroup: Group = {
  name: 'vault.serve',
  open: () => Promise.resolve({ list: serving() }),
}

/** Searching among many patients, and what encryption costs. */
export const searchGroup: Group = {
  name: 'vault.search',
  open: () => Promise.resolve({ list: [encryptionCost, ...searchBenchmarks(PATIENTS)] }),
}

async function importing(): Promise<readonly Benchmark[]> {
  const { name, bundles } = await bundlesAtHand()
  let last = { cpuMs: 0, startMs: 0, residentMb: 0 }
  const times: number[] = []
  const starts: number[] = []
  const memories: number[] = []
  const run = async (): Promise<number> => {
    using sites = await makeSites()
    const [site] = sites.sites
    const startMs = await sites.startSite(site)
    const residentMb = sites.residentMb(site.name)
    const before = sites.cpuSeconds(site.name)
    const begun = performance.now()
    let resources = 0
    for (const bundle of bundles) {
      const { written } = await site.admin.call('importRecords', {}, bundle)
      resources += written
    }
    const seconds = (performance.now() - begun) / 1000
    const cpuMs = ((sites.cpuSeconds(site.name) - before) / resources) * 1000
    last = { startMs, cpuMs, residentMb }
    times.push(last.cpuMs)
    starts.push(last.startMs)
    memories.push(last.residentMb)
    await sites.stop(site.name)
    return resources / seconds
  }
  return [
    {
      name: 'vault.ingest',
      claim: `import of ${name}, validated, sealed, durable, logged`,
      unit: 'resources/s',
      bar: null,
      better: 'more',
      run,
    },
    {
      name: 'vault.ingest.cpu',
      claim: 'processor time of the daemon for a resource',
      unit: 'ms',
      bar: null,
      better: 'less',
      run: () => times.shift() ?? last.cpuMs,
    },
    {
      name: 'vault.start',
      claim: 'cold start of a daemon until it serves requests',
      unit: 'ms',
      bar: 3000,
      better: 'less',
      run: () => starts.shift() ?? last.startMs,
    },
    {
      name: 'vault.memory',
      claim: 'memory of a daemon that has started and serves nobody yet',
      unit: 'MB',
      bar: 250,
      better: 'less',
      peer: { name: 'Medplum 5.0.10, its server alone', value: 524 },
      run: () => memories.shift() ?? last.residentMb,
    },
  ]
}

/** Patients among whom is searched. */
const PATIENTS = 100_000

async function bundlesAtHand(): Promise<{
  readonly name: string
  readonly bundles: readonly Uint8Array[]
}> {
  const folder = resolve(import.meta.dirname, '../../shared/data/fhir/synthea')
  if (existsSync(folder)) {
    const files = globSync('*.json', { cwd: folder }).toSorted()
    // Organisations and practitioners come first: patients refer to them.
    const first = files.filter((file) => !/^[A-Z]/.test(file))
    const ordered = [...first, ...files.filter((file) => !first.includes(file))]
    const bundles = ordered.map((file) => readFileSync(resolve(folder, file)))
    return { name: `${String(bundles.length)} Synthea bundles`, bundles }
  }
  const cohort = await syntheticCohort(1, 60)
  return { name: 'a cohort of 60 patients', bundles: cohort.map(({ octets }) => octets) }
}
