/**
 * JSON Patch over our JSON tree.
 *
 * rfc6902 applies the operations. It copies the values that it inserts, and a copy of a number kept
 * by its spelling is an object like any other: afterwards each is made a number again.
 *
 * @see RFC 6902, RFC 6901
 * @module
 */

import { applyPatch, type Operation } from 'rfc6902'
import { isObject, restoreNumbers, type Json } from '#health'
import type { Apply } from './patching.ts'
import { FhirRefusal, invalidRequest } from './refusal.ts'

/** The patch that a document describes. @throws FhirRefusal `FHIR_REQUEST_INVALID` */
export function jsonPatch(document: Json): Apply {
  if (!Array.isArray(document)) throw invalidRequest('Expected an array of operations')
  if (document.length > OPERATIONS_MAX) {
    throw new FhirRefusal('FHIR_TOO_LARGE', `Expected at most ${OPERATIONS_MAX} operations`)
  }
  const operations = document.map(operationOf)
  return (copy) => {
    for (const [index, operation] of operations.entries()) {
      const [failure] = applyPatch(copy, [operation])
      if (failure === null) continue
      throw new FhirRefusal('FHIR_PATCH_FAILED', FAILURES[failure.name] ?? 'The patch fails', {
        facts: { place: `operation[${index}]` },
      })
    }
    restoreNumbers(copy)
  }
}

function operationOf(item: Json, index: number): Operation {
  const invalid = () => invalidRequest(`Operation ${index} is not one of RFC 6902`)
  if (!isObject(item)) throw invalid()
  const { op, path, from } = item
  if (typeof op !== 'string' || !OPERATIONS.includes(op) || !isPointer(path)) throw invalid()
  if (FROM.includes(op) ? !isPointer(from) : item['value'] === undefined && op !== 'remove') {
    throw invalid()
  }
  return item as unknown as Operation
}

/** A JSON pointer into a resource, through no name that JavaScript gives a meaning. */
const isPointer = (value: Json | undefined): value is string =>
  typeof value === 'string' &&
  /^(?:\/(?:[^~/]|~[01])*)+$/.test(value) &&
  !value.split('/').some((name) => name in Object.prototype)

const OPERATIONS: readonly string[] = ['add', 'remove', 'replace', 'move', 'copy', 'test']
const FROM: readonly string[] = ['move', 'copy']
const OPERATIONS_MAX = 1000
const FAILURES: Readonly<Partial<Record<string, string>>> = {
  TestError: 'A test of the patch does not hold',
  MissingError: 'The patch names what is not there',
}
