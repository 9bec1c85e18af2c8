/**
 * What somebody who has signed in at the console may do: the admin routes of the own roles, and FHIR
 * as a caller like any other.
 *
 * A session says who it is; everything else is looked up at each request, so that whoever is
 * suspended, or whose rights or password have changed, is out with the next.
 *
 * @module
 */

import { epochMs, siteId, type HttpResponse } from '#base'
import { AccessRefusal, type Bearer, type Credentials } from '#access'
import type { FactorView, Handlers, SiteRoutes } from '#contract'
import type { FhirRequest } from '#fhir'
import { adminHandlers } from './admin.ts'
import { passkeyPlaceOf } from './passkey-place.ts'
import { checkFresh, factorView, holderOf, type Arrival, type Holder } from './people.ts'
import { routesFor } from './rights.ts'
import type { SiteParts } from './site.ts'

/** What a page may say of whoever is signed in. */
export interface HolderView {
  readonly person: string
  readonly login: string
  readonly name: string
  readonly roles: readonly string[]
  readonly site: string
  /** Who this person is as a patient. */
  readonly patient: string | null
  readonly factors: readonly FactorView[]
  /** Names of the admin routes that these roles may ask. */
  readonly routes: readonly string[]
}

/** A second factor as it comes from a page. */
export interface ShownFactor {
  /** Empty for none. */
  readonly code: string
  /** What a browser brought instead of a code; empty for none. */
  readonly passkey: string
  /** Of the page. */
  readonly origin: string
  readonly source: string
}

/** The way of people into a site. */
export class SignedInPeople {
  readonly #parts: SiteParts

  constructor(parts: SiteParts) {
    this.#parts = parts
  }

  /** @throws AccessRefusal as `SignIn.withPassword` */
  async signIn(
    typed: Pick<Credentials, 'login' | 'password'>,
    shown: ShownFactor,
  ): Promise<Holder> {
    return holderOf(await this.#desk.signIn.withPassword({ ...typed, ...credentialOf(shown) }))
  }

  /** @throws AccessRefusal as `SignIn.fromOutside` */
  async fromOutside(arrival: Arrival, shown: ShownFactor): Promise<Holder> {
    const signedIn = await this.#desk.signIn.fromOutside({ ...arrival, ...credentialOf(shown) })
    return holderOf(signedIn)
  }

  /** The same session with a second factor shown anew. @throws AccessRefusal */
  async again(holder: Holder, shown: ShownFactor): Promise<Holder> {
    const { secondFactorAt } = await this.#desk.signIn.again(holder.id, credentialOf(shown))
    return { ...holder, secondFactorAt }
  }

  /** What a browser is asked for by a page on which somebody signs in; undefined where it cannot. */
  async passkeyAsked(origin: string): Promise<object | undefined> {
    const place = passkeyPlaceOf(origin)
    return place && (await this.#desk.passkeys.asked(place))
  }

  /**
   * What a browser is asked for to make a passkey of somebody who is signed in.
   *
   * @throws AccessRefusal `ACCESS_SECOND_FACTOR_DENIED` unless another factor was shown just now
   */
  async passkeyOffered(holder: Holder, origin: string): Promise<object | undefined> {
    checkFresh(holder, this.#clock)
    const place = passkeyPlaceOf(origin)
    const person = await this.#desk.people.named(holder.id)
    return place && (await this.#desk.passkeys.offered(person, place))
  }

  /** Keeps a passkey that was made. @throws AccessRefusal as `passkeyOffered` and `Passkeys.add` */
  async addPasskey(
    holder: Holder,
    { response, origin }: { readonly response: string; readonly origin: string },
  ): Promise<void> {
    checkFresh(holder, this.#clock)
    const place = passkeyPlaceOf(origin)
    if (place !== undefined) await this.#desk.passkeys.add(holder.id, { response, place })
  }

  /**
   * Takes an own passkey away: not the last second factor, which others see to. Other sessions end.
   *
   * @returns the session as it goes on
   * @throws AccessRefusal `ACCESS_SECOND_FACTOR_DENIED`, `ACCESS_PERSON_INVALID`
   */
  async removePasskey(holder: Holder, factor: string): Promise<Holder> {
    checkFresh(holder, this.#clock)
    const { people } = this.#desk
    const { factors } = await people.named(holder.id)
    const isPasskey = factors.some(({ id, kind }) => id === factor && kind === 'passkey')
    if (!isPasskey || factors.filter(({ proven }) => proven).length < 2) {
      const why = 'Expected an own passkey that is not the only second factor'
      throw new AccessRefusal('ACCESS_PERSON_INVALID', why)
    }
    const { epoch } = await people.removeFactor(holder.id, factor, holder.id)
    return { ...holder, epoch }
  }

  /** Tells that somebody has ended a session. */
  async signOut({ id }: Holder): Promise<void> {
    const at = this.#clock.now()
    await this.#desk.audit.record({ kind: 'people.signed-out', at, actor: id, facts: {} })
  }

  /** Whoever holds a session, if it still stands. */
  async standing({ id, epoch }: Holder): Promise<HolderView | undefined> {
    const person = await this.#desk.people.find(id)
    const isIn = person?.employment === 'active' || person?.employment === 'none'
    if (person?.epoch !== epoch || !isIn) return undefined
    const { login, name, roles, references } = person
    const factors = person.factors.map(factorView)
    const { site } = this.#parts
    const patient = references.find((one) => one.startsWith('Patient/')) ?? null
    return { person: id, login, name, roles, site, patient, factors, routes: routesFor(roles) }
  }

  /** The admin routes, done in the name of this person. */
  adminFor({ id, secondFactorAt }: Holder): Handlers<SiteRoutes> {
    const shown = secondFactorAt === undefined ? {} : { secondFactorAt }
    return adminHandlers(this.#parts, { kind: 'person', id, ...shown })
  }

  /** Answers a request for FHIR of this person. */
  async fhirFor(holder: Holder, request: FhirRequest): Promise<HttpResponse> {
    const { records } = this.#parts
    if (records === undefined) return { status: 404, body: '' }
    return await records.fhir.handleFor(await this.#bearerOf(holder), request)
  }

  async #bearerOf({ id, beganAt, secondFactorAt }: Holder): Promise<Bearer> {
    const { people } = this.#desk
    const principal = await people.principalOf(id)
    const person = principal.references.at(0)
    const site = siteId(this.#parts.options.configuration.site)
    return {
      ...{ principal, flows: await people.tiesOf(id), actor: id },
      token: { site, notBefore: beganAt, expiresAt: epochMs(beganAt + SESSION_MS) },
      ...(secondFactorAt === undefined ? {} : { secondFactorAt }),
      who: person === undefined ? {} : { person },
    }
  }

  get #clock() {
    return this.#parts.options.ports.clock
  }

  get #desk() {
    const { records } = this.#parts
    if (records !== undefined) return records.desk
    throw new AccessRefusal('ACCESS_SIGN_IN_DENIED', 'A trusted node has no people')
  }
}

/** A passkey where one was shown, and can be; else a code. */
function credentialOf({ code, passkey: response, origin, source }: ShownFactor) {
  const place = response === '' ? undefined : passkeyPlaceOf(origin)
  return { code, source, ...(place === undefined ? {} : { passkey: { response, place } }) }
}

/** As long as the host keeps a session at most. */
const SESSION_MS = 12 * 3_600_000
