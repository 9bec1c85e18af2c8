import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  hex,
  present,
  uuidOctets,
  uuidOf,
  type Row,
  type SqlValue,
  type Statement,
  type Uuid,
} from '#base'
import { ROW_OCTETS_MAX, VaultRefusal } from '#vault'
import {
  all,
  blobsOf,
  BRISTOL,
  bundleOf,
  by,
  CAMBRIDGE,
  faultsOf,
  newSite,
  resource,
  send,
  textsOf,
  type TestSite,
} from './fixture.test.ts'

/** The key of each table, which findings must name. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  vault_kek: ['site_id', 'kek'],
  vault_holder: ['holder_id'],
  vault_lookup: ['field', 'tag', 'holder_id'],
  vault_object: ['object_id'],
  vault_holding: ['holder_id', 'object_id'],
  vault_edition: ['object_id', 'edition'],
  vault_group: ['group_id'],
  vault_roll: ['group_id'],
  vault_chart: ['holder_id'],
  vault_page: ['holder_id', 'page_id'],
  vault_mark: ['object_id'],
  vault_origin: ['object_id', 'edition'],
  vault_foreign: ['group_id'],
}

const run = (site: TestSite, sql: string, ...parameters: readonly SqlValue[]): Promise<unknown> =>
  site.store.commit([{ sql, parameters } satisfies Statement])
const rowsOf = (site: TestSite, table: string): Promise<readonly Row[]> =>
  site.store.read({ sql: `select rowid as at, * from ${table} order by rowid`, parameters: [] })

/** The value with one bit changed, in the middle: of an octet, a digit or a letter. */
function changed(value: SqlValue): SqlValue {
  if (value instanceof Uint8Array) {
    const at = value.length >> 1
    return value.with(at, value[at] ^ 1)
  }
  if (typeof value === 'number') return value ^ 1
  assert(typeof value === 'string', 'a column that can be changed')
  const at = value.length >> 1
  return value.slice(0, at) + String.fromCharCode(value.charCodeAt(at) ^ 1) + value.slice(at + 1)
}

/**
 * What a scrub finds that has not seen this store before: verified groups are remembered. A vault
 * that does not even open has found its fault.
 */
async function faultsAnew(site: TestSite): Promise<string[]> {
  try {
    return await faultsOf(await site.reopen())
  } catch (error) {
    assert(error instanceof VaultRefusal, String(error))
    return [error.message]
  }
}

/** A site with records of its own in two versions, and some from another site. */
async function variedSite(): Promise<TestSite> {
  const bristol = await newSite(BRISTOL)
  const cambridge = await newSite(CAMBRIDGE)
  const organization = { resourceType: 'Organization', id: 'o', name: 'Ward' }
  const value = {
    resourceType: 'Patient',
    id: 'p',
    birthDate: '1990-12-31',
    identifier: [{ system: 'urn:local', value: '17' }],
    managingOrganization: { reference: 'Organization/o' },
  }
  const flag = (text: string): object => ({
    resourceType: 'Flag',
    id: 'f',
    status: 'active',
    code: { text },
    subject: { reference: 'Patient/p' },
  })
  const all = bundleOf(organization, value, flag('short'))
  const { patients } = await bristol.vault.importRecords(all, by)
  await send(bristol, cambridge, patients[0])
  const large = flag('x'.repeat(ROW_OCTETS_MAX))
  await cambridge.vault.importRecords(bundleOf(organization, value, large), by)
  await cambridge.vault.importRecords(resource({ ...value, active: true }), by)
  return cambridge
}

test('a sound store has no faults, and the scrub says what it checked', async () => {
  const site = await variedSite()
  const findings = await all(site.vault.scrub())
  const last = findings.at(-1)
  assert(last?.kind === 'done')
  const count = async (table: string): Promise<number> => (await rowsOf(site, table)).length
  assert.deepEqual(last, {
    kind: 'done',
    faults: 0,
    checked: {
      holders: await count('vault_holder'),
      groups: await count('vault_group'),
      objects: await count('vault_object'),
      versions: await count('vault_edition'),
      log: await count('vault_group'),
    },
  })
  assert(findings.filter(({ kind }) => kind === 'progress').length > 5)
})

test('one bit changed in any column of any row is found and named by table and id', async () => {
  const site = await variedSite()
  const names = new Set<string>()
  for (const [table, keys] of Object.entries(KEYS)) {
    const rows = await rowsOf(site, table)
    assert(rows.length > 0, `${table} has rows`)
    for (const row of rows) {
      for (const column of Object.keys(row)) {
        if (column === 'at' || row[column] === null) continue
        const where = `${table}.${column}`
        const set = `update ${table} set ${column} = ? where rowid = ?`
        await run(site, set, changed(row[column]), row['at'])
        const faults = await (table === 'vault_kek' ? faultsOf(site.vault) : faultsAnew(site))
        await run(site, set, row[column], row['at'])
        assert(faults.length > 0, where)
        const ids = keys.map((key) => spelled(row[key]))
        // In another site's name a row is as good as gone, and some can only be missed by kind.
        if (column === 'site_id' || column === 'kind') ids.push(table)
        // A key that was changed is named as it is found.
        if (keys.includes(column)) ids.push(spelled(changed(row[column])))
        const isNamed = faults.some((fault) => ids.some((id) => fault.includes(id)))
        assert(isNamed, `${where}: ${faults.join('; ')}`)
        names.add(where)
      }
    }
  }
  assert.deepEqual(await faultsOf(site.vault), [])
  assert(names.size >= 45, `${names.size} columns were changed`)
})

test('any row that is deleted is missed', async () => {
  const site = await variedSite()
  for (const table of Object.keys(KEYS)) {
    const rows = await rowsOf(site, table)
    for (const row of rows) {
      const columns = Object.keys(row).filter((column) => column !== 'at')
      await run(site, `delete from ${table} where rowid = ?`, row['at'])
      const faults = await faultsAnew(site)
      const marks = columns.map(() => '?').join(', ')
      const insert = `insert into ${table} (rowid, ${columns.join(', ')}) values (?, ${marks})`
      await run(site, insert, row['at'], ...columns.map((column) => row[column]))
      assert(
        faults.length > 0,
        `${table} without ${columns
          .map((name) => spelled(row[name]))
          .join(' ')
          .slice(0, 200)}`,
      )
    }
  }
  assert.deepEqual(await faultsOf(site.vault), [])
})

test('containers that changed places are found, both of them', async () => {
  const site = await variedSite()
  const [one, two] = (await rowsOf(site, 'vault_edition')).slice(0, 2)
  const columns = ['group_id', 'place', 'octets', 'hash', 'container']
  const set = `update vault_edition set ${columns.map((name) => `${name} = ?`).join(', ')} where rowid = ?`
  for (const swapped of [columns, ['container', 'octets', 'hash'], ['container']]) {
    const mixed = (to: Row, from: Row) =>
      columns.map((name) => (swapped.includes(name) ? from[name] : to[name]))
    await run(site, set, ...mixed(one, two), one['at'])
    await run(site, set, ...mixed(two, one), two['at'])
    const faults = (await faultsAnew(site)).join('\n')
    for (const { object_id: id } of [one, two]) assert(faults.includes(spelled(id)), swapped.join())
  }
})

test('a record cannot be moved to another patient', async () => {
  const site = await variedSite()
  const holdings = await site.store.read({
    sql: `select held.rowid as at, held.* from vault_holding held join vault_holder holder
      on holder.holder_id = held.holder_id where holder.kind = 3 and held.part = 1`,
    parameters: [],
  })
  const [one] = holdings
  const two = holdings.find((row) => spelled(row['holder_id']) !== spelled(one['holder_id']))
  assert(two !== undefined)
  await run(
    site,
    'update vault_holding set holder_id = ? where rowid = ?',
    two['holder_id'],
    one['at'],
  )
  const faults = await faultsOf(site.vault)
  assert(faults.some((fault) => fault.includes(spelled(one['object_id']))))
  await assert.rejects(textsOf(site.vault, spelled(two['holder_id']) as Uuid), isDamaged)
})

test('an old version in the place of the newest is found', async () => {
  const site = await variedSite()
  const versions = await rowsOf(site, 'vault_edition')
  const newest = versions.at(-1)
  assert(newest?.['edition'] === 2)
  const id = spelled(newest['object_id'])
  // The whole truth of version 2 taken away, as a restored backup would.
  await run(site, 'delete from vault_edition where rowid = ?', newest['at'])
  await run(site, 'update vault_object set newest = 1 where object_id = ?', newest['object_id'])
  const partly = await faultsOf(site.vault)
  assert(partly.includes(`vault_edition ${id} 2: the row is missing`), partly.join('\n'))
  await run(site, 'delete from vault_group where group_id = ?', newest['group_id'])
  const wholly = await faultsOf(site.vault)
  assert(
    wholly.some((fault) =>
      fault.startsWith(`vault_group ${spelled(newest['group_id'])}: the row is missing`),
    ),
  )
})

test('a group that the log does not name is found', async () => {
  const site = await variedSite()
  const commit = site.store.commit.bind(site.store)
  site.rig((statements) => commit(statements.filter(({ sql }) => !sql.includes('audit_entry'))))
  await site.vault.importRecords(resource({ resourceType: 'Patient', id: 'unlogged' }), by)
  const [fault, ...others] = await faultsOf(site.vault)
  assert.match(fault, /^vault_group \S+: the log does not name it$/)
  assert.deepEqual(others, [])
})

test('an entry of the log that was changed is no evidence against a group', async () => {
  const site = await variedSite()
  const [first] = await site.store.read({
    sql: "select ix, leaf from audit_entry where kind = 'vault.sealed' or kind = 'vault.received'",
    parameters: [],
  })
  const set = 'update audit_entry set leaf = ? where ix = ?'
  const put = (row: Row, octets: SqlValue): Promise<unknown> => run(site, set, octets, row['ix'])
  const named = `entry ${String(first['ix'])}`
  const inDoubt = { entriesInDoubt: new Set([Number(first['ix'])]) }
  // Not to be read at all; and well-formed, but about another group.
  await put(first, Uint8Array.of(0xff))
  assert.deepEqual(await faultsOf(site.vault), [`${named}: cannot be read`])
  assert.deepEqual(await faultsOf(site.vault, inDoubt), [])
  const leaf = Buffer.from(first['leaf'] as Uint8Array)
  const [uuid] = /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(leaf.toString('latin1')) ?? []
  assert(uuid !== undefined)
  leaf.write('00000000', leaf.indexOf(uuid))
  await put(first, Uint8Array.from(leaf))
  assert.deepEqual(await faultsOf(site.vault), [
    `vault_group 00000000${uuid.slice(8)}: the row is missing; ${named} of the log names it`,
  ])
  assert.deepEqual(await faultsOf(site.vault, inDoubt), [])
})

test('a flipped bit in a file, and a file that is gone, are found and named', async () => {
  const site = await variedSite()
  const [path] = blobsOf(site.disk)
  const file = present(site.disk.files.get(path), 'a file')
  const [{ object_id: id }] = await site.store.read({
    sql: 'select object_id from vault_edition where container is null',
    parameters: [],
  })
  for (const at of [0, 5, 30, 200, file.length - 1]) {
    site.disk.files.set(path, file.with(at, file[at] ^ 0x80))
    const faults = await faultsOf(site.vault)
    assert(faults.length > 0 && faults.every((fault) => fault.includes(spelled(id))), `octet ${at}`)
    await assert.rejects(site.vault.readRecord({ type: 'Flag', id: 'f' }, by), isDamaged)
  }
  site.disk.files.delete(path)
  const gone = `vault_edition ${spelled(id)} 1: the file of the container is missing`
  assert.deepEqual(await faultsOf(site.vault), [gone])
  site.disk.files.set(path, file)
  assert.deepEqual(await faultsOf(site.vault), [])
})

test('an item is not shown, even unopened, once its content or its site was changed', async () => {
  const site = await variedSite()
  const { object } = await site.vault.readRecord({ type: 'Flag', id: 'f', origin: BRISTOL }, by)
  const [{ container }] = await site.store.read({
    sql: 'select container from vault_edition where object_id = ?',
    parameters: [uuidOctets(object)],
  })
  const sound = container as Uint8Array
  const at = sound.length - 20
  const set = 'update vault_edition set container = ? where object_id = ?'
  await run(site, set, sound.with(at, sound[at] ^ 1), uuidOctets(object))
  await assert.rejects(site.vault.showItem(object), isDamaged)
  await run(site, set, sound, uuidOctets(object))
  assert.equal((await site.vault.showItem(object)).origin, BRISTOL)
  await run(
    site,
    "update vault_object set origin = 'cambridge' where object_id = ?",
    uuidOctets(object),
  )
  await assert.rejects(site.vault.showItem(object), isDamaged)
})

test('a damaged row does not cost the file of its container', async () => {
  const site = await variedSite()
  const files = new Map(site.disk.files)
  for (const damage of ['octets = 5', "hash = x'00'", 'group_id = object_id']) {
    await run(site, `update vault_edition set ${damage} where container is null`)
    await site.reopen()
    assert.deepEqual(site.disk.files, files, damage)
  }
  await run(site, 'delete from vault_edition where container is null')
  await site.reopen()
  assert.deepEqual(site.disk.files, files)
})

test('a reader is told which row is damaged, and gets nothing of it', async () => {
  const site = await variedSite()
  const { object } = await site.vault.readRecord({ type: 'Patient', id: 'p' }, by)
  const rows = await site.store.read({
    sql: 'select container from vault_edition where object_id = ? and edition = 2',
    parameters: [uuidOctets(object)],
  })
  const container = rows[0]['container'] as Uint8Array
  for (let at = 0; at < container.length; at += 7) {
    await run(
      site,
      'update vault_edition set container = ? where object_id = ? and edition = 2',
      container.with(at, container[at] ^ 1),
      uuidOctets(object),
    )
    await assert.rejects(
      site.vault.readRecord({ type: 'Patient', id: 'p' }, by),
      (error) =>
        isDamaged(error) && (error as VaultRefusal).facts['place'] === `vault_edition ${object} 2`,
      `octet ${at}`,
    )
  }
})

const isDamaged = (error: unknown): boolean =>
  error instanceof VaultRefusal && error.code === 'VAULT_DAMAGED'
/** A value as findings spell it: an id of ours, other octets, or a text. */
function spelled(value: SqlValue): string {
  if (!(value instanceof Uint8Array)) return String(value)
  return value.length === 16 ? uuidOf(value) : hex(value)
}
