/**
 * What every command gets: flags, output, and the daemon it talks to.
 *
 * @module
 */

import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fibreRoutes, siteRoutes, type FibreRoutes, type SiteRoutes } from '#contract'
import { newClient, type Client } from './client.ts'
import { CliRefusal } from './exit.ts'
import { newOutput, type Output } from './output.ts'

/** Options that every command knows. */
export interface GlobalFlags {
  readonly site?: string
  readonly json?: boolean
  readonly quiet?: boolean
  readonly yes?: boolean
  readonly input?: boolean
}

export interface Context {
  readonly flags: GlobalFlags
  readonly out: Output
  /** Folder of the site that the command is about. */
  readonly folder: () => string
  readonly site: () => Client<SiteRoutes>
  readonly fibre: (folder: string) => Client<FibreRoutes>
}

export function newContext(flags: GlobalFlags): Context {
  const out = newOutput({ json: flags.json === true, quiet: flags.quiet === true })
  const folder = (): string => siteFolder(flags.site)
  return {
    flags,
    out,
    folder,
    site: () => newClient(siteRoutes, join(folder(), ADMIN_SOCKET)),
    fibre: (at) => newClient(fibreRoutes, join(resolve(at), ADMIN_SOCKET)),
  }
}

/** `--site`, else PHOTONWARD_SITE, else the current folder if it is one of a site. */
function siteFolder(flag: string | undefined): string {
  const named = flag ?? process.env['PHOTONWARD_SITE']
  const folder = resolve(named ?? '.')
  if (existsSync(join(folder, CONFIG_FILE))) return folder
  throw new CliRefusal('SITE_FOLDER_UNKNOWN', `No site lives in ${folder}`, {
    next: 'photonward init --help, or name the folder with --site or PHOTONWARD_SITE',
  })
}

export const ADMIN_SOCKET = 'admin.sock'
export const CONFIG_FILE = 'photonward.json'
