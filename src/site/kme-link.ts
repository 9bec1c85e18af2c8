/**
 * A link whose keys a vendor's QKD system makes: taken from its KME at this end by GS QKD 014, and
 * seen by the operator like any other link.
 *
 * What no honest pair of KMEs gives (keys that differ, that came before, that are none) makes all
 * keys of the link wait and raises an alarm, until the operator has looked and releases them.
 *
 * A vendor's KME attests nothing: keys are noted as `kme-asserted`. Whether photons ever flew cannot
 * be seen from here.
 *
 * @see ETSI GS QKD 014 V1.1.1; docs/internals/vendor-links.md
 * @module
 */

import { logFacts, noteOf, type LinkId, type SecretSupply, type SiteId } from '#base'
import type { AuditTrail } from '#audit'
import type { LinkView } from '#contract'
import type { Alarms } from './alarms.ts'
import type { KmeLinkContext } from './kme-link-context.ts'
import { KmeReceiver, unknownLink } from './kme-link-receiver.ts'
import { KmeLinkRefusal, SUSPICIOUS_CODES } from './kme-link-refusal.ts'
import { KmeSender, type KmeSenderInput } from './kme-link-sender.ts'
import type { LinkHistory } from './link-history.ts'
import { FAILURES_TO_BE_DOWN, newLife, noteTurn, turned, type LinkLife } from './link-life.ts'
import { LinkRates } from './link-rates.ts'
import { RemoteRefusal } from './peers.ts'

export interface KmeLinkInput
  extends KmeLinkContext, Pick<KmeSenderInput, 'keysPerBlock' | 'targetBits' | 'pollMs'> {
  readonly site: SiteId
  readonly alarms: Alarms
  readonly audit: AuditTrail
  readonly history: LinkHistory
  readonly secrets: SecretSupply
  readonly reach: () => Promise<void>
  /** Asks the other end of this link. */
  readonly ask: KmeSenderInput['ask']
}

/** What one end asks of the other. */
export type KmeLinkMethod = 'open' | 'collect' | 'confirm'

export class KmeLink {
  readonly link: LinkId
  readonly peer: SiteId
  readonly role: LinkView['role']
  readonly #input: KmeLinkInput
  readonly #sender: KmeSender | undefined
  readonly #receiver: KmeReceiver | undefined
  readonly #rates: LinkRates
  #life: LinkLife
  /** Of the last try; undefined after one that went well. */
  #failure: string | undefined
  #failures = 0
  #blocks = 0
  #octets = 0
  readonly #lost = new Map<string, number>()
  /** The quarantine that is on its way into the store. */
  #suspending: string | undefined
  #watch: (() => void) | undefined
  #stopped = false
  #enabled = true

  constructor(input: KmeLinkInput) {
    const { terms, site, clock } = input
    this.#input = input
    this.link = terms.link
    this.role = site === terms.transmitter ? 'transmitter' : 'receiver'
    this.peer = this.role === 'transmitter' ? terms.receiver : terms.transmitter
    this.#rates = new LinkRates(clock.monotonicMs())
    this.#life = newLife(clock.now())
    const isSuspended = (): boolean => this.suspicion !== undefined || !this.#enabled
    if (this.role === 'receiver') {
      this.#receiver = new KmeReceiver({ ...input, isSuspended })
      return
    }
    this.#sender = new KmeSender({
      ...{ ...input, isSuspended },
      made: (octets) => this.#made(octets),
      tried: (error) => this.#tried(error),
    })
  }

  start(): void {
    this.#sender?.kick()
    this.#lookOn()
  }

  /** Looks whether keys are wanted: some have gone. */
  kick(): void {
    this.#sender?.kick()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#watch?.()
    await this.#sender?.stop()
    this.#receiver?.[Symbol.dispose]()
    await this.#input.history.settled()
  }

  /** Whether keys are taken; a controller or the operator says. */
  get enabled(): boolean {
    return this.#enabled
  }

  /** Takes keys of the vendor's KME, or none. What is stored stays. */
  setEnabled(enabled: boolean): void {
    if (this.#enabled === enabled) return
    this.#enabled = enabled
    this.#lookAgain()
    if (enabled) this.kick()
  }

  /** Whether keys are wanted, and the vendor's KME or the other end does not answer. */
  get isAway(): boolean {
    return this.#enabled && this.#failure !== undefined && this.#failure !== EXHAUSTED
  }

  get history(): LinkHistory {
    return this.#input.history
  }

  /** Why the keys of the link wait, if they do. */
  get suspicion(): string | undefined {
    const { keystore } = this.#input
    const { links } = keystore.pool(this.peer)
    return this.#suspending ?? links.find(({ link }) => link === this.link)?.quarantine
  }

  /** Answers the transmitting end. Rejects with a Refusal. */
  async answer(from: SiteId, method: KmeLinkMethod, payload: Uint8Array): Promise<Uint8Array> {
    const receiver = this.#receiver
    if (receiver === undefined || from !== this.peer || this.#stopped) throw unknownLink()
    try {
      const answer = await receiver[method](payload)
      if (method === 'confirm') this.#tried(undefined)
      return answer
    } catch (error) {
      this.#tried(error)
      throw error
    }
  }

  /**
   * Lets the keys of the link be used again: the operator has looked.
   *
   * @param about.discard   voids what is stored of the link first
   * @throws KmeLinkRefusal `KME_LINK_NOT_SUSPENDED`
   */
  async release({ discard }: { readonly discard: boolean }): Promise<{ readonly voided: number }> {
    const { keystore, alarms } = this.#input
    const { link } = this
    if (this.suspicion === undefined) {
      throw new KmeLinkRefusal('KME_LINK_NOT_SUSPENDED', 'Keys of the link do not wait')
    }
    const cause = 'released by the operator'
    const voided = discard ? await keystore.discard({ link, cause }) : 0
    await keystore.release(link, cause)
    await alarms.clear(SUSPICION, link)
    this.#failure = undefined
    this.#failures = 0
    this.#lookAgain()
    // What was voided here is voided there when the link is opened anew.
    this.#receiver?.shut()
    this.#sender?.retry()
    return { voided }
  }

  view(): LinkView {
    const { terms, clock, keystore } = this.#input
    const { state, reason, since } = this.#lookAgain()
    return {
      ...{ link: this.link, peer: this.peer, role: this.role, state, reason, since },
      protocol: 'etsi-014',
      simulated: false,
      epoch: keystore.epoch(this.link),
      clockHz: 0,
      ...{ qber: null, chsh: null, chshTest: null, efficiency: null },
      siftedBitsPerSecond: 0,
      secretBitsPerSecond: this.#rates.at(clock.monotonicMs()).secret,
      blocksDistilled: this.#blocks,
      blocksDiscarded: Object.fromEntries(this.#lost),
      secretBits: this.#octets * 8,
      epsilonSpent: this.#blocks * terms.epsilon,
      authenticationSource: terms.vendor,
      ...{ padsLeft: 0, batchesLost: 0, bootstrap: 'signature', preSharedSessions: null },
    }
  }

  #made(octets: number): void {
    this.#blocks++
    this.#octets += octets
    const atMs = this.#input.clock.monotonicMs()
    this.#rates.note({ atMs, siftedBits: 0, secretBits: octets * 8 })
  }

  #tried(error: unknown): void {
    if (error === undefined) {
      this.#failure = undefined
      this.#failures = 0
    } else {
      const { code } = noteOf(error)
      // Whose KME it was that gave no keys.
      const cause = error instanceof RemoteRefusal ? `peer ${code}` : code
      this.#failure = cause
      if (cause !== EXHAUSTED) {
        this.#failures++
        this.#lost.set(cause, (this.#lost.get(cause) ?? 0) + 1)
      }
      if (SUSPICIOUS_CODES.has(code)) void this.#suspend(code)
    }
    this.#lookAgain()
  }

  async #suspend(code: string): Promise<void> {
    const { keystore, alarms, log } = this.#input
    const { link } = this
    this.#suspending = code
    try {
      await keystore.quarantine({ link, cause: code })
      await alarms.raise({
        ...{ kind: SUSPICION, severity: 'critical', subject: link },
        message: `${MEANINGS.get(code) ?? code}: its keys wait (photonward link release)`,
      })
      this.#suspending = undefined
    } catch (error) {
      // It stays suspended for as long as this daemon runs, and says so.
      log.write('error', 'link.alarm-failed', { link, ...logFacts(error) })
    }
  }

  /** States change by time as well: an end that is not asked does not notice otherwise. */
  #lookOn(): void {
    if (this.#stopped) return
    this.#lookAgain()
    this.#watch = this.#input.clock.after(LOOK_MS, () => this.#lookOn())
  }

  #lookAgain(): LinkLife {
    if (this.#stopped) return this.#life
    const { clock, history, audit, log } = this.#input
    const before = this.#life
    const now = clock.now()
    const after = turned(before, this.#state(), now)
    this.#life = after
    noteTurn({ history, audit, log, link: this.link }, { before, after, now })
    return after
  }

  #state(): readonly [LinkView['state'], string] {
    const { suspicion } = this
    if (suspicion !== undefined) return ['suspended', suspicion]
    if (!this.#enabled) return ['down', 'disabled']
    const isOpen = this.#sender?.isOpen ?? this.#receiver?.isOpen ?? false
    const failure = this.#failure
    const { hasRun } = this.#life
    if (failure === EXHAUSTED) return ['degraded', failure]
    if (failure !== undefined) {
      if (this.#failures > FAILURES_TO_BE_DOWN) return ['down', failure]
      return [hasRun ? 'recovering' : 'starting', failure]
    }
    if (!isOpen) return [hasRun ? 'recovering' : 'starting', 'session-closed']
    return ['running', '']
  }
}

const SUSPICION = 'kme-link.keys-suspicious'
const EXHAUSTED = 'KME_CLIENT_EXHAUSTED'
const LOOK_MS = 1000
const MEANINGS: ReadonlyMap<string, string> = new Map([
  ['KME_LINK_KEYS_DIFFER', "The vendor's KMEs gave the two sites different keys"],
  [
    'KME_LINK_KEYS_SUSPICIOUS',
    "The vendor's KME gave a key of like octets, or one that came before",
  ],
])
