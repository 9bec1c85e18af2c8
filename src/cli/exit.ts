/**
 * Exit statuses of the command line, and which refusal ends with which.
 *
 * @module
 */

import { Refusal } from '#base'

export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  denied: 4,
  verificationFailed: 5,
  keyRefused: 6,
  findings: 7,
  timeout: 8,
  unavailable: 69,
  tryAgain: 75,
  interrupted: 130,
} as const

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT]

/** What each exit status tells a script; shown by the help and in the reference. */
export const EXIT_MEANINGS: Readonly<Record<ExitStatus, string>> = {
  [EXIT.ok]: 'ok',
  [EXIT.failure]: 'failure',
  [EXIT.usage]: 'usage, or invalid input',
  [EXIT.notFound]: 'not found',
  [EXIT.denied]: 'denied',
  [EXIT.verificationFailed]: 'verification failed',
  [EXIT.keyRefused]: 'key refused or exhausted',
  [EXIT.findings]: 'findings',
  [EXIT.timeout]: 'timeout',
  [EXIT.unavailable]: 'unavailable',
  [EXIT.tryAgain]: 'try again',
  [EXIT.interrupted]: 'interrupted',
}

export type CliRefusalCode =
  | 'SITE_FOLDER_UNKNOWN'
  | 'SITE_NOT_RUNNING'
  | 'SITE_REFUSED'
  | 'SITE_ANSWER_INVALID'
  | 'ARGUMENT_INVALID'
  | 'FILE_UNREADABLE'
  /** The fingerprint of a request is not the one that its operator reads. */
  | 'FINGERPRINT_DENIED'
  /** Something irreversible was asked for without `--yes`, where nobody could be asked. */
  | 'CONFIRMATION_NEEDED'
  | 'INTERRUPTED'
  | 'SERIAL_UNKNOWN'
  | 'FILE_UNWRITABLE'
  | 'FILE_TOO_LARGE'
  /** A KME answered 400, or something that ETSI GS QKD 014 does not know. */
  | 'KME_REQUEST_INVALID'
  /** A key was fetched before, has expired, or was never there. */
  | 'KME_KEY_NOT_FOUND'
  /** A KME answered 401: the certificate names no SAE of it, or no slave of the key. */
  | 'KME_DENIED'
  /** A KME answered 503: too few keys, a suspended pool, or its peer is unreachable. */
  | 'KME_KEYS_REFUSED'
  /** The certificate of a KME is not under the root in ca.pem, or not of this host. */
  | 'KME_TRUST_DENIED'
  /** A KME ended the connection; most often it does not accept the client certificate. */
  | 'KME_CERTIFICATE_DENIED'
  | 'KME_UNREACHABLE'
  | 'VERIFICATION_FAILED'
  | 'TIMEOUT'
  | 'DEMO_FAILED'

/** A command could not be carried out. `next` names the command that may help. */
export class CliRefusal extends Refusal {
  override readonly name = 'CliRefusal'
  readonly next: string | undefined

  constructor(
    code: string,
    message: string,
    options: { cause?: unknown; facts?: Refusal['facts']; next?: string } = {},
  ) {
    super(code, message, options)
    this.next = options.next
  }
}

/** The exit status for an error: by its code, or plain failure. */
export function exitStatusOf(error: unknown): ExitStatus {
  if (!(error instanceof Refusal)) return EXIT.failure
  const { code } = error as Refusal
  for (const [pattern, status] of BY_CODE) if (pattern.test(code)) return status
  return EXIT.failure
}

const BY_CODE: readonly (readonly [RegExp, ExitStatus])[] = [
  [/^INTERRUPTED$/, EXIT.interrupted],
  [/^(ARGUMENT|CONFIG|SHAPE|CONFIRMATION)_/, EXIT.usage],
  [/_INVALID$|_TOO_LARGE$|_UNREADABLE$|_UNWRITABLE$/, EXIT.usage],
  [/_(UNKNOWN|NOT_FOUND|ABSENT)$/, EXIT.notFound],
  [/_(DENIED|FORBIDDEN|REVOKED|NOT_SYNTHETIC|NAME_TAKEN|NAME_RESERVED)$/, EXIT.denied],
  [/^FINGERPRINT_/, EXIT.denied],
  [/^VERIFICATION_|^PROOF_|DECRYPTION_FAILED/, EXIT.verificationFailed],
  [/KEYS?_(REFUSED|EXHAUSTED)|QUANTUM_REQUIRED/, EXIT.keyRefused],
  [/TIMEOUT$/, EXIT.timeout],
  [/NOT_RUNNING|UNREACHABLE|UNAVAILABLE|_IN_USE$/, EXIT.unavailable],
  [/BUSY|TRY_AGAIN|_FULL$/, EXIT.tryAgain],
]
