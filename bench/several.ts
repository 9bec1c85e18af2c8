/**
 * Keys from two daemons of one site over PostgreSQL, towards a site with one daemon.
 *
 * Each request asks for as many keys as GS QKD 014 lets this KME give at once. Every key is made at one
 * site and fetched at the other, each step durable at both, and its octets are compared. All of it, the
 * database and the clients included, shares this machine. PostgreSQL syncs as it does in use.
 *
 * The peer's figure is of rows claimed one by one (`for update skip locked`), by 16 clients at once and
 * by one, over PostgreSQL 15 on a machine of the same size; nothing of it was kept apart for two ends.
 *
 * @module
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PostgresCluster, withoutPostgres } from '#world/ports'
import { credentialsAt, Sae } from '../test/support/north.ts'
import { until } from '../test/support/until.ts'
import type { Benchmark } from './bench.ts'
import { makeSites, type BenchSite, type BenchSites } from './daemons.ts'
import { prefill } from './prefill.ts'

/** Benchmarks of two daemons, and how to end what they started; none without PostgreSQL. */
export function several(): {
  readonly list: readonly Benchmark[]
  readonly close: () => Promise<void>
} {
  if (withoutPostgres() !== false) return { list: [], close: () => Promise.resolve() }
  let opening: Promise<Scene> | undefined
  const scene = (): Promise<Scene> => (opening ??= openScene())
  const row = (way: 'made' | 'fetched', claim: string): readonly Benchmark[] => {
    const times: number[] = []
    return [
      {
        name: `keys.two-daemons.${way}`,
        claim: `${claim} two daemons over PostgreSQL, ${String(NUMBER)} a request`,
        unit: 'keys/s',
        bar: 5000,
        better: 'more',
        peer: { name: 'PostgreSQL, row claims', value: ROW_CLAIMS },
        run: async () => {
          const at = await scene()
          const before = at.cpuSeconds()
          const rate = await keysThrough(at, way)
          times.push(((at.cpuSeconds() - before) / KEYS) * 1e6)
          return rate
        },
      },
      {
        name: `keys.two-daemons.${way}.cpu`,
        claim: 'processor time of all daemons and PostgreSQL for a key then',
        unit: 'µs',
        bar: null,
        better: 'less',
        run: () => times.shift() ?? NaN,
      },
    ]
  }
  return {
    list: [...row('made', 'made by'), ...row('fetched', 'fetched from')],
    close: async () => {
      await (await opening?.catch(() => undefined))?.close()
    },
  }
}

interface Scene {
  /** The application of the site with two daemons, asking each of them. */
  readonly two: readonly Sae[]
  readonly other: Sae
  /** Processor seconds of all daemons and of PostgreSQL so far. */
  readonly cpuSeconds: () => number
  readonly close: () => Promise<void>
}

async function openScene(): Promise<Scene> {
  const cluster = await PostgresCluster.start()
  const sites = await makeSites()
  const close = async (): Promise<void> => {
    sites[Symbol.dispose]()
    await cluster[Symbol.asyncDispose]()
  }
  try {
    const [two, other] = sites.sites
    const place = cluster.database()
    sites.configure(two, { store: { kind: 'postgres', ...place } })
    // The load is to be measured, not the simulation of photons beside it: no fibre is started.
    await prefill(sites.sites, KEYS_STORED)
    const ports = await sites.startDaemons(two, NAMES)
    await sites.startSite(other)
    await until('both daemons serve', async () => {
      const { daemons } = await two.admin.call('status', {}, null)
      return daemons.length === NAMES.length && daemons.every(({ serving }) => serving)
    })
    const applications = {
      two: ports.map((port) => saeOf(two, port)),
      other: saeOf(other, other.northPort),
    }
    const scene = { ...applications, cpuSeconds: () => cpuOf(sites, cluster, other.name), close }
    for (const way of ['made', 'fetched'] as const) await keysThrough(scene, way, WARM_UP)
    // As PostgreSQL does by itself within a minute: until then it plans without figures.
    cluster.query(place.database, 'analyze')
    return scene
  } catch (error) {
    await close()
    throw error
  }
}

const saeOf = ({ sae, certificates }: BenchSite, port: number): Sae =>
  new Sae(sae, port, credentialsAt(certificates))

/** Has so many keys made and fetched. @returns keys a second */
async function keysThrough(
  { two, other }: Pick<Scene, 'two' | 'other'>,
  way: 'made' | 'fetched',
  keys = KEYS,
): Promise<number> {
  let left = keys / NUMBER
  const seen = new Set<string>()
  const begun = performance.now()
  const client = async (own: Sae): Promise<void> => {
    const [master, slave] = way === 'made' ? [own, other] : [other, own]
    while (left-- > 0) {
      const made = await master.encKeys(slave.id, NUMBER)
      const ids = made?.map(({ key_ID }) => key_ID)
      const fetched = ids && (await slave.decKeys(master.id, ids))
      if (fetched?.length !== NUMBER) throw new Error('A request was not answered with keys')
      fetched.forEach(({ key }, at) => {
        if (key !== made?.[at].key || seen.has(key)) throw new Error('A key differs, or came twice')
        seen.add(key)
      })
    }
  }
  const clients = Array.from({ length: CLIENTS_EACH }, () => two.map(client)).flat()
  await Promise.all(clients)
  return keys / ((performance.now() - begun) / 1000)
}

function cpuOf(sites: BenchSites, cluster: PostgresCluster, other: string): number {
  const daemons = [...NAMES, other].reduce((sum, name) => sum + sites.cpuSeconds(name), 0)
  return daemons + postgresSeconds(join(cluster.folder, 'data', 'postmaster.pid'))
}

/** Of the server and every process it has started, those that have ended included; Linux only. */
function postgresSeconds(pidFile: string): number {
  if (!existsSync(pidFile)) return 0
  const [server] = readFileSync(pidFile, 'utf8').split('\n')
  const ticks = readdirSync('/proc').flatMap((name) => {
    const file = `/proc/${name}/stat`
    if (!/^\d+$/.test(name) || !existsSync(file)) return []
    const stat = readFileSync(file, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (name !== server && fields[1] !== server) return []
    const own = Number(fields[11]) + Number(fields[12])
    return [name === server ? own + Number(fields[13]) + Number(fields[14]) : own]
  })
  return ticks.reduce((sum, one) => sum + one, 0) / TICKS_A_SECOND
}

const NAMES = ['a', 'b'] as const
/** Keys of one request: the most that GS QKD 014 lets this KME give at once. */
const NUMBER = 128
const KEYS = 128 * NUMBER
const WARM_UP = 32 * NUMBER
/** Enough for the warm-up and five runs, from the half of either site. */
const KEYS_STORED = 140_000
const CLIENTS_EACH = 4
/** Rows a second: what one client alone came to; 16 at once came to 657. */
const ROW_CLAIMS = 1680
const TICKS_A_SECOND = 100
