/**
 * Two sites as processes on this machine, for benchmarks of whole daemons.
 *
 * Everything lies in a folder of its own and goes away with it; processes are ended by their ids.
 *
 * @module
 */

import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { ADMIN_SOCKET, freePorts, newClient, type Client } from '#cli'
import { siteRoutes, type SiteRoutes } from '#contract'
import { addSae, createAuthority, initFibre, initSite, issue, issueSae, joinSites } from '#gateway'
import { until } from '../test/support/until.ts'

/** One site: where it is, and how to ask it. */
export interface BenchSite {
  readonly name: string
  readonly folder: string
  readonly admin: Client<SiteRoutes>
  readonly northPort: number
  readonly sae: string
  /** Folder with key.pem, cert.pem and ca.pem of its application. */
  readonly certificates: string
}

export class BenchSites implements Disposable {
  readonly sites: readonly [BenchSite, BenchSite]
  readonly #folder: string
  readonly #children = new Map<string, ChildProcess>()

  constructor(folder: string, sites: readonly [BenchSite, BenchSite]) {
    this.#folder = folder
    this.sites = sites
  }

  /** Starts the daemon of a site. @returns milliseconds until it served requests */
  async startSite({ name, folder, admin }: BenchSite): Promise<number> {
    const begun = performance.now()
    this.#start(name, ['--site', folder, 'serve'])
    await until(`${name} serves`, () => admin.call('status', {}, null), LIMIT_MS, LOOK_MS)
    return performance.now() - begun
  }

  /** Writes members into the configuration of a stopped site. */
  configure({ folder }: BenchSite, members: object): void {
    changed(join(folder, CONFIG_FILE), members)
  }

  /** Starts daemons that serve a site together. @returns where applications meet each of them */
  async startDaemons(site: BenchSite, names: readonly string[]): Promise<readonly number[]> {
    const ports = await freePorts(names.length)
    const daemons = names.map((name, at) => {
      return { name, northListener: { host: '127.0.0.1', port: ports[at] } }
    })
    this.configure(site, { daemons })
    for (const name of names) this.#start(name, ['--site', site.folder, 'serve', '--as', name])
    return ports
  }

  /** Processor seconds that a process and its threads have taken so far; Linux only. */
  cpuSeconds(name: string): number {
    const stat = readFileSync(`/proc/${String(this.#children.get(name)?.pid)}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND
  }

  /** Megabytes of memory that a process has; Linux only. */
  residentMb(name: string): number {
    const status = readFileSync(`/proc/${String(this.#children.get(name)?.pid)}/status`, 'utf8')
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1000
  }

  /** Ends a process in good order. */
  async stop(name: string): Promise<void> {
    const child = this.#children.get(name)
    if (child === undefined) return
    this.#children.delete(name)
    const gone = new Promise((resume) => child.once('exit', resume))
    child.kill('SIGTERM')
    await gone
  }

  [Symbol.dispose](): void {
    for (const child of this.#children.values()) child.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #start(name: string, args: readonly string[]): void {
    const command = [...process.execArgv, MAIN, ...args]
    const child = spawn(process.execPath, command, { stdio: 'ignore' })
    this.#children.set(name, child)
  }
}

/** Makes two enrolled sites with a link between them; starts nothing. */
export async function makeSites(): Promise<BenchSites> {
  const folder = mkdtempSync(join(tmpdir(), 'photonward-bench-'))
  const at = (name: string): string => join(folder, name)
  const ports = await freePorts(5)
  await createAuthority(at('authority'))
  const site = async (name: string, peerPort: number, northPort: number): Promise<BenchSite> => {
    const sae = `${name}.bench`
    const options = { name, peerPort, northPort, profile: 'demo', passphrase: undefined } as const
    await initSite(at(name), options)
    // One application is all there is: it may ask as fast as it can, for all there is.
    const limits = { saeShare: 1, saeRequestsPerSecond: 1_000_000 }
    changed(join(at(name), CONFIG_FILE), limits)
    await addSae(at(name), sae)
    await issue(at('authority'), at(name))
    await issueSae(at('authority'), sae, at(sae))
    const admin = newClient(siteRoutes, join(at(name), ADMIN_SOCKET))
    return { name, folder: at(name), admin, northPort, sae, certificates: at(sae) }
  }
  const first = await site('bristol', ports[0], ports[1])
  const second = await site('cambridge', ports[2], ports[3])
  const ends = { transmitter: first.name, receiver: second.name }
  await initFibre(at('fibre'), { ...ends, preset: 'cambridge-metro', port: ports[4] })
  await issue(at('authority'), at('fibre'))
  await joinSites(first.folder, second.folder, at('fibre'))
  return new BenchSites(folder, [first, second])
}

function changed(file: string, members: object): void {
  const configuration = JSON.parse(readFileSync(file, 'utf8')) as object
  writeFileSync(file, JSON.stringify({ ...configuration, ...members }))
}

const MAIN = resolve(import.meta.dirname, '../src/main.ts')
const CONFIG_FILE = 'photonward.json'
const TICKS_A_SECOND = 100
const LOOK_MS = 20
const LIMIT_MS = 120_000
