/**
 * Two hospitals and a simulated fibre as real daemons, in a temporary folder and on free ports.
 *
 * The link is short and slow (preset `world-slow` at a higher clock), so that keys come within a few
 * seconds and the three processes together take little of a core.
 *
 * @module
 */

import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { freePorts } from '#cli'
import type { FindingView, StatusView, TransferView } from '#contract'
import { addSae, createAuthority, initFibre, initSite, issue, issueSae, joinSites } from '#gateway'
import { fibreAdmin, siteAdmin, type FibreAdmin, type SiteAdmin } from './admin.ts'
import { credentialsAt, Sae } from './north.ts'
import { DaemonProcess } from './processes.ts'
import { LIMIT_MS, until } from './until.ts'

/** A block of half a million sifted bits comes each second and a half, with some 290 keys a side. */
const CLOCK_HZ = 10_000_000
const BLOCK_BITS = 500_000

/** A new folder, removed at the end of the test. */
export function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'photonward-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** One hospital: its folder, its daemon, its operator, and an application on its ward. */
export class TestSite {
  readonly name: string
  readonly folder: string
  readonly peerPort: number
  readonly northPort: number
  readonly daemon: DaemonProcess
  readonly admin: SiteAdmin
  readonly ward: Sae

  constructor(input: { name: string; folder: string; ports: readonly number[]; sae: string }) {
    this.name = input.name
    this.folder = input.folder
    this.peerPort = input.ports[0]
    this.northPort = input.ports[1]
    this.daemon = new DaemonProcess(input.name, ['--site', input.folder, '--json', 'serve'])
    this.admin = siteAdmin(input.folder)
    this.ward = new Sae(`${input.name}.ward`, this.northPort, credentialsAt(input.sae))
  }

  get configFile(): string {
    return join(this.folder, 'photonward.json')
  }

  status(): Promise<StatusView> {
    return this.admin.call('status', {}, null)
  }

  /** Imports octets as an operator does. @throws AdminError */
  import(octets: Uint8Array | string) {
    const body = typeof octets === 'string' ? new TextEncoder().encode(octets) : octets
    return this.admin.call('importRecords', {}, body)
  }

  /** Opened resources of a patient, as texts. */
  async read(patient: string): Promise<readonly string[]> {
    const lines = await this.admin.all('readRecord', { patient }, null)
    return lines.map(({ resource }) => resource)
  }

  /** Waits until this site can give out so many keys. */
  async hasKeys(count: number, limitMs = LIMIT_MS): Promise<void> {
    await until(
      `${this.name} has ${count} keys`,
      async () => {
        const [pool] = await this.admin.call('pools', {}, null)
        return pool.serving && pool.availableKeys >= count
      },
      limitMs,
    )
  }

  /** Waits until a transfer from here has ended, delivered or refused. */
  finished(transfer: string, limitMs = LIMIT_MS): Promise<TransferView> {
    return until(
      `transfer from ${this.name} ends`,
      async () => {
        const now = await this.admin.call('transfer', { transfer }, null)
        return (now.state === 'delivered' || now.state === 'refused') && now
      },
      limitMs,
    )
  }

  /** Verifies log, records and keys. @returns the last line, after all faults */
  async verify(): Promise<{ faults: readonly FindingView[]; done: FindingView }> {
    const findings = await this.admin.all('verify', {}, null)
    const done = findings.find(({ kind }) => kind === 'done')
    if (done === undefined) throw new Error('The verification was cut off')
    return { faults: findings.filter(({ kind }) => kind === 'fault'), done }
  }

  /** Changes the configuration file; the daemon reads it at its next start. */
  configure(change: (configuration: Record<string, unknown>) => void): void {
    changeJson(this.configFile, change)
  }
}

/** Reads a JSON file, lets it be changed, and writes it back. */
export function changeJson(file: string, change: (value: Record<string, unknown>) => void): void {
  const value = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  change(value)
  writeFileSync(file, JSON.stringify(value, undefined, 2), { mode: 0o600 })
}

export interface TwoSites {
  readonly folder: string
  readonly authority: string
  readonly bristol: TestSite
  readonly cambridge: TestSite
  readonly fibre: { readonly folder: string; readonly daemon: DaemonProcess; admin: FibreAdmin }
  /** Starts whatever does not run. */
  start(): Promise<void>
}

export interface TwoSitesOptions {
  /** Applications besides `bristol.ward` and `cambridge.ward`, by the site each one is at. */
  readonly saes?: Readonly<Record<string, 'bristol' | 'cambridge'>>
  readonly profile?: 'demo' | 'production'
}

/** Makes everything and starts nothing; daemons end and folders go with the test. */
export async function makeTwoSites(
  t: TestContext,
  { saes = {}, profile = 'demo' }: TwoSitesOptions = {},
): Promise<TwoSites> {
  const folder = newFolder(t)
  const at = (name: string): string => join(folder, name)
  const ports = await freePorts(5)
  const authority = at('authority')
  await createAuthority(authority)
  const places = [
    { name: 'bristol', ports: ports.slice(0, 2) },
    { name: 'cambridge', ports: ports.slice(2, 4) },
  ] as const
  for (const { name, ports: own } of places) {
    const chosen = { name, peerPort: own[0], northPort: own[1], profile, passphrase: undefined }
    await initSite(at(name), chosen)
  }
  const ends = { transmitter: 'bristol', receiver: 'cambridge' }
  await initFibre(at('fibre'), { preset: 'world-slow', ...ends, port: ports[4] })
  changeJson(join(at('fibre'), 'photonward.json'), (value) => (value['clockHz'] = CLOCK_HZ))
  for (const name of ['bristol', 'cambridge', 'fibre']) await issue(authority, at(name))
  const wards = { 'bristol.ward': 'bristol', 'cambridge.ward': 'cambridge', ...saes }
  for (const [sae, site] of Object.entries(wards)) {
    await addSae(at(site), sae)
    await issueSae(authority, sae, at(sae))
  }
  await joinSites(at('bristol'), at('cambridge'), at('fibre'))
  const [bristol, cambridge] = places.map(({ name, ports: own }) => {
    return new TestSite({ name, folder: at(name), ports: own, sae: at(`${name}.ward`) })
  })
  for (const site of [bristol, cambridge]) {
    site.configure((value) => {
      const [link] = value['links'] as Record<string, unknown>[]
      link['blockBits'] = BLOCK_BITS
    })
  }
  const daemon = new DaemonProcess('fibre', ['--json', 'fibre', 'serve', at('fibre')])
  const fibre = { folder: at('fibre'), daemon, admin: fibreAdmin(at('fibre')) }
  const daemons = [daemon, bristol.daemon, cambridge.daemon]
  t.after(async () => {
    await Promise.all(daemons.map((one) => one.kill()))
    for (const { ward } of [bristol, cambridge]) ward[Symbol.dispose]()
  })
  const start = async (): Promise<void> => {
    await Promise.all(daemons.filter((one) => !one.isRunning).map((one) => one.start()))
  }
  return { folder, authority, bristol, cambridge, fibre, start }
}

/** Makes everything, starts it, and waits for the first keys. */
export async function startTwoSites(
  t: TestContext,
  options: TwoSitesOptions & { readonly keys?: number } = {},
): Promise<TwoSites> {
  const sites = await makeTwoSites(t, options)
  await sites.start()
  const keys = options.keys ?? 1
  await Promise.all([sites.bristol.hasKeys(keys), sites.cambridge.hasKeys(keys)])
  return sites
}
