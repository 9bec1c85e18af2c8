/**
 * What two KMEs say to each other: activations and withdrawals, many in one message.
 *
 * While a message to a peer is on its way, what comes next waits and then goes together: under load
 * that saves most of the cost of asking, alone it costs nothing. A message that fails leaves the
 * outcome of all it carried unknown; whoever asked gives its keys up.
 *
 * @module
 */

import { cborDoor, Exactly, Octets, OneOf, toCbor, Type, Whole, type SiteId } from '#base'
import type { Range } from '#keystore'

/** How this KME reaches the KME of another site. Carried by the host, with a time limit. */
export interface PeerTransport {
  /**
   * Asks the peer's KME to take activations. Rejects if no answer came in time: then the peer may
   * or may not have taken them.
   */
  activate(site: SiteId, octets: Uint8Array): Promise<Uint8Array>
  /** Asks the peer's KME to take withdrawals. Rejects if no answer came in time. */
  void(site: SiteId, octets: Uint8Array): Promise<Uint8Array>
  /** Asks the peer's KME about a key stream that it keeps. Rejects if no answer came in time. */
  stream(site: SiteId, octets: Uint8Array): Promise<Uint8Array>
}

/** What the peer made of one activation. */
export type ActivationAnswer =
  | { readonly kind: 'activated' }
  /** Nothing was kept. `unusable` octets will never be accepted. */
  | { readonly kind: 'refused'; readonly cause: string; readonly unusable: readonly Range[] }
  /** The peer does not know itself. */
  | { readonly kind: 'failed' }

/** What the peer made of one withdrawal. */
export type WithdrawalAnswer = 'withdrawn' | 'delivered' | 'failed'

/** The octets of a batch of activations or withdrawals. */
export const batchOctets = (messages: readonly Uint8Array[]): Uint8Array =>
  toCbor({ v: 1, messages })

/** Reads a batch. @throws Refusal */
export const readBatch = (octets: Uint8Array): readonly Uint8Array[] => openBatch(octets).messages

/** The octets of the answers to a batch of activations, in its order. */
export const activationAnswerOctets = (answers: readonly ActivationAnswer[]): Uint8Array =>
  toCbor({
    v: 1,
    answers: answers.map((answer) => {
      if (answer.kind !== 'refused') return { kind: answer.kind }
      const unusable = answer.unusable.map(({ epoch, sequence, from, octets }) => {
        return [epoch, sequence, from, octets]
      })
      return { kind: answer.kind, cause: answer.cause, unusable }
    }),
  })

/** Reads the answers to a batch of activations. @throws Refusal */
export const readActivationAnswer = (octets: Uint8Array): readonly ActivationAnswer[] =>
  openActivationAnswer(octets).answers.map((answer) => {
    if (answer.kind !== 'refused') return answer
    const unusable = answer.unusable.map(([epoch, sequence, from, size]) => {
      return { epoch, sequence, from, octets: size }
    })
    return { ...answer, unusable }
  })

/** The octets of the answers to a batch of withdrawals, in its order. */
export const withdrawalAnswerOctets = (answers: readonly WithdrawalAnswer[]): Uint8Array =>
  toCbor({ v: 1, answers })

/** Reads the answers to a batch of withdrawals. @throws Refusal */
export const readWithdrawalAnswer = (octets: Uint8Array): readonly WithdrawalAnswer[] =>
  openWithdrawalAnswer(octets).answers

interface Waiting {
  readonly message: Uint8Array
  readonly resolve: (answer: ActivationAnswer) => void
}

/** Gathers activations for one peer into messages. Owns what waits to be sent. */
export class Activator {
  readonly #send: (octets: Uint8Array) => Promise<Uint8Array>
  #waiting: Waiting[] = []
  #underWay = 0

  /** @param send   carries one batch to the peer and brings its answer */
  constructor(send: (octets: Uint8Array) => Promise<Uint8Array>) {
    this.#send = send
  }

  /** What the peer made of an activation; `failed` if nobody knows. Never rejects. */
  activate(message: Uint8Array): Promise<ActivationAnswer> {
    const { promise, resolve } = Promise.withResolvers<ActivationAnswer>()
    this.#waiting.push({ message, resolve })
    void this.#drain()
    return promise
  }

  async #drain(): Promise<void> {
    if (this.#underWay >= UNDER_WAY_MAX) return
    this.#underWay++
    // A turn later, so that requests which came together go together.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const some = this.#waiting.slice(0, batchLength(this.#waiting))
      this.#waiting = this.#waiting.slice(some.length)
      await this.#exchange(some)
    }
    this.#underWay--
  }

  async #exchange(some: readonly Waiting[]): Promise<void> {
    let answers: readonly ActivationAnswer[] = []
    try {
      const octets = await this.#send(batchOctets(some.map(({ message }) => message)))
      answers = readActivationAnswer(octets)
    } catch {
      // Whatever it was, the outcome is not known.
    }
    const known = answers.length === some.length
    some.forEach(({ resolve }, at) => resolve(known ? answers[at] : { kind: 'failed' }))
  }
}

/** How many of those that wait fit into one message; one always does. */
function batchLength(waiting: readonly Waiting[]): number {
  let octets = 0
  const over = waiting.findIndex(({ message }, at) => {
    octets += message.length
    return at === BATCH_MAX || (at > 0 && octets > BATCH_OCTETS_MAX)
  })
  return over < 0 ? waiting.length : over
}

/** Activations, or withdrawals, in one message. */
export const BATCH_MAX = 64
/** Messages to one peer on their way at once. */
const UNDER_WAY_MAX = 2
/** Octets of the activations in one message; the rest is for what is around them. */
const BATCH_OCTETS_MAX = 2 ** 19
/** Octets of one message between KMEs. */
export const PEER_OCTETS_MAX = 2 ** 20

const MESSAGE_OCTETS_MAX = 2 ** 17
const RangeShape = Type.Tuple([Whole(0), Whole(0), Whole(0), Whole(1)])

const openBatch = cborDoor(
  Exactly({
    v: Type.Literal(1),
    messages: Type.Array(Octets(1, MESSAGE_OCTETS_MAX), { minItems: 1, maxItems: BATCH_MAX }),
  }),
  'batch from a KME',
  PEER_OCTETS_MAX,
)
const openActivationAnswer = cborDoor(
  Exactly({
    v: Type.Literal(1),
    answers: Type.Array(
      Type.Union([
        Exactly({ kind: Type.Literal('activated') }),
        Exactly({ kind: Type.Literal('failed') }),
        Exactly({
          kind: Type.Literal('refused'),
          cause: Type.String({ maxLength: 64 }),
          unusable: Type.Array(RangeShape, { maxItems: 4096 }),
        }),
      ]),
      { maxItems: BATCH_MAX },
    ),
  }),
  'answer of a KME to activations',
  PEER_OCTETS_MAX,
)
const openWithdrawalAnswer = cborDoor(
  Exactly({
    v: Type.Literal(1),
    answers: Type.Array(OneOf('withdrawn', 'delivered', 'failed'), { maxItems: BATCH_MAX }),
  }),
  'answer of a KME to withdrawals',
  PEER_OCTETS_MAX,
)
