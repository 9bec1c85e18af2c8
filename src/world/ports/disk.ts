/**
 * The Disk port over a map that outlives the site that uses it.
 *
 * @module
 */

import { PortRefusal, type Disk } from '#base'

export class MemoryDisk implements Disk {
  readonly files = new Map<string, Uint8Array>()
  /** Octets after which writes are refused, as on a full disk. */
  octetsMax = Number.POSITIVE_INFINITY

  read(path: string): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.files.get(path)?.slice())
  }

  write(path: string, octets: Uint8Array): Promise<void> {
    return Promise.try(() => {
      if (this.octetsMax < Infinity && this.#usedBeside(path) + octets.length > this.octetsMax) {
        throw new PortRefusal('DISK_FULL', 'No space is left on the disk')
      }
      this.files.set(path, octets.slice())
    })
  }

  #usedBeside(path: string): number {
    const others = [...this.files].filter(([name]) => name !== path)
    return others.reduce((sum, [, file]) => sum + file.length, 0)
  }

  overwrite(path: string, offset: number, octets: Uint8Array): Promise<void> {
    return Promise.try(() => {
      const file = this.files.get(path)
      if (file === undefined || offset + octets.length > file.length) {
        throw new PortRefusal('DISK_FAILED', 'An overwrite must stay inside the file')
      }
      file.set(octets, offset)
    })
  }

  remove(path: string): Promise<void> {
    this.files.delete(path)
    return Promise.resolve()
  }

  list(folder: string): Promise<readonly string[]> {
    const prefix = folder === '' ? '' : `${folder}/`
    const inside = [...this.files.keys()].filter(
      (path) => path.startsWith(prefix) && !path.slice(prefix.length).includes('/'),
    )
    return Promise.resolve(inside.toSorted())
  }

  async *pages(folder: string): AsyncGenerator<readonly string[]> {
    const below = [...this.files.keys()].filter((path) => path.startsWith(`${folder}/`))
    yield await Promise.resolve(below.toSorted())
  }
}
