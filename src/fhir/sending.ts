/**
 * `$send` and `$transfers`: a whole record goes to another site, and what became of it.
 *
 * A record goes as a whole, so whoever sends it must be permitted to send each part: where one may
 * not leave, by its labels or by the patient's will, none does. Whoever sends sees nothing more for it.
 *
 * Does not judge what the receiving site does with it: labels travel along, rights there are its own.
 *
 * @module
 */

import { isoTime, present } from '#base'
import { inPatientCompartment, parseSearch } from '#health'
import { askedBy, checkAllowed, type Answer, type Call } from './context.ts'
import { parametersIn } from './parameters.ts'
import { FhirRefusal, invalidRequest, notFound } from './refusal.ts'
import { SENDING_MODES, type Sending, type SentRecord } from './session.ts'
import { isWhole } from './showing.ts'

/** `POST Patient/[id]/$send` with Parameters `to` (a site) and, if wished, `mode`. */
export async function send(call: Call): Promise<Answer> {
  await checkAllowed(call, 'send', 'Patient')
  const parameters = await parametersIn(call, ['to', 'mode'])
  const [to, wished] = ['to', 'mode'].map((name) => parameters.get(name)?.value)
  const sending = sendingOf(call)
  if (typeof to !== 'string' || !sending.sites.includes(to)) {
    throw invalidRequest('Expected to as a site that this one knows')
  }
  const mode = SENDING_MODES.find((one) => one === wished)
  if (mode !== wished) throw invalidRequest(`Expected mode among ${SENDING_MODES.join(', ')}`)
  const id = present(call.id, 'the patient of a transfer')
  await checkPatient(call, id)
  await checkParts(call, id)
  const { actor } = call.session.account
  const sent = await sending.send(`Patient/${id}`, { to, mode, actor })
  return parametersOf(202, [sent], sending)
}

/** `GET Patient/[id]/$transfers`: where the record went, newest first, and where it may go. */
export async function transfers(call: Call): Promise<Answer> {
  await checkAllowed(call, 'read', 'Patient')
  const id = present(call.id, 'the patient of transfers')
  const name = { type: 'Patient', id }
  const patient = await call.options.vault.consult(name, askedBy(call, 'read', 'other'))
  if (patient === undefined || patient.isGone) throw notFound()
  if (!isWhole(patient.value)) {
    throw new FhirRefusal('FHIR_FORBIDDEN', 'Where a record went is not shown where it is masked')
  }
  const sending = sendingOf(call)
  return parametersOf(200, await sending.of(`Patient/${id}`), sending)
}

function sendingOf({ session }: Call): Sending {
  if (session.sending !== undefined) return session.sending
  throw new FhirRefusal('FHIR_FORBIDDEN', 'Records of this site are sent by its people alone')
}

/** Whether the patient's record may be sent; why not is told to whoever may see the patient. */
async function checkPatient(call: Call, id: string): Promise<void> {
  const { session, options } = call
  const name = { type: 'Patient', id }
  let refused: string | undefined
  const judge = async ({ value }: { value: Parameters<typeof isWhole>[0] }): Promise<boolean> => {
    const seen = await session.decide({ action: 'read', type: 'Patient', resource: value })
    if (!seen.permit) return false
    const decision = await session.decide({ action: 'send', type: 'Patient', resource: value })
    if (!decision.permit) refused = decision.reason
    // The vault logs what it shows to this judge, and what it then withholds.
    call.log.isTold = true
    return decision.permit
  }
  const patient = await options.vault.consult(name, { ...askedBy(call, 'send', 'other'), judge })
  if (refused !== undefined) throw new FhirRefusal('FHIR_FORBIDDEN', refused)
  if (patient === undefined || patient.isGone) throw notFound()
}

/** @throws FhirRefusal if a part of the record may not be sent: of which kind is not said */
async function checkParts(call: Call, id: string): Promise<void> {
  const { options, base } = call
  const now = options.clock.now()
  const asked = askedBy(call, 'send', 'find', `Patient/${id}/*`)
  const withheld = { any: false }
  const judge: typeof asked.judge = async (opened) => {
    const permitted = await asked.judge(opened)
    withheld.any ||= !permitted
    return permitted
  }
  let page: string | undefined
  do {
    const parameters = page === undefined ? [] : [['_page', page] as const]
    const query = parseSearch({ type: undefined, parameters, now, bases: [base] })
    const filters = [...query.filters, inPatientCompartment(id)]
    const found = await options.vault.search(
      { ...query, filters, count: PAGE },
      { ...asked, judge },
    )
    page = found.next
  } while (page !== undefined && !withheld.any)
  if (!withheld.any) return
  throw new FhirRefusal('FHIR_FORBIDDEN', 'This record may not be sent as a whole, and is not')
}

function parametersOf(status: number, sent: readonly SentRecord[], { sites }: Sending): Answer {
  const parameter = [
    ...sites.map((site) => ({ name: 'site', valueString: site })),
    ...sent.map((one) => ({ name: 'transfer', part: partsOf(one) })),
  ]
  const resource = { resourceType: 'Parameters', ...(parameter.length > 0 && { parameter }) }
  return { status, resource, isOutcome: true }
}

const partsOf = (sent: SentRecord) => {
  const { begunAt, finishedAt, used, keySource, entry } = sent
  return [
    { name: 'id', valueUuid: `urn:uuid:${sent.transfer}` },
    ...(['to', 'mode', 'state'] as const).map((name) => ({ name, valueString: sent[name] })),
    ...(sent.reason === '' ? [] : [{ name: 'reason', valueString: sent.reason }]),
    ...(['items', 'itemsDone'] as const).map((name) => ({ name, valueInteger: sent[name] })),
    { name: 'begun', valueInstant: isoTime(begunAt) },
    ...(finishedAt === undefined ? [] : [{ name: 'ended', valueInstant: isoTime(finishedAt) }]),
    ...(used === undefined ? [] : [{ name: 'used', valueString: used }]),
    ...(keySource === undefined ? [] : [{ name: 'keySource', valueString: keySource }]),
    ...sent.keys.map((key) => ({ name: 'key', valueUuid: `urn:uuid:${key}` })),
    ...(entry === undefined ? [] : [{ name: 'entry', valueInteger: entry }]),
  ]
}

/** Resources that are looked at together. */
const PAGE = 500
