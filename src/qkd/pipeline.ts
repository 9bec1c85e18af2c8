/**
 * The closed blocks of a session, each at its own point of post-processing.
 *
 * Routes messages and tags to their block, ends blocks, and brings finished ones into storage: the
 * host stores durably, both ends tell each other under a tag, and only then is a block usable.
 *
 * @module
 */

import { assert, type Bits } from '#base'
import { countTag, newActiveBlock, reportOf, type ActiveBlock } from './active-block.ts'
import { clearSource, reserveSource, type Wallet } from './authentication.ts'
import { sum, type Lane, type WorkPhase } from './block-work.ts'
import type { Orders } from './cascade/permutation.ts'
import type { Channel } from './channel.ts'
import { blockLayout } from './layout.ts'
import type { Message, MessageOf, WorkMessage } from './messages.ts'
import { ReceiverBlock } from './receiver.ts'
import { QkdRefusal } from './refusal.ts'
import type { BlockReport, DiscardCause } from './report.ts'
import type { SessionHost } from './session.ts'
import type { ClosedBlock } from './sifting-desk.ts'
import { TransmitterBlock } from './transmitter.ts'

type BlockMessage = Extract<Message, { readonly block: number }>

/** The blocks in flight of one session. */
export class Pipeline {
  readonly #host: SessionHost
  readonly #channel: Channel
  readonly #wallet: Wallet
  readonly #orders: Orders
  readonly #epoch: number
  readonly #active = new Map<number, ActiveBlock>()
  #tagsFailed = 0

  constructor(options: {
    readonly host: SessionHost
    readonly channel: Channel
    readonly wallet: Wallet
    readonly orders: Orders
    readonly epoch: number
  }) {
    this.#host = options.host
    this.#channel = options.channel
    this.#wallet = options.wallet
    this.#orders = options.orders
    this.#epoch = options.epoch
  }

  /** Blocks in flight. */
  get size(): number {
    return this.#active.size
  }

  /** Takes a block that has just closed. */
  begin({ sequence, sifted, transcript }: ClosedBlock): void {
    const lane = this.#lane(sequence)
    const work =
      this.#host.role === 'transmitter'
        ? new TransmitterBlock(sequence, sifted, lane)
        : new ReceiverBlock(sequence, sifted, lane)
    const nowMs = this.#host.nowMs()
    this.#active.set(sequence, newActiveBlock(sequence, work, { sifting: transcript, nowMs }))
    if (this.#active.size > this.#host.parameters.blocksInFlightMax + BLOCKS_OVER) {
      this.#discard(sequence, 'stalled')
      return
    }
    if (sifted.trusted) work.begin()
    else this.#discard(sequence, 'device-suspect')
  }

  /** A message about a block that has closed. What is wrong with it voids the block. */
  message(message: BlockMessage, octets: Uint8Array): void {
    const active = this.#active.get(message.block)
    if (active === undefined) {
      // It had ended here before the peer could know.
      this.#host.totals.late()
      return
    }
    try {
      active.lastProgressMs = this.#host.nowMs()
      this.#route(active, message, octets)
    } catch (error) {
      if (!(error instanceof QkdRefusal)) throw error
      this.#host.board.event('peer-misbehaved', { code: error.code, block: active.sequence })
      this.#giveUp(active, 'message-refused')
    }
  }

  /** The host has stored a block durably, or could not. */
  stored(sequence: number, stored: boolean): void {
    const active = this.#active.get(sequence)
    if (active?.storing !== 'asked') return
    if (!stored) {
      this.#discard(sequence, 'not-stored')
      return
    }
    active.storing = 'telling'
    active.lastProgressMs = this.#host.nowMs()
    this.#channel.say({ kind: 'stored', block: sequence }, active.storage.own)
    this.#order(active, 'storage')
  }

  /** Gives up what has stood still for too long. */
  tick(): void {
    const oldestMs = this.#host.nowMs() - this.#host.parameters.stallMs
    for (const active of [...this.#active.values()]) {
      if (active.lastProgressMs < oldestMs) this.#giveUp(active, 'stalled')
    }
  }

  /** The session is over. */
  close(): void {
    for (const active of [...this.#active.values()]) {
      if (isCommitted(active)) this.#leaveUnresolved(active)
      else this.#discard(active.sequence, 'session-ended', 'quietly')
    }
  }

  #route(active: ActiveBlock, message: BlockMessage, octets: Uint8Array): void {
    if (message.kind === 'tag') {
      this.#onTag(active, message)
    } else if (message.kind === 'abort') {
      this.#onAbort(active, message)
    } else if (message.kind === 'stored') {
      if (active.storing === 'not-yet' || active.peerStored !== 'no') throw outOfPhase('stored')
      active.peerStored = 'said'
      this.#note(active.storage.peer, octets)
    } else {
      if (message.kind === 'sifted' || active.storing !== 'not-yet') throw outOfPhase(message.kind)
      this.#note(active.transcripts[PHASE_OF[message.kind]], octets)
      active.work.message(message)
    }
  }

  #note(transcript: ActiveBlock['storage']['own'], octets: Uint8Array): void {
    transcript[this.#host.role === 'transmitter' ? 'receiver' : 'transmitter'].push(octets)
  }

  #onTag(active: ActiveBlock, tag: MessageOf<'tag'>): void {
    const { phase, block } = tag
    if (phase === 'session') throw outOfPhase('tag')
    const expected =
      phase === 'storage' ? active.peerStored === 'said' : active.work.expectsTag(phase)
    if (!expected) throw outOfPhase('tag')
    const transcript = phase === 'storage' ? active.storage.peer : active.transcripts[phase]
    if (!this.#channel.fits({ block, phase, transcript }, tag)) {
      this.#tagFailed(active, phase)
      return
    }
    if (phase === 'storage') {
      active.peerStored = 'proven'
      this.#useIfBoth(active)
    } else {
      countTag(active, phase)
      active.work.tagged(phase)
    }
  }

  #tagFailed(active: ActiveBlock, phase: string): void {
    this.#host.board.event('authentication-failed', { phase, block: active.sequence })
    this.#giveUp(active, 'authentication-failed')
    this.#tagsFailed++
    // Each failure spends pads: after a few the link waits for a new session.
    if (this.#tagsFailed < TAGS_FAILED_MAX) return
    const message = `${TAGS_FAILED_MAX} tags did not fit their transcripts`
    this.#host.end('AUTHENTICATION_FAILED', message, true)
  }

  #onAbort(active: ActiveBlock, message: MessageOf<'abort'>): void {
    const proven = this.#channel.abortFits(message)
    const unsaid = proven && active.peerStored === 'no'
    if (isCommitted(active) && !unsaid) {
      // The peer may be using the block: nothing unproven can take it back, nor a word broken.
      this.#host.board.event('peer-misbehaved', { code: 'MESSAGE_OUT_OF_PHASE' })
      if (proven) this.#giveUp(active, 'aborted-by-peer')
      return
    }
    // Causes that tell this end's operator something, and that only the other end may know.
    const told = TOLD_CAUSES.find((cause) => proven && cause === message.cause)
    this.#discard(active.sequence, told ?? 'aborted-by-peer', 'quietly')
  }

  /**
   * Voids a block. If the peer may already be using it, the hosts have to compare what they hold,
   * and the session ends first: then neither engine can still change the fate of any block.
   */
  #giveUp(active: ActiveBlock, cause: DiscardCause): void {
    if (!this.#active.has(active.sequence)) return
    if (isCommitted(active)) {
      this.#leaveUnresolved(active)
      this.#host.end('STORAGE_UNCERTAIN', 'The peer may or may not use a stored block', true)
    } else {
      this.#discard(active.sequence, cause)
    }
  }

  #leaveUnresolved(active: ActiveBlock): void {
    this.#active.delete(active.sequence)
    const { sequence } = active
    this.#host.emit({ kind: 'block-undecided', epoch: this.#epoch, sequence })
    if (active.reserve !== undefined) clearSource(active.reserve)
    this.#report(active, 'undecided')
  }

  #useIfBoth(active: ActiveBlock): void {
    if (active.storing !== 'told' || active.peerStored !== 'proven') return
    const { sequence, reserve } = active
    this.#active.delete(sequence)
    assert(reserve !== undefined, 'a stored block has a reserve')
    this.#wallet.add(reserve)
    this.#host.emit({ kind: 'block-usable', epoch: this.#epoch, sequence })
    this.#host.board.condition('qber-above-limit', false)
    this.#host.board.condition('peer-device', false)
    this.#report(active, 'distilled')
  }

  #discard(sequence: number, cause: DiscardCause, quietly?: 'quietly'): void {
    const active = this.#active.get(sequence)
    if (active === undefined) return
    this.#active.delete(sequence)
    if (quietly === undefined) this.#channel.abort(sequence, cause)
    if (active.storing !== 'not-yet') {
      this.#host.emit({ kind: 'block-void', epoch: this.#epoch, sequence, cause })
    }
    this.#raise(active, cause)
    this.#report(active, cause)
    active.work.clear()
    if (active.reserve !== undefined) clearSource(active.reserve)
  }

  #raise(active: ActiveBlock, cause: DiscardCause): void {
    const { board, parameters } = this.#host
    const facts = { block: active.sequence }
    if (cause === 'qber-above-limit') {
      const { sifted, tally } = active.work
      const keyErrorRate = sum(tally.keyErrors ?? []) / sifted.key.length
      const qber = Math.max(sifted.testErrorRate, keyErrorRate)
      board.condition('qber-above-limit', true, { qber, limit: parameters.qberMax })
    } else if (cause === 'device-suspect') {
      // This end has raised what it found; the other end's finding is told here.
      if (active.work.sifted.trusted) board.condition('peer-device', true, facts)
    } else if (cause === 'verification-failed') {
      board.event('verification-failed', facts)
    } else if (cause === 'estimates-disagree') {
      board.event('peer-misbehaved', { ...facts, code: 'ESTIMATES_DISAGREE' })
    }
  }

  #report(active: ActiveBlock, fate: DiscardCause | 'distilled' | 'undecided'): void {
    const report = this.#reportOf(active, fate)
    this.#host.totals.block(report)
    this.#host.emit({ kind: 'report', report })
  }

  #reportOf(active: ActiveBlock, fate: DiscardCause | 'distilled' | 'undecided'): BlockReport {
    const { parameters, role } = this.#host
    const { sequence, padsSpent, forgery, work } = active
    const context = { parameters, role, epoch: this.#epoch, sequence, padsSpent, forgery, fate }
    return reportOf(work.sifted, work.tally, context)
  }

  #lane(sequence: number): Lane {
    const { parameters, random, totals } = this.#host
    const active = (): ActiveBlock => {
      const found = this.#active.get(sequence)
      assert(found !== undefined, 'a work speaks only while its block is in flight')
      return found
    }
    return {
      parameters,
      random,
      orders: this.#orders,
      latest: totals.latest,
      say: (message, phase) => this.#channel.say(message, active().transcripts[phase]),
      tag: (phase) => this.#order(active(), phase),
      discard: (cause, quietly) => this.#discard(sequence, cause, quietly),
      finish: (key) => this.#finish(active(), key),
    }
  }

  #order(active: ActiveBlock, phase: WorkPhase | 'storage'): void {
    const transcript = phase === 'storage' ? active.storage.own : active.transcripts[phase]
    const made = (forgery: number): void => {
      active.padsSpent++
      active.forgery += forgery
      if (phase !== 'storage') {
        countTag(active, phase)
        return
      }
      // Not before: the peer cannot know the new reserve until it has this tag.
      active.storing = 'told'
      this.#useIfBoth(active)
    }
    this.#channel.tag({ block: active.sequence, phase, transcript, made })
  }

  #finish(active: ActiveBlock, key: Bits): void {
    const { parameters, role } = this.#host
    const layout = blockLayout(key.length, parameters.reserveOctets)
    assert(layout !== undefined, 'a block without room for its reserve is discarded before')
    const { sequence } = active
    const epoch = this.#epoch
    active.reserve = reserveSource(`${epoch}/${sequence}`, key.octets, { layout, role })
    active.storing = 'asked'
    const report = this.#reportOf(active, 'distilled')
    active.work.clear()
    const block = { link: parameters.link, epoch, sequence, key, layout, report }
    this.#host.emit({ kind: 'store-block', block })
  }
}

/**
 * The phase in which a message of a block is said; its transcript is closed by that phase's tags.
 */
const PHASE_OF: Readonly<Record<WorkMessage['kind'], WorkPhase>> = {
  code: 'reconciliation',
  syndrome: 'reconciliation',
  undecoded: 'reconciliation',
  plan: 'reconciliation',
  question: 'reconciliation',
  parities: 'reconciliation',
  corrected: 'reconciliation',
  hash: 'reconciliation',
  verdict: 'reconciliation',
  frameHashes: 'reconciliation',
  disclose: 'reconciliation',
  disclosed: 'reconciliation',
  errors: 'estimation',
  length: 'estimation',
  seed: 'amplification',
}

/** Whether the peer may be using the block already. */
const isCommitted = ({ storing }: ActiveBlock): boolean =>
  storing === 'telling' || storing === 'told'

const outOfPhase = (kind: string): QkdRefusal =>
  new QkdRefusal('MESSAGE_OUT_OF_PHASE', 'Expected a message of the present phase', {
    facts: { kind },
  })

const TOLD_CAUSES: readonly DiscardCause[] = ['qber-above-limit', 'device-suspect']
/** Blocks over the limit that batches already announced may close. */
const BLOCKS_OVER = 64
/** Tags that may fail in one session. */
const TAGS_FAILED_MAX = 3
