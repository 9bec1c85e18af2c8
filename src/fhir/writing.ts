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
import type { JsonObject } from '#health'
import type { Change, Opened, ResourceName, WriteUnit, Written } from '#vault'
import { checkAllowed, type Answer, type Call } from './context.ts'
import { checkValid, resourceIn, typeIn } from './incoming.ts'
import { outcomeOf } from './outcome.ts'
import { nameIn, versionHeaders } from './reading.ts'
import { FhirRefusal, notFound } from './refusal.ts'
import { servedResource, storedResource, versionInTag } from './resources.ts'
import type { Action, Session } from './session.ts'

/** `POST [type]`: the server names it. */
export async function create(call: Call): Promise<Answer> {
  const { options, session } = call
  const type = present(call.type, 'the type of a create')
  await checkAllowed(call, 'create', type)
  const id = newUuid(options.random)
  const value = storedResource(await resourceIn(call), id)
  checkValid(value)
  await checkMay(session, 'create', value)
  const change: Change = { kind: 'put', type, id, value, expect: 'absent' }
  const written = await writeOne(call, { name: { type, id }, act: 'new', plan: () => change })
  return changed(call, { written, value })
}

/** `PUT [type]/[id]`: replaces the resource, or makes it under the client's id. */
export async function update(call: Call): Promise<Answer> {
  const { session, request } = call
  const name = nameIn(call)
  await checkAllowed(call, 'update', name.type)
  const sent = await resourceIn(call)
  if (sent['id'] !== name.id) {
    throw new FhirRefusal('FHIR_NAME_DIFFERS', 'Expected a resource with the id in the path')
  }
  const value = storedResource(sent, name.id)
  checkValid(value)
  const expect = expectedIn(request.header('if-match'), request.header('if-none-match'))
  let before: Opened | undefined
  const plan = async (current: Opened | undefined): Promise<Change> => {
    before = current
    await checkMay(session, current === undefined ? 'create' : 'update', value, current)
    return { kind: 'put', ...name, value, ...(expect !== undefined && { expect }) }
  }
  const written = await writeOne(call, { name, act: 'next', plan })
  return changed(call, { written, value, before })
}

/** `DELETE [type]/[id]`: what is not there, or may not be seen, is gone already. */
export async function remove(call: Call): Promise<Answer> {
  const { session, request } = call
  const name = nameIn(call)
  await checkAllowed(call, 'delete', name.type)
  const expect = expectedIn(request.header('if-match'), undefined)
  const plan = async (current: Opened | undefined): Promise<Change | undefined> => {
    if (current === undefined || current.isGone) return undefined
    if (!(await maySee(session, current))) return undefined
    await checkMay(session, 'delete', current.value, current)
    return { kind: 'remove', ...name, ...(expect !== undefined && { expect }) }
  }
  const written = await writeOne(call, { name, act: 'end', plan })
  if (written?.at === undefined) return { status: 204 }
  return { status: 204, headers: versionHeaders({ version: written.version, at: written.at }) }
}

/** One change of one resource, as it is planned from the version that is there. */
interface OneChange {
  readonly name: ResourceName
  /** Neutral word for the log. */
  readonly act: string
  readonly plan: (current: Opened | undefined) => Change | undefined | Promise<Change | undefined>
}

/** Writes one change. @returns undefined where the plan changes nothing */
export async function writeOne(
  { options, session }: Call,
  { name, act, plan }: OneChange,
): Promise<Written | undefined> {
  const unit: WriteUnit = {
    actor: session.actor,
    act,
    names: [name],
    plan: async (view) => {
      const change = await plan(act === 'new' ? undefined : await view.current(name))
      return change === undefined ? [] : [change]
    },
  }
  const [written] = await options.vault.write(unit)
  return written
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
  const text = DEEDS[deed]
  const resource =
    preference === 'OperationOutcome'
      ? outcomeOf([{ severity: 'information', code: 'informational', text }])
      : servedResource({ value, version, at })
  return { status, headers, resource }
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
