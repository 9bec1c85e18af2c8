/**
 * From a link's alarms to the site's: which words a person reads, and which alarms make the keys of
 * a link wait.
 *
 * An alarm that points at an eavesdropper or a forger suspends the link's keys until several later
 * blocks in a row show that its cause has gone. Others point at a link in bad health and suspend
 * nothing: the bounds already keep the keys of each block safe.
 *
 * Alarms and quarantine outlive the daemon, what the engine knows does not: what an earlier run has
 * left is lifted by sound blocks of this one. What the store refuses is tried again at the next
 * block.
 *
 * @module
 */

import type { Facts, LinkId } from '#base'
import type { Keystore, Position } from '#keystore'
import type { Alarm, AlarmKind, BlockReport } from '#qkd'
import type { Alarms } from './alarms.ts'

export class LinkAlarms {
  readonly #link: LinkId
  readonly #alarms: Alarms
  readonly #keystore: Keystore
  readonly #waitsFrom: () => Position | undefined
  /** Alarms that stand, whether or not they could be stored. */
  readonly #standing = new Set<AlarmKind>()
  /** Those of them that an earlier run has raised: its engine is not there to clear them. */
  readonly #inherited = new Set<AlarmKind>()
  /** Conditions that the engine has raised and not cleared: while one is suspicious, nothing lifts. */
  readonly #ongoing = new Set<AlarmKind>()
  /** Those of them that the store has refused. */
  readonly #unstored = new Map<AlarmKind, Facts>()
  /** Whether the quarantine that is in force is stored as well. */
  #suspensionStored = true
  /** The newest block that gave cause for suspicion; later ones have to show that it has gone. */
  #lastBad: Place | undefined
  #goodSince = 0
  #turn: Promise<void> = Promise.resolve()

  /** @param input.waitsFrom   first block whose keys wait under suspicion; all if undefined */
  constructor(input: {
    readonly link: LinkId
    readonly alarms: Alarms
    readonly keystore: Keystore
    readonly waitsFrom?: () => Position | undefined
  }) {
    this.#waitsFrom = input.waitsFrom ?? (() => undefined)
    this.#link = input.link
    this.#alarms = input.alarms
    this.#keystore = input.keystore
    for (const { kind, subject } of input.alarms.standing) {
      const own = KINDS.find((one) => nameOf(one) === kind)
      if (own === undefined || subject !== this.#link) continue
      this.#standing.add(own)
      this.#inherited.add(own)
    }
  }

  /** Whether suspicion of tampering stands, or keys of the link wait for whatever cause. */
  isSuspect(): boolean {
    return this.suspicion !== undefined
  }

  /** The alarm, or whatever else, for which keys of the link wait. */
  get suspicion(): string | undefined {
    return [...this.#standing].find((kind) => SUSPICIOUS.has(kind)) ?? this.#quarantine()
  }

  /** Alarms of this run that stand, have an end, and suspend nothing; the newest first. */
  get complaints(): readonly AlarmKind[] {
    return [...this.#ongoing].filter((kind) => !SUSPICIOUS.has(kind)).toReversed()
  }

  take({ kind, state, facts }: Alarm): Promise<void> {
    return this.#inTurn(async () => {
      if (state === 'cleared') this.#ongoing.delete(kind)
      else if (!MOMENTARY.has(kind)) this.#ongoing.add(kind)
      if (state === 'raised') await this.#raise(kind, facts)
      // Several blocks are under way at once: one from before the trouble proves nothing.
      else if (!SUSPICIOUS.has(kind)) await this.#clear(kind)
    })
  }

  /** A block has ended: it prolongs a suspicion, or helps to lift it. */
  blockEnded({ epoch, sequence, outcome, cause }: BlockReport): Promise<void> {
    return this.#inTurn(async () => {
      const place = { epoch, sequence }
      const isBad = outcome === 'discarded' && BAD_CAUSES.has(cause ?? '')
      if (isBad) {
        if (this.#lastBad === undefined || isAfter(place, this.#lastBad)) this.#lastBad = place
        this.#goodSince = 0
      }
      for (const [kind, facts] of [...this.#unstored]) await this.#raise(kind, facts)
      if (outcome !== 'distilled') return
      // A block that the cause of a suspicion let through says nothing about its end.
      if ([...this.#ongoing].some((kind) => SUSPICIOUS.has(kind))) {
        this.#goodSince = 0
        return
      }
      if (this.#lastBad !== undefined && !isAfter(place, this.#lastBad)) return
      this.#goodSince++
      if (this.#goodSince >= GOOD_BLOCKS) await this.#lift()
    })
  }

  async #raise(kind: AlarmKind, facts: Facts): Promise<void> {
    this.#standing.add(kind)
    this.#inherited.delete(kind)
    this.#unstored.set(kind, facts)
    if (SUSPICIOUS.has(kind)) {
      this.#goodSince = 0
      await this.#suspend(kind)
    }
    await this.#alarms.raise({
      kind: nameOf(kind),
      severity: SUSPICIOUS.has(kind) ? 'critical' : 'warning',
      subject: this.#link,
      message: WORDS[kind](facts),
    })
    this.#unstored.delete(kind)
  }

  /** Makes the keys of the link wait: in force at once, whatever the store says. */
  async #suspend(cause: AlarmKind): Promise<void> {
    if (this.#quarantine() !== undefined && this.#suspensionStored) return
    this.#suspensionStored = false
    const since = this.#waitsFrom()
    await this.#keystore.quarantine({ link: this.#link, cause, ...(since && { since }) })
    this.#suspensionStored = true
  }

  /** Several later blocks were sound: keys may be had again, and alarms without an end have one. */
  async #lift(): Promise<void> {
    const cause = this.#quarantine()
    // What somebody else has put under quarantine is not for blocks to release.
    if (KINDS.some((kind) => kind === cause)) {
      await this.#keystore.release(this.#link, 'later blocks were sound')
    }
    for (const kind of [...this.#standing]) {
      const hasEnded = SUSPICIOUS.has(kind) || MOMENTARY.has(kind) || this.#inherited.has(kind)
      if (hasEnded) await this.#clear(kind)
    }
  }

  async #clear(kind: AlarmKind): Promise<void> {
    await this.#alarms.clear(nameOf(kind), this.#link)
    this.#standing.delete(kind)
    this.#inherited.delete(kind)
    this.#unstored.delete(kind)
  }

  /** Why the keys of the link wait in the key store, if they do. */
  #quarantine(): string | undefined {
    const { peers } = this.#keystore
    const links = peers.flatMap((peer) => this.#keystore.pool(peer).links)
    return links.find(({ link }) => link === this.#link)?.quarantine
  }

  /** One change at a time: quarantine and its release must not overtake each other. */
  #inTurn(change: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.catch(() => undefined).then(change)
    return this.#turn
  }
}

interface Place {
  readonly epoch: number
  readonly sequence: number
}

const isAfter = (a: Place, b: Place): boolean =>
  a.epoch > b.epoch || (a.epoch === b.epoch && a.sequence > b.sequence)

/** Sound blocks in a row, all later than the last bad one, that lift a suspicion. */
const GOOD_BLOCKS = 3
const BAD_CAUSES: ReadonlySet<string> = new Set([
  'qber-above-limit',
  'chsh-not-violated',
  'device-suspect',
  'authentication-failed',
  'message-refused',
])

const SUSPICIOUS: ReadonlySet<AlarmKind> = new Set([
  'qber-above-limit',
  'chsh-not-violated',
  'authentication-failed',
  'decoy-statistics',
  'photocurrent',
  'detector-balance',
  'arrival-times',
  'incoming-light',
  'source-health',
  'peer-device',
  'peer-misbehaved',
])
const MOMENTARY: ReadonlySet<AlarmKind> = new Set([
  'authentication-failed',
  'verification-failed',
  'peer-misbehaved',
])

const nameOf = (kind: AlarmKind): string => `link.${kind}`

const share = (facts: Facts, name: string): string => `${(Number(facts[name]) * 100).toFixed(1)} %`

const chshWords = ({ chsh, lowerBound, coincidences }: Facts): string =>
  !Number.isFinite(chsh)
    ? `${String(coincidences)} coincidences`
    : `S = ${Number(chsh).toFixed(3)}, at least ${Number(lowerBound).toFixed(3)}, of ${String(coincidences)} coincidences`

const WORDS: Readonly<Record<AlarmKind, (facts: Facts) => string>> = {
  'qber-above-limit': (facts) =>
    `Error rate ${'qber' in facts ? share(facts, 'qber') : ''} above the limit: somebody may be listening; blocks are discarded, keys of the link wait`,
  'chsh-not-violated': (facts) =>
    `The CHSH test of a block does not show entangled pairs (${chshWords(facts)}): somebody may be listening; blocks are discarded, keys of the link wait`,
  'authentication-failed': () =>
    'A message of the classical channel was not authentic: somebody may be in the middle',
  'verification-failed': () => 'The keys of both ends still differed after error correction',
  'decoy-statistics': () =>
    'Weak pulses arrive too seldom for any honest channel: photons may be split off',
  'rate-collapse': () => 'The detection rate has collapsed: the fibre may be cut or jammed',
  'rate-surge': () =>
    'Far more detections than usual: somebody may be shining light into the fibre',
  photocurrent: () =>
    'The detector current is far above its usual value: detectors may be blinded; blocks are discarded',
  'double-clicks': () => 'The share of double clicks has changed',
  'detector-balance': () =>
    'The balance of the detectors has shifted: bits may be biased; blocks are discarded',
  'arrival-times': () =>
    'Clicks come at other times inside the gate: pulses may be shifted; blocks are discarded',
  'incoming-light': () =>
    'Light comes into the transmitter: its settings may be read; blocks are discarded',
  'source-health': () =>
    'The random source of the transmitter fails its tests: blocks are discarded',
  'peer-device': () => 'The other end does not trust its device: blocks are discarded',
  'error-step': (facts) =>
    `The error rate has jumped to ${share(facts, 'rate')} from ${share(facts, 'usual')}: a new disturbance, or somebody who listens to a part`,
  'alignment-drift': (facts) =>
    `The error rate has crept up to ${share(facts, 'rate')} from ${share(facts, 'best')}: the devices should be aligned anew`,
  'alignment-failed': (facts) =>
    `The error rate stayed at ${share(facts, 'rate')} after the devices were aligned, ${share(facts, 'best')} at its best: a device is out of order, or somebody listens and lets it look like drift`,
  'authentication-low': () => 'Authentication pads of the link are running low',
  'peer-misbehaved': () => 'The peer broke the protocol of the link',
}

const KINDS = Object.keys(WORDS) as readonly AlarmKind[]
