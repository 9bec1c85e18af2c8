/**
 * Invented patients for demonstrations and tests, and what of them must not be found on a disk.
 *
 * @module
 */

import { finish, generateCohort, readJsonSteps, stringsOf, type CohortBundle } from '#health'

/** FHIR bundles of a synthetic cohort, in the order in which to import them. */
export const syntheticCohort = (seed: number, patients: number): readonly CohortBundle[] => [
  ...generateCohort({ seed, patients }),
]

/** Every text of six or more octets and every full date in a FHIR document. */
export const stringsIn = (octets: Uint8Array): readonly string[] => [
  ...stringsOf(finish(readJsonSteps(octets))),
]
