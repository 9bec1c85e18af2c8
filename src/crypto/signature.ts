/**
 * Signatures: ML-DSA (FIPS 204, hedged) and Ed25519 (RFC 8032), each under a domain label.
 *
 * A label names what is being signed, so that a signature made for one purpose never verifies
 * for another. ML-DSA carries it as its context; Ed25519, which has none, signs
 * `len(label) ‖ label ‖ message`.
 *
 * @module
 */

import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign as signNative,
  verify as verifyNative,
  type KeyObject,
} from 'node:crypto'
import { assert, lengthPrefixed, utf8, concat } from '#base'
import { publicKeyOf, rawPublic } from './kem.ts'
import { asBuffer, plain } from './octets.ts'
import { CryptoRefusal } from './refusal.ts'

export type SignatureName = 'ml-dsa-44' | 'ml-dsa-65' | 'ml-dsa-87' | 'ed25519'

export interface SigningKeyPair {
  readonly name: SignatureName
  readonly publicKey: Uint8Array
  readonly privateKey: KeyObject
}

export function newSigningKeyPair(name: SignatureName): SigningKeyPair {
  const { publicKey, privateKey } = generateKeyPairSync(name as 'ed25519')
  return { name, publicKey: rawPublic(publicKey), privateKey }
}

/** The pair of a 32-octet seed (FIPS 204 ξ, RFC 8032 private key). */
export function signingKeyPairOf(name: SignatureName, seed: Uint8Array): SigningKeyPair {
  if (seed.length !== 32) {
    throw new CryptoRefusal('KEY_INVALID', `A ${name} seed has 32 octets`, {
      facts: { got: seed.length },
    })
  }
  const format = name === 'ed25519' ? 'raw-private' : 'raw-seed'
  const privateKey = createPrivateKey({ key: asBuffer(seed), format, asymmetricKeyType: name })
  return { name, publicKey: rawPublic(createPublicKey(privateKey)), privateKey }
}

/** The 32-octet seed, for sealed storage. The caller clears it. */
export const seedOf = ({ name, privateKey }: SigningKeyPair): Uint8Array =>
  plain(privateKey.export({ format: name === 'ed25519' ? 'raw-private' : 'raw-seed' }))

export function sign(keys: SigningKeyPair, label: string, message: Uint8Array): Uint8Array {
  checkLabel(label)
  const { name, privateKey } = keys
  return plain(
    name === 'ed25519'
      ? signNative(null, labelled(label, message), privateKey)
      : signNative(null, message, { key: privateKey, context: utf8(label) }),
  )
}

/** Whether the signature is good. A malformed key or signature is simply not good. */
export function verify(
  key: { readonly name: SignatureName; readonly publicKey: Uint8Array },
  label: string,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  checkLabel(label)
  try {
    const publicKey = publicKeyOf(key.name, key.publicKey)
    return key.name === 'ed25519'
      ? verifyNative(null, labelled(label, message), publicKey, signature)
      : verifyNative(null, message, { key: publicKey, context: utf8(label) }, signature)
  } catch {
    return false
  }
}

/** Ed25519 over the bare message: for formats that fix it so, such as C2SP signed notes. */
export const signBareEd25519 = (keys: SigningKeyPair, message: Uint8Array): Uint8Array => {
  assert(keys.name === 'ed25519', 'a bare signature is made with Ed25519')
  return plain(signNative(null, message, keys.privateKey))
}

/** Whether an Ed25519 signature over the bare message is good. */
export function verifyBareEd25519(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    return verifyNative(null, message, publicKeyOf('ed25519', publicKey), signature)
  } catch {
    return false
  }
}

/** ML-DSA with an empty context: for formats that fix it so, such as C2SP cosignatures. */
export const signBareMlDsa = (keys: SigningKeyPair, message: Uint8Array): Uint8Array => {
  assert(keys.name !== 'ed25519', 'this signature is made with ML-DSA')
  return plain(signNative(null, message, keys.privateKey))
}

/** Whether an ML-DSA signature with an empty context is good. */
export function verifyBareMlDsa(
  key: { readonly name: SignatureName; readonly publicKey: Uint8Array },
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    return verifyNative(null, message, publicKeyOf(key.name, key.publicKey), signature)
  } catch {
    return false
  }
}

/** A signer's two private keys. Statements of a site carry both signatures. */
export interface DualSigner {
  readonly mlDsa: SigningKeyPair
  readonly ed25519: SigningKeyPair
}

/** A signer's two public keys, ML-DSA-65 and Ed25519. */
export interface DualVerifier {
  readonly mlDsa: Uint8Array
  readonly ed25519: Uint8Array
}

export interface DualSignature {
  readonly mlDsa: Uint8Array
  readonly ed25519: Uint8Array
}

export const newDualSigner = (): DualSigner => ({
  mlDsa: newSigningKeyPair('ml-dsa-65'),
  ed25519: newSigningKeyPair('ed25519'),
})

export const verifierOf = ({ mlDsa, ed25519 }: DualSigner): DualVerifier => ({
  mlDsa: mlDsa.publicKey,
  ed25519: ed25519.publicKey,
})

export const signDual = (by: DualSigner, label: string, message: Uint8Array): DualSignature => ({
  mlDsa: sign(by.mlDsa, label, message),
  ed25519: sign(by.ed25519, label, message),
})

/** Whether both signatures are good; one alone is worth nothing. */
export function verifyDual(
  by: DualVerifier,
  label: string,
  message: Uint8Array,
  signature: DualSignature,
): boolean {
  const mlDsa = { name: 'ml-dsa-65', publicKey: by.mlDsa } as const
  const ed25519 = { name: 'ed25519', publicKey: by.ed25519 } as const
  return (
    verify(mlDsa, label, message, signature.mlDsa) &&
    verify(ed25519, label, message, signature.ed25519)
  )
}

const labelled = (label: string, message: Uint8Array): Uint8Array =>
  concat(lengthPrefixed(utf8(label)), message)

function checkLabel(label: string): void {
  assert(label.length > 0 && utf8(label).length <= 255, 'a label has 1 to 255 octets')
}
