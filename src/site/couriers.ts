/**
 * What a daemon does with carried keys: brings them from its folder into the key store, and has them
 * used once the other site has them too.
 *
 * The site that drew a block cannot know when the courier arrives, so the other asks it: it stores
 * its copy, asks, and both put the block to use, the asked one first. Asking again does nothing. What
 * no courier has brought in time is given up.
 *
 * @module
 */

import {
  bitsOf,
  cborDoor,
  Exactly,
  logFacts,
  noteOf,
  Refusal,
  siteId,
  Text,
  toCbor,
  Whole,
  type Cancel,
  type Clock,
  type Disk,
  type LinkId,
  type Log,
  type SecretBytes,
  type SiteId,
} from '#base'
import { readBlockNotes, type Keystore, type Origin } from '#keystore'
import {
  courierKey,
  courierLink,
  emptyBlock,
  LIFE_MS,
  openBlock,
  waitingBlocks,
  type CourierName,
} from './courier.ts'
import type { Peers } from './peers.ts'
import type { RootKey } from './root-key/root-key.ts'

export interface CouriersInput {
  readonly site: SiteId
  /** Sites to and from which couriers go. */
  readonly peers: readonly SiteId[]
  readonly disk: Disk
  readonly keystore: Keystore
  readonly clock: Clock
  readonly log: Log
  /** Stays the caller's. */
  readonly root: RootKey
  readonly ask: (peer: SiteId, payload: Uint8Array) => Promise<Uint8Array>
}

/** The carried keys of one site. Owns the key that they lie under in the folder. */
export class Couriers implements Disposable {
  readonly #input: CouriersInput
  readonly #key: SecretBytes
  #turn: Promise<unknown> = Promise.resolve()
  #timer: Cancel | undefined
  #stopped = false

  constructor(input: CouriersInput, served: Pick<Peers, 'serve'>) {
    this.#input = input
    this.#key = courierKey(input.root)
    served.serve(COURIER_METHOD, (from, payload) => this.#answer(from, payload))
  }

  start(): void {
    if (this.#input.peers.length > 0) this.#look()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.()
    await this.#turn
    this[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    this.#key[Symbol.dispose]()
  }

  #look(): void {
    const next = (): void => {
      if (!this.#stopped) this.#timer = this.#input.clock.after(LOOK_MS, () => this.#look())
    }
    this.#inTurn(() => this.#tend()).then(next, next)
  }

  async #tend(): Promise<void> {
    const { site, peers, log } = this.#input
    await this.#takeIn()
    for (const peer of peers) {
      const inward = courierLink(peer, site)
      try {
        await this.#giveUp(courierLink(site, peer), LIFE_MS)
        // The site that drew them gives up earlier: it never uses what this one does not.
        await this.#giveUp(inward, LIFE_MS + GRACE_MS)
        await this.#askFor(peer, inward)
      } catch (error) {
        log.write('info', 'courier.waits', { peer, ...logFacts(error) })
      }
    }
  }

  /** Brings what lies in the folder into the key store. */
  async #takeIn(): Promise<void> {
    const { disk, log } = this.#input
    for (const name of await waitingBlocks(disk)) {
      try {
        await this.#store(name)
      } catch (error) {
        const facts = { link: name.link, epoch: name.epoch, ...logFacts(error) }
        log.write('warning', 'courier.not-stored', facts)
        // Used up or given up before: nothing of it is of use any more.
        if (noteOf(error).code === 'KEYSTORE_BLOCK_SPENT') await emptyBlock(disk, name)
      }
    }
  }

  async #store(name: CourierName): Promise<void> {
    const { disk, keystore, site, peers } = this.#input
    const { link, epoch } = name
    const peer = peers.find(
      (one) => link === courierLink(site, one) || link === courierLink(one, site),
    )
    if (peer === undefined) return
    const octets = await openBlock(disk, this.#key, name)
    try {
      const provenance = originOf(site, peer)
      await keystore.ingest({ link, epoch, sequence: 0, key: bitsOf(octets), provenance })
      await emptyBlock(disk, name)
    } finally {
      octets.fill(0)
    }
  }

  /** Asks the site that drew them whether the blocks that it sent may be used. */
  async #askFor(peer: SiteId, link: LinkId): Promise<void> {
    const { keystore, ask } = this.#input
    for (const { epoch } of this.#held(link)) {
      await ask(peer, toCbor({ link, epoch }))
      await keystore.confirm(link, { epoch, sequence: 0 })
    }
  }

  /** Blocks that wait for the other end. */
  #held(link: LinkId): readonly { readonly epoch: number }[] {
    const notes = readBlockNotes(this.#input.keystore.blockReport(link))
    return notes.filter(({ state }) => state === 'held')
  }

  async #giveUp(link: LinkId, lifeMs: number): Promise<void> {
    const { keystore, clock } = this.#input
    for (const { epoch } of this.#held(link)) {
      if (clock.now() - epoch <= lifeMs) continue
      const position = { epoch, sequence: 0 }
      await keystore.voidBlock({ link, position, cause: 'no courier came' })
    }
  }

  /** The other site has a block that was drawn here. Repeating it does nothing. */
  #answer(from: SiteId, payload: Uint8Array): Promise<Uint8Array> {
    const { keystore, site, peers } = this.#input
    const { link, epoch } = openQuestion(payload)
    const own = peers.includes(from) ? courierLink(site, from) : undefined
    if (own === undefined || link !== own) {
      return Promise.reject(new CourierLinkRefusal('COURIER_LINK_UNKNOWN', 'No courier goes there'))
    }
    return this.#inTurn(async () => {
      await this.#takeIn()
      await keystore.confirm(own, { epoch, sequence: 0 })
      return new Uint8Array(0)
    })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work)
    this.#turn = mine.catch((error: unknown) => {
      this.#input.log.write('warning', 'courier.failed', logFacts(error))
    })
    return mine
  }
}

class CourierLinkRefusal extends Refusal<'COURIER_LINK_UNKNOWN'> {
  override readonly name = 'CourierLinkRefusal'
}

/** What is noted of carried keys. */
const originOf = (site: SiteId, peer: SiteId): Origin => ({
  source: 'courier',
  randomness: 'operating-system',
  authentication: 'courier',
  assumptions: ['courier-honest', 'passphrase-unknown-to-courier'],
  epsilon: 0,
  seenBy: [site, peer].map(siteId).toSorted(),
})

export const COURIER_METHOD = 'courier/brought'
const LOOK_MS = 2000
const GRACE_MS = 2 * 24 * 3600 * 1000
const openQuestion = cborDoor(
  Exactly({ link: Text(63, 1), epoch: Whole(0) }),
  'question about carried keys',
  512,
)
