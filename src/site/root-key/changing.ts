/**
 * Changing how a root key lies in its folder, or the root key itself.
 *
 * `protectRootKey` leaves the key as it is: old forms of it in old copies of the folder give it
 * still. `rekeyRoot` draws another: passphrases and shares of the old one open nothing that is
 * written from then on. Whoever had the old key *and* a copy of the folder of its time keeps what
 * that copy says, site keys and trunk included: against that the site key is changed as well.
 *
 * @module
 */

import { SecretBytes, type Disk, type RandomSource, type SiteId } from '#base'
import type { NewRootKeyForm, RootKeyChange } from '#contract'
import { openSiteKeys, sealSiteKeys } from '#pki'
import { FILES } from '../material.ts'
import { checkPassphrase, fileOf, ROOT_FILE, sharesFileOf } from './forms.ts'
import { changeTogether } from './journal.ts'
import { RootKeyRefusal } from './refusal.ts'
import { keyFor, readRootKey, RootKey, trunkFileOf, TRUNK_FILE } from './root-key.ts'
import { checkCounts, newCeremony } from './shares.ts'

/** Keeps the root key of a folder in another form; the key stays the same. @throws RootKeyRefusal */
export async function protectRootKey(
  disk: Disk,
  random: RandomSource,
  { present, next }: RootKeyChange,
): Promise<void> {
  checkForm(next)
  using root = await readRootKey(disk, present)
  await changeTogether(disk, new Map([[ROOT_FILE, await newFileOf(root.secret, next, random)]]))
}

/**
 * Gives the folder of a site another root key. To be called while no daemon runs there.
 *
 * @returns how many files were sealed again
 * @throws RootKeyRefusal `ROOT_KEY_TRY_AGAIN` if the site key has never been in a file
 */
export async function rekeyRoot(
  disk: Disk,
  random: RandomSource,
  { site, present, next }: RootKeyChange & { readonly site: SiteId },
): Promise<{ readonly sealed: number }> {
  checkForm(next)
  using root = await readRootKey(disk, present)
  using fresh = new RootKey(
    SecretBytes.take(random.octets(KEY_OCTETS)),
    SecretBytes.copyOf(root.trunk.reveal()),
  )
  const files = new Map([[TRUNK_FILE, trunkFileOf(fresh)]])
  using oldVault = keyFor(root, 'vault')
  using newVault = keyFor(fresh, 'vault')
  const keys = { from: oldVault, to: newVault }
  // Not loaded before it is needed: the daemon of a trusted node never is in that case.
  const { resealSiteKeyFiles } = await import('#vault')
  const siteKeys = await resealSiteKeyFiles({ site, disk }, keys, random)
  if (siteKeys.size === 0 && (await disk.read(TRUNK_FILE)) === undefined) {
    const message =
      'The site key is derived from this root key: run photonward site-key rotate first'
    throw new RootKeyRefusal('ROOT_KEY_TRY_AGAIN', message)
  }
  for (const [path, octets] of siteKeys) files.set(path, octets)
  const identity = await disk.read(FILES.keys)
  if (identity !== undefined) {
    using from = keyFor(root, 'identity')
    using to = keyFor(fresh, 'identity')
    const sealed = sealSiteKeys(openSiteKeys(identity, from.reveal()), to.reveal(), random)
    files.set(FILES.keys, sealed)
  }
  files.set(ROOT_FILE, await newFileOf(fresh.secret, next, random))
  await changeTogether(disk, files)
  return { sealed: files.size - 1 }
}

/** Before anything is asked of anybody. @throws RootKeyRefusal */
function checkForm(next: NewRootKeyForm): void {
  if (next.form === 'passphrase') checkPassphrase(next.passphrase)
  if (next.form === 'shares') checkCounts(next.counts)
}

/** The file of a root key in a form; shares are with their holders when this resolves. */
async function newFileOf(
  secret: SecretBytes,
  next: NewRootKeyForm,
  random: RandomSource,
): Promise<Uint8Array> {
  switch (next.form) {
    case 'file':
      return fileOf(secret, undefined, random)
    case 'passphrase':
      return fileOf(secret, next.passphrase, random)
    case 'shares': {
      const { kept, lines } = await newCeremony(secret, next.counts, random)
      await next.handOut({ ...next.counts, ceremony: kept.ceremony.toHex(), lines })
      return sharesFileOf(kept)
    }
  }
}

const KEY_OCTETS = 32
