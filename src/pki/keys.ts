/**
 * Key pairs of certificates: ML-DSA between sites, ECDSA P-256 towards applications of today.
 *
 * Private keys stay inside OpenSSL and leave it only as PKCS#8, for TLS and for sealed storage.
 *
 * @see RFC 9881 (ML-DSA in X.509), RFC 5480 (ECDSA)
 * @module
 */

import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto'
import { assert } from '#base'

/** What a certificate's key may be. */
export type CertificateKeyName = 'ml-dsa-65' | 'ml-dsa-87' | 'ecdsa-p256'

/** A key pair that has, or signs, a certificate. */
export interface CertificateKey {
  readonly name: CertificateKeyName
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array
  readonly privateKey: KeyObject
}

export function newCertificateKey(name: CertificateKeyName): CertificateKey {
  const { privateKey } =
    name === 'ecdsa-p256'
      ? generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
      : generateKeyPairSync(name)
  return keyOf(privateKey)
}

/** PKCS#8, DER, for sealed storage. The caller clears it. */
export const pkcs8Of = ({ privateKey }: CertificateKey): Uint8Array =>
  privateKey.export({ type: 'pkcs8', format: 'der' })

/** The key pair of PKCS#8. @throws Error of OpenSSL for anything else */
export const certificateKeyOf = (pkcs8: Uint8Array): CertificateKey =>
  keyOf(createPrivateKey({ key: asBuffer(pkcs8), type: 'pkcs8', format: 'der' }))

/** PKCS#8, PEM, as `node:tls` and curl read it. A secret in a string: only where it leaves us. */
export const privateKeyPem = ({ privateKey }: CertificateKey): string =>
  privateKey.export({ type: 'pkcs8', format: 'pem' })

/** The kind of key in a SubjectPublicKeyInfo; undefined for any that we do not use. */
export function keyNameOf(publicKey: KeyObject): CertificateKeyName | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = publicKey
  if (type === 'ml-dsa-65' || type === 'ml-dsa-87') return type
  return type === 'ec' && details?.namedCurve === 'prime256v1' ? 'ecdsa-p256' : undefined
}

/** The public key of SubjectPublicKeyInfo octets, or undefined if they are none. */
export function publicKeyOf(spki: Uint8Array): KeyObject | undefined {
  try {
    return createPublicKey({ key: asBuffer(spki), type: 'spki', format: 'der' })
  } catch {
    return undefined
  }
}

/** A signature as WebCrypto makes it: ML-DSA with an empty context, ECDSA with SHA-256 as r ‖ s. */
export const signWeb = ({ name, privateKey }: CertificateKey, octets: Uint8Array): Uint8Array =>
  name === 'ecdsa-p256'
    ? sign('sha256', octets, { key: privateKey, dsaEncoding: 'ieee-p1363' })
    : sign(null, octets, privateKey)

/** Whether a signature as X.509 carries it (ECDSA as DER) is good. */
export function verifyDer(
  publicKey: KeyObject,
  octets: Uint8Array,
  signature: Uint8Array,
): boolean {
  const name = keyNameOf(publicKey)
  if (name === undefined) return false
  try {
    return verify(name === 'ecdsa-p256' ? 'sha256' : null, octets, publicKey, signature)
  } catch {
    return false
  }
}

function keyOf(privateKey: KeyObject): CertificateKey {
  const publicKey = createPublicKey(privateKey)
  const name = keyNameOf(publicKey)
  assert(name !== undefined, 'a certificate key is ML-DSA-65, ML-DSA-87 or ECDSA P-256')
  return { name, privateKey, spki: plain(publicKey.export({ type: 'spki', format: 'der' })) }
}

/** The same memory as an ordinary `Uint8Array`, whose `slice` copies. */
export const plain = (octets: Uint8Array): Uint8Array =>
  new Uint8Array(octets.buffer, octets.byteOffset, octets.byteLength)

const asBuffer = (octets: Uint8Array): Buffer =>
  Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength)
