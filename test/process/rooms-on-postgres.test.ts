/**
 * Suites of rooms, which run over a database in memory, once more over PostgreSQL: what they claim
 * of records holds on both engines.
 *
 * Left out are suites that reach into tables in the words of one engine, as those of the scrub do.
 *
 * @module
 */

import { after, afterEach, before, test } from 'node:test'
import { siteId } from '#base'
import { openPostgres, SystemClock } from '#gateway'
import { MemoryStore, PostgresCluster, withoutPostgres } from '#world/ports'

const SUITES = [
  'access/once',
  'fhir/fhir',
  'fhir/patching',
  'fhir/searching',
  'fhir/transaction',
  'vault/search',
  'vault/transfer',
  'vault/vault',
  'vault/write',
] as const

const skip = withoutPostgres()
const opened: AsyncDisposable[] = []

if (skip === false) {
  const clock = new SystemClock()
  let cluster: PostgresCluster
  before(async () => {
    cluster = await PostgresCluster.start()
    MemoryStore.elsewhere = async (migrations) => {
      const address = cluster.database()
      const store = await openPostgres({ address, site: siteId('bristol'), migrations, clock })
      opened.push(store)
      return store
    }
  })
  afterEach(async () => {
    for (const store of opened.splice(0)) await store[Symbol.asyncDispose]()
  })
  after(async () => {
    await cluster[Symbol.asyncDispose]()
    clock[Symbol.dispose]()
  })
  for (const suite of SUITES) await import(`../../src/${suite}.test.ts`)
} else {
  test('suites of rooms over PostgreSQL', { skip })
}
