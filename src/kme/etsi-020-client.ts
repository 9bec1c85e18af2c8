/**
 * Handing keys to a partner by GS QKD 020, and taking them back.
 *
 * Keys are reserved durably before they leave, and given to their master only once the partner has
 * said `relayed` for every key and every target. Only 400 and 401 prove that nothing was kept there;
 * after any other outcome the same keys are sent again, under the same key_IDs, and if time runs out
 * they are voided: never used for anything else. A void stays owed, over restarts, until the partner
 * has answered for each key of it.
 *
 * @see ETSI GS QKD 020 V1.1.1 (operation of the API)
 * @module
 */

import { AssertionFailure, utf8, type KeyId, type SaeId, type Uuid } from '#base'
import {
  readActivation,
  type PendingVoid,
  type ReceivedActivation,
  type Reservation,
  type WithdrawalOutcome,
} from '#keystore'
import type { Partner, PartnerDesk } from './etsi-020-desk.ts'
import { insertKey, voidKey } from './etsi-020-rows.ts'
import { hearAcks } from './etsi-020-server.ts'
import {
  readAcks,
  readVersions,
  transferOctets,
  voidText,
  type AckStatus,
  type ExternalKey,
  type Extensions,
  type Sharing,
  type Versions,
} from './etsi-020-wire.ts'
import type { ActivationAnswer } from './peering.ts'
import { KmeRefusal } from './refusal.ts'

/** What one KME says to that of a partner. Owns what is known of how he answers. */
export class PartnerClient {
  readonly #desk: PartnerDesk
  readonly #partner: Partner
  #versions: { readonly read: Versions; readonly untilMs: number } | undefined
  /** Reservations of which the partner has proven that he kept nothing. */
  readonly #unkept = new Set<Uuid>()
  #failures = 0
  #nextVoidMs = -Infinity

  constructor(desk: PartnerDesk, partner: Partner) {
    this.#desk = desk
    this.#partner = partner
  }

  /** Hands over reserved keys. Never rejects but for a bug of ours. */
  async relay(reservation: Reservation, optional: Extensions): Promise<ActivationAnswer> {
    const messages = reservation.activations.map(readActivation)
    const [{ master: initiator, slaves: targets }] = messages
    const keys = this.#desk.keystore.reservedKeys(reservation)
    // Until the keys leave, nothing can have been kept.
    let answer: 'relayed' | 'unkept' | 'failed' = 'unkept'
    try {
      const callback = await this.#callback()
      await this.#note(messages)
      answer = 'failed'
      answer = await this.#handOver({ initiator, targets, keys, optional, callback })
    } catch (error) {
      if (error instanceof AssertionFailure) throw error
      this.#versions = undefined
    } finally {
      for (const { octets } of keys) octets[Symbol.dispose]()
    }
    if (answer === 'relayed') return { kind: 'activated' }
    if (answer === 'unkept') for (const id of reservation.parts) this.#unkept.add(id)
    return { kind: 'refused', cause: `partner: ${answer}`, unusable: [] }
  }

  /**
   * Sends what the partner has not answered for.
   *
   * @throws KmeRefusal `KME_PEER_UNREACHABLE` while he does not; after a failure at once, for a while
   */
  async sendVoids(): Promise<void> {
    const { keystore, clock } = this.#desk
    for (;;) {
      const pending = keystore.pendingVoids(this.#partner.name)
      if (pending.length === 0) return
      if (clock.monotonicMs() < this.#nextVoidMs) throw unreachable()
      for (const one of pending) await this.#sendVoid(one)
    }
  }

  /** Remembers keys before they leave. */
  async #note(messages: readonly ReceivedActivation[]): Promise<void> {
    const { site, store, clock } = this.#desk
    const at = clock.now()
    await store.commit(
      messages.flatMap(({ keyIds, master: initiator, slaves: targets }) =>
        keyIds.map((keyId) => {
          const key = {
            keyId,
            partner: this.#partner.name,
            direction: 'out',
            state: 'kept',
          } as const
          return insertKey(site, { ...key, initiator, targets, extension: '' }, at)
        }),
      ),
    )
  }

  async #handOver(
    about: Sharing & {
      readonly keys: readonly ExternalKey[]
      readonly optional: Extensions
      readonly callback: string | undefined
    },
  ): Promise<'relayed' | 'unkept' | 'failed'> {
    const { clock, limits } = this.#desk
    const endMs = clock.monotonicMs() + limits.patienceMs
    const outcome = this.#await(about, limits.patienceMs)
    const body = transferOctets({ ...about, mandatory: new Map() })
    let answered = false
    try {
      for (let attempt = 0; attempt < ATTEMPTS_MAX && clock.monotonicMs() < endMs; attempt++) {
        const answer = await this.#post('ext_keys', body)
        // Whether an earlier attempt left something, no later one can tell.
        if (answer === undefined) continue
        if (answer.status === 400 || answer.status === 401) {
          return attempt === 0 ? 'unkept' : 'failed'
        }
        if (answer.status === 200) hearAcks(this.#desk, this.#partner, readAcks(answer.body))
        answered = answer.status === 202 || answer.status === 200
        if (answered || answer.status === 503) break
      }
      if (!answered) return 'failed'
      // A synchronous answer has said everything that will be said.
      return await (about.callback === undefined ? outcome.now() : outcome.settled)
    } finally {
      body.fill(0)
      outcome.end()
    }
  }

  /** Where to acknowledge; undefined where the partner answers at once. */
  async #callback(): Promise<string | undefined> {
    const { versions, capabilities } = await this.#capabilities()
    if (!versions.includes('v1')) throw unreachable()
    const { callback } = this.#partner
    if (capabilities.includes('synchronous_mode')) return undefined
    if (callback === undefined) throw unreachable()
    return callback
  }

  async #capabilities(): Promise<Versions> {
    const { clock } = this.#desk
    const nowMs = clock.monotonicMs()
    if (this.#versions !== undefined && nowMs < this.#versions.untilMs) return this.#versions.read
    const answer = await this.#send('GET', '/kmapi/versions')
    if (answer?.status !== 200) throw unreachable()
    const read = readVersions(answer.body)
    this.#versions = { read, untilMs: nowMs + VERSIONS_MS }
    return read
  }

  /** Waits for what the partner says of each key and target. */
  #await(
    { initiator, targets, keys }: Sharing & { readonly keys: readonly ExternalKey[] },
    patienceMs: number,
  ) {
    const { awaited, clock } = this.#desk
    const missing = new Map<KeyId, Set<SaeId>>(keys.map(({ keyId }) => [keyId, new Set(targets)]))
    const { promise: settled, resolve } = Promise.withResolvers<'relayed' | 'failed'>()
    const hear = (keyId: KeyId) => (status: AckStatus, which: readonly SaeId[]) => {
      if (status !== 'relayed') {
        resolve('failed')
        return
      }
      const left = missing.get(keyId)
      for (const target of which) left?.delete(target)
      if (left?.size === 0) missing.delete(keyId)
      if (missing.size === 0) resolve('relayed')
    }
    const partner = this.#partner.name
    for (const { keyId } of keys) {
      awaited.set(keyId, { partner, initiator, targets, hear: hear(keyId) })
    }
    const cancel = clock.after(patienceMs, () => resolve('failed'))
    return {
      settled,
      now: () => {
        resolve('failed')
        return settled
      },
      end: () => {
        cancel()
        for (const { keyId } of keys) awaited.delete(keyId)
      },
    }
  }

  async #sendVoid({ id, message }: PendingVoid): Promise<void> {
    const { keystore, site, store, clock } = this.#desk
    const keys = keysIn(message)
    // Bits that never became keys, or keys that were not kept: the partner has nothing to void.
    if (keys === undefined || this.#unkept.has(id)) {
      await keystore.settleVoid(id, 'withdrawn')
      this.#unkept.delete(id)
      return
    }
    const { keyIds, master: initiator, slaves: targets } = keys
    const at = clock.now()
    await store.commit(
      keyIds.map((keyId) => {
        const key = { keyId, partner: this.#partner.name, direction: 'out' } as const
        return voidKey(site, { ...key, initiator, targets, state: 'voided', extension: '' }, at)
      }),
    )
    const outcome = await this.#askToVoid({ initiator, targets }, keyIds)
    if (outcome === undefined) {
      this.#failures++
      const waitMs = Math.min(VOID_WAIT_MS * 2 ** (this.#failures - 1), VOID_WAIT_MS_MAX)
      this.#nextVoidMs = clock.monotonicMs() + waitMs
      this.#versions = undefined
      throw unreachable()
    }
    this.#failures = 0
    this.#nextVoidMs = -Infinity
    await keystore.settleVoid(id, outcome)
  }

  /** @returns undefined while the partner has not answered for every key */
  async #askToVoid(
    sharing: Sharing,
    keyIds: readonly KeyId[],
  ): Promise<WithdrawalOutcome | undefined> {
    const { clock, limits, awaited } = this.#desk
    const statuses = new Map<KeyId, AckStatus>()
    const { promise: heardAll, resolve } = Promise.withResolvers<void>()
    for (const keyId of keyIds) {
      const hear = (status: AckStatus): void => {
        // Late news of the transfer: it is over.
        if (status === 'relayed' || status === 'failed') return
        statuses.set(keyId, status)
        if (statuses.size === keyIds.length) resolve()
      }
      awaited.set(keyId, { partner: this.#partner.name, ...sharing, hear })
    }
    const cancel = clock.after(limits.patienceMs, resolve)
    try {
      const callback = await this.#callback()
      const body = utf8(voidText({ ...sharing, keyIds, callback }))
      const answer = await this.#post('ext_keys/void', body)
      if (answer?.status === 200) hearAcks(this.#desk, this.#partner, readAcks(answer.body))
      else if (answer?.status === 202) await heardAll
    } catch (error) {
      if (!(error instanceof KmeRefusal)) throw error
    } finally {
      cancel()
      for (const keyId of keyIds) awaited.delete(keyId)
    }
    if (statuses.size < keyIds.length) return undefined
    return [...statuses.values()].includes('failed to void') ? 'delivered' : 'withdrawn'
  }

  #post(action: string, body: Uint8Array): Promise<PartnerAnswer | undefined> {
    return this.#send('POST', `/kmapi/v1/${action}`, body)
  }

  /** @returns undefined if no answer came, so that nobody knows what the partner did */
  async #send(
    method: 'GET' | 'POST',
    path: string,
    body?: Uint8Array,
  ): Promise<PartnerAnswer | undefined> {
    const { transport, log } = this.#desk
    const { name, url } = this.#partner
    try {
      const request = { method, url: `${new URL(url).origin}${path}` }
      return await transport.send(name, body === undefined ? request : { ...request, body })
    } catch (error) {
      if (error instanceof AssertionFailure) throw error
      log.write('warning', 'kme.partner-unreachable', { partner: name, path })
      return undefined
    }
  }
}

interface PartnerAnswer {
  readonly status: number
  readonly body: Uint8Array
}

/** The keys that a withdrawal is about; undefined if it is about bits that never were keys. */
function keysIn(message: Uint8Array): ReceivedActivation | undefined {
  try {
    return readActivation(message)
  } catch {
    return undefined
  }
}

const unreachable = (): KmeRefusal =>
  new KmeRefusal('KME_PEER_UNREACHABLE', 'The KME of the slave SAE does not answer')

/** Times the same keys are sent before they are voided. */
const ATTEMPTS_MAX = 3
/** How long it is believed what a partner says he can do. */
const VERSIONS_MS = 600_000
/** First time, and at most, between attempts to void. */
const VOID_WAIT_MS = 1000
const VOID_WAIT_MS_MAX = 300_000
