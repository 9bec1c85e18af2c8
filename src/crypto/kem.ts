/**
 * ML-KEM (FIPS 203) and X25519 (RFC 7748).
 *
 * A wrong ciphertext of the right length yields a wrong secret, not an error (implicit
 * rejection): whoever uses these secrets must confirm the key derived from them.
 *
 * @module
 */

import {
  createPrivateKey,
  createPublicKey,
  decapsulate as decapsulateNative,
  diffieHellman,
  encapsulate as encapsulateNative,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto'
import { asBuffer, plain } from './octets.ts'
import { CryptoRefusal } from './refusal.ts'
import type { SignatureName } from './signature.ts'

export type { KeyObject }

export type KemName = 'ml-kem-768' | 'ml-kem-1024'

/** A decapsulation key, kept inside OpenSSL, and its public encapsulation key. */
export interface KemKeyPair {
  readonly encapsulationKey: Uint8Array
  readonly decapsulationKey: KeyObject
}

export function newKemKeyPair(name: KemName): KemKeyPair {
  const { publicKey, privateKey } = generateKeyPairSync(name as 'ml-kem-768')
  return { encapsulationKey: rawPublic(publicKey), decapsulationKey: privateKey }
}

/** The pair of a 64-octet seed d ‖ z (FIPS 203 Alg. 16). */
export function kemKeyPairOf(name: KemName, seed: Uint8Array): KemKeyPair {
  if (seed.length !== 64) throw new CryptoRefusal('KEY_INVALID', 'An ML-KEM seed has 64 octets')
  const decapsulationKey = createPrivateKey({
    key: asBuffer(seed),
    format: 'raw-seed',
    asymmetricKeyType: name,
  })
  return { encapsulationKey: rawPublic(createPublicKey(decapsulationKey)), decapsulationKey }
}

/**
 * Makes a shared secret of 32 octets for the holder of the decapsulation key (FIPS 203 Alg. 20).
 *
 * @throws CryptoRefusal `KEY_INVALID` for a wrong length or a key that fails the modulus check
 */
export function encapsulate(
  name: KemName,
  encapsulationKey: Uint8Array,
): { readonly sharedSecret: Uint8Array; readonly ciphertext: Uint8Array } {
  checkLength(encapsulationKey, SIZES[name].encapsulationKey, `${name} encapsulation key`)
  try {
    const { sharedKey, ciphertext } = encapsulateNative(publicKeyOf(name, encapsulationKey))
    return { sharedSecret: plain(sharedKey), ciphertext: plain(ciphertext) }
  } catch (cause) {
    throw new CryptoRefusal('KEY_INVALID', `Not a valid ${name} encapsulation key`, { cause })
  }
}

/** The shared secret of 32 octets (FIPS 203 Alg. 21). @throws CryptoRefusal for a wrong length */
export function decapsulate(
  name: KemName,
  decapsulationKey: KeyObject,
  ciphertext: Uint8Array,
): Uint8Array {
  if (ciphertext.length !== SIZES[name].ciphertext) {
    throw new CryptoRefusal('CIPHERTEXT_INVALID', `Wrong length of ${name} ciphertext`, {
      facts: { expected: SIZES[name].ciphertext, got: ciphertext.length },
    })
  }
  return plain(decapsulateNative(decapsulationKey, ciphertext))
}

export interface AgreementKeyPair {
  /** 32 octets. */
  readonly publicKey: Uint8Array
  readonly privateKey: KeyObject
}

export function newX25519KeyPair(): AgreementKeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('x25519')
  return { publicKey: rawPublic(publicKey), privateKey }
}

/** The pair of a 32-octet private key. */
export function x25519KeyPairOf(octets: Uint8Array): AgreementKeyPair {
  checkLength(octets, 32, 'X25519 private key')
  const privateKey = createPrivateKey({
    key: asBuffer(octets),
    format: 'raw-private',
    asymmetricKeyType: 'x25519',
  })
  return { publicKey: rawPublic(createPublicKey(privateKey)), privateKey }
}

/**
 * The shared secret of 32 octets.
 *
 * @throws CryptoRefusal `KEY_INVALID` for a wrong length, and for a low-order point, whose
 *   all-zero result RFC 7748 §6.1 tells us to refuse
 */
export function agreeX25519(privateKey: KeyObject, peerPublicKey: Uint8Array): Uint8Array {
  checkLength(peerPublicKey, 32, 'X25519 public key')
  try {
    return plain(diffieHellman({ privateKey, publicKey: publicKeyOf('x25519', peerPublicKey) }))
  } catch (cause) {
    throw new CryptoRefusal('KEY_INVALID', 'Not a usable X25519 public key', { cause })
  }
}

/** The raw form of a public key, as FIPS 203, FIPS 204 or RFC 7748 print it. */
export const rawPublic = (key: KeyObject): Uint8Array => plain(key.export({ format: 'raw-public' }))

/** A public key of its raw form. */
export const publicKeyOf = (type: KemName | SignatureName | 'x25519', raw: Uint8Array): KeyObject =>
  createPublicKey({ key: asBuffer(raw), format: 'raw-public', asymmetricKeyType: type })

function checkLength(octets: Uint8Array, expected: number, what: string): void {
  if (octets.length === expected) return
  throw new CryptoRefusal('KEY_INVALID', `Wrong length of ${what}`, {
    facts: { expected, got: octets.length },
  })
}

/** Octets; FIPS 203 table 3. */
export const KEM_SIZES: Readonly<
  Record<KemName, { readonly encapsulationKey: number; readonly ciphertext: number }>
> = {
  'ml-kem-768': { encapsulationKey: 1184, ciphertext: 1088 },
  'ml-kem-1024': { encapsulationKey: 1568, ciphertext: 1568 },
}
const SIZES = KEM_SIZES
