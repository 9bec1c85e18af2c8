/**
 * Configuration files: JSON with a shape, read once at start-up, refused whole or taken whole.
 *
 * A refusal names file, line, column and key, and for an unknown key the nearest one there is. It
 * never shows a value: a file may hold what does not belong into a log. What the members mean is
 * known where the shape is declared.
 *
 * @module
 */

import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { door, ShapeRefusal, Type, type Static, type TSchema } from '#base'
import { JsonFault, readJson, type Place, type PlacedJson } from './json.ts'
import { GatewayRefusal } from './refusal.ts'
import { systemCode } from './system.ts'

/** A path in a configuration; relative ones count from the folder of the file. */
export const FilePath = (options: { readonly default?: string } = {}) =>
  Type.String({ minLength: 1, maxLength: 1024, [PATH]: true, ...options })

/**
 * Reads a configuration file.
 *
 * @throws GatewayRefusal `CONFIG_MISSING`, `CONFIG_INVALID`, `PERMISSION_DENIED`
 */
export function readConfigurationFile<S extends TSchema>(file: string, schema: S): Static<S> {
  return readConfiguration(textOf(file), schema, file)
}

/**
 * Checks the text of a configuration, fills in defaults and makes paths absolute.
 *
 * @param schema     shape of the whole; `default` of a member stands where it is absent
 * @param fileName   for messages, and for relative paths
 * @throws GatewayRefusal `CONFIG_INVALID`
 */
export function readConfiguration<S extends TSchema>(
  text: string,
  schema: S,
  fileName: string,
): Static<S> {
  const json = parsed(text, fileName)
  refuseUnknownKeys(json, json.value, schema, '', fileName)
  const complete = settled(json.value, schema, dirname(fileName))
  try {
    return door(schema, 'configuration')(complete)
  } catch (error) {
    if (!(error instanceof ShapeRefusal)) throw error
    const path = String(error.facts['place'])
    const problem = error.message.slice(error.message.lastIndexOf(': ') + 2)
    throw invalid(fileName, placeNear(json, path), path, `"${path}": ${problem}`)
  }
}

/** Members that a written configuration leaves to their defaults, as paths such as `links/0/bound`. */
export function defaultedMembers(written: unknown, schema: TSchema, path = ''): readonly string[] {
  const items: unknown = schema['items']
  const below = (name: string | number): string => (path === '' ? `${name}` : `${path}/${name}`)
  if (Array.isArray(written) && isSchema(items)) {
    return written.flatMap((item, at) => defaultedMembers(item, items, below(at)))
  }
  if (!isRecord(written)) return []
  return Object.entries(membersOf(schema) ?? {}).flatMap(([name, member]) => {
    if (Object.hasOwn(written, name)) return defaultedMembers(written[name], member, below(name))
    return member['default'] === undefined ? [] : [below(name)]
  })
}

function textOf(file: string): string {
  try {
    if (statSync(file).size <= FILE_OCTETS_MAX) return readFileSync(file, 'utf8')
  } catch (cause) {
    const system = systemCode(cause) ?? 'unknown'
    const options = { cause, facts: { file, system } }
    throw system === 'ENOENT'
      ? new GatewayRefusal('CONFIG_MISSING', `There is no configuration at ${file}`, options)
      : new GatewayRefusal('PERMISSION_DENIED', `Cannot read the configuration ${file}`, options)
  }
  throw invalid(file, undefined, '', `a configuration has at most ${FILE_OCTETS_MAX} octets`)
}

function parsed(text: string, fileName: string): PlacedJson {
  try {
    return readJson(text)
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error
    throw invalid(fileName, error.place, '', error.message)
  }
}

/** Says more than the shape's own refusal: which key was meant. */
function refuseUnknownKeys(
  json: PlacedJson,
  value: unknown,
  schema: TSchema,
  path: string,
  fileName: string,
): void {
  const walk = (inner: unknown, innerSchema: unknown, name: string): void => {
    const innerPath = path === '' ? name : `${path}/${name}`
    refuseUnknownKeys(json, inner, innerSchema as TSchema, innerPath, fileName)
  }
  const items: unknown = schema['items']
  if (Array.isArray(value) && isSchema(items)) {
    for (let at = 0; at < value.length; at++) walk(value[at], items, String(at))
    return
  }
  const known = membersOf(schema)
  if (!isRecord(value) || known === undefined) return
  for (const [key, inner] of Object.entries(value)) {
    if (Object.hasOwn(known, key)) {
      walk(inner, known[key], key)
    } else if (schema['additionalProperties'] === false) {
      const full = path === '' ? key : `${path}/${key}`
      const meant = nearest(key, Object.keys(known))
      const hint = meant === undefined ? '' : `; did you mean "${meant}"?`
      throw invalid(fileName, json.placeOf(full), full, `unknown key "${clip(key)}"${hint}`)
    }
  }
}

/** The value with defaults filled in and paths made absolute. */
function settled(value: unknown, schema: TSchema, folder: string): unknown {
  if (schema[PATH] === true && typeof value === 'string' && value !== '') {
    return resolve(folder, value)
  }
  const items: unknown = schema['items']
  if (Array.isArray(value) && isSchema(items)) {
    return value.map((item) => settled(item, items, folder))
  }
  const members = membersOf(schema)
  if (!isRecord(value) || members === undefined) return value
  const complete = new Map(Object.entries(value))
  for (const [key, member] of Object.entries(members)) {
    const given: unknown = complete.has(key)
      ? complete.get(key)
      : structuredClone(member['default'])
    if (given !== undefined) complete.set(key, settled(given, member, folder))
  }
  return Object.fromEntries(complete)
}

const membersOf = (schema: TSchema): Readonly<Record<string, TSchema>> | undefined =>
  schema['properties'] as Readonly<Record<string, TSchema>> | undefined

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isSchema = (value: unknown): value is TSchema => isRecord(value)

/** The place of the innermost member on a path that the file has. */
function placeNear(json: PlacedJson, path: string): Place | undefined {
  for (let part = path; ; part = part.slice(0, Math.max(0, part.lastIndexOf('/')))) {
    const place = json.placeOf(part)
    if (place !== undefined || part === '') return place
  }
}

function invalid(
  file: string,
  place: Place | undefined,
  key: string,
  problem: string,
): GatewayRefusal {
  const where = place === undefined ? file : `${file}:${place.line}:${place.column}`
  const facts = { file, ...place, ...(key === '' ? {} : { key: clip(key) }) }
  return new GatewayRefusal('CONFIG_INVALID', `${where}: ${problem}`, { facts })
}

/** The known key that a mistyped one is nearest to, if it is near at all. */
export function nearest(key: string, known: readonly string[]): string | undefined {
  const near = known
    .map((name) => ({ name, steps: editSteps(key.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, steps }) => steps <= Math.max(1, Math.floor(name.length / 3)))
  return near.toSorted((a, b) => a.steps - b.steps)[0]?.name
}

/** Fewest insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editSteps(from: string, to: string): number {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= Math.min(from.length, KEY_MAX); i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++) {
      const replaced = rows[i - 1][j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1)
      row[j] = Math.min(rows[i - 1][j] + 1, row[j - 1] + 1, replaced)
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
      if (swapped) row[j] = Math.min(row[j], rows[i - 2][j - 2] + 1)
    }
    rows.push(row)
  }
  return (rows.at(-1)?.[to.length] ?? 0) + Math.max(0, from.length - KEY_MAX)
}

const clip = (text: string): string => (text.length > KEY_MAX ? `${text.slice(0, KEY_MAX)}…` : text)

/** Marks a text of a shape as a path. */
const PATH = 'photonward-path'
/** Characters of a key in a message. */
const KEY_MAX = 64
/** Octets of a configuration file. */
const FILE_OCTETS_MAX = 1024 * 1024
