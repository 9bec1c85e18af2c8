/**
 * `$match`: whom of the patients here a description may mean, and how sure that is.
 *
 * Looks for candidates by what is marked in the index (identifiers, day of birth, names) through
 * the same search as everybody, so that nobody is found whom the session may not see, and grades
 * each by what both say. A record that was merged into another stands for that other.
 *
 * @see FHIR R4 Patient-operation-match; extension match-grade
 * @module
 */

import { isoTime } from '#base'
import {
  demographicsOf,
  isObject,
  issuesOf,
  ISSUES_MAX,
  invalid,
  matchOf,
  parseSearch,
  wrongNhsNumbers,
  type Demographics,
  type JsonObject,
  type PatientMatch,
} from '#health'
import type { Opened } from '#vault'
import { askedBy, checkAllowed, type Answer, type Call } from './context.ts'
import { linksOf } from './links.ts'
import { replacing } from './merged.ts'
import { parametersIn } from './parameters.ts'
import { invalidRequest } from './refusal.ts'
import { servedResource } from './resources.ts'
import { askedForSearch } from './showing.ts'

/** `POST Patient/$match`. */
export async function match(call: Call): Promise<Answer> {
  await checkAllowed(call, 'search', 'Patient')
  const parameters = await parametersIn(call, KNOWN)
  const asked = demographicsOf(patientIn(parameters.get('resource')?.resource))
  if (wrongNhsNumbers(asked).length > 0) {
    throw invalidRequest('At Patient.identifier: an NHS number has another check digit')
  }
  const only = parameters.get('onlyCertainMatches')?.value ?? false
  const count = parameters.get('count')?.value ?? COUNT
  if (typeof only !== 'boolean' || typeof count !== 'number' || count < 1 || count % 1 > 0) {
    throw invalidRequest('Expected onlyCertainMatches as a boolean, count as an integer from 1')
  }
  const graded = (await gradedFor(call, asked))
    .filter(({ found }) => !only || found.grade === 'certain')
    .toSorted((a, b) => b.found.score - a.found.score || (a.opened.id < b.opened.id ? -1 : 1))
  const shown = graded.slice(0, Math.min(count, COUNT_MAX))
  const entry = shown.map(({ opened, found }) => entryOf(call, opened, found))
  const resource = {
    ...{ resourceType: 'Bundle', type: 'searchset' },
    meta: { lastUpdated: isoTime(call.options.clock.now()) },
    ...{ total: entry.length, ...(entry.length > 0 && { entry }) },
  }
  return { status: 200, resource }
}

interface Graded {
  readonly opened: Opened
  readonly found: PatientMatch
}

/** Everybody who may be meant, once each, with the best of what was found. */
async function gradedFor(call: Call, asked: Demographics): Promise<readonly Graded[]> {
  const best = new Map<string, Graded>()
  const seen = new Set<string>()
  for (const criteria of blocksOf(asked)) {
    for (const candidate of await candidatesFor(call, criteria)) {
      if (seen.has(candidate.id)) continue
      seen.add(candidate.id)
      const found = matchOf(asked, demographicsOf(candidate.value))
      if (found === undefined) continue
      const opened = await survivorOf(call, candidate)
      const known = opened && best.get(opened.id)
      if (opened === undefined || (known !== undefined && known.found.score >= found.score))
        continue
      best.set(opened.id, { opened, found })
    }
  }
  return [...best.values()]
}

/** Searches of which one at least should find whoever is meant. */
function blocksOf(asked: Demographics): readonly Criteria[] {
  const { birthDate = '', families, givens } = asked
  const swapped = birthDate.replace(/^(\d{4})-(\d\d)-(\d\d)$/, '$1-$3-$2')
  const days = birthDate.length < DAY_CHARACTERS ? [] : [birthDate, swapped]
  const names = families.flatMap((family) => givens.map((given) => [family, given] as const))
  return [
    ...asked.nhsNumbers.map((value): Criteria => [['identifier', value]]),
    ...asked.identifiers.map((value): Criteria => [['identifier', escaped(value, '|')]]),
    ...days.filter(isPossibleDay).map((value): Criteria => [['birthdate', value]]),
    ...names.map(([family, given]): Criteria => [
      ['family', escaped(family)],
      ['given', escaped(given)],
    ]),
  ].slice(0, BLOCKS_MAX)
}

type Criteria = readonly (readonly [name: string, value: string])[]

const criteriaText = (parameters: Criteria): string =>
  new URLSearchParams(parameters.map(([name, value]) => [name, value])).toString()

/** A value as a search spells it: `system|value` keeps its first bar. */
const escaped = (text: string, keep = ''): string =>
  text.replaceAll(/[\\,$|]/g, (sign) => (sign === keep ? sign : `\\${sign}`))

const isPossibleDay = (day: string): boolean => /^\d{4}-(0[1-9]|1[0-2])-\d\d$/.test(day)

async function candidatesFor(call: Call, parameters: Criteria): Promise<readonly Opened[]> {
  const { options, base } = call
  const about = { type: 'Patient', parameters, now: options.clock.now(), bases: [base] }
  const query = { ...parseSearch(about), count: CANDIDATES_MAX }
  const text = `Patient?${criteriaText(parameters)}`
  const asked = await askedForSearch(call, query, 'match', text)
  return (await options.vault.search(query, asked)).matches
}

/** The record that a merged one became part of; itself where it was not. */
async function survivorOf(call: Call, patient: Opened) {
  let now: Opened | undefined = patient
  for (let step = 0; now !== undefined && step < MERGES_MAX; step++) {
    const id: string | undefined =
      linksOf(now.value, 'replaced-by').at(0) ?? (await replacing(call, now.id)).at(0)
    if (id === undefined) return now
    const asked = askedBy(call, 'search', 'match')
    now = await call.options.vault.consult({ type: 'Patient', id }, asked)
    if (now?.isGone === true) return undefined
  }
  return now
}

function patientIn(resource: JsonObject | undefined): JsonObject {
  if (!isObject(resource) || resource['resourceType'] !== 'Patient') {
    throw invalidRequest('Expected the parameter resource with a Patient')
  }
  const issues = issuesOf(resource, 'Patient', ISSUES_MAX)
  if (issues.length > 0) throw invalid(issues)
  return resource
}

const entryOf = ({ base }: Call, opened: Opened, { grade, score }: PatientMatch): JsonObject => ({
  fullUrl: `${base}/Patient/${opened.id}`,
  resource: servedResource(opened),
  search: {
    extension: [{ url: MATCH_GRADE, valueCode: grade }],
    mode: 'match',
    score: Math.round(score * 1000) / 1000,
  },
})

const KNOWN: readonly string[] = ['resource', 'onlyCertainMatches', 'count']
const MATCH_GRADE = 'http://hl7.org/fhir/StructureDefinition/match-grade'
const DAY_CHARACTERS = 10
const COUNT = 10
const COUNT_MAX = 50
/** Patients that one search for candidates may bring. */
const CANDIDATES_MAX = 100
const BLOCKS_MAX = 24
/** Merges one after another that are followed. */
const MERGES_MAX = 8
