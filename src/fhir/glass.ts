/**
 * `$break-glass`: leave to read one patient's record in an emergency, for an hour.
 *
 * Asks nothing but this site. What is read under it is asked for with the purpose `BTG`; somebody else
 * reviews it afterwards. Whoever may not break the glass learns nothing of whether there is a patient.
 *
 * @module
 */

import { isoTime, present } from '#base'
import { askedBy, checkAllowed, type Answer, type Call } from './context.ts'
import { parametersIn } from './parameters.ts'
import { FhirRefusal, invalidRequest, notFound } from './refusal.ts'

/** `POST Patient/[id]/$break-glass` with Parameters `reason` (a code) and `text`. */
export async function breakGlass(call: Call): Promise<Answer> {
  const { session, options } = call
  await checkAllowed(call, 'break-glass', 'Patient')
  const parameters = await parametersIn(call, ['reason', 'text'])
  const [reason, text] = ['reason', 'text'].map((name) => parameters.get(name)?.value)
  if (typeof reason !== 'string' || typeof text !== 'string') {
    throw invalidRequest('Expected reason as a code and text as a string')
  }
  const name = { type: 'Patient', id: present(call.id, 'the patient of a grant') }
  const patient = await options.vault.consult(name, askedBy(call, 'break-glass', 'other'))
  if (patient === undefined || patient.isGone || session.breakGlass === undefined) throw notFound()
  const outcome = await session.breakGlass(`${name.type}/${name.id}`, { reason, text })
  if (outcome.kind === 'refused') throw new FhirRefusal('FHIR_FORBIDDEN', outcome.why)
  const { grant, expiresAt, reviewDueAt } = outcome
  const resource = {
    resourceType: 'Parameters',
    parameter: [
      { name: 'grant', valueUuid: `urn:uuid:${grant}` },
      { name: 'expires', valueInstant: isoTime(expiresAt) },
      { name: 'reviewDue', valueInstant: isoTime(reviewDueAt) },
    ],
  }
  return { status: 201, resource, isOutcome: true }
}
