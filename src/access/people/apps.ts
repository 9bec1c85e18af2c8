/**
 * Apps that ask for tokens: registered by the operator, each with the scopes it may have at most.
 *
 * A backend service proves itself with a key of its own (`private_key_jwt`), and so does an app of
 * people that runs on a server, `confidential`; one that runs where people can look into it is
 * `public` and proves itself by PKCE alone. Both send people back to addresses that were registered.
 * No app has a secret here: there is none to steal.
 *
 * @see SMART App Launch 2.2.0, Backend Services; RFC 7517 (JWK); RFC 8252 (native apps)
 * @module
 */

import { createPublicKey } from 'node:crypto'
import {
  door,
  Exactly,
  OneOf,
  refusedWith,
  Text,
  Type,
  utf8,
  Whole,
  type Clock,
  type Static,
} from '#base'
import type { AuditTrail } from '#audit'
import { readJson } from '#health'
import { ASSERTION_ALGORITHMS } from '../client-assertion.ts'
import { AccessRefusal } from '../refusal.ts'
import { readScopes } from '../scopes.ts'
import { SealedRows, type Kept, type RowsInput } from '../sealed-rows.ts'
import type { TokenKey } from '../signed-tokens.ts'

const ClientId = Type.String({ pattern: '^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$' })
/** An address on this machine, or one that is encrypted; never one with a fragment. */
const AppUrl = Type.String({
  pattern:
    '^(?:https://[^\\s#]{1,1000}|http://(?:127\\.0\\.0\\.1|\\[::1\\]|localhost)(?::[0-9]{1,5})?/[^\\s#]{0,1000})$',
})

export const AppShape = Exactly({
  client: ClientId,
  /** As people are asked about it. */
  name: Text(128, 1),
  kind: OneOf('backend', 'public', 'confidential'),
  /** The most that it may ask for. */
  scope: Text(8192, 1),
  /** Where people are sent back to, exactly. */
  redirectUris: Type.Array(AppUrl, { maxItems: 16 }),
  /** Where it begins when it is launched for a patient. */
  launchUrl: Type.Optional(AppUrl),
  /** A JWK Set as text, of whoever proves itself by a key. */
  jwks: Type.Optional(Text(65_536, 1)),
  since: Whole(0),
})
export type App = Static<typeof AppShape>
export type NewApp = Omit<App, 'since'>

export interface AppsInput extends RowsInput {
  readonly clock: Clock
  readonly audit: AuditTrail
}

/** Owns nothing; the key stays whoever handed it in. */
export class Apps {
  readonly #input: AppsInput
  readonly #rows: SealedRows<typeof AppShape>

  constructor(input: AppsInput) {
    this.#input = input
    this.#rows = new SealedRows(input, { kind: 'app', shape: AppShape, octetsMax: 131_072 })
  }

  /** @throws AccessRefusal `ACCESS_APP_INVALID`, `ACCESS_APP_EXISTS`, `ACCESS_SCOPE_INVALID` */
  async add(wish: NewApp, by: string): Promise<App> {
    const { store, clock, audit } = this.#input
    const at = clock.now()
    const app = checked({ ...wish, since: at })
    const event = { kind: 'app.added', at, actor: by, facts: { app: app.client } }
    try {
      await store.commit([...this.#rows.insert(app.client, app), audit.append(event)])
    } catch (error) {
      if (!refusedWith(error, 'STORE_CONFLICT')) throw error
      throw new AccessRefusal('ACCESS_APP_EXISTS', 'An app of this name is there already')
    }
    return app
  }

  /** Takes an app away: tokens that it holds are void at once. @throws AccessRefusal */
  async remove(client: string, by: string): Promise<void> {
    const { store, clock, audit } = this.#input
    const kept = await this.#kept(client)
    const event = { kind: 'app.removed', at: clock.now(), actor: by, facts: { app: client } }
    await store.commit([...this.#rows.remove(kept), audit.append(event)])
  }

  /** The app of this name, if there is one. */
  async of(client: string): Promise<App | undefined> {
    return (await this.#rows.get(client))?.value
  }

  async list(): Promise<readonly App[]> {
    return (await this.#rows.list({ limit: APPS_MAX })).map(({ value }) => value)
  }

  async #kept(client: string): Promise<Kept<App>> {
    const kept = await this.#rows.get(client)
    if (kept !== undefined) return kept
    throw new AccessRefusal('ACCESS_APP_UNKNOWN', 'No app of this name is registered')
  }
}

/** The keys by which an app may sign, each for the one algorithm that it is for. */
export function keysOf({ jwks }: App): readonly TokenKey[] {
  if (jwks === undefined) return []
  const { keys } = openJwks(readJson(utf8(jwks)))
  return keys.map((jwk) => {
    const { kid } = jwk
    const algorithm = ASSERTION_ALGORITHMS.find((one) => one === (jwk.alg ?? ALGORITHMS[jwk.kty]))
    if (algorithm === undefined)
      throw invalid(`Expected keys for ${ASSERTION_ALGORITHMS.join(', ')}`)
    let publicKey
    try {
      publicKey = createPublicKey({ key: { ...jwk }, format: 'jwk' })
    } catch {
      throw invalid('A key of the app is no public key')
    }
    const { asymmetricKeyType: type = '', asymmetricKeyDetails: details } = publicKey
    const isFit =
      type === TYPES[algorithm] &&
      (type !== 'ec' || details?.namedCurve === 'secp384r1') &&
      (type !== 'rsa' || (details?.modulusLength ?? 0) >= RSA_BITS_MIN)
    if (!isFit) throw invalid(`The key ${kid} is not one for ${algorithm}`)
    return { kid, algorithm, publicKey }
  })
}

function checked(app: App): App {
  const { kind, scope, redirectUris, launchUrl, jwks } = openApp(app)
  const { scopes, unknown } = readScopes(scope)
  if (unknown.length > 0) throw invalid(`Not understood: ${unknown.join(' ')}`)
  const isSystem = scopes.map(({ level }) => level === 'system')
  if (kind === 'backend') {
    const hasAddress = redirectUris.length > 0 || launchUrl !== undefined
    const isWhole = jwks !== undefined && !hasAddress && isSystem.every(Boolean)
    if (!isWhole) throw invalid('A backend service has keys, system scopes and no addresses')
    return withKeys(app)
  }
  const isWhole = redirectUris.length > 0 && !isSystem.some(Boolean)
  if (!isWhole) throw invalid('An app for people has addresses, and no system scopes')
  if ((kind === 'confidential') !== (jwks !== undefined)) {
    throw invalid('A confidential app has keys, and a public one has none')
  }
  return withKeys(app)
}

function withKeys(app: App): App {
  const kids = keysOf(app).map(({ kid }) => kid)
  if (new Set(kids).size < kids.length) throw invalid('Two keys of the app have one name')
  return app
}

const invalid = (message: string): AccessRefusal => new AccessRefusal('ACCESS_APP_INVALID', message)

const openApp = door(AppShape, 'app')
const JwkShape = Type.Object({
  kty: Text(16, 1),
  kid: Text(256, 1),
  alg: Type.Optional(Text(16, 1)),
  // Whoever sends a private key has to make another one.
  d: Type.Optional(Type.Never()),
})
const openJwks = door(
  Type.Object({ keys: Type.Array(JwkShape, { minItems: 1, maxItems: 8 }) }),
  'JWK Set',
)
const ALGORITHMS: Readonly<Record<string, string>> = { EC: 'ES384', RSA: 'RS384' }
const TYPES = {
  ES384: 'ec',
  RS384: 'rsa',
  'ML-DSA-65': 'ml-dsa-65',
  'ML-DSA-87': 'ml-dsa-87',
} as const
const RSA_BITS_MIN = 2048
const APPS_MAX = 1000
