/**
 * The FHIR R4 server of a site: REST over the vault, as pure request → response.
 *
 * Stands between a listener and the vault. Reads strictly, validates, asks the session's decision
 * for every resource on every way in and out, and leaves sealing, versions and the log to the
 * vault. Decimals and partial dates pass to the letter.
 *
 * Does not authenticate (the host does), and decides nothing by itself.
 *
 * @see HL7 FHIR R4 (4.0.1) §3.1.0 RESTful API
 * @module
 */

export { type HookOptions } from './hooks/hooks.ts'
export { fhirMigrations } from './migrations.ts'
export { FHIR_BASE, type FhirOptions, type FhirRequest } from './context.ts'
export { createFhir, type Fhir } from './fhir.ts'
export { mergedWith } from './links.ts'
export { FHIR_JSON } from './negotiation.ts'
export { outcomeOf, type OutcomeIssue } from './outcome.ts'
export type { Way } from './provenance.ts'
export { FhirRefusal, REFUSALS, type FhirRefusalCode } from './refusal.ts'
export type {
  Action,
  Decision,
  DecisionFacts,
  GlassBroken,
  OpenGlass,
  Sending,
  SentRecord,
  Session,
} from './session.ts'
