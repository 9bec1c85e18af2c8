/**
 * People at the console: signing in, what a session may ask, and FHIR on the console's own origin.
 *
 * A session of the operator (by a one-time link) asks every admin route and no record; that of a
 * person asks what the roles allow, and records as FHIR, where every answer is decided. What changes
 * anything has to bear a header that no page of another origin can send.
 *
 * @module
 */

import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { HttpRequest, HttpResponse } from '#base'
import { labRoutes, siteRoutes, type ConsoleSessionView } from '#contract'
import type { Arrival, Holder, HolderView, ShownFactor } from '#site'
import type { ConsoleSession } from './console-sessions.ts'
import { requestOf, send, type WebRequest } from './web-request.ts'

/** What the site knows of people: `SignedInPeople`. */
export interface ConsolePeople {
  signIn(
    typed: { readonly login: string; readonly password: string },
    shown: ShownFactor,
  ): Promise<Holder>
  fromOutside(arrival: Arrival, shown: ShownFactor): Promise<Holder>
  again(holder: Holder, shown: ShownFactor): Promise<Holder>
  /** What a browser at this origin is asked for; undefined where there are no passkeys. */
  passkeyAsked(origin: string): Promise<object | undefined>
  passkeyOffered(holder: Holder, origin: string): Promise<object | undefined>
  addPasskey(
    holder: Holder,
    made: { readonly response: string; readonly origin: string },
  ): Promise<void>
  removePasskey(holder: Holder, factor: string): Promise<Holder>
  /** Tells the log that a session was ended. */
  signOut(holder: Holder): Promise<void>
  standing(holder: Holder): Promise<HolderView | undefined>
  fhirFor(holder: Holder, request: WebRequest & HttpRequest): Promise<HttpResponse>
}

/** What a page is told of its session. @param view   of the person who holds it */
export function sessionView(
  { holder, beganAt }: ConsoleSession,
  view: HolderView | undefined,
): ConsoleSessionView {
  if (holder === undefined || view === undefined) {
    const routes = Object.keys({ ...siteRoutes, ...labRoutes })
    return { kind: 'operator', beganAt, person: null, secondFactorAt: null, routes }
  }
  const { secondFactorAt = null } = holder
  const { routes, roles, factors, ...who } = view
  const person = { ...who, roles: [...roles], factors: [...factors] }
  return { kind: 'person', beganAt, person, secondFactorAt, routes: [...routes] }
}

/** Serves FHIR to people; the session of a request was found good before. */
export function serveFhir(
  web: FastifyInstance,
  options: {
    readonly people: ConsolePeople
    /** Undefined for the operator. */
    readonly holderOf: (request: FastifyRequest) => Holder | undefined
    readonly bodyOctetsMax: number
  },
): void {
  const { people, holderOf, bodyOctetsMax: bodyLimit } = options
  web.all('/fhir/*', { bodyLimit }, async (request, reply) => {
    const holder = holderOf(request)
    if (holder === undefined) {
      return await send(reply, { status: 403, headers: { 'content-type': FHIR }, body: OPERATOR })
    }
    return await send(
      reply,
      await people.fhirFor(holder, { ...requestOf(request), client: undefined }),
    )
  })
}

const FHIR = 'application/fhir+json; charset=utf-8'
const OPERATOR = JSON.stringify({
  resourceType: 'OperationOutcome',
  issue: [
    {
      ...{ severity: 'error', code: 'forbidden' },
      diagnostics: 'The operator reads no records: sign in as somebody who may',
    },
  ],
})
