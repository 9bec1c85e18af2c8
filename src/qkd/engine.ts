/**
 * The engine of one end of a quantum link: inputs in, effects out, nothing of the outside world.
 *
 * Sifts batches into blocks and leads several blocks at once through post-processing, while the
 * next is being sifted. Given the same inputs and the same random source it does the same.
 * Performing effects, dialling, storing and the device belong to the host.
 *
 * What the peer says is checked before it acts. A message that fits no block, or cannot be read,
 * ends the session; a fault inside a block voids that block at both ends and the link carries on.
 * A block whose storing the peer was told of is never voided by one end alone.
 *
 * Does not protect against devices that are not what their settings say (see `alarms.ts` for what
 * is watched), nor against a host that performs effects out of order.
 *
 * @module
 */

import { assert, type RandomSource, type SiteId } from '#base'
import type { TransmitterChoices, TransmitterObservables } from '#optics'
import { AlarmBoard } from './alarm-board.ts'
import { BatchMonitor } from './alarms.ts'
import { ErrorTrend } from './alarms-trend.ts'
import { AlignmentWatch } from './alignment.ts'
import type { Role } from './authentication.ts'
import type { EngineEffect, EngineInput, SessionEnd } from './effects.ts'
import type { LinkParameters } from './parameters.ts'
import { QkdRefusal } from './refusal.ts'
import type { LinkStatus } from './report.ts'
import { Session, type SessionHost } from './session.ts'
import { Totals } from './totals.ts'

/** One end of a link. */
export class LinkEngine implements Disposable {
  readonly #role: Role
  readonly #parameters: LinkParameters
  readonly #random: RandomSource
  readonly #board = new AlarmBoard((alarm) => this.#emit({ kind: 'alarm', alarm }))
  readonly #monitor = new BatchMonitor(this.#board)
  readonly #alignment: AlignmentWatch
  readonly #totals = new Totals()
  #effects: EngineEffect[] = []
  #observed: TransmitterObservables | undefined
  #session: Session | undefined
  #nowMs = 0
  #busySaid = true

  /**
   * @param site     this site, which must be one of the link's two
   * @param random   keys and seeds come from it; a simulated one makes keys that protect nothing
   */
  constructor(options: {
    readonly site: SiteId
    readonly parameters: LinkParameters
    readonly random: RandomSource
  }) {
    const { site, parameters, random } = options
    if (site !== parameters.transmitter && site !== parameters.receiver) {
      throw new QkdRefusal('PARAMETERS_INVALID', 'Expected one of the two sites of the link')
    }
    this.#role = site === parameters.transmitter ? 'transmitter' : 'receiver'
    this.#parameters = parameters
    this.#random = random
    this.#alignment = new AlignmentWatch({
      board: this.#board,
      trend: new ErrorTrend(this.#board),
      qberMax: parameters.qberMax,
      nowMs: () => this.#nowMs,
      // The receiving end's device is asked; the other end sees what comes of it.
      ask: this.#role === 'receiver' ? (cause) => this.#emit({ kind: 'align', cause }) : undefined,
      ended: (end) => this.#emit({ kind: 'alignment-ended', ...end }),
    })
  }

  get role(): Role {
    return this.#role
  }

  /**
   * Takes one input and gives what is to be done, in order.
   *
   * Never throws for what the peer or a device did; those faults come out as effects.
   */
  step(input: EngineInput): readonly EngineEffect[] {
    assert(this.#effects.length === 0, 'a step has ended before the next begins')
    this.#take(input)
    this.#session?.settle()
    this.#sayBusy()
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  /** Whether a batch fed now would be dropped. Always so at a transmitter. */
  get busy(): boolean {
    return this.#session?.busy ?? true
  }

  /** Totals since this engine was made, and how it stands. */
  status(): LinkStatus {
    const session = this.#session
    return {
      role: this.#role,
      state: session === undefined ? 'idle' : session.open ? 'open' : 'opening',
      epoch: session?.epoch,
      busy: this.busy,
      blocksInFlight: session?.blocksInFlight ?? 0,
      siftingBits: session?.siftingBits ?? 0,
      ...this.#totals.status(),
      padsLeft: session?.padsLeft ?? { send: 0, receive: 0 },
      observed: this.#observed,
    }
  }

  [Symbol.dispose](): void {
    this.#end('PEER_GONE', 'The engine was disposed of', false)
    this.#effects = []
  }

  #take(input: EngineInput): void {
    switch (input.kind) {
      case 'started':
        this.#start(input)
        break
      case 'message':
        this.#session?.message(input.octets)
        break
      case 'detections':
        this.#feed(input)
        break
      case 'choices':
        this.#observed = input.choices.observables ?? this.#observed
        this.#monitor.choices(this.#seen(input.choices))
        this.#session?.chosen(input.choices)
        break
      case 'choices-unavailable':
        this.#session?.unavailable(input.batch)
        break
      case 'align':
        this.#alignment.askedFor()
        break
      case 'aligned':
        this.#alignment.aligned(input.firstBatch)
        break
      case 'not-aligned':
        this.#alignment.refused()
        break
      case 'epoch-stored':
        this.#session?.epochStored(input.epoch)
        break
      case 'pads-burned':
        this.#session?.padsBurned(input.source, input.to)
        break
      case 'block-stored':
        this.#session?.blockStored(input, true)
        break
      case 'block-not-stored':
        this.#session?.blockStored(input, false)
        break
      case 'tick':
        this.#nowMs = input.nowMs
        this.#session?.tick()
        break
      case 'peer-gone':
        this.#end('PEER_GONE', 'The connection has ended', true)
        break
    }
  }

  /**
   * Choices that say something of the source: of entangled pairs, only where one was seen; of three
   * states, only those of the key basis.
   */
  #seen(given: TransmitterChoices): TransmitterChoices {
    const { protocol } = this.#parameters
    if (protocol === 'decoy-bb84') return given
    const silent = protocol === 'bbm92' ? 0b1100 : 0b0001
    return { ...given, choices: given.choices.filter((choice) => (choice & silent) === 0) }
  }

  #start({ sources, nextEpoch, nowMs }: EngineInput & { readonly kind: 'started' }): void {
    // The host has replaced the connection by itself: there is nothing to close.
    this.#session?.close()
    this.#session = undefined
    this.#alignment.closed()
    this.#nowMs = nowMs
    this.#session = new Session(this.#host(), { sources, nextEpoch })
  }

  #feed({ batch }: EngineInput & { readonly kind: 'detections' }): void {
    assert(this.#role === 'receiver', 'detections are fed to a receiver')
    this.#monitor.rate(batch.slots.length, batch.slotCount)
    this.#monitor.observables(batch.observables)
    this.#observed = { detectors: { ...batch.observables, slotCount: batch.slotCount } }
    const taken = this.#session?.feed(batch) ?? false
    this.#totals.batch(batch.slots.length, taken)
  }

  #host(): SessionHost {
    return {
      role: this.#role,
      parameters: this.#parameters,
      random: this.#random,
      board: this.#board,
      totals: this.#totals,
      nowMs: () => this.#nowMs,
      emit: (effect) => this.#emit(effect),
      tested: (block) => this.#alignment.block(block),
      opened: () => this.#alignment.opened(),
      announced: (detections, slotCount) => {
        this.#monitor.announced(detections, slotCount)
        this.#totals.batch(detections, true)
      },
      end: (code, message, retry) => this.#end(code, message, retry),
    }
  }

  #end(code: SessionEnd, message: string, retry: boolean): void {
    const session = this.#session
    if (session === undefined) return
    this.#session = undefined
    session.close()
    this.#alignment.closed()
    this.#emit({ kind: 'end-session', code, message, retry })
  }

  #sayBusy(): void {
    if (this.#role !== 'receiver' || this.busy === this.#busySaid) return
    this.#busySaid = this.busy
    this.#emit({ kind: 'busy', busy: this.busy })
  }

  #emit(effect: EngineEffect): void {
    this.#effects.push(effect)
  }
}
