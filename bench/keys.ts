/**
 * Keys for applications: ETSI GS QKD 014 over mutual TLS, from two daemons on this machine; and the
 * routes that lead to distant sites.
 *
 * A pair is one key made at the master's KME and fetched at the slave's: two requests, and every
 * step durable at both sites. The clients run in this process and share the machine with both
 * daemons; so does the peer, a bare handler of Node that answers the same octets from memory and
 * keeps nothing, for the same clients with the same certificates.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { Agent, createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { makeSites, type BenchSite } from './daemons.ts'
import type { Benchmark, Group } from './bench.ts'
import { prefill } from './prefill.ts'
import { routing } from './relay.ts'
import { relaying } from './relayed.ts'
import { several } from './several.ts'
import { simulatedDay } from './simulated-day.ts'

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
      await pairsBetween(master, slave, WARM_UP)
      const scene = { master, slave, cpu, bare: bare.site }
      const many = async (): Promise<void> => {
        await Promise.all(sites.sites.map(({ name }) => sites.stop(name)))
        await prefill(sites.sites, MANY_KEYS)
        await Promise.all(sites.sites.map((site) => sites.startSite(site)))
        await pairsBetween(master, slave, WARM_UP)
      }
      const two = several()
      const list = [
        ...benchmarks(scene),
        ...withMany(scene, many),
        ...two.list,
        ...relaying(),
        ...routing(),
        ...simulatedDay(),
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

interface Scene {
  readonly master: BenchSite
  readonly slave: BenchSite
  readonly bare: BenchSite
  /** Processor seconds of both daemons so far. */
  readonly cpu: () => number
}

function benchmarks({ master, slave, bare, cpu }: Scene): readonly Benchmark[] {
  let last = { pairsPerSecond: 0, p99: 0, cpuMs: 0 }
  const run = async (): Promise<number> => {
    const before = cpu()
    const { pairsPerSecond, p99 } = await pairsBetween(master, slave, PAIRS)
    last = { pairsPerSecond, p99, cpuMs: ((cpu() - before) / PAIRS) * 1000 }
    return pairsPerSecond
  }
  const latencies: number[] = []
  const times: number[] = []
  return [
    {
      name: 'keys.pairs',
      claim: `014 pairs, ${String(CLIENTS)} clients, mutual TLS, durable`,
      unit: 'pairs/s',
      bar: 2500,
      better: 'more',
      peer: {
        name: 'bare Node handler',
        value: async () => (await pairsBetween(bare, bare, PAIRS, false)).pairsPerSecond,
      },
      run: async () => {
        const figure = await run()
        latencies.push(last.p99)
        times.push(last.cpuMs)
        return figure
      },
    },
    {
      name: 'keys.p99',
      claim: 'its latency, 99 of 100 requests',
      unit: 'ms',
      bar: 20,
      better: 'less',
      run: () => latencies.shift() ?? last.p99,
    },
    {
      name: 'keys.cpu',
      claim: 'processor time of both daemons for a pair',
      unit: 'ms',
      bar: null,
      better: 'less',
      run: () => times.shift() ?? last.cpuMs,
    },
  ]
}

/** The same from stores that hold a million keys for either site, which `fill` brings about. */
function withMany(scene: Scene, fill: () => Promise<void>): readonly Benchmark[] {
  const { master, slave, cpu } = scene
  const times: number[] = []
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
        const before = cpu()
        const { pairsPerSecond } = await pairsBetween(master, slave, PAIRS)
        times.push(((cpu() - before) / PAIRS) * 1000)
        return pairsPerSecond
      },
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

/** So many pairs by 8 clients, each with its own connection to either side. */
async function pairsBetween(
  master: BenchSite,
  slave: BenchSite,
  pairs: number,
  checked = true,
): Promise<{ readonly pairsPerSecond: number; readonly p99: number }> {
  const latencies: number[] = []
  let left = pairs
  const begun = performance.now()
  const client = async (): Promise<void> => {
    using making = clientOf(master, checked)
    using fetching = clientOf(slave, checked)
    while (left-- > 0) {
      const made = await timed(latencies, () => making.get(`${slave.sae}/enc_keys`))
      const { key_ID, key } = made.keys[0]
      const path = `${master.sae}/dec_keys?key_ID=${key_ID}`
      const [fetched] = (await timed(latencies, () => fetching.get(path))).keys
      if (fetched.key !== key) throw new Error('The ends hold different keys')
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  const seconds = (performance.now() - begun) / 1000
  const sorted = latencies.toSorted((a, b) => a - b)
  return { pairsPerSecond: pairs / seconds, p99: sorted[Math.floor(sorted.length * 0.99)] }
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

/** @param checked   whether the server must have a certificate for a server */
function clientOf({ northPort, certificates }: BenchSite, checked: boolean) {
  const options = { keepAlive: true, maxSockets: 1, rejectUnauthorized: checked }
  const agent = new Agent({ ...pemsIn(certificates), ...options })
  const get = (path: string): Promise<KeyContainer> => {
    const { promise, resolve, reject } = Promise.withResolvers<KeyContainer>()
    const options = { host: '127.0.0.1', port: northPort, path: `/api/v1/keys/${path}`, agent }
    const call = request(options, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (part: string) => (text += part))
      answer.once('error', reject)
      answer.once('end', () => {
        if (answer.statusCode === 200) resolve(JSON.parse(text) as KeyContainer)
        else reject(new Error(`${String(answer.statusCode)} ${text.slice(0, 200)}`))
      })
    })
    call.once('error', reject)
    call.end()
    return promise
  }
  return { get, [Symbol.dispose]: () => agent.destroy() }
}

/** Answers every request with one key from memory, over the same TLS. */
async function bareHandler(like: BenchSite) {
  const answer = JSON.stringify({
    keys: [{ key_ID: '00000000-0000-4000-8000-000000000000', key: 'A'.repeat(43) + '=' }],
  })
  const pems = pemsIn(like.certificates)
  const server = createServer({ ...pems, requestCert: true }, (_request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(answer)
  })
  await new Promise<void>((resume) => server.listen(0, '127.0.0.1', resume))
  const { port } = server.address() as AddressInfo
  return {
    site: { ...like, northPort: port },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resume) => server.close(resume))
    },
  }
}

function pemsIn(folder: string) {
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
  const checkServerIdentity = (): undefined => undefined
  return { key: read('key.pem'), cert: read('cert.pem'), ca: read('ca.pem'), checkServerIdentity }
}

const CLIENTS = 8
const PAIRS = 2000
const WARM_UP = 500
/** Enough for the warm-up and five runs, from the half of the master. */
const KEYS = 12_000
const MANY_KEYS = 1_000_000
