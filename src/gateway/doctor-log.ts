/**
 * Looks at the head of a site's log, whether its daemon runs or not. Only reads.
 *
 * @module
 */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { PortRefusal, Refusal, type Store } from '#base'
import type { CheckView } from '#contract'
import { inspectLogHead, inspectTrust } from '#site'
import { line, type ExaminedSite } from './check.ts'
import { SystemClock } from './clock.ts'
import { FolderDisk } from './disk.ts'
import { PreparedStatements } from './store-prepared.ts'
import { openReader } from './store-schema.ts'
import { rowsOf } from './store-values.ts'

/** Whether the newest checkpoint is signed by this site and the stored tree leads to it. */
export async function logCheck({ folder, configuration }: ExaminedSite): Promise<CheckView> {
  const { site, kme } = configuration
  const file = join(folder, 'state.db')
  if (!existsSync(file)) return line('log', 'skip', 'there is none before the first start')
  using clock = new SystemClock()
  try {
    const { own } = await inspectTrust(new FolderDisk(folder), { site, kme, now: clock.now() })
    if (own === undefined) return line('log', 'skip', "the site's own statement does not hold")
    using store = new ReadingStore(file)
    const head = await inspectLogHead(own, store)
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

/** The database of a site, read beside the daemon that writes it. */
class ReadingStore implements Store, Disposable {
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

  read({ sql, parameters }: Parameters<Store['read']>[0]): ReturnType<Store['read']> {
    return Promise.try(() => {
      try {
        return rowsOf(this.#prepared.of(sql).statement, parameters)
      } catch (cause) {
        throw new PortRefusal('STORE_FAILED', 'The database cannot be read', { cause })
      }
    })
  }

  commit(): Promise<never> {
    return Promise.reject(new PortRefusal('STORE_FAILED', 'An examination changes nothing'))
  }

  [Symbol.dispose](): void {
    this.#reader.close()
  }
}
