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
  /** A row of people, apps or what they were given was altered, or sealed under another key. */
  | 'ACCESS_ROW_DAMAGED'
  | 'ACCESS_ROW_TOO_LARGE'
  /** Nobody of that login name or identifier. */
  | 'ACCESS_PERSON_UNKNOWN'
  /** The login name, or a name at another provider, is somebody's already. */
  | 'ACCESS_PERSON_EXISTS'
  /** What is said of a person cannot be, or cannot become so from here. */
  | 'ACCESS_PERSON_INVALID'
  /** Roles that one person must not hold together, or that are not for this kind of person. */
  | 'ACCESS_ROLES_FORBIDDEN'
  /** No change of roles of that name waits, or no longer. */
  | 'ACCESS_CHANGE_UNKNOWN'
  /** Somebody else has to ask for this, or to agree to it. */
  | 'ACCESS_CHANGE_FORBIDDEN'
  | 'ACCESS_PASSWORD_INVALID'
  /** What is said of an app cannot be: its keys, scopes or addresses. */
  | 'ACCESS_APP_INVALID'
  | 'ACCESS_APP_EXISTS'
  | 'ACCESS_APP_UNKNOWN'
  /** Name, password or second factor are not right; which of them is not said. */
  | 'ACCESS_SIGN_IN_DENIED'
  /** A provider outside vouches for a name that nobody at this site is bound to. */
  | 'ACCESS_PERSON_UNBOUND'
  /** A second factor is needed, shown not longer than five minutes ago. */
  | 'ACCESS_SECOND_FACTOR_DENIED'
  /** Too many attempts have failed; `waitMs` says for how long. */
  | 'ACCESS_SIGN_IN_TRY_AGAIN'
  /** Too many people sign in at this moment. */
  | 'ACCESS_SIGN_IN_BUSY'
  /** No broken glass of that name. */
  | 'ACCESS_GRANT_UNKNOWN'
  /** A review of broken glass by somebody who may not make it, or of what cannot be reviewed now. */
  | 'ACCESS_REVIEW_FORBIDDEN'
  /** A purpose of use that is none, or that the token or the client's configuration leaves out. */
  | 'ACCESS_PURPOSE_INVALID'

/** A refusal the caller can act on. Never says what a secret or a token held. */
export class AccessRefusal extends Refusal<AccessRefusalCode> {
  override readonly name = 'AccessRefusal'
}
