/**
 * Refusals of the control interface, with status and error tag of RESTCONF.
 *
 * @see RFC 8040 §7, RFC 6241 appendix A
 * @module
 */

import { Refusal } from '#base'

export type RestconfRefusalCode =
  /** The certificate names no controller of this site, or one that may only read. */
  | 'RESTCONF_ACCESS_DENIED'
  /** There is nothing at this path, or no entry with this key. */
  | 'RESTCONF_NOT_FOUND'
  /** The path, a query parameter or a value in the body is not of the form that is expected. */
  | 'RESTCONF_INVALID'
  /** The body is not JSON. */
  | 'RESTCONF_MALFORMED'
  /** The resource does not know this method, or this leaf cannot be changed. */
  | 'RESTCONF_NOT_SUPPORTED'
  /** Such a virtual link is there already. */
  | 'RESTCONF_EXISTS'
  /** The body is not of type `application/yang-data+json`. */
  | 'RESTCONF_MEDIA_TYPE'
  /** The caller accepts no form that there is. */
  | 'RESTCONF_NOT_ACCEPTABLE'
  /** Nothing more of the kind is taken: virtual links, or readers of the stream. */
  | 'RESTCONF_TOO_MANY'
  /** The store of the site takes nothing now; nothing was changed. */
  | 'RESTCONF_UNAVAILABLE'

export class RestconfRefusal extends Refusal<RestconfRefusalCode> {
  override readonly name = 'RestconfRefusal'
}

/** Status and `error-tag` of each refusal. */
export const RESTCONF_ERRORS: Readonly<
  Record<RestconfRefusalCode, { readonly status: number; readonly tag: string }>
> = {
  RESTCONF_ACCESS_DENIED: { status: 403, tag: 'access-denied' },
  RESTCONF_NOT_FOUND: { status: 404, tag: 'invalid-value' },
  RESTCONF_INVALID: { status: 400, tag: 'invalid-value' },
  RESTCONF_MALFORMED: { status: 400, tag: 'malformed-message' },
  RESTCONF_NOT_SUPPORTED: { status: 405, tag: 'operation-not-supported' },
  RESTCONF_EXISTS: { status: 409, tag: 'data-exists' },
  RESTCONF_MEDIA_TYPE: { status: 415, tag: 'operation-not-supported' },
  RESTCONF_NOT_ACCEPTABLE: { status: 406, tag: 'operation-not-supported' },
  RESTCONF_TOO_MANY: { status: 409, tag: 'resource-denied' },
  RESTCONF_UNAVAILABLE: { status: 503, tag: 'operation-failed' },
}

/** The body of an error answer. @see RFC 8040 §3.9 */
export const errorBody = (tag: string, message: string, type = 'application'): string =>
  JSON.stringify({
    'ietf-restconf:errors': {
      error: [{ 'error-type': type, 'error-tag': tag, 'error-message': message }],
    },
  })

export const invalid = (message: string): RestconfRefusal =>
  new RestconfRefusal('RESTCONF_INVALID', message)
