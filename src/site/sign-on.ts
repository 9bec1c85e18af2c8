/**
 * Signing on to the FHIR server: where tokens are to be had, and how.
 *
 * Stands before the FHIR server on its listener. Says where tokens are to be had, and gives them to
 * backend services; to apps of people the host gives them, by what `authorizing` decides. Whom a token
 * that comes back belongs to, `fhir-desks` says.
 *
 * @see SMART App Launch 2.2.0, Conformance and Backend Services; RFC 6749 §5; RFC 6750 §3
 * @module
 */

import type { HttpResponse } from '#base'
import { ASSERTION_ALGORITHMS, type TokenAnswer, type Tokens } from '#access'
import type { FhirRequest } from '#fhir'
import type { SiteConfiguration } from './config.ts'

/** Addresses of a site that issues tokens, as clients meet them. */
export interface SignOnPlaces {
  /** Base URL of the FHIR server: what tokens are for. */
  readonly base: string
  readonly issuer: string
  readonly tokenUrl: string
  /** Where an app sends people to sign in and to grant. */
  readonly authorizeUrl: string
}

/** Where tokens are to be had, if the configuration says that there are any. */
export function signOnPlaces({ fhir }: Pick<SiteConfiguration, 'fhir'>): SignOnPlaces | undefined {
  if (fhir?.tokens !== true) return undefined
  const { host, port } = fhir.listen
  const named = host.includes(':') ? `[${host}]` : host
  const base = fhir.base ?? `https://${named}:${port}/fhir`
  const issuer = `${new URL(base).origin}${AUTH}`
  return { base, issuer, tokenUrl: `${issuer}/token`, authorizeUrl: `${issuer}/authorize` }
}

/** Answers what is about signing on; undefined for what is for the FHIR server. */
export async function answerSignOn(
  request: FhirRequest,
  { places, tokens }: { readonly places: SignOnPlaces; readonly tokens: Tokens },
): Promise<HttpResponse | undefined> {
  const { method, path } = request
  if (path === '/fhir/.well-known/smart-configuration') {
    return method === 'GET' ? json(200, smartConfiguration(places)) : notAllowed('GET')
  }
  if (path !== `${AUTH}/token`) return undefined
  if (method !== 'POST') return notAllowed('POST')
  if (request.contentType?.split(';')[0].trim().toLowerCase() !== FORM) {
    const error = 'invalid_request'
    return json(400, { error, error_description: `Expected a body of type ${FORM}` })
  }
  if (request.body.length > FORM_OCTETS_MAX) return json(413, { error: 'invalid_request' })
  return answerOf(await tokens.grant(new URLSearchParams(new TextDecoder().decode(request.body))))
}

/** An answer to nobody in particular says how to become somebody (RFC 6750 §3). */
export const challenged = (answer: HttpResponse): HttpResponse =>
  answer.status === 401
    ? { ...answer, headers: { ...answer.headers, 'www-authenticate': 'Bearer' } }
    : answer

const smartConfiguration = ({ issuer, tokenUrl, authorizeUrl }: SignOnPlaces) => ({
  issuer,
  jwks_uri: `${issuer}/jwks`,
  authorization_endpoint: authorizeUrl,
  token_endpoint: tokenUrl,
  revocation_endpoint: `${issuer}/revoke`,
  token_endpoint_auth_methods_supported: ['private_key_jwt', 'none'],
  token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
  grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials'],
  response_types_supported: ['code'],
  scopes_supported: [
    ...['openid', 'fhirUser', 'profile', 'launch', 'launch/patient'],
    ...['offline_access', 'online_access'],
    ...['patient/*.cruds', 'user/*.cruds', 'system/*.cruds'],
  ],
  code_challenge_methods_supported: ['S256'],
  capabilities: [
    ...['launch-ehr', 'launch-standalone', 'client-public', 'client-confidential-asymmetric'],
    ...['sso-openid-connect', 'context-ehr-patient', 'context-standalone-patient'],
    ...['permission-offline', 'permission-online', 'permission-patient', 'permission-user'],
    ...['permission-v1', 'permission-v2'],
  ],
})

function answerOf(answer: TokenAnswer): HttpResponse {
  if (answer.kind === 'granted') {
    const { accessToken, seconds, scope } = answer
    const body = { access_token: accessToken, token_type: 'bearer', expires_in: seconds, scope }
    return json(200, body)
  }
  const { error, description } = answer
  return json(error === 'invalid_client' ? 401 : 400, { error, error_description: description })
}

const json = (status: number, body: unknown): HttpResponse => ({
  status,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  body: JSON.stringify(body),
})

const notAllowed = (allow: string): HttpResponse => ({ status: 405, headers: { allow }, body: '' })

const AUTH = '/auth'
const FORM = 'application/x-www-form-urlencoded'
/** A signed assertion has some kilobytes, with ML-DSA up to ten. */
const FORM_OCTETS_MAX = 65_536
