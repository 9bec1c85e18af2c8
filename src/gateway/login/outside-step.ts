/**
 * Signing in for an app by a provider outside: out of the sign-in page, and back to it.
 *
 * A browser carries a secret on its way to the provider, and another one, for this sign-in alone, when
 * it is back: cookies that no page of another origin can read or set.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { cookieIn } from '../cookies.ts'
import type { Arrived, OutsideDesk } from './arrivals.ts'

/** Sends a browser to a provider. @throws GatewayRefusal as `OutsideProviders.depart` */
export async function sendOutside(
  { providers }: OutsideDesk,
  response: ServerResponse,
  to: {
    readonly provider: string
    readonly issuer: string
    readonly uid: string
    readonly source: string
  },
): Promise<void> {
  const { provider, issuer, uid: about, source } = to
  const redirectUri = `${issuer}/from/${provider}`
  const { url, secret } = await providers.depart(provider, { redirectUri, about, source })
  const cookie = `${AWAY}=${secret}; Path=/auth/from/; Max-Age=600; ${TERMS}`
  response.writeHead(303, { location: url.href, 'set-cookie': cookie }).end()
}

/** Takes a browser in that is back. @returns false if it did not set out from here */
export async function takeIn(
  { arrivals }: OutsideDesk,
  { url = '', headers }: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  const { pathname, searchParams: query } = new URL(url, 'https://site.invalid')
  const name = pathname.slice('/auth/from/'.length)
  const taken = await arrivals.take({ secret: cookieIn(headers, AWAY), name, query })
  if (taken === undefined) return false
  const { about: uid, secret } = taken
  const place = `/auth/sign-in/${uid}`
  const cookies = [
    `${AWAY}=; Path=/auth/from/; Max-Age=0; ${TERMS}`,
    `${BACK}=${secret}; Path=${place}; Max-Age=600; ${TERMS}`,
  ]
  response.writeHead(303, { location: place, 'set-cookie': cookies }).end()
  return true
}

/** What a browser has come back with for this sign-in. */
export const arrivedFor = (
  desk: OutsideDesk | undefined,
  { headers }: IncomingMessage,
  uid: string,
): Arrived | undefined => desk?.arrivals.of(cookieIn(headers, BACK), uid)

/** The sign-in is through. */
export const forgetArrival = (desk: OutsideDesk | undefined, { headers }: IncomingMessage): void =>
  desk?.arrivals.forget(cookieIn(headers, BACK))

const AWAY = 'photonward_away'
const BACK = 'photonward_back'
// Not `Strict`: a browser that comes back comes from another site.
const TERMS = 'HttpOnly; Secure; SameSite=Lax'
