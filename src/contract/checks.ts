/**
 * What `photonward doctor` and `config check` say: one line for each thing they looked at.
 *
 * @module
 */

/** `skip`: it could not be looked at, and `says` why. */
export type CheckState = 'ok' | 'warn' | 'fail' | 'skip'

export interface CheckView {
  /** What was looked at, such as `folder` or `certificate between sites`. */
  readonly check: string
  readonly state: CheckState
  /** What was found, in one line. */
  readonly says: string
  /** What to do about it: a command, or a sentence; null where nothing is to be done. */
  readonly next: string | null
}

/** A configuration with its defaults filled in. It never holds a secret: those are sealed files. */
export interface ConfigurationView {
  readonly file: string
  readonly kind: 'site' | 'fibre'
  readonly configuration: unknown
  /** Members that the file leaves to their defaults, as paths such as `links/0/bound`. */
  readonly defaults: readonly string[]
  /** What is wrong with it beyond its form. */
  readonly checks: readonly CheckView[]
}
