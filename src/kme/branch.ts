/**
 * GS QKD 014 at a daemon that follows: plain requests for keys, answered from borrowed bits.
 *
 * Everything else is for the daemon that leads: other methods, extensions, several slaves, SAEs with a
 * policy of their own (whose limits only one daemon can count), and whatever cannot be answered with
 * keys. The rate and the share of an application are counted here by themselves.
 *
 * @see ETSI GS QKD 014 V1.1.1 §6.2
 * @module
 */

import { AssertionFailure, Refusal, type HttpRequest, type HttpResponse, type Log } from '#base'
import type { SaeId, SiteId } from '#base'
import type { BorrowedKeys, BorrowedReservation, DeliveredKey } from '#keystore'
import { callerOf, type CallerRules } from './caller.ts'
import type { SaeDirectory } from './directory.ts'
import { bodyOf, container, KME_LIMITS, LIFE_MS } from './kme.ts'
import { Activator } from './peering.ts'
import { routeOf } from './routes.ts'
import { withinShare, type Shares } from './shares.ts'
import { readKeyQuery, readKeyRequest, STRICT_DIALECT, type Dialect } from './wire.ts'

/** What a branch stands on. */
export interface BranchOptions {
  readonly site: SiteId
  readonly keys: Pick<BorrowedKeys, 'prepare' | 'reserve' | 'issue' | 'abandon' | 'giveUpLot'>
  /** Sites at whose KME keys can be activated from here. */
  readonly peers: ReadonlySet<SiteId>
  /** Bits of a pool, as the daemon that leads last told. */
  readonly availableBits: (peer: SiteId) => number
  readonly directory: SaeDirectory
  /** Carries activations to the KME of another site; rejects if no answer came in time. */
  readonly activate: (peer: SiteId, octets: Uint8Array) => Promise<Uint8Array>
  readonly log: Log
  readonly callers: CallerRules
  /** Applications whose requests are for the daemon that leads. */
  readonly elsewhere: ReadonlySet<SaeId>
  readonly dialect: Partial<Dialect>
  readonly shares: Shares
}

/** A KME for those requests that it can answer by itself. */
export class Branch {
  readonly #options: BranchOptions
  readonly #activators = new Map<SiteId, Activator>()

  constructor(options: BranchOptions) {
    this.#options = options
  }

  /** The answer with the keys that were asked for; undefined if another daemon is to answer. */
  async handle(request: HttpRequest): Promise<HttpResponse | undefined> {
    try {
      const wanted = this.#read(request)
      const keys = wanted && (await this.#make(wanted))
      return keys && container({ keys, wishes: { provenance: false } })
    } catch (error) {
      if (error instanceof AssertionFailure || !(error instanceof Refusal)) throw error
      // What is wrong with a request is told by whom it is passed on to.
      this.#options.log.write('debug', 'kme.passed-on', { code: (error as Refusal).code })
      return undefined
    }
  }

  /** What a plain request of an application of this site asks for. @throws KmeRefusal */
  #read(request: HttpRequest): Wanted | undefined {
    const { site, peers, directory, callers, elsewhere, dialect, shares } = this.#options
    const master = callerOf(request.client, callers)
    if (master === undefined || elsewhere.has(master)) return undefined
    if (directory.siteOf(master) !== site) return undefined
    const { kind, method, sae: slave } = routeOf(request)
    const peer = directory.siteOf(slave)
    if (kind !== 'enc_keys' || peer === undefined || !peers.has(peer)) return undefined
    const rules = { ...STRICT_DIALECT, ...dialect }
    const asked =
      method === 'GET'
        ? readKeyQuery(request.query, KME_LIMITS, rules)
        : readKeyRequest(bodyOf(request), KME_LIMITS, rules)
    const { number, sizeBits, additionalSlaves, mandatory, optional } = asked
    if (additionalSlaves.length + mandatory.length + optional.length > 0) return undefined
    if (shares.request(master) !== undefined) return undefined
    return { peer, master, slave, number, sizeBits }
  }

  async #make(wanted: Wanted): Promise<readonly DeliveredKey[] | undefined> {
    const { keys, shares, availableBits } = this.#options
    const { master: sae, peer, number, sizeBits } = wanted
    keys.prepare(peer, (number * sizeBits) / 8)
    const share = { sae, peer, bits: number * sizeBits, availableBits: availableBits(peer) }
    return withinShare(shares, share, () => this.#makeShared(wanted))
  }

  async #makeShared({ slave, ...wanted }: Wanted): Promise<readonly DeliveredKey[] | undefined> {
    const { keys, log } = this.#options
    const { peer } = wanted
    const reservation = await keys.reserve({ ...wanted, slaves: [slave], lifeMs: LIFE_MS })
    if (reservation === undefined) return undefined
    const answer = await this.#activatorOf(peer).activate(reservation.message)
    if (answer.kind === 'activated') return keys.issue(reservation)
    const cause = answer.kind === 'refused' ? answer.cause : 'no answer'
    log.write('warning', 'kme.activation-failed', { peer, cause })
    this.#giveUp(reservation, answer.kind === 'refused')
    return undefined
  }

  /** @param isRefused   whether the peer refuses these bits, and perhaps those beside them */
  #giveUp(reservation: BorrowedReservation, isRefused: boolean): void {
    this.#options.keys.abandon(reservation)
    if (isRefused) this.#options.keys.giveUpLot(reservation)
  }

  #activatorOf(peer: SiteId): Activator {
    const present = this.#activators.get(peer)
    if (present !== undefined) return present
    const activator = new Activator((octets) => this.#options.activate(peer, octets))
    this.#activators.set(peer, activator)
    return activator
  }
}

interface Wanted {
  readonly peer: SiteId
  readonly master: SaeId
  readonly slave: SaeId
  readonly number: number
  readonly sizeBits: number
}
