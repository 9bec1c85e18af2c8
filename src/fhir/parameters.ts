/**
 * The Parameters of an operation, read by their names.
 *
 * @see FHIR R4 §3.2.0 (operations), Parameters
 * @module
 */

import { isObject, type Json, type JsonObject } from '#health'
import type { Call } from './context.ts'
import { jsonIn } from './incoming.ts'
import { FhirRefusal, invalidRequest } from './refusal.ts'

/** One parameter: its resource, or its value of whatever type. */
export interface Parameter {
  readonly resource: JsonObject | undefined
  readonly value: Json | undefined
}

/**
 * The parameters of a body, or of an entry of a batch, each at most once.
 *
 * @param known   names that this operation has
 * @throws FhirRefusal `FHIR_REQUEST_INVALID`, `FHIR_PARAMETER_UNKNOWN`; HealthRefusal
 */
export async function parametersIn(
  { options, request, sent: own }: Pick<Call, 'options' | 'request' | 'sent'>,
  known: readonly string[],
): Promise<ReadonlyMap<string, Parameter>> {
  const sent = own ?? (await jsonIn(options, request))
  if (!isObject(sent) || sent['resourceType'] !== 'Parameters') {
    throw invalidRequest('Expected a resource of the type Parameters')
  }
  const found = new Map<string, Parameter>()
  for (const item of Array.isArray(sent['parameter']) ? sent['parameter'] : []) {
    const name = isObject(item) ? item['name'] : undefined
    if (!isObject(item) || typeof name !== 'string' || !known.includes(name)) {
      const message = `A parameter is not known here; known are ${known.join(', ')}`
      throw new FhirRefusal('FHIR_PARAMETER_UNKNOWN', message)
    }
    if (found.has(name)) throw invalidRequest(`Expected ${name} once`)
    const { resource } = item
    const member = Object.keys(item).find((key) => key.startsWith('value'))
    found.set(name, {
      resource: isObject(resource) ? resource : undefined,
      value: member === undefined ? undefined : item[member],
    })
  }
  return found
}
