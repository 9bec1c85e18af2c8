/**
 * The open block of a link: batches come in, are sifted in their order, and close blocks.
 *
 * A block closes with the first batch that brings its key-basis bits to the agreed number; both
 * ends see that in the same message. A batch is sifted whole or not at all.
 *
 * @module
 */

import { assert } from '#base'
import type { DetectionBatch, TransmitterChoices } from '#optics'
import { newTranscript, type Transcript } from './authentication.ts'
import { decodeGaps } from './gaps.ts'
import type { Message, MessageOf } from './messages.ts'
import type { LinkParameters } from './parameters.ts'
import { QkdRefusal } from './refusal.ts'
import {
  acceptSifting,
  announce,
  answerSifting,
  checkAnnouncement,
  type Outcomes,
} from './sifting.ts'
import { SiftedBlock } from './sifted-block.ts'

/** A block that has just closed, with all that was said to sift it. */
export interface ClosedBlock {
  readonly sequence: number
  readonly sifted: SiftedBlock
  readonly transcript: Transcript
}

/** What a desk can do; given by the engine. */
export interface SiftingLane {
  readonly parameters: LinkParameters
  /** Says a message, which leaves before anything said later. */
  say(message: Message, into?: Transcript): void
  closed(block: ClosedBlock): void
}

interface CountedBatch {
  readonly batch: number
  readonly slotCount: number
  readonly simulated: boolean
  /** Whether this end trusted its device when it reported the batch. */
  readonly trusted: boolean
}

/** The block that batches go into at present. */
abstract class SiftingDesk {
  protected readonly lane: SiftingLane
  #sequence = 0
  #sifted: SiftedBlock
  #transcript = newTranscript()

  constructor(lane: SiftingLane) {
    this.lane = lane
    this.#sifted = this.#empty()
  }

  /** Number of the open block in its epoch. */
  get sequence(): number {
    return this.#sequence
  }

  get sifted(): SiftedBlock {
    return this.#sifted
  }

  /** Gives up the open block; the next one is open then. */
  abandon(): SiftedBlock {
    const given = this.#sifted
    this.#next()
    return given
  }

  /** Whether the link has a CHSH test. */
  protected get hasTest(): boolean {
    return this.lane.parameters.pulses.chshProbability !== undefined
  }

  protected get transcript(): Transcript {
    return this.#transcript
  }

  /** Counts a sifted batch, and closes the block if it is full. */
  protected count(batch: CountedBatch, n: number): void {
    const sifted = this.#sifted
    sifted.trusted &&= batch.trusted
    sifted.firstBatch ??= batch.batch
    sifted.batches++
    sifted.slots += batch.slotCount
    sifted.detections += n
    sifted.simulated ||= batch.simulated
    if (sifted.key.length < this.lane.parameters.blockBits) return
    const closed = { sequence: this.#sequence, sifted, transcript: this.#transcript }
    this.#next()
    this.lane.closed(closed)
  }

  #next(): void {
    this.#sequence++
    this.#sifted = this.#empty()
    this.#transcript = newTranscript()
  }

  #empty(): SiftedBlock {
    const { intensities, source } = this.lane.parameters.pulses
    return new SiftedBlock(intensities.length, source, this.hasTest)
  }
}

/** A batch announced and not yet answered. */
interface Announced {
  readonly batch: number
  readonly slotCount: number
  readonly simulated: boolean
  readonly trusted: boolean
  readonly outcomes: Outcomes
  /** Holds the announcement once it has left. */
  readonly said: Transcript
}

/** Sifting at the receiver. */
export class ReceiverDesk extends SiftingDesk {
  readonly #announced: Announced[] = []
  #lastBatch = -1

  /** Batches without an answer. */
  get waiting(): number {
    return this.#announced.length
  }

  /** Whether a batch comes after all that were announced; if not, the device counts anew. */
  follows(batch: number): boolean {
    return batch > this.#lastBatch
  }

  /** Announces a batch. @param trusted   see `CountedBatch` @throws QkdRefusal `BATCH_INVALID` */
  feed(detections: DetectionBatch, trusted: boolean): void {
    const { batch, slotCount, simulated } = detections
    assert(this.follows(batch), 'batches are announced in increasing order')
    const { announcement, outcomes } = announce(detections, this.hasTest)
    this.#lastBatch = batch
    const said = newTranscript()
    this.#announced.push({ batch, slotCount, simulated, trusted, outcomes, said })
    this.lane.say({ kind: 'detections', batch, slotCount, simulated, ...announcement }, said)
  }

  /**
   * Takes the answer to the oldest announced batch.
   *
   * @throws QkdRefusal `MESSAGE_OUT_OF_PHASE`: nothing announced fits; `MESSAGE_INVALID`: the
   *   answer is none, and the open block must be given up
   */
  answered(message: MessageOf<'sifted'>, octets: Uint8Array): void {
    const announced = this.#take(message.batch)
    // The block was given up here while the answer was on its way.
    if (message.block < this.sequence) return
    if (message.block > this.sequence) throw outOfPhase('sifted')
    acceptSifting(announced.outcomes, message, this.sifted)
    this.transcript.receiver.push(...announced.said.receiver)
    this.transcript.transmitter.push(octets)
    this.count(announced, announced.outcomes.count)
  }

  /** The peer cannot answer for this batch: both ends forget it. */
  unsifted({ batch }: MessageOf<'unsifted'>): void {
    this.#take(batch)
  }

  #take(batch: number): Announced {
    const oldest = this.#announced.shift()
    if (oldest?.batch !== batch) throw outOfPhase('sifted')
    return oldest
  }
}

/** A batch whose choices were asked for. */
interface Asked {
  readonly message: MessageOf<'detections'>
  readonly octets: Uint8Array
  choices: Uint8Array | 'unavailable' | undefined
  trusted: boolean
}

/** Sifting at the transmitter. */
export class TransmitterDesk extends SiftingDesk {
  readonly #asked: Asked[] = []
  #lastBatch = -1

  /** Batches whose choices have not come. */
  get waiting(): number {
    return this.#asked.length
  }

  /** Takes an announcement. @returns slots whose choices are wanted @throws QkdRefusal */
  announced(message: MessageOf<'detections'>, octets: Uint8Array): Uint32Array {
    if (message.batch <= this.#lastBatch) throw outOfPhase('detections')
    // One more than allowed may be on its way when the receiver learns that it is busy.
    if (this.#asked.length > this.lane.parameters.batchesInFlightMax) throw outOfPhase('detections')
    checkAnnouncement(message, this.hasTest)
    const gaps = { width: message.gapWidth, octets: message.gaps }
    const slots = decodeGaps(gaps, message.count, message.slotCount)
    this.#lastBatch = message.batch
    this.#asked.push({ message, octets, choices: undefined, trusted: true })
    return slots
  }

  /** Takes the device's choices; answers go out in the order of the announcements. */
  chosen({ batch, choices }: TransmitterChoices, trusted: boolean): void {
    const asked = this.#asked.find(({ message }) => message.batch === batch)
    if (asked === undefined) return
    asked.choices = choices
    asked.trusted = trusted
    this.#answer()
  }

  /** The device does not know the choices of a batch, or has been silent for too long. */
  unavailable(batch: number | 'oldest'): void {
    const asked =
      batch === 'oldest'
        ? this.#asked[0]
        : this.#asked.find(({ message }) => message.batch === batch)
    if (asked === undefined) return
    asked.choices = 'unavailable'
    this.#answer()
  }

  #answer(): void {
    for (let next = this.#asked.at(0); next?.choices !== undefined; next = this.#asked.at(0)) {
      this.#asked.shift()
      const { message, octets, choices, trusted } = next
      const answer = choices === 'unavailable' ? undefined : this.#answerTo(message, choices)
      if (answer === undefined) {
        this.lane.say({ kind: 'unsifted', batch: message.batch })
        continue
      }
      this.transcript.receiver.push(octets)
      const said: Message = {
        kind: 'sifted',
        block: this.sequence,
        batch: message.batch,
        ...answer,
      }
      this.lane.say(said, this.transcript)
      this.count({ ...message, trusted }, message.count)
    }
  }

  /** Undefined if the device's choices are none: its fault, and only this batch is lost. */
  #answerTo(message: MessageOf<'detections'>, choices: Uint8Array) {
    try {
      return answerSifting(message, choices, this.sifted)
    } catch (error) {
      if (error instanceof QkdRefusal && error.code === 'BATCH_INVALID') return undefined
      throw error
    }
  }
}

const outOfPhase = (kind: string): QkdRefusal =>
  new QkdRefusal('MESSAGE_OUT_OF_PHASE', 'Expected a message of the present phase', {
    facts: { kind },
  })
