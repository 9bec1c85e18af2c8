/**
 * What a thief of a site's folder could read, and what he must not find there.
 *
 * Reads FHIR on its own, without `#health`, so that what it expects is a second opinion.
 *
 * @module
 */

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Found, NeedleSearch } from './needles.ts'

/** What of an import could be read. */
export interface Imported {
  /** Every value that is a text, the full date of every time, and every number as spelled. */
  readonly values: ReadonlySet<string>
  /** The names of its properties: FHIR's own words. */
  readonly names: ReadonlySet<string>
}

/** Every text, full date and number of bundles, and the names of their properties. */
export function textsOf(bundles: readonly (Uint8Array | string)[]): Imported {
  const values = new Set<string>()
  const names = new Set<string>()
  const gather = function (name: string, value: unknown, context?: { source?: string }): unknown {
    names.add(name)
    if (typeof value === 'number') values.add(context?.source ?? String(value))
    if (typeof value !== 'string') return value
    values.add(value)
    const [date] = /^\d{4}-\d\d-\d\d/.exec(value) ?? []
    if (date !== undefined) values.add(date)
    // A reference to another resource names it.
    for (const part of value.split(/[/|:#]/)) if (part.length >= PART_OCTETS_MIN) values.add(part)
    return value
  }
  for (const bundle of bundles) JSON.parse(Buffer.from(bundle).toString('utf8'), gather)
  return { values, names }
}

/** Every file of a folder, however deep, but no socket. */
export function filesIn(folder: string): readonly string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

/** A site as a thief sees it. */
export interface Stolen {
  readonly name: string
  readonly folder: string
  readonly daemon: { readonly output: string }
}

/** What can be read of a site: names and contents of its files, and all that its daemon has said. */
export function readable(site: Stolen, search: NeedleSearch): readonly Found[] {
  const found: Found[] = []
  for (const file of filesIn(site.folder)) {
    const name = `${site.name}/${relative(site.folder, file)}`
    found.push(...search.in(Buffer.from(name), 'a name'))
    const octets = contents(file)
    found.push(...search.in(name.endsWith('.log') ? withoutTimes(octets) : octets, name))
  }
  found.push(...search.in(withoutTimes(Buffer.from(site.daemon.output)), `${site.name} says`))
  return found
}

/** Of a file that a running daemon has renamed or removed meanwhile: nothing. */
function contents(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0)
    throw error
  }
}

/**
 * A log without the times of day of its own lines: seconds such as `41.719` are a weight somewhere
 * in a large enough record. Dates stay, and so do times in any other form.
 */
const withoutTimes = (octets: Buffer): Buffer =>
  Buffer.from(octets.toString('latin1').replaceAll(/T\d\d:\d\d:\d\d\.\d{3}Z/g, 'T'), 'latin1')

/** Octets of the files of a site. */
export const octetsOf = (folder: string): number =>
  filesIn(folder).reduce(
    (sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0),
    0,
  )

/** Parts of a value that are shorter are ordinary words, such as the type in a reference. */
const PART_OCTETS_MIN = 10
