/**
 * Read and vread.
 *
 * @see FHIR R4 §3.1.0.1, §3.1.0.2
 * @module
 */

import { present } from '#base'
import type { Opened } from '#vault'
import { askedBy, checkAllowed, type Answer, type Call } from './context.ts'
import { FhirRefusal, notFound } from './refusal.ts'
import { etagOf, httpDate, isModifiedSince, servedResource, versionInTag } from './resources.ts'
import { partIn, subsetOf } from './subset.ts'

/** `GET [type]/[id]`. */
export async function read(call: Call): Promise<Answer> {
  const { type, id } = nameIn(call)
  await checkAllowed(call, 'read', type)
  const asked = askedBy(call, 'read', 'open')
  const opened = await call.options.vault.consult({ type, id }, asked)
  return shown(call, opened)
}

/** `GET [type]/[id]/_history/[version]`. */
export async function vread(call: Call): Promise<Answer> {
  const { type, id } = nameIn(call)
  const version = present(call.version, 'the version of a vread')
  await checkAllowed(call, 'history', type)
  const asked = askedBy(call, 'history', 'older')
  return shown(call, await call.options.vault.consult({ type, id, version }, asked))
}

/** `GET [type]/[id]/$unmask`: what a read shows masked, as it is. An act of its own, in the log too. */
export async function unmask(call: Call): Promise<Answer> {
  const { type, id } = nameIn(call)
  await checkAllowed(call, 'unmask', type)
  const { session, options } = call
  let refused: string | undefined
  const judge = async ({ value, holders }: Opened): Promise<boolean> => {
    const read = await session.decide({ action: 'read', type, resource: value })
    if (!read.permit) return false
    const decision = await session.decide({ action: 'unmask', type, resource: value })
    if (!decision.permit) refused = decision.reason
    // The vault logs what it shows to this judge, and what it then withholds.
    call.log.isTold = true
    call.log.marking.note(value, holders)
    return decision.permit
  }
  const asked = { ...askedBy(call, 'unmask', 'bare'), judge }
  const opened = await options.vault.consult({ type, id }, asked)
  // Whoever sees it masked knows that it is there.
  if (refused !== undefined) throw new FhirRefusal('FHIR_FORBIDDEN', refused)
  return shown(call, opened)
}

function shown(call: Call, opened: Opened | undefined): Answer {
  const { request } = call
  const part = partIn({ ...call, query: request.query })
  if (opened === undefined) throw notFound()
  if (opened.isGone) throw new FhirRefusal('FHIR_DELETED', 'The resource was deleted')
  const headers = versionHeaders(opened)
  const tag = request.header('if-none-match')
  const since = request.header('if-modified-since')
  const known = tag === undefined ? undefined : versionInTag(tag)
  // RFC 9110 §13.1.3: with a tag, the date says nothing.
  const isKnown =
    tag === undefined
      ? since !== undefined && !isModifiedSince(opened.at, since)
      : known === 'any' || known === opened.version
  if (isKnown) return { status: 304, headers }
  return { status: 200, headers, resource: subsetOf(servedResource(opened), part) }
}

/** ETag and Last-Modified of a version. */
export const versionHeaders = ({ version, at }: Pick<Opened, 'version' | 'at'>) => ({
  etag: etagOf(version),
  'last-modified': httpDate(at),
})

/** The resource that the path of a call names. */
export const nameIn = ({ type, id }: Call) => ({
  type: present(type, 'the type in a path'),
  id: present(id, 'the id in a path'),
})
