/**
 * The key store of a site: opens what the disk holds and offers everything the other rooms may do.
 *
 * Link blocks come in at one side and keys with a key_ID go out at the other, each delivered once,
 * whatever crashes. Relies on the Store port for all-or-nothing commits in the order of the calls,
 * and on being the only key store of the site: other daemons borrow from it (`lots.ts`).
 *
 * It does not protect against someone who can write the database of the site: sealed octets and
 * their places are authenticated, the bookkeeping around them is not (the audit log tells of it).
 * It is never backed up.
 *
 * @see ETSI GS QKD 014, 020; docs/internals
 * @module
 */

import {
  epochMs,
  type Clock,
  type Disk,
  type LinkId,
  type RandomSource,
  type SecretBytes,
  type SiteId,
  type Store,
} from '#base'
import { activate, withdraw } from './activation.ts'
import { issueNext, leftOf } from './ahead.ts'
import { abandon, issue, reserve } from './allocation.ts'
import { authenticationSources, burnPads } from './authentication.ts'
import { beginEpoch, blockReport, confirm, epochOf, ingest, settle, voidBlock } from './blocks.ts'
import { excludeForPeer } from './damage.ts'
import { carry } from './carrying.ts'
import { deliver, expire } from './delivery.ts'
import { destroy, purge } from './destruction.ts'
import { compareHighWater, highWater } from './high-water.ts'
import { isReserve, type Side } from './layout.ts'
import { load } from './load.ts'
import { giveUpParts, lend, lots, recall } from './lots.ts'
import {
  deposit,
  depositedKeys,
  depositsBetween,
  depositState,
  isDeposited,
  reservedKeys,
  stock,
  withdrawDeposit,
} from './partners.ts'
import { keySources, pool, storableKeys, storedKeys } from './pool.ts'
import { discard, quarantine, release } from './quarantine.ts'
import { KeystoreRefusal } from './refusal.ts'
import {
  checkOpen,
  KEYSTORE_LIMITS,
  type KeyAudit,
  type KeystoreAlarm,
  type KeystoreLimits,
  type Room,
} from './room.ts'
import { scrub } from './scrub.ts'
import { Segments } from './segments.ts'
import type { Link } from './state.ts'
import { keysOfBlock, survey } from './survey.ts'
import { selectLatest, wholeOf } from './tables.ts'
import { tellAll } from './telling.ts'
import { pendingVoids, settleVoid, storeOrphans } from './withdrawals.ts'

/** One quantum link that ends at this site. Both ends must be told the same. */
export interface KeystoreLink {
  readonly link: LinkId
  readonly peer: SiteId
  readonly transmitter: SiteId
  readonly receiver: SiteId
  /** Octets of each block kept for authentication: 32 · (1 + pads each way), or 0. */
  readonly reserveOctets: number
}

/** What a key store stands on. */
export interface KeystoreOptions {
  readonly site: SiteId
  /** Has the tables of `keystoreMigrations`. */
  readonly store: Store
  readonly disk: Disk
  readonly clock: Clock
  readonly random: RandomSource
  readonly audit: KeyAudit
  /** 32 octets; read at opening, stays the caller's. */
  readonly wrappingRoot: SecretBytes
  readonly links: readonly KeystoreLink[]
  readonly limits?: Partial<KeystoreLimits>
  /** Called after the figures of a pool changed. Must not throw. */
  readonly onChange?: (peer: SiteId) => void
  /** Called when an operator must hear of something. Must not throw. */
  readonly onAlarm?: (alarm: KeystoreAlarm) => void
}

/** Default reserve: a hash key and 256 pads each way. */
export const RESERVE_OCTETS = 2 * (16 + 16 * 256)

/** Opens the key store of a site and finishes what a crash left half done. */
export async function openKeystore(options: KeystoreOptions) {
  const room = await newRoom(options)
  await load(room)
  return facesOf(room)
}

/** The key store of a site. */
export type Keystore = Awaited<ReturnType<typeof openKeystore>>

type Bound<F> = F extends (room: Room, ...rest: infer Rest) => infer Result
  ? (...rest: Rest) => Result
  : never

function facesOf(room: Room) {
  const face = <F extends (room: Room, ...rest: never[]) => unknown>(what: F): Bound<F> =>
    ((...rest: never[]) => what(room, ...rest)) as Bound<F>
  return {
    site: room.site,
    peers: [...room.peers.keys()] as readonly SiteId[],
    limits: room.limits,
    ingest: face(ingest),
    confirm: face(confirm),
    voidBlock: face(voidBlock),
    blockReport: face(blockReport),
    settle: face(settle),
    epoch: face(epochOf),
    beginEpoch: face(beginEpoch),
    authenticationSources: face(authenticationSources),
    burnPads: face(burnPads),
    reserve: face(reserve),
    carry: face(carry),
    lend: face(lend),
    lots: face(lots),
    recall: face(recall),
    giveUpParts: face(giveUpParts),
    issue: face(issue),
    issueNext: face(issueNext),
    leftOf: face(leftOf),
    abandon: face(abandon),
    pendingVoids: face(pendingVoids),
    settleVoid: face(settleVoid),
    exclude: face(excludeForPeer),
    activate: face(activate),
    withdraw: face(withdraw),
    deliver: face(deliver),
    deposit: face(deposit),
    isDeposited: face(isDeposited),
    depositState: face(depositState),
    depositsBetween: face(depositsBetween),
    depositedKeys: face(depositedKeys),
    withdrawDeposit: face(withdrawDeposit),
    reservedKeys: face(reservedKeys),
    stock: face(stock),
    pool: face(pool),
    storedKeys: face(storedKeys),
    keySources: face(keySources),
    storableKeys: face(storableKeys),
    quarantine: face(quarantine),
    release: face(release),
    discard: face(discard),
    highWater: face(highWater),
    compareHighWater: face(compareHighWater),
    survey: face(survey),
    keysOfBlock: face(keysOfBlock),
    scrub: face(scrub),
    tend: face(tend),
    close: face(close),
  }
}

/**
 * The work between requests: expires keys, enters in the log which were given out, stores what the
 * store refused before, destroys what is used up, forgets old tombstones. The host calls it about once a second.
 */
async function tend(room: Room): Promise<void> {
  checkOpen(room)
  await expire(room)
  await storeOrphans(room)
  await destroy(room)
  await purge(room)
  // Last, for it takes space, and what comes before frees some.
  await tellAll(room)
}

/**
 * Ends the use of the key store and clears every secret it holds in memory. To be called once no
 * request is under way.
 */
async function close(room: Room): Promise<void> {
  if (room.closed) return
  room.closed = true
  // What the store does not take now, the next opening tells as well as it can.
  await tellAll(room).catch(() => undefined)
  await room.wiping
  for (const { material } of room.parts.values()) material[Symbol.dispose]()
  room.segments[Symbol.dispose]()
}

async function newRoom(options: KeystoreOptions): Promise<Room> {
  const { site, disk, clock, random, audit, wrappingRoot } = options
  const links = new Map(options.links.map((one) => [one.link, newLink(site, one)]))
  if (links.size !== options.links.length) throw invalid('names a link twice')
  const { store } = options
  const times = (await store.read(selectLatest(site))).flatMap(({ a, b }) => [
    wholeOf(a),
    wholeOf(b),
  ])
  const latest = Math.max(0, ...times)
  const now = clock.now()
  return {
    site,
    store,
    clock,
    random,
    audit,
    segments: new Segments({ site, store, disk, random, wrappingRoot }),
    limits: { ...KEYSTORE_LIMITS, ...options.limits },
    links,
    peers: Map.groupBy(links.values(), ({ peer }) => peer),
    parts: new Map(),
    lots: new Map(),
    voids: new Map(),
    orphans: [],
    untold: new Set(),
    rowFaults: [],
    storingOrphans: undefined,
    keys: new Map(),
    nextExpiryMs: Infinity,
    activations: new Map(),
    ingesting: new Map(),
    doomed: new Map(),
    wiping: undefined,
    run: random.octets(16),
    peerRuns: new Map(),
    startedAt: epochMs(Math.max(now, latest)),
    startedMs: clock.monotonicMs(),
    clockRegressed: now + CLOCK_STEP_MS < latest,
    onChange: options.onChange ?? (() => undefined),
    onAlarm: options.onAlarm ?? (() => undefined),
    closed: false,
  }
}

function newLink(site: SiteId, config: KeystoreLink): Link {
  const { link, peer, transmitter, receiver, reserveOctets } = config
  const ends = new Set([transmitter, receiver])
  if (peer === site || !ends.has(peer) || !ends.has(site)) {
    throw invalid(`has a link that does not join this site and its peer`)
  }
  if (!isReserve(reserveOctets)) throw invalid('has a reserve that is not 32 · (1 + pads) octets')
  const side: Side = transmitter === site ? 'transmitter' : 'receiver'
  return {
    link,
    site,
    peer,
    side,
    reserveOctets,
    blocks: new Map(),
    queue: [],
    head: 0,
    epoch: 0,
    floor: { epoch: -1, sequence: -1 },
    quarantine: undefined,
    mark: 0,
    markAtOpening: 0,
    seen: 0,
    seenRun: undefined,
    free: 0,
    peerFree: 0,
    held: 0,
    over: 0,
    waiting: 0,
  }
}

const invalid = (why: string): KeystoreRefusal =>
  new KeystoreRefusal('KEYSTORE_OPTIONS_INVALID', `The configuration of the key store ${why}`)

/** A wall clock may go back by so much over a restart without doubt about the age of keys. */
const CLOCK_STEP_MS = 2000
