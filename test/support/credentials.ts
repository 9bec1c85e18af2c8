/**
 * Key, certificates and anchors of a site, as its daemon has them.
 *
 * @module
 */

import { epochMs, type Clock } from '#base'
import { openDisk, type Credentials } from '#gateway'
import { credentialsIn, readMaterial, readRootKey } from '#site'

/** The wall clock. */
export const now: Clock = {
  now: () => epochMs(Date.now()),
  monotonicMs: () => performance.now(),
  after: () => () => undefined,
}

/** What a site shows and trusts between sites, without its revocation lists. */
export async function peerCredentials(
  { folder }: { readonly folder: string },
  site: string,
): Promise<Credentials> {
  const disk = openDisk(folder)
  using root = await readRootKey(disk, undefined)
  const about = { site, kme: `kme.${site}`, root }
  const material = await readMaterial(disk, about, { clock: now, report: () => undefined })
  const { key, cert, ca } = credentialsIn(material).peer
  return { key, cert, ca }
}
