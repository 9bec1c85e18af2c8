/**
 * Which part of the tree a request means: its path with keys, and the parameters `content`, `depth`
 * and `fields`.
 *
 * Works on the data alone; of the schema it knows the keys of lists and what is no configuration.
 *
 * @see RFC 8040 §3.5.3, §4.8
 * @module
 */

import { invalid, RestconfRefusal } from './refusal.ts'
import type { Yang, YangObject } from './tree.ts'

/** One step of a path: a name, and the keys of a list entry. */
export interface Step {
  readonly name: string
  readonly keys: readonly string[] | undefined
}

/** The steps of a path below `/restconf/data`, still percent-encoded. @throws RestconfRefusal */
export function stepsOf(path: string): readonly Step[] {
  if (path === '') return []
  const parts = path.split('/')
  if (parts.length > STEPS_MAX) throw invalid(`A path has at most ${STEPS_MAX} steps`)
  return parts.map((part) => {
    const found = STEP.exec(part)
    if (found === null) throw invalid('A step of the path has not the form name or name=key')
    return { name: found[1], keys: found.at(2)?.split(',').map(decoded) }
  })
}

/** What stands at a path, with the name it has in an answer. @throws RestconfRefusal */
export function at(root: YangObject, steps: readonly Step[]): { name: string; value: Yang } {
  let here: Yang = root
  let name = ''
  let module = ''
  for (const [index, { name: given, keys }] of steps.entries()) {
    const inner: Yang | undefined = isObject(here) ? memberOf(here, given, module) : undefined
    if (inner === undefined) throw missing()
    module = moduleOf(given) ?? module
    name = `${module}:${given.slice(given.indexOf(':') + 1)}`
    const entry: Yang = keys === undefined ? inner : entryOf(inner, name, keys)
    // An entry is a list of one as the target, and itself on the way to something deeper.
    here = keys !== undefined && index === steps.length - 1 ? [entry] : entry
  }
  if (Array.isArray(here) && here.length === 0) throw missing()
  return { name, value: here }
}

function memberOf(object: YangObject, given: string, module: string): Yang | undefined {
  if (Object.hasOwn(object, given)) return object[given]
  const short = given.slice(given.indexOf(':') + 1)
  const isOfSame = moduleOf(given) === module && Object.hasOwn(object, short)
  return isOfSame ? object[short] : undefined
}

function entryOf(list: Yang, name: string, keys: readonly string[]): YangObject {
  const names = LIST_KEYS[name.slice(name.indexOf(':') + 1)]
  if (names === undefined || !Array.isArray(list)) throw invalid('This step takes no key')
  if (keys.length !== names.length) throw invalid(`This list has ${names.length} key(s)`)
  const found = (list as readonly Yang[]).find(
    (one) => isObject(one) && names.every((key, index) => textOfKey(one[key]) === keys[index]),
  )
  if (!isObject(found)) throw missing()
  return found
}

/** What parameters choose of a subtree. */
export interface Selection {
  readonly content: 'all' | 'config' | 'nonconfig'
  /** Levels, the chosen node itself being the first. */
  readonly depth: number
  readonly fields: Fields | undefined
}

/** Chosen children by name; undefined where a child is chosen whole. */
export type Fields = ReadonlyMap<string, Fields | undefined>

/** @throws RestconfRefusal for parameters that are unknown, twice or of another form */
export function selectionOf(query: URLSearchParams): Selection {
  const names = [...query.keys()]
  if (new Set(names).size < names.length) throw invalid('A query parameter stands there twice')
  const unknown = names.find((name) => !['content', 'depth', 'fields'].includes(name))
  if (unknown !== undefined) throw invalid('Expected content, depth or fields as parameters')
  const content = query.get('content') ?? 'all'
  if (content !== 'all' && content !== 'config' && content !== 'nonconfig') {
    throw invalid('content is all, config or nonconfig')
  }
  const depth = query.get('depth') ?? 'unbounded'
  const isDepth = depth === 'unbounded' || (/^[1-9]\d{0,4}$/.test(depth) && Number(depth) < 65_536)
  if (!isDepth) throw invalid('depth is unbounded or 1 to 65535')
  const fields = query.get('fields')
  return {
    content,
    depth: depth === 'unbounded' ? Infinity : Number(depth),
    fields: fields === null ? undefined : new FieldsReader(fields).whole(),
  }
}

/** The chosen part of what stands at a path; undefined if nothing is left. */
export function selected(
  { name, value }: { readonly name: string; readonly value: Yang },
  { content, depth, fields }: Selection,
): Yang | undefined {
  const short = name.slice(name.indexOf(':') + 1)
  const here = { isState: STATE_NAMES.has(short), keys: LIST_KEYS[short] ?? [] }
  const filtered = content === 'all' ? value : ofContent(value, content, here)
  if (filtered === undefined) return undefined
  return fields === undefined ? cut(filtered, depth) : pick(filtered, fields, depth)
}

/** Without what lies deeper than `depth`; list entries are as deep as their list. */
function cut(value: Yang, depth: number): Yang {
  if (isList(value)) return value.map((one) => cut(one, depth))
  if (!isObject(value)) return value
  if (depth <= 1) return {}
  return mapped(value, (inner) => cut(inner, depth - 1))
}

/** The chosen nodes count as the first level, whatever their depth (RFC 8040 §4.8.2). */
function pick(value: Yang, fields: Fields, depth: number): Yang {
  if (isList(value)) return value.map((one) => pick(one, fields, depth))
  if (!isObject(value)) return value
  return mapped(value, (inner, name) => {
    const short = name.slice(name.indexOf(':') + 1)
    const wanted = [name, short].find((one) => fields.has(one))
    if (wanted === undefined) return undefined
    const below = fields.get(wanted)
    return below === undefined ? cut(inner, depth) : pick(inner, below, depth)
  })
}

/** Configuration alone, or state with the keys and containers that lead to it. */
function ofContent(
  value: Yang,
  content: 'config' | 'nonconfig',
  { isState, keys }: { readonly isState: boolean; readonly keys: readonly string[] },
): Yang | undefined {
  if (isList(value)) {
    const left = value.map((one) => ofContent(one, content, { isState, keys }))
    return left.filter((one): one is Yang => one !== undefined && !isEmpty(one))
  }
  if (!isObject(value)) return isState === (content === 'nonconfig') ? value : undefined
  return mapped(value, (inner, name) => {
    if (content === 'nonconfig' && keys.includes(name)) return inner
    const below = { isState: isState || STATE_NAMES.has(name), keys: LIST_KEYS[name] ?? [] }
    const left = ofContent(inner, content, below)
    return left === undefined || isEmpty(left) ? undefined : left
  })
}

function mapped(
  object: YangObject,
  change: (value: Yang, name: string) => Yang | undefined,
): YangObject {
  const members = Object.entries(object).map(
    ([name, value]) => [name, change(value, name)] as const,
  )
  return Object.fromEntries(
    members.filter((member): member is [string, Yang] => member[1] !== undefined),
  )
}

/** Reads `a/b(c;d);e` (RFC 8040 §4.8.3). */
class FieldsReader {
  readonly #text: string
  #at = 0
  #count = 0

  constructor(text: string) {
    this.#text = text
  }

  whole(): Fields {
    const fields = this.#list(0)
    if (this.#at < this.#text.length) throw BAD_FIELDS()
    return fields
  }

  #list(level: number): Fields {
    if (level > STEPS_MAX) throw BAD_FIELDS()
    const fields = new Map<string, Fields | undefined>()
    do this.#one(fields, level)
    while (this.#take(';'))
    return fields
  }

  #one(into: Map<string, Fields | undefined>, level: number): void {
    FIELD.lastIndex = this.#at
    const name = FIELD.exec(this.#text)?.[0]
    if (name === undefined || ++this.#count > FIELDS_MAX || level > STEPS_MAX) throw BAD_FIELDS()
    this.#at += name.length
    let below: Fields | undefined
    if (this.#take('/')) {
      const inner = new Map<string, Fields | undefined>()
      this.#one(inner, level + 1)
      below = inner
    } else if (this.#take('(')) {
      below = this.#list(level + 1)
      if (!this.#take(')')) throw BAD_FIELDS()
    }
    into.set(name, into.has(name) ? merged(into.get(name), below) : below)
  }

  #take(mark: string): boolean {
    if (this.#text[this.#at] !== mark) return false
    this.#at++
    return true
  }
}

/** Both choices together; a node that is chosen whole stays so. */
function merged(a: Fields | undefined, b: Fields | undefined): Fields | undefined {
  if (a === undefined || b === undefined) return undefined
  const both = new Map(a)
  for (const [name, below] of b) {
    both.set(name, both.has(name) ? merged(both.get(name), below) : below)
  }
  return both
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid('A key of the path is not well encoded')
  }
}

export const isObject = (value: unknown): value is YangObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isList = (value: Yang): value is readonly Yang[] => Array.isArray(value)

const isEmpty = (value: Yang): boolean =>
  typeof value === 'object' && Object.keys(value).length === 0

/** Keys are texts and numbers. */
const textOfKey = (value: Yang): string => (typeof value === 'object' ? '' : String(value))

const moduleOf = (name: string): string | undefined =>
  name.includes(':') ? name.slice(0, name.indexOf(':')) : undefined

const missing = () => new RestconfRefusal('RESTCONF_NOT_FOUND', 'There is nothing at this path')
const BAD_FIELDS = () => invalid('fields has not the form of RFC 8040 §4.8.3')

const STEP = /^((?:[A-Za-z_][\w.-]{0,63}:)?[A-Za-z_][\w.-]{0,63})(?:=([^/]{1,256}))?$/
const FIELD = /(?:[A-Za-z_][\w.-]{0,63}:)?[A-Za-z_][\w.-]{0,63}/y
const STEPS_MAX = 16
const FIELDS_MAX = 64

/** Keys of all lists that can be read. */
export const LIST_KEYS: Readonly<Partial<Record<string, readonly string[]>>> = {
  qkd_app: ['app_id'],
  qkd_interface: ['qkdi_id'],
  qkd_link: ['qkdl_id'],
  statistics: ['end_time'],
  phys_perf: ['perf_type'],
  stream: ['name'],
  access: ['encoding'],
  module: ['name', 'revision'],
}
/** What the models mark as `config false`; all below it is state as well. */
const STATE_NAMES: ReadonlySet<string> = new Set([
  'qkdn_status',
  'app_status',
  'creation_time',
  'statistics',
  'qkdi_status',
  'expected_consumption',
  'skr',
  'eskr',
  'phys_perf',
  // Of our own description, which is state as a whole.
  'ietf-yang-library:modules-state',
  'ietf-restconf-monitoring:restconf-state',
])
