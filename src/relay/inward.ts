/**
 * The receiving end of relayed blocks: opens a pair, gathers shares, stores the block, confirms it.
 *
 * Everything about one link is done one after the other, so that no block is stored while the two
 * ends compare what they have. The block is durable and unusable (`held`) when this end says that it
 * has it; it comes into use when the sending end has stored it too and says so.
 *
 * @module
 */

import {
  bitsOf,
  cborDoor,
  Exactly,
  Octets,
  toCbor,
  type LinkId,
  TakenSecrets,
  type SecretBytes,
  type SiteId,
} from '#base'
import { answeringOpening } from '#keystore'
import { Arrivals, type Arrived } from './arrivals.ts'
import type { RelayOptions, RelayPair } from './context.ts'
import type { Share } from './forward.ts'
import { xor } from './hop.ts'
import {
  BLOCK_OCTETS_MAX,
  openingOctets,
  readBlock,
  readOpening,
  SHARES_MAX,
  storyOctets,
  WAY_SITES_MAX,
} from './messages.ts'
import { acceptedOrigin } from './origin.ts'
import { RelayRefusal } from './refusal.ts'
import { storyMac, unwrapShare, type RelayedBlock } from './wrap.ts'

export type InwardOptions = Pick<RelayOptions, 'site' | 'keystore' | 'wraps' | 'pairs' | 'accepts'>

export class Inward implements Disposable {
  readonly #options: InwardOptions
  readonly #arrivals = new Arrivals()
  /** By link: what is asked about it is done in turn. */
  readonly #turns = new Map<LinkId, Promise<unknown>>()
  /** Epoch that this run has opened, by link; nothing is taken before. */
  readonly #epochs = new Map<LinkId, number>()
  /** Secrets of wraps. */
  readonly #secrets: TakenSecrets

  constructor(options: InwardOptions) {
    this.#options = options
    this.#secrets = new TakenSecrets((...of) => options.wraps.take(...of), SECRETS_KEPT)
  }

  /** Settles with the sending end what both hold, and begins an epoch. */
  open(from: SiteId, payload: Uint8Array): Promise<Uint8Array> {
    const opening = readOpening(payload)
    const { inward } = this.#pairOf(from, opening.link)
    const { keystore } = this.#options
    return this.#inTurn(inward, async () => {
      const answer = await answeringOpening(keystore, { link: inward, peer: from }, opening)
      if (answer === undefined) throw epochPassed()
      this.#epochs.set(inward, answer.epoch)
      return openingOctets({ link: inward, ...answer })
    })
  }

  /** Takes a share that has come to its end. @throws RelayRefusal */
  arrive(share: Share, octets: Uint8Array): void {
    this.#check(share.block)
    this.#arrivals.add(share, octets)
  }

  /** Stores the block whose shares are all here. @returns what is noted of it, under a MAC */
  collect(from: SiteId, payload: Uint8Array): Promise<Uint8Array> {
    const block = readBlock(payload)
    this.#checkFrom(from, block)
    return this.#inTurn(block.link, async () => {
      this.#check(block)
      const arrived = this.#arrivals.take(block)
      try {
        return await this.#store(block, arrived)
      } finally {
        for (const { octets } of arrived) octets.fill(0)
      }
    })
  }

  /** The sending end has stored the block too. Repeating it does nothing. */
  confirm(from: SiteId, payload: Uint8Array): Promise<Uint8Array> {
    const block = readBlock(payload)
    this.#checkFrom(from, block)
    return this.#inTurn(block.link, async () => {
      await this.#options.keystore.confirm(block.link, block)
      return NOTHING
    })
  }

  [Symbol.dispose](): void {
    this.#arrivals[Symbol.dispose]()
    this.#secrets[Symbol.dispose]()
  }

  async #store(block: RelayedBlock, arrived: readonly Arrived[]): Promise<Uint8Array> {
    const secret = this.#secretOf(block).reveal()
    const story = storyOctets(arrived.map((one) => one.story))
    const provenance = acceptedOrigin(
      this.#options,
      arrived.map((one) => one.story),
    )
    const key = arrived
      .map(({ octets }, index) => unwrapShare(secret, block, index, octets))
      .reduce(xorAndClear)
    try {
      await this.#options.keystore.ingest({
        ...{ link: block.link, epoch: block.epoch, sequence: block.sequence },
        key: bitsOf(key),
        provenance,
      })
    } finally {
      key.fill(0)
    }
    return toCbor({ story, mac: storyMac(secret, block, story) })
  }

  #pairOf(from: SiteId, link: LinkId): RelayPair {
    const pair = this.#options.pairs.find(({ peer, inward }) => peer === from && inward === link)
    if (pair !== undefined) return pair
    throw new RelayRefusal('RELAY_PAIR_UNKNOWN', 'This site shares no relayed keys by that name')
  }

  #checkFrom(from: SiteId, block: RelayedBlock): void {
    if (block.from !== from) throw new RelayRefusal('RELAY_PAIR_UNKNOWN', 'Not the sending end')
  }

  #check({ link, from, to, epoch }: RelayedBlock): void {
    this.#pairOf(from, link)
    if (to !== this.#options.site || this.#epochs.get(link) !== epoch) throw epochPassed()
  }

  #secretOf({ from, session }: RelayedBlock): SecretBytes {
    const secret = this.#secrets.of(from, session)
    if (secret !== undefined) return secret
    throw new RelayRefusal('RELAY_WRAP_UNKNOWN', 'The session of the wrap is not known here')
  }

  #inTurn<T>(link: LinkId, work: () => Promise<T>): Promise<T> {
    const mine = (this.#turns.get(link) ?? Promise.resolve()).then(work)
    this.#turns.set(
      link,
      mine.catch(() => undefined),
    )
    return mine
  }
}

/** Reads the answer to a collect. @throws Refusal */
export const readCollected = cborDoor(
  Exactly({
    story: Octets(1, SHARES_MAX * WAY_SITES_MAX * 8192),
    mac: Octets(32),
  }),
  'answer about a relayed block',
  SHARES_MAX * WAY_SITES_MAX * 8192 + 1024,
)

/** The sum of two runs of key, which are cleared. */
export function xorAndClear(sum: Uint8Array, next: Uint8Array): Uint8Array {
  if (sum.length !== next.length || sum.length > BLOCK_OCTETS_MAX) {
    throw new RelayRefusal('RELAY_MESSAGE_INVALID', 'The shares of a block differ in length')
  }
  const total = xor(sum, next)
  sum.fill(0)
  next.fill(0)
  return total
}

const epochPassed = (): RelayRefusal =>
  new RelayRefusal('RELAY_EPOCH_PASSED', 'The pair has been opened anew since, or not yet')

const NOTHING = new Uint8Array(0)
/** Secrets of one peer's wraps; it goes on to a new one after some blocks. */
const SECRETS_KEPT = 4
