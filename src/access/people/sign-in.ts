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

import { refusedWith, type Clock, type EpochMs, type Statement } from '#base'
import type { AuditEvent, AuditTrail } from '#audit'
import type { OnceOnly } from '../client-assertion.ts'
import { AccessRefusal } from '../refusal.ts'
import type { RowsInput } from '../sealed-rows.ts'
import { Failures } from './failures.ts'
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

/** What a provider outside has vouched for, and what of ours was shown on top. */
export interface OutsideSignIn extends Pick<Credentials, 'code' | 'passkey' | 'source'> {
  readonly issuer: string
  readonly subject: string
  /** Name of the provider in the configuration: for the log. */
  readonly provider: string
  /** When the person was asked there for a second factor that counts here; left out if it was not. */
  readonly secondFactorAt?: EpochMs
  /** Whether one of the two second factors has to be shown, even by somebody who has none here. */
  readonly needsFactor: boolean
}

/** Somebody who has proved who it is. */
export interface SignedIn {
  readonly person: Person
  readonly at: EpochMs
  /** When a second factor was shown; left out where there is none. */
  readonly secondFactorAt?: EpochMs
}

export interface SignInInput extends RowsInput {
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
  readonly #failures: Failures

  constructor(input: SignInInput) {
    this.#input = input
    this.#failures = new Failures(input)
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
    const person = await people.ofLogin(login)
    const counted = await this.#begin({ login, source, person })
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
    return await this.#signedIn(person, at, { isShown })
  }

  /**
   * Somebody for whom a provider outside vouches; with a second factor of ours where there is none
   * of theirs that counts and the person has one, or one is needed.
   *
   * @throws AccessRefusal as `withPassword`; `ACCESS_PERSON_UNBOUND`; `ACCESS_SECOND_FACTOR_DENIED`
   *   where one of ours is to be shown now
   */
  async fromOutside(arrival: OutsideSignIn): Promise<SignedIn> {
    const { issuer, subject, provider, code = '', passkey, needsFactor } = arrival
    const person = await this.#input.people.ofOutside(issuer, subject)
    if (person === undefined) {
      await this.#deny(undefined)
      const message = 'Nobody at this site is bound to this name at the provider'
      throw new AccessRefusal('ACCESS_PERSON_UNBOUND', message)
    }
    if (!mayEnter(person)) throw await this.#denied(person)
    const at = this.#input.clock.now()
    const { secondFactorAt } = arrival
    if (secondFactorAt !== undefined) {
      return {
        ...(await this.#signedIn(person, at, { from: provider, isShown: true })),
        secondFactorAt,
      }
    }
    const isAsked = needsFactor || person.factors.some(({ proven }) => proven)
    if (!isAsked) return await this.#signedIn(person, at, { from: provider, isShown: false })
    if (code === '' && passkey === undefined) {
      const message = 'Show the second factor that you have at this site'
      throw new AccessRefusal('ACCESS_SECOND_FACTOR_DENIED', message)
    }
    await this.#showOwn(person, arrival)
    return await this.#signedIn(person, at, { from: provider, isShown: true })
  }

  /**
   * The second factor of somebody who is signed in, again.
   *
   * @throws AccessRefusal as `withPassword`
   */
  async again(id: string, shown: Pick<Credentials, 'code' | 'passkey' | 'source'>) {
    const person = await this.#input.people.named(id)
    await this.#showOwn(person, shown)
    const secondFactorAt = this.#input.clock.now()
    return { ...(await this.#signedIn(person, secondFactorAt, { isShown: true })), secondFactorAt }
  }

  /** A code or a passkey of somebody who is known already; counted like any attempt. */
  async #showOwn(person: Person, shown: Pick<Credentials, 'code' | 'passkey' | 'source'>) {
    const { code = '', passkey, source } = shown
    const counted = await this.#begin({ login: person.login, source, person })
    const isRight =
      passkey === undefined
        ? code !== '' && (await this.#takeCode(person, code))
        : await this.#input.passkeys.isShown(person, passkey)
    if (!mayEnter(person) || !isRight) throw await this.#denied(person)
    this.#throttle.succeeded(counted)
  }

  async #begin(who: { readonly login: string; source: string; person: Person | undefined }) {
    const counted = { account: accountOf(who.login), source: `source ${who.source}` }
    if (who.person !== undefined && this.#throttle.failuresOf(counted.account) === undefined) {
      const kept = await this.#failures.of(who.person.id)
      if (kept !== undefined) this.#throttle.recall(counted.account, kept)
    }
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

  async #signedIn(
    person: Person,
    at: EpochMs,
    { isShown, from }: { readonly isShown: boolean; readonly from?: string },
  ): Promise<SignedIn> {
    const facts = { secondFactor: isShown, ...(from === undefined ? {} : { from }) }
    const event = { kind: 'people.signed-in', at, actor: person.id, facts }
    await this.#tell(event, await this.#failures.keeping(person.id, undefined))
    return { person, at, ...(isShown ? { secondFactorAt: at } : {}) }
  }

  /** An entry of the log, with what is kept beside it. */
  async #tell(event: AuditEvent, kept: readonly Statement[]): Promise<void> {
    const { audit, store } = this.#input
    if (kept.length === 0) {
      await audit.record(event)
      return
    }
    try {
      await store.commit([...kept, audit.append(event)])
    } catch (error) {
      // Two at one time: the other has kept its count, which is as good.
      if (!refusedWith(error, 'STORE_CONFLICT')) throw error
      await audit.record(event)
    }
  }

  /** Says nothing of what was wrong; the log says of whom, where that is known. */
  async #denied(person: Person | undefined): Promise<AccessRefusal> {
    await this.#deny(person)
    return new AccessRefusal('ACCESS_SIGN_IN_DENIED', 'Name, password or code are not right')
  }

  async #deny(person: Person | undefined): Promise<void> {
    const at = this.#input.clock.now()
    const facts = { who: person?.id ?? 'nobody' }
    const event = { kind: 'people.sign-in-denied', at, actor: 'sign-in', facts }
    const failures = person && this.#throttle.failuresOf(accountOf(person.login))
    const isKept = person !== undefined && failures !== undefined
    await this.#tell(event, isKept ? await this.#failures.keeping(person.id, { failures, at }) : [])
  }
}

const accountOf = (login: string): string => `account ${login.toLowerCase()}`
