/**
 * `$break-glass`: leave to read one patient's record in an emergency, for an hour.
 *
 * Asks nothing but this site. What is read under it is asked for with the purpose `BTG`; somebody else
 * reviews it afterwards. Whoever may not break the glass learns nothing of whether there is a patient.
 * In an emergency nobody knows ids: a patient can be named by an identifier that is known to the letter.
 *
 * @module
 */

import { isoTime, present } from '#base'
import { parseSearch } from '#health'
import { askedBy, checkAllowed, type Answer, type Call } from './context.ts'
import { parametersIn } from './parameters.ts'
import { FhirRefusal, invalidRequest, notFound } from './refusal.ts'

/**
 * `POST Patient/[id]/$break-glass` with Parameters `reason` (a code) and `text`; without the id in
 * the path, `identifier` says of whom, as a search does (`system|value`).
 */
export async function breakGlass(call: Call): Promise<Answer> {
  const { session, id: named } = call
  await checkAllowed(call, 'break-glass', 'Patient')
  const known = ['reason', 'text', ...(named === undefined ? ['identifier'] : [])]
  const parameters = await parametersIn(call, known)
  const [reason, text] = ['reason', 'text'].map((name) => parameters.get(name)?.value)
  if (typeof reason !== 'string' || typeof text !== 'string') {
    throw invalidRequest('Expected reason as a code and text as a string')
  }
  const id = named ?? (await identified(call, parameters.get('identifier')?.value))
  const name = { type: 'Patient', id }
  const asked = askedBy(call, 'break-glass', 'other')
  const patient = await call.options.vault.consult(name, asked)
  if (patient === undefined || patient.isGone || session.breakGlass === undefined) throw notFound()
  const outcome = await session.breakGlass(`Patient/${id}`, { reason, text })
  if (outcome.kind === 'refused') throw new FhirRefusal('FHIR_FORBIDDEN', outcome.why)
  const { grant, expiresAt, reviewDueAt } = outcome
  const resource = {
    resourceType: 'Parameters',
    parameter: [
      { name: 'grant', valueUuid: `urn:uuid:${grant}` },
      { name: 'patient', valueReference: { reference: `Patient/${id}` } },
      { name: 'expires', valueInstant: isoTime(expiresAt) },
      { name: 'reviewDue', valueInstant: isoTime(reviewDueAt) },
    ],
  }
  return { status: 201, resource, isOutcome: true }
}

/** `GET Patient/$break-glass`: the caller's own grants that are open, and until when. */
export async function openGlass(call: Call): Promise<Answer> {
  await checkAllowed(call, 'break-glass', 'Patient')
  const open = call.session.openGlass?.() ?? []
  const parameter = open.map(({ grant, patient, expiresAt }) => ({
    name: 'open',
    part: [
      { name: 'grant', valueUuid: `urn:uuid:${grant}` },
      { name: 'patient', valueReference: { reference: patient } },
      { name: 'expires', valueInstant: isoTime(expiresAt) },
    ],
  }))
  const resource = { resourceType: 'Parameters', ...(parameter.length > 0 && { parameter }) }
  return { status: 200, resource, isOutcome: true }
}

/** `POST Patient/[id]/$end-break-glass`: ends the caller's own grant before its hour is over. */
export async function endGlass(call: Call): Promise<Answer> {
  await checkAllowed(call, 'break-glass', 'Patient')
  const { session, id } = call
  const isEnded = await session.endGlass?.(`Patient/${present(id, 'the patient of a grant')}`)
  if (isEnded !== true) throw notFound()
  return { status: 200, resource: { resourceType: 'Parameters' }, isOutcome: true }
}

/** The one patient of an identifier for whom this caller may break the glass. */
async function identified(call: Call, identifier: unknown): Promise<string> {
  if (typeof identifier !== 'string' || !/^[^|,$\\]*\|[^|,$\\]+$/.test(identifier)) {
    throw invalidRequest('Expected identifier as system|value')
  }
  const { options, base } = call
  const parameters = [['identifier', identifier]] as const
  const query = parseSearch({
    ...{ type: 'Patient', parameters, bases: [base], now: options.clock.now() },
  })
  const text = `Patient?${new URLSearchParams({ identifier }).toString()}`
  const asked = askedBy(call, 'break-glass', 'find', text)
  const { matches } = await options.vault.search({ ...query, count: 2 }, asked)
  const [found, ...others] = matches
  if (others.length === 0 && matches.length > 0) return found.id
  if (matches.length === 0) throw notFound()
  throw new FhirRefusal('FHIR_SEVERAL_MATCH', 'Several records have that identifier')
}
