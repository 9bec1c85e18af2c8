/** One octet changed anywhere, a row removed, put in or moved: found, and named. @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '#base'
import { SeededRandom, type Row } from '#base'
import { addCosignatures, cosignRequest } from './cosigning.ts'
import { cosignerNameOf, noteVerifierOf } from './cosignature.ts'
import { leafOf } from './event.ts'
import { FAULTS_REPORTED_MAX, type Finding } from './findings.ts'
import { eventNumber, Place, signerFor } from './fixtures.test.ts'
import type { AuditLog } from './log.ts'
import { integrate, loadTree } from './tree-store.ts'
import { putTile } from './tables.ts'
import { verifyLog } from './verify-log.ts'
import { newWitness, type Witness } from './witness.ts'

const cambridge = signerFor(2, cosignerNameOf('photonward.example/cambridge'))

/** A log of 700 entries, 600 of them under five checkpoints, the last three cosigned. */
async function sealedPlace(): Promise<Place> {
  const place = new Place()
  const log = await place.open()
  const other = new Place('cambridge', 2)
  const { store, site } = other
  const logOf = (origin: string) => (origin === log.verifier.name ? log.verifier : undefined)
  const clock = place.time.view()
  const witness = newWitness({ site, store, clock, signer: cambridge, logOf })
  let n = 0
  for (const size of [1, 256, 300, 301, 600]) {
    const events = []
    for (; n < size; n++) events.push(log.append(eventNumber(n)))
    await place.store.commit(events)
    await log.checkpoint()
    if (size >= 300) await cosign(log, witness)
  }
  for (; n < 700; n++) await log.record(eventNumber(n))
  await witnessAnother(place)
  return place
}

async function cosign(log: AuditLog, witness: Witness): Promise<void> {
  const question = await cosignRequest(log, witness.verifier.name)
  assert(question.kind === 'request')
  const { reply } = await witness.cosign(question.request)
  assert(reply.outcome === 'cosigned')
  await addCosignatures(log, witness.verifier, reply)
}

/** The place as witness of another log, so that it has something to remember. */
async function witnessAnother(place: Place): Promise<void> {
  const other = await new Place('london', 3).filled(4)
  const witness = newWitness({
    site: place.site,
    store: place.store,
    clock: place.time.view(),
    signer: { ...place.signer, name: cosignerNameOf(place.signer.name) },
    logOf: () => other.verifier,
  })
  const question = await cosignRequest(other, witness.verifier.name)
  assert(question.kind === 'request')
  assert.equal((await witness.cosign(question.request)).reply.outcome, 'cosigned')
}

async function verify(place: Place): Promise<Finding[]> {
  const london = noteVerifierOf(new Place('london', 3).signer)
  const keys = {
    log: noteVerifierOf(place.signer),
    witnesses: [noteVerifierOf(cambridge)],
    logOf: (origin: string) => (origin === london.name ? london : undefined),
  }
  return await Array.fromAsync(verifyLog({ site: place.site, store: place.store }, keys))
}

const faultsOf = (findings: readonly Finding[]): string[] =>
  findings
    .filter(({ kind }) => kind === 'fault')
    .map((fault) => ('place' in fault ? fault.place : ''))

/** Tampers with a sealed log, and says which places a verification names. */
async function named(...damages: readonly string[]): Promise<string[]> {
  const place = await sealedPlace()
  for (const sql of damages) await place.tamper(sql)
  return faultsOf(await verify(place))
}

test('a sound log has no fault, and the report says what was checked', async () => {
  const findings = await verify(await sealedPlace())
  assert.deepEqual(findings.at(-1), {
    kind: 'done',
    faults: 0,
    checked: {
      entries: 700,
      unsealed: 100,
      tiles: 4,
      checkpoints: 5,
      cosignatures: 3,
      witnessed: 1,
    },
  })
  assert(findings.some(({ kind }) => kind === 'progress'))
  assert.deepEqual(faultsOf(findings), [])
})

test('an empty log has no fault', async () => {
  const place = new Place()
  assert.deepEqual(faultsOf(await verify(place)), [])
})

test('one flipped octet in any stored octet string is found, and its row named', async () => {
  const place = await sealedPlace()
  const random = new SeededRandom(11)
  const columns = [
    ['audit_entry', 'leaf', (row: Row) => `entry ${String(row['ix'])}`],
    ['audit_tile', 'hashes', (row: Row) => `tile ${String(row['level'])}/${String(row['ix'])}`],
    ['audit_checkpoint', 'note', (row: Row) => `checkpoint ${String(row['size'])}`],
    [
      'audit_cosignature',
      'lines',
      (row: Row) =>
        `cosignature of checkpoint ${String(row['size'])} by ${String(row['cosigner'])}`,
    ],
    ['audit_witnessed', 'note', (row: Row) => `log ${String(row['origin'])}`],
    ['audit_witnessed', 'root', (row: Row) => `log ${String(row['origin'])}`],
  ] as const
  for (const [table, column, nameOf] of columns) {
    // Entries that no checkpoint covers are not protected yet.
    const which = table === 'audit_entry' ? 'where ix < 600' : ''
    const sql = `select rowid, * from ${table} ${which}`
    const rows = await place.store.read({ sql, parameters: [] })
    for (let trial = 0; trial < 5; trial++) {
      const row = random.pick(rows)
      const octets = row[column] as Uint8Array
      const changed = octets.slice()
      changed[random.below(octets.length)] ^= 1 << random.below(8)
      const update = `update ${table} set ${column} = ? where rowid = ?`
      await place.tamper(update, changed, row['rowid'])
      assert.deepEqual(faultsOf(await verify(place)), [nameOf(row)], `${table} ${column}`)
      await place.tamper(update, octets, row['rowid'])
    }
  }
  assert.deepEqual(faultsOf(await verify(place)), [])
})

test('a changed kind, time, size or order beside the octets is found', async () => {
  const one = 'update audit_entry set'
  assert.deepEqual(await named(`${one} kind = 'key.voided' where ix = 12`), ['entry 12'])
  assert.deepEqual(await named(`${one} at = at + 1 where ix = 680`), ['entry 680'])
  const size = await named('update audit_checkpoint set size = 302 where size = 301')
  assert(size.includes('checkpoint 302'))
  const prior = await named('update audit_checkpoint set prior = 2 where size = 256')
  assert.deepEqual(prior, ['checkpoint 256'])
})

test('a removed entry is named, and no other', async () => {
  assert.deepEqual(await named('delete from audit_entry where ix = 5'), ['entry 5'])
  assert.deepEqual(await named('delete from audit_entry where ix between 250 and 260'), [
    'entries 250 to 260',
  ])
  assert.deepEqual(await named('delete from audit_entry where ix = 650'), ['entry 650'])
})

test('a truncated log is named by what its checkpoints still cover', async () => {
  assert.deepEqual(await named('delete from audit_entry where ix >= 590'), ['entries 590 to 599'])
  assert.deepEqual(await named('delete from audit_entry'), ['entries 0 to 599'])
})

test('two entries that changed places are both named', async () => {
  const swap = [
    'update audit_entry set ix = -1 where ix = 17',
    'update audit_entry set ix = 17 where ix = 400',
    'update audit_entry set ix = 400 where ix = -1',
  ]
  assert.deepEqual(await named(...swap), ['entry 17', 'entry 400'])
})

test('an entry put in is named at its place', async () => {
  const put = [
    'update audit_entry set ix = -ix - 2 where ix >= 598',
    'update audit_entry set ix = -ix - 1 where ix < 0',
    `insert into audit_entry (site_id, ix, at, kind, leaf)
       select site_id, 598, at, kind, leaf from audit_entry where ix = 3`,
  ]
  assert.deepEqual(await named(...put), ['entry 598', 'entry 599'])
})

test('a removed or shortened tile is named', async () => {
  assert.deepEqual(await named('delete from audit_tile where level = 0 and ix = 1'), ['tile 0/1'])
  assert.deepEqual(await named('delete from audit_tile where level = 1'), ['tile 1/0'])
  assert.deepEqual(await named('update audit_tile set hashes = zeroblob(32) where ix = 2'), [
    'tile 0/2',
    'tile 0/2',
  ])
})

test('a removed checkpoint is missed, in the middle and at the end', async () => {
  const middle = await named(
    'delete from audit_checkpoint where size = 300',
    'delete from audit_cosignature where size = 300',
  )
  assert.deepEqual(middle, ['checkpoint 301'])
  const end = await named(
    'delete from audit_checkpoint where size = 600',
    'delete from audit_cosignature where size = 600',
  )
  assert.deepEqual(end, ['after checkpoint 301', 'after checkpoint 301'])
  const orphan = await named('delete from audit_checkpoint where size = 600')
  assert(orphan.some((place) => place.startsWith('cosignature of checkpoint 600')))
})

test('a cosignature of a stranger, or half of one, is named', async () => {
  const stranger = "update audit_cosignature set cosigner = 'x' where size = 300"
  assert.deepEqual(await named(stranger), ['cosignature of checkpoint 300 by x'])
  const half = `update audit_cosignature
    set lines = substr(lines, 1, instr(lines, x'0a')) where size = 301`
  assert.deepEqual(await named(half), [`cosignature of checkpoint 301 by ${cambridge.name}`])
})

test('a line put in beside a signature is named, though its key is known to nobody', async () => {
  const line = utf8('\u2014 x AAAAAAAAAAAA\n').toHex()
  const beside = `update audit_cosignature set lines = lines || x'${line}' where size = 301`
  // In SQLite a concatenation is a text, so it is cast back.
  const cast = 'update audit_cosignature set lines = cast(lines as blob)'
  assert.deepEqual(await named(beside, cast), [
    `cosignature of checkpoint 301 by ${cambridge.name}`,
  ])
  const note = `update audit_checkpoint set note = cast(note || x'${line}' as blob) where size = 256`
  assert.deepEqual(await named(note), ['checkpoint 256'])
})

test('an entry rewritten together with its tiles is caught by the signed root', async () => {
  const place = await sealedPlace()
  const leaf = leafOf(eventNumber(9999))
  await place.tamper(
    'update audit_entry set leaf = ?, kind = ?, at = ? where ix = 400',
    leaf,
    eventNumber(9999).kind,
    eventNumber(9999).at,
  )
  const source = { site: place.site, store: place.store }
  const tree = await loadTree(source, undefined)
  await integrate(source, tree, 600)
  await place.store.commit(tree.takeChanged().map((tile) => putTile(place.site, tile)))
  assert.deepEqual(faultsOf(await verify(place)), ['checkpoint 600'])
  const [fault] = (await verify(place)).filter(({ kind }) => kind === 'fault')
  assert(fault.kind === 'fault')
  assert.match(fault.problem, /entries 301 to 599/)
})

test('damage in several places at once is named in all of them', async () => {
  const places = await named(
    "update audit_entry set leaf = x'00' where ix = 2",
    'delete from audit_entry where ix = 290',
    'update audit_tile set hashes = zeroblob(32) where level = 1',
    "update audit_checkpoint set note = x'00' where size = 301",
  )
  assert.deepEqual(places.toSorted(), ['checkpoint 301', 'entry 2', 'entry 290', 'tile 1/0'])
})

test('what other keys signed is not ours', async () => {
  const place = await sealedPlace()
  const thief = new Place('bristol', 66)
  const keys = { log: noteVerifierOf(thief.signer), witnesses: [], logOf: () => undefined }
  const source = { site: place.site, store: place.store }
  const findings = await Array.fromAsync(verifyLog(source, keys))
  assert.equal(faultsOf(findings).filter((name) => name.startsWith('checkpoint ')).length, 5)
})

test('a wholly rewritten log is reported within bounds, and the count is true', async () => {
  const place = await sealedPlace()
  await place.tamper("update audit_entry set leaf = x'00'")
  const findings = await verify(place)
  const done = findings.at(-1)
  assert(done?.kind === 'done')
  assert.equal(done.faults, 700)
  assert.equal(faultsOf(findings).length, FAULTS_REPORTED_MAX)
})

test('an index far away is named without walking there', async () => {
  const places = await named('update audit_entry set ix = 9007199254740000 where ix = 699')
  assert.deepEqual(places, ['entries 699 to 9007199254739999'])
  assert(utf8(places[0]).length < 100)
})
