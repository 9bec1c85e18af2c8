/**
 * What a decision is made from, and what it is: who asks, for what, about which thing, and why.
 *
 * Plain data. Whoever calls `decide` gathers it: the session from a verified token, the facts of a
 * resource from `resourceFacts`, ties and consents from the site's own records. A fact that is left
 * out never widens a right.
 *
 * @module
 */

import type { EpochMs, SiteId } from '#base'
import type { Interval } from '#health'
import type { BreakGlassGrant } from './break-glass.ts'
import type { Directive } from './consent-read.ts'

import type { Scope } from './scopes.ts'
import type { DisclosureForm } from './policy-set.ts'
import type {
  Action,
  Assurance,
  Confidentiality,
  Purpose,
  Relation,
  ResourceClass,
  Role,
  Sensitivity,
  StepName,
} from './vocabulary.ts'

/** Somebody who stands in for somebody else: a locum, whoever is on call. */
export interface Delegation {
  /** The principal whose ties to patients are lent. */
  readonly from: string
  readonly notBefore: EpochMs
  readonly expiresAt: EpochMs
}

/** Who asks. */
export interface Principal {
  /** Our own identifier, never a name. */
  readonly id: string
  readonly kind: 'person' | 'client' | 'service' | 'patient'
  readonly roles: readonly Role[]
  /** What FHIR calls this principal: `Practitioner/…`, `Organization/…`, `Patient/…`. */
  readonly references: readonly string[]
  readonly department?: string
  /** Care teams and wards this principal is in, by our identifiers. */
  readonly careTeams: readonly string[]
  /** `none` for whoever is not employed: patients, clients, services. */
  readonly employment: 'active' | 'suspended' | 'ended' | 'none'
  /** The patient that this principal is, for people who log in as patients. */
  readonly patient?: string
  readonly clearances: readonly Sensitivity[]
  readonly delegations: readonly Delegation[]
}

/** That a principal, or a group it is in, has to do with a patient. */
export interface Relationship {
  readonly kind: Exclude<Relation, 'own' | 'delegation'>
  /** The patient, as `ResourceFacts.patients` names patients; `ANYBODY` for a declared flow. */
  readonly patient: string
  /** A principal by id or reference, a care team, a ward, a department, or `rolesGroup`. */
  readonly with: string
  readonly notBefore?: EpochMs
  readonly expiresAt?: EpochMs
}

/** A code in its system. */
export interface Code {
  readonly system: string
  readonly code: string
}

/** What is known of the thing that is asked for. */
export interface ResourceFacts {
  /** FHIR type, or our own word for what is not FHIR. */
  readonly type: string
  /** `Type/id`, where it has one already. */
  readonly reference?: string
  readonly class: ResourceClass
  /** `Patient/id` of everybody it is about. */
  readonly patients: readonly string[]
  /** About a patient, even where nobody knows which. */
  readonly personal: boolean
  readonly confidentiality: Confidentiality
  readonly sensitivity: readonly Sensitivity[]
  readonly vip: boolean
  readonly held: boolean
  /** References of whoever wrote it. */
  readonly authors: readonly string[]
  /** References to other things. */
  readonly related: readonly string[]
  /** Codes that say what it is about. */
  readonly codes: readonly Code[]
  /** Codes of its `category`. */
  readonly categories: readonly Code[]
  /** When what it tells of was so. */
  readonly dated?: Interval
  /** The site that sealed what was received here; undefined for our own. */
  readonly from?: SiteId
  /** The site, or organisation, whose record it is; undefined for our own. */
  readonly site?: SiteId
}

/** What a verified token says of its own validity. */
export interface TokenFacts {
  /** The site for which it was issued. */
  readonly site: SiteId
  readonly notBefore: EpochMs
  readonly expiresAt: EpochMs
  /** The patient in whose context an app was launched. */
  readonly launchPatient?: string
  /** Scopes of a SMART client; undefined for whoever comes without one, with all own rights. */
  readonly scopes?: readonly Scope[]
}

/** Everything else that a decision rests on. */
export interface AccessContext {
  readonly at: EpochMs
  /** The site that is asked. */
  readonly site: SiteId
  readonly token: TokenFacts
  readonly purpose: Purpose
  /** When the second factor was last shown. */
  readonly secondFactorAt?: EpochMs
  readonly assurance: Assurance
  readonly relationships: readonly Relationship[]
  readonly grants: readonly BreakGlassGrant[]
  /** Directives of the patients concerned; see `readConsent`. */
  readonly consents: readonly Directive[]
  /** Purposes for which the site takes consent as given; others have to be permitted. */
  readonly impliedPurposes: readonly Purpose[]
  /** Sites whose records this principal may see here, beside our own. */
  readonly sites?: readonly SiteId[]
  /** Whoever did what is now to be reviewed or approved. */
  readonly actor?: string
}

/** A question about one thing. */
export interface AccessRequest {
  readonly principal: Principal
  readonly action: Action
  readonly resource: ResourceFacts
  readonly context: AccessContext
}

/** What must be done with what is permitted. */
export type Obligation =
  /** Show these elements masked; they cannot be searched or sorted by. */
  | { readonly kind: 'mask'; readonly elements: readonly string[] }
  /** Show only so much of it. */
  | { readonly kind: 'form'; readonly form: DisclosureForm }
  /** Not to be passed on (HL7 v3 RefrainPolicy). */
  | { readonly kind: 'refrain'; readonly code: 'NORDSCLCD' }
  /** Say on the screen that the glass is broken. */
  | { readonly kind: 'banner'; readonly grant: string }
  /** Write an audit event before anything is shown. */
  | { readonly kind: 'audit'; readonly marks: readonly AuditMark[] }

/** Why an audit event deserves a second look. */
export type AuditMark = 'break-glass' | 'emergency' | 'vip' | 'sensitive' | 'denied' | 'alert'

/** One step of a decision. */
export interface Step {
  readonly step: StepName
  readonly outcome: 'passed' | 'failed'
  /** Rules that spoke at this step: policies, or our own fixed ones. */
  readonly rules: readonly string[]
}

/** What became of a request. */
export type Decision =
  | {
      readonly kind: 'permit'
      readonly rule: string
      readonly steps: readonly Step[]
      readonly obligations: readonly Obligation[]
    }
  | {
      readonly kind: 'deny'
      readonly rule: string
      /** The first step that failed. */
      readonly at: StepName
      readonly steps: readonly Step[]
      /** The policy engine failed: somebody must look. */
      readonly alert: boolean
      readonly obligations: readonly Obligation[]
    }
