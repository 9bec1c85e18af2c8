/**
 * Between Fastify and handlers of ours: a request as octets, and the answer on its way out.
 *
 * @module
 */

import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { HttpRequest, HttpResponse } from '#base'
import { JSON_TYPE } from './web.ts'

/** A request with its headers; who asks is for its listener to say. */
export interface WebRequest extends Omit<HttpRequest, 'client'> {
  /** A header by its lower-case name. */
  readonly header: (name: string) => string | undefined
}

/** An answer that goes on: texts, sent as they come. */
export interface StreamedResponse extends Omit<HttpResponse, 'body'> {
  readonly stream: AsyncIterable<string>
}

/** What was asked; the body as octets of its own, empty if there is none. */
export function requestOf({ raw, body }: FastifyRequest): WebRequest {
  const [path, ...query] = (raw.url ?? '/').split('?')
  return {
    method: raw.method ?? 'GET',
    path,
    query: new URLSearchParams(query.join('?')),
    contentType: raw.headers['content-type'],
    body: body instanceof Uint8Array ? new Uint8Array(body) : new Uint8Array(0),
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
