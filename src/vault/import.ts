/**
 * Import: octets from outside become sealed, signed, logged versions, all of them or none.
 *
 * What is here already, to the letter, is left alone; what differs becomes the next version of the
 * same object. Reading, validating and sealing let other work of the site run every few
 * milliseconds; the commit is one, however large.
 *
 * @module
 */

import { hex, newUuid, sameOctets, type Uuid } from '#base'
import { containerHash, newDataKey, seal } from '#envelope'
import { canonicalText, readImportSteps, type ImportedResource } from '#health'
import { placeContainers } from './blobs.ts'
import { CONTENT_FHIR_R4, encodeBody } from './body.ts'
import { eachStep, paced, type VaultContext } from './context.ts'
import type { HolderKey } from './keyring.ts'
import { holdersOfObject, objectsByIdentity, type StoredObject } from './objects.ts'
import { holdersOf, type Owned } from './subjects.ts'
import { requireKnown, requireSynthetic } from './synthetic.ts'
import { identityOf } from './tags.ts'
import { traceEntries, writeGroup, type NewVersion } from './writing.ts'

/** What an import did. */
export interface ImportOutcome {
  /** Resources that came in. */
  readonly entries: number
  /** New versions written. */
  readonly written: number
  /** Resources that were here already, to the letter. */
  readonly unchanged: number
  /** Patients whose records these are, by our own random ids. */
  readonly patients: readonly Uuid[]
}

/** Reads and validates what came in. @throws HealthRefusal, VaultRefusal */
export async function readForImport(
  context: VaultContext,
  octets: Uint8Array,
): Promise<readonly ImportedResource[]> {
  const { clock, random } = context
  const steps = readImportSteps(octets, () => newUuid(random))
  const resources = await paced(clock, steps)
  if (context.acceptOnlySynthetic) resources.forEach(requireSynthetic)
  return resources
}

/** Seals and commits. One at a time: the caller sees to that. @throws VaultRefusal, PortRefusal */
export async function writeImport(
  context: VaultContext,
  resources: readonly ImportedResource[],
  actor: string,
): Promise<ImportOutcome> {
  const { clock, store } = context
  const compared = await compare(context, resources)
  const changed = compared.filter((item) => !isUnchanged(item))
  using holders = await holdersOf(context, changed)
  if (context.acceptOnlySynthetic) requireKnown(changed, holders)
  const sealed = await paced(
    clock,
    eachStep(changed, (item) => sealOne(context, item, holders.of(item))),
  )
  const patients = holders.patients()
  const unchanged = compared.filter(isUnchanged)
  const outcome: ImportOutcome = {
    entries: resources.length,
    written: sealed.length,
    unchanged: unchanged.length,
    patients: await patientsOf(context, unchanged, patients),
  }
  if (sealed.length === 0) return outcome
  const versions = await placeContainers(context.disk, sealed)
  await store.commit([
    ...holders.statements,
    ...(await writeGroup(context, versions, { kind: 'vault.sealed', actor })),
    ...traceEntries(context, { kind: 'vault.filed', actor }, patients),
  ])
  return outcome
}

/** A resource beside what is stored of it. */
interface Compared extends Owned {
  readonly text: string
  readonly identity: Uint8Array
  readonly likeness: Uint8Array
  readonly before: StoredObject | undefined
}

/** A version whose container has no place yet. */
interface Sealed extends Omit<NewVersion, 'column'> {
  readonly container: Uint8Array
}

async function compare(
  context: VaultContext,
  resources: readonly ImportedResource[],
): Promise<readonly Compared[]> {
  const { site, tags, clock } = context
  const described = await paced(
    clock,
    eachStep(resources, (resource) => {
      const text = canonicalText(resource.value)
      const identity = identityOf(tags, site, resource)
      return { ...resource, origin: site, text, identity, likeness: tags.of('likeness', text) }
    }),
  )
  const stored = await objectsByIdentity(
    context,
    described.map(({ identity }) => identity),
  )
  return described.map((item) => ({ ...item, before: stored.get(hex(item.identity)) }))
}

const isUnchanged = ({ before, likeness }: Compared): boolean =>
  before !== undefined && sameOctets(before.likeness, likeness)

function sealOne(context: VaultContext, resource: Compared, keys: readonly HolderKey[]): Sealed {
  const { site, random } = context
  const { before, identity, likeness } = resource
  const id = before?.id ?? newUuid(random)
  const version = (before?.newest ?? 0) + 1
  using dataKey = newDataKey(random)
  const container = seal({
    header: { tenant: site, object: id, version, contentType: CONTENT_FHIR_R4 },
    plaintext: encodeBody(resource),
    dataKey,
    wrapUnder: keys.map(({ wrapping }) => wrapping),
    random,
  })
  return {
    object: { id, origin: site, newest: version, identity, likeness },
    before,
    version,
    hash: containerHash(container),
    octets: container.length,
    container,
    holders: keys.map(({ holder }) => holder.id),
    part: resource.type === 'Patient' ? 'self' : 'rest',
  }
}

/** Patients of what was written, and of what was here already. */
async function patientsOf(
  context: VaultContext,
  unchanged: readonly Compared[],
  written: readonly HolderKey[],
): Promise<readonly Uuid[]> {
  const ids = new Set(written.map(({ holder }) => holder.id))
  for (const { before, ownership } of unchanged) {
    if (before === undefined || ownership.kind !== 'patients') continue
    for (const id of await holdersOfObject(context, before.id)) ids.add(id)
  }
  return [...ids]
}
