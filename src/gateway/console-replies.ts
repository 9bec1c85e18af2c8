/**
 * How the console answers what is not an admin route: sessions begun, and refusals.
 *
 * @module
 */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { noteOf, textOf, type Facts } from '#base'
import { cookieIn } from './cookies.ts'
import { GatewayRefusal } from './refusal.ts'
import { JSON_TYPE } from './web.ts'

/** The cookie of a session. */
export const cookieOf = ({ headers }: FastifyRequest): string => cookieIn(headers, COOKIE)

/** Answers with the cookie of a session that has begun. */
export const begun = (reply: FastifyReply, cookie: string): FastifyReply =>
  reply.header('set-cookie', `${COOKIE}=${cookie}; ${COOKIE_TERMS}`).type(JSON_TYPE).send('{}')

/** Answers that a session has ended. */
export const over = (reply: FastifyReply): FastifyReply =>
  reply.header('set-cookie', `${COOKIE}=; Max-Age=0; ${COOKIE_TERMS}`).type(JSON_TYPE).send('{}')

/** Answers with what a page needs to know. */
export const told = (reply: FastifyReply, body: unknown): FastifyReply =>
  reply.type(JSON_TYPE).send(JSON.stringify(body))

/** Answers with a refusal. @param more   facts for whoever asked alone, not for the log */
export function refuse(reply: FastifyReply, error: unknown, more: Facts = {}): FastifyReply {
  const { facts, ...note } = noteOf(error)
  return reply
    .code(STATUS[note.code] ?? 400)
    .type(JSON_TYPE)
    .send(JSON.stringify({ error: { ...note, facts: { ...facts, ...more } } }))
}

/** The body of a request. @throws GatewayRefusal `REQUEST_INVALID` */
export function jsonOf({ body }: FastifyRequest): unknown {
  try {
    return JSON.parse(textOf(body instanceof Uint8Array ? body : new Uint8Array(0)))
  } catch (cause) {
    throw new GatewayRefusal('REQUEST_INVALID', 'The body of the request is not JSON', { cause })
  }
}

const COOKIE = 'photonward'
const COOKIE_TERMS = 'Path=/; HttpOnly; SameSite=Strict'
const STATUS: Readonly<Record<string, number>> = {
  LOGIN_NEEDED: 401,
  LOGIN_REFUSED: 403,
  SIGN_IN_ABSENT: 404,
  PROVIDER_UNKNOWN: 404,
  PROVIDER_UNREACHABLE: 503,
  PROVIDER_REFUSED: 403,
  ACCESS_PERSON_UNBOUND: 403,
  ACCESS_SECOND_FACTOR_DENIED: 403,
  ACCESS_SIGN_IN_DENIED: 403,
  ACCESS_SIGN_IN_TRY_AGAIN: 429,
  ACCESS_SIGN_IN_BUSY: 503,
}
