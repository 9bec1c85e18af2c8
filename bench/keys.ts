/**
 * Keys for applications: ETSI GS QKD 014 over mutual TLS, from two daemons on this machine; and the
 * routes that lead to distant sites.
 *
 * A pair is one key made at the master's KME and fetched at the slave's: two requests, and every
 * step durable at both sites. The clients run in this process and share the machine with both
 * daemons; so does the peer, a bare handler of Node that answers the same octets from memory and
 * keeps nothing, for the same clients with the same certificates.
 *
 * There are two kinds of clients (see `load.ts`). The rate we set ourselves is measured with those that
 * cost little. A figure of 3,844 pairs/s was published for a bare handler, its clients on the same
 * cores; 65 % of that is our bar. That figure was limited by its clients, which were Node's own, so
 * what part we have of what a bare handler has here is told as well, for either kind of clients.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { makeSites, type BenchSite } from './daemons.ts'
import type { Benchmark, Group } from './bench.ts'
import { LoadClient, NodeClient, pemsIn, type Client } from './load.ts'
import { prefill } from './prefill.ts'
import { routing } from './relay.ts'
import { relaying } from './relayed.ts'
import { several } from './several.ts'

export const group: Group = {
  name: 'keys',
  open: async () => {
    const sites = await makeSites()
    try {
      const [master, slave] = sites.sites
      // The load is to be measured, not the simulation of photons beside it: no fibre is started.
      await prefill(sites.sites, KEYS)
      await Promise.all(sites.sites.map((site) => sites.startSite(site)))
      const bare = await bareHandler(master)
      const cpu = (): number => sites.cpuSeconds(master.name) + sites.cpuSeconds(slave.name)
      const ends = { master, slave, cpu }
      const bareEnds = { master: bare.site, slave: bare.site, cpu: () => 0, checked: false }
      await pairsBetween(ends, WARM_UP)
      const many = async (): Promise<void> => {
        await Promise.all(sites.sites.map(({ name }) => sites.stop(name)))
        await prefill(sites.sites, MANY_KEYS)
        await Promise.all(sites.sites.map((site) => sites.startSite(site)))
        await pairsBetween(ends, WARM_UP)
      }
      const two = several()
      const list = [
        ...benchmarks(ends, bareEnds),
        ...withNodeClients(ends, bareEnds),
        ...withMany(ends, many),
        ...two.list,
        ...relaying(),
        ...routing(),
      ]
      const close = async (): Promise<void> => {
        await two.close()
        await bare.close()
        await Promise.all(sites.sites.map(({ name }) => sites.stop(name)))
        sites[Symbol.dispose]()
      }
      return { list, close }
    } catch (error) {
      sites[Symbol.dispose]()
      throw error
    }
  },
}

/** Where pairs are made and fetched. */
interface Ends {
  readonly master: BenchSite
  readonly slave: BenchSite
  /** Processor seconds of the servers so far. */
  readonly cpu: () => number
  /** Whether the server must have a certificate for a server; yes unless said. */
  readonly checked?: boolean
  /** Which clients ask; those that cost little unless said. */
  readonly clients?: 'lean' | 'node'
}

function benchmarks(ends: Ends, bare: Ends): readonly Benchmark[] {
  const runs: Measured[] = []
  const theirs: number[] = []
  const told = { p99: 0, cpuMs: 0, clientsMs: 0, pairsPerSecond: 0 }
  /** A figure beside the rate of the same run. */
  const next = (what: keyof typeof told) => (): number => runs[told[what]++ % runs.length][what]
  return [
    {
      name: 'keys.pairs',
      claim: `014 pairs, ${String(CLIENTS)} clients, mutual TLS, durable`,
      unit: 'pairs/s',
      bar: 2500,
      better: 'more',
      peer: {
        name: 'bare Node handler, same clients',
        value: async () => {
          const { pairsPerSecond } = await pairsBetween(bare, PAIRS)
          theirs.push(pairsPerSecond)
          return pairsPerSecond
        },
      },
      others: [
        { name: 'qkd_kme_server, volatile', value: 613 },
        { name: 'Merqury + PostgreSQL', value: 113 },
      ],
      run: async () => {
        const measured = await pairsBetween(ends, PAIRS)
        runs.push(measured)
        return measured.pairsPerSecond
      },
    },
    {
      name: 'keys.part-of-published',
      claim: `that, of ${PUBLISHED.toLocaleString('en-GB')} of a published bare handler`,
      unit: '%',
      bar: 65,
      better: 'more',
      run: () => (100 * next('pairsPerSecond')()) / PUBLISHED,
    },
    {
      name: 'keys.part-of-bare',
      claim: 'that, of what the bare handler has here',
      unit: '%',
      bar: null,
      better: 'more',
      run: () => (100 * next('pairsPerSecond')()) / (theirs.shift() ?? NaN),
    },
    {
      name: 'keys.p99',
      claim: 'its latency, 99 of 100 requests',
      unit: 'ms',
      bar: 20,
      better: 'less',
      run: next('p99'),
    },
    {
      name: 'keys.cpu',
      claim: 'processor time of both daemons for a pair',
      unit: 'ms',
      bar: null,
      better: 'less',
      run: next('cpuMs'),
    },
    {
      name: 'keys.clients.cpu',
      claim: 'processor time of the clients for a pair',
      unit: 'ms',
      bar: null,
      better: 'less',
      run: next('clientsMs'),
    },
  ]
}

/** The same for clients of Node, and what part of a bare handler's rate that is. */
function withNodeClients(ends: Ends, bare: Ends): readonly Benchmark[] {
  const ours: number[] = []
  const theirs: number[] = []
  const rate = async (of: Ends, into: number[]): Promise<number> => {
    const { pairsPerSecond } = await pairsBetween({ ...of, clients: 'node' }, PAIRS)
    into.push(pairsPerSecond)
    return pairsPerSecond
  }
  return [
    {
      name: 'keys.pairs.node-clients',
      claim: `014 pairs, ${String(CLIENTS)} clients of Node`,
      unit: 'pairs/s',
      bar: null,
      better: 'more',
      peer: { name: 'bare Node handler, same clients', value: () => rate(bare, theirs) },
      others: [{ name: 'bare Node handler, as published', value: PUBLISHED }],
      run: () => rate(ends, ours),
    },
    {
      name: 'keys.pairs.part-of-bare',
      claim: 'that, of what the bare handler has here',
      unit: '%',
      bar: null,
      better: 'more',
      run: () => (100 * (ours.shift() ?? NaN)) / (theirs.shift() ?? NaN),
    },
  ]
}

/** The same from stores that hold a million keys for either site, which `fill` brings about. */
function withMany(ends: Ends, fill: () => Promise<void>): readonly Benchmark[] {
  const times: number[] = []
  const latencies: number[] = []
  let filled: Promise<void> | undefined
  return [
    {
      name: 'keys.many',
      claim: `014 pairs while ${MANY_KEYS.toLocaleString('en-GB')} keys are stored`,
      unit: 'pairs/s',
      bar: 2500,
      better: 'more',
      run: async () => {
        await (filled ??= fill())
        const { pairsPerSecond, cpuMs, p99 } = await pairsBetween(ends, PAIRS)
        times.push(cpuMs)
        latencies.push(p99)
        return pairsPerSecond
      },
    },
    {
      name: 'keys.many.p99',
      claim: 'its latency, 99 of 100 requests',
      unit: 'ms',
      bar: 20,
      better: 'less',
      run: () => latencies.shift() ?? NaN,
    },
    {
      name: 'keys.many.cpu',
      claim: 'processor time of both daemons for a pair then',
      unit: 'ms',
      bar: null,
      better: 'less',
      run: () => times.shift() ?? NaN,
    },
  ]
}

interface Measured {
  readonly pairsPerSecond: number
  /** Milliseconds within which 99 of 100 requests were answered. */
  readonly p99: number
  /** Processor time of both daemons, and of the clients, for a pair. */
  readonly cpuMs: number
  readonly clientsMs: number
}

/** So many pairs by 8 clients, each with a connection of its own to either side, already made. */
async function pairsBetween(
  { master, slave, cpu, checked = true, clients: kind = 'lean' }: Ends,
  pairs: number,
): Promise<Measured> {
  await using clients = new AsyncDisposableStack()
  const open = async (site: BenchSite) => clients.use(await clientOf(site, { checked, kind }))
  const each = await Promise.all(
    Array.from({ length: CLIENTS }, async () => [await open(master), await open(slave)] as const),
  )
  const latencies: number[] = []
  let left = pairs
  const before = cpu()
  const own = process.cpuUsage()
  const begun = performance.now()
  await Promise.all(
    each.map(async ([making, fetching]) => {
      while (left-- > 0) {
        const made = await timed(latencies, () => making.get(`${slave.sae}/enc_keys`))
        const { key_ID, key } = made.keys[0]
        const path = `${master.sae}/dec_keys?key_ID=${key_ID}`
        const [fetched] = (await timed(latencies, () => fetching.get(path))).keys
        if (fetched.key !== key) throw new Error('The ends hold different keys')
      }
    }),
  )
  const seconds = (performance.now() - begun) / 1000
  const { user, system } = process.cpuUsage(own)
  const sorted = latencies.toSorted((a, b) => a - b)
  return {
    pairsPerSecond: pairs / seconds,
    p99: sorted[Math.floor(sorted.length * 0.99)],
    cpuMs: ((cpu() - before) / pairs) * 1000,
    clientsMs: (user + system) / 1000 / pairs,
  }
}

async function timed<T>(into: number[], work: () => Promise<T>): Promise<T> {
  const begun = performance.now()
  const result = await work()
  into.push(performance.now() - begun)
  return result
}

interface KeyContainer {
  readonly keys: readonly { readonly key_ID: string; readonly key: string }[]
}

async function clientOf(
  { northPort, certificates }: BenchSite,
  { checked, kind }: Required<Pick<Ends, 'checked'>> & { readonly kind: Ends['clients'] },
) {
  const options = {
    ...{ ...pemsIn(certificates), host: '127.0.0.1', port: northPort },
    ...{ rejectUnauthorized: checked, checkServerIdentity: () => undefined },
  }
  const client: Client = kind === 'node' ? new NodeClient(options) : await LoadClient.open(options)
  const get = async (path: string): Promise<KeyContainer> =>
    JSON.parse(await client.get(`/api/v1/keys/${path}`)) as KeyContainer
  return { get, [Symbol.dispose]: () => client[Symbol.dispose]() }
}

/** The bare handler, in a process of its own as a daemon is. */
async function bareHandler(like: BenchSite) {
  const child = spawn(process.execPath, [...process.execArgv, BARE, like.certificates], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [port] = (await once(child.stdout, 'data')) as [Buffer]
  return {
    site: { ...like, northPort: Number(port.toString()) },
    close: async () => {
      child.kill()
      await once(child, 'exit')
    },
  }
}

const BARE = resolve(import.meta.dirname, 'bare.ts')
const CLIENTS = 8
/** Pairs a second of a bare handler, from Node's own clients on the same two cores. */
const PUBLISHED = 3844
const PAIRS = 2000
/** Until the daemons' code is compiled as well as it will be: they run for months. */
const WARM_UP = 8000
/** Enough for the warm-up, five runs with either clients, and what is made ahead. */
const KEYS = 40_000
const MANY_KEYS = 1_000_000
