/**
 * The relay of one site: restocks pools shared with distant sites, and passes on shares of others.
 *
 * @module
 */

import type { SiteId } from '#base'
import type { RelayOptions } from './context.ts'
import { takeHop } from './forward.ts'
import { Inward } from './inward.ts'
import { Outward, type OutwardView } from './outward.ts'
import { RelayRefusal } from './refusal.ts'

/** Answers one kind of question from another site. */
export type RelayHandler = (from: SiteId, payload: Uint8Array) => Promise<Uint8Array>

export class Relay {
  /** For the site's peers, by method. */
  readonly handlers: Readonly<Record<string, RelayHandler>>
  readonly #outward: readonly Outward[]
  readonly #inward: Inward
  /** Hops of each neighbour that are in hand. */
  readonly #inHand = new Map<SiteId, number>()
  #stopped = false

  constructor(options: RelayOptions) {
    this.#outward = options.pairs.map((pair) => new Outward(options, pair))
    const inward = new Inward(options)
    this.#inward = inward
    this.handlers = {
      'relay/hop': (from, payload) =>
        this.#counted(from, () =>
          takeHop(options, from, payload, (share, octets) => inward.arrive(share, octets)),
        ),
      'relay/open': async (from, payload) => {
        const answer = await inward.open(from, payload)
        // A peer that opens has come back: what waits for it need wait no longer.
        this.#outward.find(({ pair }) => pair.peer === from)?.kick()
        return answer
      },
      'relay/collect': (from, payload) => Promise.try(() => inward.collect(from, payload)),
      'relay/confirm': (from, payload) => Promise.try(() => inward.confirm(from, payload)),
    }
  }

  start(): void {
    this.kick()
  }

  /** Looks which pools want restocking: keys have gone, or pads have come. */
  kick(): void {
    for (const one of this.#outward) one.kick()
  }

  views(): readonly OutwardView[] {
    return this.#outward.map((one) => one.view())
  }

  /** Ends what is under way; nothing is passed on after. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#outward.map((one) => one.stop()))
    this.#inward[Symbol.dispose]()
  }

  /** A neighbour may have so many shares on their way through this site, and no more. */
  async #counted<T>(from: SiteId, work: () => Promise<T>): Promise<T> {
    const now = this.#inHand.get(from) ?? 0
    if (now >= HOPS_IN_HAND_MAX || this.#stopped) {
      throw new RelayRefusal('RELAY_BUSY', 'Too many shares of this neighbour are on their way')
    }
    this.#inHand.set(from, now + 1)
    try {
      return await work()
    } finally {
      this.#inHand.set(from, (this.#inHand.get(from) ?? 1) - 1)
    }
  }
}

const HOPS_IN_HAND_MAX = 32
