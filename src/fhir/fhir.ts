/**
 * The FHIR R4 server: requests in, responses out.
 *
 * Routes a request, asks who it comes from, lets the interaction answer it, and turns whatever goes
 * wrong into an OperationOutcome. Pure: the host brings the listener and the certificates, the
 * vault keeps and logs.
 *
 * @module
 */

import { assert, AssertionFailure, logFacts, newUuid, type HttpResponse } from '#base'
import { bundle } from './batch.ts'
import { endExport, exportFile, exportRecords, exportStatus } from './bulk/bulk.ts'
import { BulkJobs } from './bulk/jobs.ts'
import { capabilityStatement } from './capability.ts'
import {
  FHIR_BASE,
  newCallLog,
  responseOf,
  type Answer,
  type Call,
  type FhirOptions,
  type FhirRequest,
} from './context.ts'
import { Hooks } from './hooks/hooks.ts'
import { history, instanceHistory } from './history.ts'
import { summary } from './ips/ips.ts'
import { match } from './matching.ts'
import { merge, unmerge } from './merging.ts'
import { checkAccepted, preferenceOf } from './negotiation.ts'
import { refusedBy } from './outcome.ts'
import { patch } from './patching.ts'
import { readEvent, searchEvents } from './events.ts'
import { breakGlass, endGlass, openGlass } from './glass.ts'
import { provenance } from './provenance.ts'
import { read, unmask, vread } from './reading.ts'
import { FhirRefusal } from './refusal.ts'
import { tracked } from './showing.ts'
import { routeOf, type Interaction } from './routes.ts'
import { everything, search, searchCompartment } from './searching.ts'
import { send, transfers } from './sending.ts'
import { validate } from './validating.ts'
import { strangers, tellRefused, type TellStranger } from './telling.ts'
import { conditionalDelete, conditionalUpdate, create, remove, update } from './writing.ts'

/** A FHIR server over one vault. */
export interface Fhir extends Disposable {
  /** Answers one request; what is not under `FHIR_BASE` is refused too. Never rejects. */
  handle(request: FhirRequest): Promise<HttpResponse>
}

/** A server; what it does in the background ends when it is disposed. */
export function createFhir(options: FhirOptions): Fhir {
  const bulk = new BulkJobs(options)
  const hooks = options.hooks && new Hooks(options, options.hooks)
  const server = { options, bulk, hooks, tellStranger: strangers(options) }
  return {
    handle: (request) => handle(server, request),
    [Symbol.dispose]: () => {
      hooks?.[Symbol.dispose]()
      bulk[Symbol.dispose]()
    },
  }
}

/** What all requests of a server share. */
interface Server extends Pick<Call, 'options' | 'bulk' | 'hooks'> {
  readonly tellStranger: TellStranger
}

async function handle(server: Server, request: FhirRequest): Promise<HttpResponse> {
  const { options } = server
  const id = requestIdOf(options, request)
  const isPretty = request.query.get('_pretty') === 'true'
  let answer: Answer
  try {
    answer = await answerTo(server, request, id)
  } catch (error) {
    answer = refusedAnswer(options, error)
  }
  const headers = { ...answer.headers, 'x-request-id': id }
  const response = responseOf({ ...answer, headers }, isPretty)
  return request.method === 'HEAD' ? { ...response, body: '' } : response
}

async function answerTo(
  { options, bulk, hooks, tellStranger }: Server,
  request: FhirRequest,
  requestId: string,
): Promise<Answer> {
  const { method, path, query } = request
  if (path !== FHIR_BASE && !path.startsWith(`${FHIR_BASE}/`)) {
    throw new FhirRefusal('FHIR_PATH_UNKNOWN', `The FHIR server is at ${FHIR_BASE}`)
  }
  const below = path.slice(FHIR_BASE.length).replace(/^\/|\/$/g, '')
  const routed = routeOf(method, below, query)
  // A file of lines, and what lists such files, are no resources.
  if (!RAW.includes(routed.interaction)) {
    checkAccepted(request.header('accept'), query.get('_format'))
  }
  const base = options.base ?? `https://${request.header('host') ?? 'localhost'}${FHIR_BASE}`
  if (routed.interaction === 'capabilities') {
    return { status: 200, resource: capabilityStatement(options, base) }
  }
  const known = await options.authenticate(request)
  if (known === undefined) {
    await tellStranger(request, requestId)
    throw new FhirRefusal('FHIR_CALLER_UNKNOWN', 'The certificate names no client of this server')
  }
  const session = tracked(known, options)
  const preference = preferenceOf(request.header('prefer'))
  const about = { options, bulk, hooks, session, request, base, preference, requestId }
  const call: Call = { ...routed, ...about, log: newCallLog() }
  if (routed.interaction !== 'bundle') return await told(call)
  try {
    return await bundle(call, (entry) => perform(entry))
  } catch (error) {
    await tellRefused(call, error)
    throw error
  }
}

/** Answers a call, and tells the log if it is refused. */
async function told(call: Call): Promise<Answer> {
  try {
    return await interactionOf(call)(call)
  } catch (error) {
    await tellRefused(call, error)
    throw error
  }
}

/** Answers an entry of a Bundle, whatever becomes of it. */
async function perform(call: Call): Promise<Answer> {
  try {
    return await told(call)
  } catch (error) {
    return refusedAnswer(call.options, error)
  }
}

function interactionOf({ interaction }: Call): (call: Call) => Promise<Answer> {
  assert(interaction !== 'bundle' && interaction !== 'capabilities', 'these do not nest')
  return INTERACTIONS[interaction]
}

const INTERACTIONS: Readonly<
  Record<Exclude<Interaction, 'capabilities' | 'bundle'>, (call: Call) => Promise<Answer>>
> = {
  'history-system': history,
  'history-type': history,
  'history-instance': instanceHistory,
  create,
  read: async (call) => (await readEvent(call)) ?? (await read(call)),
  vread,
  unmask,
  provenance,
  'break-glass': breakGlass,
  'open-glass': openGlass,
  'end-glass': endGlass,
  send,
  transfers,
  update,
  'update-conditional': conditionalUpdate,
  patch,
  'patch-conditional': patch,
  delete: remove,
  'delete-conditional': conditionalDelete,
  validate,
  'search-system': search,
  'search-type': async (call) => (await searchEvents(call)) ?? (await search(call)),
  'search-compartment': searchCompartment,
  everything,
  summary,
  // Loaded when it is first asked for: the schema of all of R4 is large.
  graphql: async (call) => await (await import('./graphql/graphql.ts')).graphql(call),
  match,
  merge,
  unmerge,
  'export-system': exportRecords,
  'export-patients': exportRecords,
  'export-group': exportRecords,
  'export-status': exportStatus,
  'export-end': endExport,
  'export-file': exportFile,
}

function refusedAnswer({ log }: FhirOptions, error: unknown): Answer {
  try {
    const { status, outcome, headers } = refusedBy(error)
    if (status >= 500) log.write('error', 'fhir.failed', logFacts(error))
    return { status, resource: outcome, isOutcome: true, ...(headers && { headers }) }
  } catch (bug) {
    if (bug instanceof AssertionFailure) throw bug
    log.write('error', 'fhir.failed', logFacts(bug))
    const message = 'The server cannot answer this request'
    const { status, outcome } = refusedBy(new FhirRefusal('FHIR_UNAVAILABLE', message))
    return { status, resource: outcome, isOutcome: true }
  }
}

/** The client's name for its request, if it is one; a name of ours otherwise. */
function requestIdOf({ random }: FhirOptions, request: FhirRequest): string {
  const given = request.header('x-request-id')
  return given !== undefined && REQUEST_ID.test(given) ? given : newUuid(random)
}

const RAW: readonly Interaction[] = ['export-status', 'export-file', 'graphql']
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/
