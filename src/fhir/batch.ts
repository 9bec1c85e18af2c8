/**
 * Batch: each entry for itself, answered in its place, whatever becomes of the others.
 *
 * Entries run side by side, so that what they write shares signed groups; FHIR forbids them to rest
 * on one another.
 *
 * @see FHIR R4 §3.1.0.11.1
 * @module
 */

import type { JsonObject } from '#health'
import { bundleIn, bundleOf, responseEntry, type BundleEntry, type Perform } from './bundles.ts'
import type { Answer, Call } from './context.ts'
import type { FhirRefusal } from './refusal.ts'
import { refusedBy } from './outcome.ts'
import { transaction } from './transaction.ts'

/** `POST /`: a batch or a transaction. */
export async function bundle(call: Call, perform: Perform): Promise<Answer> {
  const { type, entries } = await bundleIn(call)
  if (type === 'transaction') {
    return await transaction(call, entries as readonly BundleEntry[], perform)
  }
  const answers: JsonObject[] = []
  for (let at = 0; at < entries.length; at += SIDE_BY_SIDE) {
    const some = entries.slice(at, at + SIDE_BY_SIDE)
    answers.push(...(await Promise.all(some.map((entry) => answered(entry, perform)))))
  }
  return { status: 200, resource: bundleOf('batch-response', answers) }
}

async function answered(entry: BundleEntry | FhirRefusal, perform: Perform): Promise<JsonObject> {
  if ('call' in entry) return responseEntry(await perform(entry.call))
  const { status, outcome } = refusedBy(entry)
  return responseEntry({ status, resource: outcome, isOutcome: true })
}

/** Entries that are under way at once. */
const SIDE_BY_SIDE = 64
