/**
 * `$export`: records as files of lines, made in the background (FHIR Bulk Data Access).
 *
 * Kicked off, asked about, fetched, ended. Of the parameters of the guide `_outputFormat`, `_since`
 * and `_type` are understood; others are refused. What is written while an export runs may or may
 * not be in it; an export of what was written since its `transactionTime` has the rest.
 *
 * @see FHIR Bulk Data Access 2.0.0
 * @module
 */

import { epochMs, fromHex, isoTime, present } from '#base'
import { isObject, isResourceType, type JsonObject } from '#health'
import type { ResourceName } from '#vault'
import { askedBy, checkAllowed, FHIR_BASE, type Answer, type Call } from '../context.ts'
import { FhirRefusal, invalidRequest, notFound } from '../refusal.ts'
import { httpDate } from '../resources.ts'
import { timeIn } from '../times.ts'
import { openFile, type BulkJob, type BulkState } from './job.ts'

/** `GET $export`, `GET Patient/$export`, `GET Group/[id]/$export`. */
export async function exportRecords(call: Call): Promise<Answer> {
  const { request, options, session, bulk, base, interaction } = call
  await checkAllowed(call, 'export')
  if (!/(?:^|[,;\s])respond-async(?:$|[,;\s])/.test(request.header('prefer') ?? '')) {
    throw invalidRequest('Expected Prefer: respond-async, for an export takes its time')
  }
  const query = request.query.toString()
  const state: BulkState = {
    ...{ actor: session.account.actor, begunAt: options.clock.now(), ...wantedIn(call) },
    request: base + request.path.slice(FHIR_BASE.length) + (query && `?${query}`),
    whose:
      interaction === 'export-group'
        ? await membersOf(call)
        : interaction === 'export-patients'
          ? 'patients'
          : 'everyone',
    ...{ place: undefined, charts: 0, files: [], stage: 'going' },
  }
  if ((await bulk.room()) === 0) {
    throw new FhirRefusal('FHIR_BUSY', 'There are as many exports as this site keeps; end one')
  }
  const ticket = await bulk.begin(state, session)
  const location = `${base}/$export-status/${ticket.toHex()}`
  return { status: 202, headers: { 'content-location': location } }
}

/** `GET $export-status/[ticket]`: how far it is, or what came of it. */
export async function exportStatus(call: Call): Promise<Answer> {
  const { state, until } = await jobIn(call)
  if (state.stage === 'failed') {
    throw new FhirRefusal('FHIR_RECORD_DAMAGED', 'The export met a record that is damaged')
  }
  if (state.stage === 'going') {
    const headers = { 'x-progress': `${state.charts} charts`, 'retry-after': RETRY_SECONDS }
    return { status: 202, headers }
  }
  const body = JSON.stringify(manifestOf(call, state))
  return { status: 200, headers: { expires: httpDate(until) }, raw: { type: JSON_TYPE, body } }
}

/** `DELETE $export-status/[ticket]`: ends it, and forgets what it made. */
export async function endExport(call: Call): Promise<Answer> {
  await call.bulk.end(await jobIn(call))
  return { status: 202 }
}

/** `GET $export-file/[ticket]/[number]`. */
export async function exportFile(call: Call): Promise<Answer> {
  const { state, ticket, until } = await jobIn(call)
  const file = state.files.at(present(call.version, 'the number of a file') - 1)
  if (file === undefined || state.stage !== 'done') throw notFound()
  const sealed = await call.bulk.fileOf(file)
  if (sealed === undefined) throw notFound()
  const body = openFile(ticket, file, sealed)
  return { status: 200, headers: { expires: httpDate(until) }, raw: { type: LINES_TYPE, body } }
}

/** The export of the ticket in a path. A ticket of somebody else is as good as none. */
async function jobIn({ id, bulk, session }: Call): Promise<BulkJob> {
  const ticket = /^[0-9a-f]{64}$/.exec(id ?? '')
  const job = ticket === null ? undefined : await bulk.follow(fromHex(ticket[0]), session)
  if (job === undefined) throw notFound()
  return job
}

function wantedIn({ request }: Call): Pick<BulkState, 'types' | 'since'> {
  const { query } = request
  const format = query.get('_outputFormat') ?? FORMATS[0]
  if (!FORMATS.includes(format.replace(' ', '+'))) {
    throw invalidRequest(`Expected _outputFormat to be ${FORMATS[0]}`)
  }
  const types = query.getAll('_type').flatMap((value) => value.split(','))
  if (!types.every(isResourceType)) {
    throw invalidRequest('Expected _type to name resource types of FHIR R4')
  }
  const since = timeIn('_since', query.getAll('_since'))
  return { types: [...new Set(types)], since: since && epochMs(Math.max(0, since[0])) }
}

/** The patients of a Group of this site whom it says to be members now. */
async function membersOf(call: Call): Promise<readonly ResourceName[]> {
  const { options, id } = call
  const name = { type: 'Group', id: present(id, 'the id of a group') }
  const group = await options.vault.consult(name, askedBy(call, 'read', 'open'))
  if (group === undefined) throw notFound()
  if (group.isGone) throw new FhirRefusal('FHIR_DELETED', 'The resource was deleted')
  const { member } = group.value
  const members = Array.isArray(member) ? member.filter(isObject) : []
  const ids = members
    .filter(({ inactive }) => inactive !== true)
    .flatMap(({ entity }) => {
      const reference = isObject(entity) ? entity['reference'] : undefined
      const found = typeof reference === 'string' ? PATIENT.exec(reference) : null
      return found === null ? [] : [found[1]]
    })
  return [...new Set(ids)].map((patient) => ({ type: 'Patient', id: patient }))
}

const manifestOf = ({ base, id }: Call, { begunAt, request, files }: BulkState): JsonObject => ({
  ...{ transactionTime: isoTime(begunAt), request, requiresAccessToken: true },
  output: files.map(({ type, count }, index) => {
    return { type, url: `${base}/$export-file/${id ?? ''}/${index + 1}`, count }
  }),
  error: [],
})

const PATIENT = /^Patient\/([A-Za-z0-9\-.]{1,64})$/
const RETRY_SECONDS = '5'
const JSON_TYPE = 'application/json'
const LINES_TYPE = 'application/fhir+ndjson'
const FORMATS: readonly string[] = [LINES_TYPE, 'application/ndjson', 'ndjson']
