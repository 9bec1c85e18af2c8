/**
 * What the daemon is asked: the admin API as every client has it, and records as FHIR. Nothing here
 * can do more than they allow.
 *
 * Records are asked for in FHIR batches, so that nothing of a patient stands in an address: neither
 * what is searched for nor the id of a resource.
 *
 * @module
 */

import type { AnswerOf, BodyOf, ConsoleRoutes, LabRoutes, QueryOf, SiteRoutes } from '#contract'
import { requestPath } from '#contract/request-path'
import { paths } from './paths.ts'
import { noteSession } from './place.ts'
import type { Resource } from './records/fhir.ts'

type Routes = SiteRoutes & LabRoutes & ConsoleRoutes
export type Asked = keyof typeof paths

/** What the daemon refused, or that it did not answer (`UNREACHABLE`). */
export class ApiRefusal extends Error {
  override readonly name = 'ApiRefusal'
  readonly code: string
  readonly facts: Readonly<Record<string, unknown>>

  constructor(code: string, message: string, facts: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.code = code
    this.facts = facts
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
  return (await send(method, `/api${requestPath(path, query)}`, body, { isUse })) as AnswerOf<
    Routes[Name]
  >
}

/** One interaction of FHIR, as an entry of a batch names it. */
export interface FhirAsked {
  readonly method: 'GET' | 'POST' | 'PUT'
  /** Below the base: `Patient/[id]/$everything?_count=100`. */
  readonly url: string
  /** For POST and PUT. */
  readonly resource?: Resource
}

/**
 * Asks the FHIR server, in the name of whoever is signed in.
 *
 * @param purpose   HL7 purpose of use; left out, what the work of the first role is for
 * @returns the resource of the answer; undefined where it has none
 * @throws ApiRefusal with the code of the OperationOutcome
 */
export async function askFhir(
  { method, url, resource }: FhirAsked,
  purpose?: string,
): Promise<Resource | undefined> {
  const entry = { request: { method, url }, ...(resource && { resource }) }
  const batch = { resourceType: 'Bundle', type: 'batch', entry: [entry] }
  const answer = (await send('POST', '/fhir/', batch, {
    isUse: true,
    headers: {
      'content-type': 'application/fhir+json',
      ...(purpose !== undefined && { 'x-purpose-of-use': purpose }),
    },
  })) as { readonly entry: readonly [FhirAnswer] }
  const [{ response, resource: found }] = answer.entry
  if (response.status.startsWith('2')) return found ?? response.outcome
  throw refusalOf(response.outcome)
}

interface FhirAnswer {
  readonly resource?: Resource
  readonly response: { readonly status: string; readonly outcome?: Resource }
}

/** Begins a session. */
export const logIn = (ticket: string): Promise<unknown> =>
  send('POST', '/login', { ticket }, { isUse: true })

/** Asks what is no route of the contract: signing in, and what belongs to it. */
export const post = (path: string, body: unknown): Promise<unknown> =>
  send('POST', path, body, { isUse: true })

/** Ends it. */
export const logOut = (): Promise<unknown> => send('POST', '/logout', null, { isUse: true })

async function send(
  method: string,
  path: string,
  body: unknown,
  about: { readonly isUse: boolean; readonly headers?: Readonly<Record<string, string>> },
): Promise<unknown> {
  const asking = about.isUse ? 'use' : 'poll'
  let response: Response
  try {
    response = await fetch(path, {
      method,
      headers: {
        'content-type': 'application/json',
        ...about.headers,
        'x-photonward': asking,
      },
      ...(body === null ? {} : { body: JSON.stringify(body) }),
    })
  } catch {
    throw new ApiRefusal('UNREACHABLE', '')
  }
  const answer = (await response.json()) as Failure
  if (response.ok) {
    noteSession()
    return answer
  }
  if (answer.resourceType === 'OperationOutcome') throw refusalOf(answer as Resource)
  const { code = 'UNREACHABLE', message = '', facts } = answer.error ?? {}
  throw new ApiRefusal(code, message, facts)
}

interface Failure {
  readonly resourceType?: string
  readonly error?: {
    readonly code: string
    readonly message: string
    readonly facts?: Readonly<Record<string, unknown>>
  }
}

/** What an OperationOutcome says first. */
function refusalOf(outcome: Resource | undefined): ApiRefusal {
  const issues = outcome?.['issue'] as readonly OutcomeIssue[] | undefined
  const { code = 'UNREACHABLE', details, diagnostics = '' } = issues?.[0] ?? {}
  return new ApiRefusal(details?.coding?.[0]?.code ?? code, diagnostics)
}

interface OutcomeIssue {
  readonly code?: string
  readonly diagnostics?: string
  readonly details?: { readonly coding?: readonly { readonly code?: string }[] }
}
