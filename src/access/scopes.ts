/**
 * Scopes of SMART App Launch v2: `patient/Observation.rs?category=…`. They narrow, and never widen,
 * what whoever is behind the app may do.
 *
 * The forms of version 1 (`.read`, `.write`, `.*`) are read as their successors. A scope that we do
 * not understand is not granted; a condition that we cannot check makes a scope one of those.
 *
 * @see SMART App Launch 2.2.0, Scopes and Launch Context
 * @module
 */

import { isResourceType } from '#health'
import type { Code, ResourceFacts } from './model.ts'
import { AccessRefusal } from './refusal.ts'
import type { Action } from './vocabulary.ts'

export type ScopeLevel = 'patient' | 'user' | 'system'
/** Create, read, update, delete, search. */
export type Permission = 'c' | 'r' | 'u' | 'd' | 's'

/** One scope on resources. */
export interface Scope {
  readonly level: ScopeLevel
  /** A resource type, or `*`. */
  readonly type: string
  /** In the order `cruds`. */
  readonly permissions: readonly Permission[]
  /** Only resources of this category. An empty system stands for any. */
  readonly category?: Code
}

/** A list of scopes: those on resources, those that are words (`openid`), and those unknown. */
export interface ScopeList {
  readonly scopes: readonly Scope[]
  readonly words: readonly string[]
  readonly unknown: readonly string[]
}

/**
 * Reads a list as OAuth spells it, separated by spaces.
 *
 * @throws AccessRefusal `ACCESS_SCOPE_INVALID` if it is too long or holds forbidden characters
 */
export function readScopes(text: string): ScopeList {
  if (text.length > SCOPES_CHARACTERS_MAX || !OAUTH.test(text)) {
    const message = `Expected scopes of RFC 6749 with at most ${SCOPES_CHARACTERS_MAX} characters`
    throw new AccessRefusal('ACCESS_SCOPE_INVALID', message)
  }
  const parts = [...new Set(text.split(' ').filter((part) => part !== ''))]
  const scopes: Scope[] = []
  const words: string[] = []
  const unknown: string[] = []
  for (const part of parts) {
    const scope = scopeOf(part)
    if (scope !== undefined) scopes.push(scope)
    else if (WORDS.includes(part)) words.push(part)
    else unknown.push(part)
  }
  return { scopes, words, unknown }
}

/** One scope, or undefined if it is none that we understand whole. */
export function scopeOf(text: string): Scope | undefined {
  const parts = SCOPE.exec(text)?.groups as ScopeParts | undefined
  if (parts === undefined) return undefined
  const { level, type, old, letters = '', query } = parts
  if (type !== '*' && !isResourceType(type)) return undefined
  const chosen = old === undefined ? letters : VERSION_1[old]
  const permissions = PERMISSIONS.filter((letter) => chosen.includes(letter))
  if (permissions.join('') !== chosen || permissions.length === 0) return undefined
  const scope = { level: level as ScopeLevel, type, permissions }
  if (query === undefined) return scope
  const category = categoryOf(query)
  return category === undefined ? undefined : { ...scope, category }
}

/** A scope as version 2 spells it. */
export function scopeText({ level, type, permissions, category }: Scope): string {
  const bare = `${level}/${type}.${permissions.join('')}`
  if (category === undefined) return bare
  const { system, code } = category
  return `${bare}?category=${system === '' ? '' : `${encodeURIComponent(system)}|`}${encodeURIComponent(code)}`
}

/**
 * What of `asked` lies within `allowed`: never more than either, possibly split or narrowed.
 *
 * A scope of level `patient` lies within one of level `user`, for it reaches less of the same rights.
 */
export function narrowScopes(asked: readonly Scope[], allowed: readonly Scope[]): Scope[] {
  const found = asked.flatMap((one) => allowed.flatMap((other) => meetOf(one, other) ?? []))
  const distinct = [...new Map(found.map((scope) => [scopeText(scope), scope])).values()]
  return distinct.filter((one) => !distinct.some((other) => one !== other && within(one, other)))
}

/** Whether some scope covers this action on this thing. */
export const scopesAllow = (
  scopes: readonly Scope[],
  what: {
    readonly action: Action
    readonly resource: ResourceFacts
    readonly launchPatient?: string | undefined
    readonly service: boolean
  },
): boolean => {
  const needed = NEEDED[what.action]
  return needed !== undefined && scopes.some((scope) => covers(scope, needed, what))
}

function covers(
  { level, type, permissions, category }: Scope,
  needed: Permission,
  what: Omit<Parameters<typeof scopesAllow>[1], 'action'>,
): boolean {
  const { resource, launchPatient, service } = what
  if (!permissions.includes(needed)) return false
  if (type !== '*' && type !== resource.type) return false
  if (category !== undefined && !resource.categories.some((one) => isCategory(category, one))) {
    return false
  }
  if (level === 'system') return service
  if (service) return false
  if (level === 'user') return true
  // What is about nobody (practitioners, value sets) is within an app's reach as well.
  if (!resource.personal) return true
  const { patients } = resource
  return launchPatient !== undefined && patients.length === 1 && patients[0] === launchPatient
}

const isCategory = (wanted: Code, has: Code): boolean =>
  wanted.code === has.code && (wanted.system === '' || wanted.system === has.system)

function meetOf(one: Scope, other: Scope): Scope | undefined {
  const level = levelOf(one.level, other.level)
  const type = one.type === '*' ? other.type : one.type
  const permissions = one.permissions.filter((letter) => other.permissions.includes(letter))
  if (level === undefined || permissions.length === 0) return undefined
  if (other.type !== '*' && other.type !== type) return undefined
  const category = narrower(one.category, other.category)
  if (category === null) return undefined
  return category === undefined
    ? { level, type, permissions }
    : { level, type, permissions, category }
}

/** The level within both; `system` meets only itself. */
function levelOf(asked: ScopeLevel, allowed: ScopeLevel): ScopeLevel | undefined {
  if (asked === allowed) return asked
  return asked === 'system' || allowed === 'system' ? undefined : 'patient'
}

/** The narrower of two conditions; null where nothing meets both. */
function narrower(a: Code | undefined, b: Code | undefined): Code | undefined | null {
  if (a === undefined || b === undefined) return a ?? b
  if (a.code !== b.code) return null
  if (a.system === b.system || b.system === '') return a
  return a.system === '' ? b : null
}

function within(one: Scope, other: Scope): boolean {
  const meet = meetOf(one, other)
  return meet !== undefined && scopeText(meet) === scopeText(one)
}

function categoryOf(query: string): Code | undefined {
  const value = /^category=([^&]+)$/.exec(query)?.[1]
  if (value === undefined) return undefined
  let plain
  try {
    plain = decodeURIComponent(value)
  } catch {
    return undefined
  }
  const [first, ...rest] = plain.split('|')
  if (rest.length > 1) return undefined
  const [system, code] = rest.length === 0 ? ['', first] : [first, rest[0]]
  return code === '' || code.includes(',') ? undefined : { system, code }
}

interface ScopeParts {
  readonly level: string
  readonly type: string
  readonly old?: string
  readonly letters?: string
  readonly query?: string
}

/** What an action needs. Others are not within the reach of scopes at all. */
const NEEDED: Readonly<Partial<Record<Action, Permission>>> = {
  view: 'r',
  search: 's',
  create: 'c',
  update: 'u',
  delete: 'd',
  // Bulk export reads whatever it finds (SMART Backend Services: `system/*.rs`).
  export: 'r',
  // Making a de-identified copy reads the original.
  deidentify: 'r',
}

const PERMISSIONS = ['c', 'r', 'u', 'd', 's'] as const
const VERSION_1: Readonly<Record<string, string>> = { read: 'rs', write: 'cud', '*': 'cruds' }
const SCOPE =
  /^(?<level>patient|user|system)\/(?<type>\*|[A-Z][A-Za-z]{1,63})\.(?:(?<old>read|write|\*)|(?<letters>[cruds]{1,5}))(?:\?(?<query>[^?]{1,512}))?$/
const WORDS: readonly string[] = [
  'openid',
  'fhirUser',
  'profile',
  'offline_access',
  'online_access',
  'launch',
  'launch/patient',
  'launch/encounter',
]
/** RFC 6749 §3.3: printable ASCII without quote and backslash. */
const OAUTH = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/
const SCOPES_CHARACTERS_MAX = 8192
