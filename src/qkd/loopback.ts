/**
 * Both engines of a link in one process, joined without a network: for measurements and studies.
 *
 * The hosts it plays store nothing and agree to everything at once, so whatever time passes is
 * spent in the engines. Inputs can be recorded: given the same random source, an engine fed with
 * them again does the same, which measures one end by itself.
 *
 * @module
 */

import { assert, type RandomSource } from '#base'
import type { DetectionBatch, TransmitterChoices } from '#optics'
import { peerOf, type AuthenticationSource, type PadRun, type Role } from './authentication.ts'
import type {
  Alarm,
  AlignmentCause,
  AlignmentEnd,
  EngineEffect,
  EngineInput,
  KeyBlock,
  SessionEnd,
} from './effects.ts'
import { LinkEngine } from './engine.ts'
import type { LinkParameters } from './parameters.ts'
import type { BlockReport } from './report.ts'

/** What came out of one end. */
export interface LoopbackEnd {
  readonly engine: LinkEngine
  readonly reports: BlockReport[]
  readonly alarms: Alarm[]
  readonly alignments: AlignmentEnd[]
  /** Why sessions of this end were over. */
  readonly ended: SessionEnd[]
  /** Called with each finished block, whose key belongs to the callee. */
  stored: (block: KeyBlock) => void
  /** Inputs in their order, if they are recorded; secrets of sources are copies. */
  readonly inputs: EngineInput[]
}

/** What becomes of a message on its way: the messages that arrive in its stead. */
export type Interceptor = (octets: Uint8Array, from: Role) => readonly Uint8Array[]

/** A link that runs as fast as both its ends together can. */
export class LoopbackLink {
  readonly ends: Readonly<Record<Role, LoopbackEnd>>
  readonly #intercept: Interceptor
  readonly #align: ((cause: AlignmentCause) => number) | undefined
  /** Octets that went over the classical channel, from each end. */
  readonly sentOctets = { transmitter: 0, receiver: 0 }
  readonly #queue: { readonly to: Role; readonly input: EngineInput }[] = []
  readonly #choices = new Map<number, TransmitterChoices>()
  readonly #record: boolean

  constructor(options: {
    readonly parameters: LinkParameters
    /** One for each end, and one for the secret with which they start. */
    readonly random: Readonly<Record<Role | 'bootstrap', RandomSource>>
    readonly record?: boolean
    /** Whoever sits on the classical channel; a session that she prevents is not open. */
    readonly intercept?: Interceptor
    /** Lets the devices align themselves. @returns number of the first batch after it */
    readonly align?: (cause: AlignmentCause) => number
  }) {
    const { parameters, random, record = false, intercept } = options
    this.#align = options.align
    this.#intercept = intercept ?? ((octets) => [octets])
    const end = (role: Role): LoopbackEnd => ({
      engine: new LinkEngine({ site: parameters[role], parameters, random: random[role] }),
      reports: [],
      alarms: [],
      alignments: [],
      ended: [],
      stored: () => undefined,
      inputs: [],
    })
    this.ends = { transmitter: end('transmitter'), receiver: end('receiver') }
    this.#record = record
    const source = random.bootstrap
    const run = (): PadRun => ({
      hashKey: source.octets(16),
      pads: source.octets(16 * BOOTSTRAP_PADS),
      next: 0,
    })
    const [down, up] = [run(), run()]
    this.#start('transmitter', { id: 'bootstrap', send: copyOf(down), receive: copyOf(up) })
    this.#start('receiver', { id: 'bootstrap', send: up, receive: down })
    this.#run()
    assert(intercept !== undefined || !this.ends.receiver.engine.busy, 'the session is open')
  }

  /** One batch as both devices report it, and everything that follows from it. */
  feed(batch: DetectionBatch, choices: TransmitterChoices): void {
    this.#choices.set(batch.batch, choices)
    this.#queue.push({ to: 'receiver', input: { kind: 'detections', batch } })
    this.#run()
  }

  #start(to: Role, source: AuthenticationSource): void {
    this.#queue.push({ to, input: { kind: 'started', sources: [source], nextEpoch: 1, nowMs: 0 } })
  }

  #run(): void {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const end = this.ends[next.to]
      if (this.#record) end.inputs.push(copyOfInput(next.input))
      for (const effect of end.engine.step(next.input)) this.#perform(next.to, effect)
    }
  }

  #perform(role: Role, effect: EngineEffect): void {
    const answer = (input: EngineInput): void => void this.#queue.push({ to: role, input })
    switch (effect.kind) {
      case 'send':
        this.sentOctets[role] += effect.octets.length
        for (const octets of this.#intercept(effect.octets, role)) {
          this.#queue.push({ to: peerOf(role), input: { kind: 'message', octets } })
        }
        break
      case 'ask-choices': {
        const choices = this.#choices.get(effect.batch)
        this.#choices.delete(effect.batch)
        assert(choices !== undefined, 'a batch is asked for once')
        answer({ kind: 'choices', choices })
        break
      }
      case 'align':
        answer(
          this.#align === undefined
            ? { kind: 'not-aligned' }
            : { kind: 'aligned', firstBatch: this.#align(effect.cause) },
        )
        break
      case 'alignment-ended':
        this.ends[role].alignments.push(effect)
        break
      case 'store-epoch':
        answer({ kind: 'epoch-stored', epoch: effect.epoch })
        break
      case 'burn-pads':
        answer({ kind: 'pads-burned', source: effect.source, to: effect.to })
        break
      case 'store-block': {
        const { epoch, sequence } = effect.block
        this.ends[role].stored(effect.block)
        answer({ kind: 'block-stored', epoch, sequence })
        break
      }
      case 'report':
        this.ends[role].reports.push(effect.report)
        break
      case 'alarm':
        this.ends[role].alarms.push(effect.alarm)
        break
      case 'end-session':
        this.ends[role].ended.push(effect.code)
        // The connection is closed, and the other end sees it.
        this.#queue.push({ to: peerOf(role), input: { kind: 'peer-gone' } })
        break
      case 'session-open':
      case 'block-usable':
      case 'block-void':
      case 'block-undecided':
      case 'pad-accepted':
      case 'busy':
        break
    }
  }
}

/** An input that may be given to another engine of the same role. */
export function copyOfInput(input: EngineInput): EngineInput {
  if (input.kind !== 'started') return input
  const sources = input.sources.map(({ id, send, receive }) => ({
    id,
    send: copyOf(send),
    receive: copyOf(receive),
  }))
  return { ...input, sources }
}

const copyOf = ({ hashKey, pads, next }: PadRun): PadRun => ({
  hashKey: hashKey.slice(),
  pads: pads.slice(),
  next,
})

/** Enough for the first blocks; then their reserves take over. */
const BOOTSTRAP_PADS = 1024
