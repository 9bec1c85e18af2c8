/**
 * Secrets that two sites have from a session, as either end holds them while it needs them.
 *
 * The end that opened the session goes on to a new one after some uses; the other end keeps the few
 * that may still be in use. Both clear what they drop.
 *
 * @module
 */

import type { SiteId, Uuid } from './ids.ts'
import type { SecretBytes } from './secret.ts'

/** A secret, and the session that both ends have it from. */
export interface SessionSecret {
  readonly session: Uuid
  readonly secret: SecretBytes
}

/** Where secrets come from: signed hybrid sessions, from end to end. */
export interface SecretSupply {
  /** A fresh session with another site; the secret is the caller's to clear. */
  open(peer: SiteId): Promise<SessionSecret>
  /** The secret of a session that a peer has opened here, once; the caller's to clear. */
  take(peer: SiteId, session: Uuid): SecretBytes | undefined
}

/** The secret of the end that opens sessions with one peer. */
export class OpenedSecret implements Disposable {
  readonly #open: () => Promise<SessionSecret>
  readonly #usesMost: number
  #held: SessionSecret | undefined
  #uses = 0

  /** @param usesMost   after so many uses a new session is opened */
  constructor(open: () => Promise<SessionSecret>, usesMost: number) {
    this.#open = open
    this.#usesMost = usesMost
  }

  /** The secret for one more use. It stays with its holder. */
  async use(): Promise<SessionSecret> {
    if (this.#uses >= this.#usesMost) this[Symbol.dispose]()
    this.#held ??= await this.#open()
    this.#uses++
    return this.#held
  }

  /** Forgets the secret; the next use opens a new session. */
  [Symbol.dispose](): void {
    this.#held?.secret[Symbol.dispose]()
    this.#held = undefined
    this.#uses = 0
  }
}

/** The secrets of the end with which peers open sessions: the newest few of each peer. */
export class TakenSecrets implements Disposable {
  readonly #take: SecretSupply['take']
  readonly #keptMost: number
  /** By peer, oldest session first. */
  readonly #held = new Map<SiteId, Map<Uuid, SecretBytes>>()

  /** @param keptMost   of each peer; older ones are cleared */
  constructor(take: SecretSupply['take'], keptMost: number) {
    this.#take = take
    this.#keptMost = keptMost
  }

  /** The secret of a session; undefined if it is not known here. It stays with its holder. */
  of(peer: SiteId, session: Uuid): SecretBytes | undefined {
    const ofPeer = this.#held.get(peer) ?? new Map<Uuid, SecretBytes>()
    const known = ofPeer.get(session)
    if (known !== undefined) return known
    const taken = this.#take(peer, session)
    if (taken === undefined) return undefined
    this.#held.set(peer, ofPeer.set(session, taken))
    for (const [oldest, secret] of [...ofPeer].slice(0, -this.#keptMost)) {
      secret[Symbol.dispose]()
      ofPeer.delete(oldest)
    }
    return taken
  }

  [Symbol.dispose](): void {
    for (const ofPeer of this.#held.values()) {
      for (const secret of ofPeer.values()) secret[Symbol.dispose]()
    }
    this.#held.clear()
  }
}
