/**
 * Keeps one link of this site running: reaches the device and the peer, opens sessions, starts anew
 * after any failure, and knows how the link stands.
 *
 * The transmitting end dials; the receiving end accepts. A session that ends is followed by another
 * after a pause that grows while it keeps failing. A device that goes away is reached anew, and a
 * link whose device is away does not count as running.
 *
 * @module
 */

import { assert, logFacts, type Connection, type LinkId, type SiteId } from '#base'
import type { Position } from '#keystore'
import type { LinkView } from '#contract'
import type { Alignment, ReceiverDevice, TransmitterDevice } from '#optics'
import {
  coincidencesOf,
  inferredChsh,
  isBootstrap,
  type Alarm,
  type AuthenticationSource,
  type BlockReport,
  type DiscardCause,
  type LinkParameters,
  type LinkStatus,
} from '#qkd'
import { LinkAlarms } from './link-alarms.ts'
import { DeviceRefusal, fittingDevice } from './link-device.ts'
import type { LinkHistory } from './link-history.ts'
import { lifeAfter, newLife, noteTurn, type LinkLife } from './link-life.ts'
import { answerOpening, askToOpen, type Agreed, type Bootstrap } from './link-opening.ts'
import { clearSources } from './link-pads.ts'
import type { Devices, EngineSeat, LinkCompute } from './link-ports.ts'
import { LinkRates } from './link-rates.ts'
import { LinkSession, type LinkSessionInput } from './link-session.ts'
import type { Alarms } from './alarms.ts'
import type { Peers } from './peers.ts'
import { RecentBlocks } from './recent-blocks.ts'
import { PskLane } from './pre-shared-lane.ts'
import type { PreShared } from './pre-shared-store.ts'
import type { Network } from '#base'

export interface LinkRunnerInput extends Pick<
  LinkSessionInput,
  'keystore' | 'clock' | 'random' | 'log' | 'audit' | 'device'
> {
  readonly site: SiteId
  readonly peer: SiteId
  readonly parameters: LinkParameters
  readonly network: Network
  readonly peers: Peers
  readonly devices: Devices
  readonly compute: LinkCompute
  readonly bootstrap: Bootstrap
  readonly preShared: Pick<PreShared, 'marks' | 'take'>
  readonly alarms: Alarms
  /** First block of a link whose keys wait under suspicion; all if undefined. */
  readonly waitsFrom: (link: LinkId) => Position | undefined
  readonly history: LinkHistory
}

export class LinkRunner {
  readonly link: LinkId
  readonly peer: SiteId
  readonly role: LinkView['role']
  readonly #input: LinkRunnerInput
  readonly #seat: EngineSeat
  readonly #alarms: LinkAlarms
  readonly #rates: LinkRates
  /** Of a link that begins with pre-shared keys. */
  readonly #psk: PskLane | undefined
  #session: LinkSession | undefined
  /** Authentication for the next session that is accepted; set by the opening, used once. */
  #agreed: Agreed = []
  #transmitter: TransmitterDevice | undefined
  #receiver: ReceiverDevice | undefined
  #status: LinkStatus | undefined
  /** What became of the newest blocks. */
  readonly blocks = new RecentBlocks()
  #source = ''
  #life: LinkLife
  /** Why the last block that says something of the link gave no key, if it gave none. */
  #lastCause: string | undefined
  #open = false
  #enabled = true
  #isAligning = false
  #stopped = false
  #failures = 0
  #stopAccepting: (() => void) | undefined

  constructor(input: LinkRunnerInput) {
    const { site, parameters, alarms, keystore, clock } = input
    this.#input = input
    this.link = parameters.link
    this.peer = input.peer
    this.role = site === parameters.transmitter ? 'transmitter' : 'receiver'
    this.#seat = input.compute.open(site, parameters)
    this.#alarms = new LinkAlarms({
      ...{ link: this.link, alarms, keystore },
      waitsFrom: () => input.waitsFrom(this.link),
    })
    this.#rates = new LinkRates(clock.monotonicMs())
    this.#life = newLife(clock.now())
    const lane = { ...input, link: this.link, role: this.role }
    this.#psk = parameters.bootstrap === 'psk' ? new PskLane(lane) : undefined
  }

  start(): void {
    if (this.role === 'transmitter') {
      this.#soon(0, () => this.#dial())
      return
    }
    const name = channelOf(this.link)
    this.#stopAccepting = this.#input.network.accept(
      (channel) => channel === name,
      (connection) => this.#accept(connection),
    )
    this.#soon(0, () => this.#reachReceiver())
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#stopAccepting?.()
    this.#session?.close()
    await this.#session?.ended
    this.#transmitter?.close()
    this.#receiver?.close()
    this.#seat.close()
    await this.#input.history.settled()
  }

  /** Answers the peer's request to open this link. */
  answerOpening(from: SiteId, payload: Uint8Array): Promise<Uint8Array> {
    const input = { ...this.#input, psk: this.#psk }
    return answerOpening(input, from, payload, async (link, agreed) => {
      assert(link === this.link, 'an opening is answered by the link it names')
      clearAgreed(this.#agreed)
      this.#agreed = agreed
      // What an opening before this one left unused: the peer does not mean it any more.
      const stale = this.#input.bootstrap.collect(from, link)
      if (stale !== undefined) clearSources([stale])
      const running = this.#session
      running?.close()
      await running?.ended
    })
  }

  /** Lets the devices align themselves, as the operator says. @throws DeviceRefusal */
  alignNow(): void {
    if (this.role === 'transmitter') {
      const message = `Expected to be asked at the receiving end, ${this.peer}`
      throw new DeviceRefusal('DEVICE_ELSEWHERE', message, { facts: { link: this.link } })
    }
    if (this.#session === undefined || !this.#open || this.#receiver === undefined) {
      throw new DeviceRefusal('DEVICE_AWAY', 'Expected a link with device and session')
    }
    this.#session.alignNow()
  }

  /** Whether keys may grow here; a controller or the operator says. */
  get enabled(): boolean {
    return this.#enabled
  }

  /** Lets keys grow, or ends the session and opens no other. What is stored stays. */
  setEnabled(enabled: boolean): void {
    if (this.#enabled === enabled) return
    this.#enabled = enabled
    if (!enabled) this.#session?.close()
    this.#lookAgain()
  }

  /** Whether keys may grow, and there is no session or no device. */
  get isAway(): boolean {
    return this.#enabled && !(this.#open && this.#hasDevice())
  }

  get history(): LinkHistory {
    return this.#input.history
  }

  get parameters(): LinkParameters {
    return this.#input.parameters
  }

  /** Why its keys wait, if they do: an alarm of the link, or what somebody else has given as cause. */
  get suspicion(): string | undefined {
    return this.#alarms.suspicion
  }

  view(): LinkView {
    const { parameters, peer, clock } = this.#input
    const rates = this.#rates.at(clock.monotonicMs())
    const status = this.#status
    const { state, reason, since } = this.#lookAgain()
    const report = this.blocks.last?.report
    return {
      link: this.link,
      peer,
      role: this.role,
      protocol: parameters.protocol,
      ...{ state, reason, since },
      simulated: report?.simulated ?? true,
      epoch: status?.epoch ?? 0,
      clockHz: parameters.pulses.clockHz,
      qber: report?.keyErrorRate ?? report?.testErrorRate ?? null,
      chsh: chshOf(parameters, report),
      chshTest: chshTestOf(report),
      siftedBitsPerSecond: rates.sifted,
      secretBitsPerSecond: rates.secret,
      blocksDistilled: status?.blocksDistilled ?? 0,
      blocksDiscarded: { ...status?.blocksDiscarded },
      efficiency: status?.efficiency ?? null,
      secretBits: status?.account.applicationBits ?? 0,
      epsilonSpent: this.history.totals.epsilonSpent,
      authenticationSource: this.#source,
      padsLeft: status === undefined ? 0 : status.padsLeft.send,
      batchesLost: status?.batchesDropped ?? 0,
      bootstrap: parameters.bootstrap,
      preSharedSessions: this.#psk?.left ?? null,
    }
  }

  /** Sees how the link stands, and notes what has changed. */
  #lookAgain(): LinkLife {
    const { clock, history, audit, log } = this.#input
    const before = this.#life
    if (this.#stopped) return before
    const now = clock.now()
    const after = lifeAfter(
      before,
      {
        suspicion: this.#alarms.suspicion,
        isEnabled: this.#enabled,
        hasDevice: this.#hasDevice(),
        hasSession: this.#open,
        failures: this.#failures,
        isAligning: this.#isAligning,
        complaints: this.#alarms.complaints,
        lastCause: this.#lastCause,
      },
      now,
    )
    this.#life = after
    noteTurn({ history, audit, log, link: this.link }, { before, after, now })
    return after
  }

  #hasDevice(): boolean {
    return (this.role === 'transmitter' ? this.#transmitter : this.#receiver) !== undefined
  }

  /** A session is of no use without its device: when that goes, the session ends. */
  #watched(device: TransmitterDevice): TransmitterDevice {
    void device.closed.then(() => {
      if (this.#transmitter !== device) return
      this.#transmitter = undefined
      if (this.#stopped) return
      this.#input.log.write('warning', 'link.device-gone', { link: this.link })
      this.#session?.close()
    })
    return device
  }

  async #dial(): Promise<void> {
    const { peer, network, devices } = this.#input
    if (!this.#enabled) {
      this.#soon(DISABLED_LOOK_MS, () => this.#dial())
      return
    }
    try {
      const { parameters } = this
      this.#transmitter ??= this.#watched(
        fittingDevice(await devices.transmitter(this.link), parameters),
      )
      const agreed = await askToOpen({ ...this.#input, psk: this.#psk }, peer)
      const connection = await network.dial(peer, channelOf(this.link))
      // The device may have gone, or the link be off, since the peer was asked.
      if (this.#hasDevice() && this.enabled) await this.#begin(connection, agreed)
      else connection.close()
    } catch (error) {
      this.#failed(error)
    }
    this.#soon(Math.max(pause(this.#failures), this.#psk?.restMs ?? 0), () => this.#dial())
  }

  #accept(connection: Connection): void {
    const agreed = this.#takeAgreed()
    const isNothing = isSources(agreed) && agreed.length === 0
    if (connection.peer !== this.#input.peer || isNothing || this.#stopped || !this.#enabled) {
      connection.close()
      return
    }
    this.#begin(connection, agreed).catch((error: unknown) => this.#failed(error))
  }

  #takeAgreed(): Agreed {
    const { bootstrap, peer } = this.#input
    const agreed = this.#agreed
    this.#agreed = []
    const fresh = bootstrap.collect(peer, this.link)
    if (fresh === undefined) return agreed
    // The peer found no common source of use, and has made one since.
    clearAgreed(agreed)
    return [fresh]
  }

  /** Takes the chunk, where one was agreed on, and runs a session. */
  async #begin(connection: Connection, agreed: Agreed): Promise<void> {
    if (isSources(agreed)) return this.#run(connection, agreed)
    assert(this.#psk !== undefined, 'a chunk is agreed on by a link with pre-shared keys only')
    try {
      await this.#run(connection, [await this.#psk.take(agreed)])
    } finally {
      connection.close()
    }
  }

  async #run(connection: Connection, sources: readonly AuthenticationSource[]): Promise<void> {
    this.#source = sources[sources.length - 1].id
    void this.#noteBootstrap(isBootstrap(this.#source))
    this.#rates.restart(this.#input.clock.monotonicMs())
    const session = new LinkSession({
      ...this.#input,
      seat: this.#seat,
      connection,
      transmitter: this.#transmitter,
      sources,
      report: (report) => this.#reported(report),
      alarm: (alarm) => this.#alarmed(alarm),
      align: () => this.#align(),
      aligned: ({ cause, outcome, before = null, after = null }) => {
        const at = this.#input.clock.now()
        const rates = { before, after }
        this.history.turn({ kind: 'alignment', at, cause, outcome, ...rates })
      },
      status: (status) => {
        this.#status = status
      },
      opened: () => {
        this.#open = true
        this.#failures = 0
        this.#lookAgain()
      },
    })
    this.#session = session
    await session.ended
    if (this.#session === session) this.#session = undefined
    this.#open = false
    this.#lookAgain()
  }

  /** No key is made while the device is at it. */
  async #align(): Promise<Alignment> {
    const device = this.#receiver
    if (device === undefined) throw new DeviceRefusal('DEVICE_AWAY', 'The device is away')
    this.#isAligning = true
    this.#lookAgain()
    try {
      return await device.align()
    } finally {
      this.#isAligning = false
      this.#lookAgain()
    }
  }

  #alarmed(alarm: Alarm): void {
    const { clock, history } = this.#input
    history.turn({ kind: 'alarm', at: clock.now(), alarm: alarm.kind, change: alarm.state })
    this.#alarms
      .take(alarm)
      .catch((error: unknown) => this.#failed(error))
      .finally(() => this.#lookAgain())
  }

  /** The receiving end's device feeds whatever session runs; without one its batches are dropped. */
  async #reachReceiver(): Promise<void> {
    try {
      const reached = await this.#input.devices.receiver(this.link)
      const device = fittingDevice(reached, this.parameters)
      this.#receiver = device
      this.#lookAgain()
      device.receive((batch) => this.#session?.feed(batch))
      await device.closed
      this.#receiver = undefined
      this.#lookAgain()
    } catch (error) {
      this.#failed(error)
    }
    this.#soon(pause(this.#failures), () => this.#reachReceiver())
  }

  #reported(report: BlockReport): void {
    this.blocks.take(report, this.#status?.observed)
    const atMs = this.#input.clock.monotonicMs()
    const { siftedBits, applicationBits } = report.account
    this.#rates.note({ atMs, siftedBits, secretBits: applicationBits })
    if (report.outcome === 'distilled') {
      this.#source = `${String(report.epoch)}/${String(report.sequence)}`
      void this.#noteBootstrap(false)
      this.#psk?.earned()
    }
    if (report.cause === undefined || TELLING.has(report.cause)) this.#lastCause = report.cause
    const { clock, history } = this.#input
    history.block(report, report.slots / this.parameters.pulses.clockHz, clock.now())
    this.#alarms
      .blockEnded(report)
      .catch((error: unknown) => {
        this.#input.log.write('error', 'link.alarm-failed', { link: this.link, ...logFacts(error) })
      })
      .finally(() => this.#lookAgain())
  }

  /** Says so when a link that has had sessions before is bootstrapped again. */
  async #noteBootstrap(isBootstrapped: boolean): Promise<void> {
    const { alarms, keystore, log } = this.#input
    const isFirst = keystore.epoch(this.link) === 0
    const change =
      isBootstrapped && !isFirst
        ? alarms.raise({
            kind: BOOTSTRAPPED,
            severity: 'warning',
            subject: this.link,
            message: `The ends had no reserve of pads in common: until its first block this session rests on ${this.#psk === undefined ? 'signatures' : 'a pre-shared key'}`,
          })
        : alarms.clear(BOOTSTRAPPED, this.link)
    await change.catch((error: unknown) => {
      log.write('error', 'link.alarm-failed', { link: this.link, ...logFacts(error) })
    })
  }

  #failed(error: unknown): void {
    this.#failures++
    this.#input.log.write('warning', 'link.failed', { link: this.link, ...logFacts(error) })
    // The device may have gone as well: reach it anew.
    this.#transmitter?.close()
    this.#transmitter = undefined
    this.#lookAgain()
  }

  #soon(delayMs: number, task: () => Promise<void>): void {
    if (this.#stopped) return
    this.#input.clock.after(delayMs, () => {
      if (!this.#stopped) void task()
    })
  }
}

/** What the last block's own test measured. */
function chshTestOf(report: BlockReport | undefined): LinkView['chshTest'] {
  if (report?.chsh === undefined) return null
  const { counts, chsh, standardError, lowerBound } = report.chsh
  return { chsh, standardError, lowerBound, coincidences: coincidencesOf(counts) }
}

/** Whether sources were agreed on, and not a chunk of a pre-shared key. */
const isSources = (agreed: Agreed): agreed is readonly AuthenticationSource[] =>
  Array.isArray(agreed)

const clearAgreed = (agreed: Agreed): void => {
  if (isSources(agreed)) clearSources(agreed)
}

/** S of the last block that was corrected; null where there is none, or no pairs are measured. */
function chshOf({ protocol }: LinkParameters, report: BlockReport | undefined): number | null {
  if (protocol !== 'bbm92' || report?.keyErrorRate === undefined) return null
  return inferredChsh(report.keyErrorRate, report.testErrorRate)
}

/** The channel on which the two ends of a link talk. */
export const channelOf = (link: LinkId): string => `link:${link}`

/** Milliseconds before the next try, doubling to half a minute. */
const pause = (failures: number): number => Math.min(30_000, 500 * 2 ** Math.min(failures, 6))

/** How often a link that was switched off looks whether it is on again. */
const DISABLED_LOOK_MS = 1000
const BOOTSTRAPPED = 'link.bootstrapped'
/** Causes that say something of the link, not only of the end of a session. */
const TELLING: ReadonlySet<DiscardCause> = new Set([
  'qber-above-limit',
  'chsh-not-violated',
  'device-suspect',
  'too-short',
  'rounds-exhausted',
  'authentication-failed',
  'verification-failed',
  'estimates-disagree',
  'message-refused',
  'not-stored',
])
