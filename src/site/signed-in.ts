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
import type { Handlers, SiteRoutes } from '#contract'
import type { FhirRequest } from '#fhir'
import { adminHandlers } from './admin.ts'
import { holderOf, type Holder } from './people.ts'
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
  /** Names of the admin routes that these roles may ask. */
  readonly routes: readonly string[]
}

/** The way of people into a site. */
export class SignedInPeople {
  readonly #parts: SiteParts

  constructor(parts: SiteParts) {
    this.#parts = parts
  }

  /** @throws AccessRefusal as `SignIn.withPassword` */
  async signIn(credentials: Credentials): Promise<Holder> {
    return holderOf(await this.#desk.signIn.withPassword(credentials))
  }

  /** The same session with a second factor shown anew. @throws AccessRefusal */
  async again(holder: Holder, shown: { readonly code: string; readonly source: string }) {
    const { secondFactorAt } = await this.#desk.signIn.again(holder.id, shown)
    return { ...holder, secondFactorAt }
  }

  /** Tells that somebody has ended a session. */
  async signOut({ id }: Holder): Promise<void> {
    const at = this.#parts.options.ports.clock.now()
    await this.#desk.audit.record({ kind: 'people.signed-out', at, actor: id, facts: {} })
  }

  /** Whoever holds a session, if it still stands. */
  async standing({ id, epoch }: Holder): Promise<HolderView | undefined> {
    const person = await this.#desk.people.find(id)
    const isIn = person?.employment === 'active' || person?.employment === 'none'
    if (person?.epoch !== epoch || !isIn) return undefined
    const { login, name, roles, references } = person
    const { site } = this.#parts
    const patient = references.find((one) => one.startsWith('Patient/')) ?? null
    return { person: id, login, name, roles, site, patient, routes: routesFor(roles) }
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

  get #desk() {
    const { records } = this.#parts
    if (records !== undefined) return records.desk
    throw new AccessRefusal('ACCESS_SIGN_IN_DENIED', 'A trusted node has no people')
  }
}

/** As long as the host keeps a session at most. */
const SESSION_MS = 12 * 3_600_000
