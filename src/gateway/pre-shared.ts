/**
 * Pre-shared keys in the folder of a site: the commands behind `link psk`. A daemon that runs there
 * finds a new key when it next needs one.
 *
 * @module
 */

import { join } from 'node:path'
import type { Shown } from '#contract'
import {
  createPreShared,
  endsOf,
  importPreShared,
  readRootKey,
  SiteConfigurationShape,
} from '#site'
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

/** Draws a key for a link and keeps it. @throws PreSharedRefusal, RootKeyRefusal */
export async function createPsk(
  folder: string,
  about: Phrases & { readonly link: string; readonly sessions: number },
): Promise<{ readonly shown: Shown; readonly file: Uint8Array }> {
  const { link, sessions, courier } = about
  const { disk, configuration, random } = opened(folder)
  const ends = endsOf(configuration, link)
  using root = await readRootKey(disk, about.passphrase)
  const means = { disk, random, root, site: configuration.site }
  const { id, file } = await createPreShared(means, ends, { sessions, passphrase: courier })
  return { shown: shownOf({ link, id, sessions }), file }
}

/** Keeps the key that a courier has brought. @throws PreSharedRefusal, RootKeyRefusal */
export async function importPsk(
  folder: string,
  { file, courier, passphrase }: Phrases & { readonly file: Uint8Array },
): Promise<Shown> {
  const { disk, configuration, random } = opened(folder)
  using root = await readRootKey(disk, passphrase)
  const means = { disk, random, root, site: configuration.site }
  const endsNamed = (link: string) => endsOf(configuration, link)
  const brought = { file, passphrase: courier }
  return shownOf(await importPreShared(means, endsNamed, brought))
}

function opened(folder: string) {
  const place = openFolder(folder)
  const configuration = readConfigurationFile(join(place, CONFIG_FILE), SiteConfigurationShape)
  return { disk: openDisk(place), configuration, random: testedRandom() }
}

const shownOf = ({ link, id, sessions }: { link: string; id: string; sessions: number }): Shown => [
  ['link', link],
  ['key', id],
  ['sessions', String(sessions)],
]
