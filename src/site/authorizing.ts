/**
 * What the authorization server of a site asks the site: who signs in, which app it is, what may be
 * granted, and which patients somebody may choose.
 *
 * The host speaks OAuth; everything that is decided is decided here. A grant gives no right: a token
 * says who asks and within which scopes, and each answer of the FHIR server is decided anew.
 *
 * @see SMART App Launch 2.2.0, Scopes and Launch Context
 * @module
 */

import { utf8, type EpochMs, type HttpResponse } from '#base'
import {
  AccessRefusal,
  mayEnter,
  narrowScopes,
  readScopes,
  scopeText,
  type App,
  type Authorizations,
  type Person,
  type Scope,
} from '#access'
import type { FhirRequest } from '#fhir'
import { isObject, readJson, type Json, type JsonObject } from '#health'
import { launchesOf, type Launch } from './launches.ts'
import { passkeyPlaceOf } from './passkey-place.ts'
import type { Arrival, Holder } from './people.ts'
import type { ShownFactor, SignedInPeople } from './signed-in.ts'
import { signOnPlaces, type SignOnPlaces } from './sign-on.ts'
import type { SiteParts } from './site.ts'

/** A patient that somebody may choose for an app, as shown to that person. */
export interface PatientChoice {
  /** Its identifier in FHIR. */
  readonly patient: string
  readonly name: string
  readonly birthDate: string
}

/** A second factor as it comes from a page of this server. */
type Shown = Omit<ShownFactor, 'origin'>

/** Made by `authorizingOf`. */
export class Authorizing {
  readonly places: SignOnPlaces
  readonly site: string
  readonly #parts: SiteParts
  readonly #people: SignedInPeople

  constructor(parts: SiteParts, people: SignedInPeople, places: SignOnPlaces) {
    this.#parts = parts
    this.#people = people
    this.places = places
    this.site = parts.options.configuration.site
  }

  /** What is remembered between requests. */
  get memory(): Authorizations {
    return this.#desk.authorizations
  }

  /** Keys that sign, newest first, and those whose tokens may be good yet. */
  keys() {
    return this.#desk.keys.all()
  }

  /** An app that people use; undefined for a backend service, which asks without them. */
  async appOf(client: string): Promise<App | undefined> {
    if (client.length > CLIENT_CHARACTERS_MAX) return undefined
    const app = await this.#desk.apps.of(client)
    return app?.kind === 'backend' ? undefined : app
  }

  /** Somebody who may come in. */
  async personOf(id: string): Promise<Person | undefined> {
    const person = await this.#desk.people.find(id)
    return person !== undefined && mayEnter(person) ? person : undefined
  }

  /** @throws AccessRefusal as `SignIn.withPassword` */
  signIn(typed: { readonly login: string; readonly password: string }, shown: Shown) {
    return this.#people.signIn(typed, { ...shown, origin: this.#origin })
  }

  /** @throws AccessRefusal as `SignIn.fromOutside` */
  fromOutside(arrival: Arrival, shown: Shown): Promise<Holder> {
    return this.#people.fromOutside(arrival, { ...shown, origin: this.#origin })
  }

  get #origin(): string {
    return new URL(this.places.issuer).origin
  }

  get #passkeyPlace() {
    return passkeyPlaceOf(this.#origin)
  }

  /** What a browser is asked for where somebody signs in, if it can be. */
  async passkeyAsked(): Promise<object | undefined> {
    const place = this.#passkeyPlace
    return place && (await this.#desk.passkeys.asked(place))
  }

  /** What a browser is asked for to make a passkey of this person, if it can be. */
  async passkeyOffered(id: string): Promise<object | undefined> {
    const [place, person] = [this.#passkeyPlace, await this.personOf(id)]
    return place && person && (await this.#desk.passkeys.offered(person, place))
  }

  /** Keeps a passkey that was made. @throws AccessRefusal as `Passkeys.add` */
  async addPasskey(id: string, response: string): Promise<void> {
    const place = this.#passkeyPlace
    if (place !== undefined) await this.#desk.passkeys.add(id, { response, place })
  }

  /**
   * Patients that somebody finds by a name, as that person may see them; the log says who looked.
   * Without a name, those whom the person is or stands for.
   */
  async patients(holder: Holder, text: string): Promise<readonly PatientChoice[]> {
    if (text === '') return await this.#own(holder)
    const answer = await this.#read(holder, '/fhir/Patient', { name: text, _count: CHOICES_MAX })
    const { entry } = answer ?? {}
    if (!Array.isArray(entry)) return []
    return entry.flatMap((one) => (isObject(one) ? (choiceOf(one['resource']) ?? []) : []))
  }

  /** One patient, if this person may see it. */
  async patient(holder: Holder, id: string): Promise<PatientChoice | undefined> {
    if (!FHIR_ID.test(id)) return undefined
    return choiceOf(await this.#read(holder, `/fhir/Patient/${id}`, {}))
  }

  /** What of these scopes an app may have: the words, and the rest narrowed and as version 2. */
  granted(app: App, scope: string): { readonly words: readonly string[]; scopes: Scope[] } {
    const [asked, allowed] = [readScopes(scope), readScopes(app.scope)]
    const words = asked.words.filter((word) => allowed.words.includes(word))
    return { words, scopes: narrowScopes(asked.scopes, allowed.scopes) }
  }

  /** The same as text. @throws AccessRefusal `ACCESS_SCOPE_INVALID` */
  grantedText(app: App, scope: string): string {
    const { words, scopes } = this.granted(app, scope)
    return [...words, ...scopes.map(scopeText)].join(' ')
  }

  /** The patient that an app was launched for by this person; the launch stays good. */
  async seenLaunch(launch: string, of: Omit<Launch, 'patient'>): Promise<string | undefined> {
    return await launchesOf(this.memory).see(launch, of)
  }

  /** The same; the launch is void from here. */
  async takeLaunch(launch: string, of: Omit<Launch, 'patient'>): Promise<string | undefined> {
    return await launchesOf(this.memory).take(launch, of)
  }

  now(): EpochMs {
    return this.#parts.options.ports.clock.now()
  }

  /** An entry of the log. */
  async note(
    kind: `app.${string}`,
    actor: string,
    facts: Readonly<Record<string, string | number>>,
  ) {
    await this.#desk.audit.record({ kind, at: this.now(), actor, facts })
  }

  async #own(holder: Holder): Promise<readonly PatientChoice[]> {
    const { references, proxies } = await this.#desk.people.named(holder.id)
    const now = this.now()
    const stood = proxies.filter(({ notBefore, expiresAt }) => notBefore <= now && now < expiresAt)
    const all = [...references, ...stood.map(({ patient }) => patient)]
    const ids = all.flatMap((one) => (one.startsWith(PATIENT) ? [one.slice(PATIENT.length)] : []))
    const found = await Promise.all([...new Set(ids)].map((id) => this.patient(holder, id)))
    return found.filter((one) => one !== undefined)
  }

  async #read(
    holder: Holder,
    path: string,
    query: Readonly<Record<string, string>>,
  ): Promise<JsonObject | undefined> {
    const request: FhirRequest = {
      ...{ method: 'GET', path, query: new URLSearchParams(query), contentType: undefined },
      ...{ body: new Uint8Array(0), client: undefined, header: () => undefined },
    }
    const answer: HttpResponse = await this.#people.fhirFor(holder, request)
    if (answer.status !== 200) return undefined
    const { body } = answer
    const read = readJson(typeof body === 'string' ? utf8(body) : body)
    return isObject(read) ? read : undefined
  }

  get #desk() {
    const { records } = this.#parts
    if (records !== undefined) return records.desk
    throw new AccessRefusal('ACCESS_SIGN_IN_DENIED', 'A trusted node has no people')
  }
}

/** The site's side of an authorization server, where the configuration says that there is one. */
export function authorizingOf(
  parts: SiteParts,
  people: SignedInPeople | undefined,
): Authorizing | undefined {
  const places = signOnPlaces(parts.options.configuration)
  if (places === undefined || people === undefined) return undefined
  return new Authorizing(parts, people, places)
}

/** What a page shows of a patient; what is masked for the person is not there. */
function choiceOf(resource: Json | undefined): PatientChoice | undefined {
  if (!isObject(resource) || resource['resourceType'] !== 'Patient') return undefined
  const { id, name, birthDate } = resource
  if (typeof id !== 'string') return undefined
  const [first] = Array.isArray(name) ? name : []
  const text = isObject(first) ? nameText(first) : ''
  return { patient: id, name: text, birthDate: typeof birthDate === 'string' ? birthDate : '' }
}

function nameText({ text, given, family }: JsonObject): string {
  if (typeof text === 'string') return text
  const parts = [...(Array.isArray(given) ? given : []), family]
  return parts.filter((part) => typeof part === 'string').join(' ')
}

const FHIR_ID = /^[A-Za-z0-9.-]{1,64}$/
const PATIENT = 'Patient/'
const CHOICES_MAX = '20'
const CLIENT_CHARACTERS_MAX = 64
