/**
 * Import: octets from outside become sealed, signed, logged versions, all of them or none.
 *
 * What is here already, to the letter, is left alone; what differs becomes the next version of the
 * same object. Reading and validating let other work of the site run every few milliseconds.
 *
 * @module
 */

import { newUuid, type Uuid } from '#base'
import { readImportSteps, type ImportedResource } from '#health'
import type { WriteUnit, Written } from './changes.ts'
import { paced, type VaultContext } from './context.ts'

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

/** Reads and validates what came in. @throws HealthRefusal */
export async function readForImport(
  context: VaultContext,
  octets: Uint8Array,
): Promise<readonly ImportedResource[]> {
  const { clock, random } = context
  return await paced(
    clock,
    readImportSteps(octets, () => newUuid(random)),
  )
}

/** The changes that an import asks for. */
export const importUnit = (resources: readonly ImportedResource[], actor: string): WriteUnit => ({
  actor,
  plan: () => resources.map(({ type, id, value }) => ({ kind: 'put', type, id, value })),
})

/** What an import did, of what became of each resource. */
export const importOutcome = (written: readonly Written[]): ImportOutcome => ({
  entries: written.length,
  written: written.filter(({ deed }) => deed !== 'kept').length,
  unchanged: written.filter(({ deed }) => deed === 'kept').length,
  patients: [...new Set(written.flatMap(({ patients }) => patients))],
})
