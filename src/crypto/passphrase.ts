/**
 * A key from a passphrase: argon2id (RFC 9106), second recommended setting.
 *
 * @module
 */

import { argon2Sync } from 'node:crypto'

/** 32 octets. Takes about a second and 64 MiB, so that guessing is dear. */
export function keyFromPassphrase(passphrase: Uint8Array, salt: Uint8Array): Uint8Array {
  return argon2Sync('argon2id', {
    message: passphrase,
    nonce: salt,
    parallelism: 4,
    tagLength: 32,
    memory: 65_536,
    passes: 3,
  })
}
