/**
 * The books of a simulated network, kept outside its sites: what was grown, claimed and given out,
 * and whether any of it was wrong.
 *
 * Checked at once, whenever it happens: no octet of a pool becomes part of two keys or pads; a pad is
 * made once, fetched once, and equal at both ends; a key is given out once to its master, once to its
 * slave, with the same octets; nothing is taken from a link that is under quarantine at the end that
 * takes. What can only be said when all is quiet is in `closing.ts`.
 *
 * @module
 */

import type { LinkId, SiteId } from '#base'
import { readActivation, type Origin, type Position, type Range } from '#keystore'

/** A key that a master has, and whether its slave does. */
interface GivenKey {
  readonly octets: string
  fetched: boolean
}

/** What is known of a block outside the key stores. */
export interface BookedBlock {
  /** Octets of each half; 0 until one of its ends has put it to use. */
  halfOctets: number
  /** Claimed octets of each half, by the end whose half it is: sorted, apart. */
  readonly claims: Map<SiteId, [from: number, to: number][]>
  /** Ends that have given it up. */
  readonly voidedAt: Set<SiteId>
  /** Whether an end has given up a part of it. */
  isExcluded: boolean
}

export class Accounts {
  /** Everything that must not happen; empty after a good run. */
  readonly faults: string[] = []
  /** How often each check was made. */
  readonly checks: Record<string, number> = {}
  /** What happened, by name. */
  readonly counts: Record<string, number> = {}
  readonly blocks = new Map<LinkId, Map<string, BookedBlock>>()
  /** Octets that were relayed, by who held which shares of them. */
  readonly relayed: { readonly origin: Origin; octets: number }[] = []
  /** Links whose keys wait at both ends because of Eve. */
  readonly suspects = new Set<LinkId>()
  readonly #keys = new Map<string, GivenKey>()
  readonly #pads = new Map<string, string>()
  /** Octets claimed on each link since they were last read. */
  readonly #taken = new Map<LinkId, number>()

  count(what: string, by = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + by
  }

  /** Counts the most of something that there ever was. */
  most(what: string, now: number): void {
    this.counts[what] = Math.max(this.counts[what] ?? 0, now)
  }

  /** Notes a check, and a fault if it fails. */
  check(what: string, holds: boolean, say: () => string): void {
    this.checks[what] = (this.checks[what] ?? 0) + 1
    if (!holds && this.faults.length < FAULTS_MAX) this.faults.push(`${what}: ${say()}`)
  }

  /** A fault that no check has to look for. */
  report(fault: string): void {
    if (this.faults.length < FAULTS_MAX) this.faults.push(fault)
  }

  block(link: LinkId, place: Position): BookedBlock {
    let ofLink = this.blocks.get(link)
    if (ofLink === undefined) {
      ofLink = new Map<string, BookedBlock>()
      this.blocks.set(link, ofLink)
    }
    const name = nameOf(place)
    let block = ofLink.get(name)
    if (block === undefined) {
      block = { halfOctets: 0, claims: new Map(), voidedAt: new Set(), isExcluded: false }
      ofLink.set(name, block)
    }
    return block
  }

  /** What a leaf of the audit log of a site says of a block. */
  blockNoted(
    site: SiteId,
    kind: string,
    { link, bits, ...place }: Position & { readonly link: LinkId; readonly bits: number },
  ): void {
    const block = this.block(link, place)
    if (kind === 'key.block-held') block.halfOctets = Math.floor(Math.floor(bits / 8) / 2)
    if (kind === 'key.block-voided') block.voidedAt.add(site)
    if (kind === 'key.segment-quarantined') block.isExcluded = true
  }

  /**
   * An end takes octets of its half, by the message it sends to the other.
   *
   * @param suspectBefore   links that waited when it was asked for them
   */
  claim(site: SiteId, message: Uint8Array, suspectBefore: ReadonlySet<LinkId>): void {
    const { link, ranges } = readActivation(message)
    const isSuspect = suspectBefore.has(link) && this.suspects.has(link)
    this.check('suspect keys wait', !isSuspect, () => `${site} takes keys of ${link}`)
    for (const range of ranges) {
      this.#taken.set(link, (this.#taken.get(link) ?? 0) + range.octets)
      const { claims } = this.block(link, range)
      const own = claims.get(site) ?? []
      claims.set(site, own)
      const isFree = claimed(own, range)
      this.check('bits used once', isFree, () => `${site} uses ${link} ${nameOf(range)} again`)
    }
  }

  /** Octets claimed on a link since this was last asked. */
  takenOf(link: LinkId): number {
    const octets = this.#taken.get(link) ?? 0
    this.#taken.delete(link)
    return octets
  }

  /** A site has made a pad. */
  padMade(keyId: string, octets: Uint8Array): void {
    this.check('pads made once', !this.#pads.has(keyId), () => keyId)
    this.#pads.set(keyId, octets.toHex())
    this.count('pads')
  }

  /** Its neighbour has fetched it. */
  padFetched(keyId: string, octets: Uint8Array): void {
    const made = this.#pads.get(keyId)
    const isSame = made === octets.toHex()
    this.check('pads fetched once, equal', isSame, () => `${keyId}: ${made ? 'differs' : 'twice'}`)
    this.#pads.set(keyId, '')
  }

  /** An application has been given keys that it asked for. */
  made(keys: readonly { readonly key_ID: string; readonly key: string }[]): void {
    for (const { key_ID: name, key } of keys) {
      this.check('keys made once', !this.#keys.has(name), () => name)
      this.#keys.set(name, { octets: key, fetched: false })
    }
    this.count('keys made', keys.length)
  }

  /** The other application has been given them. */
  fetched(keys: readonly { readonly key_ID: string; readonly key: string }[]): void {
    for (const { key_ID: name, key } of keys) {
      const known = this.#keys.get(name)
      this.check('keys fetched once', known?.fetched === false, () => name)
      this.check('keys equal at both ends', known?.octets === key, () => name)
      this.#keys.set(name, { octets: '', fetched: true })
    }
    this.count('keys fetched', keys.length)
  }
}

/** The name of a block within its link. */
export const nameOf = ({ epoch, sequence }: Position): string =>
  `${String(epoch)}/${String(sequence)}`

/** Adds a range to those that are claimed. @returns whether none of it was claimed before */
function claimed(own: [number, number][], { from, octets }: Range): boolean {
  const to = from + octets
  const last = own.at(-1)
  // An end takes its half in order, so a new claim nearly always follows the last one.
  if (last === undefined || last[1] < from) {
    own.push([from, to])
    return true
  }
  if (last[1] === from) {
    last[1] = to
    return true
  }
  const isFree = own.every(([start, end]) => to <= start || from >= end)
  own.push([from, to])
  own.sort((a, b) => a[0] - b[0])
  return isFree
}

const FAULTS_MAX = 100
