/**
 * Looks at the head of a site's log, whether its daemon runs or not. Only reads.
 *
 * @module
 */

import { existsSync } from 'node:fs'
import { PortRefusal, Refusal, siteId, type Row, type Statement } from '#base'
import type { CheckView } from '#contract'
import { inspectLogHead, inspectTrust } from '#site'
import { line, type ExaminedSite } from './check.ts'
import { SystemClock } from './clock.ts'
import { FolderDisk } from './disk.ts'
import { postgresOf, storeFile } from './store-open.ts'
import { PostgresReader } from './store-postgres-reader.ts'
import { PreparedStatements } from './store-prepared.ts'
import { openReader } from './store-schema.ts'
import { rowsOf } from './store-values.ts'

/** Whether the newest checkpoint is signed by this site and the stored tree leads to it. */
export async function logCheck({ folder, configuration }: ExaminedSite): Promise<CheckView> {
  const { site, kme } = configuration
  const address = postgresOf(folder, configuration)
  const file = storeFile(folder)
  if (address === undefined && !existsSync(file))
    return line('log', 'skip', 'there is none before the first start')
  using clock = new SystemClock()
  try {
    const { own } = await inspectTrust(new FolderDisk(folder), { site, kme, now: clock.now() })
    if (own === undefined) return line('log', 'skip', "the site's own statement does not hold")
    await using reader =
      address === undefined ? new FileReader(file) : new PostgresReader(address, siteId(site))
    const head = await inspectLogHead(own, {
      read: (one) => reader.read(one),
      commit: refuseCommit,
    })
    switch (head.kind) {
      case 'verified':
        return line('log', 'ok', `${head.entries} entries, signed and whole up to ${head.size}`)
      case 'unsigned':
        return line('log', 'skip', `${head.entries} entries, and no checkpoint yet`)
      case 'refused':
        return line('log', 'fail', head.problem, 'photonward audit verify')
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return line('log', 'fail', (error as Refusal).message)
  }
}

/** The file with the data of a site, read beside the daemon that writes it. */
class FileReader implements AsyncDisposable {
  readonly #reader
  readonly #prepared

  constructor(file: string) {
    try {
      this.#reader = openReader(file)
      this.#prepared = new PreparedStatements(this.#reader)
    } catch (cause) {
      throw new PortRefusal('STORE_FAILED', 'The database cannot be read', { cause })
    }
  }

  read({ sql, parameters }: Statement): Promise<readonly Row[]> {
    return Promise.try(() => {
      try {
        return rowsOf(this.#prepared.of(sql), parameters)
      } catch (cause) {
        throw new PortRefusal('STORE_FAILED', 'The database cannot be read', { cause })
      }
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#reader.close()
    return Promise.resolve()
  }
}

const refuseCommit = (): Promise<never> =>
  Promise.reject(new PortRefusal('STORE_FAILED', 'An examination changes nothing'))
