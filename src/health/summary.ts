/**
 * The summary of a resource: the elements that R4 marks as such, at every depth.
 *
 * Goes by the definitions: an element that is no summary is left out unless it is mandatory, so
 * that what is left is still a resource of its type. Contained resources go; an element of a kind
 * that has no definition of its own (an extension, a resource in a Bundle) is kept whole.
 *
 * @see FHIR R4 §3.1.1.5.8 _summary
 * @module
 */

import definitions from './definitions/r4.json' with { type: 'json' }
import { isResourceType } from './definitions.ts'
import { isObject, type Json, type JsonObject } from './json.ts'

/** The summary of a resource of R4; shares its parts. */
export function summaryOf(resource: JsonObject): JsonObject {
  const type = resource['resourceType']
  if (typeof type !== 'string' || !isResourceType(type)) return resource
  return { resourceType: type, ...partOf(resource, type) }
}

/** What is kept of an object that the definitions describe under a path. */
function partOf(value: JsonObject, path: string): JsonObject {
  const members = membersOf(path)
  if (members === undefined) return value
  const kept = Object.entries(value).flatMap(([name, item]) => {
    const member = members.get(name.startsWith('_') ? name.slice(1) : name)
    if (member === undefined || item === undefined) return []
    return [[name, inside(item, member.path)] as const]
  })
  return Object.fromEntries(kept)
}

function inside(value: Json, path: string | undefined): Json {
  if (path === undefined) return value
  if (Array.isArray(value)) return value.map((item) => inside(item, path))
  return isObject(value) ? partOf(value, path) : value
}

/** An element that a summary keeps. */
interface Kept {
  /** Where the members of its values are described; undefined where they are kept whole. */
  readonly path: string | undefined
}

/** Members of a path that a summary keeps; undefined where nothing is known of it. */
function membersOf(path: string): ReadonlyMap<string, Kept> | undefined {
  const [root] = path.split('.')
  if (!read.has(root)) {
    read.add(root)
    for (const item of elementsOf(root)) note(item)
  }
  return paths.get(path)
}

function elementsOf(root: string): readonly Element[] {
  const type = definitions.types.find(({ name }) => name === root)
  if (type !== undefined) return type.snapshot.element as readonly Element[]
  const resources: Readonly<Record<string, string>> = definitions.resources
  if (!Object.hasOwn(resources, root)) return []
  return (JSON.parse(resources[root]) as Definition).snapshot.element
}

/** Puts an element among the members of what it stands in. */
function note({ path, min = 0, isSummary, type = [], contentReference }: Element): void {
  const at = path.lastIndexOf('.')
  if (at < 0) return
  const [parent, name] = [path.slice(0, at), path.slice(at + 1)]
  const members = paths.get(parent) ?? new Map<string, Kept>()
  paths.set(parent, members)
  if (isSummary !== true && min === 0) return
  for (const { code } of type.length === 0 ? [{ code: '' }] : type) {
    const spelled = name.replace('[x]', code.charAt(0).toUpperCase() + code.slice(1))
    members.set(spelled, { path: contentReference?.replace(/^.*#/, '') ?? describedBy(code, path) })
  }
}

/** Where the members of a type are described: beside the element, under the type, or nowhere. */
function describedBy(code: string, path: string): string | undefined {
  if (code === 'BackboneElement' || code === 'Element') return path
  const isWhole = code === 'Extension' || code === 'Resource' || !/^[A-Z]/.test(code)
  return isWhole ? undefined : code
}

interface Element {
  readonly path: string
  readonly min?: number
  readonly isSummary?: boolean
  readonly contentReference?: string
  readonly type?: readonly { readonly code: string }[]
}

interface Definition {
  readonly snapshot: { readonly element: readonly Element[] }
}

/** Owned by this module; only ever grow, to the types of R4. */
const paths = new Map<string, Map<string, Kept>>()
const read = new Set<string>()
