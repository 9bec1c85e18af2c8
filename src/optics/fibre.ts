/**
 * A simulated fibre with a device at each end, as the rest of the house sees real ones.
 *
 * Whoever runs it paces it: each call of `produce` makes one batch, which goes to the receiver at
 * once; the transmitter keeps its choices until the other side asks for them. The fibre knows
 * every key, and so belongs into a process of its own.
 *
 * Memory is bounded: a receiver that nobody empties loses whole batches (they are not even drawn),
 * a transmitter that nobody asks forgets the oldest. What is forgotten is overwritten.
 *
 * @module
 */

import { ChoiceMemory } from './choice-memory.ts'
import type { Alignment, ReceiverDevice, TransmitterChoices, TransmitterDevice } from './device.ts'
import type { Attack } from './eve.ts'
import { Inbox, type TakeBatch } from './inbox.ts'
import { isPairLink, type SimulatedLink } from './named-link.ts'
import { PairSimulator } from './pair-simulate.ts'
import { RandomWords } from './random-words.ts'
import { requireSlotCount } from './record.ts'
import { OpticsRefusal } from './refusal.ts'
import { BatchSimulator, type BatchTruth, type SimulatorOptions } from './simulate.ts'

export interface FibreOptions extends Omit<SimulatorOptions, 'link'> {
  /** With weak pulses, or with entangled pairs. */
  readonly link: SimulatedLink
  /** Slots of each batch, up to `BATCH_SLOTS_MAX`. */
  readonly batchSlots: number
  /** Batches whose choices the transmitter remembers; `CHOICE_BATCHES_MAX` if left out. */
  readonly batchesRememberedMax?: number
  /** Batches that wait at the receiver; `RECEIVER_BATCHES_MAX` if left out. */
  readonly batchesQueuedMax?: number
}

/** Counts since the fibre was made. */
export interface FibreCounts {
  /** Batches made, dropped ones included. */
  readonly batches: number
  /** Batches that the receiver dropped because too many were waiting. */
  readonly batchesDropped: number
  readonly batchesQueued: number
  readonly batchesRemembered: number
  readonly alignments: number
}

/** Both devices of one simulated link, around one simulator. Closing either closes the fibre. */
export class SimulatedFibre {
  readonly link: SimulatedLink
  readonly batchSlots: number
  readonly transmitter: TransmitterDevice
  readonly receiver: ReceiverDevice
  readonly #simulator: BatchSimulator | PairSimulator
  readonly #words: RandomWords
  readonly #memory: ChoiceMemory
  readonly #inbox: Inbox
  #batchesDropped = 0
  /** The alignment under way, and how many more batches it takes. */
  #alignment: (PromiseWithResolvers<Alignment> & { batchesLeft: number }) | undefined
  #alignments = 0
  #truth: BatchTruth = { sifted: 0, knownToEve: 0 }
  #closed = false

  /** @throws OpticsRefusal OPTICS_LINK_INVALID, OPTICS_SLOTS_INVALID, OPTICS_RANDOMNESS_REFUSED */
  constructor(options: FibreOptions) {
    requireSlotCount(options.batchSlots)
    const { link, ...rest } = options
    this.#simulator = isPairLink(link)
      ? new PairSimulator({ link, ...rest })
      : new BatchSimulator({ link, ...rest })
    this.link = options.link
    this.batchSlots = options.batchSlots
    this.#words = new RandomWords(options.random)
    this.#memory = new ChoiceMemory(options.batchesRememberedMax ?? CHOICE_BATCHES_MAX, this.#words)
    this.#inbox = new Inbox(options.batchesQueuedMax ?? RECEIVER_BATCHES_MAX)
    const { settings } = options.link
    const close = (): void => this.close()
    const choicesAt = (batch: number, slots: Uint32Array): Promise<TransmitterChoices> =>
      Promise.try(() => this.#answer(batch, slots))
    const { closed } = this.#inbox
    this.transmitter = { settings, choicesAt, closed, close }
    const receive = (take: TakeBatch): void => this.#inbox.open(take)
    const align = (): Promise<Alignment> => this.#align()
    this.receiver = { settings, receive, align, closed, close }
  }

  get attack(): Attack {
    return this.#simulator.attack
  }

  /** What Eve does from the next batch on. @throws OpticsRefusal OPTICS_ATTACK_INVALID */
  setAttack(attack: Attack): void {
    this.#simulator.setAttack(attack)
  }

  /** Sums of what only the simulation knows, since the fibre was made. */
  get truth(): BatchTruth {
    return this.#truth
  }

  /** Time that one batch takes on the fibre, in seconds: how often to call `produce`. */
  get batchSeconds(): number {
    return this.batchSlots / this.link.settings.clockHz
  }

  get counts(): FibreCounts {
    return {
      batches: this.#simulator.batch,
      batchesDropped: this.#batchesDropped,
      batchesQueued: this.#inbox.queued,
      batchesRemembered: this.#memory.held,
      alignments: this.#alignments,
    }
  }

  /**
   * Makes the next batch. Returns what only the simulation knows of it, or undefined if the
   * receiver dropped it, or the devices spent it on aligning themselves.
   *
   * @throws OpticsRefusal OPTICS_CLOSED
   */
  produce(): BatchTruth | undefined {
    if (this.#closed) throw closedRefusal()
    if (this.#alignment !== undefined) {
      this.#skip()
      if (--this.#alignment.batchesLeft === 0) this.#aligned(this.#alignment)
      return undefined
    }
    if (this.#inbox.full) {
      this.#skip()
      this.#batchesDropped++
      return undefined
    }
    const { detections, record, truth } = this.#simulator.next(this.batchSlots)
    this.#memory.remember(record)
    this.#inbox.put(detections)
    this.#truth = {
      sifted: this.#truth.sifted + truth.sifted,
      knownToEve: this.#truth.knownToEve + truth.knownToEve,
    }
    return truth
  }

  /** Ends both devices and overwrites everything that is still held. */
  close(): void {
    this.#closed = true
    this.#alignment?.reject(closedRefusal())
    this.#alignment = undefined
    this.#inbox.close()
    this.#memory.clear()
    this.#simulator.clear()
    this.#words.clear()
  }

  #skip(): void {
    this.#memory.pass(this.#simulator.batch)
    this.#simulator.skip()
  }

  #align(): Promise<Alignment> {
    if (this.#closed) return Promise.reject(closedRefusal())
    if (this.#alignment !== undefined) {
      const message = 'The devices are aligning themselves already'
      return Promise.reject(new OpticsRefusal('OPTICS_REQUESTS_TOO_MANY', message))
    }
    const batchesLeft = Math.ceil(ALIGNMENT_SECONDS / this.batchSeconds)
    const alignment = { ...Promise.withResolvers<Alignment>(), batchesLeft }
    this.#alignment = alignment
    return alignment.promise
  }

  #aligned({ resolve }: PromiseWithResolvers<Alignment>): void {
    this.#alignment = undefined
    this.#alignments++
    this.#simulator.align()
    const slots = Math.ceil(ALIGNMENT_SECONDS / this.batchSeconds) * this.batchSlots
    resolve({ firstBatch: this.#simulator.batch, slots })
  }

  #answer(batch: number, slots: Uint32Array): TransmitterChoices {
    if (this.#closed) throw closedRefusal()
    return this.#memory.answer(batch, slots)
  }
}

const closedRefusal = (): OpticsRefusal =>
  new OpticsRefusal('OPTICS_CLOSED', 'The device has been closed')

/** How long an alignment takes; assumed. In whole batches, so at a slow clock it may be longer. */
export const ALIGNMENT_SECONDS = 0.5

/** Batches whose choices a transmitter remembers. */
export const CHOICE_BATCHES_MAX = 256

/** Batches that wait at a receiver; fewer than a transmitter remembers. */
export const RECEIVER_BATCHES_MAX = 64
