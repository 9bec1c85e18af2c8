/**
 * Who is logged in at the console: one-time links, and the sessions that they begin.
 *
 * A link is made by whoever reaches the admin socket, is good for ten minutes and once, and begins a
 * session of the operator; people begin theirs by signing in. A session
 * ends when nobody has used it for a quarter of an hour, and after twelve hours in any case. Links
 * and cookies are 256 random bits; only their digests are kept.
 *
 * Lives in memory: a daemon that starts anew has no sessions.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { assert, type Clock, type RandomSource } from '#base'
import type { Holder } from '#site'
import { GatewayRefusal } from './refusal.ts'

export interface ConsoleSession {
  /** Whoever has signed in; undefined for the operator. */
  readonly holder: Holder | undefined
  readonly beganAt: number
}

interface Held extends ConsoleSession {
  usedMs: number
  readonly beganMs: number
}

export class ConsoleSessions {
  readonly #clock: Clock
  readonly #random: RandomSource
  /** By digest: until when each link is good, and for whom, oldest first. */
  readonly #links = new Map<string, { readonly until: number; readonly holder?: Holder }>()
  /** By digest of the cookie, oldest first. */
  readonly #sessions = new Map<string, Held>()

  constructor({ clock, random }: { readonly clock: Clock; readonly random: RandomSource }) {
    this.#clock = clock
    this.#random = random
  }

  /** A ticket that begins one session: of the operator, unless it is somebody's. */
  newTicket(holder?: Holder): string {
    this.#forget()
    const ticket = this.#newSecret()
    const until = this.#clock.monotonicMs() + TICKET_MS
    this.#links.set(digestOf(ticket), { until, ...(holder === undefined ? {} : { holder }) })
    for (const oldest of [...this.#links.keys()].slice(0, -TICKETS_MAX)) this.#links.delete(oldest)
    return ticket
  }

  /** Begins a session. @returns its cookie. @throws GatewayRefusal `LOGIN_REFUSED` */
  logIn(ticket: string): string {
    this.#forget()
    const link = this.#links.get(digestOf(ticket))
    if (link === undefined) {
      const message = 'This link has been used, or is older than ten minutes'
      throw new GatewayRefusal('LOGIN_REFUSED', message)
    }
    this.#links.delete(digestOf(ticket))
    return this.begin(link.holder)
  }

  /** Begins a session of somebody who has signed in. @returns its cookie */
  begin(holder?: Holder): string {
    const now = this.#clock.monotonicMs()
    return this.#keep({ holder, beganAt: this.#clock.now(), beganMs: now, usedMs: now })
  }

  /**
   * Goes on with a session whose holder has shown a second factor: under another cookie, so that one
   * that was seen before is worth nothing after.
   */
  renew(cookie: string, holder: Holder): string {
    const held = this.#sessions.get(digestOf(cookie))
    assert(held !== undefined, 'a session that is renewed is there')
    this.#sessions.delete(digestOf(cookie))
    return this.#keep({ ...held, holder })
  }

  #keep(held: Held): string {
    const cookie = this.#newSecret()
    this.#sessions.set(digestOf(cookie), held)
    for (const oldest of [...this.#sessions.keys()].slice(0, -SESSIONS_MAX)) {
      this.#sessions.delete(oldest)
    }
    return cookie
  }

  /**
   * The session of a cookie, if it goes on.
   *
   * @param isUse   whether a person has done something; what a page asks for by itself is no use
   */
  of(cookie: string, isUse: boolean): ConsoleSession | undefined {
    this.#forget()
    const held = this.#sessions.get(digestOf(cookie))
    if (held !== undefined && isUse) held.usedMs = this.#clock.monotonicMs()
    return held
  }

  /** Ends a session. */
  logOut(cookie: string): void {
    this.#sessions.delete(digestOf(cookie))
  }

  #newSecret(): string {
    return Buffer.from(this.#random.octets(SECRET_OCTETS)).toString('base64url')
  }

  /** Drops what has ended. */
  #forget(): void {
    const now = this.#clock.monotonicMs()
    for (const [link, { until }] of this.#links) if (until <= now) this.#links.delete(link)
    for (const [cookie, { beganMs, usedMs }] of this.#sessions) {
      const isOver = now - usedMs >= IDLE_MS || now - beganMs >= SESSION_MS
      if (isOver) this.#sessions.delete(cookie)
    }
  }
}

const digestOf = (secret: string): string => createHash('sha256').update(secret).digest('base64')

const SECRET_OCTETS = 32
const TICKET_MS = 10 * 60_000
const IDLE_MS = 15 * 60_000
const SESSION_MS = 12 * 3_600_000
/** Links that wait to be used, and sessions, at one time. */
const TICKETS_MAX = 32
const SESSIONS_MAX = 64
