/**
 * What a thief of the database learns from the index by counting: an attack with the best knowledge
 * that he could have beside it, the exact number of patients for every name, birthday and code.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hex } from '#base'
import type { JsonObject } from '#health'
import { MARK_FIELDS } from './marks.ts'
import { bundleOf, by, newSite, type TestSite } from './fixture.test.ts'

interface Person {
  readonly family: string
  readonly birthDate: string
  readonly gender: string
  readonly code: string
}

/** Names as common as in a telephone book, birthdays nearly unique, few sexes and codes. */
const people: readonly Person[] = Array.from({ length: 120 }, (_, at) => ({
  family: familyOf(at),
  birthDate: `19${40 + (at % 50)}-0${(at % 9) + 1}-1${at % 7}`,
  gender: at % 3 === 0 ? 'male' : 'female',
  code: ['44054006', '38341003', '195967001'][at % 3],
}))

/** Half of all have one name, a sixth another; thirty have one that nobody else has. */
function familyOf(at: number): string {
  if (at < 60) return 'Smith'
  if (at < 80) return 'Jones'
  return at < 90 ? 'Khan' : `Rare${String.fromCharCode(65 + (at % 26))}${at}`
}

const chart = ({ family, birthDate, gender, code }: Person, at: number): JsonObject[] => [
  {
    ...{ resourceType: 'Patient', id: `p${at}`, gender, birthDate },
    name: [{ family }],
    identifier: [{ system: 'urn:hospital', value: `H-${at}` }],
  },
  {
    ...{ resourceType: 'Condition', id: `c${at}`, subject: { reference: `Patient/p${at}` } },
    code: { coding: [{ system: 'http://snomed.info/sct', code }] },
  },
]

async function filled(all: readonly Person[]): Promise<TestSite> {
  const site = await newSite()
  await site.vault.importRecords(bundleOf(...all.flatMap(chart)), by)
  return site
}

/** How often each tag of a field occurs, most often first. */
async function counts({ store }: TestSite, field: keyof typeof MARK_FIELDS): Promise<number[]> {
  const rows = await store.read({
    sql: 'SELECT tag FROM vault_mark WHERE field = ?',
    parameters: [MARK_FIELDS[field]],
  })
  const byTag = new Map<string, number>()
  for (const { tag } of rows) {
    const name = hex(tag as Uint8Array)
    byTag.set(name, (byTag.get(name) ?? 0) + 1)
  }
  return [...byTag.values()].toSorted((a, b) => b - a)
}

test('identifiers: every tag occurs once, so that counting tells nothing', async () => {
  const site = await filled(people)
  for (const field of ['mark-identifier', 'mark-value'] as const) {
    const found = await counts(site, field)
    assert.equal(found.length, people.length)
    assert(found.every((count) => count === 1))
  }
})

test('sexes and diagnoses: whatever they are, the same rows of marks', async () => {
  const swapped = people.map((person) => ({ ...person, gender: 'other', code: '84757009' }))
  const [one, other] = [await filled(people), await filled(swapped)]
  for (const field of Object.keys(MARK_FIELDS) as (keyof typeof MARK_FIELDS)[]) {
    assert.deepEqual(await counts(one, field), await counts(other, field), field)
  }
})

test('names: counting finds the common ones, and of rare ones only that they are rare', async () => {
  const site = await filled(people)
  const known = new Map<string, number>()
  for (const { family } of people) known.set(family, (known.get(family) ?? 0) + 1)
  const found = await counts(site, 'mark-name')
  assert.deepEqual(
    found,
    [...known.values()].toSorted((a, b) => b - a),
  )
  // A name is found where no other is as common: three names, and with them 90 patients of 120.
  const alone = [...known.values()].filter(
    (count) => [...known.values()].filter((other) => other === count).length === 1,
  )
  assert.deepEqual(
    alone.toSorted((a, b) => b - a),
    [60, 20, 10],
  )
  // Among the thirty that occur once, the best guess is right once in thirty.
  assert.equal(found.filter((count) => count === 1).length, 30)
})

test('dates of birth: a tag shows who was born on one day, and in one year, not when', async () => {
  const site = await filled(people)
  const days = await counts(site, 'mark-birth')
  const years = await counts(site, 'mark-birth-year')
  assert.equal(days.length, new Set(people.map(({ birthDate }) => birthDate)).size)
  assert.equal(years.length, new Set(people.map(({ birthDate }) => birthDate.slice(0, 4))).size)
  // Fifty years, hardly different in number: nothing tells one from another.
  assert(years[0] - (years.at(-1) ?? 0) <= 1)
})
