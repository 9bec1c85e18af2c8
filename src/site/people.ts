/**
 * The people of a site, as the operator and as people with the right role deal with them.
 *
 * @module
 */

import { door, epochMs, siteId, type EpochMs, type Ports, type SecretBytes } from '#base'
import {
  AccessRefusal,
  Apps,
  Authorizations,
  bindPerson,
  NewPersonShape,
  onceOnlyIn,
  OPERATOR,
  Passkeys,
  People,
  RoleChangeShape,
  SignIn,
  TokenKeys,
  Tokens,
  totpUri,
  unbindPerson,
  type App,
  type NewApp,
  type AskedChange,
  type OnceOnly,
  type OutsideSignIn,
  type PeopleTrail,
  type Person,
  type SecondFactor,
  type SignedIn,
} from '#access'
import type { AuditTrail } from '#audit'
import type {
  AppView,
  FactorView,
  Handlers,
  peopleRoutes,
  PersonView,
  RoleChangeView,
} from '#contract'
import { launchesOf } from './launches.ts'
import type { SignOnPlaces } from './sign-on.ts'

/** Who signs in here, and the way in. */
export interface PeopleDesk {
  readonly people: People
  readonly signIn: SignIn
  readonly once: OnceOnly
  readonly apps: Apps
  /** The keys that sign this site's tokens. */
  readonly keys: TokenKeys
  /** The log, for what is about people and apps. */
  readonly audit: AuditTrail
  readonly authorizations: Authorizations
  readonly passkeys: Passkeys
  readonly tokensFor: (places: SignOnPlaces) => Tokens
  /** Clears the key: nobody signs in any more. */
  readonly close: () => void
}

/** Whoever asks: the operator at the admin socket, or somebody who signed in at the console. */
export type Asker =
  | { readonly kind: 'operator' }
  | { readonly kind: 'person'; readonly id: string; readonly secondFactorAt?: EpochMs }

/** Whose session it is, as the host keeps it. */
export interface Holder {
  readonly id: string
  /** Of the person when the session began: another one ends it. */
  readonly epoch: number
  readonly beganAt: EpochMs
  readonly secondFactorAt?: EpochMs
}

/** Somebody for whom a provider outside has vouched, as the host has found. */
export type Arrival = Omit<OutsideSignIn, 'code' | 'passkey' | 'source'>

/** @param key   32 octets for all that is kept of people; the desk's from here */
export function openPeople(input: {
  readonly site: string
  readonly ports: Pick<Ports, 'store' | 'clock' | 'random'>
  readonly audit: PeopleTrail
  readonly key: SecretBytes
}): PeopleDesk {
  const { ports, audit, key } = input
  const { store, clock, random } = ports
  const site = siteId(input.site)
  const once = onceOnlyIn({ store, site, now: () => clock.now() })
  const rows = { site, store, random, key, clock, audit }
  const [people, apps, keys] = [new People(rows), new Apps(rows), new TokenKeys(rows)]
  const passkeys = new Passkeys({ site, people, once, clock, random, key })
  const authorizations = new Authorizations({ ...rows, people })
  return {
    ...{ people, once, apps, keys, authorizations, audit },
    passkeys,
    signIn: new SignIn({ ...rows, people, once, passkeys }),
    tokensFor: ({ base, issuer, tokenUrl }) =>
      new Tokens({
        ...{ site, clock, random, audit, once, people, apps, keys, authorizations },
        ...{ issuer, tokenUrl, audience: base },
      }),
    close: () => key[Symbol.dispose](),
  }
}

/** The admin routes about people. @param desk   refuses where there are no people */
export function peopleHandlers(
  desk: () => PeopleDesk,
  asker: Asker,
  about: LaunchMeans & Outside & { readonly site: string },
) {
  const { site, clock } = about
  const by = byOf(asker)
  const list = async (after: string | undefined, limit: number): Promise<PersonView[]> => {
    const page = after === undefined ? { limit } : { after, limit }
    return (await desk().people.list(page)).map(personView)
  }
  return {
    people: ({ after, limit = '100' }) => list(after, limitOf(limit)),
    addPerson: async (_query, wish) => personView(await desk().people.add(openNew(wish), by)),
    person: async ({ person: name }) => {
      const { people } = desk()
      const person = await people.named(name)
      return { person: personView(person), history: await people.history(person.id) }
    },
    describePerson: async ({ person }, details) =>
      personView(await desk().people.describe(person, details, by)),
    changeRoles: async ({ person }, wish) => {
      const { people } = desk()
      const outcome = await people.changeRoles(person, openChange(wish), by)
      const change = outcome.kind === 'asked' ? outcome.change.id : null
      const view = personView(await people.named(person))
      return { outcome: outcome.kind, person: view, change }
    },
    setPersonState: async ({ person }, { state }) =>
      personView(await desk().people.setState(person, state, by)),
    setPassword: async ({ person }, { password }) =>
      personView(await desk().people.setPassword(person, password, by)),
    addTotp: async ({ person }) => {
      const { people } = desk()
      const { login } = await people.named(person)
      const { id, secret } = await people.addTotp(person, by)
      return { factor: id, uri: totpUri(secret, { site, login }) }
    },
    proveFactor: async ({ person }, { code }) => {
      const { people, signIn } = desk()
      const { id } = await people.named(person)
      const { secondFactorAt } = await signIn.again(id, { code, source: SOCKET })
      return { secondFactorAt }
    },
    removeFactor: async ({ person, factor }) =>
      personView(await desk().people.removeFactor(person, factor, by)),
    delegate: async ({ person }, { reason, from, notBefore = clock.now(), expiresAt }) => {
      const { people } = desk()
      const lender = reason === 'proxy' ? from : (await people.named(from)).id
      const span = { notBefore: epochMs(notBefore), expiresAt: epochMs(expiresAt) }
      return personView(await people.delegate(person, { reason, from: lender, ...span }, by))
    },
    ...bindingHandlers(desk, by, about),
    ...changeHandlers(desk, asker, clock),
    ...appHandlers(desk, asker, about),
  } satisfies Handlers<typeof peopleRoutes>
}

/** Providers of sign-in outside. */
interface Outside {
  readonly providers: readonly { readonly name: string; readonly issuer: string }[]
}

/** Who people are at providers outside. */
function bindingHandlers(
  desk: () => PeopleDesk,
  by: string,
  { providers, clock }: Outside & Pick<LaunchMeans, 'clock'>,
) {
  const issuerOf = (name: string) => providers.find((one) => one.name === name)?.issuer
  return {
    bindPerson: async ({ person }, { provider, subject }) => {
      const issuer = issuerOf(provider)
      if (issuer === undefined) {
        const why = 'No provider of this name is in the configuration'
        throw new AccessRefusal('ACCESS_PERSON_INVALID', why)
      }
      const about = { issuer, subject, at: clock.now(), by }
      return personView(await bindPerson(desk().people, person, about))
    },
    unbindPerson: async ({ person, provider }) => {
      // One that is in the configuration no more is named by its issuer.
      const issuer = issuerOf(provider) ?? provider
      return personView(await unbindPerson(desk().people, person, { issuer, by }))
    },
  } satisfies Partial<Handlers<typeof peopleRoutes>>
}

/** Changes of roles that wait for somebody who agrees. */
function changeHandlers(desk: () => PeopleDesk, asker: Asker, clock: Ports['clock']) {
  return {
    roleChanges: async () => (await desk().people.changes()).map(changeView),
    agreeToChange: async ({ change }, { as }) =>
      personView(await desk().people.agree(change, await secondOf(desk(), asker, as, clock))),
    refuseChange: async ({ change }) => {
      await desk().people.refuse(change, byOf(asker))
      return { refused: true as const }
    },
  } satisfies Partial<Handlers<typeof peopleRoutes>>
}

/** What the launch of an app takes. */
interface LaunchMeans extends Pick<Ports, 'clock' | 'random'> {
  /** Undefined where no tokens are issued. */
  readonly places: SignOnPlaces | undefined
}

/** Apps that may ask for tokens. */
function appHandlers(desk: () => PeopleDesk, asker: Asker, means: LaunchMeans) {
  const by = byOf(asker)
  return {
    apps: async () => (await desk().apps.list()).map(appView),
    addApp: async (_query, wish) => appView(await desk().apps.add(newApp(wish), by)),
    launchApp: async ({ client }, { patient, person = by }) => ({
      url: await launchUrl(desk(), { client, patient, person, asker }, means),
    }),
    removeApp: async ({ client }) => {
      await desk().apps.remove(client, by)
      return { removed: true as const }
    },
  } satisfies Partial<Handlers<typeof peopleRoutes>>
}

const newApp = ({
  kind = 'backend',
  redirectUris = [],
  ...rest
}: Parameters<Handlers<typeof peopleRoutes>['addApp']>[1]): NewApp => ({
  ...{ ...rest, kind, redirectUris },
})

/** An address that opens an app for one patient. @throws AccessRefusal */
async function launchUrl(
  { apps, people, authorizations }: PeopleDesk,
  wish: { readonly client: string; patient: string; person: string; asker: Asker },
  { clock, random, places }: LaunchMeans,
): Promise<string> {
  const { client, patient, asker } = wish
  const app = await apps.of(client)
  if (app === undefined) {
    throw new AccessRefusal('ACCESS_APP_UNKNOWN', 'No app of this name is registered')
  }
  if (places === undefined || app.launchUrl === undefined) {
    throw new AccessRefusal('ACCESS_APP_INVALID', 'This app has no address to be launched at')
  }
  if (asker.kind === 'operator' && wish.person === OPERATOR) {
    throw new AccessRefusal('ACCESS_PERSON_UNKNOWN', 'Say who is to use the app: --person')
  }
  const { id: person } = await people.named(wish.person)
  if (asker.kind === 'person' && person !== asker.id) {
    throw new AccessRefusal('ACCESS_CHANGE_FORBIDDEN', 'Nobody launches apps for somebody else')
  }
  const secret = random.octets(SECRET_OCTETS).toBase64({ alphabet: 'base64url', omitPadding: true })
  const launch = { client, person, patient }
  await launchesOf(authorizations).keep(launch, { secret, at: clock.now() })
  const url = new URL(app.launchUrl)
  url.searchParams.set('iss', places.base)
  url.searchParams.set('launch', secret)
  return url.href
}

const appView = (app: App): AppView => ({
  ...app,
  ...{ launchUrl: app.launchUrl ?? null, jwks: app.jwks ?? '' },
})

/**
 * The person who agrees: whoever the console has signed in, with a second factor shown lately, or
 * who proves it with the request.
 */
export async function secondOf(
  { signIn }: PeopleDesk,
  asker: Asker,
  as: { readonly login: string; readonly password: string; readonly code: string } | undefined,
  clock: Ports['clock'],
): Promise<string> {
  if (asker.kind === 'person') {
    checkFresh(asker, clock)
    return asker.id
  }
  if (as === undefined) {
    const why = 'Expected login, password and code of the person who agrees'
    throw new AccessRefusal('ACCESS_CHANGE_FORBIDDEN', why)
  }
  const signedIn = await signIn.withPassword({ ...as, source: SOCKET })
  if (signedIn.secondFactorAt !== undefined) return signedIn.person.id
  throw new AccessRefusal('ACCESS_SECOND_FACTOR_DENIED', STALE)
}

/** @throws AccessRefusal `ACCESS_SECOND_FACTOR_DENIED` unless one was shown just now */
export function checkFresh(
  { secondFactorAt }: Pick<Holder, 'secondFactorAt'>,
  clock: Pick<Ports['clock'], 'now'>,
): void {
  if (secondFactorAt !== undefined && clock.now() - secondFactorAt <= FRESH_MS) return
  throw new AccessRefusal('ACCESS_SECOND_FACTOR_DENIED', STALE)
}

/** As whom the log knows whoever asks. */
export const byOf = (asker: Asker): string => (asker.kind === 'operator' ? OPERATOR : asker.id)

function limitOf(text: string): number {
  const limit = Number(text)
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= LIMIT_MAX) return limit
  throw new AccessRefusal('ACCESS_PERSON_INVALID', `Expected a limit from 1 to ${LIMIT_MAX}`)
}

export function personView(person: Person): PersonView {
  const { id, kind, login, name, roles, clearances, references, department = null } = person
  const { careTeams, employment, delegations, proxies, factors, bindings = [], since } = person
  return {
    ...{ person: id, kind, login, name, roles, clearances, references, department },
    ...{ careTeams, employment, bindings, since },
    delegations: [
      ...delegations,
      ...proxies.map(({ patient, notBefore, expiresAt }) => {
        return { reason: 'proxy' as const, from: patient, notBefore, expiresAt }
      }),
    ],
    hasPassword: person.password !== undefined,
    factors: factors.map(factorView),
  }
}

/** A second factor as people see it. */
export const factorView = (one: SecondFactor): FactorView => ({
  ...{ factor: one.id, kind: one.kind, proven: one.proven, since: one.since },
  place: one.kind === 'passkey' ? one.rpId : '',
})

const changeView = ({ id, change, ...rest }: AskedChange): RoleChangeView => ({
  ...{ change: id, ...rest, ...change },
})

const openNew = door(NewPersonShape, 'person')
const openChange = door(RoleChangeShape, 'change of roles')
const SOCKET = 'admin socket'
const STALE = 'Show a second factor first, not longer than five minutes ago'
const FRESH_MS = 5 * 60_000
const LIMIT_MAX = 1000
const SECRET_OCTETS = 32

/** The session of somebody who has just signed in. */
export const holderOf = ({ person, at, secondFactorAt }: SignedIn): Holder => ({
  ...{ id: person.id, epoch: person.epoch, beganAt: at },
  ...(secondFactorAt === undefined ? {} : { secondFactorAt }),
})

/**
 * A session without a password, for invented patients: in the profile `demo` alone.
 *
 * @throws AccessRefusal `ACCESS_SIGN_IN_DENIED`, `ACCESS_PERSON_UNKNOWN`
 */
export async function demoHolder(
  { people, audit }: PeopleDesk,
  name: string,
  about: { readonly profile: string; readonly clock: Ports['clock'] },
): Promise<Holder> {
  if (about.profile !== 'demo') {
    const why = 'Only a site of the profile demo lets anybody in without a password'
    throw new AccessRefusal('ACCESS_SIGN_IN_DENIED', why)
  }
  const person = await people.named(name)
  const at = about.clock.now()
  const event = { kind: 'people.signed-in', at, actor: person.id, facts: { demo: true } }
  await audit.record(event)
  return holderOf({ person, at, secondFactorAt: at })
}
