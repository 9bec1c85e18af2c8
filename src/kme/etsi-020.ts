/**
 * ETSI GS QKD 020: sharing keys with the networks of other operators.
 *
 * To the rest of the KME a partner is one more site to which keys can be made: what `supply.ts`
 * reserves with him is handed over by 020 instead of being activated by our own protocol, and what he
 * hands over waits in the key store like any other key. The node at which both operators have a KME is
 * this site: keys are drawn here and shared with nobody but the partner, and the applications are
 * those attached to this KME itself.
 *
 * Does not make a partner trustworthy: he, and whoever carries keys in his network, has had every key
 * in hands. Which is what the provenance of such keys says.
 *
 * @see ETSI GS QKD 020 V1.1.1
 * @module
 */

import {
  AssertionFailure,
  type Cancel,
  type HttpRequest,
  type HttpResponse,
  type KeyId,
  type SaeId,
  type SiteId,
  utf8,
} from '#base'
import type { Reservation } from '#keystore'
import { PartnerClient } from './etsi-020-client.ts'
import type { Partner, PartnerDesk, PartnerLimits } from './etsi-020-desk.ts'
import { deleteAck, forgetKeys, readAcks, readKey, type OwedAck } from './etsi-020-rows.ts'
import { servePartner } from './etsi-020-server.ts'
import type { Extensions } from './etsi-020-wire.ts'
import type { ActivationAnswer } from './peering.ts'

/** What sharing keys with partners stands on. */
export interface PartnersOptions extends Pick<
  PartnerDesk,
  'site' | 'keystore' | 'store' | 'clock' | 'random' | 'log' | 'audit' | 'transport' | 'isOwn'
> {
  readonly partners: readonly Partner[]
  /** Whether requests without a callback are answered. Default true. */
  readonly synchronous?: boolean
  readonly limits?: Partial<PartnerLimits>
  /** Refuses a request by saying after how many seconds to try again. Without it none is. */
  readonly limitRate?: (partner: SiteId) => number | undefined
}

/** All partners of a site. */
export class Partners {
  readonly #options: PartnersOptions
  readonly #desk: PartnerDesk
  readonly #clients: ReadonlyMap<SiteId, PartnerClient>
  readonly #owed: ReadonlyMap<SiteId, OwedQueue>
  readonly #unheard = new Map<SiteId, { count: number; sinceMs: number }>()
  #forgotMs = -Infinity
  #stopped = false

  /** Use `Partners.open`. */
  private constructor(options: PartnersOptions, owed: readonly OwedAck[]) {
    const { partners, synchronous = true, limits } = options
    this.#options = options
    this.#desk = {
      ...options,
      partners: new Map(partners.map((one) => [one.name, one])),
      synchronous,
      limits: { ...PARTNER_LIMITS, ...limits },
      awaited: new Map(),
      mayOwe: (partner) => (this.#owed.get(partner)?.acks.length ?? OWED_MAX) < OWED_MAX,
      unheardLeft: (partner, count) => this.#countUnheard(partner, count),
    }
    this.#clients = new Map(partners.map((one) => [one.name, new PartnerClient(this.#desk, one)]))
    this.#owed = new Map(
      partners.map(({ name }) => {
        const acks = owed.filter(({ partner }) => partner === name)
        return [name, { acks, failures: 0, nextMs: -Infinity, sending: false, cancel: undefined }]
      }),
    )
  }

  /** Finds what was owed when the site was last closed, and draws what partners may need. */
  static async open(options: PartnersOptions): Promise<Partners> {
    const { site, store, keystore, partners } = options
    const opened = new Partners(options, await readAcks(site, store))
    for (const { name } of partners) await keystore.stock(name)
    return opened
  }

  /** Whether a name is one of a partner. */
  has(name: SiteId): boolean {
    return this.#clients.has(name)
  }

  /** Answers one request of a partner. Rejects only with a bug of ours. */
  handle(request: HttpRequest): Promise<HttpResponse> {
    const { limitRate } = this.#options
    return servePartner(
      this.#desk,
      request,
      (ack) => this.#owe(ack),
      ({ name }) => limitRate?.(name),
    )
  }

  /** Draws what keys for a partner may need. @throws KeystoreRefusal, PortRefusal */
  prepare(partner: SiteId, octets: number): Promise<void> {
    return this.#desk.keystore.stock(partner, octets)
  }

  /** Hands reserved keys over to a partner. */
  relay(reservation: Reservation, optional: Extensions): Promise<ActivationAnswer> {
    return this.#client(reservation.peer).relay(reservation, optional)
  }

  /** Sends what a partner has not answered for. @throws KmeRefusal `KME_PEER_UNREACHABLE` */
  sendVoids(partner: SiteId): Promise<void> {
    return this.#client(partner).sendVoids()
  }

  /** What a partner said beside a key, for whoever fetches it: JSON of an object. */
  async extensionOf(keyId: KeyId): Promise<string | undefined> {
    const row = await readKey(this.#desk, keyId)
    return row?.direction === 'in' && row.extension !== '' ? row.extension : undefined
  }

  /** The regular small work: acknowledgements that wait, and what may be forgotten. */
  async tend(): Promise<void> {
    const { site, store, clock, keystore } = this.#desk
    for (const name of this.#clients.keys()) {
      void this.#sendAcks(name)
      await keystore.stock(name)
    }
    if (clock.monotonicMs() < this.#forgotMs + FORGET_EVERY_MS) return
    this.#forgotMs = clock.monotonicMs()
    await store.commit([forgetKeys(site, clock.now() - REMEMBERED_MS)])
  }

  /** Ends what waits for a time. What is owed stays owed. */
  stop(): void {
    this.#stopped = true
    for (const queue of this.#owed.values()) queue.cancel?.()
  }

  #client(partner: SiteId): PartnerClient {
    const client = this.#clients.get(partner)
    if (client === undefined) throw new TypeError('No such partner')
    return client
  }

  #owe(ack: OwedAck): void {
    const queue = this.#owed.get(ack.partner)
    if (queue === undefined) return
    queue.acks.push(ack)
    // Not before the request has been answered: some wait for that first.
    queue.cancel ??= this.#desk.clock.after(ACK_AFTER_MS, () => {
      queue.cancel = undefined
      void this.#sendAcks(ack.partner)
    })
  }

  /** Sends what is owed in order, until something fails; then waits, longer each time. */
  async #sendAcks(partner: SiteId): Promise<void> {
    const { site, store, clock, log } = this.#desk
    const queue = this.#owed.get(partner)
    if (queue === undefined || queue.sending || clock.monotonicMs() < queue.nextMs) return
    queue.sending = true
    try {
      for (;;) {
        const ack = queue.acks.at(0)
        if (ack === undefined || this.#stopped) return
        const isDone = await this.#sendAck(ack)
        const isOver = clock.now() - ack.at > REMEMBERED_MS
        if (!isDone && !isOver) {
          queue.failures++
          const waitMs = Math.min(ACK_WAIT_MS * 2 ** (queue.failures - 1), ACK_WAIT_MS_MAX)
          queue.nextMs = clock.monotonicMs() + waitMs
          return
        }
        queue.failures = 0
        queue.nextMs = -Infinity
        await store.commit([deleteAck(site, ack.id)])
        queue.acks.shift()
      }
    } catch (error) {
      if (error instanceof AssertionFailure) throw error
      log.write('warning', 'kme.partner-ack-failed', { partner })
    } finally {
      queue.sending = false
    }
  }

  async #sendAck({ partner, url, body }: OwedAck): Promise<boolean> {
    const { transport, log } = this.#desk
    try {
      const request = { method: 'POST', url, body: utf8(body) } as const
      const { status } = await transport.send(partner, request)
      if (status !== 200) log.write('warning', 'kme.partner-ack-refused', { partner, status })
      return status === 200
    } catch (error) {
      if (error instanceof AssertionFailure) throw error
      return false
    }
  }

  #countUnheard(partner: SiteId, count: number): boolean {
    const nowMs = this.#desk.clock.monotonicMs()
    const before = this.#unheard.get(partner)
    const fresh = before === undefined || nowMs - before.sinceMs >= UNHEARD_EVERY_MS
    const { count: had, sinceMs } = fresh ? { count: 0, sinceMs: nowMs } : before
    if (had + count > UNHEARD_MAX) return false
    this.#unheard.set(partner, { count: had + count, sinceMs })
    return true
  }
}

interface OwedQueue {
  readonly acks: OwedAck[]
  failures: number
  nextMs: number
  sending: boolean
  cancel: Cancel | undefined
}

/** Whether an application may have keys of partners: it is attached to this KME, from outside. */
export const ownSaes =
  (
    { siteOf }: { readonly siteOf: (sae: SaeId) => SiteId | undefined },
    site: SiteId,
    inside: readonly SaeId[],
  ) =>
  (sae: SaeId): boolean =>
    siteOf(sae) === site && !inside.includes(sae)

/** Bounds unless told otherwise. */
export const PARTNER_LIMITS: PartnerLimits = {
  keyOctetsMax: 512,
  lifeMs: 3_600_000,
  keptMax: 65_536,
  patienceMs: 4000,
}
/** How long a key_ID is remembered: a week. */
const REMEMBERED_MS = 7 * 86_400_000
const FORGET_EVERY_MS = 600_000
/** Acknowledgements that may be owed to one partner. */
const OWED_MAX = 1024
const ACK_AFTER_MS = 20
const ACK_WAIT_MS = 1000
const ACK_WAIT_MS_MAX = 300_000
/** key_IDs that nobody has heard of, which one partner may void in an hour. */
const UNHEARD_MAX = 16_384
const UNHEARD_EVERY_MS = 3_600_000
