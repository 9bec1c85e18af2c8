/**
 * A cohort of invented UK patients, as FHIR R4 transaction Bundles.
 *
 * The same seed gives the same octets on every machine. NHS numbers are of the range that is never
 * issued, every patient bears the label HTEST, and telephone numbers are of the range that Ofcom
 * keeps for drama. Good for demonstrations and tests; says nothing about any population.
 *
 * @module
 */

import { DAY_MS, epochMs, newUuid, SeededRandom, utf8, type RandomSource } from '#base'
import { canonicalText, type JsonObject } from '../json.ts'
import { testNhsNumbers } from '../nhs-number.ts'
import { NHS_NUMBER_SYSTEM } from '../ownership.ts'
import * as lists from './lists.ts'
import * as make from './resources.ts'

/** One Bundle of a cohort. */
export interface CohortBundle {
  /** `organisations`, or `patient-1` and so on: a neutral name for a file. */
  readonly name: string
  /** UTF-8 JSON. */
  readonly octets: Uint8Array
}

/**
 * Bundles to import in order: first the hospitals, practices and clinicians, then one a patient.
 *
 * @param seed       any whole number below 2⁵³
 * @param patients   how many patients, at most `COHORT_PATIENTS_MAX`
 */
export function* generateCohort(options: {
  readonly seed: number
  readonly patients: number
}): Generator<CohortBundle> {
  if (!(options.patients >= 0 && options.patients <= COHORT_PATIENTS_MAX)) {
    throw new RangeError(`A cohort has 0 to ${COHORT_PATIENTS_MAX} patients`)
  }
  const random = new SeededRandom(options.seed)
  const staff = staffOf(random.fork())
  yield { name: 'organisations', octets: bundle(staff.resources) }
  let number = 0
  for (const nhsNumber of testNhsNumbers(random.fork()).take(options.patients)) {
    const resources = chart(random.fork(), staff, nhsNumber)
    yield { name: `patient-${++number}`, octets: bundle(resources) }
  }
}

/** A resource with the UUID under which its Bundle and its id know it. */
interface Placed {
  readonly id: string
  readonly resource: JsonObject
}

interface Staff {
  readonly resources: readonly Placed[]
  readonly hospitals: readonly string[]
  readonly practices: readonly string[]
  readonly practitioners: readonly string[]
}

function staffOf(random: SeededRandom): Staff {
  const place = placer(random)
  const organization = (name: string): Placed =>
    place({ resourceType: 'Organization', active: true, name })
  const hospitals = lists.HOSPITALS.map(organization)
  const practices = lists.PRACTICES.map(organization)
  const practitioners = Array.from({ length: CLINICIANS }, (_, index) => {
    const person = name(random, random.pick(['female', 'male'] as const))
    const identifier = [{ system: GMC_NUMBER_SYSTEM, value: String(9_999_000 + index) }]
    return place({ resourceType: 'Practitioner', identifier, active: true, name: [person] })
  })
  return {
    resources: [...hospitals, ...practices, ...practitioners],
    hospitals: hospitals.map(({ id }) => `Organization/${id}`),
    practices: practices.map(({ id }) => `Organization/${id}`),
    practitioners: practitioners.map(({ id }) => `Practitioner/${id}`),
  }
}

/** The whole record of one patient. */
function chart(random: SeededRandom, staff: Staff, nhsNumber: string): readonly Placed[] {
  const place = placer(random)
  const patient = place(patientResource(random, staff, nhsNumber))
  const subject = `urn:uuid:${patient.id}`
  const resources = [patient]
  const add = (resource: JsonObject): void => void resources.push(place(resource))
  const visits = 2 + random.below(5)
  for (let visit = 0; visit < visits; visit++) {
    const kind = random.pick(lists.ENCOUNTERS)
    const at = epochMs(FIRST_VISIT + Math.floor((visit + random.unit()) * VISIT_GAP_MS))
    const practitioner = random.pick(staff.practitioners)
    const hospital = random.pick(staff.hospitals)
    const about = { patient: subject, practitioner, hospital, at }
    const met = place(make.encounter({ ...about, encounter: '' }, kind))
    resources.push(met)
    const now = { ...about, encounter: `urn:uuid:${met.id}` }
    if (visit === 0 && random.chance(0.4)) add(make.allergy(now, random.pick(lists.ALLERGIES)))
    if (random.chance(0.5)) add(make.condition(now, random.pick(lists.CONDITIONS)))
    add(make.bloodPressure(now, random))
    for (const measure of lists.MEASURES) {
      if (random.chance(0.6)) add(make.observation(now, random, measure))
    }
    if (random.chance(0.5)) add(make.medicationRequest(now, random.pick(lists.MEDICINES)))
    if (kind.class === 'IMP') add(make.letter(now, discharge(patient.resource, kind.display)))
  }
  return resources
}

function patientResource(random: SeededRandom, staff: Staff, nhsNumber: string): JsonObject {
  const gender = random.pick(['female', 'male'] as const)
  const town = random.pick(lists.TOWNS)
  const line = `${1 + random.below(180)} ${random.pick(lists.STREETS)}`
  const letter = (): string => INWARD.charAt(random.below(INWARD.length))
  const inward = `${random.below(10)}${letter()}${letter()}`
  const [month, day] = [1 + random.below(12), 1 + random.below(28)].map(two)
  return {
    resourceType: 'Patient',
    meta: { security: [{ system: ACT_REASON, code: 'HTEST', display: 'test health data' }] },
    identifier: [{ system: NHS_NUMBER_SYSTEM, value: nhsNumber }],
    active: true,
    name: [name(random, gender)],
    telecom: [{ system: 'phone', value: `07700 900${three(random.below(1000))}`, use: 'mobile' }],
    gender,
    birthDate: `${1930 + random.below(78)}-${month}-${day}`,
    address: [
      {
        use: 'home',
        line: [line],
        city: town.city,
        district: town.district,
        postalCode: `${town.outward} ${inward}`,
        country: 'GBR',
      },
    ],
    generalPractitioner: [{ reference: random.pick(staff.practices) }],
  }
}

function name(random: SeededRandom, gender: 'female' | 'male'): JsonObject {
  const names = gender === 'female' ? lists.FEMALE_NAMES : lists.MALE_NAMES
  const given = [random.pick(names), ...(random.chance(0.3) ? [random.pick(names)] : [])]
  return { use: 'official', family: random.pick(lists.FAMILY_NAMES), given }
}

function discharge(patient: JsonObject, reason: string): string {
  const [{ family, given }] = patient['name'] as unknown as readonly [
    { readonly family: string; readonly given: readonly string[] },
  ]
  return [
    `Discharge summary for ${given[0]} ${family}.`,
    `Reason: ${reason}. Recovered well, home the same week.`,
    'Please review blood pressure and renal function in four weeks.',
  ].join('\n')
}

function bundle(placed: readonly Placed[]): Uint8Array {
  const entry = placed.map(({ id, resource }) => ({
    fullUrl: `urn:uuid:${id}`,
    resource,
    request: { method: 'POST', url: resource['resourceType'] },
  }))
  return utf8(canonicalText({ resourceType: 'Bundle', type: 'transaction', entry }))
}

/** Gives resources their UUIDs, drawn from the cohort's own generator. */
function placer(random: SeededRandom): (resource: JsonObject) => Placed {
  const source: RandomSource = { kind: 'simulated', octets: (size) => random.octets(size) }
  return ({ resourceType, ...rest }) => {
    const id = newUuid(source)
    return { id, resource: { resourceType, id, ...rest } }
  }
}

const two = (value: number): string => String(value).padStart(2, '0')
const three = (value: number): string => String(value).padStart(3, '0')

/** Patients of one cohort. */
export const COHORT_PATIENTS_MAX = 500_000
const CLINICIANS = 12
/** 2021-03-01; the last visit of anyone is before November 2026. */
const FIRST_VISIT = 1_614_556_800_000
const VISIT_GAP_MS = 340 * DAY_MS
/** Letters that occur in the second half of a postcode. */
const INWARD = 'ABDEFGHJLNPQRSTUWXYZ'
const ACT_REASON = 'http://terminology.hl7.org/CodeSystem/v3-ActReason'
const GMC_NUMBER_SYSTEM = 'https://fhir.hl7.org.uk/Id/gmc-number'
