/**
 * Signing in: who somebody proves to be, by a password and a second factor.
 *
 * Every refusal looks the same and takes as long, whether the name, the password or the code was
 * wrong. Whoever has no second factor gets in only where the host says so, and is marked as such;
 * what asks for one later stays closed.
 *
 * @see SP 800-63B §3.2.2 (rate limiting), §2.2 (AAL2)
 * @module
 */

import type { Clock, EpochMs } from '#base'
import type { AuditTrail } from '#audit'
import type { OnceOnly } from '../client-assertion.ts'
import { AccessRefusal } from '../refusal.ts'
import { isPassword } from './password.ts'
import type { Passkeys, ShownPasskey } from './passkeys.ts'
import type { People } from './people.ts'
import { mayEnter, type Person } from './person.ts'
import { Throttle } from './throttle.ts'
import { endOfStep, stepOf } from './totp.ts'

/** What somebody types. */
export interface Credentials {
  readonly login: string
  readonly password: string
  /** Of the authenticator app; left out or empty by whoever has none. */
  readonly code?: string
  /** Instead of a code. */
  readonly passkey?: ShownPasskey
  /** Where the attempt comes from, as far as it is known: counted, and kept nowhere. */
  readonly source: string
}

/** Somebody who has proved who it is. */
export interface SignedIn {
  readonly person: Person
  readonly at: EpochMs
  /** When a second factor was shown; left out where there is none. */
  readonly secondFactorAt?: EpochMs
}

export interface SignInInput {
  readonly people: People
  readonly clock: Clock
  readonly audit: AuditTrail
  /** Remembers codes that were used. */
  readonly once: OnceOnly
  readonly passkeys: Passkeys
}

/** Owns the count of failures. */
export class SignIn {
  readonly #input: SignInInput
  readonly #throttle: Throttle

  constructor(input: SignInInput) {
    this.#input = input
    this.#throttle = new Throttle(input.clock)
  }

  /**
   * Password, and the second factor of whoever has one.
   *
   * @throws AccessRefusal `ACCESS_SIGN_IN_DENIED`, `ACCESS_SIGN_IN_TRY_AGAIN` with the fact `waitMs`,
   *   `ACCESS_SIGN_IN_BUSY`
   */
  async withPassword(credentials: Credentials): Promise<SignedIn> {
    const { login, password, code = '', passkey, source } = credentials
    const { people, passkeys } = this.#input
    const counted = this.#begin(login, source)
    const person = await people.ofLogin(login)
    const isRight = await isPassword(password, person?.password)
    if (person === undefined || !isRight || !mayEnter(person)) throw await this.#denied(person)
    const at = this.#input.clock.now()
    const hasFactor = person.factors.some(({ proven }) => proven)
    const isAsked = hasFactor || code !== '' || passkey !== undefined
    const isShown =
      passkey === undefined
        ? code !== '' && (await this.#takeCode(person, code))
        : await passkeys.isShown(person, passkey)
    if (isAsked && !isShown) throw await this.#denied(person)
    this.#throttle.succeeded(counted)
    return await this.#signedIn(person, at, isShown)
  }

  /**
   * The second factor of somebody who is signed in, again.
   *
   * @throws AccessRefusal as `withPassword`
   */
  async again(id: string, { code, source }: { readonly code: string; source: string }) {
    const person = await this.#input.people.named(id)
    const counted = this.#begin(person.login, source)
    if (!mayEnter(person) || !(await this.#takeCode(person, code))) throw await this.#denied(person)
    this.#throttle.succeeded(counted)
    const secondFactorAt = this.#input.clock.now()
    return { ...(await this.#signedIn(person, secondFactorAt, true)), secondFactorAt }
  }

  #begin(login: string, source: string): { readonly account: string; readonly source: string } {
    const counted = { account: `account ${login.toLowerCase()}`, source: `source ${source}` }
    const names = Object.values(counted)
    const waitMs = this.#throttle.waitMs(names)
    if (waitMs > 0) {
      const seconds = Math.ceil(waitMs / 1000)
      const message = `Too many attempts have failed: try again in ${seconds} s`
      throw new AccessRefusal('ACCESS_SIGN_IN_TRY_AGAIN', message, { facts: { waitMs } })
    }
    this.#throttle.begin(names)
    return counted
  }

  /** Whether a code is right, which makes it void: durably, before anybody is let in. */
  async #takeCode(person: Person, code: string): Promise<boolean> {
    const { people, once, clock } = this.#input
    for (const factor of person.factors) {
      if (factor.kind !== 'totp') continue
      const step = stepOf(code, factor.secret, clock.now())
      if (step === undefined) continue
      const name = `totp ${person.id} ${factor.id} ${step}`
      if (!(await once.take(name, endOfStep(step)))) return false
      if (!factor.proven) await people.proveFactor(person.id, factor.id)
      return true
    }
    return false
  }

  async #signedIn(person: Person, at: EpochMs, isShown: boolean): Promise<SignedIn> {
    const facts = { secondFactor: isShown }
    await this.#input.audit.record({ kind: 'people.signed-in', at, actor: person.id, facts })
    return { person, at, ...(isShown ? { secondFactorAt: at } : {}) }
  }

  /** Says nothing of what was wrong; the log says of whom, where that is known. */
  async #denied(person: Person | undefined): Promise<AccessRefusal> {
    const at = this.#input.clock.now()
    const facts = { who: person?.id ?? 'nobody' }
    await this.#input.audit.record({ kind: 'people.sign-in-denied', at, actor: 'sign-in', facts })
    return new AccessRefusal('ACCESS_SIGN_IN_DENIED', 'Name, password or code are not right')
  }
}
