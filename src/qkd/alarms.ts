/**
 * Observables of a link, and the alarms they raise.
 *
 * Bounds keep keys safe by themselves; alarms tell people *why* there are fewer keys, and show what
 * no bound sees. Each condition is raised once when it begins and cleared once when it ends.
 *
 * The decoy test needs no baseline: through any channel that treats photons alike, and with any
 * background, a pulse of mean μ₂ < μ₁ is detected at least μ₂/μ₁ times as often as one of μ₁
 * (detection probability is concave in μ). Photon-number splitting breaks just that. Rates,
 * photocurrent, double clicks, balance and times of arrival are compared with the link's own recent
 * past, so a change that is slow enough is not noticed, and an attack that stood from the first
 * batch on is the baseline. The random source is tested against what it claims (`source-health`).
 *
 * @module
 */

import type { Facts } from '#base'
import type { ArrivalTimes, Intensity, ReceiverObservables, TransmitterChoices } from '#optics'
import type { AlarmBoard } from './alarm-board.ts'
import { SourceHealth } from './source-health.ts'

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
  /** How many times the usual rate the last batch had, at least 1: more clicks are more current. */
  #surge = 1
  /** Whether the last batch had a rate that the link may get used to. */
  #usualRate = true
  #current: number | undefined
  #doubles: number | undefined
  #balance: number | undefined
  #arrivals: ArrivalTimes | undefined
  #incomingNw: number | undefined
  #batches = 0
  /** Whether a transmitter's end has reported detectors of its own. */
  #ownDetectors = false
  readonly #source = new SourceHealth()

  constructor(board: AlarmBoard) {
    this.#board = board
  }

  /** Notes how many detections a batch held. */
  rate(detections: number, slotCount: number): void {
    const rate = detections / slotCount
    const usual = this.#rate ?? rate
    this.#surge = usual === 0 ? 1 : Math.max(1, rate / usual)
    const collapsed = rate < RATE_COLLAPSE * usual
    const surged = detections >= CLICKS_MIN && rate > RATE_SURGE * usual
    this.#board.condition('rate-collapse', collapsed, { rate, usual })
    this.#board.condition('rate-surge', surged, { rate, usual })
    this.#usualRate = !collapsed && !surged
    // An odd rate does not become the usual one.
    if (this.#usualRate) this.#rate = averaged(usual, rate)
  }

  /** Notes what an end's detectors observed beside their detections. */
  observables(observables: ReceiverObservables): void {
    const { clicks, doubleClicks, photocurrentUa, arrivals } = observables
    const total = clicks[0] + clicks[1] + clicks[2] + clicks[3]
    // A current needs no clicks: blinded detectors may have none. A dark fibre teaches nothing.
    this.#photocurrent(photocurrentUa, total >= CLICKS_MIN && this.#usualRate)
    if (total < CLICKS_MIN) return
    this.#batches++
    const settled = this.#batches > BATCHES_TO_SETTLE
    const doubles = doubleClicks / total
    const usualDoubles = this.#doubles ?? doubles
    const spread = 6 * Math.sqrt((usualDoubles + 1 / total) / total)
    const odd = settled && Math.abs(doubles - usualDoubles) > spread + 0.5 * usualDoubles
    this.#board.condition('double-clicks', odd, { share: doubles, usual: usualDoubles })
    // Nothing is learned from a device that is not trusted. What has changed for good becomes the
    // usual in the end: attacks that move this share have surer signs.
    if (this.#board.trustsDevice) {
      this.#doubles = usualDoubles + (doubles - usualDoubles) / (odd ? 64 : 16)
    }

    const balance = clicks[0] / Math.max(1, clicks[0] + clicks[1])
    const usualBalance = this.#balance ?? balance
    const moved = Math.abs(balance - usualBalance)
    const tilted = settled && moved > BALANCE_DRIFT + 6 / Math.sqrt(4 * total)
    this.#board.condition('detector-balance', tilted, { share: balance, usual: usualBalance })
    if (this.#board.trustsDevice) this.#balance = averaged(usualBalance, balance)
    if (arrivals !== undefined) this.#arrivalTimes(arrivals, total, settled)
  }

  /** Notes what the transmitter chose, and what it observed meanwhile. */
  choices({ choices, observables }: TransmitterChoices): void {
    this.#source.take(choices)
    const fault = this.#source.fault
    this.#board.condition('source-health', fault !== undefined, { ...fault })
    if (observables === undefined) return
    const { incomingLightNw, detectors } = observables
    if (incomingLightNw !== undefined) this.#incomingLight(incomingLightNw)
    if (detectors === undefined) return
    const { clicks, slotCount } = detectors
    this.#ownDetectors = true
    this.rate(clicks[0] + clicks[1] + clicks[2] + clicks[3], slotCount)
    this.observables(detectors)
  }

  /**
   * Notes how many detections the other end has announced. Where this end has detectors too, those
   * are watched instead: the other end watches its own.
   */
  announced(detections: number, slotCount: number): void {
    if (!this.#ownDetectors) this.rate(detections, slotCount)
  }

  #incomingLight(incomingLightNw: number): void {
    const usual = this.#incomingNw ?? incomingLightNw
    const lit = incomingLightNw > Math.max(INCOMING_RISE * usual, usual + INCOMING_NW_LEAST)
    this.#board.condition('incoming-light', lit, { incomingLightNw, usual })
    if (!lit) this.#incomingNw = averaged(usual, incomingLightNw)
  }

  #photocurrent(photocurrentUa: number, learns: boolean): void {
    const usual = this.#current ?? photocurrentUa
    const settled = this.#batches >= BATCHES_TO_SETTLE
    const blinded = settled && photocurrentUa > CURRENT_RISE * usual * this.#surge
    this.#board.condition('photocurrent', blinded, { photocurrentUa, usual })
    if (this.#board.trustsDevice && learns) this.#current = averaged(usual, photocurrentUa)
  }

  /** Light that comes early or late favours one detector: the mean moves, or the spread grows. */
  #arrivalTimes(arrivals: ArrivalTimes, clicks: number, settled: boolean): void {
    const usual = this.#arrivals ?? arrivals
    const meanError = (6 * usual.spreadPs) / Math.sqrt(clicks)
    const moved =
      Math.abs(arrivals.meanPs - usual.meanPs) > ARRIVAL_STEP * usual.spreadPs + meanError
    const spreadError = 6 / Math.sqrt(2 * clicks)
    const wider = arrivals.spreadPs > usual.spreadPs * (1 + ARRIVAL_STEP + spreadError)
    const shifted = settled && (moved || wider)
    this.#board.condition('arrival-times', shifted, { ...arrivals, usualSpreadPs: usual.spreadPs })
    if (shifted) return
    this.#arrivals = {
      meanPs: averaged(usual.meanPs, arrivals.meanPs),
      spreadPs: averaged(usual.spreadPs, arrivals.spreadPs),
    }
  }
}

const averaged = (usual: number, now: number): number => usual + (now - usual) / 16

const DECOY_SIGMAS = 7
/** Below this share of the usual rate the link counts as cut or jammed. */
const RATE_COLLAPSE = 0.25
/** Above this multiple of it the receiver counts as jammed with light. */
const RATE_SURGE = 3
/** Change of mean or spread of arrival times that counts, in spreads, beyond chance. */
const ARRIVAL_STEP = 0.02
/** Light into the transmitter that counts: this multiple of the usual, and so much more in nW. */
const INCOMING_RISE = 10
const INCOMING_NW_LEAST = 1
const CURRENT_RISE = 3
const BALANCE_DRIFT = 0.1
/** Batches before a baseline is trusted. */
const BATCHES_TO_SETTLE = 4
/** Clicks that a batch must hold to be compared. */
const CLICKS_MIN = 200
