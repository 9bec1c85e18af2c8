/**
 * Handing keys to slave SAEs: durable before an octet leaves, once for each slave, all or nothing.
 *
 * An answer that is lost on its way is a key lost: nobody can tell it from one that arrived. A key
 * that is not fetched in time expires; that its master may have used it alone is raised as an
 * alarm. Life is counted by the monotonic clock. Over a restart it is counted by the wall clock,
 * which may shorten it; if the wall clock has gone back, waiting keys expire at once.
 *
 * @see ETSI GS QKD 014 §6.4 (Get key with key IDs)
 * @module
 */

import { refusedWith, type KeyId, type SaeId } from '#base'
import { forgetKey } from './activation.ts'
import { unmask } from './carrying.ts'
import { damage } from './damage.ts'
import { depositEnds } from './deposits.ts'
import { provenanceOf, type DeliveredKey } from './parts.ts'
import { combined } from './provenance.ts'
import { KeystoreRefusal } from './refusal.ts'
import { alarm, checkOpen, leaf, nowOf, type Room, type WaitingKey } from './room.ts'
import type { Piece } from './segments.ts'
import { isQuarantined, peerSide, placeKey, segmentsOf, type Link } from './state.ts'
import { setKeys, type KeyChange } from './key-rows.ts'
import { ACTIVATION_KEYS_MAX } from './wire.ts'

/** Keys that a slave wants, by name. */
export interface DeliverRequest {
  /** 1 to `ACTIVATION_KEYS_MAX`, no two the same. */
  readonly keyIds: readonly KeyId[]
  /** The slave that fetches. */
  readonly caller: SaeId
  /** The master that had the keys made. */
  readonly master: SaeId
}

/**
 * Fetches keys for a slave, in the order asked for: all of them, or none.
 *
 * @throws KeystoreRefusal `KEYSTORE_KEY_FOREIGN` if the caller is no slave of one of them,
 *   `KEYSTORE_KEY_UNKNOWN` if one was never activated by this master, was fetched by this slave
 *   before, voided, or has expired; `KEYSTORE_QUARANTINED`; `KEYSTORE_SEGMENT_DAMAGED`; PortRefusal
 */
export async function deliver(
  room: Room,
  request: DeliverRequest,
): Promise<readonly DeliveredKey[]> {
  checkOpen(room)
  checkRequest(request)
  for (let attempt = 0; attempt < OPENING_ATTEMPTS_MAX; attempt++) {
    const found = request.keyIds.map((name) => room.keys.get(name))
    const busy = found.map((key) => key?.busy).find((one) => one !== undefined)
    if (busy !== undefined) {
      await busy
      continue
    }
    const keys = checkKeys(room, request, found)
    const delivered = take(room, request, keys)
    if (delivered !== undefined) return delivered
    await openSegments(room, keys)
  }
  throw new KeystoreRefusal('KEYSTORE_BUSY', 'Too many segments are being opened at once')
}

/** Expires keys that nobody fetched in time, and says so. */
export async function expire(room: Room): Promise<void> {
  const now = room.clock.monotonicMs()
  if (now < room.nextExpiryMs) return
  const over = [...room.keys.values()].filter(
    ({ expiresMs, lost, busy }) => expiresMs <= now && !lost && busy === undefined,
  )
  for (const [link, keys] of Map.groupBy(over, (key) => key.link)) {
    for (let at = 0; at < keys.length; at += ACTIVATION_KEYS_MAX) {
      await expireSome(room, link, keys.slice(at, at + ACTIVATION_KEYS_MAX))
    }
  }
  const later = [...room.keys.values()].filter(({ lost }) => !lost)
  room.nextExpiryMs = later.reduce((least, key) => Math.min(least, key.expiresMs), Infinity)
}

function checkKeys(
  room: Room,
  { caller, master }: DeliverRequest,
  found: readonly (WaitingKey | undefined)[],
): readonly WaitingKey[] {
  const now = room.clock.monotonicMs()
  const keys = found.filter((key) => key !== undefined)
  if (keys.some((key) => key.master === master && !key.named.includes(caller))) {
    throw new KeystoreRefusal('KEYSTORE_KEY_FOREIGN', 'The caller is no slave of these keys', {
      facts: { caller, master },
    })
  }
  const ready = keys.filter(
    (key) =>
      key.master === master &&
      key.slaves.includes(caller) &&
      !key.lost &&
      key.expiresMs > now &&
      piecesOf(key) !== undefined,
  )
  if (ready.length < found.length) {
    throw new KeystoreRefusal('KEYSTORE_KEY_UNKNOWN', 'A key asked for is not here', {
      facts: { caller, master, missing: found.length - ready.length },
    })
  }
  if (ready.some((key) => piecesOf(key)?.some(({ block }) => isQuarantined(block)))) {
    throw new KeystoreRefusal('KEYSTORE_QUARANTINED', 'The link of a key is under quarantine')
  }
  return ready
}

/** Claims keys whose segments all stand open. Claim and commit in one turn. */
function take(
  room: Room,
  request: DeliverRequest,
  keys: readonly WaitingKey[],
): Promise<readonly DeliveredKey[]> | undefined {
  const delivered: DeliveredKey[] = []
  for (const key of keys) {
    const pieces = piecesOf(key)
    const octets = pieces === undefined ? undefined : room.segments.gather(pieces)
    if (octets === undefined) {
      clear(delivered)
      return undefined
    }
    const { link, ranges, keyId, carried } = key
    const own = provenanceOf(ranges, link, { from: link.peer, to: link.site })
    if (carried !== undefined) unmask(octets, carried)
    const provenance = carried === undefined ? own : combined(carried.provenance, own)
    delivered.push({ keyId, octets, provenance })
  }
  return commitTaken(room, request, { keys, delivered })
}

async function commitTaken(
  room: Room,
  { caller, keyIds }: DeliverRequest,
  taken: { readonly keys: readonly WaitingKey[]; readonly delivered: readonly DeliveredKey[] },
): Promise<readonly DeliveredKey[]> {
  const { keys, delivered } = taken
  const at = nowOf(room)
  const { promise: decided, resolve: decide } = Promise.withResolvers<undefined>()
  const changes = keys.map((key): KeyChange => {
    key.busy = decided
    const slaves = key.slaves.filter((slave) => slave !== caller)
    const state = slaves.length === 0 ? 'delivered' : 'activated'
    const before = key.slaves.join(' ')
    return { keyId: key.keyId, state, before, slaves: slaves.join(' ') }
  })
  const over = keys.filter((_, index) => changes[index].state === 'delivered')
  const statements = [
    ...setKeys(room.site, changes, at),
    ...over.flatMap((key) => depositEnds(room.site, key)),
  ]
  try {
    await room.store.commit([...statements, leaf(room, 'key.delivered', caller, { keyIds })])
    for (const key of keys) {
      key.slaves = key.slaves.filter((slave) => slave !== caller)
      if (key.slaves.length === 0) forgetKey(room, key)
    }
    return delivered
  } catch (error) {
    clear(delivered)
    // The store has it otherwise: it knows better, and nothing has left.
    if (refusedWith(error, 'STORE_CONFLICT')) for (const key of keys) key.lost = true
    throw error
  } finally {
    for (const key of keys) key.busy = undefined
    decide(undefined)
  }
}

async function openSegments(room: Room, keys: readonly WaitingKey[]): Promise<void> {
  for (const { block, owner, span } of keys.flatMap((key) => piecesOf(key) ?? [])) {
    for (const segment of segmentsOf(block, owner, span)) {
      const fault = await room.segments.open(block, segment)
      if (fault === undefined) continue
      await damage(room, block, { segment, fault })
      throw new KeystoreRefusal('KEYSTORE_SEGMENT_DAMAGED', 'The key cannot be read any more', {
        facts: { link: block.link.link, block: placeKey(block), segment },
      })
    }
  }
}

async function expireSome(room: Room, link: Link, keys: readonly WaitingKey[]): Promise<void> {
  const at = nowOf(room)
  const keyIds = keys.map(({ keyId }) => keyId)
  const changes = keys.map((key): KeyChange => {
    key.lost = true
    return { keyId: key.keyId, state: 'expired', before: key.slaves.join(' '), slaves: '' }
  })
  const statements = [
    ...setKeys(room.site, changes, at),
    ...keys.flatMap((key) => depositEnds(room.site, key)),
  ]
  try {
    const facts = { link: link.link, peer: link.peer, keyIds }
    await room.store.commit([...statements, leaf(room, 'key.expired', link.peer, facts)])
  } catch (error) {
    for (const key of keys) key.lost = false
    throw error
  }
  for (const key of keys) forgetKey(room, key)
  const message = `${keys.length} keys were activated and not fetched: their masters may hold them`
  alarm(room, 'key-expired', link, message)
  room.onChange(link.peer)
}

/** Where a key lies; undefined once one of its blocks is over. */
function piecesOf(key: WaitingKey): readonly Piece[] | undefined {
  const pieces: Piece[] = []
  for (const { epoch, sequence, from, octets } of key.ranges) {
    const block = key.link.blocks.get(placeKey({ epoch, sequence }))
    if (block?.state !== 'available') return undefined
    pieces.push({ block, owner: peerSide(block), span: { from, octets } })
  }
  return pieces
}

function checkRequest({ keyIds }: DeliverRequest): void {
  const distinct = new Set(keyIds).size === keyIds.length
  if (distinct && keyIds.length >= 1 && keyIds.length <= ACTIVATION_KEYS_MAX) return
  throw new KeystoreRefusal(
    'KEYSTORE_REQUEST_INVALID',
    `Expected 1 to ${ACTIVATION_KEYS_MAX} different key_IDs`,
    { facts: { keyIds: keyIds.length } },
  )
}

function clear(keys: readonly DeliveredKey[]): void {
  for (const { octets } of keys) octets[Symbol.dispose]()
}

const OPENING_ATTEMPTS_MAX = 64
