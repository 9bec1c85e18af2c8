/**
 * Whether two descriptions of a patient are of one person: by number, or by what is likely.
 *
 * The same NHS number and date of birth make it certain. Otherwise each thing that both say adds
 * the logarithm of how much more often it agrees for one person than for two (Fellegi and Sunter);
 * what one of them leaves out says nothing. The weights are those of a British hospital's register
 * as rough figures, named below: they order and they warn, they do not measure.
 *
 * Never a reason to merge by itself: even `certain` is a proposal to a person.
 *
 * @see Fellegi and Sunter, J. Am. Stat. Assoc. 64 (1969), 1183; FHIR R4 Patient-operation-match
 * @module
 */

import { isObject, type Json, type JsonObject } from './json.ts'
import { isNhsNumber } from './nhs-number.ts'
import { identifiersOf, NHS_NUMBER_SYSTEM } from './ownership.ts'
import { fold } from './search/fold.ts'

/** Of the value set match-grade; what is less than possible is none. */
export type MatchGrade = 'certain' | 'probable' | 'possible'

export interface PatientMatch {
  readonly grade: MatchGrade
  /** How likely they are one person, 0 to 1. */
  readonly score: number
}

/** What a resource tells of who somebody is; texts folded. */
export interface Demographics {
  readonly nhsNumbers: readonly string[]
  /** Other identifiers, as `system|value`. */
  readonly identifiers: readonly string[]
  readonly families: readonly string[]
  readonly givens: readonly string[]
  readonly birthDate: string | undefined
  readonly gender: string | undefined
  /** Without spaces. */
  readonly postcodes: readonly string[]
  /** Telephone numbers and addresses of mail: their last ten letters or digits. */
  readonly contacts: readonly string[]
}

/** What a Patient says of who it is. */
export function demographicsOf(patient: JsonObject): Demographics {
  const names = objectsIn(patient['name']).filter(({ use }) => use !== 'nickname')
  const identifiers = identifiersOf(patient)
  return {
    nhsNumbers: identifiers
      .filter(({ system }) => system === NHS_NUMBER_SYSTEM)
      .map(({ value }) => value),
    identifiers: identifiers
      .filter(({ system }) => system !== NHS_NUMBER_SYSTEM && system !== '')
      .map(({ system, value }) => `${system}|${value}`),
    families: foldedIn(names.map(({ family }) => family)),
    givens: foldedIn(names.flatMap(({ given }) => (Array.isArray(given) ? given : []))),
    birthDate: textIn(patient['birthDate']),
    gender: textIn(patient['gender']),
    postcodes: foldedIn(objectsIn(patient['address']).map(({ postalCode }) => postalCode)).map(
      (code) => code.replaceAll(' ', ''),
    ),
    contacts: foldedIn(objectsIn(patient['telecom']).map(({ value }) => value)).map((text) =>
      text.replaceAll(/[^a-z0-9@]/g, '').slice(-CONTACT_CHARACTERS),
    ),
  }
}

/** NHS numbers that cannot be such. */
export const wrongNhsNumbers = ({ nhsNumbers }: Demographics): readonly string[] =>
  nhsNumbers.filter((number) => !isNhsNumber(number))

/** How two descriptions stand to each other; undefined where they are hardly of one person. */
export function matchOf(asked: Demographics, known: Demographics): PatientMatch | undefined {
  const numbers = anyOf(asked.nhsNumbers, known.nhsNumbers)
  const isSameDay = asked.birthDate !== undefined && asked.birthDate === known.birthDate
  const isFullDay = asked.birthDate?.length === DATE_CHARACTERS
  if (numbers === 'same' && isSameDay && isFullDay) return { grade: 'certain', score: 1 }
  const weight = COMPARISONS.reduce((sum, { compare, weights }) => {
    const found = compare(asked, known)
    return sum + (found === undefined ? 0 : weights[found])
  }, PRIOR)
  const likely = 1 / (1 + 2 ** -weight)
  // Two numbers are two people until somebody has looked; and one number is worth a look.
  const score = numbers === 'other' ? Math.min(likely, POSSIBLE_MOST) : likely
  if (score >= PROBABLE) return { grade: 'probable', score }
  return score >= POSSIBLE || numbers === 'same' ? { grade: 'possible', score } : undefined
}

type Agreement = 'same' | 'near' | 'other'

interface Comparison {
  /** Undefined where one of the two says nothing. */
  readonly compare: (a: Demographics, b: Demographics) => Agreement | undefined
  /** Binary logarithms of how much more often this is so for one person than for two. */
  readonly weights: Readonly<Record<Agreement, number>>
}

/** Whether two lists share a text, or have two that are alike. */
function anyOf(
  a: readonly string[],
  b: readonly string[],
  isNear: (a: string, b: string) => boolean = () => false,
): Agreement | undefined {
  if (a.length === 0 || b.length === 0) return undefined
  if (a.some((text) => b.includes(text))) return 'same'
  return a.some((text) => b.some((other) => isNear(text, other))) ? 'near' : 'other'
}

function datesOf({ birthDate: a }: Demographics, { birthDate: b }: Demographics) {
  if (a === undefined || b === undefined) return undefined
  if (a.length < DATE_CHARACTERS || b.length < DATE_CHARACTERS) {
    return a.startsWith(b) || b.startsWith(a) ? 'near' : 'other'
  }
  if (a === b) return 'same'
  const [year, month, day] = a.split('-')
  const isSwapped = b === `${year}-${day}-${month}`
  return isSwapped || differences(a, b) === 1 ? 'near' : 'other'
}

/** Places at which two texts of one length differ. */
const differences = (a: string, b: string): number =>
  Array.from(a).filter((letter, at) => letter !== b[at]).length

/**
 * Whether two names differ by one slip: a letter more, less, other, or two of them swapped.
 *
 * Names of less than four letters have to be the same.
 */
export function isSlip(a: string, b: string): boolean {
  const [short, long] = a.length <= b.length ? [a, b] : [b, a]
  if (short.length < SLIP_LETTERS_MIN || long.length - short.length > 1) return false
  let start = 0
  while (start < short.length && short[start] === long[start]) start++
  if (long.length > short.length) return short.slice(start) === long.slice(start + 1)
  if (short.slice(start + 1) === long.slice(start + 1)) return true
  const isSwapped = short[start] === long[start + 1] && short[start + 1] === long[start]
  return isSwapped && short.slice(start + 2) === long.slice(start + 2)
}

/** Of how often it is so for one person (m) and for two (u). */
const weighing = (
  same: readonly [m: number, u: number],
  near: readonly [m: number, u: number] = [0, 0],
): Readonly<Record<Agreement, number>> => ({
  same: Math.log2(same[0] / same[1]),
  near: near[1] === 0 ? 0 : Math.log2(near[0] / near[1]),
  other: Math.log2((1 - same[0] - near[0]) / (1 - same[1] - near[1])),
})

const objectsIn = (value: Json | undefined): readonly JsonObject[] =>
  Array.isArray(value) ? value.filter(isObject) : []
const textIn = (value: Json | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined
const foldedIn = (values: readonly (Json | undefined)[]): readonly string[] =>
  values.flatMap((value) => (typeof value === 'string' && fold(value) !== '' ? fold(value) : []))

/** Families repeat one time in a thousand, days of birth one in 29,000 (80 years). */
const COMPARISONS: readonly Comparison[] = [
  { compare: (a, b) => anyOf(a.nhsNumbers, b.nhsNumbers), weights: weighing([0.98, 1e-6]) },
  { compare: (a, b) => anyOf(a.identifiers, b.identifiers), weights: weighing([0.7, 1e-6]) },
  {
    compare: (a, b) => anyOf(a.families, b.families, isSlip),
    weights: weighing([0.92, 0.001], [0.04, 0.003]),
  },
  {
    compare: (a, b) => anyOf(a.givens, b.givens, isSlip),
    weights: weighing([0.88, 0.01], [0.05, 0.01]),
  },
  { compare: datesOf, weights: weighing([0.96, 1 / 29_000], [0.03, 0.001]) },
  {
    compare: ({ gender: a }, { gender: b }) =>
      a === undefined || b === undefined ? undefined : a === b ? 'same' : 'other',
    weights: weighing([0.98, 0.5]),
  },
  { compare: (a, b) => anyOf(a.postcodes, b.postcodes), weights: weighing([0.75, 5e-4]) },
  { compare: (a, b) => anyOf(a.contacts, b.contacts), weights: weighing([0.6, 1e-4]) },
]
/** A candidate taken blindly is the person one time in 100,000. */
const PRIOR = Math.log2(1e-5)
const PROBABLE = 0.99
const POSSIBLE = 0.5
const POSSIBLE_MOST = 0.9
const SLIP_LETTERS_MIN = 4
const DATE_CHARACTERS = 10
const CONTACT_CHARACTERS = 10
