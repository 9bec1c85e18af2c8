/**
 * A record that comes back in a file: checked against its proofs, and written version by version.
 *
 * Each text must be the one in the container beside it, and the container in the group that its site
 * signed, where we know that site; of others it is told how many versions nobody vouches for. What is
 * written is sealed and signed by this site, with the same texts in the same order, at the time at
 * which it came: the times of before stay in the file.
 *
 * A resource that is here must have the same history, or the beginning of it.
 *
 * @module
 */

import {
  cborDoor,
  Exactly,
  fromBase64,
  Octets,
  SecretBytes,
  Type,
  Whole,
  type SiteId,
  type Uuid,
} from '#base'
import { containerHash, open, parseContainer } from '#envelope'
import {
  canonicalText,
  isObject,
  issuesOf,
  JSON_OCTETS_MAX,
  readJsonSteps,
  type Json,
  type JsonObject,
} from '#health'
import { CONTENT_FHIR_R4, decodeBody, GONE } from './body.ts'
import type { Change } from './changes.ts'
import { paced, pauses, storedVerifiersOf, type VaultContext } from './context.ts'
import { isProven, isSigned, readStatement } from './group.ts'
import { isErased, objectByIdentity, versionsOf, type StoredObject } from './objects.ts'
import { PROOF_URL } from './portable.ts'
import { openVersion, readVersion } from './reading.ts'
import { openerOf } from './records.ts'
import { erased, VaultRefusal } from './refusal.ts'
import { identityOf } from './tags.ts'

/** What came of a file. */
export interface PortableOutcome {
  /** Versions in the file. */
  readonly versions: number
  /** Of these, how many a site that we know has signed. */
  readonly proven: number
  readonly written: number
  /** Patients whose records were written, by our own random ids. */
  readonly patients: readonly Uuid[]
}

/** What is to be written, one round after another: each resource at most once in each. */
export interface PortablePlan extends Pick<PortableOutcome, 'versions' | 'proven'> {
  readonly rounds: readonly (readonly Change[])[]
}

/** Reads a file and compares it with what is here; nothing is written. @throws VaultRefusal */
export async function readPortable(
  context: VaultContext,
  octets: Uint8Array,
): Promise<PortablePlan> {
  const entries = entriesOf(await paced(context.clock, readJsonSteps(octets)))
  const histories = new Map<string, Version[]>()
  const rest = pauses(context.clock)
  let proven = 0
  for (const entry of entries) {
    const { version, isKnown } = versionOf(context, entry)
    const name = `${version.tenant} ${version.type}/${version.id}`
    const history = histories.get(name)
    if (history === undefined) histories.set(name, [version])
    else history.push(version)
    if (isKnown) proven++
    await rest()
  }
  const rounds: Change[][] = []
  for (const history of histories.values()) {
    const changes = await changesFor(context, history)
    changes.forEach((change, at) => (rounds[at] ??= []).push(change))
  }
  return { versions: entries.length, proven, rounds }
}

/** One version in a file. */
interface Version {
  readonly type: string
  readonly id: string
  /** Site that sealed it. */
  readonly tenant: SiteId
  readonly text: string
  /** Undefined where it says that the resource was removed. */
  readonly value: JsonObject | undefined
}

function entriesOf(bundle: Json): readonly JsonObject[] {
  const entries = isObject(bundle) ? bundle['entry'] : undefined
  const isHistory = isObject(bundle) && bundle['type'] === 'history'
  if (!isHistory || !Array.isArray(entries) || !entries.every(isObject)) {
    throw invalid('Expected a Bundle of type history, as patient export makes it')
  }
  return entries
}

/** An entry that agrees with its proof. */
function versionOf(
  context: VaultContext,
  entry: JsonObject,
): { readonly version: Version; readonly isKnown: boolean } {
  const { container, key, proof } = proofIn(entry)
  const parsed = parseContainer(container)
  const { object, version, tenant, contentType } = parsed.header
  using dataKey = SecretBytes.copyOf(key)
  const body = decodeBody(open({ container, by: dataKey, expected: {} }).plaintext)
  const { type, id, text } = body
  const resource = entry['resource']
  const isSame = text === (isObject(resource) ? canonicalText(resource) : GONE)
  if (!isSame || contentType !== CONTENT_FHIR_R4) throw refused(object, 'is not what was sealed')
  if (!isProven(proof, { object, version, hash: containerHash(parsed) })) {
    throw refused(object, 'is not in the group beside it')
  }
  if (isObject(resource)) checkResource(resource, { object, type, id })
  const value = isObject(resource) ? resource : undefined
  const verifiers = storedVerifiersOf(context)(tenant)
  const isKnown = verifiers.length > 0
  if (isKnown && (!isSigned(verifiers, proof) || readStatement(proof.statement).site !== tenant)) {
    throw refused(object, 'is not signed by the site that sealed it')
  }
  return { version: { type, id, tenant, text, value }, isKnown }
}

function checkResource(
  resource: JsonObject,
  { object, type, id }: { readonly object: Uuid; readonly type: string; readonly id: string },
): void {
  const isNamed = resource['resourceType'] === type && resource['id'] === id
  if (!isNamed || issuesOf(resource, '', 1).length > 0) throw refused(object, 'is not valid')
}

function proofIn(entry: JsonObject) {
  const extensions = entry['extension']
  const found = Array.isArray(extensions)
    ? extensions.find((one) => isObject(one) && one['url'] === PROOF_URL)
    : undefined
  const text = isObject(found) ? found['valueBase64Binary'] : undefined
  try {
    return openProof(fromBase64(typeof text === 'string' ? text : ''))
  } catch (cause) {
    throw invalid('A version of the file has no proof beside it', cause)
  }
}

/** What is missing here of a history. @throws VaultRefusal `VAULT_ERASED`, `VAULT_IMPORT_CONFLICT` */
async function changesFor(
  context: VaultContext,
  history: readonly Version[],
): Promise<readonly Change[]> {
  const [{ type, id, tenant }] = history
  const { site, tags } = context
  const elsewhere = await objectByIdentity(context, identityOf(tags, tenant, { type, id }))
  if (elsewhere !== undefined && isErased(elsewhere)) throw erased('record')
  // It came from that site already, signed: that copy stays as it is.
  if (elsewhere !== undefined && tenant !== site) return []
  const own = await objectByIdentity(context, identityOf(tags, site, { type, id }))
  if (own !== undefined && isErased(own)) throw erased('record')
  const here = own === undefined ? [] : await textsOf(context, own)
  const common = Math.min(here.length, history.length)
  if (here.slice(0, common).some((text, at) => text !== history[at].text)) {
    const message = 'A resource of the file is here with another history: nothing was written'
    throw new VaultRefusal('VAULT_IMPORT_CONFLICT', message)
  }
  return history.slice(common).map(({ value }, at) => {
    const newest = common + at
    const expect = newest === 0 ? 'absent' : newest
    return value === undefined
      ? { kind: 'remove', type, id, expect }
      : { kind: 'put', type, id, expect, value }
  })
}

async function textsOf(context: VaultContext, object: StoredObject): Promise<readonly string[]> {
  using key = await openerOf(context, object)
  const texts: string[] = []
  for (const version of await versionsOf(context, object.id)) {
    texts.push(openVersion(await readVersion(context, object, version), key).text)
  }
  return texts
}

const invalid = (message: string, cause?: unknown): VaultRefusal =>
  new VaultRefusal('VAULT_FILE_INVALID', message, { cause })

const refused = (object: Uuid, problem: string): VaultRefusal =>
  new VaultRefusal('VAULT_ITEM_REFUSED', `Item ${object}: ${problem}`, {
    facts: { object },
  })

const openProof = cborDoor(
  Exactly({
    v: Type.Literal(1),
    container: Octets(1, JSON_OCTETS_MAX),
    key: Octets(32),
    proof: Exactly({
      statement: Octets(1, 1024),
      signature: Exactly({ mlDsa: Octets(3309), ed25519: Octets(64) }),
      place: Whole(0),
      path: Type.Array(Octets(32), { maxItems: 64 }),
    }),
  }),
  'proof',
  JSON_OCTETS_MAX,
)
