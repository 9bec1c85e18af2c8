/**
 * FHIRPath Patch: operations on elements that FHIRPath names.
 *
 * Medplum finds the elements and applies the operations. It copies what it inserts, and a copy of a
 * number kept by its spelling is an object like any other: afterwards each is made a number again.
 * Of FHIRPath only what names elements is taken: a path that searches by expressions of the
 * sender's, or walks everything, could take any time.
 *
 * @see FHIR R4 §3.1.0.6.2 FHIRPath Patch
 * @module
 */

import {
  fhirpathPatchTypedValue,
  parseFhirPathPatchParameters,
  type FhirPathPatch,
} from '@medplum/core'
import type { Parameters } from '@medplum/fhirtypes'
import { meetType } from './definitions.ts'
import { isExact, isObject, numberOf, type Json, type JsonObject } from './json.ts'

/**
 * Applies the operations of Parameters to a resource, in place.
 *
 * @param resource     the caller's own; spoiled where a patch fails
 * @param parameters   valid FHIR Parameters
 * @returns undefined, or which operation failed, from 0
 */
export function applyFhirPathPatch(
  resource: JsonObject,
  parameters: JsonObject,
): { readonly failed: number } | undefined {
  const type = resource['resourceType'] as string
  meetType(type)
  meetType('Parameters')
  const operations = parseFhirPathPatchParameters(parameters as unknown as Parameters)
  for (const [failed, operation] of operations.entries()) {
    if (!isPatch(operation)) return { failed }
    try {
      fhirpathPatchTypedValue({ type, value: resource }, [operation])
    } catch {
      return { failed }
    }
    restoreNumbers(resource)
  }
  return undefined
}

/** Makes numbers again, in place, of what copying has made of those kept by their spelling. */
export function restoreNumbers(value: JsonObject | Json[]): void {
  for (const [name, member] of Object.entries(value)) {
    if (typeof member !== 'object' || member === null || isExact(member)) continue
    const raw = isObject(member) && Object.keys(member).length === 1 ? member['rawJSON'] : undefined
    if (typeof raw !== 'string') restoreNumbers(member)
    else if (NUMBER.test(raw)) Reflect.set(value, name, numberOf(raw))
  }
}

/** Whether an operation is complete, and its path one that names elements and nothing else. */
function isPatch(operation: FhirPathPatch): boolean {
  const { path }: Partial<FhirPathPatch> = operation
  if (typeof path !== 'string' || path.length > PATH_CHARACTERS_MAX) return false
  const calls = path.matchAll(/([A-Za-z_]+)\s*\(/g)
  return calls.every(([, name]) => FUNCTIONS.includes(name))
}

const PATH_CHARACTERS_MAX = 512
const FUNCTIONS: readonly string[] = ['where', 'first', 'last', 'single', 'ofType', 'exists']
const NUMBER = /^-?(?:0|[1-9]\d{0,62})(?:\.\d{1,62})?(?:[eE][+-]?\d{1,3})?$/
