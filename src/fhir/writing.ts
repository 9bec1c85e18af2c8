/**
 * Create, update, patch, delete.
 *
 * What is to become of a resource is decided inside the vault's turn, from the version that it
 * replaces: no other write comes between a condition, the decision about the old version, and the
 * new one.
 *
 * @see FHIR R4 §3.1.0.4 to §3.1.0.8
 * @module
 */

import { newUuid, present } from '#base'
import type { Act } from '#audit'
import { isResourceId, type JsonObject } from '#health'
import type { Change, Opened, ResourceName, WriteUnit, WriteView, Written } from '#vault'
import { selected } from './conditions.ts'
import { checkAllowed, toldBy, type Answer, type Call } from './context.ts'
import { withOwners } from './hooks/subscription.ts'
import { checkValid, idIn, resourceIn, typeIn } from './incoming.ts'
import { outcomeOf } from './outcome.ts'
import { nameIn, versionHeaders } from './reading.ts'
import { checkReferences } from './references.ts'
import { checkNotLogged } from './events.ts'
import { FhirRefusal, notFound } from './refusal.ts'
import { servedResource, storedResource, versionInTag } from './resources.ts'
import type { Action, Session } from './session.ts'
import { isShown } from './showing.ts'

/** `POST [type]`: the server names it. With `If-None-Exist`, only if nothing is selected by it. */
export async function create(call: Call): Promise<Answer> {
  const { options, session, request } = call
  const type = present(call.type, 'the type of a create')
  await checkAllowed(call, 'create', type)
  const id = newUuid(options.random)
  const value = storedResource(await resourceIn(call), id)
  checkValid(value)
  await checkMay(session, 'create', value)
  const criteria = request.header('if-none-exist')
  let found: Opened | undefined
  const plan = async (view: WriteView): Promise<Change | undefined> => {
    const name = criteria === undefined ? undefined : await selected(call, { type, criteria })
    found = name && (await view.current(name))
    if (found !== undefined) return undefined
    await checkReferences(options, [value], view)
    return { kind: 'put', type, id, value, expect: 'absent' }
  }
  const names = criteria === undefined ? [{ type, id }] : undefined
  const written = await writeOne(call, { names, act: 'new', plan })
  if (found !== undefined) return await existing(call, found)
  return changed(call, { written, value })
}

/** `PUT [type]/[id]`: replaces the resource, or makes it under the client's id. */
export async function update(call: Call): Promise<Answer> {
  const name = nameIn(call)
  await checkAllowed(call, 'update', name.type)
  const sent = await resourceIn(call)
  if (sent['id'] !== name.id) {
    throw new FhirRefusal('FHIR_NAME_DIFFERS', 'Expected a resource with the id in the path')
  }
  const value = storedResource(sent, name.id)
  checkValid(value)
  let before: Opened | undefined
  const plan = async (view: WriteView): Promise<Change> => {
    before = await view.current(name)
    return await putting(call, { value, before, view })
  }
  const written = await writeOne(call, { names: [name], act: 'next', plan })
  return changed(call, { written, value, before })
}

/** `PUT [type]?…`: replaces what is selected, or makes it. */
export async function conditionalUpdate(call: Call): Promise<Answer> {
  const { options, request } = call
  const type = present(call.type, 'the type of an update')
  await checkAllowed(call, 'update', type)
  const sent = await resourceIn(call)
  const newId = newUuid(options.random)
  let value: JsonObject | undefined
  let before: Opened | undefined
  const plan = async (view: WriteView): Promise<Change> => {
    const found = await selected(call, { type, criteria: request.query.toString() })
    const { id = found?.id ?? newId } = sent
    if (!isResourceId(id) || (found !== undefined && found.id !== id)) {
      throw new FhirRefusal(
        'FHIR_NAME_DIFFERS',
        'The resource has another id than what is selected',
      )
    }
    value = storedResource(sent, id)
    checkValid(value)
    before = await view.current({ type, id })
    return await putting(call, { value, before, view })
  }
  const written = await writeOne(call, { names: undefined, act: 'next', plan })
  return changed(call, { written, value: present(value, 'what is put'), before })
}

/** `DELETE [type]/[id]`: what is not there, or may not be seen, is gone already. */
export async function remove(call: Call): Promise<Answer> {
  const name = nameIn(call)
  await checkAllowed(call, 'delete', name.type)
  const plan = async (view: WriteView) => await removing(call, await view.current(name))
  return deleted(await writeOne(call, { names: [name], act: 'end', plan }))
}

/** `DELETE [type]?…`: deletes what is selected, one at most. */
export async function conditionalDelete(call: Call): Promise<Answer> {
  const { request } = call
  const type = present(call.type, 'the type of a delete')
  await checkAllowed(call, 'delete', type)
  const plan = async (view: WriteView): Promise<Change | undefined> => {
    const found = await selected(call, { type, criteria: request.query.toString() })
    return found && (await removing(call, await view.current(found)))
  }
  return deleted(await writeOne(call, { names: undefined, act: 'end', plan }))
}

/** One change of one resource, as it is planned from what is there. */
interface OneChange {
  /** Undefined: known only in the vault's turn. */
  readonly names: readonly ResourceName[] | undefined
  readonly act: Act
  readonly plan: (view: WriteView) => Promise<Change | undefined>
}

/** Writes one change. @returns undefined where the plan changes nothing */
export async function writeOne(
  call: Call,
  { names, act, plan }: OneChange,
): Promise<Written | undefined> {
  const [written] = await writeAll(call, {
    ...{ act, ...(names && { names }) },
    plan: async (view) => {
      const change = await plan(view)
      return change === undefined ? [] : [change]
    },
  })
  return written
}

/** Writes a unit, with the subscriptions in it checked and owned. */
export async function writeAll(
  call: Call,
  unit: Omit<WriteUnit, 'actor' | 'told'>,
): Promise<readonly Written[]> {
  const { options, session, hooks } = call
  const written = await options.vault.write({
    ...{ ...unit, actor: session.account.actor, told: toldBy(call) },
    plan: async (view) => {
      const changes = withOwners(call, await unit.plan(view))
      for (const one of changes) if (one.kind === 'put') call.log.marking.note(one.value)
      return changes
    },
  })
  if (written.some(({ type }) => type === 'Subscription')) hooks?.changed()
  return written
}

/** The change that puts a valid resource in the place of what is there, if that may be. */
export async function putting(
  { options, session, request }: Call,
  about: {
    readonly value: JsonObject
    readonly before: Opened | undefined
    readonly view: Pick<WriteView, 'isHere'>
  },
): Promise<Change> {
  const { value, before, view } = about
  checkNotLogged(value)
  await checkMay(session, before === undefined ? 'create' : 'update', value, before)
  await checkReferences(options, [value], view)
  const expect = expectedIn(request.header('if-match'), request.header('if-none-match'))
  const name = { type: typeIn(value), id: idIn(value) }
  return { kind: 'put', ...name, value, ...(expect !== undefined && { expect }) }
}

/** The change that removes what is there, if it may be seen and removed. */
export async function removing(
  { session, request, log }: Call,
  current: Opened | undefined,
): Promise<Change | undefined> {
  if (current === undefined || current.isGone || !(await maySee(session, current))) return undefined
  await checkMay(session, 'delete', current.value, current)
  log.marking.note(current.value, current.holders)
  const expect = expectedIn(request.header('if-match'), undefined)
  const { type, id } = current
  return { kind: 'remove', type, id, ...(expect !== undefined && { expect }) }
}

function deleted(written: Written | undefined): Answer {
  if (written?.at === undefined) return { status: 204 }
  return { status: 204, headers: versionHeaders({ version: written.version, at: written.at }) }
}

/** What a conditional create finds there already. */
async function existing({ base, preference, session }: Call, found: Opened): Promise<Answer> {
  const { type, id, version } = found
  const location = `${base}/${type}/${id}/_history/${version}`
  const headers = { ...versionHeaders(found), location }
  const isSeen = preference === 'representation' && (await maySee(session, found))
  if (!isSeen) return { status: 200, headers }
  return { status: 200, headers, resource: servedResource(found) }
}

/** What is answered to a create, update or patch. */
export function changed(
  { base, preference }: Call,
  done: {
    readonly written: Written | undefined
    readonly value: JsonObject
    readonly before?: Opened | undefined
  },
): Answer {
  const { value, before } = done
  const written = present(done.written, 'what became of a resource')
  const { type, id, version, deed } = written
  const at = present(written.at ?? before?.at, 'when a version was written')
  const location = `${base}/${type}/${id}/_history/${version}`
  const isNew = deed === 'made'
  const headers = { ...versionHeaders({ version, at }), ...(isNew ? { location } : {}) }
  const status = isNew ? 201 : 200
  if (preference === 'minimal') return { status, headers }
  if (preference === 'representation' && isShown(value)) {
    return { status, headers, resource: servedResource({ value, version, at }) }
  }
  const outcome = outcomeOf([{ severity: 'information', code: 'informational', text: DEEDS[deed] }])
  return { status, headers, resource: outcome, isOutcome: true }
}

/**
 * Whether a session may do this to a resource.
 *
 * @param before   what is there now: if that may not even be seen, it looks absent
 * @throws FhirRefusal `FHIR_FORBIDDEN`, `FHIR_NOT_FOUND`
 */
export async function checkMay(
  session: Session,
  action: Action,
  value: JsonObject,
  before?: Opened,
): Promise<void> {
  if (before !== undefined) {
    if (!(await maySee(session, before))) throw notFound()
    await checkDecision(session, action, before.value)
  }
  await checkDecision(session, action, value)
}

async function checkDecision(session: Session, action: Action, resource: JsonObject) {
  const decision = await session.decide({ action, type: typeIn(resource), resource })
  if (!decision.permit) throw new FhirRefusal('FHIR_FORBIDDEN', decision.reason)
}

/** Whether what is there may be seen. */
export const maySee = async (session: Session, { type, value }: Opened): Promise<boolean> =>
  (await session.decide({ action: 'read', type, resource: value })).permit

/** What the conditions of a request expect. @throws FhirRefusal `FHIR_PRECONDITION_FAILED` */
export function expectedIn(
  ifMatch: string | undefined,
  ifNoneMatch: string | undefined,
): number | 'absent' | undefined {
  if (ifMatch !== undefined) {
    const version = versionInTag(ifMatch)
    if (typeof version === 'number') return version
    const message = 'Expected If-Match with one ETag of this server'
    throw new FhirRefusal('FHIR_PRECONDITION_FAILED', message)
  }
  if (ifNoneMatch === undefined) return undefined
  if (versionInTag(ifNoneMatch) === 'any') return 'absent'
  const message = 'A change takes If-None-Match with * only'
  throw new FhirRefusal('FHIR_PRECONDITION_FAILED', message)
}

const DEEDS: Readonly<Record<Written['deed'], string>> = {
  made: 'The resource was created',
  changed: 'The resource was updated',
  kept: 'The resource was so already, to the letter',
  removed: 'The resource was deleted',
}
