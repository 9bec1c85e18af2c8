/**
 * Account of every record that a site of a world has acknowledged, and of every transfer that one
 * has accepted: what must be readable where, and in which state at least.
 *
 * @module
 */

import { nameOf, readJson, type Resource } from '../../support/records.ts'
import type { Chart, ChartVersion } from './charts.ts'

/** A patient's record at the site that imports it. */
export interface KeptChart {
  readonly chart: Chart
  readonly origin: string
  /** Newest version whose import was acknowledged; -1 before the first. */
  stored: number
  /** Newest version that was ever sent for import. */
  tried: number
  /** The site's own id of the patient, once known. */
  patient: string | undefined
}

/** A transfer that a site has accepted. */
export interface AcceptedTransfer {
  readonly transfer: string
  readonly kept: KeptChart
  readonly from: string
  readonly to: string
  readonly mode: string | undefined
  /** The version that the receiver must have at least. */
  readonly least: number
}

export class RecordLedger {
  readonly charts: KeptChart[] = []
  readonly transfers: AcceptedTransfer[] = []
  /** Staff of each site; everybody may meet them again in a record. */
  readonly #staff: ChartVersion[] = []
  /** Reads that a site has answered with a record. */
  readonly reads = new Map<string, number>()
  /** Imports that a site has acknowledged and that wrote something. */
  readonly imports = new Map<string, number>()
  /** Those of them that were of a patient. */
  readonly filed = new Map<string, number>()

  keep(chart: Chart, origin: string): KeptChart {
    const kept: KeptChart = { chart, origin, stored: -1, tried: -1, patient: undefined }
    this.charts.push(kept)
    return kept
  }

  keepStaff(staff: ChartVersion): void {
    this.#staff.push(staff)
  }

  count(of: Map<string, number>, site: string): void {
    of.set(site, (of.get(site) ?? 0) + 1)
  }

  /** The version of a chart that a site must have at least; undefined if it need not have it. */
  leastAt(kept: KeptChart, site: string, delivered: (transfer: string) => boolean) {
    const arrived = this.transfers
      .filter((one) => one.kept === kept && one.to === site && delivered(one.transfer))
      .map(({ least }) => least)
    const own = kept.origin === site && kept.stored >= 0 ? [kept.stored] : []
    return arrived.length + own.length === 0 ? undefined : Math.max(...arrived, ...own)
  }

  /**
   * What is wrong with a record as it was read.
   *
   * @param least   the version that must be there at least
   */
  faultsOf(kept: KeptChart, texts: readonly string[], least: number): string[] {
    const { nhsNumber, versions } = kept.chart
    const faults: string[] = []
    const read = new Map<string, string>()
    for (const text of texts) {
      const name = nameOf(readJson(text) as Resource)
      if (read.has(name)) faults.push(`${name} is there twice`)
      read.set(name, text)
    }
    const possible = versions.slice(Math.max(0, least), kept.tried + 1)
    for (const name of versions[0].texts.keys()) {
      const text = read.get(name)
      read.delete(name)
      if (text === undefined) faults.push(`${name} is missing`)
      else if (!possible.some(({ texts }) => texts.get(name) === text)) {
        const known = versions.findIndex((one) => one.texts.get(name) === text)
        const what = known < 0 ? 'is not as it was imported' : `is of version ${known}`
        faults.push(`${name} ${what}, expected ${least} to ${kept.tried}`)
      }
    }
    for (const [name, text] of read) {
      const known = this.#staff.some((staff) => staff.texts.get(name) === text)
      if (!known) faults.push(`${name} belongs to nobody`)
    }
    return faults.map((fault) => `patient ${nhsNumber.slice(-3)}: ${fault}`)
  }
}
