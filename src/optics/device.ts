/**
 * The device boundary: what a transmitter and a receiver of pulses report to the layers above.
 *
 * On a link of entangled pairs both ends detect. One of them still stands in the place of the
 * transmitter: its string becomes the key, and it is asked for what it saw where the other did.
 *
 * Real QKD devices report the same. Nothing above this line may see the truth of the channel
 * (loss, photon numbers, Eve): it sees choices, clicks and observables, and must conclude.
 *
 * @module
 */

/** The key basis is Z; X is the test basis. */
export type Basis = 'Z' | 'X'

/** One intensity that the transmitter may choose for a pulse. */
export interface Intensity {
  /** Mean photon number μ of the phase-randomised coherent pulse, at the transmitter's output. */
  readonly meanPhotonNumber: number
  /** Probability that a pulse is sent with it; those of all intensities sum to 1. */
  readonly probability: number
}

/** How both devices are set. Public, agreed by both ends before a block, bound into its transcript. */
export interface PulseSettings {
  /** Pulses per second. */
  readonly clockHz: number
  /**
   * Brightest first: signal, decoy, and with two decoys the vacuum-like one. Of entangled pairs one,
   * which is the mean number of pairs in a slot.
   */
  readonly intensities: readonly Intensity[]
  /** Probability of the key basis at the transmitter and at the receiver. */
  readonly keyBasisProbability: { readonly transmitter: number; readonly receiver: number }
  /**
   * What a slot holds. Left out: a weak pulse that the transmitter has made, in one of four states.
   * `three-states`: of the test basis only the state of bit 0.
   */
  readonly source?: 'entangled-pairs' | 'three-states'
  /**
   * Share of photons that the receiver's end of entangled pairs measures neither in Z nor in X but at
   * ±22.5°, for a CHSH test; `keyBasisProbability` is of the rest. Left out: none.
   */
  readonly chshProbability?: number
}

/** Slots of one batch, at most. */
export const BATCH_SLOTS_MAX = 2 ** 24

/** A run of consecutive pulse slots, reported as a whole. */
export interface BatchHead {
  /** Counts from 0 in each session of the device; a gap means that batches were lost. */
  readonly batch: number
  /** Number of pulse slots in the batch, at most `BATCH_SLOTS_MAX`. */
  readonly slotCount: number
  /** Whether the slots come from simulated optics, and so yield computational keys only. */
  readonly simulated: boolean
}

/**
 * What the receiver saw in one batch. The arrays have one element for each detection;
 * whoever takes the batch owns them.
 */
export interface DetectionBatch extends BatchHead {
  /** Slot of each detection inside the batch; strictly increasing. */
  readonly slots: Uint32Array
  /**
   * Bit 0: basis (0 = Z, 1 = X). Bit 1: the measured bit. A double click is reported with a random
   * bit (squashing), never left out. Bit 2 (`CHSH_OUTCOME`), where settings have a CHSH test:
   * measured between the bases; bit 0 is the angle then, 0 for 22.5° and 1 for −22.5° from Z
   * towards X.
   */
  readonly outcomes: Uint8Array
  readonly observables: ReceiverObservables
}

/** Monitoring figures of one batch, as real receivers give them; inputs of the alarms. */
export interface ReceiverObservables {
  /**
   * Clicks by basis and detector: Z0, Z1, X0, X1. Where one pair of detectors serves both bases, Z1
   * counts detector 1 while set to Z.
   */
  readonly clicks: readonly [number, number, number, number]
  readonly doubleClicks: number
  /** Clicks dropped because a detector was still dead; all detectors then count as dead. */
  readonly deadTimeDrops: number
  /** Mean photocurrent in μA; far above its usual value when detectors are blinded. */
  readonly photocurrentUa: number
  /** When clicks came inside their gates; absent where the device does not say. */
  readonly arrivals?: ArrivalTimes
}

/** Time stamps of the clicks of one batch, against the middle of the gate. */
export interface ArrivalTimes {
  readonly meanPs: number
  /** Standard deviation. */
  readonly spreadPs: number
}

/** Monitoring figures of the transmitter over one batch. */
export interface TransmitterObservables {
  /** Light that came in from the fibre, in nW, as the watchdog detector sees it; absent without one. */
  readonly incomingLightNw?: number
  /** Of the detectors that this end has on a link of entangled pairs. */
  readonly detectors?: DetectorObservables
}

/** Monitoring figures of detectors that report elsewhere than their detections. */
export interface DetectorObservables extends ReceiverObservables {
  /** Slots of the batch. */
  readonly slotCount: number
}

/** Bit of an outcome that was measured at one of the two angles of a CHSH test. */
export const CHSH_OUTCOME = 0b0100

/** The choice of a slot in which the transmitter's end of entangled pairs detected nothing. */
export const NOTHING_SEEN = 0b0100

/** The transmitter's choices at the slots asked for, in the order asked. */
export interface TransmitterChoices {
  readonly batch: number
  /**
   * Bit 0: basis (0 = Z, 1 = X). Bit 1: the bit, which with three states is 0 in the test basis.
   * Bits 2–3: index of the intensity. On a link of entangled pairs: what this end saw in the slot,
   * with `NOTHING_SEEN` where it saw nothing.
   */
  readonly choices: Uint8Array
  /** Absent where the device does not say. */
  readonly observables?: TransmitterObservables
}

/** The transmitter. It remembers its choices until they are asked for or grow too old. */
export interface TransmitterDevice {
  readonly settings: PulseSettings
  /**
   * Choices at these slots of a batch; each batch may be asked for once.
   *
   * Rejects with an `OpticsRefusal` for an unknown, forgotten or repeated batch or a bad slot.
   */
  choicesAt(batch: number, slots: Uint32Array): Promise<TransmitterChoices>
  /** Resolves when the device has gone: from then on it answers nothing. */
  readonly closed: Promise<void>
  close(): void
}

/** What an alignment took. */
export interface Alignment {
  /** Number of the first batch that came after it. Earlier ones came before, or never come. */
  readonly firstBatch: number
  /** Pulse slots that went to test light: no key comes of them. */
  readonly slots: number
}

/** The receiver. It drops batches (a gap in their numbers) when nobody takes them in time. */
export interface ReceiverDevice {
  readonly settings: PulseSettings
  /** Calls back for each batch in turn, waiting for the returned promise before the next. */
  receive(take: (detections: DetectionBatch) => Promise<void> | void): void
  /**
   * Turns polarisation or phase until both ends' bases agree again, by bright test light between
   * the two devices, which settle between them who sends and who turns. Batches that would have
   * held those slots are missing; their numbers are used up.
   *
   * A device that says it is aligned is believed about nothing: whether the error rate has come
   * back is for the layers above to see. Rejects with an `OpticsRefusal`: OPTICS_ALIGNMENT_FAILED
   * where it cannot align, OPTICS_REQUESTS_TOO_MANY while it is at it.
   */
  align(): Promise<Alignment>
  /** Resolves when the device has gone: from then on no batch comes. */
  readonly closed: Promise<void>
  close(): void
}
