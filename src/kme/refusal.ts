/**
 * What the KME refuses, and the one table from codes to HTTP statuses.
 *
 * The messages that GS QKD 014 prescribes stand here to the letter. No message holds key octets or
 * repeats values that a caller sent.
 *
 * @see ETSI GS QKD 014 V1.1.1 §5.3, §6.5, §6.6
 * @module
 */

import { Refusal } from '#base'

/** Codes of the KME; API, and stay. */
export type KmeRefusalCode =
  /** The request, or a member of it, has not the form that GS QKD 014 gives it. */
  | 'KME_REQUEST_INVALID'
  /** A key asked for is not here, or not any more. */
  | 'KME_KEY_NOT_FOUND'
  | 'KME_EXTENSION_UNSUPPORTED'
  | 'KME_EXTENSION_UNMET'
  /** No certificate, or one that names no SAE of this KME. */
  | 'KME_SAE_UNKNOWN'
  /** The caller was no slave in the call that made a key it asks for. */
  | 'KME_KEY_FORBIDDEN'
  | 'KME_ROUTE_UNKNOWN'
  | 'KME_METHOD_WRONG'
  | 'KME_BODY_TOO_LARGE'
  | 'KME_MEDIA_TYPE_WRONG'
  | 'KME_RATE_LIMITED'
  /** Fewer keys than asked for may be given out now. */
  | 'KME_KEYS_EXHAUSTED'
  | 'KME_KEYS_QUARANTINED'
  /** The KME of the slave did not take the keys, or nobody knows whether it did. */
  | 'KME_PEER_UNREACHABLE'
  /** This KME cannot do its work now: the store or the disk refuses. */
  | 'KME_UNAVAILABLE'

/** A refusal the SAE can act on. */
export class KmeRefusal extends Refusal<KmeRefusalCode> {
  override readonly name = 'KmeRefusal'
}

/**
 * GS QKD 014 §5.3 knows 400, 401 and 503. Unlike the standard, which leaves them open, an unknown
 * path, a wrong verb, an oversized body and a wrong media type have the statuses HTTP gives them;
 * an exhausted pool is 503; 429 is used only where a rate limit is configured.
 */
export const HTTP_STATUS: Readonly<Record<KmeRefusalCode, number>> = {
  KME_REQUEST_INVALID: 400,
  KME_KEY_NOT_FOUND: 400,
  KME_EXTENSION_UNSUPPORTED: 400,
  KME_EXTENSION_UNMET: 400,
  KME_SAE_UNKNOWN: 401,
  KME_KEY_FORBIDDEN: 401,
  KME_ROUTE_UNKNOWN: 404,
  KME_METHOD_WRONG: 405,
  KME_BODY_TOO_LARGE: 413,
  KME_MEDIA_TYPE_WRONG: 415,
  KME_RATE_LIMITED: 429,
  KME_KEYS_EXHAUSTED: 503,
  KME_KEYS_QUARANTINED: 503,
  KME_PEER_UNREACHABLE: 503,
  KME_UNAVAILABLE: 503,
}

/** A malformed request; the message says which member and what was expected of it. */
export const invalidRequest = (message: string): KmeRefusal =>
  new KmeRefusal('KME_REQUEST_INVALID', message)

/** Messages that GS QKD 014 prescribes. */
export const MESSAGE = {
  /** §6.6: all or nothing, whichever of the keys is missing. */
  keysNotFound: 'one or more keys specified are not found on KME',
  /** §6.2, for a KME that counts in octets. */
  sizeNotOctets: 'size shall be a multiple of 8',
  mandatoryUnsupported: 'not all extension_mandatory parameters are supported',
  mandatoryUnmet: 'not all extension_mandatory request options could be met',
} as const
