/**
 * Two hospitals and the simulated fibre between them, as real daemons.
 *
 * @module
 */

import type { TestContext } from 'node:test'
import type { DaemonProcess } from './processes.ts'
import { makeSites, type TestFibre, type TestSite } from './sites.ts'

export { changeJson, newFolder, TestSite } from './sites.ts'

export interface TwoSites {
  readonly folder: string
  readonly authority: string
  readonly bristol: TestSite
  readonly cambridge: TestSite
  readonly fibre: TestFibre & { readonly daemon: DaemonProcess }
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
  options: TwoSitesOptions = {},
): Promise<TwoSites> {
  const ends = ['bristol', 'cambridge'] as const
  const made = await makeSites(t, { names: ends, fibres: [ends], ...options })
  const { folder, authority, sites, fibreDaemon: daemon, start } = made
  const [fibre] = made.fibres
  return { folder, authority, ...sites, fibre: { ...fibre, daemon }, start }
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
