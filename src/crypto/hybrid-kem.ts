/**
 * MLKEM768-X25519: ML-KEM-768 and X25519 as one KEM, for foreign formats (HPKE KEM 0x647a, "X-Wing").
 *
 * Stands while either of the two does. Unlike our own combiner it leaves the ML-KEM ciphertext out of
 * the hash, which ML-KEM itself binds.
 *
 * @see draft-connolly-cfrg-xwing-kem §5
 * @module
 */

import { createHash } from 'node:crypto'
import { concat, fromHex } from '#base'
import {
  agreeX25519,
  decapsulate,
  encapsulate,
  KEM_SIZES,
  kemKeyPairOf,
  newX25519KeyPair,
  x25519KeyPairOf,
} from './kem.ts'
import { plain } from './octets.ts'
import { CryptoRefusal } from './refusal.ts'

/** The public key of a seed of 32 octets. */
export function hybridPublicKeyOf(seed: Uint8Array): Uint8Array {
  const { kem, agreement } = expanded(seed)
  return concat(kem.encapsulationKey, agreement.publicKey)
}

/** A shared secret of 32 octets for the holder of the seed. @throws CryptoRefusal `KEY_INVALID` */
export function encapsulateHybrid(publicKey: Uint8Array): {
  readonly sharedSecret: Uint8Array
  readonly ciphertext: Uint8Array
} {
  if (publicKey.length !== HYBRID_KEY_OCTETS) {
    throw new CryptoRefusal('KEY_INVALID', 'Wrong length of MLKEM768-X25519 public key')
  }
  const theirs = publicKey.subarray(EK_OCTETS)
  const kem = encapsulate(KEM, publicKey.subarray(0, EK_OCTETS))
  const own = newX25519KeyPair()
  const agreed = agreeX25519(own.privateKey, theirs)
  const sharedSecret = combined(kem.sharedSecret, agreed, own.publicKey, theirs)
  return { sharedSecret, ciphertext: concat(kem.ciphertext, own.publicKey) }
}

/** The shared secret; a wrong ciphertext gives a wrong one. @throws CryptoRefusal */
export function decapsulateHybrid(seed: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  if (ciphertext.length !== HYBRID_CIPHERTEXT_OCTETS) {
    throw new CryptoRefusal('CIPHERTEXT_INVALID', 'Wrong length of MLKEM768-X25519 ciphertext')
  }
  const { kem, agreement } = expanded(seed)
  const theirs = ciphertext.subarray(CT_OCTETS)
  const secret = decapsulate(KEM, kem.decapsulationKey, ciphertext.subarray(0, CT_OCTETS))
  return combined(secret, agreeX25519(agreement.privateKey, theirs), theirs, agreement.publicKey)
}

function expanded(seed: Uint8Array) {
  if (seed.length !== 32) {
    throw new CryptoRefusal('KEY_INVALID', 'An MLKEM768-X25519 seed has 32 octets')
  }
  const parts = plain(createHash('shake256', { outputLength: 96 }).update(seed).digest())
  const kem = kemKeyPairOf(KEM, parts.subarray(0, 64))
  const agreement = x25519KeyPairOf(parts.slice(64))
  parts.fill(0)
  return { kem, agreement }
}

function combined(...parts: readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array]): Uint8Array {
  const hash = createHash('sha3-256')
  for (const part of parts) hash.update(part)
  return plain(hash.update(LABEL).digest())
}

const KEM = 'ml-kem-768'
const { encapsulationKey: EK_OCTETS, ciphertext: CT_OCTETS } = KEM_SIZES[KEM]
export const HYBRID_KEY_OCTETS = EK_OCTETS + 32
export const HYBRID_CIPHERTEXT_OCTETS = CT_OCTETS + 32
/** §5.3: `\.//^\`. */
const LABEL = fromHex('5c2e2f2f5e5c')
