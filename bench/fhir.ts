/**
 * FHIR over mutual TLS from a running daemon: reads, creates, transactions, with encryption, index
 * and audit on.
 *
 * The clients run in this process and share the machine with the daemon; only the daemon's processor
 * time is counted. The figures beside ours are those of Medplum 5.0.10 with PostgreSQL on the same
 * kind of machine, where nothing is encrypted.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { freePorts } from '#cli'
import { syntheticCohort } from '#site'
import type { Benchmark } from './bench.ts'
import { makeSites } from './daemons.ts'

/** Creates, reads and transactions of one daemon each run. */
export function serving(): readonly Benchmark[] {
  let last = { creates: 0, createCpu: 0, reads: 0, readCpu: 0, resources: 0, resourceCpu: 0 }
  const figure = (name: keyof typeof last) => () => last[name]
  const run = async (): Promise<number> => {
    last = await measure()
    return last.creates
  }
  const row = (
    name: string,
    claim: string,
    unit: string,
    bar: number | null,
  ): Omit<Benchmark, 'run'> => ({
    ...{ name, claim, unit, bar, better: unit === 'ms' ? 'less' : 'more' },
  })
  return [
    { ...row('vault.create', 'FHIR creates (Medplum: 447)', '/s', 1000), run },
    {
      ...row('vault.create.cpu', 'of a create (Medplum: 2.9)', 'ms', null),
      run: figure('createCpu'),
    },
    { ...row('vault.read', 'FHIR reads (Medplum: 3,230)', '/s', 4000), run: figure('reads') },
    { ...row('vault.read.cpu', 'of a read (Medplum: 0.31)', 'ms', null), run: figure('readCpu') },
    {
      ...row('vault.transaction', 'resources in transactions (Medplum: 198)', '/s', 800),
      run: figure('resources'),
    },
    {
      ...row('vault.transaction.cpu', 'of a resource (Medplum: 2.7)', 'ms', 1.1),
      run: figure('resourceCpu'),
    },
  ]
}

async function measure() {
  using sites = await makeSites()
  const [site] = sites.sites
  const [port] = await freePorts(1)
  const clients = [{ name: site.sae, may: 'write' }]
  sites.configure(site, { fhir: { listen: { host: '127.0.0.1', port }, clients } })
  await sites.startSite(site)
  const read = (name: string): string => readFileSync(join(site.certificates, name), 'utf8')
  const credentials = { key: read('key.pem'), cert: read('cert.pem'), ca: read('ca.pem') }
  const agent = new Agent({ ...credentials, keepAlive: true, maxSockets: AT_ONCE })
  const ask: Ask = (method, path, body) => askOnce({ agent, port, method, path }, body)
  const timed = async (count: number, work: () => Promise<unknown>) => {
    const cpu = sites.cpuSeconds(site.name)
    const begun = performance.now()
    await work()
    const rate = count / ((performance.now() - begun) / 1000)
    return { rate, cpuMs: ((sites.cpuSeconds(site.name) - cpu) / count) * 1000 }
  }
  try {
    const bundles = (await syntheticCohort(1, PATIENTS)).map(({ octets }) => octets)
    const entries = bundles.map((octets) => entriesIn(octets))
    const resources = entries.reduce((sum, count) => sum + count, 0)
    await ask('POST', '', bundles[0])
    const transactions = await timed(resources - entries[0], () =>
      inTurn(bundles.slice(1), 2, (bundle) => ask('POST', '', bundle)),
    )
    const patient = Buffer.from(PATIENT)
    const names = Array.from({ length: CREATES }, (_, at) => at)
    await inTurn(names.slice(0, AT_ONCE), AT_ONCE, () => ask('POST', '/Patient', patient))
    const creates = await timed(CREATES, () =>
      inTurn(names, AT_ONCE, () => ask('POST', '/Patient', patient)),
    )
    const made = await ask('POST', '/Patient', patient)
    const path = `/Patient/${(JSON.parse(made) as { id: string }).id}`
    const reads = await timed(CREATES, () => inTurn(names, AT_ONCE, () => ask('GET', path)))
    return {
      ...{ creates: creates.rate, createCpu: creates.cpuMs },
      ...{ reads: reads.rate, readCpu: reads.cpuMs },
      ...{ resources: transactions.rate, resourceCpu: transactions.cpuMs },
    }
  } finally {
    agent.destroy()
    await sites.stop(site.name)
  }
}

type Ask = (method: string, path: string, body?: Uint8Array) => Promise<string>

/** One request. Rejects unless it is answered with success. */
function askOnce(
  { agent, port, method, path }: { agent: Agent; port: number; method: string; path: string },
  body?: Uint8Array,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const headers = { 'content-type': 'application/fhir+json', 'content-length': body?.length ?? 0 }
  const options = { agent, host: '127.0.0.1', port, method, path: `/fhir${path}`, headers }
  const call = request(options, (answer) => {
    let text = ''
    answer.setEncoding('utf8').on('data', (part: string) => (text += part))
    answer.once('end', () => {
      if ((answer.statusCode ?? 500) < 300) resolve(text)
      else
        reject(new Error(`${method} ${path}: ${String(answer.statusCode)} ${text.slice(0, 300)}`))
    })
  })
  call.once('error', reject)
  call.end(body)
  return promise
}

/** Does work for each item, so many at once. */
async function inTurn<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<unknown>) {
  const left = items.values()
  const one = async (): Promise<void> => {
    for (const item of left) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, one))
}

const entriesIn = (bundle: Uint8Array): number =>
  (JSON.parse(Buffer.from(bundle).toString()) as { entry: unknown[] }).entry.length

const AT_ONCE = 32
const PATIENTS = 40
const CREATES = 1500
/** Invented, as the demo profile wants. */
const PATIENT = JSON.stringify({
  resourceType: 'Patient',
  meta: {
    security: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason', code: 'HTEST' }],
  },
  name: [{ family: 'Winter', given: ['Ida'] }],
  gender: 'female',
  birthDate: '1980-02-03',
})
