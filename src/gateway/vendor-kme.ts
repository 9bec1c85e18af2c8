/**
 * The connection to a vendor's KME, with the files that a link names.
 *
 * The files are read anew after every failure, so that a renewed certificate needs no restart.
 *
 * @module
 */

import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { KmeClientRefusal, type KmeClientTransport, type KmeLinkConfiguration } from '#site'
import { kmeOverHttps, type KmeHttps } from './kme-https.ts'
import { systemCode } from './system.ts'

/** Connections to the vendor's KME of each link. @param folder   from which its files count */
export const vendorKmesAt =
  (folder: string) =>
  (link: Pick<KmeLinkConfiguration, 'kme' | 'timeoutMs'>): KmeClientTransport => {
    let kme: KmeHttps | undefined
    return async (asked) => {
      try {
        kme ??= await open(folder, link)
        return await kme.ask(asked)
      } catch (error) {
        kme?.[Symbol.dispose]()
        kme = undefined
        throw error
      }
    }
  }

async function open(
  folder: string,
  { kme, timeoutMs }: Pick<KmeLinkConfiguration, 'kme' | 'timeoutMs'>,
): Promise<KmeHttps> {
  const read = async (file: string): Promise<Buffer> => {
    const path = resolve(folder, file)
    try {
      return await readFile(path)
    } catch (cause) {
      const facts = { reason: systemCode(cause) ?? 'unreadable' }
      throw new KmeClientRefusal('KME_CLIENT_UNREACHED', `Cannot read ${path}`, { cause, facts })
    }
  }
  const [cert, key, ca] = await Promise.all([read(kme.certificate), read(kme.key), read(kme.ca)])
  const { url, serverName } = kme
  const named = serverName === undefined ? {} : { serverName }
  return kmeOverHttps({ ...{ url, cert, key, ca, timeoutMs }, ...named })
}
