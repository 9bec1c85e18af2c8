/**
 * What a verification of the log reports, and the bounded list it is collected in.
 *
 * @module
 */

/** What is being verified. */
export type VerifiedPart = 'entries' | 'tiles' | 'checkpoints' | 'cosignatures' | 'witnessed'

/** One line of a long verification. */
export type Finding =
  | {
      readonly kind: 'progress'
      readonly part: VerifiedPart
      readonly done: number
      readonly total: number
    }
  | {
      readonly kind: 'fault'
      readonly part: VerifiedPart
      /** Which one: `entry 17`, `tile 0/3`, `checkpoint 300`. */
      readonly place: string
      readonly problem: string
    }
  | {
      readonly kind: 'done'
      /** All faults, also those beyond the first `FAULTS_REPORTED_MAX`. */
      readonly faults: number
      /**
       * How many of each were checked; `unsealed` counts the entries that no checkpoint covers yet,
       * whose content nothing protects.
       */
      readonly checked: Readonly<Record<string, number>>
    }

/** Collects findings until they are handed on. */
export class Findings {
  readonly checked: Record<VerifiedPart | 'unsealed', number> = {
    entries: 0,
    unsealed: 0,
    tiles: 0,
    checkpoints: 0,
    cosignatures: 0,
    witnessed: 0,
  }
  #faults = 0
  #waiting: Finding[] = []

  get faults(): number {
    return this.#faults
  }

  fault(part: VerifiedPart, place: string, problem: string): void {
    this.#faults++
    if (this.#faults <= FAULTS_REPORTED_MAX) {
      this.#waiting.push({ kind: 'fault', part, place, problem })
    }
  }

  count(what: VerifiedPart | 'unsealed'): void {
    this.checked[what]++
  }

  /** What has been found since the last call. */
  take(): readonly Finding[] {
    const waiting = this.#waiting
    this.#waiting = []
    return waiting
  }
}

/** Faults reported one by one; a rewritten log would have as many as it has entries. */
export const FAULTS_REPORTED_MAX = 200
