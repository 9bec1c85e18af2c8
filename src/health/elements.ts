/**
 * The elements of FHIR R4 as the definitions list them: what may stand where, by which name.
 *
 * For whoever shows resources in part or by a schema; validation has a table of its own.
 *
 * @see FHIR R4 StructureDefinition, §2.6.2 (choices are spelled with their type)
 * @module
 */

import definitions from './definitions/r4.json' with { type: 'json' }

/** One element under the name that JSON has for it: `deceasedBoolean`, `name`. */
export interface ElementInfo {
  readonly name: string
  /** Data type: `HumanName`, `code`, `string` for the ids of elements, `BackboneElement`. */
  readonly type: string
  /** Where the members of its values are listed; undefined for a primitive. */
  readonly path: string | undefined
  readonly isList: boolean
  readonly isMandatory: boolean
  /** Whether R4 has it in summaries. */
  readonly isSummary: boolean
}

/**
 * The members of a resource type, a data type, or an element with members of its own
 * (`Patient.contact`), by their names; undefined where nothing is known of it.
 */
export function elementsOf(path: string): ReadonlyMap<string, ElementInfo> | undefined {
  const [root] = path.split('.')
  if (!read.has(root)) {
    read.add(root)
    for (const item of definitionOf(root)) note(item)
  }
  return paths.get(path)
}

function definitionOf(root: string): readonly Element[] {
  const type = definitions.types.find(({ name }) => name === root)
  if (type !== undefined) return type.snapshot.element as readonly Element[]
  const resources: Readonly<Record<string, string>> = definitions.resources
  if (!Object.hasOwn(resources, root)) return []
  return (JSON.parse(resources[root]) as Definition).snapshot.element
}

/** Puts an element among the members of what it stands in, once for each type it may have. */
function note({ path, min = 0, max, isSummary, type, contentReference }: Element): void {
  const at = path.lastIndexOf('.')
  if (at < 0) return
  const [parent, name] = [path.slice(0, at), path.slice(at + 1)]
  const members = paths.get(parent) ?? new Map<string, ElementInfo>()
  paths.set(parent, members)
  for (const { code } of type ?? [{ code: 'BackboneElement' }]) {
    const own = code.startsWith(FHIRPATH) ? 'string' : code
    const spelled = name.replace('[x]', own.charAt(0).toUpperCase() + own.slice(1))
    members.set(spelled, {
      ...{ name: spelled, type: own, isList: max !== '1' },
      ...{ isMandatory: min > 0, isSummary: isSummary === true },
      path: contentReference?.replace(/^.*#/, '') ?? describedBy(own, path),
    })
  }
}

/** Where the members of a type are listed: beside the element, under the type, or nowhere. */
function describedBy(type: string, path: string): string | undefined {
  if (type === 'BackboneElement' || type === 'Element') return path
  return /^[A-Z]/.test(type) ? type : undefined
}

interface Element {
  readonly path: string
  readonly min?: number
  readonly max: string
  readonly isSummary?: boolean
  readonly contentReference?: string
  readonly type?: readonly { readonly code: string }[]
}

interface Definition {
  readonly snapshot: { readonly element: readonly Element[] }
}

const FHIRPATH = 'http://hl7.org/fhirpath/'
/** Owned by this module; only ever grow, to the types of R4. */
const paths = new Map<string, Map<string, ElementInfo>>()
const read = new Set<string>()
