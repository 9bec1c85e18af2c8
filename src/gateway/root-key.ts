/**
 * The root key of a folder, for whoever holds the folder: how it lies there, and under which
 * passphrase. The daemon need not be stopped: it has read the key.
 *
 * @module
 */

import type { Shown } from '#contract'
import { protectRootKey, rootKeyProtection } from '#site'
import { openDisk } from './disk.ts'
import { openFolder } from './folder.ts'
import { testedRandom } from './random.ts'

/** How the root key lies in a folder. @throws GatewayRefusal, RootKeyRefusal */
export async function showRootKey(folder: string): Promise<Shown> {
  const place = openFolder(folder)
  const isBare = (await rootKeyProtection(openDisk(place))) === 'none'
  return [
    ['folder', place],
    [
      'root key',
      isBare
        ? 'in the folder, unprotected: whoever copies the folder opens everything'
        : 'under a passphrase (argon2id, 64 MiB, 3 passes)',
    ],
    ...(isBare
      ? ([['next', 'photonward root-key protect --new-passphrase-file <file>']] as const)
      : []),
  ]
}

/** Puts the root key of a folder under a passphrase, or another. @throws RootKeyRefusal */
export async function changePassphrase(
  folder: string,
  phrases: { readonly present: Uint8Array | undefined; readonly next: Uint8Array },
): Promise<Shown> {
  const place = openFolder(folder)
  await protectRootKey(openDisk(place), testedRandom(), phrases)
  return [
    ['root key', 'under the new passphrase'],
    ['copies', 'made of the folder before still open as they did'],
    ['next', 'start the daemon with --passphrase-file from now on'],
  ]
}
