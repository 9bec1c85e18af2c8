/**
 * What every interaction works with: the vault, the decision, and the request as understood.
 *
 * @module
 */

import type {
  Clock,
  Disk,
  HttpRequest,
  HttpResponse,
  Log,
  RandomSource,
  SiteId,
  Store,
} from '#base'
import { canonicalText, type JsonObject } from '#health'
import type { Act } from '#audit'
import type { Asked, Told, Vault } from '#vault'
import type { BulkJobs } from './bulk/jobs.ts'
import type { HookOptions, Hooks } from './hooks/hooks.ts'
import { Marking } from './marking.ts'
import { FHIR_JSON, type Preference } from './negotiation.ts'
import type { Way } from './provenance.ts'
import { FhirRefusal } from './refusal.ts'
import type { Routed } from './routes.ts'
import type { Action, Session } from './session.ts'

/** Path of the server on its listener. */
export const FHIR_BASE = '/fhir'

/** A request with its headers. */
export interface FhirRequest extends HttpRequest {
  /** A header by its lower-case name. */
  readonly header: (name: string) => string | undefined
}

/** What the host hands in. */
export interface FhirOptions {
  readonly site: SiteId
  readonly vault: Pick<
    Vault,
    | 'write'
    | 'consult'
    | 'instancePast'
    | 'past'
    | 'search'
    | 'walk'
    | 'referencesIndexed'
    | 'patientsLinkedTo'
    | 'showItem'
    | 'tellRefused'
    | 'events'
    | 'patientNamed'
  >
  readonly store: Store
  readonly disk: Disk
  readonly clock: Clock
  readonly random: RandomSource
  readonly log: Log
  /** A name that stands for another, for what is shown by pseudonyms; left out, none is. */
  readonly pseudonymOf?: (name: string) => string
  /** What a record says of one way of something received; left out, only its modes are told. */
  readonly wayOf?: ((record: Uint8Array) => Promise<Way>) | undefined
  /** Version of the software, for `/metadata`. */
  readonly version: string
  /** Octets of one file of an export; 8 MiB unless said. */
  readonly exportFileOctets?: number
  /** For subscriptions; without it none is taken in. */
  readonly hooks?: HookOptions | undefined
  /** Whether `Type/id` must lead to a resource of this site, or may lead anywhere: the default. */
  readonly references?: 'any' | 'here'
  /** URL under which clients reach this server; left out, as each request says. */
  readonly base?: string | undefined
  /** The caller of a request, or undefined for whoever is not known. */
  readonly authenticate: (
    request: FhirRequest,
  ) => Promise<Session | undefined> | Session | undefined
}

/** One request of a known caller, routed. */
export interface Call extends Routed {
  readonly options: FhirOptions
  readonly session: Session
  readonly request: FhirRequest
  /** Absolute URL of the server, without a slash at its end. */
  readonly base: string
  readonly preference: Preference
  /** Exports of this server. */
  readonly bulk: BulkJobs
  /** Name of the request, the client's own or one of ours. */
  readonly requestId: string
  readonly log: CallLog
  /** Subscriptions of this server, where it takes any in. */
  readonly hooks: Hooks | undefined
  /** What came with an entry of a Bundle, in the place of a body. */
  readonly sent?: JsonObject | undefined
}

/** What the log is told of a call, as it becomes known. */
export interface CallLog {
  /** Set once the log says that something was withheld: what looks absent is told once. */
  isTold: boolean
  readonly marking: Marking
}

export const newCallLog = (): CallLog => ({ isTold: false, marking: new Marking() })

/** An answer before it becomes octets. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly resource?: JsonObject
  /** Whether the resource tells what became of the request, and is not what was asked for. */
  readonly isOutcome?: boolean
  /** A body that is no resource. */
  readonly raw?: { readonly type: string; readonly body: string | Uint8Array }
}

/** Whether an interaction is allowed at all. @throws FhirRefusal `FHIR_FORBIDDEN` */
export async function checkAllowed(call: Pick<Call, 'session'>, action: Action, type?: string) {
  const decision = await call.session.decide({ action, type })
  if (!decision.permit) throw new FhirRefusal('FHIR_FORBIDDEN', decision.reason)
}

/** What the log is told of whoever asks: of a call, or of what goes on in the background. */
export interface Teller {
  readonly session: Session
  readonly request?: Pick<FhirRequest, 'address'>
  readonly requestId?: string
  readonly log: CallLog
}

/**
 * How the vault is asked: what the session may not see, it does not give out.
 *
 * @param query   the search, where it is one: `Observation?code=…`
 */
export const askedBy = (call: Teller, action: Action, act: Act, query?: string): Asked => ({
  actor: call.session.account.actor,
  act,
  told: toldBy(call, query),
  judge: async ({ type, value, holders }) => {
    const { permit } = await call.session.decide({ action, type, resource: value })
    // What single versions are shown to the judge is logged; of a search, its end is.
    if (!SEARCHES.includes(act)) call.log.isTold = true
    call.log.marking.note(value, holders)
    return permit
  },
})

/** What the events of a call tell of it. */
export function toldBy({ session, request, requestId, log }: Teller, query?: string): Told {
  const { account } = session
  const address = request?.address
  return {
    account: address === undefined ? account : { ...account, address },
    marked: (holder) => log.marking.of(holder),
    ...(requestId !== undefined && { request: requestId }),
    ...(query !== undefined && { query }),
  }
}

/** A search as its event tells it: what the URL says, and the form. */
export function searchText({ request }: Pick<Call, 'request'>): string {
  const below = request.path.slice(FHIR_BASE.length + 1)
  const form = request.method === 'POST' ? new TextDecoder().decode(request.body) : ''
  const parts = [request.query.toString(), form].filter((part) => part !== '')
  return parts.length === 0 ? below : `${below}?${parts.join('&')}`
}

const SEARCHES: readonly Act[] = ['find', 'match']

/** The octets of an answer. */
export function responseOf(
  { status, headers, resource, raw }: Answer,
  isPretty: boolean,
): HttpResponse {
  if (raw !== undefined) {
    return { status, headers: { ...headers, 'content-type': raw.type }, body: raw.body }
  }
  if (resource === undefined) return { status, ...(headers && { headers }), body: '' }
  const body = isPretty ? JSON.stringify(resource, undefined, 2) : canonicalText(resource)
  return { status, headers: { ...headers, 'content-type': `${FHIR_JSON}; charset=utf-8` }, body }
}
