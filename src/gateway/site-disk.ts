/**
 * The disk of a site, with large containers in an object storage where the configuration names one.
 *
 * Paths below `blobs/` lie in the bucket under prefix and name of the site, all others in the folder.
 * Nothing is kept in both.
 *
 * @module
 */

import { resolve } from 'node:path'
import { PortRefusal, type Disk, type Ports } from '#base'
import type { SiteConfiguration } from '#site'
import { openDisk } from './disk.ts'
import { ObjectStorage } from './object-storage.ts'

type StoragePorts = Pick<Ports, 'clock' | 'log'>

/**
 * Opens the disk of a site. Nobody is asked yet: a storage that is away does not keep a site from
 * starting.
 *
 * @throws GatewayRefusal as `openDisk` does and `ObjectStorage`
 */
export function openSiteDisk(
  folder: string,
  configuration: Pick<SiteConfiguration, 'site' | 'blobs'>,
  ports: StoragePorts,
): Disk {
  const disk = openDisk(folder)
  const storage = storageOf(folder, configuration, ports)
  if (storage === undefined) return disk
  return new SplitDisk(disk, storage, prefixOf(configuration))
}

/** The object storage that a configuration names, if it does. @throws GatewayRefusal */
export function storageOf(
  folder: string,
  { blobs }: Pick<SiteConfiguration, 'blobs'>,
  ports: StoragePorts,
): ObjectStorage | undefined {
  if (blobs === undefined) return undefined
  const { endpoint, bucket, region, credentialsFile, caFile } = blobs.s3
  const files = {
    credentialsFile: resolve(folder, credentialsFile),
    caFile: caFile === undefined ? undefined : resolve(folder, caFile),
  }
  return new ObjectStorage({ endpoint, bucket, region, ...files }, ports)
}

/** Before the paths of a site in its bucket: no two sites of a federation have one name. */
const prefixOf = ({ site, blobs }: Pick<SiteConfiguration, 'site' | 'blobs'>): string =>
  `${blobs?.s3.prefix ?? ''}${site}/`

class SplitDisk implements Disk {
  readonly #disk: Disk
  readonly #storage: ObjectStorage
  readonly #prefix: string

  constructor(disk: Disk, storage: ObjectStorage, prefix: string) {
    this.#disk = disk
    this.#storage = storage
    this.#prefix = prefix
  }

  read(path: string): Promise<Uint8Array | undefined> {
    return isBlob(path) ? this.#storage.read(this.#prefix + path) : this.#disk.read(path)
  }

  write(path: string, octets: Uint8Array): Promise<void> {
    if (!isBlob(path)) return this.#disk.write(path, octets)
    return this.#storage.write(this.#prefix + path, octets)
  }

  overwrite(path: string, offset: number, octets: Uint8Array): Promise<void> {
    if (!isBlob(path)) return this.#disk.overwrite(path, offset, octets)
    const message = 'What lies in an object storage is not overwritten in place'
    return Promise.reject(new PortRefusal('DISK_FAILED', message))
  }

  remove(path: string): Promise<void> {
    return isBlob(path) ? this.#storage.remove(this.#prefix + path) : this.#disk.remove(path)
  }

  async list(folder: string): Promise<readonly string[]> {
    if (!isBlob(`${folder}/`)) return await this.#disk.list(folder)
    const paths: string[] = []
    for await (const page of this.pages(folder)) paths.push(...page)
    return paths.filter((path) => !path.slice(folder.length + 1).includes('/'))
  }

  async *pages(folder: string): AsyncGenerator<readonly string[]> {
    if (!isBlob(`${folder}/`)) {
      yield* this.#disk.pages(folder)
      return
    }
    for await (const page of this.#storage.keys(`${this.#prefix}${folder}/`)) {
      yield page.map((key) => key.slice(this.#prefix.length)).filter((path) => PATH.test(path))
    }
  }
}

const isBlob = (path: string): boolean => path.startsWith('blobs/')

/** Other names in the bucket are not the site's, and it leaves them alone. */
const PATH = /^blobs(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}){1,7}$/
