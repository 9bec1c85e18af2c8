/**
 * Which pages of other origins a browser lets read answers of the FHIR server: those that the
 * configuration names, to the letter, and no others.
 *
 * An origin gives no right: whoever asks from there shows a token. Cookies and certificates of the
 * browser do not come along, for the answer never allows credentials.
 *
 * @see Fetch Standard, §3.2 (CORS protocol)
 * @module
 */

import type { HttpResponse } from '#base'
import type { StreamedResponse, WebRequest } from './web-request.ts'

type Answer = HttpResponse | StreamedResponse

/** A handler whose answers those origins may read. @param origins   as browsers name them */
export function readableFrom<Request extends WebRequest>(
  origins: readonly string[],
  handle: (request: Request) => Promise<Answer>,
): (request: Request) => Promise<Answer> {
  if (origins.length === 0) return handle
  return async (request) => {
    const origin = request.header('origin')
    const isKnown = origin !== undefined && origins.includes(origin)
    const isPreflight =
      request.method === 'OPTIONS' && request.header('access-control-request-method') !== undefined
    // Who is not known learns nothing, and a browser takes that for a no.
    const answer = isPreflight ? { status: 204, body: '' } : await handle(request)
    const told = isKnown ? { ...allowed(origin), ...(isPreflight ? PREFLIGHT : {}) } : {}
    // What a cache keeps for one origin is not for another.
    return { ...answer, headers: { ...answer.headers, vary: 'Origin', ...told } }
  }
}

const allowed = (origin: string): Readonly<Record<string, string>> => ({
  'access-control-allow-origin': origin,
  'access-control-expose-headers': 'ETag, Last-Modified, Location, Content-Location, Retry-After',
})

const PREFLIGHT: Readonly<Record<string, string>> = {
  'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
  'access-control-allow-headers':
    'Authorization, Content-Type, Accept, Prefer, If-Match, If-None-Match, If-Modified-Since, ' +
    'If-None-Exist, X-Purpose-Of-Use',
  'access-control-max-age': '600',
}
