/**
 * Patients to import, and what of them must be found again.
 *
 * Reads FHIR on its own, without `#health`, so that what it expects is a second opinion.
 *
 * @module
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { generateCohort } from '#health'

/** Real inputs that a test may use; it skips with this reason where they are absent. */
export const synthea = resolve(import.meta.dirname, '../../../shared/data/fhir/synthea')
export const needsSynthea = existsSync(synthea) ? false : 'needs ../shared/data/fhir/synthea'

/** Synthea's files in the order in which to import them: those that others refer to first. */
export function syntheaFiles(): readonly Buffer[] {
  const rank = (name: string): number =>
    /^hospital/.test(name) ? 0 : /^practit/.test(name) ? 1 : 2
  const names = readdirSync(synthea).filter((name) => name.endsWith('.json'))
  const ordered = names.toSorted((a, b) => rank(a) - rank(b) || a.localeCompare(b))
  return ordered.map((name) => readFileSync(join(synthea, name)))
}

/** A resource as read here: numbers keep their spelling. */
export type Resource = { readonly resourceType: string; readonly id: string } & {
  readonly [name: string]: unknown
}

interface Entry {
  readonly fullUrl: string
  readonly resource: Resource
  readonly request: unknown
}

/** Reads JSON so that `JSON.stringify` writes every number as it was spelled. */
export const readJson = (text: string): unknown => JSON.parse(text, keepSpelling)

const json = JSON as unknown as { rawJSON(text: string): unknown }
const keepSpelling = function (_: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === 'number' ? json.rawJSON(context?.source ?? String(value)) : value
}

export const entriesOf = (bundle: Uint8Array | string): readonly Entry[] => {
  const text = typeof bundle === 'string' ? bundle : Buffer.from(bundle).toString('utf8')
  return (readJson(text) as { entry: readonly Entry[] }).entry
}

/**
 * The texts that the resources of bundles must have once stored, by `Type/id`: references by
 * `fullUrl` have become `Type/id`, everything else is to the letter.
 */
export function expectedTexts(bundles: readonly (Uint8Array | string)[]): Map<string, string> {
  const texts = new Map<string, string>()
  for (const bundle of bundles) {
    const entries = entriesOf(bundle)
    const targets = new Map(entries.map(({ fullUrl, resource }) => [fullUrl, nameOf(resource)]))
    for (const { resource } of entries) {
      const linked = (_: string, value: unknown): unknown =>
        typeof value === 'string' ? (targets.get(value) ?? value) : value
      texts.set(nameOf(resource), JSON.stringify(resource, linked))
    }
  }
  return texts
}

/** Texts of resources by `Type/id`. A resource that is there twice is an error. */
export function textsByName(texts: readonly string[]): Map<string, string> {
  const byName = new Map<string, string>()
  for (const text of texts) {
    const name = nameOf(readJson(text) as Resource)
    if (byName.has(name)) throw new Error(`${name} is there twice`)
    byName.set(name, text)
  }
  return byName
}

export const nameOf = ({ resourceType, id }: Resource): string => `${resourceType}/${id}`

/** A synthetic cohort: the bundle of organisations, and one bundle a patient. */
export function cohort(seed: number, patients: number): readonly Uint8Array[] {
  return [...generateCohort({ seed, patients })].map(({ octets }) => octets)
}

/** Several bundles as one. */
export const merged = (bundles: readonly Uint8Array[]): string =>
  JSON.stringify({
    resourceType: 'Bundle',
    type: 'transaction',
    entry: bundles.flatMap((bundle) => entriesOf(bundle)),
  })

/** The NHS numbers of the patients in a bundle. */
export const nhsNumbersIn = (bundle: Uint8Array | string): readonly string[] =>
  entriesOf(bundle)
    .map(({ resource }) => resource)
    .filter(({ resourceType }) => resourceType === 'Patient')
    .map((patient) => (patient['identifier'] as readonly { readonly value: string }[])[0].value)
