/**
 * Problem details of GS QKD 020: one table from refusals to statuses, types and titles.
 *
 * Only 400 and 401 tell a partner that nothing of its request was kept; so they are answered only
 * before anything was, and for all that is found out by looking at a request alone: unlike elsewhere,
 * a body too large or of another media type is 400 here.
 *
 * @see ETSI GS QKD 020 V1.1.1 (problem_details); RFC 9457
 * @module
 */

import type { HttpResponse } from '#base'
import { HTTP_STATUS, KmeRefusal, type KmeRefusalCode } from './refusal.ts'

/** Problem types that the standard's own examples name. */
export type ProblemType =
  | 'invalid-parameter'
  | 'missing-parameters'
  | 'key-routing-error'
  | 'no-key-ids-or-confirmation'
  | 'void-request-not-understood'
  | 'ack-not-understood'
  | 'unauthorized'
  | 'unsupported-mandatory-extension'
  | 'server-side-general-error'

/** A request of a partner that is refused: why, and under which name of `details`. */
export const refusedAs = (
  type: ProblemType,
  topic: string,
  message: string,
  code: KmeRefusalCode = 'KME_REQUEST_INVALID',
): KmeRefusal => new KmeRefusal(code, message, { facts: { type, topic } })

/** What a partner may not do, or is not known for. Nothing was kept. */
export const unauthorized = (message: string): KmeRefusal =>
  refusedAs('unauthorized', 'unauthorized', message, 'KME_SAE_UNKNOWN')

/** The answer for a refusal; for anything else 503, which promises nothing. */
export function problemOf(error: unknown): HttpResponse {
  const known = error instanceof KmeRefusal ? error : UNSPECIFIC
  const status = PARTNER_STATUS[known.code]
  const { type = typeAt(status), topic = 'reason' } = known.facts
  const { allow, retryAfter = RETRY_AFTER_S } = known.facts
  const name = String(type)
  return {
    status,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      ...(typeof allow === 'string' ? { allow } : {}),
      ...(status === 503 ? { 'retry-after': String(retryAfter) } : {}),
    },
    body: JSON.stringify({
      type: `${TYPE_BASE}${name}`,
      status,
      title: name.replaceAll('-', ' '),
      details: { [String(topic)]: known.message },
    }),
  }
}

const typeAt = (status: number): ProblemType => {
  if (status === 401) return 'unauthorized'
  return status === 503 ? 'server-side-general-error' : 'invalid-parameter'
}

const UNSPECIFIC = refusedAs(
  'server-side-general-error',
  'server_side_general_error',
  'The KME cannot serve this request at the moment',
  'KME_UNAVAILABLE',
)
/** HTTP statuses of GS QKD 020. */
const PARTNER_STATUS: Readonly<Record<KmeRefusalCode, number>> = {
  ...HTTP_STATUS,
  KME_BODY_TOO_LARGE: 400,
  KME_MEDIA_TYPE_WRONG: 400,
  KME_EXTENSION_UNSUPPORTED: 503,
  KME_RATE_LIMITED: 503,
}
const TYPE_BASE = 'https://qkd.etsi.org/gs020-interop-kms/'
const RETRY_AFTER_S = 1
