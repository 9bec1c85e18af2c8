/**
 * What this room refuses, and the issues that say where and why, never what was written there.
 *
 * @module
 */

import { Refusal } from '#base'

export type HealthRefusalCode =
  | 'HEALTH_JSON_INVALID'
  | 'HEALTH_JSON_TOO_LARGE'
  | 'HEALTH_JSON_TOO_DEEP'
  | 'HEALTH_JSON_KEY_REPEATED'
  | 'HEALTH_JSON_KEY_FORBIDDEN'
  | 'HEALTH_JSON_TEXT_INVALID'
  | 'HEALTH_JSON_NUMBER_INVALID'
  | 'HEALTH_BUNDLE_INVALID'
  | 'HEALTH_BUNDLE_TOO_LARGE'
  | 'HEALTH_UNSUPPORTED'
  | 'HEALTH_RESOURCE_INVALID'
  | 'HEALTH_SEARCH_UNKNOWN'
  | 'HEALTH_SEARCH_MODIFIER'
  | 'HEALTH_SEARCH_VALUE'
  | 'HEALTH_SEARCH_UNSUPPORTED'
  | 'HEALTH_SEARCH_TOO_LARGE'

/** Codes of FHIR's value set issue-type that we use. */
export type IssueKind =
  | 'structure'
  | 'required'
  | 'value'
  | 'invariant'
  | 'code-invalid'
  | 'duplicate'
  | 'not-found'
  | 'not-supported'
  | 'too-costly'

/** One fault of one resource, as an issue of a FHIR OperationOutcome. */
export interface Issue {
  readonly kind: IssueKind
  /** Path into the JSON that came in: `entry[3].resource.birthDate`; empty for the whole. */
  readonly place: string
  /** Why, without the value. */
  readonly reason: string
}

/** Health data was refused. `issues` holds every fault found, up to `ISSUES_MAX`. */
export class HealthRefusal extends Refusal<HealthRefusalCode> {
  override readonly name = 'HealthRefusal'
  readonly issues: readonly Issue[]

  constructor(
    code: HealthRefusalCode,
    message: string,
    options: { readonly cause?: unknown; readonly issues?: readonly Issue[] } = {},
  ) {
    const issues = options.issues ?? []
    const facts = { issues: issues.length, ...(issues[0] && { place: issues[0].place }) }
    super(code, message, { cause: options.cause, facts })
    this.issues = issues
  }
}

/** A refusal for one fault, which its message spells out. */
export function refusal(code: HealthRefusalCode, issue: Issue, cause?: unknown): HealthRefusal {
  return new HealthRefusal(code, spelled(issue), { issues: [issue], cause })
}

/** The refusal of resources with these faults; its message names the first. */
export function invalid(issues: readonly Issue[]): HealthRefusal {
  const more = issues.length - 1
  const others = more === 0 ? '' : ` (and ${more} more)`
  return new HealthRefusal('HEALTH_RESOURCE_INVALID', `${spelled(issues[0])}${others}`, { issues })
}

const spelled = ({ place, reason }: Issue): string =>
  place === '' ? `In the document as a whole: ${reason}` : `At ${place}: ${reason}`

/** Issues gathered before the rest of an import is no longer looked at. */
export const ISSUES_MAX = 50
