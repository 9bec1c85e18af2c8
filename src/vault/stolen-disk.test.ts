import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { concat, hex, textOf, utf8 } from '#base'
import { finish, generateCohort, HealthRefusal, readImportSteps, stringsOf } from '#health'
import { BRISTOL, by, CAMBRIDGE, dump, newSite, ROOT, send, type TestSite } from './fixture.test.ts'

/** Needles of a haystack that occur in it: all at once, in one pass. */
function found(haystack: Uint8Array, needles: Iterable<string>): string[] {
  const byStart = new Map<number, Uint8Array[]>()
  // Which beginnings of three octets occur at all: most places of a haystack are passed by this.
  const begins = new Uint8Array(2 ** 24)
  for (const needle of needles) {
    const octets = utf8(needle)
    const start = startOf(octets, 0)
    byStart.set(start, [...(byStart.get(start) ?? []), octets])
    begins[threeOf(octets, 0)] = 1
  }
  const hits = new Set<string>()
  for (let at = 0; at + START_OCTETS <= haystack.length; at++) {
    if (begins[threeOf(haystack, at)] === 0) continue
    for (const needle of byStart.get(startOf(haystack, at)) ?? []) {
      const part = haystack.subarray(at, at + needle.length)
      if (Buffer.compare(part, needle) === 0) hits.add(textOf(needle))
    }
  }
  return [...hits]
}

/** The first six octets as one number. */
const startOf = (octets: Uint8Array, at: number): number =>
  threeOf(octets, at) * 2 ** 24 + threeOf(octets, at + 3)
const threeOf = (octets: Uint8Array, at: number): number =>
  octets[at] | (octets[at + 1] << 8) | (octets[at + 2] << 16)
const START_OCTETS = 6

/** Everything that a thief of this site's disk has: rows, schema and files, with their names. */
async function stolen({ store, disk }: TestSite): Promise<Uint8Array> {
  const files = [...disk.files].flatMap(([path, octets]) => [utf8(path), octets])
  // Kept apart, so that no text arises where two values meet.
  const parts = [...(await dump(store)), ...files]
  return Buffer.concat(parts.flatMap((part) => [part, Uint8Array.of(0)]))
}

/** Every text of what was imported that has six octets or more, and every full date. */
function textsIn(bundles: readonly Uint8Array[]): Set<string> {
  const texts = new Set<string>()
  for (const octets of bundles) {
    for (const { value } of finish(readImportSteps(octets, () => 'new-id'))) {
      for (const text of stringsOf(value)) texts.add(text)
    }
  }
  return texts
}

async function assertNothingReadable(bundles: readonly Uint8Array[]): Promise<void> {
  const bristol = await newSite(BRISTOL)
  const cambridge = await newSite(CAMBRIDGE)
  for (const octets of bundles) await bristol.vault.importRecords(octets, by)
  for (const { patient } of await bristol.vault.patients()) await send(bristol, cambridge, patient)
  const texts = textsIn(bundles)
  assert(texts.size > 300, `${texts.size} texts were looked for`)
  for (const site of [bristol, cambridge]) {
    const disk = await stolen(site)
    assert.deepEqual(found(disk, texts), [])
    assert.deepEqual(found(disk, [hex(ROOT), textOf(ROOT)]), [])
    const [some] = texts
    assert.deepEqual(
      found(concat(disk, utf8(some)), texts),
      [some],
      'the search finds what is there',
    )
  }
}

test('nothing of the built-in cohort can be read from rows, schema or files', async () => {
  const large = {
    resourceType: 'Binary',
    id: 'scan',
    contentType: 'text/plain',
    data: Buffer.from('A letter that is long enough to be a file. '.repeat(2000)).toString(
      'base64',
    ),
  }
  await assertNothingReadable([
    ...[...generateCohort({ seed: 4, patients: 6 })].map(({ octets }) => octets),
    utf8(JSON.stringify(large)),
  ])
})

const data = resolve(import.meta.dirname, '../../../shared/data/fhir')
const skip = existsSync(data) ? false : 'needs ../shared/data'
const filesOf = (folder: string): Uint8Array[] =>
  readdirSync(join(data, folder))
    .map((file) => readFileSync(join(data, folder, file)))
    // The test of the whole site takes the one large chart as well; its words are the same.
    .filter(({ length }) => length < 1_000_000)

test(
  'nothing of the Synthea patients can be read from rows, schema or files',
  { skip },
  async () => {
    await assertNothingReadable(filesOf('synthea'))
  },
)

test('nothing of the HL7 examples can be read from rows, schema or files', { skip }, async () => {
  const valid = filesOf('hl7-r4-examples').filter((octets) => {
    try {
      return finish(readImportSteps(octets, () => 'new-id')).length > 0
    } catch (error) {
      assert(error instanceof HealthRefusal, String(error))
      return false
    }
  })
  await assertNothingReadable(valid)
})
