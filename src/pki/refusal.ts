/** @module */

import { Refusal } from '#base'

export type PkiRefusalCode =
  /** An enrolment request is malformed, too old, or does not prove possession of its keys. */
  | 'ENROLMENT_INVALID'
  /** An enrolment request of another site, or for other names, than the operator expects. */
  | 'ENROLMENT_OTHER'
  /** The name stands for other keys: those have to be revoked first. */
  | 'SITE_NAME_TAKEN'
  /** An application may not be named as the daemon of a site is (`photonward.<site>`). */
  | 'SAE_NAME_RESERVED'
  /** What an authority sent back does not fit the keys, the names or the trusted roots. */
  | 'GRANT_INVALID'
  /** Sealed octets do not open: another key, or changed. */
  | 'SEALED_INVALID'
  /** A name, address or validity that no certificate of ours may carry. */
  | 'CERTIFICATE_TERMS_INVALID'
  /** No certificate of that serial number was issued here, or it is revoked already. */
  | 'SERIAL_UNKNOWN'

/** Certificates were refused, or could not be made. */
export class PkiRefusal extends Refusal<PkiRefusalCode> {
  override readonly name = 'PkiRefusal'
}
