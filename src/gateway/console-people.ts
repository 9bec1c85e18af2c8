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
import { door, Exactly, Text, type HttpRequest, type HttpResponse } from '#base'
import { labRoutes, siteRoutes, type ConsoleSessionView } from '#contract'
import type { Holder, HolderView } from '#site'
import type { ConsoleSession } from './console-sessions.ts'
import { GatewayRefusal } from './refusal.ts'
import { requestOf, send, type WebRequest } from './web-request.ts'

/** What the site knows of people: `SignedInPeople`. */
export interface ConsolePeople {
  signIn(credentials: {
    readonly login: string
    readonly password: string
    readonly code: string
    readonly source: string
  }): Promise<Holder>
  again(holder: Holder, shown: { readonly code: string; readonly source: string }): Promise<Holder>
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
  const { routes, roles, ...who } = view
  const person = { ...who, roles: [...roles] }
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

/** What somebody types to sign in. @throws ShapeRefusal */
export const openSignIn = door(
  Exactly({ login: Text(64, 1), password: Text(512, 1), code: Text(16) }),
  'sign-in',
)
export const openCode = door(Exactly({ code: Text(16, 1) }), 'second factor')

/** @throws GatewayRefusal `SIGN_IN_ABSENT` where a site has no people */
export function peopleHere(people: ConsolePeople | undefined): ConsolePeople {
  if (people !== undefined) return people
  throw new GatewayRefusal('SIGN_IN_ABSENT', 'Nobody signs in here: a trusted node has no people')
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
