/**
 * One session of a link: performs what its engine decides, and tells it what became of it.
 *
 * Owns a connection to the peer for as long as it lasts. Nothing here decides about bits: the engine
 * does. Effects that must be durable run while the engine goes on; their ends come back as inputs.
 *
 * @module
 */

import {
  assert,
  logFacts,
  noteOf,
  type Bits,
  type Clock,
  type Connection,
  type LinkId,
  type Log,
  type RandomSource,
} from '#base'
import type { AuditTrail } from '#audit'
import type { Keystore, KeystoreRefusal, Origin } from '#keystore'
import type { Alignment, DetectionBatch, TransmitterDevice } from '#optics'
import {
  isBootstrap,
  isPreShared,
  type Alarm,
  type AlignmentCause,
  type AlignmentEnd,
  type AuthenticationSource,
  type BlockReport,
  type EngineEffect,
  type EngineInput,
  type KeyBlock,
  type LinkParameters,
  type LinkStatus,
} from '#qkd'
import { boundAfter, PADS_AHEAD } from './link-pads.ts'
import type { EngineSeat } from './link-ports.ts'

export interface LinkSessionInput {
  readonly parameters: LinkParameters
  /** Certified name of this end's device: of the process that knows all, if it is simulated. */
  readonly device: string
  readonly seat: EngineSeat
  readonly connection: Connection
  /** Of the transmitting end. */
  readonly transmitter: TransmitterDevice | undefined
  readonly sources: readonly AuthenticationSource[]
  readonly keystore: Keystore
  readonly clock: Clock
  readonly random: RandomSource
  readonly log: Log
  readonly audit: AuditTrail
  readonly report: (report: BlockReport) => void
  readonly alarm: (alarm: Alarm) => void
  readonly status: (status: LinkStatus) => void
  /** Lets this end's device align the link; rejects where it cannot. */
  readonly align: () => Promise<Alignment>
  readonly aligned: (end: AlignmentEnd) => void
  /** The engine has an epoch: keys may come. */
  readonly opened: (epoch: number) => void
}

export class LinkSession {
  readonly #input: LinkSessionInput
  readonly #link: LinkId
  /** Resolves when the last effect given so far has been performed. */
  #performed: Promise<void> = Promise.resolve()
  /** Resolves when the connection has taken all that was sent. */
  #sent: Promise<void> = Promise.resolve()
  #ended = false
  #busy = true
  readonly #working = new Set<Promise<void>>()
  /** The key store does what it is told in the order of the effects. */
  #stored: Promise<unknown> = Promise.resolve()
  readonly #end: () => void
  /** Resolves once the session is over and everything it began has ended. */
  readonly ended: Promise<void>
  #resumeFeeding: (() => void) | undefined
  /** First pad of each source that the peer may send with in a later session; see `link-pads`. */
  readonly #heard = new Map<string, number>()

  constructor(input: LinkSessionInput) {
    this.#input = input
    this.#link = input.parameters.link
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#end = resolve
    for (const { id, receive } of input.sources) {
      this.#heard.set(id, boundAfter(receive.next - 1))
    }
    this.ended = promise.then(() => this.#settle())
    this.#start()
  }

  /** Gives the engine a batch; resolves when it has been taken. Drops it after the end. */
  async feed(batch: DetectionBatch): Promise<void> {
    if (this.#busy && !this.#ended) {
      await new Promise<void>((resume) => {
        this.#resumeFeeding = resume
      })
    }
    if (this.#ended) return
    await this.#step({ kind: 'detections', batch })
    await this.#sent
  }

  /** The operator wants the devices aligned. */
  alignNow(): void {
    this.#answer({ kind: 'align' })
  }

  /** Ends the session from this side. */
  close(): void {
    this.#input.connection.close()
  }

  #start(): void {
    const { connection, clock, sources, keystore } = this.#input
    const nextEpoch = keystore.epoch(this.#link) + 1
    void this.#step({ kind: 'started', sources, nextEpoch, nowMs: clock.monotonicMs() })
    connection.receive(async (octets) => {
      await this.#step({ kind: 'message', octets })
      await this.#sent
    })
    void connection.closed.then(() => this.#over())
    this.#tick()
  }

  #tick(): void {
    this.#input.clock.after(TICK_MS, () => {
      if (this.#ended) return
      void this.#step({ kind: 'tick', nowMs: this.#input.clock.monotonicMs() })
      this.#tick()
    })
  }

  /** Steps are given at once and performed in order. */
  #step(input: EngineInput): Promise<void> {
    const step = this.#input.seat.step(input)
    this.#performed = this.#performed.then(async () => {
      const { effects, status } = await step
      for (const effect of effects) this.#perform(effect)
      this.#input.status(status)
    })
    this.#performed = this.#performed.catch((error: unknown) => {
      this.#failed('link.engine-failed', error)
      this.close()
    })
    return this.#performed
  }

  #over(): void {
    if (this.#ended) return
    void this.#step({ kind: 'peer-gone' }).then(() => {
      this.#ended = true
      this.#resumeFeeding?.()
      this.#end()
    })
  }

  async #settle(): Promise<void> {
    await this.#performed
    await Promise.all(this.#working)
    await this.#performed
  }

  #perform(effect: EngineEffect): void {
    const { connection, keystore } = this.#input
    const link = this.#link
    switch (effect.kind) {
      case 'send': {
        const send = connection.send(effect.octets).catch(() => undefined)
        this.#sent = Promise.all([this.#sent, send]).then(() => undefined)
        return
      }
      case 'ask-choices':
        return this.#work('link.choices-failed', () => this.#ask(effect.batch, effect.slots))
      case 'store-epoch':
        return this.#keep('link.epoch-failed', async () => {
          await keystore.beginEpoch(link, effect.epoch)
          this.#answer({ kind: 'epoch-stored', epoch: effect.epoch })
        })
      case 'session-open':
        this.#input.opened(effect.epoch)
        return this.#audit('link.session-opened', {
          epoch: effect.epoch,
          authentication: this.#input.sources.map(({ id }) => id).join(' '),
        })
      case 'burn-pads':
        return this.#keep('link.pads-failed', () => this.#burn(effect))
      case 'pad-accepted':
        return this.#remember(effect)
      case 'store-block':
        return this.#keep('link.store-failed', () => this.#store(effect.block))
      case 'block-usable':
        return this.#keep('link.confirm-failed', () => keystore.confirm(link, effect))
      case 'block-void': {
        const { epoch, sequence, cause } = effect
        return this.#keep('link.void-failed', () =>
          keystore.voidBlock({ link, position: { epoch, sequence }, cause }),
        )
      }
      case 'block-undecided':
        return // Stays held; the ends compare what they hold when they meet again.
      case 'report':
        return this.#reported(effect.report)
      case 'alarm':
        return this.#input.alarm(effect.alarm)
      case 'align':
        void this.#align(effect.cause)
        return
      case 'alignment-ended':
        return this.#alignmentEnded(effect)
      case 'busy':
        this.#busy = effect.busy
        if (!effect.busy) this.#resumeFeeding?.()
        return
      case 'end-session':
        this.#input.log.write('info', 'link.session-ended', {
          link,
          code: effect.code,
          why: effect.message,
        })
        return this.close()
    }
  }

  /** Work of the key store: a pad of a block is not burned before the block is confirmed. */
  #keep(event: string, work: () => Promise<void>): void {
    const before = this.#stored
    const mine = before.then(work)
    this.#stored = mine.catch(() => undefined)
    this.#work(event, () => mine)
  }

  /** Runs something that takes time; its failure is logged, and the session ends. */
  #work(event: string, work: () => Promise<void>): void {
    const working = work().catch((error: unknown) => {
      this.#failed(event, error)
      this.close()
    })
    this.#working.add(working)
    void working.finally(() => this.#working.delete(working))
  }

  /** An input that answers an effect; nobody needs it once the session is over. */
  #answer(input: EngineInput): void {
    if (!this.#ended) void this.#step(input)
  }

  async #ask(batch: number, slots: Uint32Array): Promise<void> {
    const device = this.#input.transmitter
    try {
      if (device === undefined) throw new Error('This end has no transmitter')
      const choices = await device.choicesAt(batch, slots)
      this.#answer({ kind: 'choices', choices })
    } catch (error) {
      const { code } = noteOf(error)
      this.#input.log.write('warning', 'link.choices-unavailable', {
        link: this.#link,
        batch,
        code,
      })
      this.#answer({ kind: 'choices-unavailable', batch })
    }
  }

  /** Goes on beside the session, which may end before the device is done. */
  async #align(cause: AlignmentCause): Promise<void> {
    this.#audit('link.alignment-begun', { cause })
    try {
      const { firstBatch } = await this.#input.align()
      this.#answer({ kind: 'aligned', firstBatch })
    } catch (error) {
      const { code } = noteOf(error)
      this.#input.log.write('warning', 'link.not-aligned', { link: this.#link, code })
      this.#answer({ kind: 'not-aligned' })
    }
  }

  #alignmentEnded(end: AlignmentEnd): void {
    const { cause, outcome, before, after } = end
    const permille = (name: string, rate: number | undefined) =>
      rate === undefined ? {} : { [name]: Math.round(1000 * rate) }
    const facts = { ...permille('beforePermille', before), ...permille('afterPermille', after) }
    this.#audit('link.alignment-ended', { cause, outcome, ...facts })
    this.#input.aligned(end)
  }

  async #burn(effect: EngineEffect & { readonly kind: 'burn-pads' }): Promise<void> {
    const { source, from, to } = effect
    // A bootstrap is for one session only: there is nothing to come back to after a crash.
    if (!source.startsWith('bootstrap')) {
      const { keystore } = this.#input
      await keystore.burnPads({ link: this.#link, source, direction: 'send', from, to })
    }
    this.#answer({ kind: 'pads-burned', source, to })
  }

  /** Raises the bound of a source well before the peer reaches it. */
  #remember({ source, pad }: EngineEffect & { readonly kind: 'pad-accepted' }): void {
    const { keystore, parameters } = this.#input
    const pads = parameters.reserveOctets / 32 - 1
    const from = this.#heard.get(source) ?? PADS_AHEAD
    if (from >= Math.min(pads, boundAfter(pad))) return
    const to = Math.min(pads, boundAfter(pad) + PADS_A_STEP)
    this.#heard.set(source, to)
    this.#keep('link.pads-failed', async () => {
      try {
        await keystore.burnPads({ link: this.#link, source, direction: 'receive', from, to })
      } catch (error) {
        // A source that is gone opens no later session.
        if ((error as KeystoreRefusal).code !== 'KEYSTORE_SOURCE_UNKNOWN') throw error
      }
    })
  }

  async #store(block: KeyBlock): Promise<void> {
    const { epoch, sequence, key, report } = block
    const origin = originOf(this.#input, report)
    try {
      await this.#input.keystore.ingest({
        link: this.#link,
        epoch,
        sequence,
        key,
        provenance: origin,
      })
      this.#answer({ kind: 'block-stored', epoch, sequence })
    } catch (error) {
      const code = (error as KeystoreRefusal).code
      this.#input.log.write('warning', 'link.block-not-stored', {
        link: this.#link,
        sequence,
        code,
      })
      this.#answer({ kind: 'block-not-stored', epoch, sequence })
    } finally {
      clear(key)
    }
  }

  #reported(report: BlockReport): void {
    this.#input.report(report)
    if (report.outcome === 'distilled') return
    const { epoch, sequence, cause = 'stalled', testErrorRate } = report
    const errorPermille = Math.round(1000 * testErrorRate)
    this.#audit('link.block-discarded', { epoch, sequence, cause, errorPermille })
  }

  #audit(kind: string, facts: Readonly<Record<string, string | number>>): void {
    const { audit, clock } = this.#input
    const event = {
      kind,
      at: clock.now(),
      actor: this.#link,
      facts: { link: this.#link, ...facts },
    }
    this.#work('link.audit-failed', async () => {
      await audit.record(event)
    })
  }

  #failed(event: string, error: unknown): void {
    this.#input.log.write('error', event, { link: this.#link, ...logFacts(error) })
  }
}

/** What both ends say of a block of this link, in the same words. */
export function originOf(
  input: Pick<LinkSessionInput, 'parameters' | 'device' | 'random' | 'sources'>,
  { simulated, epsilons }: Pick<BlockReport, 'simulated' | 'epsilons'>,
): Origin {
  const { parameters, device, random, sources } = input
  const { transmitter, receiver, bound } = parameters
  const isSeeded = random.kind === 'simulated'
  assert(epsilons.authentication <= AUTHENTICATION_EPSILON, 'what is said of a block is bounded')
  return {
    source: isSeeded ? 'seeded-test' : simulated ? 'simulated' : 'hardware',
    randomness: random.kind,
    authentication: authenticationOf(sources),
    assumptions: ['decoy-bb84', bound, ...(simulated ? ['simulated-optics'] : [])],
    epsilon: epsilons.secrecy + epsilons.correctness + AUTHENTICATION_EPSILON,
    seenBy: [transmitter, receiver, ...(simulated ? [device] : [])].toSorted(),
  }
}

/** A session has one of them; blocks of a bootstrapped one never rest on anything else. */
function authenticationOf(sources: readonly AuthenticationSource[]): Origin['authentication'] {
  if (sources.some(({ id }) => isPreShared(id))) return 'wegman-carter-from-pre-shared-key'
  return sources.some(({ id }) => isBootstrap(id))
    ? 'wegman-carter-from-signatures'
    : 'wegman-carter-from-reserve'
}

/**
 * Probability that any forged tag of a block is accepted, at most, of both ends and of the session:
 * twelve, over at most 4 GiB each. Each end knows what its own tags add; this they say alike.
 */
const AUTHENTICATION_EPSILON = 2 ** -96

const clear = ({ octets }: Bits): void => void octets.fill(0)

const TICK_MS = 500
/** Pads by which a bound is raised beyond need, so that few tags of a block cost a commit. */
const PADS_A_STEP = 12
