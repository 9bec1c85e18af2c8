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

import { freePorts } from '#cli'
import { syntheticCohort } from '#site'
import type { Benchmark } from './bench.ts'
import { makeSites } from './daemons.ts'
import { LoadClient, pemsIn } from './load.ts'

/** Creates, reads and transactions of one daemon each run. */
export function serving(): readonly Benchmark[] {
  let last = {
    creates: 0,
    createP99: 0,
    createCpu: 0,
    reads: 0,
    readCpu: 0,
    resources: 0,
    resourceCpu: 0,
  }
  const figure = (name: keyof typeof last) => () => last[name]
  const run = async (): Promise<number> => {
    last = await measure()
    return last.creates
  }
  const row = (
    name: string,
    about: { readonly claim: string; readonly unit: string },
    { bar = null, peer }: { readonly bar?: number | null; readonly peer: number },
  ): Omit<Benchmark, 'run'> => ({
    ...{ name: `vault.${name}`, ...about, bar, better: about.unit === 'ms' ? 'less' : 'more' },
    peer: { name: 'Medplum 5.0.10, nothing sealed', value: peer },
  })
  const [rate, cost] = ['/s', 'ms']
  return [
    { ...row('create', { claim: 'FHIR creates', unit: rate }, { bar: 1000, peer: 447 }), run },
    {
      ...row('create.p99', { claim: 'of them the slowest 1 %', unit: cost }, { bar: 30, peer: 48 }),
      run: figure('createP99'),
    },
    {
      ...row('create.cpu', { claim: 'processor time of a create', unit: cost }, { peer: 2.9 }),
      run: figure('createCpu'),
    },
    {
      ...row('read', { claim: 'FHIR reads', unit: rate }, { bar: 4000, peer: 3230 }),
      run: figure('reads'),
    },
    {
      ...row('read.cpu', { claim: 'processor time of a read', unit: cost }, { peer: 0.31 }),
      run: figure('readCpu'),
    },
    {
      ...row(
        'transaction',
        { claim: 'resources in transactions', unit: rate },
        { bar: 800, peer: 198 },
      ),
      run: figure('resources'),
    },
    {
      ...row(
        'transaction.cpu',
        { claim: 'processor time of such a resource', unit: cost },
        { bar: 1.1, peer: 2.7 },
      ),
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
  const address = { ...pemsIn(site.certificates), host: '127.0.0.1', port }
  const open = Array.from({ length: AT_ONCE }, () => LoadClient.open(address))
  const connections = await Promise.all(open)
  const post = (by: LoadClient, body: Uint8Array, type = '') =>
    by.post(`/fhir${type}`, 'application/fhir+json', body)
  const timed = async (count: number, work: () => Promise<unknown>) => {
    const cpu = sites.cpuSeconds(site.name)
    const begun = performance.now()
    await work()
    const rate = count / ((performance.now() - begun) / 1000)
    return { rate, cpuMs: ((sites.cpuSeconds(site.name) - cpu) / count) * 1000 }
  }
  try {
    const [first, ...bundles] = (await syntheticCohort(1, PATIENTS)).map(({ octets }) => octets)
    const resources = bundles.reduce((sum, octets) => sum + entriesIn(octets), 0)
    await post(connections[0], first)
    const transactions = await timed(resources, () =>
      inTurn(bundles, connections.slice(0, 2), post),
    )
    const subjects: string[] = []
    await inTurn(new Array<Uint8Array>(SUBJECTS).fill(PATIENT), connections, async (by, body) => {
      subjects.push(idIn(await post(by, body, '/Patient')))
    })
    const bodies = Array.from({ length: CREATES }, (_, at) =>
      observationOf(subjects[at % SUBJECTS], at),
    )
    const made: string[] = []
    await inTurn(bodies.slice(0, WARM), connections, async (by, body) => {
      made.push(idIn(await post(by, body, '/Observation')))
    })
    const waits: number[] = []
    const creates = await timed(CREATES, () =>
      inTurn(bodies, connections, async (by, body) => {
        const begun = performance.now()
        await post(by, body, '/Observation')
        waits.push(performance.now() - begun)
      }),
    )
    waits.sort((a, b) => a - b)
    const asked = Array.from({ length: READS }, (_, at) => made[at % WARM])
    const reads = await timed(READS, () =>
      inTurn(asked, connections, (by, id) => by.get(`/fhir/Observation/${id}`)),
    )
    return {
      ...{ creates: creates.rate, createCpu: creates.cpuMs },
      createP99: waits[Math.floor(0.99 * waits.length)],
      ...{ reads: reads.rate, readCpu: reads.cpuMs },
      ...{ resources: transactions.rate, resourceCpu: transactions.cpuMs },
    }
  } finally {
    for (const connection of connections) connection[Symbol.dispose]()
    await sites.stop(site.name)
  }
}

/** Does work for each item, each client one after another. */
async function inTurn<T>(
  items: readonly T[],
  clients: readonly LoadClient[],
  work: (client: LoadClient, item: T) => Promise<unknown>,
): Promise<void> {
  const left = items.values()
  const one = async (client: LoadClient): Promise<void> => {
    for (const item of left) await work(client, item)
  }
  await Promise.all(clients.map(one))
}

const entriesIn = (bundle: Uint8Array): number =>
  (JSON.parse(Buffer.from(bundle).toString()) as { entry: unknown[] }).entry.length

const idIn = (text: string): string => (JSON.parse(text) as { id: string }).id

/** Invented, as the demo profile wants. */
const meta = {
  security: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason', code: 'HTEST' }],
}
const octetsOf = (resource: object): Uint8Array => Buffer.from(JSON.stringify(resource))
const PATIENT = octetsOf({
  ...{ resourceType: 'Patient', meta, name: [{ family: 'Winter', given: ['Ida'] }] },
  ...{ gender: 'female', birthDate: '1980-02-03' },
})
const observationOf = (patient: string, number: number): Uint8Array =>
  octetsOf({
    ...{ resourceType: 'Observation', meta, status: 'final' },
    code: { coding: [{ system: 'http://loinc.org', code: '8302-2' }] },
    subject: { reference: `Patient/${patient}` },
    effectiveDateTime: '2024-05-01',
    valueQuantity: { value: 150 + (number % 50), unit: 'cm' },
  })

/** As the peer was measured. */
const AT_ONCE = 8
const PATIENTS = 40
const SUBJECTS = 50
const WARM = 400
const CREATES = 3000
const READS = 6000
