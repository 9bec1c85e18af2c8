/**
 * Resources as they come in: read strictly, held against FHIR R4 and against what the path says.
 *
 * @module
 */

import {
  invalid,
  isObject,
  issuesOf,
  ISSUES_MAX,
  readJsonSteps,
  refusal,
  type Json,
  type JsonObject,
} from '#health'
import { paced } from '#vault'
import type { Call, FhirOptions, FhirRequest } from './context.ts'
import { checkSent } from './negotiation.ts'
import { FhirRefusal, invalidRequest } from './refusal.ts'
import { checkWhole } from './subset.ts'

/** The JSON of a body. @throws FhirRefusal, HealthRefusal */
export async function jsonIn(
  { clock }: Pick<FhirOptions, 'clock'>,
  request: FhirRequest,
  types?: readonly string[],
): Promise<Json> {
  const encoding = request.header('content-encoding')
  if (encoding !== undefined && encoding !== 'identity') {
    throw new FhirRefusal('FHIR_MEDIA_TYPE_WRONG', 'Expected a body without content encoding')
  }
  if (request.body.length === 0) throw invalidRequest('Expected a body')
  checkSent(request.contentType, types)
  return await paced(clock, readJsonSteps(request.body))
}

/** The resource of a body, of the type in the path; not yet validated. */
export async function resourceIn(call: Call): Promise<JsonObject> {
  const { options, request, type } = call
  const value = call.sent ?? (await jsonIn(options, request))
  if (!isObject(value)) {
    throw refusal('HEALTH_JSON_INVALID', { kind: 'structure', place: '', reason: WANTED })
  }
  if (type !== undefined && value['resourceType'] !== type) {
    throw new FhirRefusal('FHIR_NAME_DIFFERS', `Expected a resource of the type ${type}`)
  }
  return value
}

/** @throws HealthRefusal `HEALTH_RESOURCE_INVALID` with every fault, up to `ISSUES_MAX` */
export function checkValid(value: JsonObject, place = typeIn(value)): void {
  checkWhole(value)
  const issues = issuesOf(value, place, ISSUES_MAX)
  if (issues.length > 0) throw invalid(issues)
}

/** The type that a resource says it is of; empty if it says none. */
export function typeIn({ resourceType }: JsonObject): string {
  return typeof resourceType === 'string' ? resourceType : ''
}

/** The logical id that a resource has; empty if it has none. */
export const idIn = ({ id }: JsonObject): string => (typeof id === 'string' ? id : '')

const WANTED = 'expected an object'
