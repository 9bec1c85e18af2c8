/**
 * OperationOutcome: how every refusal, and every finding of a validation, is told.
 *
 * @see FHIR R4 OperationOutcome
 * @module
 */

import { AssertionFailure, PortRefusal } from '#base'
import { HealthRefusal, type Issue, type JsonObject } from '#health'
import { VaultRefusal } from '#vault'
import { FhirRefusal, REFUSALS, type FhirRefusalCode } from './refusal.ts'

/** A refusal as it is answered. */
export interface Refused {
  readonly status: number
  readonly outcome: JsonObject
  readonly headers?: Readonly<Record<string, string>>
}

/** What an error means to a client. @throws AssertionFailure for a bug of ours */
export function refusedBy(error: unknown): Refused {
  if (error instanceof AssertionFailure) throw error
  if (error instanceof HealthRefusal) return refusedHealth(error)
  const { code, message, facts } = fhirRefusalOf(error)
  const { status, issue } = REFUSALS[code]
  const { allow, place } = facts
  const told = { severity: 'error', code: issue, text: message, refusal: code } as const
  return {
    status,
    outcome: outcomeOf([typeof place === 'string' ? { ...told, place } : told]),
    ...(typeof allow === 'string' ? { headers: { allow } } : {}),
  }
}

/** One issue as this room makes them. */
export interface OutcomeIssue {
  readonly severity: 'error' | 'information'
  /** Of the value set issue-type. */
  readonly code: string
  readonly text: string
  /** Stable code of ours. */
  readonly refusal?: string
  /** Path into what was sent. */
  readonly place?: string
}

/** The resource of issues, at least one. */
export const outcomeOf = (issues: readonly OutcomeIssue[]): JsonObject => ({
  resourceType: 'OperationOutcome',
  issue: issues.map(({ severity, code, text, refusal, place }) => ({
    severity,
    code,
    ...(refusal && { details: { coding: [{ system: CODES, code: refusal }] } }),
    diagnostics: text,
    ...(place && { expression: [place] }),
  })),
})

/** Faults of a resource as issues. */
export const issuesFor = (issues: readonly Issue[]): readonly OutcomeIssue[] =>
  issues.map(({ kind, place, reason }) => ({
    severity: 'error',
    code: kind,
    text: reason,
    refusal: 'HEALTH_RESOURCE_INVALID',
    ...(place && { place }),
  }))

function refusedHealth({ code, message, issues }: HealthRefusal): Refused {
  const status = HEALTH_STATUS[code] ?? 400
  const told = issues.map((issue): OutcomeIssue => {
    const { kind, place, reason } = issue
    return { severity: 'error', code: kind, text: reason, refusal: code, ...(place && { place }) }
  })
  const all =
    told.length > 0 ? told : [{ severity: 'error', code: 'invalid', text: message } as const]
  return { status, outcome: outcomeOf(all) }
}

/** What other rooms refuse, in the terms of this one. */
function fhirRefusalOf(error: unknown): FhirRefusal {
  if (error instanceof FhirRefusal) return error
  if (error instanceof VaultRefusal) {
    const [code, message] = VAULT[error.code] ?? UNAVAILABLE
    return new FhirRefusal(code, message, { cause: error })
  }
  if (error instanceof PortRefusal && error.code === 'STORE_CONFLICT') {
    const message = 'Something else was written in between; ask again'
    return new FhirRefusal('FHIR_CONFLICT', message, { cause: error })
  }
  if (error instanceof PortRefusal) {
    return new FhirRefusal(UNAVAILABLE[0], UNAVAILABLE[1], { cause: error })
  }
  throw error
}

const UNAVAILABLE = [
  'FHIR_UNAVAILABLE',
  'The store of this site does not answer; try again later',
] as const
const VAULT: Readonly<Record<string, readonly [FhirRefusalCode, string]>> = {
  VAULT_NOT_FOUND: ['FHIR_NOT_FOUND', 'There is no such resource'],
  VAULT_ERASED: ['FHIR_DELETED', 'The record was erased; nothing of it can be read or written'],
  VAULT_RECEIVED: [
    'FHIR_RECEIVED',
    'What another site has sealed is not changed here; write a resource of your own beside it',
  ],
  VAULT_HELD: ['FHIR_CONFLICT', 'A legal hold stands on the record: nothing of it is removed'],
  VAULT_VERSION_OTHER: [
    'FHIR_PRECONDITION_FAILED',
    'The newest version of the resource is not the one that the request expects',
  ],
  VAULT_NOT_SYNTHETIC: [
    'FHIR_RULE_BROKEN',
    'The demo profile accepts records of synthetic patients only',
  ],
  VAULT_TOO_MANY_SUBJECTS: ['FHIR_RULE_BROKEN', 'The resource is about too many patients'],
  VAULT_SEARCH_COSTLY: ['FHIR_TOO_COSTLY', 'The search looks at too much; narrow it'],
  VAULT_PLACE_UNKNOWN: ['FHIR_REQUEST_INVALID', 'The page is none of this search, or too old'],
  VAULT_DAMAGED: ['FHIR_RECORD_DAMAGED', 'A record is not as it was sealed; the operator is told'],
}
const HEALTH_STATUS: Readonly<Partial<Record<string, number>>> = {
  HEALTH_JSON_TOO_LARGE: 413,
  HEALTH_BUNDLE_TOO_LARGE: 413,
  HEALTH_RESOURCE_INVALID: 422,
}
/** System of our stable codes. */
const CODES = 'urn:photonward:refusal'
