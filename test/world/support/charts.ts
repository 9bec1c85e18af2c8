/**
 * Invented patients of a world: what is imported of each, in which order, and what must be read again.
 *
 * @module
 */

import { utf8 } from '#base'
import { cohort, entriesOf, expectedTexts, nameOf, nhsNumbersIn } from '../../support/records.ts'

/** One state of a patient's record, as a bundle that is imported. */
export interface ChartVersion {
  readonly bundle: Uint8Array
  /** Texts that the resources must have once stored, by `Type/id`. */
  readonly texts: ReadonlyMap<string, string>
}

/** One patient, and all that ever becomes of the record. */
export interface Chart {
  readonly nhsNumber: string
  readonly versions: readonly ChartVersion[]
}

/** The patients of one site. */
export interface Charts {
  /** Hospitals, practices and clinicians, which the charts refer to. */
  readonly staff: ChartVersion
  readonly charts: readonly Chart[]
}

/** So many patients, each with so many versions of the record. */
export function chartsOf(seed: number, patients: number, versions: number): Charts {
  const [organisations, ...bundles] = cohort(seed, patients)
  return {
    staff: versionOf(organisations, organisations),
    charts: bundles.map((bundle) => ({
      nhsNumber: nhsNumbersIn(bundle)[0],
      versions: Array.from({ length: versions }, (_, at) =>
        versionOf(at === 0 ? bundle : moved(bundle, at), organisations),
      ),
    })),
  }
}

/** The same patient at another address: one resource differs, all others are to the letter. */
function moved(bundle: Uint8Array, times: number): Uint8Array {
  const entry = entriesOf(bundle).map((one) =>
    one.resource.resourceType === 'Patient'
      ? { ...one, resource: { ...one.resource, address: [{ text: `Flat ${times}, Nowhere` }] } }
      : one,
  )
  return utf8(JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry }))
}

function versionOf(bundle: Uint8Array, organisations: Uint8Array): ChartVersion {
  const own = new Set(entriesOf(bundle).map(({ resource }) => nameOf(resource)))
  // References to staff are resolved as well.
  const all = expectedTexts([organisations, bundle])
  return { bundle, texts: new Map([...all].filter(([name]) => own.has(name))) }
}
