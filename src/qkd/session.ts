/**
 * One session of a link end: from the hello to the end of the connection.
 *
 * Opening: each end says a hello with a fresh nonce, the hash of its parameters, the epoch it would
 * take and the authentication sources it holds; both take the higher epoch, make it durable, and
 * prove themselves by a tag over both hellos. Nonces make every later tag one of this session.
 *
 * @module
 */

import { concat, sameOctets, type RandomSource } from '#base'
import { sha256 } from '#crypto'
import type { DetectionBatch, TransmitterChoices } from '#optics'
import type { AlarmBoard } from './alarm-board.ts'
import { decoyFacts } from './alarms.ts'
import type { TestedBlock } from './alignment.ts'
import {
  newTranscript,
  peerOf,
  Wallet,
  type AuthenticationSource,
  type Role,
} from './authentication.ts'
import { newTally } from './block-work.ts'
import { reportOf } from './active-block.ts'
import { Orders } from './cascade/permutation.ts'
import { Channel } from './channel.ts'
import { coincidencesOf, measuredChsh, violatesChsh, type ChshCounts } from './chsh.ts'
import type { BlockName, EngineEffect, SessionEnd } from './effects.ts'
import { PROTOCOL_VERSION, type Message, type MessageOf } from './messages.ts'
import { parametersHash, type LinkParameters } from './parameters.ts'
import { Pipeline } from './pipeline.ts'
import { QkdRefusal } from './refusal.ts'
import { ReceiverDesk, TransmitterDesk, type SiftingLane } from './sifting-desk.ts'
import type { Totals } from './totals.ts'

/** What a session needs from its engine. */
export interface SessionHost {
  readonly role: Role
  readonly parameters: LinkParameters
  readonly random: RandomSource
  readonly board: AlarmBoard
  readonly totals: Totals
  nowMs(): number
  emit(effect: EngineEffect): void
  /** A block of trusted batches has closed. */
  tested(block: TestedBlock): void
  /** The session opens: keys may come, and what is to be done before them is asked for. */
  opened(): void
  /** Transmitter: the peer has announced a batch. */
  announced(detections: number, slotCount: number): void
  end(code: SessionEnd, message: string, retry: boolean): void
}

/** One session at one end. */
export class Session {
  readonly #host: SessionHost
  readonly #wallet: Wallet
  readonly #channel: Channel
  readonly #nonce: Uint8Array
  readonly #hellos = newTranscript()
  readonly #nextEpoch: number
  readonly #beganMs: number
  #epoch: number | undefined
  #epochStored = false
  #peerProven = false
  #desk: ReceiverDesk | TransmitterDesk
  #pipeline: Pipeline | undefined
  /** When the oldest batch without an answer began to wait. */
  #waitingSinceMs = 0
  #closed = false

  constructor(
    host: SessionHost,
    start: { readonly sources: readonly AuthenticationSource[]; readonly nextEpoch: number },
  ) {
    this.#host = host
    this.#wallet = new Wallet(start.sources)
    this.#channel = new Channel(host.role, this.#wallet, (effect) => host.emit(effect))
    this.#nonce = host.random.octets(16)
    this.#nextEpoch = start.nextEpoch
    this.#beganMs = host.nowMs()
    this.#desk =
      host.role === 'receiver'
        ? new ReceiverDesk(this.#siftingLane())
        : new TransmitterDesk(this.#siftingLane())
    this.#sayHello()
  }

  get open(): boolean {
    return this.#pipeline !== undefined
  }

  get epoch(): number | undefined {
    return this.#epoch
  }

  get blocksInFlight(): number {
    return this.#pipeline?.size ?? 0
  }

  get siftingBits(): number {
    return this.#desk.sifted.key.length
  }

  get padsLeft(): { readonly send: number; readonly receive: number } {
    return this.#wallet.padsLeft
  }

  /** Whether a batch fed now would be dropped. */
  get busy(): boolean {
    if (!(this.#desk instanceof ReceiverDesk) || this.#pipeline === undefined) return true
    const { batchesInFlightMax, blocksInFlightMax } = this.#host.parameters
    return this.#desk.waiting >= batchesInFlightMax || this.#pipeline.size >= blocksInFlightMax
  }

  /** Receiver: takes a batch in. @returns false if it was dropped */
  feed(batch: DetectionBatch): boolean {
    if (this.busy || !(this.#desk instanceof ReceiverDesk)) return false
    if (!this.#desk.follows(batch.batch)) {
      // Its numbers name batches to the other device: both ends have to begin anew together.
      this.#host.end('DEVICE_RESTARTED', 'The receiver counts its batches anew', true)
      return false
    }
    try {
      if (this.#desk.waiting === 0) this.#waitingSinceMs = this.#host.nowMs()
      this.#desk.feed(batch, this.#host.board.trustsDevice)
      return true
    } catch (error) {
      if (error instanceof QkdRefusal && error.code === 'BATCH_INVALID') return false
      throw error
    }
  }

  /** Transmitter: the device has answered. */
  chosen(choices: TransmitterChoices): void {
    if (!(this.#desk instanceof TransmitterDesk)) return
    this.#desk.chosen(choices, this.#host.board.trustsDevice)
    this.#waitingSinceMs = this.#host.nowMs()
  }

  /** Transmitter: the device cannot answer. */
  unavailable(batch: number): void {
    if (this.#desk instanceof TransmitterDesk) this.#desk.unavailable(batch)
  }

  epochStored(epoch: number): void {
    if (epoch !== this.#epoch || this.#epochStored) return
    this.#epochStored = true
    this.#channel.tag({ block: 0, phase: 'session', transcript: this.#hellos })
    this.#openIfProven()
  }

  padsBurned(source: string, to: number): void {
    this.#wallet.burned(source, to)
  }

  blockStored(name: BlockName, stored: boolean): void {
    if (name.epoch === this.#epoch) this.#pipeline?.stored(name.sequence, stored)
  }

  /** A message of the peer. Whatever cannot be placed ends the session. */
  message(octets: Uint8Array): void {
    try {
      const message = this.#channel.receive(octets)
      this.#dispatch(message, octets)
    } catch (error) {
      if (!(error instanceof QkdRefusal)) throw error
      this.#host.board.event('peer-misbehaved', { code: error.code })
      this.#host.end('STREAM_BROKEN', error.message, true)
    }
  }

  /** Looks for what has waited too long. */
  tick(): void {
    const { stallMs } = this.#host.parameters
    const now = this.#host.nowMs()
    if (this.#pipeline === undefined) {
      if (now - this.#beganMs > stallMs) this.#stalled('The peer did not complete its hello')
      return
    }
    this.#pipeline.tick()
    if (this.#desk.waiting === 0) this.#waitingSinceMs = now
    if (now - this.#waitingSinceMs <= stallMs) return
    if (this.#desk instanceof ReceiverDesk) this.#stalled('The peer did not answer a batch')
    else this.#desk.unavailable('oldest')
    this.#waitingSinceMs = now
  }

  /** Lets out what may leave, and asks for pads to be marked as used ahead of need. */
  settle(): void {
    if (this.#closed) return
    if (!this.#channel.flush()) {
      this.#host.end('AUTHENTICATION_EXHAUSTED', 'No pad is left to authenticate with', true)
      return
    }
    // Before the hellos it is not known which sources the peer holds too.
    const due = this.#epoch === undefined ? undefined : this.#wallet.burnDue()
    if (due !== undefined) this.#host.emit({ kind: 'burn-pads', ...due })
    const { send } = this.#wallet.padsLeft
    if (this.open) this.#host.board.condition('authentication-low', send < PADS_LOW, { pads: send })
  }

  /** The connection is gone: everything unfinished is given up. */
  close(): void {
    this.#closed = true
    this.#pipeline?.close()
    const { sifted, sequence } = this.#desk
    if (this.#epoch !== undefined && sifted.batches > 0)
      this.#reportOpenBlock(sequence, 'session-ended')
    sifted.clear()
    this.#wallet[Symbol.dispose]()
  }

  #dispatch(message: Message, octets: Uint8Array): void {
    if (message.kind === 'hello') {
      this.#onHello(message, octets)
      return
    }
    if (message.kind === 'tag' && message.phase === 'session') {
      this.#onProof(message)
      return
    }
    const pipeline = this.#pipeline
    if (pipeline === undefined) throw outOfPhase(message.kind)
    if (this.#isSifting(message, octets)) return
    if (!('block' in message)) throw outOfPhase(message.kind)
    if (message.block < this.#desk.sequence) {
      pipeline.message(message, octets)
      return
    }
    if (message.kind !== 'abort' || message.block > this.#desk.sequence) {
      throw outOfPhase(message.kind)
    }
    // Both ends must move on together: only a proven word makes this end give up the open block.
    if (this.#channel.abortFits(message)) this.#abandonOpenBlock('aborted-by-peer')
    else this.#host.board.event('peer-misbehaved', { code: 'MESSAGE_OUT_OF_PHASE' })
  }

  /** Whether the message was about sifting, and is dealt with. */
  #isSifting(message: Message, octets: Uint8Array): boolean {
    const desk = this.#desk
    if (desk instanceof TransmitterDesk) {
      if (message.kind !== 'detections') return false
      this.#host.announced(message.count, message.slotCount)
      if (desk.waiting === 0) this.#waitingSinceMs = this.#host.nowMs()
      const slots = desk.announced(message, octets)
      this.#host.emit({ kind: 'ask-choices', batch: message.batch, slots })
      return true
    }
    if (message.kind === 'unsifted') desk.unsifted(message)
    else if (message.kind === 'sifted') this.#onSifted(desk, message, octets)
    else return false
    this.#waitingSinceMs = this.#host.nowMs()
    return true
  }

  #onSifted(desk: ReceiverDesk, message: MessageOf<'sifted'>, octets: Uint8Array): void {
    try {
      desk.answered(message, octets)
    } catch (error) {
      if (!(error instanceof QkdRefusal) || error.code !== 'MESSAGE_INVALID') throw error
      this.#host.board.event('peer-misbehaved', { code: error.code })
      this.#channel.abort(desk.sequence, 'message-refused')
      this.#abandonOpenBlock('message-refused')
    }
  }

  #abandonOpenBlock(cause: 'aborted-by-peer' | 'message-refused'): void {
    this.#reportOpenBlock(this.#desk.sequence, cause)
    this.#desk.abandon().clear()
  }

  #reportOpenBlock(
    sequence: number,
    fate: 'aborted-by-peer' | 'message-refused' | 'session-ended',
  ): void {
    const { parameters, role, totals } = this.#host
    const epoch = this.#epoch ?? 0
    const context = { parameters, role, epoch, sequence, padsSpent: 0, forgery: 0, fate }
    const report = reportOf(this.#desk.sifted, newTally(), context)
    totals.block(report)
    this.#host.emit({ kind: 'report', report })
  }

  #sayHello(): void {
    const { parameters, role } = this.#host
    const hello: Message = {
      kind: 'hello',
      version: PROTOCOL_VERSION,
      parameters: parametersHash(parameters),
      from: parameters[role],
      role,
      nonce: this.#nonce,
      epoch: this.#nextEpoch,
      sources: this.#wallet.starts.map((start) => ({ ...start })),
    }
    this.#channel.say(hello, this.#hellos)
  }

  #onHello(hello: MessageOf<'hello'>, octets: Uint8Array): void {
    const { parameters, role } = this.#host
    if (this.#epoch !== undefined) throw outOfPhase('hello')
    const peer = peerOf(role)
    if (hello.version !== PROTOCOL_VERSION) {
      this.#host.end('PROTOCOL_VERSION_DIFFERS', 'The peer speaks another version', false)
      return
    }
    if (hello.role !== peer || hello.from !== parameters[peer]) {
      this.#host.end('PEER_UNEXPECTED', 'The peer is not the other end of this link', false)
      return
    }
    if (!sameOctets(hello.parameters, parametersHash(parameters))) {
      this.#host.end('PARAMETERS_DIFFER', 'The peer has other link parameters', false)
      return
    }
    if (hello.epoch > this.#nextEpoch + EPOCHS_AHEAD_MAX) {
      // Not proven yet: a forger must not use up all epochs there will ever be.
      this.#host.end('EPOCH_IMPLAUSIBLE', 'The peer is too many epochs ahead', true)
      return
    }
    this.#hellos[peer].push(octets)
    this.#wallet.keep((id) => hello.sources.some((source) => source.id === id))
    for (const { id, next } of hello.sources) this.#wallet.peerStartsAt(id, next)
    if (this.#wallet.exhausted) {
      const message = 'Both ends hold no authentication source in common'
      this.#host.end('AUTHENTICATION_UNAVAILABLE', message, true)
      return
    }
    const nonces = role === 'transmitter' ? [this.#nonce, hello.nonce] : [hello.nonce, this.#nonce]
    this.#epoch = Math.max(this.#nextEpoch, hello.epoch)
    this.#channel.bind(concat(...nonces), this.#epoch)
    this.#host.emit({ kind: 'store-epoch', epoch: this.#epoch })
  }

  #onProof(tag: MessageOf<'tag'>): void {
    if (this.#epoch === undefined || this.#peerProven) throw outOfPhase('tag')
    const order = { block: 0, phase: 'session', transcript: this.#hellos } as const
    if (tag.block !== 0 || !this.#channel.fits(order, tag)) {
      this.#host.board.event('authentication-failed', { phase: 'session' })
      this.#host.end('AUTHENTICATION_FAILED', 'The peer did not prove its hello', true)
      return
    }
    this.#peerProven = true
    this.#openIfProven()
  }

  #openIfProven(): void {
    if (!this.#peerProven || !this.#epochStored || this.#epoch === undefined) return
    const seed = sha256(...this.#hellos.transmitter, ...this.#hellos.receiver)
    this.#pipeline = new Pipeline({
      host: this.#host,
      channel: this.#channel,
      wallet: this.#wallet,
      orders: new Orders(seed),
      epoch: this.#epoch,
    })
    this.#waitingSinceMs = this.#host.nowMs()
    this.#host.opened()
    this.#host.emit({ kind: 'session-open', epoch: this.#epoch })
  }

  #siftingLane(): SiftingLane {
    return {
      parameters: this.#host.parameters,
      say: (message, into) => this.#channel.say(message, into),
      closed: (closed) => {
        const { board, parameters } = this.#host
        const { keyDetections } = closed.sifted
        const decoys = decoyFacts(keyDetections, parameters.pulses.intensities)
        board.condition('decoy-statistics', decoys.suspicious, decoys.facts)
        if (closed.sifted.chsh !== undefined) chshCondition(board, closed.sifted.chsh)
        if (closed.sifted.trusted) this.#host.tested(closed.sifted)
        this.#pipeline?.begin(closed)
      },
    }
  }

  #stalled(message: string): void {
    this.#host.end('PEER_STALLED', message, true)
  }
}

/** Whether a block's CHSH test shows what it should; tells what it came to if not. */
function chshCondition(board: AlarmBoard, counts: ChshCounts): void {
  const measured = measuredChsh(counts)
  const facts = {
    ...(measured && { chsh: measured.chsh, lowerBound: measured.lowerBound }),
    coincidences: coincidencesOf(counts),
  }
  board.condition('chsh-not-violated', !violatesChsh(measured), facts)
}

const outOfPhase = (kind: string): QkdRefusal =>
  new QkdRefusal('MESSAGE_OUT_OF_PHASE', 'Expected a message of the present phase', {
    facts: { kind },
  })

/** Pads left to send with below which the link is short: what two blocks need. */
const PADS_LOW = 10

/** Sessions by which one end may be ahead of the other. */
const EPOCHS_AHEAD_MAX = 2 ** 24
