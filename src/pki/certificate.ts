/**
 * One certificate, read: every field that decides something, from its octets.
 *
 * OpenSSL and `@peculiar/x509` must both accept it, and the outer structure must be strict DER, so
 * that what is judged here is what is signed. Whether it can be trusted is `chain`'s question.
 *
 * @see RFC 5280 §4.1, §4.2
 * @module
 */

import 'reflect-metadata'
import { X509Certificate as NativeCertificate, type KeyObject } from 'node:crypto'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsagesExtension,
  X509Certificate,
  type Extension,
} from '@peculiar/x509'
import { epochMs, hex, sameOctets, textOf, type EpochMs } from '#base'
import { derElements, sequenceOf, signedParts, type DerElement } from './der.ts'
import { keyNameOf, verifyDer, type CertificateKeyName } from './keys.ts'

/** Names in a subjectAltName, as far as we use them. */
export interface CertificateNames {
  readonly dns: readonly string[]
  readonly uri: readonly string[]
  /** 4 or 16 octets each. */
  readonly ip: readonly Uint8Array[]
  /** Whether there are names of any other form. */
  readonly other: boolean
}

/** What a certificate says. */
export interface Certificate {
  readonly der: Uint8Array
  /** Lower-case hexadecimal. */
  readonly serial: string
  /** Distinguished names, DER. */
  readonly issuer: Uint8Array
  readonly subject: Uint8Array
  readonly commonName: string | undefined
  readonly notBefore: EpochMs
  readonly notAfter: EpochMs
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array
  readonly publicKey: KeyObject
  readonly keyName: CertificateKeyName
  readonly names: CertificateNames
  /** Undefined where there is no such extension. */
  readonly basicConstraints:
    | {
        readonly isAuthority: boolean
        readonly pathLength: number | undefined
        readonly critical: boolean
      }
    | undefined
  /** Bits of RFC 5280 §4.2.1.3, digitalSignature lowest. */
  readonly keyUsage: number | undefined
  readonly extendedKeyUsage: readonly string[] | undefined
  /** Value of the extension, DER. */
  readonly nameConstraints: Uint8Array | undefined
  /** Object identifiers of critical extensions that nobody here understands. */
  readonly unknownCritical: readonly string[]
  readonly signed: Uint8Array
  readonly signature: Uint8Array
  /** AlgorithmIdentifier, DER; the same inside and outside of what is signed. */
  readonly signatureAlgorithm: Uint8Array
}

/** Reads a certificate, or says undefined: malformed, too large, or with a key we do not use. */
export function readCertificate(der: Uint8Array): Certificate | undefined {
  if (der.length > CERTIFICATE_OCTETS_MAX) return undefined
  try {
    return fieldsOf(der)
  } catch {
    return undefined
  }
}

/** Whether a certificate is signed by this key, with the one algorithm that belongs to it. */
export function isSignedBy(
  { signed, signature, signatureAlgorithm }: Certificate,
  issuer: { readonly publicKey: KeyObject; readonly keyName: CertificateKeyName },
): boolean {
  return (
    sameOctets(signatureAlgorithm, SIGNATURE_ALGORITHMS[issuer.keyName]) &&
    verifyDer(issuer.publicKey, signed, signature)
  )
}

function fieldsOf(der: Uint8Array): Certificate | undefined {
  const native = new NativeCertificate(der)
  const parsed = new X509Certificate(der)
  const parts = signedParts(der)
  const outer = sequenceOf(der)
  const tbs = parts && tbsFields(parts.signed)
  const keyName = keyNameOf(native.publicKey)
  // The library's lists are arrays of its own kind, whose `map` gives its own kind again.
  const extensions = Array.from(parsed.extensions)
  if (parts === undefined || outer === undefined || tbs === undefined) return undefined
  if (keyName === undefined || !sameOctets(native.raw, der)) return undefined
  if (!sameOctets(tbs.algorithm.whole, outer[1].whole)) return undefined
  const kinds = extensions.map(({ type }) => type)
  if (new Set(kinds).size !== kinds.length) return undefined
  const names = alternativeNames(valueOf(extensions, ID.subjectAltName))
  if (names === undefined) return undefined
  return {
    der,
    serial: hex(tbs.serial.content),
    issuer: tbs.issuer.whole,
    subject: tbs.subject.whole,
    commonName: parsed.subjectName.getField('CN').at(0),
    notBefore: epochMs(native.validFromDate.getTime()),
    notAfter: epochMs(native.validToDate.getTime()),
    spki: tbs.spki.whole,
    publicKey: native.publicKey,
    keyName,
    names,
    ...usagesOf(extensions),
    nameConstraints: valueOf(extensions, ID.nameConstraints),
    unknownCritical: extensions
      .filter(({ critical, type }) => critical && !UNDERSTOOD.includes(type))
      .map(({ type }) => type),
    signed: parts.signed,
    signature: parts.signature,
    signatureAlgorithm: outer[1].whole,
  }
}

/** Members of a version 3 TBSCertificate (RFC 5280 §4.1.2). */
function tbsFields(tbs: Uint8Array) {
  const members = sequenceOf(tbs)
  if (members === undefined || members.length < 7 || members[0].tag !== EXPLICIT_0) return undefined
  const [, serial, algorithm, issuer, , subject, spki] = members
  return { serial, algorithm, issuer, subject, spki }
}

function usagesOf(extensions: readonly Extension[]) {
  const basic = extensions.find((extension) => extension instanceof BasicConstraintsExtension)
  const usage = extensions.find((extension) => extension instanceof KeyUsagesExtension)
  const extended = extensions.find((extension) => extension instanceof ExtendedKeyUsageExtension)
  return {
    basicConstraints: basic && {
      isAuthority: basic.ca,
      pathLength: basic.pathLength,
      critical: basic.critical,
    },
    keyUsage: usage === undefined ? undefined : usage.usages,
    extendedKeyUsage: extended && Array.from(extended.usages, String),
  }
}

function valueOf(extensions: readonly Extension[], type: string): Uint8Array | undefined {
  const found = extensions.find((extension) => extension.type === type)
  return found === undefined ? undefined : new Uint8Array(found.value)
}

/** Names of a subjectAltName extension; none if there is no such extension. */
function alternativeNames(value: Uint8Array | undefined): CertificateNames | undefined {
  const elements = value === undefined ? [] : sequenceOf(value)
  if (elements === undefined) return undefined
  const ofTag = (tag: number): readonly DerElement[] => elements.filter((one) => one.tag === tag)
  const ip = ofTag(GENERAL_NAME.ip).map(({ content }) => content)
  if (!ip.every(({ length }) => length === 4 || length === 16)) return undefined
  const dns = ofTag(GENERAL_NAME.dns).map(({ content }) => textOf(content))
  const uri = ofTag(GENERAL_NAME.uri).map(({ content }) => textOf(content))
  const other = ip.length + dns.length + uri.length < elements.length
  return { dns, uri, ip, other }
}

/** The relative distinguished names of a Name, DER, or undefined if it is none. */
export const relativeNames = (name: Uint8Array): readonly DerElement[] | undefined => {
  const outer = derElements(name)
  return outer?.length === 1 ? derElements(outer[0].content) : undefined
}

/** Context tags of GeneralName (RFC 5280 §4.2.1.6). */
export const GENERAL_NAME = { dns: 0x82, directory: 0xa4, uri: 0x86, ip: 0x87 } as const

/** AlgorithmIdentifiers, DER; none has parameters (RFC 9881 §2, RFC 5758 §3.2). */
export const SIGNATURE_ALGORITHMS: Readonly<Record<CertificateKeyName, Uint8Array>> = {
  'ml-dsa-65': Uint8Array.fromHex('300b0609608648016503040312'),
  'ml-dsa-87': Uint8Array.fromHex('300b0609608648016503040313'),
  'ecdsa-p256': Uint8Array.fromHex('300a06082a8648ce3d040302'),
}

/** Octets of one certificate: an ML-DSA-87 root has some 7,500. */
export const CERTIFICATE_OCTETS_MAX = 16_384

const EXPLICIT_0 = 0xa0
const ID = {
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  extendedKeyUsage: '2.5.29.37',
} as const
const UNDERSTOOD: readonly string[] = Object.values(ID)
