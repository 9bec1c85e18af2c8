/**
 * Reads one parameter that narrows a search: plain, chained, or `_has`.
 *
 * @see FHIR R4 §3.1.1.4.4 modifiers, §3.1.1.4.15 chains, §3.1.1.4.16 reverse chains
 * @module
 */

import { HealthRefusal } from '../refusal.ts'
import { isResourceType } from '../definitions.ts'
import { isResourceId } from '../shape.ts'
import { parted, splitEscaped, unescaped } from './escapes.ts'
import { identifier, ofType, operandOf, reference, string, type Reading } from './operands.ts'
import { searchParametersOf, type SearchParameter } from './parameters.ts'
import type { Filter, Modifier, Operand } from './query.ts'
import { costly, refusedSearch } from './search-refusal.ts'

/** What reading one parameter needs beside its name and value. */
export interface About {
  /** How refusals name it. */
  readonly place: string
  readonly reading: Reading
  /** Conditions that may still be made. */
  readonly budget: { conditions: number }
  readonly depth?: number
}

/**
 * The condition of a parameter on resources of these types; none means all types.
 *
 * @throws HealthRefusal `HEALTH_SEARCH_…`
 */
export function readParameter(
  types: readonly string[],
  name: string,
  value: string,
  about: About,
): Filter {
  const { budget, place, depth = 0 } = about
  if (--budget.conditions < 0 || depth > CHAIN_DEPTH_MAX) {
    throw costly(place, 'the chain leads too far: name the types it shall go through')
  }
  if (name.startsWith('_has:')) return readHas(name, value, about)
  const dot = name.indexOf('.')
  if (dot >= 0) return readChain(types, [name.slice(0, dot), name.slice(dot + 1)], value, about)
  const [code, modifier, ...more] = parted(name, ':')
  if (more.length > 0) throw refusedSearch('modifier', place, 'expected at most one modifier')
  if (code === '_id' && modifier === undefined) return idFilter(value, place)
  return readPlain(commonParameter(types, code, place), modifier, value, about)
}

/** The condition that a resource's id is one of these. */
export function idFilter(value: string, place: string): Filter {
  const ids = splitEscaped(value, ',').map(unescaped)
  if (ids.every((id) => id !== undefined && isResourceId(id))) {
    return { kind: 'id', anyOf: new Set(ids) }
  }
  throw refusedSearch('value', place, 'expected 1 to 64 letters, digits, hyphens and dots')
}

/** `_has:Observation:patient:code`: what refers here by this parameter fulfils the rest. */
function readHas(name: string, value: string, about: About): Filter {
  const { place } = about
  const [, type = '', code = '', ...rest] = parted(name, ':')
  if (!isResourceType(type) || rest.length === 0) {
    throw refusedSearch('value', place, 'expected _has:Type:reference:parameter')
  }
  const parameter = commonParameter([type], code, place)
  requireReference(parameter, place)
  const depth = (about.depth ?? 0) + 1
  const filter = readParameter([type], rest.join(':'), value, { ...about, depth })
  return { kind: 'has', type, parameter, filter }
}

/** `subject:Patient.name`; without a type, every type to which the reference may lead. */
function readChain(
  types: readonly string[],
  [head, rest]: readonly [string, string],
  value: string,
  about: About,
): Filter {
  const { place } = about
  const [code, type, ...more] = parted(head, ':')
  const parameter = commonParameter(types, code, place)
  requireReference(parameter, place)
  if (more.length > 0 || (type !== undefined && !isTarget(parameter, type))) {
    throw refusedSearch('modifier', place, 'the reference leads to no such type')
  }
  const depth = (about.depth ?? 0) + 1
  const branches: { type: string; filter: Filter }[] = []
  let unknown: HealthRefusal | undefined
  for (const target of type === undefined ? parameter.targets : [type]) {
    try {
      const filter = readParameter([target], rest, value, { ...about, depth })
      branches.push({ type: target, filter })
    } catch (error) {
      // Of several types it is enough if one has the parameter; what it has must be right.
      const isUnknown = error instanceof HealthRefusal && error.code === 'HEALTH_SEARCH_UNKNOWN'
      if (!isUnknown) throw error
      unknown = error
    }
  }
  if (branches.length > 0) return { kind: 'chain', parameter, branches }
  throw (
    unknown ?? refusedSearch('unsupported', place, 'name the type: the reference leads anywhere')
  )
}

function readPlain(
  parameter: SearchParameter,
  modifier: string | undefined,
  value: string,
  about: About,
): Filter {
  const { place, reading } = about
  if (modifier === 'missing') {
    if (value === 'true' || value === 'false') {
      return { kind: 'missing', parameter, isMissing: value === 'true' }
    }
    throw refusedSearch('value', place, 'expected true or false')
  }
  const read = readerFor(parameter, modifier, reading)
  if (read === undefined) {
    const reason = `a parameter of type ${parameter.type} has no such modifier here`
    throw refusedSearch('modifier', place, reason)
  }
  const values = splitEscaped(value, ',')
  if (values.length > ALTERNATIVES_MAX) {
    throw costly(place, `expected at most ${ALTERNATIVES_MAX} values, got ${values.length}`)
  }
  const anyOf = values.map((text) => {
    const operand = read.operand(text)
    if (operand !== undefined) return operand
    throw refusedSearch('value', place, `expected ${FORMS[parameter.type]}`)
  })
  return { kind: 'parameter', parameter, modifier: read.modifier, anyOf }
}

interface Reader {
  readonly modifier: Modifier | undefined
  readonly operand: (text: string) => Operand | undefined
}

/** How values are read under a modifier; undefined where the type has none such. */
function readerFor(
  parameter: SearchParameter,
  modifier: string | undefined,
  reading: Reading,
): Reader | undefined {
  const usual = (text: string): Operand | undefined => operandOf(parameter, text, reading)
  if (modifier === undefined) return { modifier: undefined, operand: usual }
  const own = MODIFIERS[parameter.type]?.[modifier]
  if (own === 'usual') return { modifier: modifier as Modifier, operand: usual }
  if (own !== undefined) return { modifier: modifier === 'text' ? 'text' : undefined, operand: own }
  if (parameter.type !== 'reference' || !isTarget(parameter, modifier)) return undefined
  return { modifier: undefined, operand: (text) => typedReference(modifier, text, reading) }
}

/** `subject:Patient=23`. */
function typedReference(type: string, text: string, { bases }: Reading): Operand | undefined {
  const read = reference(text, [type], bases)
  if (read?.kind !== 'reference') return read
  return read.reference.includes(`${type}/`) ? read : undefined
}

/** The parameter that all these types have; without types, that every resource has. */
function commonParameter(types: readonly string[], code: string, place: string): SearchParameter {
  const found = (types.length === 0 ? ['Basic'] : types).map((type) =>
    searchParametersOf(type).get(code),
  )
  const [first] = found
  if (UNSUPPORTED.includes(code)) {
    throw refusedSearch('unsupported', place, 'this server does not search by this parameter')
  }
  const isEverywhere = types.length > 0 || code.startsWith('_')
  if (first === undefined || !isEverywhere || found.some((other) => other?.type !== first.type)) {
    const whose = types.length === 1 ? types[0] : 'not every resource type'
    throw refusedSearch(
      'unknown',
      place,
      `${whose} has ${types.length === 1 ? 'no' : ''} such search parameter`,
    )
  }
  return first
}

function requireReference({ type }: SearchParameter, place: string): void {
  if (type === 'reference') return
  throw refusedSearch('value', place, 'only references can be followed')
}

const isTarget = ({ targets }: SearchParameter, type: string): boolean =>
  isResourceType(type) && (targets.length === 0 || targets.includes(type))

/** References followed one after another. */
export const CHAIN_DEPTH_MAX = 4
/** Values of one parameter of which any will do. */
export const ALTERNATIVES_MAX = 256
/** Modifiers by type: `usual` where values are read as without one. */
const MODIFIERS: Readonly<
  Partial<
    Record<
      SearchParameter['type'],
      Readonly<Partial<Record<string, 'usual' | ((text: string) => Operand | undefined)>>>
    >
  >
> = {
  string: { exact: 'usual', contains: 'usual' },
  token: { text: string, not: 'usual', 'of-type': ofType, ofType },
  uri: { above: 'usual', below: 'usual' },
  reference: { identifier },
}
const FORMS: Readonly<Record<SearchParameter['type'], string>> = {
  string: 'a text',
  token: 'code, system|code, |code or system|',
  date: 'a date as FHIR spells it, with or without a prefix',
  number: 'a number, with or without a prefix',
  quantity: 'number, number|system|code or number||unit',
  reference: 'an id, Type/id or a URL',
  uri: 'a URI',
  composite: 'a value for each component, with $ between them',
  special: 'latitude|longitude|distance|km',
}
const UNSUPPORTED: readonly string[] = ['_text', '_content', '_filter', '_query', '_list']
