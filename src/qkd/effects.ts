/**
 * What goes into an engine and what comes out of it.
 *
 * The host performs the effects of a step in their order. Whatever the outside answers comes back
 * as an input; an engine never waits.
 *
 * @module
 */

import type { Bits, Facts, LinkId } from '#base'
import type { DetectionBatch, TransmitterChoices } from '#optics'
import type { AuthenticationSource, PadBurn } from './authentication.ts'
import type { BlockLayout } from './layout.ts'
import type { BlockReport, DiscardCause } from './report.ts'

/** A block of the session's epoch. */
export interface BlockName {
  readonly epoch: number
  /** Counts closed blocks of the epoch from 0, discarded ones included. */
  readonly sequence: number
}

/** A finished block on its way into the key store: durable, but not usable yet. */
export interface KeyBlock extends BlockName {
  readonly link: LinkId
  /** ℓ secret bits; the host owns them now. */
  readonly key: Bits
  readonly layout: BlockLayout
  readonly report: BlockReport
}

/** What a host gives to an engine. */
export type EngineInput =
  /** A connection to the peer stands: a session begins. */
  | {
      readonly kind: 'started'
      /** From the oldest to the newest; the engine owns and clears them. */
      readonly sources: readonly AuthenticationSource[]
      /** One above the last epoch of this link that this end knows. */
      readonly nextEpoch: number
      /** Monotonic milliseconds. */
      readonly nowMs: number
    }
  | { readonly kind: 'message'; readonly octets: Uint8Array }
  /** Receiver only. The engine keeps the arrays. */
  | { readonly kind: 'detections'; readonly batch: DetectionBatch }
  /** Transmitter only: answers `ask-choices`. */
  | { readonly kind: 'choices'; readonly choices: TransmitterChoices }
  /** Transmitter only: the device does not know them any more. */
  | { readonly kind: 'choices-unavailable'; readonly batch: number }
  /** Receiver only: the operator wants the devices aligned. */
  | { readonly kind: 'align' }
  /** Receiver only: answers `align`. Batches from this one on came after it. */
  | { readonly kind: 'aligned'; readonly firstBatch: number }
  /** Receiver only: the devices could not. */
  | { readonly kind: 'not-aligned' }
  | { readonly kind: 'epoch-stored'; readonly epoch: number }
  | { readonly kind: 'pads-burned'; readonly source: string; readonly to: number }
  | ({ readonly kind: 'block-stored' } & BlockName)
  | ({ readonly kind: 'block-not-stored' } & BlockName)
  /** At least every second. */
  | { readonly kind: 'tick'; readonly nowMs: number }
  | { readonly kind: 'peer-gone' }

/** What an engine asks of its host. */
export type EngineEffect =
  /** To the peer, in order. */
  | { readonly kind: 'send'; readonly octets: Uint8Array }
  | { readonly kind: 'ask-choices'; readonly batch: number; readonly slots: Uint32Array }
  /** Make the epoch durable, then input `epoch-stored`. */
  | { readonly kind: 'store-epoch'; readonly epoch: number }
  | { readonly kind: 'session-open'; readonly epoch: number }
  /**
   * Make the cursor of the source durable, then input `pads-burned`. The source may be a block
   * whose `block-usable` came just before: mark its pads once it is confirmed.
   */
  | ({ readonly kind: 'burn-pads' } & PadBurn)
  /**
   * The peer's tag under this pad of a reserve fitted. Remember it durably for later sessions; needs
   * no answer.
   */
  | { readonly kind: 'pad-accepted'; readonly source: string; readonly pad: number }
  /** Store durably as *held*, then input `block-stored`, or `block-not-stored` if that failed. */
  | { readonly kind: 'store-block'; readonly block: KeyBlock }
  /** Both ends hold it durably: its keys may be used. */
  | ({ readonly kind: 'block-usable' } & BlockName)
  /** A held block that must never be used: destroy it. */
  | ({ readonly kind: 'block-void'; readonly cause: DiscardCause } & BlockName)
  /**
   * A held block of which this end cannot tell whether the peer uses it: keep it held until the
   * hosts have compared what they hold. The session is over then, so that no engine decides any
   * more.
   */
  | ({ readonly kind: 'block-undecided' } & BlockName)
  /** Once for each block, when its fate is known. */
  | { readonly kind: 'report'; readonly report: BlockReport }
  | { readonly kind: 'alarm'; readonly alarm: Alarm }
  /** Let the devices align themselves, then input `aligned` or `not-aligned`. Receiver only. */
  | { readonly kind: 'align'; readonly cause: AlignmentCause }
  /** What became of it, a few blocks later. */
  | ({ readonly kind: 'alignment-ended' } & AlignmentEnd)
  /** From now on batches would be dropped, or would be taken again. Receiver only. */
  | { readonly kind: 'busy'; readonly busy: boolean }
  /** The session is over at this end: close the connection; `retry` says whether to dial again. */
  | {
      readonly kind: 'end-session'
      readonly code: SessionEnd
      readonly message: string
      readonly retry: boolean
    }

/** Why devices are aligned. */
export type AlignmentCause = 'start' | 'drift' | 'operator'

/** What became of an alignment. */
export interface AlignmentEnd {
  readonly cause: AlignmentCause
  /**
   * `done`: nothing was known to compare with. `sound`: the error rate is what it was at its best.
   * `failed`: it is not. `refused`: the devices could not. `cut-short`: the session ended first.
   */
  readonly outcome: 'done' | 'sound' | 'failed' | 'refused' | 'cut-short'
  /** Error rates of the test basis in the last block before, and in the blocks after. */
  readonly before?: number
  readonly after?: number
}

/** Why a session ended. */
export type SessionEnd =
  | 'STREAM_BROKEN'
  | 'PROTOCOL_VERSION_DIFFERS'
  | 'PARAMETERS_DIFFER'
  | 'PEER_UNEXPECTED'
  | 'EPOCH_IMPLAUSIBLE'
  | 'AUTHENTICATION_UNAVAILABLE'
  | 'AUTHENTICATION_FAILED'
  | 'AUTHENTICATION_EXHAUSTED'
  | 'STORAGE_UNCERTAIN'
  | 'DEVICE_RESTARTED'
  | 'PEER_STALLED'
  | 'PEER_GONE'

/** What alarms are about. Stable: shown, counted and logged by these names. */
export type AlarmKind =
  | 'qber-above-limit'
  /** A block's CHSH test does not show that its pairs were entangled. */
  | 'chsh-not-violated'
  | 'authentication-failed'
  | 'verification-failed'
  | 'decoy-statistics'
  | 'rate-collapse'
  | 'rate-surge'
  | 'photocurrent'
  | 'double-clicks'
  | 'detector-balance'
  | 'arrival-times'
  | 'incoming-light'
  | 'source-health'
  /** The other end does not trust its device. */
  | 'peer-device'
  /** The error rate has jumped from one block to the next. */
  | 'error-step'
  /** The error rate has crept up: time to align anew. */
  | 'alignment-drift'
  /** Aligning the devices has not brought the error rate back. */
  | 'alignment-failed'
  | 'authentication-low'
  | 'peer-misbehaved'

/**
 * Something an operator, or the guard, should know. Conditions are raised once and cleared once.
 */
export interface Alarm {
  readonly kind: AlarmKind
  readonly severity: 'warning' | 'high'
  readonly state: 'raised' | 'cleared'
  readonly facts: Facts
}
