/**
 * `$provenance`: where a received resource came from, by which ways, and what protected it on each.
 *
 * Made when it is asked for, from what the vault keeps of the ways and holds against the groups that
 * both sites signed: it is no resource of its own, so that it goes with what it tells of.
 *
 * What a resource went through before it came to its last sender is that sender's word.
 *
 * @see FHIR R4 Provenance; ISO 21089 lifecycle events
 * @module
 */

import { isoTime, type EpochMs } from '#base'
import type { JsonObject } from '#health'
import { sealedBy, type Item } from '#vault'
import { askedBy, checkAllowed, type Answer, type Call } from './context.ts'
import { nameIn } from './reading.ts'
import { FhirRefusal, notFound } from './refusal.ts'

/** One way of a record from site to site, as the host reads what the vault keeps of it. */
export interface Way {
  /** Simulated, or whatever else its keys came from. */
  readonly keySource: string
  readonly keyPath: string
  readonly keys: readonly string[]
  /** When its session stood. */
  readonly at: EpochMs
  /** Of the way that led here; undefined for ways before, and for what is no longer listed. */
  readonly transfer: string | undefined
}

/** `GET [type]/[id]/$provenance`, of something that another site sealed. */
export async function provenance(call: Call): Promise<Answer> {
  const { options } = call
  const name = nameIn(call)
  await checkAllowed(call, 'read', name.type)
  const opened = await options.vault.consult(name, askedBy(call, 'read', 'open'))
  if (opened === undefined) throw notFound()
  if (opened.isGone) throw new FhirRefusal('FHIR_DELETED', 'The resource was deleted')
  if (sealedBy(opened.value) === undefined) {
    const message = 'The resource was sealed at this site: its history says when, and who asked'
    throw new FhirRefusal('FHIR_RULE_BROKEN', message)
  }
  const item = await options.vault.showItem(opened.object, opened.version)
  const ways: JsonObject[] = []
  for (const { mode, used, record } of item.protections) {
    ways.push(wayOf({ mode, used }, await options.wayOf?.(record)))
  }
  return { status: 200, resource: provenanceOf(options.site, { ...name, ...item }, ways) }
}

function provenanceOf(
  site: string,
  {
    type,
    id,
    version,
    storedAt,
    origin,
    hash,
  }: Item & { readonly type: string; readonly id: string },
  ways: readonly JsonObject[],
): JsonObject {
  return {
    resourceType: 'Provenance',
    extension: [...ways, { url: `${OWN}container-hash`, valueString: hash }],
    target: [{ reference: `${type}/${id}/_history/${version}` }],
    recorded: isoTime(storedAt),
    activity: { coding: [{ system: LIFECYCLE, code: 'receive' }] },
    agent: [agentOf('author', origin), agentOf('verifier', site)],
  }
}

/** The site that sealed and signed it, and the one that has verified that. */
const agentOf = (code: 'author' | 'verifier', site: string): JsonObject => ({
  type: { coding: [{ system: PARTICIPANT, code }] },
  who: { identifier: { system: `${OWN}site`, value: site } },
})

function wayOf(
  { mode, used }: { readonly mode: string; readonly used: string },
  way: Way | undefined,
): JsonObject {
  const parts: JsonObject[] = [
    { url: 'mode', valueCode: mode },
    { url: 'used', valueCode: used },
  ]
  if (way !== undefined) {
    parts.push(
      { url: 'key-source', valueCode: way.keySource },
      { url: 'key-path', valueCode: way.keyPath },
      ...way.keys.map((key) => ({ url: 'key', valueUri: `urn:uuid:${key}` })),
      { url: 'at', valueInstant: isoTime(way.at) },
    )
    if (way.transfer !== undefined) {
      parts.push({ url: 'transfer', valueUri: `urn:uuid:${way.transfer}` })
    }
  }
  return { url: `${OWN}way`, extension: parts }
}

const OWN = 'urn:photonward:'
const LIFECYCLE = 'http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle'
const PARTICIPANT = 'http://terminology.hl7.org/CodeSystem/provenance-participant-type'
