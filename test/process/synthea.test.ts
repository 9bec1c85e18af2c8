/**
 * Every patient of Synthea goes from one hospital to the other, and is compared there resource by
 * resource with the file it came from, to the letter.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ItemView } from '#contract'
import { photonward } from '../support/processes.ts'
import {
  entriesOf,
  expectedTexts,
  needsSynthea,
  nameOf,
  readJson,
  synthea,
  syntheaFiles,
  textsByName,
  type Resource,
} from '../support/records.ts'
import { withVault } from '../support/opened-vault.ts'
import { startTwoSites, type TestSite } from '../support/two-sites.ts'

interface Imported {
  readonly entries: number
  readonly written: number
  readonly unchanged: number
  readonly patients: readonly string[]
}

test('every record of Synthea arrives as it was', { skip: needsSynthea }, async (t) => {
  const { bristol, cambridge } = await startTwoSites(t)
  const files = syntheaFiles()
  const wanted = expectedTexts(files)
  const resources = files.flatMap((file) => entriesOf(file)).map(({ resource }) => resource)
  const persons = resources.filter(({ resourceType }) => resourceType === 'Patient')

  const first = await importFolder(bristol)
  await t.test('each version is written once, and what is there already is not', async () => {
    const expected = writes(files)
    assert.deepEqual(countsOf(first), expected())
    assert.equal(first.patients.length, persons.length)
    // Some hospitals stand in two files, differently: they change each time.
    assert.deepEqual(countsOf(await importFolder(bristol)), expected())
  })

  let octets = 0
  await t.test('each patient is sent, and a receipt says how', async () => {
    for (const patient of first.patients) {
      const { transfer } = await bristol.admin.call('send', {}, { patient, to: 'cambridge' })
      const sent = await bristol.finished(transfer)
      assert.deepEqual([sent.state, sent.itemsDone], ['delivered', sent.items], sent.reason)
      assert(sent.finishedAt !== null)
      const [arrived] = await cambridge.admin.call('transfers', { limit: '1' }, null)
      assert.deepEqual([arrived.transfer, arrived.state], [transfer, 'imported'])
      assert.deepEqual(arrived.protection?.keyIds, sent.protection?.keyIds)
      octets += sent.octets
    }
  })

  const there = await cambridge.admin.call('patients', { limit: '1000' }, null)
  await t.test('every resource is at the other site to the letter, once', async () => {
    assert.equal(there.length, persons.length)
    const arrived = new Map<string, string>()
    for (const { patient } of there) {
      for (const [name, text] of textsByName(await cambridge.read(patient))) {
        assert.equal(text, wanted.get(name), name)
        const before = arrived.get(name)
        assert(before === undefined || !isPersonal(name), `${name} belongs to two patients`)
        arrived.set(name, text)
      }
    }
    const missing = [...wanted.keys()].filter((name) => isPersonal(name) && !arrived.has(name))
    assert.deepEqual(missing, [])
    t.diagnostic(`${arrived.size} resources of patients compared, ${octets} octets sent`)
  })

  await t.test('every item shows the keys and the mode that protected it', async () => {
    let items = 0
    const sessions = new Set<string>()
    for (const { patient } of there) {
      const shown = await cambridge.admin.all('items', { patient }, null)
      for (const item of shown) assertProtected(item, sessions)
      items += shown.length
    }
    assert(sessions.size >= 1 && items > 0)
    t.diagnostic(`${items} items under ${sessions.size} sessions`)
  })

  await t.test('the command line shows the same of one patient', async () => {
    const [{ patient }] = there
    const { status, stdout } = await photonward([...atSite(cambridge), 'record', 'show', patient])
    assert.equal(status, 0)
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as ItemView)
    assert.deepEqual(lines, await cambridge.admin.all('items', { patient }, null))
    const got = await photonward([...atSite(cambridge), 'record', 'get', patient])
    const { entry } = readJson(got.stdout) as { entry: readonly { resource: Resource }[] }
    const texts = entry.map(({ resource }) => JSON.stringify(resource))
    assert.deepEqual(textsByName(texts), textsByName(await cambridge.read(patient)))
    assert.equal(nameOf(entry[0].resource).split('/')[0], 'Patient')
  })

  await t.test('both sites verify', async () => {
    for (const site of [bristol, cambridge]) assert.deepEqual((await site.verify()).faults, [])
  })

  await t.test('the hospitals and people that the records refer to have come along', async () => {
    const referred = referredIn(wanted)
    assert(referred.size > 20, `${referred.size} are referred to`)
    await cambridge.daemon.kill('SIGTERM')
    await withVault(cambridge, async (read) => {
      for (const name of referred) {
        const [type, id] = name.split('/')
        assert.equal(await read({ type, id, origin: 'bristol' }), wanted.get(name), name)
      }
    })
    t.diagnostic(`${referred.size} resources that they share compared`)
  })
})

const atSite = ({ folder }: TestSite): readonly string[] => ['--json', '--site', folder]

/** Imports the whole folder of Synthea as an operator does. */
async function importFolder(site: TestSite): Promise<Imported> {
  const { status, stdout, stderr } = await photonward([
    ...atSite(site),
    ...['record', 'import', join(synthea)],
  ])
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout) as Imported
}

/** What resources of patients refer to and is not about a patient, and so on from there. */
function referredIn(texts: ReadonlyMap<string, string>): ReadonlySet<string> {
  const referred = new Set<string>()
  const follow = (text: string): void => {
    for (const [, name] of text.matchAll(/"reference":"([A-Za-z]+\/[^"]+)"/g)) {
      const next = texts.get(name)
      if (next === undefined || isPersonal(name) || referred.has(name)) continue
      referred.add(name)
      follow(next)
    }
  }
  for (const [name, text] of texts) if (isPersonal(name)) follow(text)
  return referred
}

const countsOf = ({ entries, written, unchanged }: Imported) => ({ entries, written, unchanged })

/** What an import of the files has to write, each time it is done. */
function writes(files: readonly Uint8Array[]): () => ReturnType<typeof countsOf> {
  const stored = new Map<string, string>()
  return () => {
    let [written, entries] = [0, 0]
    for (const file of files) {
      entries += entriesOf(file).length
      for (const [name, text] of expectedTexts([file])) {
        if (stored.get(name) !== text) written++
        stored.set(name, text)
      }
    }
    return { entries, written, unchanged: entries - written }
  }
}

/** Whether a resource is about a patient, and not about a hospital or its people. */
const isPersonal = (name: string): boolean =>
  !/^(Organization|Location|Practitioner|PractitionerRole|Medication)\//.test(name)

function assertProtected(item: ItemView, sessions: Set<string>): void {
  const { protection, origin, verified } = item
  assert.equal(origin, 'bristol')
  assert(verified && protection !== null)
  assert.equal(protection.used, 'hybrid-quantum')
  assert.equal(protection.keySource, 'simulated')
  assert(protection.keyIds.length > 0)
  for (const id of protection.keyIds) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-/)
  sessions.add(protection.sessionId)
}
