/**
 * A patient's record on its way to another site: stored containers, their data keys, their proofs.
 *
 * Containers leave as they are stored. Whoever sends them wraps the data keys for the other site
 * and nobody else (`rewrap`), under a session key. What is no more goes as the version that says so,
 * and ends what the other site has of it. With the patient's own objects go those shared
 * ones that they refer to, directly or through each other: the clinicians, the organisations.
 *
 * An object about several patients goes with each of them, whole: it names the others to the other
 * site. It could not be cut without breaking the signature over it, nor left out without sending a
 * record with a hole that nobody sees.
 *
 * @module
 */

import { assert, type SecretBytes, type SiteId, type Uuid } from '#base'
import { unwrapDataKey } from '#envelope'
import { referencesOf } from '#health'
import { isGone, resourceOf } from './body.ts'
import type { VaultContext } from './context.ts'
import type { GroupProof } from './group.ts'
import { proverOf } from './groups.ts'
import type { HolderKey } from './holder-key.ts'
import { isLongName, meantBy, nameIn } from './names.ts'
import { objectCalled } from './naming.ts'
import { everyObjectOf, holdersOfObject, isErased, type StoredObject } from './objects.ts'
import { proofOf, type ItemProtection } from './origins.ts'
import { openVersion, readNewest, readVersion, type VerifiedVersion } from './reading.ts'
import { patientKey } from './records.ts'
import { trailEntries } from './trail.ts'

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

/** A record that was verified and may leave: nothing of it has been given out yet. */
export interface PreparedExport {
  readonly kind: 'prepared'
  readonly items: number
  /** Of all containers, as stored. */
  readonly octets: number
  /**
   * Gives it out, once the log says that it was exported, and where to.
   *
   * @throws VaultRefusal `VAULT_NOT_FOUND` if the patient's key is gone by now
   */
  give(about: { readonly to: SiteId; readonly actor: string }): AsyncGenerator<ExportItem>
}

/** How much may leave at once. */
export interface ExportLimits {
  readonly itemsMax: number
  /** Of one container, and of all. */
  readonly itemOctetsMax: number
  readonly octetsMax: number
}

/**
 * Reads and verifies what an export would give out: the newest version of each object of a patient,
 * then of the shared objects they refer to.
 *
 * Whatever is wrong with the record comes to light here, before its sender spends anything on it.
 *
 * @throws VaultRefusal `VAULT_NOT_FOUND`, `VAULT_DAMAGED`
 */
export async function prepareExport(
  context: VaultContext,
  patient: Uuid,
  { itemsMax, itemOctetsMax, octetsMax }: ExportLimits,
): Promise<PreparedExport | { readonly kind: 'too-large' }> {
  const ready: Ready[] = []
  let octets = 0
  for await (const item of exportable(context, patient)) {
    const { length } = item.verified.container
    octets += length
    ready.push(item)
    const isTooMuch = ready.length > itemsMax || length > itemOctetsMax || octets > octetsMax
    if (isTooMuch) return { kind: 'too-large' }
  }
  const give: PreparedExport['give'] = (about) => given(context, { patient, ready, ...about })
  return { kind: 'prepared', items: ready.length, octets, give }
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
  { patient, ...about }: { readonly patient: Uuid; readonly to: SiteId; readonly actor: string },
): AsyncGenerator<ExportItem> {
  const most = Number.MAX_SAFE_INTEGER
  const limits = { itemsMax: most, itemOctetsMax: most, octetsMax: most }
  const prepared = await prepareExport(context, patient, limits)
  assert(prepared.kind === 'prepared', 'nothing is larger than the largest number')
  yield* prepared.give(about)
}

/** A version that may leave, and under whose key it is opened here. */
interface Ready {
  readonly verified: VerifiedVersion
  readonly proof: GroupProof
  readonly isShared: boolean
}

async function* exportable(context: VaultContext, patient: Uuid): AsyncGenerator<Ready> {
  using key = await patientKey(context, patient)
  using shared = await context.keyring.siteHolder('shared')
  const wanted = new Wanted()
  for await (const held of everyObjectOf(context, patient)) {
    const verified = await readNewest(context, held)
    wanted.addFrom(verified, key)
    yield { verified, proof: await proofFor(context, verified), isShared: false }
  }
  for (;;) {
    const next = wanted.take()
    if (next === undefined) return
    const object = await sharedObject(context, next, shared)
    if (object === undefined) continue
    const verified = await readVersion(context, object)
    wanted.addFrom(verified, shared)
    yield { verified, proof: await proofFor(context, verified), isShared: true }
  }
}

async function* given(
  context: VaultContext,
  about: {
    readonly patient: Uuid
    readonly ready: readonly Ready[]
    readonly to: SiteId
    readonly actor: string
  },
): AsyncGenerator<ExportItem> {
  const { patient, ready, to, actor } = about
  using key = await patientKey(context, patient)
  using shared = await context.keyring.siteHolder('shared')
  const deed = { kind: 'vault.exported', actor, act: 'sent', peer: to, facts: { to } } as const
  await context.store.commit(trailEntries(context, deed, [{ key, more: ready.length }]))
  for (const { verified, proof, isShared } of ready) {
    const { object, version, tenant, container, hash, origin } = verified
    const dataKey = unwrapDataKey(container, (isShared ? shared : key).wrapping)
    const protections = origin?.protections ?? []
    yield { object, version, tenant, container, hash, dataKey, proof, protections }
  }
}

/** That the sealing site signed a version: this site, or the one it came from. */
export async function proofFor(
  context: VaultContext,
  verified: VerifiedVersion,
): Promise<GroupProof> {
  const { tenant, group, place, origin } = verified
  if (origin !== undefined) return await proofOf(context, tenant, origin)
  return proverOf(group).prove(place)
}

/** The shared object that a reference leads to; undefined if it leads elsewhere or nowhere. */
export async function sharedObject(
  context: VaultContext,
  { origin, reference }: Reference,
  shared: HolderKey,
): Promise<StoredObject | undefined> {
  const name = nameIn(reference)
  const called = isLongName(name.id) ? name : meantBy(origin, name)
  const object = await objectCalled(context, called)
  if (object === undefined || isErased(object)) return undefined
  const holders = await holdersOfObject(context, object.id)
  return holders.includes(shared.holder.id) ? object : undefined
}

interface Reference {
  /** A reference means what it means at the site that sealed the resource. */
  readonly origin: SiteId
  readonly reference: string
}

/** References still to be followed, each once. */
export class Wanted {
  readonly #seen = new Set<string>()
  readonly #left: Reference[] = []

  addFrom(verified: VerifiedVersion, key: HolderKey): void {
    const origin = verified.tenant
    const body = openVersion(verified, key)
    if (isGone(body)) return
    for (const reference of referencesOf(resourceOf(body))) {
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
