/**
 * Activations and withdrawals at the slave's end: which bits of the peer's half are which keys.
 *
 * An activation is accepted once: repeated with the same content it is acknowledged again, with
 * another content, or for bits that were ever activated or withdrawn, it is refused. A withdrawal
 * leaves a tombstone even for keys never heard of, so that an activation which comes late, or
 * again, revives nothing. Ranges are checked against the sender's own half: a peer can neither name
 * bits of ours nor the same bits twice.
 *
 * @see ETSI GS QKD 020 §6 (associations, void)
 * @module
 */

import { keyId, refusedWith, type KeyId, type LinkId, type SiteId, type Statement } from '#base'
import { sameSecret } from '#crypto'
import { originsDigest } from './allocation.ts'
import { carriedAt } from './carrying.ts'
import { damage } from './damage.ts'
import { depositEnds, depositRows } from './deposits.ts'
import { doom, doomIfSpent } from './destruction.ts'
import { halfSpan } from './layout.ts'
import { KeystoreRefusal } from './refusal.ts'
import { checkOpen, leaf, nowOf, type Room, type WaitingKey } from './room.ts'
import {
  isQuarantined,
  peerSide,
  placeKey,
  segmentsOf,
  spend,
  type Block,
  type Link,
} from './state.ts'
import { insertKeys, selectKey, voidKey, type KeyRow } from './key-rows.ts'
import { octetsOf, textIn } from './tables.ts'
import {
  RANGE_OCTETS_MAX,
  rangesOctets,
  rangesOfKey,
  type Range,
  type ReceivedActivation,
  type Withdrawal,
} from './wire.ts'
import type { WithdrawalOutcome } from './withdrawals.ts'

/** Why an activation was refused. Nothing of it was kept. */
export type ActivationRefusal =
  /** The link does not join the two sites. */
  | 'link-foreign'
  /** Another content came before under the same name. */
  | 'other-content'
  /** A key_ID is in use, or was. */
  | 'key-known'
  | 'range-outside'
  /** Bits were activated or withdrawn before. */
  | 'range-used'
  | 'quarantined'
  /** The block is not in use here, its origin is told differently, or a segment does not open. */
  | 'block-unknown'
  | 'origin-differs'
  | 'segment-damaged'

/** What became of an activation: durable here, or refused with nothing kept. */
export type ActivationOutcome =
  | { readonly kind: 'activated' }
  | {
      readonly kind: 'refused'
      readonly cause: ActivationRefusal
      /** Octets of the sender's half that can never be used, so that it stops trying. */
      readonly unusable: readonly Range[]
    }

/**
 * Makes keys of the peer's bits fetchable here; durable when it resolves.
 *
 * Whether the slaves are SAEs of this site is the caller's to check.
 *
 * @param beside   made durable together with the keys, or not at all
 * @throws PortRefusal if the store refuses: the keys are lost then, and wait to be withdrawn
 */
export async function activate(
  room: Room,
  from: SiteId,
  activation: ReceivedActivation,
  beside: readonly Statement[] = [],
): Promise<ActivationOutcome> {
  checkOpen(room)
  const link = room.links.get(activation.link)
  if (link?.peer !== from) return refused('link-foreign')
  for (let attempt = 0; attempt < OPENING_ATTEMPTS_MAX; attempt++) {
    const known = room.activations.get(activation.id)
    if (known !== undefined) {
      if (!sameSecret(known.digest, activation.digest)) return refused('other-content')
      await known.done
      return { kind: 'activated' }
    }
    const fault = check(room, link, activation)
    if (fault?.cause === 'range-used' || fault?.cause === 'block-unknown') {
      return (await wasDelivered(room, activation)) ? { kind: 'activated' } : fault
    }
    if (fault !== undefined) return fault
    const shut = shutSegments(room, link, activation.ranges)
    if (shut.length === 0) return accept(room, link, activation, beside)
    for (const [block, segment] of shut) {
      const broken = await room.segments.open(block, segment)
      if (broken !== undefined) await damage(room, block, { segment, fault: broken })
    }
  }
  throw new KeystoreRefusal('KEYSTORE_BUSY', 'Too many segments are being opened at once')
}

/**
 * Makes sure that these bits are never keys here; durable when it resolves. Idempotent.
 *
 * @returns `delivered` if a slave has fetched one of the keys before
 * @throws KeystoreRefusal `KEYSTORE_MESSAGE_INVALID` if the link does not join the two sites
 */
export async function withdraw(
  room: Room,
  from: SiteId,
  withdrawal: Withdrawal,
): Promise<WithdrawalOutcome> {
  checkOpen(room)
  const link = linkTo(room, withdrawal.link, from)
  const names = withdrawal.keyIds.length === 0 ? [keyId(withdrawal.id)] : withdrawal.keyIds
  let before: readonly (string | undefined)[]
  do before = await Promise.all(names.map((name) => stateOf(room, name)))
  while (names.some((name) => room.keys.get(name)?.busy !== undefined))
  const rows: KeyRow[] = []
  const waiting: WaitingKey[] = []
  const fresh: (readonly [Block, Range])[] = []
  names.forEach((name, at) => {
    const ranges = withdrawal.keyIds.length === 0 ? withdrawal.ranges : rangesOfKey(withdrawal, at)
    const key = room.keys.get(name)
    if (key !== undefined) {
      key.lost = true
      waiting.push(key)
    } else fresh.push(...ranges.flatMap((range) => claimUnused(link, range)))
    rows.push(tombstone(room, withdrawal, { name, ranges }))
  })
  const facts = { link: link.link, peer: from, keyIds: names, cause: 'withdrawn by peer' }
  const statements: Statement[] = rows.map((row) => voidKey(room.site, row))
  statements.push(...waiting.flatMap((key) => depositEnds(room.site, key)))
  await room.store.commit([...statements, leaf(room, 'key.voided', from, facts)])
  for (const key of waiting) forgetKey(room, key)
  for (const [block, range] of fresh) {
    doom(room, block, spend(block, peerSide(block), range))
    doomIfSpent(room, block)
  }
  room.onChange(from)
  return before.includes('delivered') ? 'delivered' : 'withdrawn'
}

/** Takes a key that is over out of memory and counts its bits as spent. Once only. */
export function forgetKey(room: Room, key: WaitingKey): void {
  if (!room.keys.delete(key.keyId)) return
  key.home.waiting--
  key.link.waiting--
  const known = room.activations.get(key.activation)
  if (known !== undefined && --known.keysLeft === 0) room.activations.delete(key.activation)
  for (const range of key.ranges) {
    const block = key.link.blocks.get(placeKey(range))
    if (block === undefined) continue
    doom(room, block, spend(block, peerSide(block), range))
    doomIfSpent(room, block)
  }
}

type Refused = Extract<ActivationOutcome, { kind: 'refused' }>

/** What is wrong with an activation, by what is known in memory. */
function check(room: Room, link: Link, activation: ReceivedActivation): Refused | undefined {
  const { ranges, keyIds } = activation
  if (keyIds.some((name) => room.keys.has(name))) return refused('key-known')
  if (overlapEachOther(ranges)) return refused('range-used')
  const blocks: Block[] = []
  for (const range of ranges) {
    const block = link.blocks.get(placeKey(range))
    if (block?.state !== 'available') return refused('block-unknown', unknownBlock(link, range))
    if (range.from + range.octets > block.layout.halfOctets) return refused('range-outside')
    if (isQuarantined(block)) return refused('quarantined')
    if (block.activated.touches(range)) return refused('range-used')
    const broken = segmentsOf(block, peerSide(block), range).filter(
      (segment) => block.fates[segment] !== 'whole',
    )
    if (broken.length > 0) {
      const { epoch, sequence, layout } = block
      const spans = broken.map((segment) => ({ epoch, sequence, ...halfSpan(layout, segment) }))
      return refused('segment-damaged', spans)
    }
    blocks.push(block)
  }
  if (sameSecret(originsDigest(blocks), activation.origins)) return undefined
  const halves = blocks.map(({ epoch, sequence, layout }) => ({
    epoch,
    sequence,
    from: 0,
    octets: layout.halfOctets,
  }))
  return refused('origin-differs', halves)
}

/** A block that waits for its confirmation may yet come into use: only its absence is final. */
function unknownBlock(link: Link, range: Range): readonly Range[] {
  const held = link.blocks.get(placeKey(range))?.state === 'held'
  return held ? [] : [{ ...range, from: 0, octets: RANGE_OCTETS_MAX }]
}

async function accept(
  room: Room,
  link: Link,
  activation: ReceivedActivation,
  beside: readonly Statement[],
): Promise<ActivationOutcome> {
  const { id, digest, ranges, keyIds, keyOctets, master, slaves, lifeMs, carried } = activation
  const expiresMs = room.clock.monotonicMs() + lifeMs
  const at = nowOf(room)
  for (const range of ranges) {
    const block = link.blocks.get(placeKey(range))
    if (block === undefined) continue
    block.activated.add(range)
    block.reached = Math.max(block.reached, range.from + range.octets)
  }
  link.peerFree -= ranges.reduce((sum, { octets }) => sum + octets, 0)
  const keys = keyIds.map((name, index): WaitingKey => {
    const own = rangesOfKey(activation, index)
    const home = homeOf(link, own)
    const key = { keyId: name, activation: id, link, master, named: slaves, slaves, ranges: own }
    const mine = carried && carriedAt(carried, index, keyOctets)
    return { ...key, carried: mine, home, expiresMs, lost: false, busy: undefined }
  })
  for (const key of keys) {
    room.keys.set(key.keyId, key)
    key.home.waiting++
    link.waiting++
  }
  room.nextExpiryMs = Math.min(room.nextExpiryMs, expiresMs)
  const facts = { link: link.link, peer: link.peer, keyIds, slaves, lifeMs }
  const commit = room.store.commit([
    ...insertKeys(
      room.site,
      keys.map((key) => rowOf(key, { digest, at, lifeMs })),
    ),
    ...keys.flatMap((key) => depositRows(room.site, key)),
    ...beside,
    leaf(room, 'key.activated', master, facts),
  ])
  const done = commit.then(() => undefined)
  room.activations.set(id, { digest, keysLeft: keys.length, done })
  try {
    await done
  } catch (error) {
    for (const key of keys) key.lost = true
    if (refusedWith(error, 'STORE_CONFLICT')) return refused('key-known')
    throw error
  }
  room.onChange(link.peer)
  return { kind: 'activated' }
}

function rowOf(
  key: WaitingKey,
  more: { readonly digest: Uint8Array; readonly at: number; readonly lifeMs: number },
): KeyRow {
  const { keyId: name, activation, link, home, master, slaves, ranges } = key
  return {
    keyId: name,
    activation,
    master,
    slaves: slaves.join(' '),
    place: [link.link, home.epoch, home.sequence],
    ranges: rangesOctets(ranges),
    ...more,
  }
}

function tombstone(
  room: Room,
  withdrawal: Withdrawal,
  { name, ranges }: { readonly name: string; readonly ranges: readonly Range[] },
): KeyRow {
  const { epoch, sequence } = ranges[ranges.length - 1]
  return {
    keyId: name,
    activation: withdrawal.id,
    digest: new Uint8Array(0),
    master: '',
    slaves: '',
    place: [withdrawal.link, epoch, sequence],
    ranges: rangesOctets(ranges),
    at: nowOf(room),
    lifeMs: 0,
  }
}

/** Waits for a fetch that is under way, then tells what has become of a key. */
async function stateOf(room: Room, name: KeyId): Promise<string | undefined> {
  await room.keys.get(name)?.busy
  const key = room.keys.get(name)
  if (key !== undefined) return key.slaves.length < key.named.length ? 'delivered' : 'activated'
  const row = (await room.store.read(selectKey(room.site, name))).at(0)
  return row === undefined ? undefined : textIn(row['state'])
}

async function wasDelivered(room: Room, { keyIds, digest }: ReceivedActivation): Promise<boolean> {
  const row = (await room.store.read(selectKey(room.site, keyIds[0]))).at(0)
  if (row?.['state'] !== 'delivered') return false
  return sameSecret(octetsOf(row['digest']), digest)
}

/** Takes octets of the peer's half out of use, if none of them was used before. */
function claimUnused(link: Link, range: Range): readonly (readonly [Block, Range])[] {
  const block = link.blocks.get(placeKey(range))
  if (block === undefined || range.from + range.octets > block.layout.halfOctets) return []
  if (block.activated.touches(range)) return []
  block.activated.add(range)
  if (block.state === 'available') link.peerFree -= range.octets
  return [[block, range]]
}

function shutSegments(
  room: Room,
  link: Link,
  ranges: readonly Range[],
): readonly (readonly [Block, number])[] {
  return ranges.flatMap((range) => {
    const block = link.blocks.get(placeKey(range))
    if (block === undefined) return []
    return segmentsOf(block, peerSide(block), range)
      .filter((segment) => !room.segments.isOpen(block, segment))
      .map((segment) => [block, segment] as const)
  })
}

function homeOf(link: Link, ranges: readonly Range[]): Block {
  const home = link.blocks.get(placeKey(ranges[ranges.length - 1]))
  if (home === undefined) throw new TypeError('A checked range lost its block')
  return home
}

function overlapEachOther(ranges: readonly Range[]): boolean {
  return ranges.some((a, at) =>
    ranges.slice(at + 1).some((b) => {
      if (placeKey(a) !== placeKey(b)) return false
      return a.from < b.from + b.octets && b.from < a.from + a.octets
    }),
  )
}

function linkTo(room: Room, name: LinkId, peer: SiteId): Link {
  const link = room.links.get(name)
  if (link?.peer === peer) return link
  throw new KeystoreRefusal('KEYSTORE_MESSAGE_INVALID', 'The link does not join the two sites')
}

const refused = (cause: ActivationRefusal, unusable: readonly Range[] = []): Refused => ({
  kind: 'refused',
  cause,
  unusable,
})

const OPENING_ATTEMPTS_MAX = 64
