/**
 * What a scrub reports.
 *
 * @module
 */

import { refusedWith } from '#base'
import { VaultRefusal } from './refusal.ts'

/** What is being checked. */
export type ScrubPart = 'holders' | 'groups' | 'objects' | 'versions' | 'strays' | 'log'

/** One line of a scrub. Names tables and our own random ids, never anything of a patient. */
export type ScrubFinding =
  | {
      readonly kind: 'progress'
      readonly part: ScrubPart
      readonly done: number
      readonly total: number
    }
  | {
      readonly kind: 'fault'
      readonly part: ScrubPart
      /** Table and key of the row: `vault_edition 6f… 2`. */
      readonly place: string
      readonly problem: string
    }
  | {
      readonly kind: 'done'
      readonly faults: number
      /** How many of each were checked. */
      readonly checked: Readonly<Record<string, number>>
    }

/** One fault, before it is reported. */
export interface Fault {
  readonly place: string
  readonly problem: string
}

/**
 * The fault that an error means; what is no refusal of ours is a row that cannot be read. While the
 * object storage is away nothing is known of what lies there: the scrub ends.
 *
 * @throws PortRefusal `BLOBS_UNREACHED`
 */
export function faultOf(error: unknown, place: string): Fault {
  if (refusedWith(error, 'BLOBS_UNREACHED')) throw error
  if (error instanceof VaultRefusal && typeof error.facts['place'] === 'string') {
    const found = error.facts['place']
    return { place: found, problem: error.message.slice(found.length + 2) }
  }
  return { place, problem: 'the row cannot be read' }
}

/** Collects findings: counts what is checked, reports each fault once. */
export class Findings {
  readonly checked: Partial<Record<ScrubPart, number>> = {}
  readonly #seen = new Set<string>()
  #faults = 0

  count(part: ScrubPart, by = 1): void {
    this.checked[part] = (this.checked[part] ?? 0) + by
  }

  progress(part: ScrubPart, total: number): ScrubFinding {
    return { kind: 'progress', part, done: this.checked[part] ?? 0, total }
  }

  /** The fault to report, unless it was reported before or too many have been. */
  *fault(part: ScrubPart, { place, problem }: Fault): Generator<ScrubFinding> {
    const name = `${place}: ${problem}`
    if (this.#seen.has(name)) return
    this.#faults++
    if (this.#faults > FAULTS_REPORTED_MAX) return
    this.#seen.add(name)
    yield { kind: 'fault', part, place, problem }
  }

  done(): ScrubFinding {
    return {
      kind: 'done',
      faults: this.#faults,
      checked: { ...this.checked },
    }
  }
}

/** Faults reported one by one; all are counted. */
export const FAULTS_REPORTED_MAX = 200
