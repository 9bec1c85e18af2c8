/**
 * Requests of applications that one daemon of a site passes on to the one that leads, as octets.
 *
 * The daemon that was asked has verified the application's certificate; what it says of it is taken
 * as its own word, for it proves itself by the certificate of the site. Answers hold keys: they travel
 * over TLS 1.3 between two daemons of one site, and whoever has sent them on clears them.
 *
 * @module
 */

import {
  cborDoor,
  Exactly,
  Octets,
  Text,
  toCbor,
  Type,
  Whole,
  type HttpRequest,
  type HttpResponse,
} from '#base'
import type { StreamCall, StreamFrame } from '#kme'

/** A request of an application to the northern listener of another daemon. */
export const requestOctets = (request: HttpRequest): Uint8Array => {
  const { method, path, query, contentType, body, client } = request
  return toCbor({
    ...{ method, path, query: query.toString(), body },
    ...(contentType === undefined ? {} : { contentType }),
    ...(client === undefined ? {} : { client: clientOf(client) }),
  })
}

/** @throws ShapeRefusal */
export function readRequest(octets: Uint8Array): HttpRequest {
  const { query, contentType, client, ...rest } = openRequest(octets)
  return {
    ...rest,
    query: new URLSearchParams(query),
    contentType,
    client: client && certificateOf(client),
  }
}

/** The answer to a request that was passed on. */
export function answerOctets({ status, headers = {}, body }: HttpResponse): Uint8Array {
  if (typeof body === 'string')
    return toCbor({ status, headers: Object.entries(headers), text: body })
  const octets = toCbor({ status, headers: Object.entries(headers), body })
  body.fill(0)
  return octets
}

/** @throws ShapeRefusal */
export function readAnswer(octets: Uint8Array): HttpResponse {
  const { status, headers, body, text = '' } = openAnswer(octets)
  return { status, headers: Object.fromEntries(headers), body: body ?? text }
}

/** A call of GS QKD 004. */
export const callOctets = ({ service, body, client }: StreamCall): Uint8Array =>
  toCbor({ service, body, ...(client === undefined ? {} : { client: clientOf(client) }) })

/** @throws ShapeRefusal */
export function readCall(octets: Uint8Array): StreamCall {
  const { service, body, client } = openCall(octets)
  return { service, body, client: client && certificateOf(client) }
}

/** The answer to such a call. */
export function frameOctets({ service, body }: StreamFrame): Uint8Array {
  const octets = toCbor({ service, body })
  body.fill(0)
  return octets
}

/** @throws ShapeRefusal */
export const readFrame = (octets: Uint8Array): StreamFrame => openFrame(octets)

type Client = NonNullable<HttpRequest['client']>

const clientOf = ({ commonName, uriNames, serialNumber, fingerprint }: Client) => ({
  ...{ uriNames: [...uriNames], serialNumber, fingerprint },
  ...(commonName === undefined ? {} : { commonName }),
})

const certificateOf = (client: Omit<Client, 'commonName'> & { commonName?: string }): Client => ({
  commonName: undefined,
  ...client,
})

const BODY_OCTETS_MAX = 1024 * 1024
const MESSAGE_OCTETS_MAX = 2 * BODY_OCTETS_MAX
const HEADERS_MAX = 32

const ClientShape = Type.Optional(
  Exactly({
    commonName: Type.Optional(Text(1024)),
    uriNames: Type.Array(Text(2048), { maxItems: 256 }),
    serialNumber: Text(256),
    fingerprint: Text(128),
  }),
)
const openRequest = cborDoor(
  Exactly({
    method: Text(16, 1),
    path: Text(16_384),
    query: Text(16_384),
    contentType: Type.Optional(Text(1024)),
    body: Octets(0, BODY_OCTETS_MAX),
    client: ClientShape,
  }),
  'request passed on',
  MESSAGE_OCTETS_MAX,
)
const openAnswer = cborDoor(
  Exactly({
    status: Whole(100, 599),
    headers: Type.Array(Type.Tuple([Text(256), Text(4096)]), { maxItems: HEADERS_MAX }),
    body: Type.Optional(Octets(0, BODY_OCTETS_MAX)),
    text: Type.Optional(Text(BODY_OCTETS_MAX)),
  }),
  'answer passed on',
  MESSAGE_OCTETS_MAX,
)
const openCall = cborDoor(
  Exactly({ service: Whole(0, 255), body: Octets(0, BODY_OCTETS_MAX), client: ClientShape }),
  'call passed on',
  MESSAGE_OCTETS_MAX,
)
const openFrame = cborDoor(
  Exactly({ service: Whole(0, 255), body: Octets(0, BODY_OCTETS_MAX) }),
  'frame passed on',
  MESSAGE_OCTETS_MAX,
)
