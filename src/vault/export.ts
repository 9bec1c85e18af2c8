/**
 * A patient's record on its way to another site: stored containers, their data keys, their proofs.
 *
 * Containers leave as they are stored. Whoever sends them wraps the data keys for the other site
 * and nobody else (`rewrap`), under a session key. With the patient's own objects go those shared
 * ones that they refer to, directly or through each other: the clinicians, the organisations.
 *
 * @module
 */

import type { SecretBytes, SiteId, Uuid } from '#base'
import { unwrapDataKey } from '#envelope'
import { referencesOf } from '#health'
import { resourceOf } from './body.ts'
import type { VaultContext } from './context.ts'
import type { GroupProof } from './group.ts'
import { proverOf } from './groups.ts'
import type { HolderKey } from './keyring.ts'
import { everyObjectOf, holdersOfObject, objectByIdentity, type StoredObject } from './objects.ts'
import { proofOf, type ItemProtection } from './origins.ts'
import { openVersion, readNewest, readVersion, type VerifiedVersion } from './reading.ts'
import { patientKey } from './records.ts'
import { identityOf } from './tags.ts'
import { traceEntries } from './writing.ts'

/** One version, ready to be wrapped for another site. */
export interface ExportItem {
  readonly object: Uuid
  readonly version: number
  /** Site that sealed it: not always this one. */
  readonly tenant: SiteId
  /** As stored, with wraps for the holders here. */
  readonly container: Uint8Array
  /** `containerHash`: the same wherever the container lies. */
  readonly hash: Uint8Array
  /** The key of the content; whoever takes the item disposes it. */
  readonly dataKey: SecretBytes
  /** That the sealing site signed this version. */
  readonly proof: GroupProof
  /** Ways it took before, oldest first. */
  readonly protections: readonly ItemProtection[]
}

/**
 * The newest version of each object of a patient, then of the shared objects they refer to.
 *
 * The log says that it was exported, and where to, before the first item is given out.
 *
 * @throws VaultRefusal
 */
export async function* exportItems(
  context: VaultContext,
  about: { readonly patient: Uuid; readonly to: SiteId; readonly actor: string },
): AsyncGenerator<ExportItem> {
  const { keyring, store } = context
  const { patient, to, actor } = about
  using key = await patientKey(context, patient)
  using shared = await keyring.siteHolder('shared')
  const log = { kind: 'vault.exported', actor, facts: { to } }
  await store.commit(traceEntries(context, log, [key]))
  const wanted = new Wanted()
  for await (const held of everyObjectOf(context, patient)) {
    const verified = await readNewest(context, held)
    wanted.addFrom(verified, key)
    yield await exported(context, verified, key)
  }
  for (;;) {
    const next = wanted.take()
    if (next === undefined) return
    const object = await sharedObject(context, next, shared)
    if (object === undefined) continue
    const verified = await readVersion(context, object)
    wanted.addFrom(verified, shared)
    yield await exported(context, verified, shared)
  }
}

async function exported(
  context: VaultContext,
  verified: VerifiedVersion,
  key: HolderKey,
): Promise<ExportItem> {
  const { object, version, tenant, container, hash, group, place, origin } = verified
  const proof =
    origin === undefined ? proverOf(group).prove(place) : await proofOf(context, tenant, origin)
  const dataKey = unwrapDataKey(container, key.wrapping)
  const protections = origin?.protections ?? []
  return { object, version, tenant, container, hash, dataKey, proof, protections }
}

/** The shared object that a reference leads to; undefined if it leads elsewhere or nowhere. */
async function sharedObject(
  context: VaultContext,
  { origin, reference }: Reference,
  shared: HolderKey,
): Promise<StoredObject | undefined> {
  const [type, id] = reference.split('/')
  const identity = identityOf(context.tags, origin, { type, id })
  const object = await objectByIdentity(context, identity)
  if (object === undefined) return undefined
  const holders = await holdersOfObject(context, object.id)
  return holders.includes(shared.holder.id) ? object : undefined
}

interface Reference {
  /** A reference means what it means at the site that sealed the resource. */
  readonly origin: SiteId
  readonly reference: string
}

/** References still to be followed, each once. */
class Wanted {
  readonly #seen = new Set<string>()
  readonly #left: Reference[] = []

  addFrom(verified: VerifiedVersion, key: HolderKey): void {
    const origin = verified.tenant
    for (const reference of referencesOf(resourceOf(openVersion(verified, key)))) {
      const name = `${origin} ${reference}`
      if (this.#seen.has(name)) continue
      this.#seen.add(name)
      this.#left.push({ origin, reference })
    }
  }

  take(): Reference | undefined {
    return this.#left.shift()
  }
}
