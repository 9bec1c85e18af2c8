/**
 * Who is logged in at the console: one-time links, and the sessions that they begin.
 *
 * A link is made by whoever reaches the admin socket, is good for ten minutes and once. A session
 * ends when nobody has used it for a quarter of an hour, and after twelve hours in any case. Links
 * and cookies are 256 random bits; only their digests are kept.
 *
 * Lives in memory: a daemon that starts anew has no sessions.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import type { Clock, RandomSource } from '#base'
import { GatewayRefusal } from './refusal.ts'

export interface ConsoleSession {
  /** Name of the person or process, as the log shall have it. */
  readonly actor: string
  readonly beganAt: number
}

interface Held extends ConsoleSession {
  usedMs: number
  readonly beganMs: number
}

export class ConsoleSessions {
  readonly #clock: Clock
  readonly #random: RandomSource
  /** By digest: until when each link is good, oldest first. */
  readonly #links = new Map<string, number>()
  /** By digest of the cookie, oldest first. */
  readonly #sessions = new Map<string, Held>()

  constructor({ clock, random }: { readonly clock: Clock; readonly random: RandomSource }) {
    this.#clock = clock
    this.#random = random
  }

  /** A ticket that begins one session. */
  newTicket(): string {
    this.#forget()
    const ticket = this.#newSecret()
    this.#links.set(digestOf(ticket), this.#clock.monotonicMs() + TICKET_MS)
    for (const oldest of [...this.#links.keys()].slice(0, -TICKETS_MAX)) this.#links.delete(oldest)
    return ticket
  }

  /** Begins a session. @returns its cookie. @throws GatewayRefusal `LOGIN_REFUSED` */
  logIn(ticket: string): string {
    this.#forget()
    if (!this.#links.delete(digestOf(ticket))) {
      const message = 'This link has been used, or is older than ten minutes'
      throw new GatewayRefusal('LOGIN_REFUSED', message)
    }
    const cookie = this.#newSecret()
    const now = this.#clock.monotonicMs()
    const held = { actor: ACTOR, beganAt: this.#clock.now(), beganMs: now, usedMs: now }
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
    for (const [link, until] of this.#links) if (until <= now) this.#links.delete(link)
    for (const [cookie, { beganMs, usedMs }] of this.#sessions) {
      const isOver = now - usedMs >= IDLE_MS || now - beganMs >= SESSION_MS
      if (isOver) this.#sessions.delete(cookie)
    }
  }
}

const digestOf = (secret: string): string => createHash('sha256').update(secret).digest('base64')

const ACTOR = 'console'
const SECRET_OCTETS = 32
const TICKET_MS = 10 * 60_000
const IDLE_MS = 15 * 60_000
const SESSION_MS = 12 * 3_600_000
/** Links that wait to be used, and sessions, at one time. */
const TICKETS_MAX = 32
const SESSIONS_MAX = 64
