/**
 * RESTCONF over the tree of ETSI GS QKD 015: a function from request to answer.
 *
 * No socket and no TLS: the listener hands over a request with its verified client certificate.
 * JSON only. Every error has the body of RFC 8040 §3.9.
 *
 * Lets in whoever the configuration names as a controller, and nobody else; a controller never sees
 * a key.
 *
 * @see RFC 8040, RFC 7951
 * @module
 */

import {
  AssertionFailure,
  logFacts,
  type ClientCertificate,
  type HttpResponse,
  type Log,
} from '#base'
import { callerOf } from '#kme'
import {
  API_RESOURCE,
  DESCRIBING_TREES,
  HOST_META,
  STREAM_PATH,
  YANG_LIBRARY,
} from './describing.ts'
import { editsOf, type Edit, type EditRequest, type EditScene } from './edits.ts'
import type { Events } from './events.ts'
import { errorBody, invalid, RESTCONF_ERRORS, RestconfRefusal } from './refusal.ts'
import { at, selected, selectionOf, stepsOf, type Step } from './select.ts'
import type { Steering } from './steering.ts'
import { NODE_MODULE, nodeTree, type YangObject } from './tree.ts'

/** A request of a controller. */
export interface ControlRequest {
  readonly method: string
  /** Path without query, still percent-encoded. */
  readonly path: string
  readonly query: URLSearchParams
  readonly contentType: string | undefined
  readonly body: Uint8Array
  readonly client: ClientCertificate | undefined
  /** A header by its lower-case name. */
  readonly header: (name: string) => string | undefined
}

/** An answer: whole, or a stream of texts that goes on. */
export type ControlAnswer =
  HttpResponse | (Omit<HttpResponse, 'body'> & { readonly stream: AsyncIterable<string> })

/** Who may do what, by the name in the certificate. */
export type Controllers = ReadonlyMap<string, 'read' | 'steer'>

export interface RestconfInput {
  readonly controllers: Controllers
  readonly surroundings: () => EditScene
  readonly steering: Pick<Steering, 'apply'>
  readonly events: Pick<Events, 'read'>
  readonly log: Log
}

/** Answers one request. Rejects only with a bug of ours (`AssertionFailure`). */
export async function answer(
  input: RestconfInput,
  request: ControlRequest,
): Promise<ControlAnswer> {
  const isHead = request.method === 'HEAD'
  try {
    const { name, may } = callerIn(input, request)
    const asked = isHead ? { ...request, method: 'GET' } : request
    if (may === 'read' && !['GET', 'OPTIONS'].includes(asked.method)) {
      throw new RestconfRefusal('RESTCONF_ACCESS_DENIED', 'This controller may only read')
    }
    const reply = await answerTo(input, asked, { name, isHead })
    return isHead && 'body' in reply ? { ...reply, body: '' } : reply
  } catch (error) {
    if (error instanceof AssertionFailure) throw error
    const reply = refused(input, error)
    return isHead ? { ...reply, body: '' } : reply
  }
}

function callerIn({ controllers }: RestconfInput, { client }: ControlRequest) {
  const name = callerOf(client)
  const may = name === undefined ? undefined : controllers.get(name)
  if (name !== undefined && may !== undefined) return { name, may }
  const message = 'The client certificate names no controller of this site'
  throw new RestconfRefusal('RESTCONF_ACCESS_DENIED', message)
}

async function answerTo(
  input: RestconfInput,
  request: ControlRequest,
  { name, isHead }: { readonly name: string; readonly isHead: boolean },
): Promise<ControlAnswer> {
  const { path, method, query } = request
  if (path === DATA || path.startsWith(`${DATA}/`)) return dataAnswer(input, request, name)
  const resource = Object.hasOwn(FIXED, path) ? FIXED[path] : undefined
  if (resource === undefined && path !== STREAM_PATH && path !== HOST_META_PATH) {
    throw new RestconfRefusal('RESTCONF_NOT_FOUND', 'There is nothing at this path')
  }
  if (method === 'OPTIONS') return options('GET, HEAD, OPTIONS')
  if (method !== 'GET') throw notAllowed()
  if (query.size > 0) throw invalid('This resource takes no query parameters')
  if (path === STREAM_PATH) return streamAnswer(input, request, isHead)
  if (resource === undefined) {
    return { status: 200, headers: { 'content-type': 'application/xrd+xml' }, body: HOST_META }
  }
  checkAccept(request, JSON_TYPES)
  return json(200, resource)
}

function streamAnswer(
  { events }: RestconfInput,
  request: ControlRequest,
  isHead: boolean,
): ControlAnswer {
  checkAccept(request, ['text/event-stream'])
  const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-store' }
  if (isHead) return { status: 200, headers, body: '' }
  return { status: 200, headers, stream: events.read(request.header('last-event-id')) }
}

async function dataAnswer(
  input: RestconfInput,
  request: ControlRequest,
  actor: string,
): Promise<ControlAnswer> {
  const { method, query } = request
  const steps = stepsOf(request.path.slice(DATA.length + 1))
  switch (method) {
    case 'GET':
      checkAccept(request, JSON_TYPES)
      return read(input, steps, query)
    case 'OPTIONS':
      return {
        ...options(DATA_METHODS),
        headers: { allow: DATA_METHODS, 'accept-patch': YANG_JSON },
      }
    case 'PATCH':
    case 'PUT':
    case 'POST':
    case 'DELETE':
      if (query.size > 0) throw invalid('An edit takes no query parameters')
      return edit(input, { method, steps, body: request.body }, { actor, request })
    default:
      throw notAllowed()
  }
}

function read(
  { surroundings }: RestconfInput,
  steps: readonly Step[],
  query: URLSearchParams,
): HttpResponse {
  const selection = selectionOf(query)
  const root = {
    [`${NODE_MODULE}:qkd_node`]: nodeTree(surroundings().facts),
    ...DESCRIBING_TREES,
  }
  const { name, value } = steps.length === 0 ? { name: '', value: root } : at(root, steps)
  const left = selected({ name, value }, selection)
  if (left === undefined) {
    throw new RestconfRefusal('RESTCONF_NOT_FOUND', 'Nothing at this path is of this content')
  }
  return json(200, { [name === '' ? 'ietf-restconf:data' : name]: left })
}

async function edit(
  { steering, surroundings }: RestconfInput,
  wanted: EditRequest,
  { actor, request }: { readonly actor: string; readonly request: ControlRequest },
): Promise<HttpResponse> {
  if (wanted.method !== 'DELETE' && !isYangJson(request.contentType)) {
    throw new RestconfRefusal('RESTCONF_MEDIA_TYPE', `Expected a body of type ${YANG_JSON}`)
  }
  const done = await steering.apply(actor, () => editsOf(surroundings(), wanted))
  const [made] = done.filter((one): one is Extract<Edit, { kind: 'pin' }> => one.kind === 'pin')
  if ((made as typeof made | undefined)?.isNew !== true) return { status: 204, body: '' }
  const location = `${DATA}/${NODE_MODULE}:qkd_node/qkd_links/qkd_link=${made.pin.id}`
  return { status: 201, headers: { location }, body: '' }
}

function refused({ log }: RestconfInput, error: unknown): HttpResponse {
  if (!(error instanceof RestconfRefusal)) {
    log.write('error', 'control.failed', logFacts(error))
    const body = errorBody('operation-failed', 'The site cannot answer at the moment')
    return { status: 500, headers: { 'content-type': YANG_JSON }, body }
  }
  const { code, message } = error
  const { status, tag } = RESTCONF_ERRORS[code]
  const type = code === 'RESTCONF_INVALID' || code === 'RESTCONF_MALFORMED' ? 'protocol' : undefined
  const headers = {
    'content-type': YANG_JSON,
    ...(status === 405 ? { allow: DATA_METHODS } : {}),
    ...(status === 503 ? { 'retry-after': '1' } : {}),
  }
  return { status, headers, body: errorBody(tag, message, type) }
}

const json = (status: number, body: YangObject): HttpResponse => ({
  status,
  headers: { 'content-type': YANG_JSON, 'cache-control': 'no-store' },
  body: JSON.stringify(body),
})

const options = (allow: string): HttpResponse => ({ status: 200, headers: { allow }, body: '' })

/** Without a header, or with one that a range matches, anything will do (RFC 9110 §12.5.1). */
function checkAccept({ header }: ControlRequest, types: readonly string[]): void {
  const accept = header('accept')
  if (accept === undefined || accept.trim() === '') return
  const ranges = accept.split(',').map((range) => range.split(';')[0].trim().toLowerCase())
  const fits = types.some((type) =>
    [type, `${type.split('/')[0]}/*`, '*/*'].some((range) => ranges.includes(range)),
  )
  if (fits) return
  const message = `This resource comes as ${types[0]} only`
  throw new RestconfRefusal('RESTCONF_NOT_ACCEPTABLE', message)
}

const isYangJson = (contentType: string | undefined): boolean =>
  JSON_TYPES.includes((contentType ?? '').split(';')[0].trim().toLowerCase())

const notAllowed = () =>
  new RestconfRefusal('RESTCONF_NOT_SUPPORTED', 'The resource does not know this method')

export const YANG_JSON = 'application/yang-data+json'
/** Controllers in the field ask for plain JSON; the data is the same. */
const JSON_TYPES = [YANG_JSON, 'application/json']
const DATA = '/restconf/data'
const DATA_METHODS = 'GET, HEAD, OPTIONS, PATCH, PUT, POST, DELETE'

const HOST_META_PATH = '/.well-known/host-meta'
const FIXED: Readonly<Partial<Record<string, YangObject>>> = {
  '/restconf': API_RESOURCE,
  '/restconf/operations': { 'ietf-restconf:operations': {} },
  '/restconf/yang-library-version': { 'ietf-restconf:yang-library-version': YANG_LIBRARY },
}
