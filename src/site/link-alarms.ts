/**
 * From a link's alarms to the site's: which words a person reads, and which alarms make the keys of
 * a link wait.
 *
 * An alarm that points at an eavesdropper or a forger suspends the link's keys until a later block
 * shows that its cause has gone. Others point at a link in bad health and suspend nothing: the
 * bounds already keep the keys of each block safe.
 *
 * @module
 */

import type { Facts, LinkId } from '#base'
import type { Keystore } from '#keystore'
import type { Alarm, AlarmKind } from '#qkd'
import type { Alarms } from './alarms.ts'

export class LinkAlarms {
  readonly #link: LinkId
  readonly #alarms: Alarms
  readonly #keystore: Keystore
  /** Alarms that stand. Those without an end of their own go when a block succeeds. */
  readonly #standing = new Set<AlarmKind>()
  #turn: Promise<void> = Promise.resolve()

  constructor(input: { link: LinkId; alarms: Alarms; keystore: Keystore }) {
    this.#link = input.link
    this.#alarms = input.alarms
    this.#keystore = input.keystore
  }

  /** Whether suspicion of tampering stands. */
  isSuspect(): boolean {
    return [...this.#standing].some((kind) => SUSPICIOUS.has(kind))
  }

  take({ kind, state, facts }: Alarm): Promise<void> {
    return this.#inTurn(() => (state === 'raised' ? this.#raise(kind, facts) : this.#clear(kind)))
  }

  /** A block was distilled: what has no end of its own is over. */
  blockDistilled(): Promise<void> {
    const over = [...this.#standing].filter((kind) => MOMENTARY.has(kind))
    if (over.length === 0) return Promise.resolve()
    return this.#inTurn(async () => {
      for (const kind of over) await this.#clear(kind)
    })
  }

  async #raise(kind: AlarmKind, facts: Facts): Promise<void> {
    const wasSuspect = this.isSuspect()
    this.#standing.add(kind)
    if (!wasSuspect && this.isSuspect()) {
      await this.#keystore.quarantine({ link: this.#link, cause: kind })
    }
    await this.#alarms.raise({
      kind: `link.${kind}`,
      severity: SUSPICIOUS.has(kind) ? 'critical' : 'warning',
      subject: this.#link,
      message: WORDS[kind](facts),
    })
  }

  async #clear(kind: AlarmKind): Promise<void> {
    const wasSuspect = this.isSuspect()
    if (!this.#standing.delete(kind)) return
    if (wasSuspect && !this.isSuspect()) await this.#keystore.release(this.#link, `${kind}-cleared`)
    await this.#alarms.clear(`link.${kind}`, this.#link)
  }

  /** One change at a time: quarantine and its release must not overtake each other. */
  #inTurn(change: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(change)
    return this.#turn
  }
}

const SUSPICIOUS: ReadonlySet<AlarmKind> = new Set([
  'qber-above-limit',
  'authentication-failed',
  'decoy-statistics',
  'photocurrent',
  'peer-misbehaved',
])
const MOMENTARY: ReadonlySet<AlarmKind> = new Set([
  'authentication-failed',
  'verification-failed',
  'peer-misbehaved',
])

const share = (facts: Facts, name: string): string => `${(Number(facts[name]) * 100).toFixed(1)} %`

const WORDS: Readonly<Record<AlarmKind, (facts: Facts) => string>> = {
  'qber-above-limit': (facts) =>
    `Error rate ${'qber' in facts ? share(facts, 'qber') : ''} above the limit: somebody may be listening; blocks are discarded, keys of the link wait`,
  'authentication-failed': () =>
    'A message of the classical channel was not authentic: somebody may be in the middle',
  'verification-failed': () => 'The keys of both ends still differed after error correction',
  'decoy-statistics': () =>
    'Weak pulses arrive too seldom for any honest channel: photons may be split off',
  'rate-collapse': () => 'The detection rate has collapsed: the fibre may be cut or jammed',
  photocurrent: () => 'The detector current is far above its usual value: it may be blinded',
  'double-clicks': () => 'The share of double clicks has changed',
  'detector-balance': () => 'The balance of the detectors has shifted',
  'authentication-low': () => 'Authentication pads of the link are running low',
  'peer-misbehaved': () => 'The peer broke the protocol of the link',
}
