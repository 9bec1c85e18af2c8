/**
 * Observables of a link, and the alarms they raise.
 *
 * Bounds keep keys safe by themselves; alarms tell people *why* there are fewer keys, and show what
 * no bound sees. Each condition is raised once when it begins and cleared once when it ends.
 *
 * The decoy test needs no baseline: through any channel that treats photons alike, and with any
 * background, a pulse of mean μ₂ < μ₁ is detected at least μ₂/μ₁ times as often as one of μ₁
 * (detection probability is concave in μ). Photon-number splitting breaks just that. Rates,
 * photocurrent, double clicks and balance are compared with the link's own recent past, so a change
 * that is slow enough is not noticed, and an attack that stood from the first batch on is the
 * baseline.
 *
 * @module
 */

import type { Facts } from '#base'
import type { Intensity, ReceiverObservables } from '#optics'
import type { Alarm, AlarmKind } from './effects.ts'

/** The raised conditions of one end. */
export class AlarmBoard {
  readonly #raised = new Set<AlarmKind>()
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
    this.#emit({ kind, severity: SEVERITY[kind], state: 'raised', facts })
  }
}

/**
 * Whether a weaker intensity was detected too seldom for any honest channel, by more than
 * `DECOY_SIGMAS` standard deviations.
 */
export function decoyFacts(
  detections: readonly number[],
  intensities: readonly Intensity[],
): { readonly suspicious: boolean; readonly facts: Facts } {
  for (let at = 1; at < intensities.length; at++) {
    const [bright, weak] = [intensities[at - 1], intensities[at]]
    const share =
      (weak.probability * weak.meanPhotonNumber) / (bright.probability * bright.meanPhotonNumber)
    const expected = detections[at - 1] * share
    const deviation = Math.sqrt(expected + detections[at - 1] * share * share)
    if (expected - detections[at] > DECOY_SIGMAS * deviation) {
      const ratio = detections[at] / detections[at - 1]
      return { suspicious: true, facts: { intensity: at, ratio, leastHonest: share } }
    }
  }
  return { suspicious: false, facts: {} }
}

/** Watches the batches of one end. */
export class BatchMonitor {
  readonly #board: AlarmBoard
  /** Detections per slot, slowly averaged; undefined before the first batch. */
  #rate: number | undefined
  #current: number | undefined
  #doubles: number | undefined
  #balance: number | undefined
  #batches = 0

  constructor(board: AlarmBoard) {
    this.#board = board
  }

  /** Notes how many detections a batch held. */
  rate(detections: number, slotCount: number): void {
    const rate = detections / slotCount
    const usual = this.#rate ?? rate
    const collapsed = rate < RATE_COLLAPSE * usual
    this.#board.condition('rate-collapse', collapsed, { rate, usual })
    // A collapsed rate does not become the usual one.
    if (!collapsed) this.#rate = averaged(usual, rate)
  }

  /** Notes what the receiver observed beside its detections. */
  observables({ clicks, doubleClicks, photocurrentUa }: ReceiverObservables): void {
    const total = clicks[0] + clicks[1] + clicks[2] + clicks[3]
    if (total < CLICKS_MIN) return
    this.#batches++
    const settled = this.#batches > BATCHES_TO_SETTLE
    const usualCurrent = this.#current ?? photocurrentUa
    const blinded = settled && photocurrentUa > CURRENT_RISE * usualCurrent
    this.#board.condition('photocurrent', blinded, { photocurrentUa, usual: usualCurrent })
    if (!blinded) this.#current = averaged(usualCurrent, photocurrentUa)

    const doubles = doubleClicks / total
    const usualDoubles = this.#doubles ?? doubles
    const spread = 6 * Math.sqrt((usualDoubles + 1 / total) / total)
    const odd = settled && Math.abs(doubles - usualDoubles) > spread + 0.5 * usualDoubles
    this.#board.condition('double-clicks', odd, { share: doubles, usual: usualDoubles })
    if (!odd) this.#doubles = averaged(usualDoubles, doubles)

    const balance = clicks[0] / Math.max(1, clicks[0] + clicks[1])
    const usualBalance = this.#balance ?? balance
    const moved = Math.abs(balance - usualBalance)
    const tilted = settled && moved > BALANCE_DRIFT + 6 / Math.sqrt(4 * total)
    this.#board.condition('detector-balance', tilted, { share: balance, usual: usualBalance })
    if (!tilted) this.#balance = averaged(usualBalance, balance)
  }
}

const averaged = (usual: number, now: number): number => usual + (now - usual) / 16

const SEVERITY: Readonly<Record<AlarmKind, Alarm['severity']>> = {
  'qber-above-limit': 'high',
  'authentication-failed': 'high',
  'verification-failed': 'warning',
  'decoy-statistics': 'high',
  'rate-collapse': 'warning',
  photocurrent: 'high',
  'double-clicks': 'warning',
  'detector-balance': 'warning',
  'authentication-low': 'warning',
  'peer-misbehaved': 'high',
}

const DECOY_SIGMAS = 7
/** Below this share of the usual rate the link counts as cut or jammed. */
const RATE_COLLAPSE = 0.25
const CURRENT_RISE = 3
const BALANCE_DRIFT = 0.1
/** Batches before a baseline is trusted. */
const BATCHES_TO_SETTLE = 4
/** Clicks that a batch must hold to be compared. */
const CLICKS_MIN = 200
