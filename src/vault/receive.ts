/**
 * A patient's record from another site: verified, opened once, wrapped for its holders here.
 *
 * Containers stay as they were sealed; only their wraps are new. The sealing site's signed group
 * and the way each item took are kept beside it, so both can be shown and verified for ever. An
 * item that is here already is left alone, so receiving twice is receiving once. That something is
 * no more ends what is here of it.
 *
 * Gives statements and commits nothing: the transfer's own rows go into the same commit.
 *
 * @module
 */

import {
  AssertionFailure,
  hex,
  lengthPrefixed,
  sameOctets,
  type SecretBytes,
  type SiteId,
  type Statement,
  type Uuid,
} from '#base'
import { containerHash, open, parseContainer, rewrap, type Container } from '#envelope'
import { sha256 } from '#crypto'
import { issuesOf, ownershipOf, type JsonObject } from '#health'
import { placeContainers } from './blobs.ts'
import { CONTENT_FHIR_R4, decodeBody, isGone, likenessOf, resourceOf, type Body } from './body.ts'
import { eachStep, paced, type VaultContext } from './context.ts'
import {
  GROUP_ENTRIES_MAX,
  isProven,
  isSigned,
  readStatement,
  type GroupProof,
  type GroupStatement,
} from './group.ts'
import { indexedAt, indexStatements, type Indexed } from './indexing.ts'
import type { HolderKey } from './holder-key.ts'
import { holdersOfObject, isErased, objectById, versionOf, type StoredObject } from './objects.ts'
import { keepForeign, noteOrigin, PROTECTIONS_MAX, type ItemProtection } from './origins.ts'
import { erased, VaultRefusal } from './refusal.ts'
import { holdersOf, presentHolders, type Owned } from './subjects.ts'
import { requireKnown, requireSynthetic } from './synthetic.ts'
import { identityOf } from './tags.ts'
import { trailEntries } from './trail.ts'
import { writeGroup, type NewVersion } from './writing.ts'

/** One item as it came. */
export interface ReceivedItem {
  /** The container, with whatever wraps it came with. */
  readonly container: Uint8Array
  /** The key of its content; stays with the caller. */
  readonly dataKey: SecretBytes
  readonly proof: GroupProof
  /** Ways it took, oldest first, the last being the one to here; at least one. */
  readonly protections: readonly ItemProtection[]
}

/** What a commit must hold, and what it will have done. */
export interface StagedImport {
  /** For the caller's commit; empty if everything is here already. */
  readonly statements: readonly Statement[]
  /** New versions among the items. */
  readonly written: number
  readonly unchanged: number
  /** Patients whose records these are, by the random ids of this site. */
  readonly patients: readonly Uuid[]
}

/**
 * Verifies items and prepares their commit.
 *
 * The statements hold for the store as it is now: commit them before anything else is written.
 *
 * @throws VaultRefusal `VAULT_ITEM_REFUSED` for what does not prove itself, naming its object;
 *   `VAULT_ERASED` for what was erased here
 */
export async function stageImport(
  context: VaultContext,
  about: { readonly from: SiteId; readonly actor: string },
  items: readonly ReceivedItem[],
): Promise<StagedImport> {
  if (items.length > GROUP_ENTRIES_MAX) throw refused('', `more than ${GROUP_ENTRIES_MAX} items`)
  const { clock, disk, site } = context
  const signed = new SignedStatements(context)
  const read = await paced(
    clock,
    eachStep(items, (item) => readItem(item, signed)),
  )
  if (new Set(read.map(({ object }) => object)).size < read.length) {
    throw refused('', 'an object stands twice in one import')
  }
  const compared = await Promise.all(
    read.map(async (item) => ({ ...item, ...(await stored(context, item)) })),
  )
  // That something is no more says nothing where it never was.
  const fresh = compared.filter(
    (item) => !item.isHere && (item.before !== undefined || !isGone(item)),
  )
  const alive = fresh.filter((item) => !isGone(item))
  using holders = await holdersOf(context, alive)
  if (context.acceptOnlySynthetic) {
    alive.forEach(requireSynthetic)
    requireKnown(alive, holders)
  }
  using former = new DisposableStack()
  const keys = new Map<ReadItem, readonly HolderKey[]>(
    alive.map((item) => [item, holders.of(item)]),
  )
  for (const item of fresh) {
    if (!keys.has(item)) keys.set(item, await presentHolders(context, item.object, former))
  }
  const versions = await paced(
    clock,
    eachStep(fresh, (item) => versionFor(context, item, keys.get(item) ?? [])),
  )
  const patients = new Set(holders.patients().map(({ holder }) => holder.id))
  for (const { isHere, before } of compared) {
    if (isHere && before !== undefined) await addPatients(context, before, patients)
  }
  const unchanged = items.length - versions.length
  const outcome = { written: versions.length, unchanged, patients: [...patients] }
  if (versions.length === 0) return { ...outcome, statements: [] }
  const placed = await placeContainers(disk, versions)
  const foreign = new Map(fresh.map((item) => [`${item.tenant} ${item.group}`, item]))
  const { actor, from } = about
  const at = clock.now()
  const deed = { kind: 'vault.filed', actor, act: 'taken', peer: from } as const
  const touched = holders.patients().map((key) => ({ key, more: versions.length }))
  const statements = [
    ...holders.statements,
    ...foreign.values().map(({ tenant, group, proof }) => keepForeign(site, tenant, group, proof)),
    ...(await writeGroup(context, placed, { kind: 'vault.received', at, actor, from })),
    ...(await indexStatements(context, indexedOf(site, fresh, keys), at)),
    ...trailEntries(context, deed, touched),
  ]
  return { ...outcome, statements }
}

/** What the index will say of what is newer than what is here. */
const indexedOf = (
  site: SiteId,
  items: readonly (ReadItem & { readonly before: StoredObject | undefined })[],
  keys: ReadonlyMap<ReadItem, readonly HolderKey[]>,
): Indexed[] =>
  items
    .filter(({ version, before }) => version > (before?.newest ?? 0))
    .map((item) => ({
      ...indexedAt(site, {
        ...{ object: item.object, version: item.version, origin: item.origin },
        ...{ type: item.type, id: item.id, value: isGone(item) ? undefined : item.value },
        protections: item.received.protections,
      }),
      isNext: item.before !== undefined,
      keys: keys.get(item) ?? [],
    }))

/** An item that proved itself. */
interface ReadItem extends Owned {
  readonly object: Uuid
  readonly version: number
  readonly tenant: SiteId
  readonly text: string
  readonly hash: Uint8Array
  /** The sealing site's group. */
  readonly group: Uuid
  readonly proof: GroupProof
  readonly received: ReceivedItem
}

function readItem(received: ReceivedItem, signed: SignedStatements): ReadItem {
  const { container, dataKey, proof, protections } = received
  const parsed = parsedOf(container)
  const { object, version, tenant, contentType } = parsed.header
  if (contentType !== CONTENT_FHIR_R4) throw refused(object, 'is of an unknown kind')
  if (protections.length < 1 || protections.length > PROTECTIONS_MAX) {
    throw refused(object, `expected 1 to ${PROTECTIONS_MAX} protections`)
  }
  const hash = containerHash(parsed)
  const group = signed.check(tenant, proof, object)
  if (!isProven(proof, { object, version, hash })) {
    throw refused(object, 'is not in the group that its site signed')
  }
  const body = openedBody(container, dataKey, object)
  const { type, id, value } = body
  const isNamed = value['resourceType'] === type && value['id'] === id
  if (!isNamed || (!isGone(body) && issuesOf(value, '', 1).length > 0)) {
    throw refused(object, 'is not a valid resource')
  }
  const ownership = ownershipOf(value)
  const { text } = body
  return {
    type,
    id,
    text,
    value,
    ownership,
    origin: tenant,
    object,
    version,
    tenant,
    hash,
    group,
    proof,
    received,
  }
}

/** Statements of groups, each verified once however many items are in it. */
class SignedStatements {
  readonly #context: VaultContext
  readonly #good = new Map<string, GroupStatement>()

  constructor(context: VaultContext) {
    this.#context = context
  }

  /** The group of a proof whose signatures are good. */
  check(tenant: SiteId, proof: GroupProof, object: Uuid): Uuid {
    const { statement, signature } = proof
    const name = hex(sha256(lengthPrefixed(statement, signature.mlDsa, signature.ed25519)))
    const known = this.#good.get(name)
    if (known?.site === tenant) return known.group
    if (!isSigned(this.#context.verifiersOf(tenant), proof)) {
      throw refused(object, 'is not signed by the site that sealed it')
    }
    const read = readStatement(statement)
    if (read.site !== tenant) throw refused(object, 'is not signed by the site that sealed it')
    this.#good.set(name, read)
    return read.group
  }
}

/** What is here of an item's object, and whether this very version is. */
async function stored(
  context: VaultContext,
  { object, version, hash, tenant }: ReadItem,
): Promise<{ readonly before: StoredObject | undefined; readonly isHere: boolean }> {
  const before = await objectById(context, object)
  if (before !== undefined && isErased(before)) throw erased('item')
  const row = before && (await versionOf(context, object, version))
  // What this site sealed itself may come back; it cannot come as something new.
  if (row === undefined && tenant === context.site) throw refused(object, 'was not sealed here')
  if (before === undefined) return { before, isHere: false }
  if (before.origin !== tenant) throw refused(object, 'is here as the object of another site')
  if (row === undefined) return { before, isHere: false }
  if (!sameOctets(row.hash, hash)) throw refused(object, 'is here with another content')
  return { before, isHere: true }
}

function versionFor(
  context: VaultContext,
  item: ReadItem & { readonly before: StoredObject | undefined },
  keys: readonly HolderKey[],
): Omit<NewVersion, 'column'> & { readonly container: Uint8Array } {
  const { tags, random } = context
  const { object: id, version, tenant, hash, group, proof, received, type, before } = item
  const wrapUnder = keys.map(({ wrapping }) => wrapping)
  const { dataKey: by, protections } = received
  const container = rewrap({ container: received.container, by, wrapUnder, random })
  const isNewest = version > (before?.newest ?? 0)
  const identity = identityOf(tags, tenant, item)
  const likeness = likenessOf(tags, id, item.text)
  const after = { id, origin: tenant, newest: version, identity, likeness }
  return {
    object: isNewest || before === undefined ? after : before,
    before,
    version,
    type,
    hash,
    octets: container.length,
    container,
    holders: isNewest ? keys.map(({ holder }) => holder.id) : [],
    part: type === 'Patient' ? 'self' : 'rest',
    origin: noteOrigin(proof, group, protections),
  }
}

async function addPatients(
  context: VaultContext,
  object: StoredObject,
  patients: Set<Uuid>,
): Promise<void> {
  for (const id of await holdersOfObject(context, object.id)) {
    using key = await context.keyring.keyOf(id)
    if (key?.holder.kind === 'patient') patients.add(id)
  }
}

function parsedOf(container: Uint8Array): Container {
  try {
    return parseContainer(container)
  } catch (cause) {
    throw refused('', 'is not a container', cause)
  }
}

function openedBody(
  container: Uint8Array,
  by: SecretBytes,
  object: Uuid,
): Body & { readonly value: JsonObject } {
  try {
    const body = decodeBody(open({ container, by, expected: {} }).plaintext)
    const { type, id } = body
    return { ...body, value: isGone(body) ? { resourceType: type, id } : resourceOf(body) }
  } catch (cause) {
    // A fault of ours is not the item's: the sender would give it up for good.
    if (cause instanceof AssertionFailure) throw cause
    throw refused(object, 'does not open', cause)
  }
}

const refused = (object: string, problem: string, cause?: unknown): VaultRefusal =>
  new VaultRefusal('VAULT_ITEM_REFUSED', `Item ${object}: ${problem}`, { cause, facts: { object } })
