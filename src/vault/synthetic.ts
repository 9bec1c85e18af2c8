/**
 * The demo profile: nobody who might be real, and nothing that might be about somebody real.
 *
 * @module
 */

import { isObject, isSynthetic, type JsonObject, type Ownership } from '#health'
import type { HolderKey } from './holder-key.ts'
import { VaultRefusal } from './refusal.ts'
import type { Holders, Owned } from './subjects.ts'

/** @throws VaultRefusal `VAULT_NOT_SYNTHETIC` unless every patient in a resource is invented */
export function requireSynthetic(resource: {
  readonly value: JsonObject
  readonly ownership: Ownership
}): void {
  const { value, ownership } = resource
  const contained = Array.isArray(value['contained']) ? value['contained'] : []
  const patients = [value, ...contained].filter(
    (item): item is JsonObject => isObject(item) && item['resourceType'] === 'Patient',
  )
  if (ownership.kind === 'unassigned' || !patients.every(isSynthetic)) throw notSynthetic()
}

/**
 * @param arriving   holders whose own resources come before these; those of these are added
 * @throws VaultRefusal `VAULT_NOT_SYNTHETIC` if a record is about a patient who is neither here,
 *   and so was found synthetic, nor arriving
 */
export function requireKnown(
  resources: readonly Owned[],
  holders: Holders,
  arriving = new Set<HolderKey>(),
): void {
  const patients = resources.filter(({ type }) => type === 'Patient')
  for (const key of patients.flatMap((patient) => holders.of(patient))) arriving.add(key)
  for (const key of resources.flatMap((resource) => holders.of(resource))) {
    const { kind, id } = key.holder
    if (kind === 'patient' && holders.isNew(id) && !arriving.has(key)) throw notSynthetic()
  }
}

/** One answer for every record that may be about somebody real. */
export const notSynthetic = (): VaultRefusal =>
  new VaultRefusal(
    'VAULT_NOT_SYNTHETIC',
    'The demo profile accepts records of synthetic patients only',
  )
