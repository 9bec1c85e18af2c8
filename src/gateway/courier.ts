/**
 * Carried keys in the folder of a site: the commands `key export-courier` and `key import-courier`. A
 * daemon that runs there finds them within seconds.
 *
 * @module
 */

import { join } from 'node:path'
import type { Shown } from '#contract'
import {
  exportCourier,
  importCourier,
  readRootKey,
  SiteConfigurationShape,
  type CourierMeans,
} from '#site'
import { SystemClock } from './clock.ts'
import { readConfigurationFile } from './config.ts'
import { openDisk } from './disk.ts'
import { openFolder } from './folder.ts'
import { testedRandom } from './random.ts'
import { CONFIG_FILE } from './site-daemon.ts'

interface Phrases {
  /** Of the courier's file. */
  readonly courier: Uint8Array
  /** Of the site's root key, where it is under one. */
  readonly passphrase: Uint8Array | undefined
}

/** Draws keys for another site and keeps them. @throws CourierRefusal, RootKeyRefusal */
export const exportKeys = (
  folder: string,
  about: Phrases & { readonly to: string; readonly octets: number },
): Promise<{ readonly shown: Shown; readonly file: Uint8Array }> =>
  inFolder(folder, about, async (means) => {
    const { to, octets, courier: passphrase } = about
    const { name, file } = await exportCourier(means, { to, octets, passphrase })
    return { shown: shownOf({ ...name, octets }), file }
  })

/** Keeps the keys that a courier has brought. @throws CourierRefusal, RootKeyRefusal */
export const importKeys = (
  folder: string,
  about: Phrases & { readonly file: Uint8Array },
): Promise<Shown> =>
  inFolder(folder, about, async (means) => {
    const { file, courier: passphrase } = about
    const { name, from, octets } = await importCourier(means, { file, passphrase })
    return [['from', from], ...shownOf({ ...name, octets })]
  })

async function inFolder<T>(
  folder: string,
  { passphrase }: Phrases,
  work: (means: CourierMeans) => Promise<T>,
): Promise<T> {
  const place = openFolder(folder)
  const configuration = readConfigurationFile(join(place, CONFIG_FILE), SiteConfigurationShape)
  const disk = openDisk(place)
  using clock = new SystemClock()
  using root = await readRootKey(disk, passphrase)
  return await work({ disk, random: testedRandom(), root, configuration, now: clock.now() })
}

const shownOf = (about: { link: string; epoch: number; octets: number }): Shown => [
  ['link', about.link],
  ['block', String(about.epoch)],
  ['octets', String(about.octets)],
]
