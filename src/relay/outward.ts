/**
 * The sending end of relayed blocks for one distant site: keeps the pool full before it is asked for.
 *
 * A block is the exclusive or of fresh random shares. Each is wrapped from end to end and sent on a
 * way of its own; when all have arrived the other end stores the block, this end stores it, and then
 * both put it to use, the other end first. Whatever happens in between, a block that not both have
 * is never used: after any failure whose outcome is not known the pair is opened anew, which settles
 * what both hold, and the next block has a place of its own. No share is ever sent twice.
 *
 * @module
 */

import { bitsOf, logFacts, noteOf, OpenedSecret, type SecretBytes, type SiteId } from '#base'
import { askingOpening, settledOpening } from '#keystore'
import type { RelayOptions, RelayPair } from './context.ts'
import { sendOn } from './forward.ts'
import { readCollected, xorAndClear } from './inward.ts'
import {
  blockOctets,
  openingOctets,
  readOpening,
  readStory,
  type HopAnswer,
  type ShareStory,
} from './messages.ts'
import { acceptedOrigin } from './origin.ts'
import { RelayRefusal } from './refusal.ts'
import { isStoryOf, wrapShare, WRAP_OCTETS, type RelayedBlock } from './wrap.ts'

/** How a pair stands: `waiting` has had a reason not to go on, `full` none to. */
export type OutwardState = 'opening' | 'relaying' | 'full' | 'waiting'

/** What an operator sees of a pair. */
export interface OutwardView {
  readonly peer: SiteId
  readonly state: OutwardState
  /** Code of the last failure; undefined once a block has been relayed since. */
  readonly reason: string | undefined
  readonly blocks: number
  readonly octets: number
  /** The ways of the last block. */
  readonly ways: readonly (readonly SiteId[])[]
}

export class Outward {
  readonly pair: RelayPair
  readonly #options: RelayOptions
  readonly #wrap: OpenedSecret
  /** Set while the pair is open: the epoch, and the place of the next block. */
  #open: { readonly epoch: number; sequence: number } | undefined
  #state: OutwardState = 'opening'
  #reason: string | undefined
  #ways: readonly (readonly SiteId[])[] = []
  #blocks = 0
  #octets = 0
  #failures = 0
  #running = false
  /** Something has changed while a run was under way. */
  #isKicked = false
  #stopped = false
  #cancel: (() => void) | undefined
  #ended: Promise<void> = Promise.resolve()

  constructor(options: RelayOptions, pair: RelayPair) {
    this.#options = options
    this.pair = pair
    this.#wrap = new OpenedSecret(() => options.wraps.open(pair.peer), BLOCKS_PER_WRAP)
  }

  view(): OutwardView {
    return {
      peer: this.pair.peer,
      state: this.#state,
      reason: this.#reason,
      ways: this.#ways,
      blocks: this.#blocks,
      octets: this.#octets,
    }
  }

  /** Looks whether there is something to do; to be called when keys have gone, or links come. */
  kick(): void {
    this.#isKicked = true
    if (this.#running || this.#stopped || this.#failures > 0) return
    if (this.#open === undefined || this.#isWanted()) this.#go()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancel?.()
    await this.#ended
    this.#wrap[Symbol.dispose]()
  }

  #go(): void {
    this.#running = true
    this.#isKicked = false
    this.#cancel?.()
    this.#ended = this.#run().finally(() => {
      this.#running = false
      if (this.#stopped) return
      this.#cancel = this.#options.clock.after(this.#pauseMs(), () => this.#go())
    })
  }

  #pauseMs(): number {
    // Whoever takes keys tells; what was told while a run ended may have come too late for it.
    if (this.#state === 'full') return this.#isKicked ? PAUSE_MS : PAUSE_MS_MAX
    // To look for a way costs nobody anything, so it is looked for again soon.
    const most = this.#reason === 'RELAY_NO_WAY' ? NO_WAY_PAUSE_MS_MAX : PAUSE_MS_MAX
    return Math.min(most, PAUSE_MS * 2 ** this.#failures)
  }

  async #run(): Promise<void> {
    const { log } = this.#options
    try {
      if (this.#open === undefined) await this.#reopen()
      while (!this.#hasStopped() && this.#isWanted()) {
        this.#state = 'relaying'
        await this.#relay()
        this.#failures = 0
        this.#reason = undefined
      }
      this.#state = 'full'
      this.#reason = undefined
    } catch (error) {
      const { code } = noteOf(error)
      this.#failures++
      this.#state = 'waiting'
      this.#reason = code
      log.write('info', 'relay.waits', { peer: this.pair.peer, ...logFacts(error) })
    }
  }

  #hasStopped(): boolean {
    return this.#stopped
  }

  #isWanted(): boolean {
    const { keystore } = this.#options
    return keystore.pool(this.pair.peer).availableBits < this.pair.targetBits
  }

  /** Settles with the peer what both hold. */
  async #reopen(): Promise<void> {
    const { keystore, ask } = this.#options
    const { outward: link, peer } = this.pair
    this.#state = 'opening'
    const question = openingOctets({ link, ...(await askingOpening(keystore, link)) })
    const answer = readOpening(await ask(peer, 'relay/open', question, OPEN_TIMEOUT_MS))
    this.#open = await settledOpening(keystore, { link, peer }, answer)
  }

  async #relay(): Promise<void> {
    const { site, ways: waysTo, random } = this.#options
    const { outward: link, peer, blockOctets: size } = this.pair
    const ways = waysTo(this.pair, size + WRAP_OCTETS)
    if (ways.length === 0) {
      throw new RelayRefusal('RELAY_NO_WAY', 'No way with enough pads leads to the site now')
    }
    const { session, secret } = await this.#wrap.use()
    const open = this.#open
    if (open === undefined) throw new RelayRefusal('RELAY_EPOCH_PASSED', 'The pair is not open')
    const { epoch } = open
    const sequence = open.sequence++
    const block: RelayedBlock = {
      link,
      from: site,
      to: peer,
      epoch,
      sequence,
      session,
      shares: ways.length,
    }
    const parts = ways.map(() => random.octets(size))
    try {
      await this.#send(block, { ways, parts, secret })
      const story = await this.#collected(block, { ways, secret })
      await this.#keep(block, { story, key: parts.reduce(xorAndClear) })
    } finally {
      for (const part of parts) part.fill(0)
    }
    this.#ways = ways
    this.#blocks++
    this.#octets += size
  }

  async #send(
    block: RelayedBlock,
    by: {
      readonly ways: readonly (readonly SiteId[])[]
      readonly parts: readonly Uint8Array[]
      readonly secret: SecretBytes
    },
  ): Promise<void> {
    const answers = await Promise.all(
      by.ways.map((way, index) => {
        const wrapped = wrapShare(by.secret.reveal(), block, index, by.parts[index])
        return sendOn(this.#options, { block, index, way, at: 0, trail: [] }, wrapped)
      }),
    )
    const failed = answers.find(
      (one): one is HopAnswer & { kind: 'failed' } => one.kind === 'failed',
    )
    if (failed === undefined) return
    // The far end has begun anew since: it takes nothing before the pair is open again.
    if (failed.code === 'RELAY_EPOCH_PASSED') this.#open = undefined
    const message = `A share got stuck at ${failed.at}: ${failed.code}`
    throw new RelayRefusal('RELAY_STUCK', message, { facts: { at: failed.at, why: failed.code } })
  }

  /** Asks the other end to store the block. @returns what both note of it */
  async #collected(
    block: RelayedBlock,
    by: { readonly ways: readonly (readonly SiteId[])[]; readonly secret: SecretBytes },
  ): Promise<readonly ShareStory[]> {
    try {
      const answer = await this.#options.ask(
        block.to,
        'relay/collect',
        blockOctets(block),
        ASK_TIMEOUT_MS,
      )
      const { story, mac } = readCollected(answer)
      const told = isStoryOf(by.secret.reveal(), block, { story, mac }) ? readStory(story) : []
      const isSame =
        told.length === by.ways.length &&
        told.every(({ way }, index) => sameWay(way, by.ways[index]))
      if (isSame) return told
      throw new RelayRefusal('RELAY_STORY_DIFFERS', 'The other end tells another story of a block')
    } catch (error) {
      // It may have stored it: only an opening can tell.
      this.#open = undefined
      if (noteOf(error).code === 'RELAY_WRAP_UNKNOWN') this.#wrap[Symbol.dispose]()
      throw error
    }
  }

  /** Stores the block here, and puts it to use at both ends, the other end first. */
  async #keep(
    block: RelayedBlock,
    by: { readonly story: readonly ShareStory[]; readonly key: Uint8Array },
  ): Promise<void> {
    const { keystore, ask } = this.#options
    const { link, epoch, sequence } = block
    try {
      await keystore.ingest({
        ...{ link, epoch, sequence, key: bitsOf(by.key) },
        provenance: acceptedOrigin(this.#options, by.story),
      })
      await ask(block.to, 'relay/confirm', blockOctets(block), ASK_TIMEOUT_MS)
      await keystore.confirm(link, block)
    } catch (error) {
      this.#open = undefined
      throw error
    } finally {
      by.key.fill(0)
    }
  }
}

const sameWay = (a: readonly SiteId[], b: readonly SiteId[]): boolean =>
  a.length === b.length && a.every((site, at) => site === b[at])

const OPEN_TIMEOUT_MS = 20_000
const ASK_TIMEOUT_MS = 10_000
const PAUSE_MS = 500
const PAUSE_MS_MAX = 30_000
const NO_WAY_PAUSE_MS_MAX = 2000
/** Blocks under the secret of one session: each share has a key of its own from it. */
const BLOCKS_PER_WRAP = 256
