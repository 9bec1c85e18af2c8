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
  | 'send'

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
  /**
   * When whoever asks has to show again who they are: work that outlasts its request stops there, and
   * goes on for a later session of theirs. Left out, never.
   */
  readonly until?: EpochMs
  decide(facts: DecisionFacts): Decision | Promise<Decision>
  /** Breaks the glass over a patient, once `decide` permits it. Left out, nobody can. */
  breakGlass?(
    patient: string,
    wish: { readonly reason: string; readonly text: string },
  ): Promise<GlassBroken>
  /** Grants of the caller's own that are open now. */
  openGlass?(): readonly OpenGlass[]
  /** Ends the own grant over a patient. @returns whether there was one */
  endGlass?(patient: string): Promise<boolean>
  /** Records on their way to other sites. Left out, none leaves. */
  readonly sending?: Sending
}

/** A grant under which the caller may read now. */
export interface OpenGlass {
  readonly grant: Uuid
  /** `Patient/id`. */
  readonly patient: string
  readonly expiresAt: EpochMs
}

/** Sends whole records; asks nothing of who may. */
export interface Sending {
  /** Sites that a record can go to. */
  readonly sites: readonly string[]
  /** Puts a record on the list, durably. @param patient   `Patient/id` */
  send(patient: string, wish: SendWish): Promise<SentRecord>
  /** What became of a patient's record on its way to other sites, newest first. */
  of(patient: string): Promise<readonly SentRecord[]>
}

/** How a record may be asked to be protected on its way. */
export const SENDING_MODES = ['require-quantum', 'prefer-quantum', 'post-quantum'] as const

export interface SendWish {
  readonly to: string
  /** Left out, what the site's policy says. */
  readonly mode: (typeof SENDING_MODES)[number] | undefined
  /** Whose doing it is, as the log tells it. */
  readonly actor: string
}

/** A record on its way, and what protected it. */
export interface SentRecord {
  readonly transfer: Uuid
  readonly to: string
  readonly mode: string
  readonly state: string
  /** Why it waits or was refused; empty otherwise. */
  readonly reason: string
  readonly items: number
  readonly itemsDone: number
  readonly begunAt: EpochMs
  readonly finishedAt: EpochMs | undefined
  /** What its session key rests on, once there is one. */
  readonly used: string | undefined
  readonly keySource: string | undefined
  readonly keys: readonly string[]
  /** The entry of the log that says it was delivered. */
  readonly entry: number | undefined
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
