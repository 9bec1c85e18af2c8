/**
 * A search as understood: what `parse` makes of a query string and `matching` holds against entries.
 *
 * @module
 */

import type { Interval } from './interval.ts'
import type { SearchParameter } from './parameters.ts'

/** How a value shall stand to what was asked (FHIR R4 §3.1.1.4.5.1). */
export type Prefix = (typeof PREFIXES)[number]
export const PREFIXES = ['eq', 'ne', 'gt', 'lt', 'ge', 'le', 'sa', 'eb', 'ap'] as const

/** Modifiers that change how an operand is compared; `:missing` and `:[type]` are resolved before. */
export type Modifier = 'exact' | 'contains' | 'text' | 'not' | 'above' | 'below'

/** One value that was asked for, as the parameter's type reads it. */
export type Operand =
  | { readonly kind: 'string'; readonly exact: string; readonly folded: string }
  | {
      readonly kind: 'token'
      /** Undefined: any; null: none. */
      readonly system: string | null | undefined
      /** Folded to lower case; undefined: any of the system. */
      readonly code: string | undefined
    }
  | { readonly kind: 'of-type'; readonly type: string; readonly code: string }
  | { readonly kind: 'date'; readonly prefix: Prefix; readonly range: Interval }
  | NumberOperand
  | {
      readonly kind: 'quantity'
      readonly number: NumberOperand
      readonly system: string | undefined
      readonly code: string | undefined
    }
  | {
      readonly kind: 'reference'
      /** `Type/id` or a URL. */
      readonly reference: string
    }
  | { readonly kind: 'target-id'; readonly id: string; readonly targets: readonly string[] }
  | {
      readonly kind: 'identifier'
      readonly system: string | null | undefined
      readonly code: string
    }
  | { readonly kind: 'uri'; readonly uri: string }
  | { readonly kind: 'composite'; readonly parts: readonly Operand[] }
  | {
      readonly kind: 'near'
      /** Degrees. */
      readonly latitude: number
      readonly longitude: number
      readonly distanceKm: number
    }

export interface NumberOperand {
  readonly kind: 'number'
  readonly prefix: Prefix
  readonly value: number
  /** What the spelling may mean, or a tenth around it for `ap`. */
  readonly range: Interval
}

/** One condition; all conditions of a query must hold. */
export type Filter =
  | {
      readonly kind: 'parameter'
      readonly parameter: SearchParameter
      readonly modifier: Modifier | undefined
      readonly anyOf: readonly Operand[]
    }
  | { readonly kind: 'missing'; readonly parameter: SearchParameter; readonly isMissing: boolean }
  | { readonly kind: 'id'; readonly anyOf: ReadonlySet<string> }
  | { readonly kind: 'updated'; readonly anyOf: readonly Operand[] }
  | ChainFilter
  | HasFilter
  | {
      /** In the compartment of a resource, or of one of several: any reference leads there. */
      readonly kind: 'compartment'
      readonly references: readonly string[]
      /** By resource type: codes of the parameters. */
      readonly codesOf: (type: string) => readonly string[]
    }
  | {
      /** About care within a time: any date of the resource lies in it, or it has none. */
      readonly kind: 'dated'
      readonly range: Interval
    }

/** What the reference leads to fulfils a condition of its own. */
export interface ChainFilter {
  readonly kind: 'chain'
  readonly parameter: SearchParameter
  readonly branches: readonly { readonly type: string; readonly filter: Filter }[]
}

/** Something that refers here fulfils a condition of its own. */
export interface HasFilter {
  readonly kind: 'has'
  /** Type of what refers. */
  readonly type: string
  readonly parameter: SearchParameter
  readonly filter: Filter
}

/** `_include` or `_revinclude`: a reference to follow, forwards or backwards. */
export interface Include {
  /** Type that has the reference. */
  readonly source: string
  /** Undefined: every reference of the type. */
  readonly code: string | undefined
  /** Only what is of this type. */
  readonly target: string | undefined
  readonly iterate: boolean
}

export interface SortRule {
  readonly by: 'id' | 'updated' | SearchParameter
  readonly descending: boolean
}

export type Summary = 'true' | 'text' | 'data' | 'count' | 'false'

/** A search, understood and within its limits. */
export interface SearchQuery {
  /** Resource types searched; empty for all. */
  readonly types: readonly string[]
  readonly filters: readonly Filter[]
  readonly includes: readonly Include[]
  readonly revIncludes: readonly Include[]
  readonly sort: readonly SortRule[]
  /** Matches on one page; undefined where the server decides. */
  readonly count: number | undefined
  readonly summary: Summary
  /** Members to show; undefined for all. */
  readonly elements: readonly string[] | undefined
  readonly total: 'none' | 'estimate' | 'accurate' | undefined
  /** Where to go on: what the server gave as the link to the next page. */
  readonly page: string | undefined
  /** Name and value of everything that was understood, for the link to itself. */
  readonly understood: readonly (readonly [name: string, value: string])[]
}
