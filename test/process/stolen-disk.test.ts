/**
 * A thief has the whole folder of each site: database, its log ahead, sealed files, logs, and what
 * the daemon has said.
 *
 * He must find no text of six octets or more, no full date and no number of what was imported,
 * refused or received, in no usual spelling: not while the daemons run, not after `kill -9` with a
 * transfer under way, not after an orderly end. The names of FHIR's properties say nothing about
 * anybody, and are looked for all the same; the few that are words of ours too are listed below.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { HistoryEntryShape } from '#contract'
import { AdminError } from '../support/admin.ts'
import { NeedleSearch } from '../support/needles.ts'
import { octetsOf, readable, textsOf } from '../support/readable.ts'
import { cohort, needsSynthea, nhsNumbersIn, syntheaFiles } from '../support/records.ts'
import { newFolder, startTwoSites, type TestSite, type TwoSites } from '../support/two-sites.ts'

/** Words of our own (a block's sequence, a link's address, …) that FHIR uses as property names. */
const OURS: ReadonlySet<string> = new Set([
  'address',
  'issued',
  'outcome',
  'request',
  'sequence',
  'subject',
  'system',
])

test('a thief reads nothing of a patient in the whole folder of a site', async (t) => {
  const sites = await startTwoSites(t)
  const { bristol, cambridge } = sites
  const bundles = cohort(11, 10)
  const secrets = new NeedleSearch([...wordsOf(bundles), ...REFUSED_TEXTS])
  assert(secrets.texts.size > 500, `${secrets.texts.size} texts are looked for`)
  const patients = await importAll(bristol, bundles)
  await send(bristol, patients.slice(0, 4))
  await refuse(bristol)
  for (const value of bundles.flatMap(nhsNumbersIn)) {
    await bristol.admin.call('findPatient', {}, { value })
  }

  await t.test('while the daemons run', () => {
    assert(statSync(join(bristol.folder, 'state.db-wal')).size > 0, 'there is a log ahead')
    assertNothing(sites, secrets)
  })

  await t.test('after kill -9 of both, with a transfer under way', async () => {
    await cambridge.daemon.kill()
    const { state } = await bristol.admin.call(
      'send',
      {},
      { patient: patients[5], to: 'cambridge' },
    )
    assert.notEqual(state, 'delivered')
    await bristol.daemon.kill()
    assertNothing(sites, secrets)
  })

  await t.test('after the transfer was made and both have ended in good order', async () => {
    await sites.start()
    const [newest] = await bristol.admin.call('transfers', { limit: '1' }, null)
    assert.equal((await bristol.finished(newest.transfer)).state, 'delivered')
    await stop(sites)
    assertNothing(sites, secrets)
  })

  await t.test('of every file of Synthea', { skip: needsSynthea }, async (t: TestContext) => {
    await sites.start()
    const files = syntheaFiles()
    const texts = new NeedleSearch(wordsOf(files))
    assert(texts.texts.size > 5000, `${texts.texts.size} texts are looked for`)
    const [first, second] = await importAll(bristol, files)
    await send(bristol, [first, second])
    assertNothing(sites, texts)
    await stop(sites)
    assertNothing(sites, texts)
    const octets = octetsOf(bristol.folder) + octetsOf(cambridge.folder)
    t.diagnostic(`${texts.texts.size} texts, ${texts.needles} spellings, ${octets} octets searched`)
  })

  await t.test('and one text planted anywhere is found', () => {
    const [text] = REFUSED_TEXTS
    appendFileSync(join(bristol.folder, 'log', 'daemon.log'), `{"note":"x${text}"}\n`)
    assert.deepEqual(readable(bristol, secrets), [
      { text, spelling: 'plain', place: 'bristol/log/daemon.log' },
    ])
  })
})

test('a text is found in any spelling, in a part, and in the name of a file', (t) => {
  const text = 'Addenbrooke’s Hospital, Hills Road, Cambridge CB2 0QQ, on 2021-03-04'
  const search = new NeedleSearch([text, 'Yvonne'])
  const spellings: readonly (readonly [string, Buffer])[] = [
    ['plain', Buffer.from(text)],
    ['plain', Buffer.from(text).subarray(10, 65)],
    ['plain', Buffer.from('Yvonne')],
    ['utf-16', Buffer.from(text, 'utf16le')],
    ['utf-16', Buffer.from('Yvonne', 'utf16le').swap16()],
    ['hex', Buffer.from(Buffer.from(text).toString('hex'))],
    ['hex', Buffer.from(Buffer.from('Yvonne').toString('hex').toUpperCase())],
    ['base64', Buffer.from(Buffer.from('Yvonne').toString('base64url'))],
    ...[0, 1, 2].map((before) => {
      const octets = Buffer.from('x'.repeat(before) + text)
      return ['base64', Buffer.from(octets.toString('base64'))] as const
    }),
  ]
  const around = Buffer.alloc(5, 0xff)
  for (const [spelling, octets] of spellings) {
    const found = search.in(Buffer.concat([around, octets, around]), 'here')
    assert.deepEqual(
      found.map((one) => one.spelling),
      [spelling],
      octets.toString('latin1'),
    )
    assert.deepEqual(search.in(octets.subarray(0, 5), 'here'), [], 'five octets are not enough')
  }
  const folder = newFolder(t)
  mkdirSync(join(folder, 'objects'))
  writeFileSync(join(folder, 'objects', 'Yvonne.cbor'), 'nothing')
  const site = { name: 'bristol', folder, daemon: { output: '' } }
  assert.deepEqual(
    readable(site, search).map(({ place }) => place),
    ['a name'],
  )
})

test('what a link remembers is told in no word of a record', { skip: needsSynthea }, () => {
  const words = new NeedleSearch(wordsOf(syntheaFiles()))
  const told = Buffer.from(wordsOfShape(HistoryEntryShape).join('\0'))
  assert(told.includes('undecided'), 'also what is rarely written is searched')
  assert.deepEqual(words.in(told, 'a history'), [])
})

/** Property names of a shape, and every literal that it takes. */
function wordsOfShape(shape: unknown): readonly string[] {
  if (typeof shape !== 'object' || shape === null) return []
  return Object.entries(shape).flatMap(([name, inner]: [string, unknown]) => {
    if (name === 'const') return typeof inner === 'string' ? [inner] : []
    if (name === 'properties') return [...Object.keys(inner as object), ...wordsOfShape(inner)]
    return wordsOfShape(inner)
  })
}

/** Values and property names of bundles, without the names that are words of ours. */
function wordsOf(bundles: readonly Uint8Array[]): readonly string[] {
  const { values, names } = textsOf(bundles)
  return [...values, ...[...names].filter((name) => !OURS.has(name))]
}

function assertNothing({ bristol, cambridge }: TwoSites, search: NeedleSearch): void {
  for (const site of [bristol, cambridge]) {
    assert(octetsOf(site.folder) > 100_000, 'there is something to search')
    assert.deepEqual(readable(site, search), [], site.name)
  }
}

/** @returns the patients */
async function importAll(site: TestSite, bundles: readonly Uint8Array[]): Promise<string[]> {
  const patients: string[] = []
  for (const bundle of bundles) patients.push(...(await site.import(bundle)).patients)
  return patients
}

async function send(site: TestSite, patients: readonly string[]): Promise<void> {
  for (const patient of patients) {
    const { transfer } = await site.admin.call('send', {}, { patient, to: 'cambridge' })
    const { state, reason } = await site.finished(transfer)
    assert.equal(state, 'delivered', reason)
  }
}

/** What is refused must not be readable either: not in the log, and not in what the daemon says. */
async function refuse({ admin }: TestSite): Promise<void> {
  const [name, code, query] = REFUSED_TEXTS
  const patient = { resourceType: 'Patient', id: 'p', name: [{ family: name }], gender: code }
  const octets = Buffer.from(JSON.stringify(patient))
  for (const body of [octets, octets.subarray(0, 60), Buffer.from(`"${name}"`)]) {
    await assert.rejects(admin.call('importRecords', {}, body), AdminError)
  }
  assert.deepEqual(await admin.call('findPatient', {}, { value: query }), [])
  await assert.rejects(admin.call('transfer', { transfer: query }, null), AdminError)
}

/** Texts of records that are refused, and of questions that nobody answers to. */
const REFUSED_TEXTS = ['Mountweazel-Featherstonehaugh', 'undeclared-gender', 'NHS-943-476-5919']

async function stop({ bristol, cambridge }: TwoSites): Promise<void> {
  for (const { daemon } of [bristol, cambridge]) {
    await daemon.kill('SIGTERM')
    assert.equal((await daemon.ended()).status, 0)
  }
}
