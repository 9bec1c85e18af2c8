/**
 * The admin API of the site, as every client has it; nothing here can do more.
 *
 * @module
 */

import type { AnswerOf, BodyOf, QueryOf, LabRoutes, SiteRoutes } from '#contract'
import { requestPath } from '#contract/request-path'
import { paths } from './paths.ts'
import { noteSession } from './place.ts'

type Routes = SiteRoutes & LabRoutes
export type Asked = keyof typeof paths

/** What the daemon refused, or that it did not answer (`UNREACHABLE`). */
export class ApiRefusal extends Error {
  override readonly name = 'ApiRefusal'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** Asks a route. @param isUse   whether a person has asked, or the page by itself */
export async function ask<Name extends Asked>(
  name: Name,
  query: QueryOf<Routes[Name]>,
  body: BodyOf<Routes[Name]>,
  isUse = false,
): Promise<AnswerOf<Routes[Name]>> {
  const [method, path] = paths[name]
  return (await send(method, `/api${requestPath(path, query)}`, body, isUse)) as AnswerOf<
    Routes[Name]
  >
}

/** Begins a session. */
export const logIn = (ticket: string): Promise<unknown> => send('POST', '/login', { ticket }, true)

/** Begins a session of a person; the code is empty for whoever has no second factor. */
export const signIn = (credentials: {
  readonly login: string
  readonly password: string
  readonly code: string
}): Promise<unknown> => send('POST', '/sign-in', credentials, true)

/** Ends it. */
export const logOut = (): Promise<unknown> => send('POST', '/logout', null, true)

async function send(method: string, path: string, body: unknown, isUse: boolean): Promise<unknown> {
  let response: Response
  try {
    response = await fetch(path, {
      method,
      headers: { 'x-photonward': isUse ? 'use' : 'poll', 'content-type': 'application/json' },
      ...(body === null ? {} : { body: JSON.stringify(body) }),
    })
  } catch {
    throw new ApiRefusal('UNREACHABLE', '')
  }
  const answer = (await response.json()) as { error?: { code: string; message: string } }
  if (response.ok) {
    noteSession()
    return answer
  }
  const { code = 'UNREACHABLE', message = '' } = answer.error ?? {}
  throw new ApiRefusal(code, message)
}
