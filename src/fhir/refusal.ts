/**
 * What this room refuses, and the one table from codes to HTTP statuses and issue types.
 *
 * No message repeats a value that was sent or stored.
 *
 * @see FHIR R4 §3.1.0 (RESTful API), value set issue-type
 * @module
 */

import { Refusal, type Facts } from '#base'

/** Codes of the FHIR server; API, and stay. */
export type FhirRefusalCode =
  /** No certificate or token, or one that names nobody this server knows. */
  | 'FHIR_CALLER_UNKNOWN'
  /** The caller may not do this at all. What may not be seen is `FHIR_NOT_FOUND` instead. */
  | 'FHIR_FORBIDDEN'
  /** There is no such resource or version, or not for this caller. */
  | 'FHIR_NOT_FOUND'
  /** The resource was deleted. */
  | 'FHIR_DELETED'
  /** No interaction has this path. */
  | 'FHIR_PATH_UNKNOWN'
  /** The path does not know this method. */
  | 'FHIR_METHOD_WRONG'
  /** Only JSON is given out. */
  | 'FHIR_NOT_ACCEPTABLE'
  /** Only FHIR JSON is taken in; of patches also JSON Patch. */
  | 'FHIR_MEDIA_TYPE_WRONG'
  /** A header or parameter has not the form it must have. */
  | 'FHIR_REQUEST_INVALID'
  /** A parameter that this interaction does not know: nothing is ignored. */
  | 'FHIR_PARAMETER_UNKNOWN'
  /** The resource has another type or id than the path. */
  | 'FHIR_NAME_DIFFERS'
  /** What the request expects of the resource's version does not hold. */
  | 'FHIR_PRECONDITION_FAILED'
  /** Something else was written in between; the same request may succeed now. */
  | 'FHIR_CONFLICT'
  /** A condition that must select one resource selects several. */
  | 'FHIR_SEVERAL_MATCH'
  /** The Bundle is not one that can be processed. */
  | 'FHIR_BUNDLE_INVALID'
  /** More than one request takes. */
  | 'FHIR_TOO_LARGE'
  /** A search that would look at more than one request may. */
  | 'FHIR_TOO_COSTLY'
  /** As much of this kind is under way as the site takes on; later there may be room. */
  | 'FHIR_BUSY'
  /** The patch cannot be applied to what is stored. */
  | 'FHIR_PATCH_FAILED'
  /** Another site sealed it, or its name is one that only such resources have. */
  | 'FHIR_RECEIVED'
  /** The rules of this site refuse the resource. */
  | 'FHIR_RULE_BROKEN'
  | 'FHIR_NOT_SUPPORTED'
  /** Something stored is not as it was sealed; the operator's log says what. */
  | 'FHIR_RECORD_DAMAGED'
  /** Disk or database refuse for the moment. */
  | 'FHIR_UNAVAILABLE'

/** A refusal the client can act on. */
export class FhirRefusal extends Refusal<FhirRefusalCode> {
  override readonly name = 'FhirRefusal'

  constructor(
    code: FhirRefusalCode,
    message: string,
    options: { readonly cause?: unknown; readonly facts?: Facts } = {},
  ) {
    super(code, message, options)
  }
}

/** HTTP status and code of the value set issue-type for each refusal. */
export const REFUSALS: Readonly<
  Record<FhirRefusalCode, { readonly status: number; readonly issue: string }>
> = {
  FHIR_CALLER_UNKNOWN: { status: 401, issue: 'login' },
  FHIR_FORBIDDEN: { status: 403, issue: 'forbidden' },
  FHIR_NOT_FOUND: { status: 404, issue: 'not-found' },
  FHIR_DELETED: { status: 410, issue: 'deleted' },
  FHIR_PATH_UNKNOWN: { status: 404, issue: 'not-found' },
  FHIR_METHOD_WRONG: { status: 405, issue: 'not-supported' },
  FHIR_NOT_ACCEPTABLE: { status: 406, issue: 'not-supported' },
  FHIR_MEDIA_TYPE_WRONG: { status: 415, issue: 'not-supported' },
  FHIR_REQUEST_INVALID: { status: 400, issue: 'invalid' },
  FHIR_PARAMETER_UNKNOWN: { status: 400, issue: 'not-supported' },
  FHIR_NAME_DIFFERS: { status: 400, issue: 'value' },
  FHIR_PRECONDITION_FAILED: { status: 412, issue: 'conflict' },
  FHIR_CONFLICT: { status: 409, issue: 'conflict' },
  FHIR_SEVERAL_MATCH: { status: 412, issue: 'multiple-matches' },
  FHIR_BUNDLE_INVALID: { status: 400, issue: 'structure' },
  FHIR_TOO_LARGE: { status: 413, issue: 'too-long' },
  FHIR_TOO_COSTLY: { status: 400, issue: 'too-costly' },
  FHIR_BUSY: { status: 429, issue: 'throttled' },
  FHIR_PATCH_FAILED: { status: 422, issue: 'processing' },
  FHIR_RECEIVED: { status: 405, issue: 'not-supported' },
  FHIR_RULE_BROKEN: { status: 422, issue: 'business-rule' },
  FHIR_NOT_SUPPORTED: { status: 501, issue: 'not-supported' },
  FHIR_RECORD_DAMAGED: { status: 500, issue: 'exception' },
  FHIR_UNAVAILABLE: { status: 503, issue: 'transient' },
}

export const notFound = (): FhirRefusal =>
  new FhirRefusal('FHIR_NOT_FOUND', 'There is no such resource')

export const invalidRequest = (message: string): FhirRefusal =>
  new FhirRefusal('FHIR_REQUEST_INVALID', message)
