/**
 * The folder of a network that runs on this machine: what stands where, for all commands about it.
 *
 * @module
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { door, Exactly, OneOf, Text, Type } from '#base'
import { CliRefusal } from '../exit.ts'
import { fibrePlayer, sitePlayer, type FibrePlayer, type SitePlayer } from '../demo/troupe.ts'

const Name = Text(63, 1)

const RunShape = Exactly({
  network: Name,
  sites: Type.Array(
    Exactly({
      site: Name,
      kind: OneOf('hospital', 'trusted-node'),
      northPort: Type.Integer({ minimum: 1, maximum: 65_535 }),
    }),
  ),
  links: Type.Array(Exactly({ link: Name, a: Name, b: Name })),
  /** Pairs that want keys, neighbours among them. */
  pairs: Type.Array(Exactly({ a: Name, b: Name, isDirect: Type.Boolean() })),
})

/** What `network up` notes in the folder. */
export interface Run {
  readonly network: string
  readonly sites: readonly {
    readonly site: string
    readonly kind: 'hospital' | 'trusted-node'
    readonly northPort: number
  }[]
  readonly links: readonly { readonly link: string; readonly a: string; readonly b: string }[]
  readonly pairs: readonly { readonly a: string; readonly b: string; readonly isDirect: boolean }[]
}

/** A network in its folder, and its daemons. */
export interface Company {
  readonly folder: string
  readonly run: Run
  readonly sites: ReadonlyMap<string, SitePlayer>
  readonly fibres: ReadonlyMap<string, FibrePlayer>
}

export const authorityFolder = (folder: string): string => join(folder, 'authority')
const siteFolder = (folder: string, site: string): string => join(folder, 'sites', site)
const fibreFolder = (folder: string, link: string): string => join(folder, 'fibres', link)

/** The daemons of a network. */
export const companyOf = (folder: string, run: Run): Company => ({
  folder,
  run,
  sites: new Map(
    run.sites.map(({ site, northPort }) => [
      site,
      sitePlayer(site, siteFolder(folder, site), northPort),
    ]),
  ),
  fibres: new Map(run.links.map(({ link }) => [link, fibrePlayer(fibreFolder(folder, link))])),
})

export function noteRun(folder: string, run: Run): void {
  writeFileSync(join(folder, RUN_FILE), `${JSON.stringify(run, undefined, 2)}\n`, { mode: 0o600 })
}

/** The network that lives in a folder. @throws CliRefusal `NETWORK_FOLDER_UNKNOWN` */
export function companyIn(named: string): Company {
  const folder = resolve(named)
  try {
    const run = openRun(JSON.parse(readFileSync(join(folder, RUN_FILE), 'utf8')))
    return companyOf(folder, run)
  } catch (cause) {
    throw new CliRefusal('NETWORK_FOLDER_UNKNOWN', `No network runs in ${folder}`, {
      cause,
      next: 'photonward network up campus --folder <folder>',
    })
  }
}

const openRun = door(RunShape, 'note of a running network')
const RUN_FILE = 'network.json'
