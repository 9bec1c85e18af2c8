/**
 * FHIRPath Patch as a client sends it: Parameters with operations.
 *
 * @see FHIR R4 §3.1.0.6.2
 * @module
 */

import { applyFhirPathPatch, type JsonObject } from '#health'
import { checkValid } from './incoming.ts'
import type { Apply } from './patching.ts'
import { FhirRefusal, invalidRequest } from './refusal.ts'

/** The patch that Parameters describe. @throws HealthRefusal, FhirRefusal */
export function fhirPathPatch(parameters: JsonObject): Apply {
  checkValid(parameters)
  const { parameter } = parameters
  const operations = Array.isArray(parameter) ? parameter.length : 0
  if (operations === 0) throw invalidRequest('Expected Parameters with operations')
  if (operations > OPERATIONS_MAX) {
    throw new FhirRefusal('FHIR_TOO_LARGE', `Expected at most ${OPERATIONS_MAX} operations`)
  }
  return (copy) => {
    const failure = applyFhirPathPatch(copy, parameters)
    if (failure === undefined) return
    const message = 'An operation cannot be applied to what is stored'
    const facts = { place: `Parameters.parameter[${failure.failed}]` }
    throw new FhirRefusal('FHIR_PATCH_FAILED', message, { facts })
  }
}

const OPERATIONS_MAX = 1000
