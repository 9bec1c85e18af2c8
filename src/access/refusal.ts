/**
 * What the access room refuses. Not being allowed is no refusal but a decision, see `decide`.
 *
 * @module
 */

import { Refusal } from '#base'

/** Codes of this room; API, and stay. */
export type AccessRefusalCode =
  /** Policies or their schema cannot be used: syntax, types, names, identifiers. */
  | 'ACCESS_POLICY_INVALID'
  /** A token is not one of ours, not for us, not now, or not signed as it must be. */
  | 'ACCESS_TOKEN_INVALID'
  /** A client's signed assertion does not prove who it is. */
  | 'ACCESS_ASSERTION_INVALID'
  /** A client's assertion was shown before. */
  | 'ACCESS_ASSERTION_REPLAYED'
  /** A list of scopes is too long, or holds what no scope is made of. */
  | 'ACCESS_SCOPE_INVALID'

/** A refusal the caller can act on. Never says what a secret or a token held. */
export class AccessRefusal extends Refusal<AccessRefusalCode> {
  override readonly name = 'AccessRefusal'
}
