/**
 * `$validate`: what this server would find in a resource, as an OperationOutcome.
 *
 * Checks base FHIR R4 only: no profiles and no terminology beyond required codes, and says nothing
 * about whether the caller might store the resource.
 *
 * @see FHIR R4 Resource-operation-validate
 * @module
 */

import { isObject, issuesOf, ISSUES_MAX, type JsonObject } from '#health'
import { checkAllowed, type Answer, type Call } from './context.ts'
import { jsonIn } from './incoming.ts'
import { issuesFor, outcomeOf } from './outcome.ts'
import { FhirRefusal, invalidRequest } from './refusal.ts'

/** `POST [type]/$validate`: the resource itself, or Parameters with it. */
export async function validate(call: Call): Promise<Answer> {
  const { options, request, type } = call
  await checkAllowed(call, 'read', type)
  const sent = await jsonIn(options, request)
  if (!isObject(sent)) throw invalidRequest('Expected a resource')
  const resource =
    sent['resourceType'] === 'Parameters' && type !== 'Parameters' ? inside(sent) : sent
  if (resource['resourceType'] !== type) {
    throw new FhirRefusal('FHIR_NAME_DIFFERS', `Expected a resource of the type ${type}`)
  }
  const issues = issuesFor(issuesOf(resource, type, ISSUES_MAX))
  const fine = { severity: 'information', code: 'informational', text: FINE } as const
  return { status: 200, resource: outcomeOf(issues.length > 0 ? issues : [fine]) }
}

/** The resource of Parameters. @throws FhirRefusal for any other parameter */
function inside({ parameter }: JsonObject): JsonObject {
  const parameters = Array.isArray(parameter) ? parameter.filter(isObject) : []
  const resource = parameters.find(({ name }) => name === 'resource')?.['resource']
  if (parameters.length === 1 && isObject(resource)) return resource
  throw invalidRequest('Expected Parameters with a resource, and nothing else')
}

const FINE = 'No fault was found'
