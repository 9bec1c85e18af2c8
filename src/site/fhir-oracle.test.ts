/**
 * The laws of every answer, held against a slow, obviously correct oracle:
 *
 * - it repeats no words that the oracle would not show to whoever asks;
 * - it is the same where all that the oracle hides says something else, or is not there at all. So no
 *   count, order, page, chain or grade of a match tells anything of it.
 *
 * How long an answer takes is not looked at.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { epochMs, HOUR_MS, isoTime } from '#base'
import type { Session } from '#fhir'
import {
  askers,
  callerOf,
  charts,
  oracleOf,
  PATIENTS,
  writtenIn,
  type Asker,
  type Chart,
  type DecidedServer,
  type Shown,
  type Spelling,
  type Written,
} from './fhir-charts.test.ts'
import { newDecidedServer, staff } from './fhir-fixture.test.ts'
import { sessionFor } from './fhir-session.ts'
import { toldBy, WAYS, type Ask, type Told, type Way } from './fhir-ways-out.test.ts'

interface Given {
  readonly charts: readonly Chart[]
  readonly asker: Asker
  /** Whether what is hidden altogether is not there in the other store, by patient. */
  readonly absent: readonly boolean[]
}

const given: fc.Arbitrary<Given> = fc.record({
  charts: fc.tuple(charts, charts, charts),
  asker: askers,
  absent: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
})

type Through = (session: Session) => Session

async function fill(site: DecidedServer, store: readonly Written[]): Promise<void> {
  for (const { name, value } of store) {
    const { status, text } = await site.his(`PUT /${name}`, { body: value })
    assert(status === 201 || status === 200, text)
  }
}

/** The store of a hospital by chance. */
function storeOf(site: Given, at: string, spelling?: (name: string, version: number) => Spelling) {
  const member = PATIENTS.map((id) => ({ entity: { reference: `Patient/${id}` } }))
  const value = { resourceType: 'Group', id: 'g', type: 'person', actual: true, member }
  // Before any consent is there, which would keep the system from writing.
  const group = { name: 'Group/g', words: 'first-Group', maskable: 'first-Group', value }
  const written = site.charts.map((chart, index) =>
    writtenIn({ id: PATIENTS[index], chart, at }, spelling),
  )
  return [group, ...written.flat()]
}

/** The same hospital, where whatever the oracle hides is otherwise. */
function otherStore(
  one: Given,
  { at, store, seen }: { at: string; store: readonly Written[]; seen: readonly Shown[] },
): readonly Written[] {
  const shownOf = new Map<string, Shown[]>()
  for (const [index, { name }] of store.entries()) {
    shownOf.set(name, [...(shownOf.get(name) ?? []), seen[index]])
  }
  const other = storeOf(one, at, (name, version) => {
    const shown = shownOf.get(name)?.[version - 1]?.kind
    return {
      word: shown === 'hidden' ? 'other' : 'first',
      maskable: shown === 'whole' ? 'first' : 'other',
    }
  })
  const gone = new Set(PATIENTS.filter((_, index) => one.absent[index]))
  return other.filter(({ name }) => {
    const isHidden = shownOf.get(name)?.every(({ kind }) => kind === 'hidden') === true
    const patient = PATIENTS.find((id) => name.endsWith(id))
    return !(isHidden && patient !== undefined && gone.has(patient))
  })
}

/** What is wrong about the answers to these ways of asking. */
async function breaches(
  one: Given,
  ways: readonly Way[],
  through: Through = (session) => session,
): Promise<readonly string[]> {
  const site = await newDecidedServer()
  const at = isoTime(epochMs(site.clock.now() - HOUR_MS))
  const store = storeOf(one, at)
  await fill(site, store)
  const caller = callerOf(site, one.asker)
  const seen = await oracleOf(site, caller, store)
  const other = await newDecidedServer()
  await fill(other, otherStore(one, { at, store, seen }))
  const session = (): Session => through(sessionFor(site.deciding, caller))
  const found: string[] = []
  for (const way of ways) {
    const told = await toldBy(askerAt(site, session), way)
    found.push(...repeated(way, told, { store, seen }))
    const elsewhere = await toldBy(askerAt(other, session), way)
    const [here, there] = [told.said, elsewhere.said].map((said) => JSON.stringify(said))
    if (here !== there) found.push(`${way.line} tells ${here}, and ${there} elsewhere`)
  }
  return found
}

const askerAt =
  (site: DecidedServer, session: () => Session): Ask =>
  (line, options) =>
    site.as(staff('nurse'))(line, { ...options, through: session })

/** Words in an answer that it must not repeat; what the question said itself does not count. */
function repeated(
  { line, body }: Way,
  { text }: Told,
  { store, seen }: { store: readonly Written[]; seen: readonly Shown[] },
): readonly string[] {
  const asked = `${line}${JSON.stringify(body ?? {})}`
  return store.flatMap(({ name, words, maskable }, index) => {
    const shown = seen[index]
    const isMasked = shown.kind === 'masked' && shown.elements.has('identifier')
    const forbidden = [
      ...(shown.kind === 'hidden' ? [words] : []),
      ...(name.startsWith('Patient/') && (shown.kind === 'hidden' || isMasked) ? [maskable] : []),
    ]
    return forbidden
      .filter((word) => text.includes(word) && !asked.includes(word))
      .map((word) => `${line} repeats ${word}`)
  })
}

test('no way out repeats what the oracle hides, nor changes with it', async () => {
  await fc.assert(
    fc.asyncProperty(given, fc.subarray([...WAYS], { minLength: 40 }), async (one, ways) => {
      assert.deepEqual(await breaches(one, ways), [])
    }),
    { seed: 52, numRuns: 10 },
  )
})

/** What is hidden from nurses, for nobody ties them, and from services, for the patients deny it. */
const FORGOTTEN = [
  { action: 'read', role: 'nurse', consent: 'none' },
  { action: 'history', role: 'nurse', consent: 'none' },
  { action: 'search', role: 'nurse', consent: 'none' },
  { action: 'export', role: 'service', consent: 'deny' },
] as const

test('a server that forgets to decide on one path is found out', async () => {
  for (const { action, role, consent } of FORGOTTEN) {
    const chart: Chart = {
      ...{ seen: 'nobody', ward: 'w2', inEmergency: false, isSensitive: false },
      ...{ wasSensitive: false, consent, isFamous: false },
    }
    const asker = { role, purpose: 'TREAT', scope: undefined } as const
    const one = { charts: [chart, chart, chart], asker, absent: [false, true, false] }
    assert.deepEqual(await breaches(one, WAYS), [], action)
    const forgetting: Through = (session) => ({
      ...session,
      decide: (facts) => (facts.action === action ? { permit: true } : session.decide(facts)),
    })
    assert((await breaches(one, WAYS, forgetting)).length > 0, action)
  }
})
