/**
 * The raised conditions of one end: each is said once when it begins and once when it ends.
 *
 * @module
 */

import type { Facts } from '#base'
import type { Alarm, AlarmKind } from './effects.ts'

/** Owner of what is raised. */
export class AlarmBoard {
  readonly #raised = new Set<AlarmKind>()
  #events = 0
  readonly #emit: (alarm: Alarm) => void

  constructor(emit: (alarm: Alarm) => void) {
    this.#emit = emit
  }

  /** A condition holds, or does not: says so if that is new. */
  condition(kind: AlarmKind, holds: boolean, facts: Facts = {}): void {
    if (holds === this.#raised.has(kind)) return
    if (holds) this.#raised.add(kind)
    else this.#raised.delete(kind)
    const state = holds ? 'raised' : 'cleared'
    this.#emit({ kind, severity: SEVERITY[kind], state, facts })
  }

  /** Something happened that has no end. */
  event(kind: AlarmKind, facts: Facts = {}): void {
    this.#events++
    this.#emit({ kind, severity: SEVERITY[kind], state: 'raised', facts })
  }

  /** How often something has happened that has no end, such as a failed tag. */
  get events(): number {
    return this.#events
  }

  isRaised(kind: AlarmKind): boolean {
    return this.#raised.has(kind)
  }

  /** Whether a condition stands that drift does not explain. */
  get marksOfAttack(): boolean {
    return [...this.#raised].some((kind) => !SIGNS_OF_DRIFT.has(kind))
  }

  /**
   * Whether this end's device works as the proofs assume: no key may come of what it reports while
   * one of these conditions stands, for no bound takes account of it.
   */
  get trustsDevice(): boolean {
    return ASSUMED_ABSENT.every((kind) => !this.#raised.has(kind))
  }
}

const SEVERITY: Readonly<Record<AlarmKind, Alarm['severity']>> = {
  'qber-above-limit': 'high',
  'chsh-not-violated': 'high',
  'authentication-failed': 'high',
  'verification-failed': 'warning',
  'decoy-statistics': 'high',
  'rate-collapse': 'warning',
  'rate-surge': 'warning',
  photocurrent: 'high',
  'double-clicks': 'warning',
  'detector-balance': 'high',
  'arrival-times': 'high',
  'incoming-light': 'high',
  'source-health': 'high',
  'peer-device': 'high',
  'error-step': 'warning',
  'alignment-drift': 'warning',
  'alignment-failed': 'warning',
  'authentication-low': 'warning',
  'peer-misbehaved': 'high',
}

/** What stands on a link whose light turns slowly, and what has nothing to do with light. */
const SIGNS_OF_DRIFT: ReadonlySet<AlarmKind> = new Set([
  'alignment-drift',
  'alignment-failed',
  'authentication-low',
])

/** Blinded detectors, unequal ones, a transmitter that is read, bits that are not random. */
const ASSUMED_ABSENT: readonly AlarmKind[] = [
  'photocurrent',
  'detector-balance',
  'arrival-times',
  'incoming-light',
  'source-health',
]
