/**
 * A key from a passphrase: argon2id (RFC 9106), second recommended setting.
 *
 * @module
 */

import { argon2Sync } from 'node:crypto'
import { assert } from '#base'
import { plain } from './octets.ts'

/**
 * 32 octets. Takes about a second and 64 MiB, so that guessing is dear.
 *
 * The caller has brought the passphrase into one Unicode normalisation form before.
 *
 * @param salt   at least 16 octets (RFC 9106 §3.1), random, one for each passphrase
 */
export function keyFromPassphrase(passphrase: Uint8Array, salt: Uint8Array): Uint8Array {
  assert(salt.length >= 16, 'a passphrase is salted with at least 16 octets')
  const key = argon2Sync('argon2id', {
    message: passphrase,
    nonce: salt,
    parallelism: 4,
    tagLength: 32,
    memory: 65_536,
    passes: 3,
  })
  return plain(key)
}
