/**
 * One octet is changed on the disk of a site, in whatever kind of thing lies there: verification
 * names that thing, and nothing else.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { test } from 'node:test'
import { SeededRandom, uuidOf } from '#base'
import { AdminError } from '../support/admin.ts'
import { photonward } from '../support/processes.ts'
import { filesIn } from '../support/readable.ts'
import { cohort, entriesOf } from '../support/records.ts'
import { startTwoSites, type TestSite } from '../support/two-sites.ts'
import { until } from '../support/until.ts'

/** One line of what `audit verify` found. */
interface Fault {
  readonly part: string
  readonly place: string
  readonly problem: string
}

interface Verdict {
  readonly verified: boolean
  readonly checked: Readonly<Record<string, number>>
  readonly faults: readonly Fault[]
}

type Row = Readonly<Record<string, SQLInputValue>>

const random = new SeededRandom(20_260_121)

/** Changes one bit, in the middle half: first and last octets are what a careless check sees. */
function flipIn(octets: Uint8Array): void {
  const from = Math.floor(octets.length / 4)
  octets[from + random.below(Math.max(1, Math.floor(octets.length / 2)))] ^= 1 << random.below(8)
}

/** Changes one bit of a column in some row. @returns the row as it was */
function flipRow(folder: string, table: string, column: string, where = '1 = 1'): Row {
  using database = new DatabaseSync(join(folder, 'state.db'), { timeout: 5000 })
  const rows = database
    .prepare(`select rowid as row, * from ${table} where length(${column}) > 0 and ${where}`)
    .all() as (Row & { readonly row: number })[]
  assert(rows.length > 0, `${table} has a row to change`)
  const chosen = rows[random.below(rows.length)]
  const octets = Uint8Array.from(chosen[column] as Uint8Array)
  flipIn(octets)
  const set = `update ${table} set ${column} = ? where rowid = ?`
  database.prepare(set).run(octets, chosen.row)
  return chosen
}

/** Puts a column of a row back. */
function mendRow(folder: string, table: string, column: string, row: Row): void {
  using database = new DatabaseSync(join(folder, 'state.db'), { timeout: 5000 })
  const set = `update ${table} set ${column} = ? where rowid = ?`
  database.prepare(set).run(row[column], row['row'])
}

function flipFile(file: string): void {
  const octets = readFileSync(file)
  flipIn(octets)
  writeFileSync(file, octets)
}

const uuidIn = (value: SQLInputValue): string => uuidOf(value as Uint8Array)

/** One change of a stopped site, and what must be named for it. */
interface Change {
  readonly what: string
  /** @returns the place that must be named, and no other */
  readonly make: (folder: string) => string
}

const inRow = (
  table: string,
  column: string,
  named: (row: Row) => string,
  where?: string,
): Change => ({
  what: `${table}.${column}`,
  make: (folder) => named(flipRow(folder, table, column, where)),
})

const text = (value: SQLInputValue): string => {
  assert(typeof value === 'number' || typeof value === 'string')
  return `${value}`
}
const blockOf = ({ link, epoch, sequence }: Row): string =>
  `${text(link)} block ${text(epoch)}/${text(sequence)}`

const CHANGES: readonly Change[] = [
  inRow('vault_edition', 'container', ({ object_id, edition }) => {
    return `vault_edition ${uuidIn(object_id)} ${text(edition)}`
  }),
  inRow('vault_group', 'manifest', ({ group_id }) => `vault_group ${uuidIn(group_id)}`),
  inRow('vault_foreign', 'statement', ({ group_id }) => `vault_foreign ${uuidIn(group_id)}`),
  inRow(
    'vault_holder',
    'wrapped',
    ({ holder_id }) => `vault_holder ${uuidIn(holder_id)}`,
    'kind = 3',
  ),
  inRow('audit_entry', 'leaf', ({ ix }) => `entry ${text(ix)}`),
  inRow('audit_tile', 'hashes', ({ level, ix }) => `tile ${text(level)}/${text(ix)}`),
  inRow('audit_checkpoint', 'note', ({ size }) => `checkpoint ${text(size)}`),
  inRow('keystore_segment', 'sealed', (row) => `${blockOf(row)} segment ${text(row['segment'])}`),
  inRow('keystore_block', 'origin', blockOf, "state = 'available'"),
  {
    what: 'a sealed file',
    make: (folder) => {
      const [file] = filesIn(join(folder, 'blobs'))
      flipFile(file)
      using database = new DatabaseSync(join(folder, 'state.db'), { timeout: 5000 })
      const hash = Uint8Array.fromHex(basename(file))
      const select = 'select object_id, edition from vault_edition where hash = ?'
      const row = database.prepare(select).get(hash) as Row
      return `vault_edition ${uuidIn(row['object_id'])} ${text(row['edition'])}`
    },
  },
  {
    what: 'the wrapping keys of a key block',
    make: (folder) => {
      const files = filesIn(join(folder, 'keys'))
      const file = files[random.below(files.length)]
      const before = readFileSync(file)
      flipFile(file)
      const at = readFileSync(file).findIndex((octet, place) => octet !== before[place])
      const block = basename(file).replace('-', '/')
      return `bristol-cambridge block ${block} segment ${Math.floor(at / SLOT_OCTETS)}`
    },
  },
]

/** Octets of the wrapping key of one segment, in the file of its block. */
const SLOT_OCTETS = 64

async function verifyStoppedSite(folder: string): Promise<{ status: number | null } & Verdict> {
  const args = ['--site', folder, '--json', 'audit', 'verify', '--stopped']
  const { status, stdout } = await photonward(args)
  return { status, ...(JSON.parse(stdout) as Verdict) }
}

test('one changed octet on a disk is found and named, and nothing else is', async (t) => {
  const sites = await startTwoSites(t)
  const { bristol, cambridge } = sites
  const patients = await fill(bristol, cambridge)

  await t.test('in a running site, which shows nothing of the changed record', async () => {
    const [victim, other] = patients
    const whole = await cambridge.read(victim)
    const [item] = await cambridge.admin.all('items', { patient: victim }, null)
    const where = `object_id = x'${item.object.replaceAll('-', '')}'`
    const row = flipRow(cambridge.folder, 'vault_edition', 'container', where)
    const { faults } = await verifyRunning(cambridge)
    assert.deepEqual(faults, [`vault_edition ${item.object} 1`])
    await assert.rejects(cambridge.read(victim), (error) => {
      return error instanceof AdminError && error.code === 'VAULT_DAMAGED'
    })
    assert((await cambridge.read(other)).length > 0, 'the record of anybody else is there')
    mendRow(cambridge.folder, 'vault_edition', 'container', row)
    assert.deepEqual(await verifyRunning(cambridge), { status: 0, faults: [] })
    assert.deepEqual(await cambridge.read(victim), whole)
  })

  await t.test('in the log of a running site', async () => {
    const row = flipRow(cambridge.folder, 'audit_entry', 'leaf', 'ix < 10')
    const found = await verifyRunning(cambridge)
    mendRow(cambridge.folder, 'audit_entry', 'leaf', row)
    assert.deepEqual(found, { status: 5, faults: [`entry ${text(row['ix'])}`] })
    assert.deepEqual(await verifyRunning(cambridge), { status: 0, faults: [] })
  })

  for (const { daemon } of [bristol, cambridge]) await daemon.kill('SIGTERM')
  const copy = join(sites.folder, 'copy')
  const anew = (): void => {
    rmSync(copy, { recursive: true, force: true })
    cpSync(cambridge.folder, copy, { recursive: true })
  }

  await t.test('nothing is found where nothing was changed', async () => {
    anew()
    const { status, verified, checked, faults } = await verifyStoppedSite(copy)
    assert.deepEqual({ status, verified, faults }, { status: 0, verified: true, faults: [] })
    for (const part of ['entries', 'cosignatures', 'record versions', 'key segments']) {
      assert(checked[part] > 0, `${part}: ${checked[part]}`)
    }
  })

  for (const { what, make } of CHANGES) {
    await t.test(`in ${what} of a stopped site`, async () => {
      anew()
      const place = make(copy)
      const { status, verified, faults } = await verifyStoppedSite(copy)
      assert.deepEqual({ status, verified }, { status: 5, verified: false })
      // A block whose origin was changed may be named segment by segment.
      const whole = / segment /.test(place) ? /$/ : / segment \d+$/
      const places = new Set(faults.map((fault) => fault.place.replace(whole, '')))
      assert.deepEqual([...places], [place])
      for (const { problem } of faults) assert.match(problem, /^[a-z][\w ,;:'-]+$/)
    })
  }

  for (const file of SEALED_FILES) {
    await t.test(`in ${file}: such a site is not opened at all`, async () => {
      anew()
      flipFile(join(copy, file))
      const { status, stderr } = await photonward(['--site', copy, '--json', 'serve'])
      assert.notEqual(status, 0, stderr)
      const { error } = JSON.parse(stderr) as { error: { code: string } }
      assert.match(error.code, /^(SEALED_INVALID|GRANT_INVALID|ROOT_KEY_DAMAGED)$/)
    })
  }

  await t.test(
    'in a key that all records need: such a site is not opened, and it is named',
    async () => {
      anew()
      const { holder_id: holder } = flipRow(copy, 'vault_holder', 'wrapped', 'kind = 0')
      const verify = ['--site', copy, '--json', 'audit', 'verify', '--stopped']
      for (const command of [verify, ['--site', copy, '--json', 'serve']]) {
        const { status, stderr } = await photonward(command)
        assert.notEqual(status, 0)
        const { error } = JSON.parse(stderr) as { error: { code: string; message: string } }
        assert.equal(error.code, 'VAULT_DAMAGED')
        assert.match(error.message, new RegExp(`^vault_holder ${uuidIn(holder)}: `))
      }
    },
  )

  await t.test('in the statement of a peer: it is left out, and named', async () => {
    anew()
    flipFile(join(copy, 'peers', 'bristol.statement'))
    const { status, faults } = await verifyStoppedSite(copy)
    assert.equal(status, 5)
    assert.equal(faults[0].place, 'peers/bristol.statement')
  })
})

/** Files on which everything else rests. */
const SEALED_FILES = [
  'root.key',
  'identity.sealed',
  'grant.cbor',
  'anchors.cbor',
  'revocation.cbor',
]

/** What a running site says of itself over the command line: places of faults, and exit status. */
async function verifyRunning(site: TestSite): Promise<{ status: number | null; faults: string[] }> {
  const { status, stdout } = await photonward(['--site', site.folder, '--json', 'audit', 'verify'])
  const { faults } = JSON.parse(stdout) as Verdict
  return { status, faults: faults.map(({ place }) => place) }
}

/** Records at both sites, some of them sent, one in a file, and a log that is cosigned. */
async function fill(bristol: TestSite, cambridge: TestSite): Promise<readonly string[]> {
  const [organisations, ...bundles] = cohort(5, 4)
  await bristol.import(organisations)
  for (const bundle of bundles) {
    for (const patient of (await bristol.import(bundle)).patients) {
      const { transfer } = await bristol.admin.call('send', {}, { patient, to: cambridge.name })
      assert.equal((await bristol.finished(transfer)).state, 'delivered')
    }
  }
  const [, another] = cohort(6, 1)
  await cambridge.import(withScan(another))
  await until('the log is cosigned', async () => {
    const { witnesses, checkpointSize } = await cambridge.status()
    return witnesses.some(({ size }) => size > 0 && size >= checkpointSize - 1)
  })
  const patients = await cambridge.admin.call('patients', {}, null)
  return patients.map(({ patient }) => patient)
}

/** A bundle with one document more, so large that its container is a file. */
function withScan(bundle: Uint8Array): string {
  const entry = entriesOf(bundle)
  const [patient] = entry.filter(({ resource }) => resource.resourceType === 'Patient')
  const scan = {
    resourceType: 'DocumentReference',
    id: 'scan',
    status: 'current',
    subject: { reference: patient.fullUrl },
    content: [{ attachment: { data: Buffer.alloc(SCAN_OCTETS, 7).toString('base64') } }],
  }
  const request = { method: 'POST', url: 'DocumentReference' }
  const fullUrl = 'urn:uuid:7f9cbd0a-9f1b-4a4e-8f53-000000000001'
  const more = [...entry, { fullUrl, resource: scan, request }]
  return JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry: more })
}

const SCAN_OCTETS = 150_000
