/**
 * Bugs planted in the ports of a site, and in the accounts: each must be found by a check. A check
 * that finds none of them would be worthless.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromCbor, siteId, toCbor, type Ports, type SqlValue, type Statement } from '#base'
import type { Site } from '#site'
import type { WorldOptions, WorldState } from '#world'
import { afterwards, prepared, runErrand } from './support/errand.ts'
import { applicationsAt, noSignal } from './support/hospital.ts'
import { asked } from './support/invariants.ts'
import type { Life } from './support/life.ts'
import { seedsOr } from './support/seed.ts'

type Plant = (ports: Ports) => Ports

const [seed] = seedsOr(21)
const from: WorldState = await prepared(seed)
const bristol = siteId('bristol')
const cambridge = siteId('cambridge')

/** The world with a bug in one site, after whatever is done in it. @returns what was reported */
async function reportsOf(
  at: string,
  plant: Plant,
  act: (life: Life) => Promise<void> = runErrand,
): Promise<string> {
  const tamper: WorldOptions['tamper'] = (site, ports) => (site === at ? plant(ports) : ports)
  const life = await afterwards(from, { seed: seed + 1, tamper })
  using world = life.world
  await act(life)
  return world.violations.join('\n')
}

const mentions = (statements: readonly Statement[], text: string): boolean =>
  statements.some(({ sql }) => sql.includes(text))

/** Does something else with the commits that mention a text. */
const withCommits =
  (text: string, instead: (ports: Ports, statements: readonly Statement[]) => Commit): Plant =>
  (ports) => ({
    ...ports,
    store: {
      ...ports.store,
      commit: (statements) =>
        mentions(statements, text) ? instead(ports, statements) : ports.store.commit(statements),
    },
  })
type Commit = ReturnType<Ports['store']['commit']>

/** Acknowledges, and stores nothing. */
const lose = (_: Ports, statements: readonly Statement[]): Commit =>
  Promise.resolve(statements.map(() => []))

/** Commits, and then rewrites what is stored. */
const rewrite = (text: string, sql: string): Plant =>
  withCommits(text, async ({ store }, statements) => {
    const rows = await store.commit(statements)
    await store.commit([{ sql, parameters: [] }])
    return rows
  })

test('nothing is reported where nothing is planted', async () => {
  assert.equal(await reportsOf(bristol, (ports) => ports), '')
})

test('a store that loses an import which it has acknowledged is found', async () => {
  const reports = await reportsOf(bristol, withCommits('"vault_edition"', lose))
  assert.match(reports, /knows a patient 0 times/)
  assert.match(reports, /logs vault.sealed 1 times of 2/)
})

test('a store that loses a transfer which was receipted is found', async () => {
  const reports = await reportsOf(cambridge, withCommits('"vault_foreign"', lose))
  assert.match(reports, /was imported 0 times/)
  assert.match(reports, /lacks|logs transfer.imported of \S+ 0 times/)
})

test('keys that leave before they are used up, and come again after a crash, are found', async () => {
  const late = withCommits('update "keystore_key"', ({ clock, store }, statements) => {
    clock.after(30_000, () => void store.commit(statements).catch(() => undefined))
    return Promise.resolve(statements.map(() => []))
  })
  const reports = await reportsOf(cambridge, late, async ({ world, hospitals, keys }) => {
    const [master] = applicationsAt(world.sites[0])
    const [slave] = applicationsAt(world.sites[1])
    const asked = { number: 1, size: 256 }
    await world.run({ seconds: 5 })
    assert(await world.passing(hospitals[0].shareKeys(master, [slave], asked, world.fork())))
    world.site(cambridge).kill(1000)
    await world.run({ seconds: 20 })
    await world.passing(hospitals[0].fetchOnce(master, slave, keys.madeAt(bristol)))
  })
  assert.match(reports, /was delivered twice to cambridge/)
})

test('keys that lie elsewhere at the two ends are found', async () => {
  const reports = await reportsOf(cambridge, (ports) => ({
    ...ports,
    network: {
      ...ports.network,
      accept: (channels, take) =>
        ports.network.accept(channels, (connection) =>
          take({
            ...connection,
            receive: (heard) => connection.receive((message) => heard(moved(message))),
          }),
        ),
    },
  }))
  assert.match(reports, /differs at the two ends/)
})

test('a sealed record that changes on its way to the disk is found', async () => {
  const flip = (statements: readonly Statement[]): readonly Statement[] =>
    statements.map((one) => {
      if (!one.sql.includes('insert into "vault_edition"')) return one
      return { ...one, parameters: one.parameters.map(flipped) }
    })
  const reports = await reportsOf(
    bristol,
    withCommits('"vault_edition"', ({ store }, statements) => store.commit(flip(statements))),
  )
  assert.match(reports, /bristol refused read: VAULT_DAMAGED/)
  assert.match(reports, /bristol finds in record objects/)
})

test('an entry of a log that is rewritten is found, by the copy and by the witness', async () => {
  const copied = '(select leaf from audit_entry where ix = 0)'
  const sql = `update audit_entry set leaf = ${copied} where ix = 2`
  const reports = await reportsOf(bristol, rewrite('"vault_group"', sql), async (life) => {
    await life.log.look()
    await runErrand(life)
  })
  assert.match(reports, /the log of bristol has changed entry 2/)
  assert.match(reports, /bristol finds in entries/)
})

test('a log that loses its end is found', async () => {
  const sql = 'delete from audit_entry where ix = (select max(ix) from audit_entry)'
  const reports = await reportsOf(bristol, rewrite('"vault_group"', sql))
  assert.match(reports, /bristol logs vault.filed \d times of/)
})

test('a text of a patient in a line of a log is found', async () => {
  let text = ''
  const leak: Plant = (ports) => ({
    ...ports,
    log: { write: (level, event) => ports.log.write(level, event, { text }) },
  })
  const reports = await reportsOf(bristol, leak, async (life) => {
    text = life.charts[0].charts[0].nhsNumber
    await runErrand(life, () => {
      servingAt(life, bristol).parts.options.ports.log.write('info', 'planted')
    })
  })
  assert.match(reports, /a log holds a text of 10 octets of a record/)
})

test('a pool with a withdrawal that never arrives is found', async () => {
  const mute: Plant = (ports) => ({
    ...ports,
    network: {
      ...ports.network,
      dial: async (peer, channel) => {
        const connection = await ports.network.dial(peer, channel)
        return {
          ...connection,
          send: (octets) =>
            Buffer.from(octets).includes('kme/') ? Promise.resolve() : connection.send(octets),
        }
      },
    },
  })
  const reports = await reportsOf(bristol, mute, (life) => life.conclude({ growing: false }))
  assert.match(reports, /bristol and cambridge share no key in calm/)
  assert.match(reports, /bristol has not settled|the ends of bristol-cambridge count/)
})

test('keys that do not grow again are found', async () => {
  const reports = await reportsOf(
    bristol,
    (ports) => ports,
    (life) => life.conclude(),
  )
  assert.match(reports, /keys do not grow although all faults are over/)
})

test('a site that cannot start again is found', async () => {
  let starts = 0
  const reports = await reportsOf(
    bristol,
    (ports) => {
      const gone = starts++ > 0
      const read = (path: string) =>
        gone && path.includes('root') ? Promise.resolve(undefined) : ports.disk.read(path)
      return { ...ports, disk: { ...ports.disk, read } }
    },
    async (life) => {
      await life.world.run({ seconds: 5 })
      life.world.site(bristol).kill(1000)
      await life.conclude()
    },
  )
  assert.match(reports, /bristol cannot start/)
  assert.match(reports, /not every site comes up/)
})

test('a bug that a peer meets is found in the log, and one that a caller meets at once', async () => {
  const bug = withCommits('"session_epoch"', () => Promise.reject(new TypeError('planted')))
  const send = async ({ world, hospitals, charts }: Life): Promise<void> => {
    const kept = world.passing(hospitals[0].importChart(charts[0].charts[0], 0, world.fork()))
    await world.passing(hospitals[0].send(await kept, world.sites[1], 'require-quantum'))
    await world.run({ minutes: 1 })
  }
  assert.match(await reportsOf(cambridge, bug, send), /cambridge logs an internal error/)
  const broken = withCommits('"vault_edition"', () => Promise.reject(new TypeError('planted')))
  const met = await reportsOf(bristol, broken, async ({ world, hospitals, charts }) => {
    await world.run({ seconds: 5 })
    void hospitals[0].importChart(charts[0].charts[0], 0, world.fork())
    await world.run({ seconds: 5 })
  })
  assert.match(met, /bristol failed at import: TypeError/)
})

test('a request that is never answered is found', async () => {
  const silent = withCommits('"vault_edition"', () => new Promise(() => undefined))
  const reports = await reportsOf(bristol, silent, async ({ world, hospitals, charts }) => {
    await world.run({ seconds: 5 })
    void hospitals[0].importChart(charts[0].charts[0], 0, world.fork())
    await world.run({ minutes: 11 })
  })
  assert.match(reports, /bristol has not answered import/)
})

test('a transfer under less than its mode asks for, or under a key that was served, is found', async () => {
  const reports = await reportsOf(
    bristol,
    (ports) => ports,
    async (life) => {
      const { world, hospitals, charts, records, keys } = life
      const [chart] = charts[0].charts
      const kept = await world.passing(hospitals[0].importChart(chart, 0, world.fork()))
      const [, peer] = world.sites
      await world.passing(hospitals[0].send(kept, peer, 'require-quantum'))
      await world.run({ seconds: 5 })
      const { keystore, links } = servingAt(life, bristol).parts
      for (const { link } of links) {
        await world.passing(keystore.quarantine({ link, cause: 'planted' }))
      }
      await world.passing(hospitals[0].send(kept, peer, 'prefer-quantum'))
      await world.run({ seconds: 5 })
      // The account is told another mode, and that an application has the key of the first.
      const [strong, weak] = records.transfers
      records.transfers[1] = { ...weak, mode: 'require-quantum' }
      const first = await asked(world, world.sites[0], (site) =>
        site.admin.transfer({ transfer: strong.transfer }, null, noSignal()),
      )
      const key_ID = first.protection?.keyIds[0] ?? ''
      keys.gaveToMaster({ site: bristol, sae: 'a' }, ['b'], [{ key_ID, key: 'AA==' }])
      await life.conclude({ growing: false })
    },
  )
  assert.match(reports, /went without a quantum key/)
  assert.match(reports, /of a session was served as well/)
})

function servingAt({ world }: Life, name: string): Site {
  const { serving } = world.site(name)
  assert(serving !== undefined, `${name} serves`)
  return serving
}

/** One bit of the longest octets changed. */
function flipped(value: SqlValue): SqlValue {
  if (!(value instanceof Uint8Array) || value.length < 100) return value
  const changed = value.slice()
  changed[changed.length - 1] ^= 1
  return changed
}

/** An activation whose keys lie 32 octets further on; any other message as it is. */
function moved(message: Uint8Array): Uint8Array {
  if (!Buffer.from(message).includes('kme/activate')) return message
  const question = fromCbor(message, 2 ** 20) as { payload: Uint8Array }
  const batch = fromCbor(question.payload, 2 ** 20) as { messages: readonly Uint8Array[] }
  const messages = batch.messages.map((one) => {
    const activation = fromCbor(one, 2 ** 20) as { ranges: readonly (readonly number[])[] }
    const ranges = activation.ranges.map(([epoch, sequence, first, octets]) => {
      return [epoch, sequence, first + 32, octets]
    })
    return toCbor({ ...activation, ranges })
  })
  return toCbor({ ...question, payload: toCbor({ ...batch, messages }) })
}
