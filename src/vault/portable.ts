/**
 * A patient's record as it leaves for nobody's vault: all versions, readable, as a FHIR history.
 *
 * A Bundle of type `history`, oldest version of each resource first: the patient's own resources, then
 * the shared ones they refer to. What was removed stands as a DELETE. Beside each version stands its
 * proof: the container as it was sealed, the key of its content, and the signed group it is in. With
 * these anybody who has the sealing site's public keys can check text, version and site; the text
 * alone says nothing of who wrote it.
 *
 * It is plain text, and must be sealed for somebody before it is put anywhere.
 *
 * @see FHIR R4 §3.1.0.11 (history)
 * @module
 */

import { base64, isoTime, toCbor, type Uuid } from '#base'
import { unwrapDataKey } from '#envelope'
import { isGone } from './body.ts'
import type { VaultContext } from './context.ts'
import { proofFor, sharedObject, Wanted } from './export.ts'
import type { GroupProof } from './group.ts'
import type { HolderKey } from './holder-key.ts'
import { everyObjectOf, versionsOf, type StoredObject } from './objects.ts'
import { openersOf, openVersion, readVersion, type VerifiedVersion } from './reading.ts'
import { patientKey } from './records.ts'
import { VaultRefusal } from './refusal.ts'
import { trailEntries } from './trail.ts'

/** To whom it goes, and who asks. */
export interface PortableOrder {
  readonly actor: string
  /** Neutral name of those whom it is sealed for, for the log. */
  readonly to: string
}

/**
 * The Bundle, text by text; the log says that it was given out before the first.
 *
 * @throws VaultRefusal `VAULT_NOT_FOUND`, `VAULT_ERASED`, `VAULT_DAMAGED`; `VAULT_EXPORT_TOO_LARGE`
 *   in the middle, where the whole would be more than can be taken in again
 */
export async function* portableRecord(
  context: VaultContext,
  patient: Uuid,
  { actor, to }: PortableOrder,
): AsyncGenerator<string> {
  using key = await patientKey(context, patient)
  using shared = await context.keyring.siteHolder('shared')
  const deed = { kind: 'vault.taken-out', actor, act: 'sent', peer: to, facts: { to } } as const
  await context.store.commit(trailEntries(context, deed, [{ key }]))
  const size = new Size()
  yield size.count(`{"resourceType":"Bundle","type":"history","entry":[`)
  let isFirst = true
  for await (const { verified, by } of portableVersions(context, patient, { key, shared })) {
    const proof = await proofFor(context, verified)
    yield size.count(`${isFirst ? '' : ','}${entryText(verified, by, proof)}`)
    isFirst = false
  }
  yield size.count(`]}`)
}

interface Openable {
  readonly verified: VerifiedVersion
  readonly by: HolderKey
}

async function* portableVersions(
  context: VaultContext,
  patient: Uuid,
  { key, shared }: { readonly key: HolderKey; readonly shared: HolderKey },
): AsyncGenerator<Openable> {
  const wanted = new Wanted()
  for await (const { object } of everyObjectOf(context, patient)) {
    for await (const one of versionsBy(context, object, key)) {
      wanted.addFrom(one.verified, key)
      yield one
    }
  }
  for (;;) {
    const next = wanted.take()
    if (next === undefined) return
    const object = await sharedObject(context, next, shared)
    if (object === undefined) continue
    for await (const one of versionsBy(context, object, shared)) {
      wanted.addFrom(one.verified, shared)
      yield one
    }
  }
}

/** The versions of an object that a holder opens: earlier ones may have been somebody else's. */
async function* versionsBy(
  context: VaultContext,
  object: StoredObject,
  by: HolderKey,
): AsyncGenerator<Openable> {
  for (const version of await versionsOf(context, object.id)) {
    const verified = await readVersion(context, object, version)
    if (openersOf(verified).includes(by.holder.id)) yield { verified, by }
  }
}

function entryText(verified: VerifiedVersion, by: HolderKey, proof: GroupProof): string {
  const { version, storedAt, container, tenant } = verified
  const body = openVersion(verified, by)
  const { type, id, text } = body
  const gone = isGone(body)
  using dataKey = unwrapDataKey(container, by.wrapping)
  const proven = toCbor({ v: 1, container, key: dataKey.reveal(), proof: cborOf(proof) })
  const extension = [{ url: PROOF_URL, valueBase64Binary: base64(proven) }]
  const request = { method: gone ? 'DELETE' : 'PUT', url: `${type}/${id}` }
  const response = {
    status: gone ? '204' : version === 1 ? '201' : '200',
    etag: `W/"${version}"`,
    lastModified: isoTime(storedAt),
  }
  const fullUrl = `urn:photonward:${tenant}:${type}:${id}`
  const rest = JSON.stringify({ extension, fullUrl, request, response }).slice(1)
  // As it was sealed, to the letter: it is not read and written anew.
  return gone ? `{${rest}` : `{"resource":${text},${rest}`
}

const cborOf = ({ statement, signature, ...path }: GroupProof) => ({
  ...path,
  statement,
  signature: { ...signature },
})

/** Counts what is given out. */
class Size {
  #octets = 0

  count(text: string): string {
    this.#octets += text.length
    if (this.#octets <= PORTABLE_LETTERS_MAX) return text
    const message = `A record of more than ${PORTABLE_LETTERS_MAX} letters does not travel in a file`
    throw new VaultRefusal('VAULT_EXPORT_TOO_LARGE', message)
  }
}

/** Names the proof beside a version. */
export const PROOF_URL = 'urn:photonward:proof:v1'
/** Below what `readJson` takes at once, with room for letters of several octets. */
const PORTABLE_LETTERS_MAX = 24 * 1024 * 1024
