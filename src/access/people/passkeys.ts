/**
 * Passkeys as second factor: what a browser is asked for, and whether what comes back is right.
 *
 * A passkey answers for one origin alone, so that nobody can be talked into showing it elsewhere. The
 * authenticator has to have verified its user. A challenge says when and for what it was made, under a
 * key of the site, and is taken once: nothing is remembered for those who only look at a page.
 *
 * Does not look at who made an authenticator: attestation is not asked for.
 *
 * @see Web Authentication Level 3, §7.1 and §7.2
 * @module
 */

import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server'
import {
  door,
  epochMs,
  MINUTE_MS,
  newUuid,
  Text,
  Type,
  utf8,
  type Clock,
  type RandomSource,
  type SecretBytes,
  type SiteId,
} from '#base'
import { hmac, sameSecret } from '#crypto'
import { readJson } from '#health'
import type { OnceOnly } from '../client-assertion.ts'
import { AccessRefusal } from '../refusal.ts'
import type { People } from './people.ts'
import { withFactor, type Passkey, type Person } from './person.ts'

/** Where a passkey is shown: what a browser holds against the page that asks. */
export interface PasskeyPlace {
  /** `https://host:port`. */
  readonly origin: string
  /** The host name of it; addresses have no passkeys. */
  readonly rpId: string
}

/** What a browser brought back, as text. */
export interface ShownPasskey {
  readonly response: string
  readonly place: PasskeyPlace
}

export interface PasskeysInput {
  readonly site: SiteId
  readonly people: People
  readonly once: OnceOnly
  readonly clock: Clock
  readonly random: RandomSource
  /** 32 octets. */
  readonly key: SecretBytes
}

/** Owns nothing; the key stays whoever handed it in. */
export class Passkeys {
  readonly #input: PasskeysInput

  constructor(input: PasskeysInput) {
    this.#input = input
  }

  /** What a browser is asked for by a page on which somebody signs in: options of `get`, as JSON. */
  async asked({ rpId }: PasskeyPlace): Promise<object> {
    const { generateAuthenticationOptions } = await import('@simplewebauthn/server')
    const challenge = this.#newChallenge(SIGN_IN)
    const userVerification = 'required'
    return await generateAuthenticationOptions({ rpID: rpId, challenge, userVerification })
  }

  /** What a browser is asked for to make a passkey: options of `create`, as JSON. */
  async offered({ id, login, name, factors }: Person, { rpId }: PasskeyPlace): Promise<object> {
    const { generateRegistrationOptions } = await import('@simplewebauthn/server')
    const own = factors.filter((one) => one.kind === 'passkey')
    return await generateRegistrationOptions({
      ...{ rpName: `PhotonWard ${this.#input.site}`, rpID: rpId },
      ...{ userName: login, userDisplayName: name, userID: new Uint8Array(utf8(id)) },
      challenge: this.#newChallenge(addingOf(id)),
      excludeCredentials: own.map(({ credential }) => ({ id: credential })),
      // Found by the authenticator itself: the page names nobody's.
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      supportedAlgorithmIDs: [...ALGORITHMS],
    })
  }

  /**
   * Keeps a passkey that was made. The caller has seen another second factor just now.
   *
   * @throws AccessRefusal `ACCESS_SECOND_FACTOR_DENIED` if it is not right, `ACCESS_PERSON_INVALID`
   */
  async add(id: string, { response, place }: ShownPasskey): Promise<void> {
    const { people, random, clock } = this.#input
    const { verifyRegistrationResponse } = await import('@simplewebauthn/server')
    let made
    try {
      made = await verifyRegistrationResponse({
        response: openRegistration(response),
        expectedChallenge: (challenge) => this.#takeChallenge(challenge, addingOf(id)),
        expectedOrigin: place.origin,
        expectedRPID: place.rpId,
        requireUserVerification: true,
        supportedAlgorithmIDs: [...ALGORITHMS],
      })
    } catch (cause) {
      throw denied(cause)
    }
    if (!made.verified) throw denied()
    const { id: credential, publicKey, counter } = made.registrationInfo.credential
    const factor: Passkey = {
      ...{ kind: 'passkey', id: newUuid(random), credential, counter, rpId: place.rpId },
      ...{ publicKey: new Uint8Array(publicKey), proven: true, since: clock.now() },
    }
    await people.update(id, (person) => withFactor(person, factor), {
      ...{ by: id, what: 'factor-added', detail: `passkey ${factor.id}` },
    })
  }

  /** Whether this is a passkey of the person, for here and now. What is not right is just not. */
  async isShown(person: Person, { response, place }: ShownPasskey): Promise<boolean> {
    const { verifyAuthenticationResponse } = await import('@simplewebauthn/server')
    try {
      const shown = openAuthentication(response)
      const factor = person.factors.find(
        (one): one is Passkey =>
          one.kind === 'passkey' && one.credential === shown.id && one.rpId === place.rpId,
      )
      if (factor === undefined) return false
      const { credential, publicKey, counter } = factor
      const { verified, authenticationInfo } = await verifyAuthenticationResponse({
        response: shown,
        expectedChallenge: (challenge) => this.#takeChallenge(challenge, SIGN_IN),
        expectedOrigin: place.origin,
        expectedRPID: place.rpId,
        // A count that does not grow is a copy, which the library refuses.
        credential: { id: credential, publicKey: new Uint8Array(publicKey), counter },
        requireUserVerification: true,
      })
      const { newCounter } = authenticationInfo
      if (verified && newCounter !== counter) await this.#count(person.id, factor.id, newCounter)
      return verified
    } catch {
      return false
    }
  }

  async #count(person: string, factor: string, counter: number): Promise<void> {
    await this.#input.people.update(
      person,
      (now) => ({
        ...now,
        factors: now.factors.map((one) =>
          one.kind === 'passkey' && one.id === factor ? { ...one, counter } : one,
        ),
      }),
      { by: person, what: 'factor-used', detail: factor },
    )
  }

  /** When it was made, something random, and a MAC over both and what it is for. */
  #newChallenge(purpose: string): Uint8Array<ArrayBuffer> {
    const { clock, random } = this.#input
    const octets = new Uint8Array(TIME_OCTETS + NONCE_OCTETS + MAC_OCTETS)
    new DataView(octets.buffer).setBigUint64(0, BigInt(clock.now()))
    octets.set(random.octets(NONCE_OCTETS), TIME_OCTETS)
    octets.set(this.#mac(octets, purpose), TIME_OCTETS + NONCE_OCTETS)
    return octets
  }

  async #takeChallenge(text: string, purpose: string): Promise<boolean> {
    const { clock, once } = this.#input
    const octets = Uint8Array.fromBase64(text, { alphabet: 'base64url' })
    if (octets.length !== TIME_OCTETS + NONCE_OCTETS + MAC_OCTETS) return false
    const mac = octets.subarray(TIME_OCTETS + NONCE_OCTETS)
    if (!sameSecret(mac, this.#mac(octets, purpose))) return false
    const until = epochMs(Number(new DataView(octets.buffer).getBigUint64(0)) + CHALLENGE_MS)
    return clock.now() < until && (await once.take(`passkey ${text}`, until))
  }

  #mac(octets: Uint8Array, purpose: string): Uint8Array {
    const { key, site } = this.#input
    const made = octets.subarray(0, TIME_OCTETS + NONCE_OCTETS).toHex()
    const said = utf8(`photonward/passkey-challenge/v1 ${site} ${purpose} ${made}`)
    return hmac('sha256', key.reveal(), said).subarray(0, MAC_OCTETS)
  }
}

const addingOf = (person: string): string => `add ${person}`

const denied = (cause?: unknown): AccessRefusal =>
  new AccessRefusal('ACCESS_SECOND_FACTOR_DENIED', 'The passkey is not right', { cause })

const Base64Url = Type.String({ pattern: '^[A-Za-z0-9_-]{1,16384}$' })
const Shown = {
  id: Base64Url,
  rawId: Base64Url,
  type: Type.Literal('public-key'),
  clientExtensionResults: Type.Object({}),
}
const openShownRegistration = door(
  Type.Object({
    ...Shown,
    response: Type.Object({ clientDataJSON: Base64Url, attestationObject: Base64Url }),
  }),
  'passkey',
)
const openShownAuthentication = door(
  Type.Object({
    ...Shown,
    response: Type.Object({
      clientDataJSON: Base64Url,
      authenticatorData: Base64Url,
      signature: Base64Url,
      userHandle: Type.Optional(Type.Union([Text(256), Type.Null()])),
    }),
  }),
  'passkey',
)
/** What of it counts, and nothing that came along. */
function openRegistration(text: string): RegistrationResponseJSON {
  const { id, rawId, type, response } = openShownRegistration(readJson(limited(text)))
  const { clientDataJSON, attestationObject } = response
  return {
    ...{ id, rawId, type, clientExtensionResults: {} },
    response: { clientDataJSON, attestationObject },
  }
}

function openAuthentication(text: string): AuthenticationResponseJSON {
  const { id, rawId, type, response } = openShownAuthentication(readJson(limited(text)))
  const { clientDataJSON, authenticatorData, signature } = response
  return {
    ...{ id, rawId, type, clientExtensionResults: {} },
    response: { clientDataJSON, authenticatorData, signature },
  }
}

function limited(text: string): Uint8Array {
  if (text.length <= RESPONSE_CHARACTERS_MAX) return utf8(text)
  throw denied()
}

const SIGN_IN = 'sign in'
const TIME_OCTETS = 8
const NONCE_OCTETS = 16
const MAC_OCTETS = 16
const CHALLENGE_MS = 10 * MINUTE_MS
const RESPONSE_CHARACTERS_MAX = 32_768
/** COSE: EdDSA, ES256, RS256. */
const ALGORITHMS = [-8, -7, -257] as const
