/**
 * Desks: the ways in which the FHIR server knows whoever asks, besides certificates.
 *
 * A token is taken from its header alone, and whoever brings one is whoever it says, or nobody: it is
 * never a certificate that lets a bad token pass. People who have signed in at the console are known
 * by their session, which the host has looked up before.
 *
 * @see RFC 6750 §2.1
 * @module
 */

import type { Clock, HttpResponse } from '#base'
import {
  AccessRefusal,
  purposeOf,
  PURPOSE_HEADER,
  type Bearer,
  type Caller,
  type Tokens,
} from '#access'
import { FhirRefusal, type Fhir, type FhirRequest } from '#fhir'

/** Whom a request comes from, if this desk knows. */
export type Desk = (request: FhirRequest) => Promise<Caller | undefined> | Caller | undefined

/** The desk for tokens of this site. */
export const bearerDesk =
  (tokens: Tokens): Desk =>
  async (request) => {
    const said = request.header('authorization')
    if (said === undefined) return undefined
    const [scheme, token = '', ...rest] = said.split(' ')
    try {
      if (scheme.toLowerCase() !== 'bearer' || rest.length > 0) throw nobody()
      return callerFor(await tokens.bearerOf(token), request)
    } catch (error) {
      const isBad = error instanceof AccessRefusal && BAD.includes(error.code)
      throw isBad ? nobody(error) : error
    }
  }

/** The desk for people who have signed in. Knows requests only while they are answered. */
export class SignedInDesk {
  readonly #clock: Clock
  readonly #bearers = new WeakMap<FhirRequest, Bearer>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  readonly desk: Desk = (request) => {
    const bearer = this.#bearers.get(request)
    return bearer && callerFor(bearer, request)
  }

  /** Answers a request of somebody who has signed in. */
  async handle(fhir: Fhir, bearer: Bearer, request: FhirRequest): Promise<HttpResponse> {
    const { token } = bearer
    if (this.#clock.now() < token.expiresAt) this.#bearers.set(request, bearer)
    return await fhir.handle(request)
  }
}

const callerFor = (bearer: Bearer, { header }: FhirRequest): Caller => ({
  ...bearer,
  purpose: purposeOf(bearer.principal.roles, header(PURPOSE_HEADER)),
})

const nobody = (cause?: unknown): FhirRefusal => {
  const message = 'The token is not valid here, or no longer'
  return new FhirRefusal('FHIR_CALLER_UNKNOWN', message, cause === undefined ? {} : { cause })
}

const BAD: readonly string[] = ['ACCESS_TOKEN_INVALID', 'ACCESS_SCOPE_INVALID']
