/**
 * `$merge` and `$unmerge`: two records of one patient become one, and two again.
 *
 * Nothing is moved or copied. The record that is given up becomes inactive and is linked to the one
 * that stays; searches about that one find what was written under either. Both are ordinary
 * versions, written together: history, log and conditions are as with any update. What was done is
 * undone exactly: the record given up becomes what it was before, the other loses the link and
 * keeps whatever else was written since.
 *
 * Of a record that another site sealed nothing is written: only the record that stays says that it
 * replaces it, which is undone by taking that away.
 *
 * Only whoever may update both may do it; a merge is a decision of a person, never of a match.
 *
 * @see FHIR R4 Patient.link; R5 Patient-operation-merge, of which this takes the parameters
 * @module
 */

import { present } from '#base'
import { isObject, type JsonObject } from '#health'
import { requireOwnName, sealedBy, type Change, type Opened, type WriteView } from '#vault'
import { askedBy, checkAllowed, type Answer, type Call } from './context.ts'
import { checkValid } from './incoming.ts'
import { linksOf, withLink, withoutLink } from './links.ts'
import { replacing } from './merged.ts'
import { outcomeOf } from './outcome.ts'
import { parametersIn, type Parameter } from './parameters.ts'
import { FhirRefusal, invalidRequest, notFound } from './refusal.ts'
import { servedResource, storedResource } from './resources.ts'
import { checkMay, maySee, writeAll } from './writing.ts'

/** `POST Patient/$merge`: `source-patient` is given up, `target-patient` stays. */
export async function merge(call: Call): Promise<Answer> {
  await checkAllowed(call, 'update', 'Patient')
  const parameters = await parametersIn(call, ['source-patient', 'target-patient'])
  const [source, target] = [...NAMES].map((name) => referenceIn(parameters.get(name), name))
  if (source === target) throw broken('A record cannot be merged into itself')
  requireOwnName({ type: 'Patient', id: target })
  return await joined(call, { source, target }, async (given, staying) => {
    if (linksOf(given, 'replaced-by').length > 0) throw broken('The source was merged already')
    if (linksOf(staying, 'replaced-by').length > 0) throw broken('The target was merged already')
    if ((await replacing(call, source)).length > 0) throw broken('The source was merged already')
    return [
      withLink({ ...given, active: false }, 'replaced-by', target),
      withLink(staying, 'replaces', source),
    ]
  })
}

/** `POST Patient/[id]/$unmerge`, of the record that was given up. */
export async function unmerge(call: Call): Promise<Answer> {
  await checkAllowed(call, 'update', 'Patient')
  const source = present(call.id, 'the record that was given up')
  const { options } = call
  const name = { type: 'Patient', id: source }
  const asked = askedBy(call, 'history', 'past')
  const newest = await options.vault.consult(name, asked)
  const links = newest === undefined || newest.isGone ? [] : linksOf(newest.value, 'replaced-by')
  const target = links.at(0)
  if (newest === undefined) throw notFound()
  if (sealedBy(newest.value) !== undefined) return await unlinked(call, newest)
  if (target === undefined) throw broken('The record was not merged into another')
  const before = await options.vault.consult({ ...name, version: newest.version - 1 }, asked)
  if (before === undefined || linksOf(before.value, 'replaced-by').includes(target)) {
    throw broken('The record was changed after it was merged: undo that first')
  }
  const was = storedResource(before.value, source)
  return await joined(call, { source, target }, (_given, staying, version) => {
    if (version !== newest.version) throw conflict()
    return [was, withoutLink(staying, 'replaces', source)]
  })
}

/** Takes the link away by which a record of this site replaces one of another's. */
async function unlinked(call: Call, { id: source, value }: Opened): Promise<Answer> {
  const target = (await replacing(call, source)).at(0)
  if (target === undefined) throw broken('The record was not merged into another')
  return await joined(call, { source, target }, (_given, staying) => {
    if (!linksOf(staying, 'replaces').includes(source)) throw conflict()
    return [value, withoutLink(staying, 'replaces', source)]
  })
}

type Join = (source: JsonObject, target: JsonObject, version: number) => Joined | Promise<Joined>
type Joined = readonly [source: JsonObject, target: JsonObject]

/** Writes both records as they become, from what they are in the vault's turn. */
async function joined(
  call: Call,
  { source, target }: { readonly source: string; readonly target: string },
  join: Join,
): Promise<Answer> {
  const { session } = call
  const names = [source, target].map((id) => ({ type: 'Patient', id }))
  let result: JsonObject | undefined
  const written = await writeAll(call, {
    ...{ act: 'join', names },
    plan: async (view: WriteView) => {
      const [given, staying] = await Promise.all(names.map((name) => view.current(name)))
      for (const one of [given, staying]) await checkHere(session, one)
      const [before, after] = [present(given, 'the source'), present(staying, 'the target')]
      const values = await join(before.value, after.value, before.version)
      result = values[1]
      const changes: Change[] = []
      for (const [at, opened] of [before, after].entries()) {
        const isOwn = sealedBy(opened.value) === undefined
        const value = isOwn ? values[at] : opened.value
        if (isOwn) checkValid(value)
        await checkMay(session, 'update', value, opened)
        if (!isOwn) continue
        changes.push({ kind: 'put', ...names[at], value, expect: opened.version })
      }
      return changes
    },
  })
  const { version, at } = present(written.at(-1), 'what became of the target')
  const shown = { value: present(result, 'the target'), version, at: present(at, 'its time') }
  return { status: 200, resource: answerOf(servedResource(shown)) }
}

async function checkHere(session: Call['session'], opened: Opened | undefined): Promise<void> {
  if (opened === undefined || !(await maySee(session, opened))) throw notFound()
  if (opened.isGone) throw new FhirRefusal('FHIR_DELETED', 'The resource was deleted')
}

const answerOf = (result: JsonObject): JsonObject => ({
  resourceType: 'Parameters',
  parameter: [
    { name: 'outcome', resource: outcomeOf([{ ...DONE }]) },
    { name: 'result', resource: result },
  ],
})

function referenceIn(parameter: Parameter | undefined, name: string): string {
  const { value } = parameter ?? {}
  const reference = isObject(value) ? value['reference'] : undefined
  const found = typeof reference === 'string' ? PATIENT.exec(reference) : null
  if (found !== null) return found[1]
  throw invalidRequest(`Expected ${name} as a reference Patient/…`)
}

const broken = (message: string): FhirRefusal => new FhirRefusal('FHIR_RULE_BROKEN', message)
const conflict = (): FhirRefusal =>
  new FhirRefusal('FHIR_CONFLICT', 'Something else was written in between; ask again')
const NAMES = ['source-patient', 'target-patient'] as const
const PATIENT = /^Patient\/([A-Za-z0-9\-.]{1,64})$/
const DONE = {
  severity: 'information',
  code: 'informational',
  text: 'Both records were written',
} as const
