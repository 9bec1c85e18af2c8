/**
 * Who asks, and what this room asks about them: the one door to access decisions.
 *
 * The host makes a session of a request (certificate, token) or refuses it. Every way in and out
 * goes through `decide`: once for the interaction itself, and once for each resource that would be
 * given out or changed. Nothing here knows roles, consents or policies.
 *
 * @module
 */

import type { EpochMs, Uuid } from '#base'
import type { Obligation } from '#access'
import type { Account } from '#audit'
import type { JsonObject } from '#health'

/** What is done with a resource. */
export type Action =
  | 'read'
  | 'history'
  | 'search'
  | 'create'
  | 'update'
  | 'delete'
  | 'export'
  | 'unmask'
  | 'break-glass'

/** What is known when a decision is asked for. */
export interface DecisionFacts {
  readonly action: Action
  /** FHIR type; undefined for an interaction that is about all types. */
  readonly type: string | undefined
  /**
   * The resource: as it would be given out or become, or as it was before it is changed. Left out,
   * the question is whether such an interaction is allowed at all.
   */
  readonly resource?: JsonObject
}

/** A decision, and why not. The reason goes to whoever asked: it never says what a record holds. */
export type Decision =
  | {
      readonly permit: true
      /** What must be done with what is given out; left out, nothing. */
      readonly obligations?: readonly Obligation[]
    }
  | { readonly permit: false; readonly reason: string }

/** A caller who is known. */
export interface Session {
  /** Whose doing it is, as log and events tell it; its `actor` is no name of a person. */
  readonly account: Account
  decide(facts: DecisionFacts): Decision | Promise<Decision>
  /** Breaks the glass over a patient, once `decide` permits it. Left out, nobody can. */
  breakGlass?(
    patient: string,
    wish: { readonly reason: string; readonly text: string },
  ): Promise<GlassBroken>
}

/** A grant, or why there is none: nothing of the patient. */
export type GlassBroken =
  | {
      readonly kind: 'done'
      readonly grant: Uuid
      readonly expiresAt: EpochMs
      readonly reviewDueAt: EpochMs
    }
  | { readonly kind: 'refused'; readonly why: string }
