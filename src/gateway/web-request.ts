/**
 * Between Fastify and handlers of ours: a request as octets, and the answer on its way out.
 *
 * Requests without a body, most of all those of GS QKD 014, need nothing of what Fastify does; they are
 * read and answered without it, in the same words and with the same headers.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline, Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { HttpRequest, HttpResponse } from '#base'
import { JSON_TYPE, SECURITY_HEADERS } from './web.ts'

/** A request with its headers; who asks is for its listener to say. */
export interface WebRequest extends Omit<HttpRequest, 'client'> {
  /** A header by its lower-case name. */
  readonly header: (name: string) => string | undefined
}

/** An answer that goes on: texts, sent as they come. */
export interface StreamedResponse extends Omit<HttpResponse, 'body'> {
  readonly stream: AsyncIterable<string>
}

/** Whether a request has no body, and nothing in it that is to be decoded or refused. */
export function isPlain({ method, url = '', headers }: IncomingMessage): boolean {
  if (method !== 'GET' || headers.host === undefined || !PLAIN_TARGET.test(url)) return false
  return BODY_HEADERS.every((name) => headers[name] === undefined)
}

/** What was asked; the body as octets of its own, empty if there is none. */
export const requestOf = ({ raw, body }: FastifyRequest): WebRequest =>
  plainRequestOf(raw, body instanceof Uint8Array ? new Uint8Array(body) : undefined)

/** What was asked, of a request that Fastify has not seen. */
export function plainRequestOf(raw: IncomingMessage, body = new Uint8Array(0)): WebRequest {
  const { url = '/' } = raw
  const end = url.indexOf('?')
  return {
    method: raw.method ?? 'GET',
    path: end < 0 ? url : url.slice(0, end),
    query: new URLSearchParams(end < 0 ? '' : url.slice(end + 1)),
    contentType: raw.headers['content-type'],
    body,
    address: raw.socket.remoteAddress,
    header: (name) => {
      const value = raw.headers[name]
      return typeof value === 'string' ? value : undefined
    },
  }
}

/** Answers; a text is JSON unless its headers say otherwise. */
export function send(reply: FastifyReply, answer: HttpResponse | StreamedResponse): FastifyReply {
  const { status, headers } = answer
  reply.code(status)
  if ('body' in answer && typeof answer.body === 'string') reply.type(JSON_TYPE)
  for (const [name, value] of Object.entries(headers ?? {})) reply.header(name, value)
  if ('stream' in answer) return reply.send(Readable.from(answer.stream))
  const { body } = answer
  if (body.length === 0) return reply.send()
  if (typeof body === 'string') return reply.send(body)
  return reply.send(Buffer.from(body.buffer, body.byteOffset, body.length))
}

/** As `send`, to a request that Fastify has not seen. */
export function sendPlain(response: ServerResponse, answer: HttpResponse | StreamedResponse): void {
  const { status } = answer
  const headers: Record<string, string | number> = { ...SECURITY_HEADERS }
  if ('body' in answer && typeof answer.body === 'string') headers['content-type'] = JSON_TYPE
  for (const [name, value] of Object.entries(answer.headers ?? {})) {
    headers[name.toLowerCase()] = value
  }
  if ('stream' in answer) {
    response.writeHead(status, headers)
    // Whoever goes away in the middle of it, or a source that fails, ends the connection.
    pipeline(Readable.from(answer.stream), response, () => undefined)
    return
  }
  const { body } = answer
  if (!LENGTHLESS.includes(status)) headers['content-length'] = Buffer.byteLength(body)
  response.writeHead(status, headers).end(body)
}

/** Path and query of characters that stand for themselves. */
const PLAIN_TARGET = /^\/[\w.~:@/-]*(?:\?[\w.~:@=&-]*)?$/
const BODY_HEADERS = ['content-length', 'transfer-encoding', 'expect', 'upgrade'] as const
/** Statuses of answers that have no body. */
const LENGTHLESS: readonly number[] = [204, 304]
