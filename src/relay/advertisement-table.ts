/**
 * What a site has heard of all others: the newest advertisement of each, and what to pass on.
 *
 * A value. `receive` decides what becomes of an arriving advertisement and to which neighbours what
 * is sent; the host sends, keeps the time and raises the alarms. Nothing is believed because of the
 * way it came: every advertisement is signed by the site it speaks of. A site that signs two
 * different ones under one number is found as soon as both reach one honest site, which keeps both
 * as the proof and passes it on; all links of the liar then count as suspect until an operator has
 * looked (`pardon`).
 *
 * A neighbour that drops everything is not found here: what it does not pass on comes another way,
 * or ages out.
 *
 * @module
 */

import { hex, present, type EpochMs, type SiteId } from '#base'
import { sha256, type DualVerifier } from '#crypto'
import {
  isSignedBy,
  readAdvertisement,
  type Advertisement,
  type SignedAdvertisement,
} from './advertisement.ts'
import type { Network } from './topology.ts'

/** Proof that a site lied: two bodies under one number, both with its signatures. */
export interface Equivocation {
  readonly site: SiteId
  readonly boot: number
  readonly sequence: number
  /** The first as it came, if it is still held; else only `firstDigest` (SHA-256 of its body). */
  readonly first?: Uint8Array
  readonly firstDigest: string
  readonly second: Uint8Array
}

/** What is known of one site. */
export interface Entry {
  /** The newest advertisement; undefined once its life is over. */
  readonly held: SignedAdvertisement | undefined
  /** When its site said it, and when it came, on the monotonic clock of this site. */
  readonly saidMs: number
  readonly heardMs: number
  /** The highest number ever taken: outlives the advertisement, so that none comes back. */
  readonly boot: number
  readonly sequence: number
  /** Least difference of this clock and the uptime told, in this boot, drift allowed for. */
  readonly offsetMs: number
  /** Digests of the last bodies of this boot, by sequence. */
  readonly recent: ReadonlyMap<number, string>
  readonly equivocation: Equivocation | undefined
}

export interface AdvertisementTable {
  /** The site whose table this is. */
  readonly own: SiteId
  readonly entries: ReadonlyMap<SiteId, Entry>
}

/** An advertisement to be sent to a neighbour. */
export interface Send {
  readonly to: SiteId
  readonly octets: Uint8Array
}

export type AdvertisementRefusal =
  | 'malformed'
  /** Of a site whose statement is not held, or no longer holds. */
  | 'site-unknown'
  | 'signature-invalid'
  /** It speaks of a link that joins other sites. */
  | 'link-foreign'
  /** First heard of now, and by the wall clock long over or not yet made. */
  | 'not-current'
  /** Held back on its way until its life was over. */
  | 'held-back'
  /** The site speaks more often than it may. */
  | 'too-soon'

export type ReceiveOutcome =
  | { readonly kind: 'taken'; readonly advertisement: Advertisement }
  /** The very one that is held. */
  | { readonly kind: 'known' }
  /** Older than what was taken before: a replay, or the sender is behind. */
  | { readonly kind: 'older' }
  | { readonly kind: 'equivocation'; readonly proof: Equivocation }
  /**
   * This site itself has said it, and does not remember. If the boot is above its present one, its
   * store was lost: it goes on with one higher.
   */
  | { readonly kind: 'own-ahead'; readonly boot: number }
  | { readonly kind: 'refused'; readonly reason: AdvertisementRefusal }

export interface Received {
  readonly table: AdvertisementTable
  readonly outcome: ReceiveOutcome
  readonly sends: readonly Send[]
}

/** An arrival, and what it is judged by. */
export interface Arrival {
  readonly octets: Uint8Array
  /** The neighbour it came from, or this site itself for what it says. */
  readonly from: SiteId
  readonly neighbours: readonly SiteId[]
  readonly network: Network
  /** Keys of a site by its verified statement. */
  readonly verifierOf: (site: SiteId) => DualVerifier | undefined
  /** Wall clock and monotonic clock of this site. */
  readonly now: EpochMs
  readonly nowMs: number
}

export const newAdvertisementTable = (own: SiteId): AdvertisementTable => ({
  own,
  entries: new Map(),
})

/** What becomes of an advertisement, and what is to be sent to whom because of it. */
export function receive(table: AdvertisementTable, arrival: Arrival): Received {
  const signed = attempt(() => readAdvertisement(arrival.octets))
  if (signed === undefined) return refusal(table, 'malformed')
  const { advertisement } = signed
  const verifier = arrival.verifierOf(advertisement.site)
  if (verifier === undefined) return refusal(table, 'site-unknown')
  const entry = table.entries.get(advertisement.site)
  const isGood = (): boolean => isSignedBy(signed, verifier)
  if (entry !== undefined && !isNewer(advertisement, entry)) {
    return seenBefore(table, { signed, entry, arrival, isGood })
  }
  const reason = objectionTo(advertisement, entry, arrival)
  if (reason !== undefined) return refusal(table, reason)
  if (!isGood()) return refusal(table, 'signature-invalid')
  if (advertisement.site === table.own && arrival.from !== table.own) {
    return { table, outcome: { kind: 'own-ahead', boot: advertisement.boot }, sends: [] }
  }
  const next = entryOf(signed, entry, arrival.nowMs)
  if (next.saidMs + advertisement.lifeMs < arrival.nowMs) return refusal(table, 'held-back')
  return {
    table: withEntry(table, advertisement.site, next),
    outcome: { kind: 'taken', advertisement },
    sends: floodOf(table, arrival),
  }
}

/**
 * The number of this site's next advertisement.
 *
 * @param boot   of this run of the daemon: durable, and above every one before; after `own-ahead`,
 *   above the one told there
 */
export function nextNumber(
  { own, entries }: AdvertisementTable,
  boot: number,
): { readonly boot: number; readonly sequence: number } {
  const entry = entries.get(own)
  return { boot, sequence: entry?.boot === boot ? entry.sequence + 1 : 0 }
}

/** Lets go of what has outlived its life; its numbers stay. */
export function expire(
  table: AdvertisementTable,
  nowMs: number,
): { readonly table: AdvertisementTable; readonly gone: readonly SiteId[] } {
  const gone: SiteId[] = []
  const entries = new Map(table.entries)
  for (const [site, entry] of table.entries) {
    const { held, saidMs } = entry
    if (held === undefined || saidMs + held.advertisement.lifeMs >= nowMs) continue
    gone.push(site)
    entries.set(site, { ...entry, held: undefined })
  }
  return gone.length === 0 ? { table, gone } : { table: { own: table.own, entries }, gone }
}

/** Forgets that a site has lied, after an operator has looked into it. */
export function pardon(table: AdvertisementTable, site: SiteId): AdvertisementTable {
  const entry = table.entries.get(site)
  if (entry?.equivocation === undefined) return table
  return withEntry(table, site, { ...entry, equivocation: undefined })
}

/** What is held of a site: what neighbours tell each other when they meet. */
export interface Holding {
  readonly site: SiteId
  readonly boot: number
  readonly sequence: number
  /** SHA-256 of the body: two that differ under one number are the proof of a lie. */
  readonly digest: string
  /** Whether the site was found to lie. */
  readonly lied: boolean
}

/** What this site holds of all others. */
export const holdingsOf = ({ entries }: AdvertisementTable): readonly Holding[] =>
  [...entries].map(([site, { boot, sequence, recent, equivocation }]) => {
    const digest = present(recent.get(sequence), 'the digest of the last body')
    return { site, boot, sequence, digest, lied: equivocation !== undefined }
  })

/** What a neighbour with these holdings lacks: newer numbers, other bodies, proofs of lies. */
export function lackingIn(
  table: AdvertisementTable,
  theirs: readonly Holding[],
): readonly Uint8Array[] {
  const known = new Map(theirs.map((holding) => [holding.site, holding]))
  return holdingsOf(table).flatMap((ours) => {
    const { held, equivocation } = present(table.entries.get(ours.site), 'the entry of a holding')
    const their = known.get(ours.site)
    const isLacked = their === undefined || isNewer(ours, their) || isOther(ours, their)
    const lacked = isLacked && held !== undefined ? [held.octets] : []
    const isProofLacked = equivocation !== undefined && their?.lied !== true
    return isProofLacked ? [...lacked, equivocation.second] : lacked
  })
}

const isOther = (a: Holding, b: Holding): boolean =>
  a.boot === b.boot && a.sequence === b.sequence && a.digest !== b.digest

/** Something not above the highest number: the same, an older one, or the proof of a lie. */
function seenBefore(
  table: AdvertisementTable,
  seen: {
    readonly signed: SignedAdvertisement
    readonly entry: Entry
    readonly arrival: Arrival
    readonly isGood: () => boolean
  },
): Received {
  const { entry, signed, arrival } = seen
  const { site, boot, sequence } = signed.advertisement
  const { held } = entry
  const digest = boot === entry.boot ? entry.recent.get(sequence) : undefined
  if (digest !== undefined && digest !== digestOf(signed)) {
    if (entry.equivocation !== undefined) return { table, outcome: { kind: 'known' }, sends: [] }
    if (!seen.isGood()) return refusal(table, 'signature-invalid')
    const isHeld = held?.advertisement.sequence === sequence
    const first = isHeld ? { first: held.octets } : {}
    const proof = { site, boot, sequence, ...first, firstDigest: digest, second: signed.octets }
    return {
      table: withEntry(table, site, { ...entry, equivocation: proof }),
      outcome: { kind: 'equivocation', proof },
      sends: [...floodOf(table, arrival), ...replyTo(table, arrival, isHeld ? held : undefined)],
    }
  }
  if (digest !== undefined && sequence === entry.sequence) {
    return { table, outcome: { kind: 'known' }, sends: [] }
  }
  return { table, outcome: { kind: 'older' }, sends: replyTo(table, arrival, held) }
}

/** Why an advertisement with a new number is not taken, save for its signature. */
function objectionTo(
  { links, site, at, lifeMs }: Advertisement,
  entry: Entry | undefined,
  { network, now, nowMs }: Arrival,
): AdvertisementRefusal | undefined {
  if (new Set(links.map(({ link }) => link)).size < links.length) return 'malformed'
  for (const { link, peer } of links) {
    const index = network.linkAt.get(link)
    if (index === undefined) continue
    const { a, b } = network.links[index]
    if (!((a === site && b === peer) || (b === site && a === peer))) return 'link-foreign'
  }
  if (entry?.held !== undefined) {
    return nowMs - entry.heardMs < PACE_MS ? 'too-soon' : undefined
  }
  const isCurrent = at <= now + CLOCK_SKEW_MS && at + lifeMs + CLOCK_SKEW_MS >= now
  return isCurrent ? undefined : 'not-current'
}

function entryOf(signed: SignedAdvertisement, before: Entry | undefined, nowMs: number): Entry {
  const { boot, sequence, uptimeMs } = signed.advertisement
  const same = before?.boot === boot ? before : undefined
  const sample = nowMs - uptimeMs
  const drift = same === undefined ? 0 : (nowMs - same.heardMs) * CLOCK_DRIFT
  const offsetMs = Math.min(sample, same === undefined ? sample : same.offsetMs + drift)
  const recent = [...(same?.recent ?? []), [sequence, digestOf(signed)] as const]
  return {
    held: signed,
    ...{ boot, sequence, offsetMs, heardMs: nowMs, saidMs: uptimeMs + offsetMs },
    recent: new Map(recent.slice(-RECENT_MAX)),
    equivocation: before?.equivocation,
  }
}

type Numbered = Pick<Holding, 'boot' | 'sequence'>

const isNewer = (a: Numbered, b: Numbered): boolean =>
  a.boot > b.boot || (a.boot === b.boot && a.sequence > b.sequence)

const floodOf = ({ own }: AdvertisementTable, { octets, from, neighbours }: Arrival): Send[] =>
  neighbours.filter((to) => to !== from && to !== own).map((to) => ({ to, octets }))

/** What this site holds instead, for the neighbour from which something else came. */
const replyTo = (
  { own }: AdvertisementTable,
  { from }: Arrival,
  held: SignedAdvertisement | undefined,
): Send[] => (held === undefined || from === own ? [] : [{ to: from, octets: held.octets }])

const withEntry = (
  { own, entries }: AdvertisementTable,
  site: SiteId,
  entry: Entry,
): AdvertisementTable => ({ own, entries: new Map(entries).set(site, entry) })

/** Of the body: the signatures of two equal bodies differ, for ML-DSA is hedged. */
const digestOf = ({ body }: SignedAdvertisement): string => hex(sha256(body))

const refusal = (table: AdvertisementTable, reason: AdvertisementRefusal): Received => ({
  table,
  outcome: { kind: 'refused', reason },
  sends: [],
})

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** A site speaks no more often; what comes sooner is fetched when neighbours compare holdings. */
export const PACE_MS = 1000
/**
 * A clock may be a day and an hour wrong before a site is not listened to. An older advertisement
 * can be replayed that long, but only to a site that has heard of its maker neither before nor
 * from anybody else.
 */
export const CLOCK_SKEW_MS = 90_000_000
/** By how much two monotonic clocks may run apart. */
const CLOCK_DRIFT = 0.001
/** Bodies remembered of each site, to find a second under the same number. */
const RECENT_MAX = 16
