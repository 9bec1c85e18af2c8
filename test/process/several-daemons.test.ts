/**
 * One hospital served by two daemons over one database of PostgreSQL, towards another with one; its
 * daemons are killed in turns while both are asked for keys.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { test, type TestContext } from 'node:test'
import { freePorts } from '#cli'
import { PostgresCluster, withoutPostgres } from '#world/ports'
import { KeyLedger } from '../support/key-ledger.ts'
import { credentialsAt, Sae, type NorthAnswer } from '../support/north.ts'
import { DaemonProcess } from '../support/processes.ts'
import { makeTwoSites, type TestSite } from '../support/two-sites.ts'
import { until } from '../support/until.ts'

const skip = withoutPostgres()
const LEASE_MS = 1500
const KILLS = 4

/** One of the daemons of a site, and the site's ward asking it. */
interface Server {
  readonly name: string
  readonly daemon: DaemonProcess
  readonly ward: Sae
}

/** Lets a site be served by daemons of these names. */
async function served(t: TestContext, site: TestSite, names: readonly string[]) {
  const ports = await freePorts(names.length)
  site.configure((value) => {
    value['leaseMs'] = LEASE_MS
    value['daemons'] = names.map((name, at) => ({
      name,
      northListener: { host: '127.0.0.1', port: ports[at] },
    }))
  })
  const credentials = credentialsAt(join(site.folder, '..', `${site.name}.ward`))
  const servers = names.map((name, at): Server => ({
    name,
    daemon: new DaemonProcess(name, ['--site', site.folder, '--json', 'serve', '--as', name]),
    ward: new Sae(site.ward.id, ports[at], credentials),
  }))
  t.after(async () => {
    await Promise.all(servers.map(({ daemon }) => daemon.kill()))
    for (const { ward } of servers) ward[Symbol.dispose]()
  })
  return servers
}

test('two daemons of one hospital', { skip, timeout: 280_000 }, async (t) => {
  await using cluster = await PostgresCluster.start()
  const { bristol, cambridge, fibre } = await makeTwoSites(t)
  const place = cluster.database()
  bristol.configure((value) => (value['store'] = { kind: 'postgres', ...place }))
  const servers = await served(t, bristol, ['a', 'b'])
  for (const one of [fibre.daemon, cambridge.daemon, ...servers.map(({ daemon }) => daemon)]) {
    await one.start()
  }
  await Promise.all([bristol.hasKeys(100), cambridge.hasKeys(100)])
  const keys = new KeyLedger()
  const problems: string[] = []
  let stopped = false

  /** One request, until somebody answers it for certain; undefined if nobody knows what came of it. */
  const once = async (work: () => Promise<NorthAnswer>): Promise<NorthAnswer | undefined> => {
    try {
      return await work()
    } catch {
      return undefined
    }
  }
  const fetch = async (fetching: Sae, master: string, ids: readonly string[]): Promise<void> => {
    const key_IDs = ids.map((key_ID) => ({ key_ID }))
    let uncertain = false
    while (!stopped) {
      const answer = await once(() => fetching.ask('POST', `${master}/dec_keys`, { key_IDs }))
      if (answer?.status === 200) keys.fetched(answer)
      if (answer?.status === 400 && !uncertain) problems.push(`${ids[0]} was lost`)
      if (answer?.status === 200 || answer?.status === 400) return
      // 503 as well: a daemon that follows cannot know what became of what it passed on.
      uncertain = true
      await pause(20)
    }
  }
  /** Keys made at one daemon, fetched at another place. */
  const load = async (making: Sae, fetching: () => Sae): Promise<void> => {
    while (!stopped) {
      const slave = fetching()
      const made = await once(() => making.ask('POST', `${slave.id}/enc_keys`, { number: 3 }))
      if (made?.status === 200) await fetch(slave, making.id, keys.made(made))
      await pause(20)
    }
  }
  let turn = 0
  const nextWard = (): Sae => servers[turn++ % servers.length].ward
  const loads = [
    ...servers.map(({ ward }) => load(ward, () => cambridge.ward)),
    load(cambridge.ward, nextWard),
    load(cambridge.ward, nextWard),
  ]
  const more = async (count: number): Promise<void> => {
    const before = keys.fetchedCount
    await until('keys are fetched', () => keys.fetchedCount > before + count)
  }

  await t.test('both serve, and one of them leads', async () => {
    await more(60)
    const { daemons } = await bristol.status()
    assert.deepEqual(
      daemons.map(({ name, serving }) => [name, serving]),
      [
        ['a', true],
        ['b', true],
      ],
    )
    assert.equal(daemons.filter(({ leads }) => leads).length, 1)
    for (const { name, ward } of servers) {
      assert.ok(await ward.encKeys('cambridge.ward'), name)
    }
  })

  await t.test('whichever is killed, the other serves, and no key is out twice', async () => {
    for (let kill = 0; kill < KILLS; kill++) {
      const { daemon } = servers[kill % servers.length]
      await daemon.kill()
      await more(30)
      await daemon.start()
      await more(30)
    }
    stopped = true
    await Promise.all(loads)
    assert.deepEqual(keys.problems, [])
    assert.deepEqual(problems, [])
    t.diagnostic(`${String(keys.madeCount)} keys made, ${String(keys.fetchedCount)} fetched`)
  })

  await t.test('both made keys by themselves: one from what it had borrowed', async () => {
    const kinds = new Map<string, number>()
    for (let after: string | undefined; ;) {
      const query = { limit: '1000', ...(after === undefined ? {} : { after }) }
      const entries = await bristol.admin.call('entries', query, null)
      for (const { kind } of entries) kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
      const last = entries.at(-1)
      if (last === undefined) break
      after = String(last.index)
    }
    t.diagnostic(JSON.stringify(Object.fromEntries(kinds)))
    assert.ok((kinds.get('key.lent') ?? 0) > KILLS / 2)
  })

  await t.test('log, records and keys of the hospital are whole', async () => {
    for (const site of [bristol, cambridge]) {
      const { faults } = await until(`${site.name} reads its store`, () => site.verify())
      assert.deepEqual(faults, [], site.name)
    }
  })
})
