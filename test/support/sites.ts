/**
 * Hospitals and simulated fibres as real daemons, in a temporary folder and on free ports.
 *
 * The links are short and slow (preset `world-slow` at a higher clock), so that keys come within a few
 * seconds and all processes together take little of a core.
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

  /** Waits until this site can give out so many keys with each site it shares keys with. */
  async hasKeys(count: number, limitMs = LIMIT_MS): Promise<void> {
    await until(
      `${this.name} has ${count} keys`,
      async () => {
        const pools = await this.admin.call('pools', {}, null)
        return pools.every(({ serving, availableKeys }) => serving && availableKeys >= count)
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

/** A simulated fibre; all of a test run in one process. */
export interface TestFibre {
  readonly folder: string
  readonly admin: FibreAdmin
}

export interface Sites<Name extends string> {
  readonly folder: string
  readonly authority: string
  readonly sites: Readonly<Record<Name, TestSite>>
  readonly fibres: readonly TestFibre[]
  readonly fibreDaemon: DaemonProcess
  /** Starts whatever does not run. */
  readonly start: () => Promise<void>
}

export interface SitesOptions<Name extends string> {
  readonly names: readonly Name[]
  /** Transmitter and receiver of each fibre. All sites are known to each other, linked or not. */
  readonly fibres: readonly (readonly [Name, Name])[]
  /** Applications besides the wards, by the site each one is at. */
  readonly saes?: Readonly<Record<string, Name>>
  readonly profile?: 'demo' | 'production'
}

/** Makes everything and starts nothing; daemons end and folders go with the test. */
export async function makeSites<Name extends string>(
  t: TestContext,
  { names, fibres: ends, saes = {}, profile = 'demo' }: SitesOptions<Name>,
): Promise<Sites<Name>> {
  const folder = newFolder(t)
  const at = (name: string): string => join(folder, name)
  const ports = await freePorts(2 * names.length + ends.length)
  const authority = at('authority')
  await createAuthority(authority)
  const portsOf = names.map((_, place) => ports.slice(2 * place, 2 * place + 2))
  for (const [place, name] of names.entries()) {
    const [peerPort, northPort] = portsOf[place]
    await initSite(at(name), { name, peerPort, northPort, profile, passphrase: undefined })
    await issue(authority, at(name))
  }
  const fibreAt = ends.map(([a, b]) => (ends.length === 1 ? at('fibre') : at(`fibre-${a}-${b}`)))
  for (const [place, [transmitter, receiver]] of ends.entries()) {
    const port = ports[2 * names.length + place]
    await initFibre(fibreAt[place], { preset: 'world-slow', transmitter, receiver, port })
    changeJson(join(fibreAt[place], 'photonward.json'), (value) => (value['clockHz'] = CLOCK_HZ))
    await issue(authority, fibreAt[place])
  }
  const wards = Object.fromEntries(names.map((name) => [`${name}.ward`, name] as const))
  for (const [sae, site] of Object.entries({ ...wards, ...saes })) {
    await addSae(at(site), sae)
    await issueSae(authority, sae, at(sae))
  }
  await joinAll(names, ends, { at, fibreAt })
  const made = names.map((name, place) => {
    const site = new TestSite({
      name,
      folder: at(name),
      ports: portsOf[place],
      sae: at(`${name}.ward`),
    })
    site.configure((value) => {
      for (const link of value['links'] as Record<string, unknown>[]) link['blockBits'] = BLOCK_BITS
    })
    return [name, site] as const
  })
  const fibreDaemon = new DaemonProcess('fibre', ['--json', 'fibre', 'serve', ...fibreAt])
  const own = made.map(([, { daemon }]) => daemon)
  const daemons = ends.length === 0 ? own : [fibreDaemon, ...own]
  t.after(async () => {
    await Promise.all(daemons.map((one) => one.kill()))
    for (const [, { ward }] of made) ward[Symbol.dispose]()
  })
  const start = async (): Promise<void> => {
    await Promise.all(daemons.filter((one) => !one.isRunning).map((one) => one.start()))
  }
  const sites = Object.fromEntries(made) as Record<Name, TestSite>
  const fibres = fibreAt.map((one) => ({ folder: one, admin: fibreAdmin(one) }))
  return { folder, authority, sites, fibres, fibreDaemon, start }
}

/** Makes every two sites known to each other, and links those that have a fibre. */
async function joinAll(
  names: readonly string[],
  ends: readonly (readonly [string, string])[],
  { at, fibreAt }: { at: (name: string) => string; fibreAt: readonly string[] },
): Promise<void> {
  for (const [place, first] of names.entries()) {
    for (const second of names.slice(place + 1)) {
      const between = ends.findIndex((pair) => pair.includes(first) && pair.includes(second))
      await joinSites(at(first), at(second), between < 0 ? undefined : fibreAt[between])
    }
  }
}
