/**
 * The root key of a folder, for whoever holds the folder: how it lies there, and how it shall.
 *
 * Protecting it otherwise may be done while the daemon runs: that has read the key. Another root key
 * is given to a site whose daemon has stopped; the lock of the folder is held meanwhile.
 *
 * @module
 */

import { join } from 'node:path'
import { siteId } from '#base'
import type { NewRootKeyForm, RootKeyChange, Shown } from '#contract'
import {
  protectRootKey,
  rekeyRoot,
  rootKeyForm,
  SiteConfigurationShape,
  type RootKeyForm,
} from '#site'
import { SystemClock } from './clock.ts'
import { readConfigurationFile } from './config.ts'
import { openDisk } from './disk.ts'
import { openFolder } from './folder.ts'
import { testedRandom } from './random.ts'
import { CONFIG_FILE } from './site-daemon.ts'
import { openSiteStore } from './store-open.ts'

/** How the root key lies in a folder. @throws GatewayRefusal, RootKeyRefusal */
export async function showRootKey(folder: string): Promise<Shown> {
  const place = openFolder(folder)
  const form = await rootKeyForm(openDisk(place))
  return [
    ['folder', place],
    ['root key', FORMS[form.form](form as never)],
    ...(form.form === 'file'
      ? ([['next', 'photonward root-key protect --with passphrase or shares']] as const)
      : []),
  ]
}

/** Keeps the root key of a folder in another form. @throws RootKeyRefusal */
export async function changeRootKeyForm(folder: string, change: RootKeyChange): Promise<Shown> {
  const place = openFolder(folder)
  const disk = openDisk(place)
  await protectRootKey(disk, testedRandom(), change)
  return [
    ...(await shownNow(place)),
    ['copies', 'made of the folder before still open as they did'],
    ['next', NEXT[change.next.form]],
  ]
}

/** Gives the folder of a stopped site another root key. @throws GatewayRefusal, RootKeyRefusal */
export async function changeRootKey(folder: string, change: RootKeyChange): Promise<Shown> {
  const place = openFolder(folder)
  const configuration = readConfigurationFile(join(place, CONFIG_FILE), SiteConfigurationShape)
  using clock = new SystemClock()
  await using store = await openSiteStore(place, configuration, clock)
  const site = siteId(configuration.site)
  const { sealed } = await rekeyRoot(openDisk(place), testedRandom(), { site, ...change })
  return [
    ...(await shownNow(place)),
    ['store', store.engine],
    ['sealed anew', `${sealed} files; records are not touched`],
    ['void', 'every passphrase and share of the root key before'],
    ['copies', 'made of the folder before still open with those: photonward site-key rotate'],
    ['next', NEXT[change.next.form]],
  ]
}

const shownNow = async (place: string): Promise<Shown> =>
  (await showRootKey(place)).filter(([name]) => name !== 'next')

const FORMS: { readonly [F in RootKeyForm['form']]: (form: RootKeyForm & { form: F }) => string } =
  {
    file: () => 'in the folder, unprotected: whoever copies the folder opens everything',
    passphrase: () => 'under a passphrase (argon2id, 64 MiB, 3 passes)',
    shares: ({ ceremony, threshold, tags }) =>
      `in ${tags.length} shares, any ${threshold} of which open it; ceremony ${ceremony.toHex()}`,
  }
const NEXT: Readonly<Record<NewRootKeyForm['form'], string>> = {
  file: 'keep the folder where nobody copies it',
  passphrase: 'at the next start: photonward serve --passphrase-file, or photonward unseal',
  shares: 'at the next start each holder gives a share: photonward unseal',
}
