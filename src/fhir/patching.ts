/**
 * Patch: JSON Patch (RFC 6902) and FHIRPath Patch, over the tree that keeps decimals to the letter.
 *
 * A patch is applied inside the vault's turn to a copy of what is stored then; what comes out is
 * validated like any update. Type and id stay.
 *
 * @see FHIR R4 §3.1.0.6; RFC 6902
 * @module
 */

import { fromBase64, present } from '#base'
import { isObject, readJson, type Json, type JsonObject } from '#health'
import { requireOwnName, type Change, type Opened, type ResourceName, type WriteView } from '#vault'
import { selected } from './conditions.ts'
import { checkAllowed, type Answer, type Call } from './context.ts'
import { fhirPathPatch } from './fhirpath-patch.ts'
import { checkValid, idIn, jsonIn, typeIn } from './incoming.ts'
import { jsonPatch } from './json-patch.ts'
import { FHIR_JSON } from './negotiation.ts'
import { nameIn } from './reading.ts'
import { FhirRefusal, invalidRequest, notFound } from './refusal.ts'
import { storedResource } from './resources.ts'
import { isWhole } from './showing.ts'
import { changed, maySee, putting, writeOne } from './writing.ts'

/** `PATCH [type]/[id]` and `PATCH [type]?…`. */
export async function patch(call: Call): Promise<Answer> {
  const type = present(call.type, 'the type of a patch')
  await checkAllowed(call, 'update', type)
  const apply = await patchIn(call)
  const named = call.id === undefined ? undefined : nameIn(call)
  let value: JsonObject | undefined
  let before: Opened | undefined
  const plan = async (view: WriteView): Promise<Change> => {
    before = await view.current(named ?? (await selectedBy(call, type)))
    value = await patched(call, before, apply)
    return await putting(call, { value, before, view })
  }
  const written = await writeOne(call, { names: named && [named], act: 'mend', plan })
  return changed(call, { written, value: present(value, 'what a patch made'), before })
}

/** Changes a copy of a resource in place. @throws FhirRefusal */
export type Apply = (copy: JsonObject) => void

/** The patch of a body, or of an entry: Parameters, or a Binary that holds JSON Patch. */
export async function patchIn(call: Call): Promise<Apply> {
  const { options, request, sent } = call
  if (sent?.['resourceType'] === 'Binary') return jsonPatch(inside(sent))
  const json = sent ?? (await jsonIn(options, request, PATCH_TYPES))
  const isJsonPatch = sent === undefined && request.contentType?.startsWith(JSON_PATCH) === true
  if (isJsonPatch) return jsonPatch(json)
  if (isObject(json) && json['resourceType'] === 'Parameters') return fhirPathPatch(json)
  throw invalidRequest('Expected JSON Patch, or Parameters with operations')
}

/** The resource that a patch makes of what is there, valid. */
export async function patched(
  { session }: Call,
  before: Opened | undefined,
  apply: Apply,
): Promise<JsonObject> {
  if (before === undefined || !(await maySee(session, before))) throw notFound()
  requireOwnName(before)
  if (before.isGone) throw new FhirRefusal('FHIR_DELETED', 'The resource was deleted')
  // A patch may test values: it would tell what is masked.
  if (!isWhole(before.value)) {
    throw new FhirRefusal('FHIR_FORBIDDEN', 'What is shown in part cannot be patched')
  }
  // Read anew from its text: the copy is the patch's alone, and every number is as it was spelled.
  const copy = readJson(new TextEncoder().encode(before.text)) as JsonObject
  apply(copy)
  if (typeIn(copy) !== before.type || idIn(copy) !== before.id) {
    throw new FhirRefusal('FHIR_PATCH_FAILED', 'A patch cannot change type or id')
  }
  const value = storedResource(copy, before.id)
  checkValid(value)
  return value
}

async function selectedBy(call: Call, type: string): Promise<ResourceName> {
  const found = await selected(call, { type, criteria: call.request.query.toString() })
  if (found === undefined) throw notFound()
  return found
}

/** The JSON Patch of a Binary. */
function inside({ contentType, data }: JsonObject): Json {
  if (contentType !== JSON_PATCH || typeof data !== 'string') {
    throw invalidRequest(`Expected a Binary of ${JSON_PATCH}`)
  }
  return readJson(fromBase64(data))
}

const JSON_PATCH = 'application/json-patch+json'
const PATCH_TYPES: readonly string[] = [JSON_PATCH, FHIR_JSON, 'application/json']
