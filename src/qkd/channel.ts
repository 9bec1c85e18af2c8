/**
 * One end of the classical channel during one session: numbers, transcripts, tags, in one order.
 *
 * Messages leave in the order in which they were said. A tag that has to wait until its pad is
 * durably marked as used holds back everything behind it, so the peer sees each tag where it
 * belongs. Sent and received messages are noted in the transcript of their phase as they are.
 *
 * @module
 */

import { utf8 } from '#base'
import {
  forgeryProbability,
  isBootstrap,
  newTranscript,
  type Phase,
  type Role,
  type Tag,
  type TagSubject,
  type Transcript,
  type Wallet,
} from './authentication.ts'
import type { EngineEffect } from './effects.ts'
import { decodeMessage, encodeMessage, type Message } from './messages.ts'
import { QkdRefusal } from './refusal.ts'

/** A tag that is to be made once everything said before it has left. */
export interface TagOrder {
  readonly block: number
  readonly phase: Exclude<Phase, 'abort'>
  readonly transcript: Transcript
  /** Called with the probability that a forgery of this tag is accepted. */
  readonly made?: (forgery: number) => void
}

type Entry =
  | { readonly kind: 'message'; readonly message: Message; readonly into: Transcript | undefined }
  | { readonly kind: 'tag'; readonly order: TagOrder }
  | { readonly kind: 'abort'; readonly block: number; readonly cause: string }

/** The channel of one session. */
export class Channel {
  readonly #role: Role
  readonly #wallet: Wallet
  readonly #emit: (effect: EngineEffect) => void
  readonly #waiting: Entry[] = []
  #sent = 0
  #received = 0
  /** Nonces and epoch, known once both hellos are. */
  #session: Uint8Array = new Uint8Array(0)
  #epoch = 0

  constructor(role: Role, wallet: Wallet, emit: (effect: EngineEffect) => void) {
    this.#role = role
    this.#wallet = wallet
    this.#emit = emit
  }

  /** From now on tags are about this session and epoch. */
  bind(session: Uint8Array, epoch: number): void {
    this.#session = session
    this.#epoch = epoch
  }

  /** Says a message, and notes it in a transcript once it has left. */
  say(message: Message, into?: Transcript): void {
    this.#waiting.push({ kind: 'message', message, into })
  }

  /** Makes and says a tag over all of a transcript. */
  tag(order: TagOrder): void {
    this.#waiting.push({ kind: 'tag', order })
  }

  /** Says that a block is void, with a tag of its own if a pad is at hand. */
  abort(block: number, cause: string): void {
    this.#waiting.push({ kind: 'abort', block, cause })
  }

  /**
   * Sends what may leave.
   *
   * @returns false once a tag waits for a pad and there is none left at all
   */
  flush(): boolean {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (this.#send(next)) continue
      this.#waiting.unshift(next)
      return !this.#wallet.exhausted
    }
    return true
  }

  /**
   * Reads the next message.
   *
   * @throws QkdRefusal `MESSAGE_INVALID`, `MESSAGE_TOO_LARGE`, `MESSAGE_OUT_OF_ORDER`: the stream
   *   is broken, for what follows can no longer be told from what should have
   */
  receive(octets: Uint8Array): Message {
    const { number, message } = decodeMessage(octets)
    if (number !== this.#received) {
      throw new QkdRefusal('MESSAGE_OUT_OF_ORDER', `Expected message ${this.#received}`, {
        facts: { got: number },
      })
    }
    this.#received++
    return message
  }

  /** Whether the peer's tag fits; a transcript that nobody else said fits no tag. */
  fits(order: Omit<TagOrder, 'made'>, tag: Message & { readonly kind: 'tag' }): boolean {
    const subject = { ...this.#subject(order.block, order.phase), from: this.#peer }
    return this.#verified(subject, order.transcript, tag)
  }

  /** Whether an abort is proven to come from the peer. */
  abortFits(message: Message & { readonly kind: 'abort' }): boolean {
    if (message.proof === undefined) return false
    const subject = { ...this.#subject(message.block, 'abort'), from: this.#peer }
    return this.#verified(subject, abortTranscript(message.cause), message.proof)
  }

  #verified(subject: TagSubject, transcript: Transcript, tag: Tag): boolean {
    if (!this.#wallet.verify(subject, transcript, tag)) return false
    const { source, pad } = tag
    if (!isBootstrap(source)) this.#emit({ kind: 'pad-accepted', source, pad })
    return true
  }

  get #peer(): Role {
    return this.#role === 'transmitter' ? 'receiver' : 'transmitter'
  }

  #subject(block: number, phase: Phase) {
    return { session: this.#session, from: this.#role, epoch: this.#epoch, block, phase }
  }

  /** Whether it left; a tag stays behind while it has no pad. */
  #send(entry: Entry): boolean {
    switch (entry.kind) {
      case 'message':
        this.#put(entry.message, entry.into)
        return true
      case 'tag': {
        const { block, phase, transcript, made } = entry.order
        const tag = this.#wallet.tag(this.#subject(block, phase), transcript)
        if (tag === undefined) return false
        this.#put({ kind: 'tag', block, phase, ...tag }, undefined)
        made?.(forgeryProbability(transcript, this.#role))
        return true
      }
      case 'abort': {
        const { block, cause } = entry
        const proof = this.#wallet.tag(this.#subject(block, 'abort'), abortTranscript(cause))
        this.#put(
          { kind: 'abort', block, cause, ...(proof === undefined ? {} : { proof }) },
          undefined,
        )
        return true
      }
    }
  }

  #put(message: Message, into: Transcript | undefined): void {
    const octets = encodeMessage(this.#sent++, message)
    into?.[this.#role].push(octets)
    this.#emit({ kind: 'send', octets })
  }
}

function abortTranscript(cause: string): Transcript {
  const transcript = newTranscript()
  // In both directions: whoever aborts answers for it.
  transcript.transmitter.push(utf8(cause))
  transcript.receiver.push(utf8(cause))
  return transcript
}
