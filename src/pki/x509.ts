/**
 * Makes certificates, requests and revocation lists with `@peculiar/x509`, signed by node:crypto.
 *
 * The library expects a WebCrypto; it is given the one function it needs, over node:crypto, so that
 * private keys stay in OpenSSL and nothing experimental is loaded. The rest of the room sees octets.
 *
 * @see RFC 5280 (profile), RFC 2986 (requests), RFC 9881 §3 (ML-DSA: digitalSignature and the like)
 * @module
 */

// First of all: the library's dependency injection reads what this defines.
import 'reflect-metadata'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  Extension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  X509CrlGenerator,
  X509CrlReason,
  type JsonGeneralNames,
  type JsonName,
} from '@peculiar/x509'
import { hex, present, type EpochMs, type RandomSource } from '#base'
import { sha256 } from '#crypto'
import { derInteger, sequenceOf } from './der.ts'
import { signWeb, type CertificateKey } from './keys.ts'

/** Common name and organisation: all that our subjects have. */
export interface SubjectName {
  readonly commonName: string
  readonly organisation: string
}

/** Names that a leaf may be reached or known by. */
export interface AlternativeNames {
  readonly dns?: readonly string[]
  readonly ip?: readonly string[]
  readonly uri?: readonly string[]
}

export interface CertificateTerms {
  readonly serial: string
  readonly subject: SubjectName
  readonly issuer: SubjectName
  /** SubjectPublicKeyInfo of the subject, DER. */
  readonly spki: Uint8Array
  readonly notBefore: EpochMs
  readonly notAfter: EpochMs
  readonly role:
    | { readonly kind: 'authority'; readonly pathLength: number }
    | {
        readonly kind: 'leaf'
        readonly usages: readonly ('client' | 'server')[]
        readonly names: AlternativeNames
      }
}

/** Signs a certificate. @returns DER */
export async function makeCertificate(
  terms: CertificateTerms,
  issuerKey: CertificateKey,
): Promise<Uint8Array> {
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: terms.serial,
      subject: nameOf(terms.subject),
      issuer: nameOf(terms.issuer),
      notBefore: moment(terms.notBefore),
      notAfter: moment(terms.notAfter),
      publicKey: owned(terms.spki),
      signingKey: signingKey(issuerKey),
      extensions: [
        ...roleExtensions(terms),
        new SubjectKeyIdentifierExtension(keyIdentifier(terms.spki)),
        new AuthorityKeyIdentifierExtension(keyIdentifier(issuerKey.spki)),
      ],
    },
    provider,
  )
  return new Uint8Array(certificate.rawData)
}

/** Signs a certificate request (PKCS #10) with nothing in it but the key and a common name. */
export async function makeRequest(subject: SubjectName, key: CertificateKey): Promise<Uint8Array> {
  const privateKey = signingKey(key)
  const request = await Pkcs10CertificateRequestGenerator.create(
    {
      name: nameOf(subject),
      keys: { privateKey, publicKey: privateKey },
      signingAlgorithm: privateKey.algorithm,
    },
    provider,
  )
  return new Uint8Array(request.rawData)
}

/** One revoked certificate. */
export interface RevokedSerial {
  readonly serial: string
  readonly at: EpochMs
  readonly reason: RevocationReason
}

export interface CrlTerms {
  readonly issuer: SubjectName
  readonly number: number
  readonly thisUpdate: EpochMs
  readonly nextUpdate: EpochMs
  readonly revoked: readonly RevokedSerial[]
}

/** Signs a revocation list. @returns DER */
export async function makeCrl(terms: CrlTerms, issuerKey: CertificateKey): Promise<Uint8Array> {
  const key = signingKey(issuerKey)
  const crl = await X509CrlGenerator.create(
    {
      issuer: nameOf(terms.issuer),
      thisUpdate: moment(terms.thisUpdate),
      nextUpdate: moment(terms.nextUpdate),
      signingAlgorithm: key.algorithm,
      signingKey: key,
      entries: terms.revoked.map(({ serial, at, reason }) => ({
        serialNumber: serial,
        revocationDate: moment(at),
        // `unspecified` is left out, as RFC 5280 §5.3.1 asks.
        ...(reason === 'unspecified' ? {} : { reason: REASONS[reason] }),
      })),
      extensions: [
        new AuthorityKeyIdentifierExtension(keyIdentifier(issuerKey.spki)),
        new Extension(ID_CRL_NUMBER, false, owned(derInteger(terms.number))),
      ],
    },
    provider,
  )
  return new Uint8Array(crl.rawData)
}

/** A serial number of 126 random bits, positive, 16 octets, lower-case hexadecimal. */
export function newSerial(random: RandomSource): string {
  const octets = random.octets(16)
  octets[0] = (octets[0] & 0x3f) | 0x40
  return hex(octets)
}

/** Identifier of a key: 160 bits of SHA-256 over it (RFC 7093 §2, method 1), hexadecimal. */
export function keyIdentifier(spki: Uint8Array): string {
  const bits = present(sequenceOf(spki)?.at(1), 'key of a SubjectPublicKeyInfo').content.subarray(1)
  return hex(sha256(bits).subarray(0, 20))
}

/** Why a certificate was revoked (RFC 5280 §5.3.1), those that we use. */
export type RevocationReason =
  'unspecified' | 'key-compromise' | 'affiliation-changed' | 'superseded' | 'cessation-of-operation'

function roleExtensions({ role }: CertificateTerms): Extension[] {
  if (role.kind === 'authority') {
    return [
      new BasicConstraintsExtension(true, role.pathLength, true),
      new KeyUsagesExtension(AUTHORITY_USAGE, true),
    ]
  }
  return [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension(role.usages.map((usage) => EXTENDED_KEY_USAGE[usage])),
    new SubjectAlternativeNameExtension(generalNames(role.names)),
  ]
}

function generalNames({ dns = [], ip = [], uri = [] }: AlternativeNames): JsonGeneralNames {
  return [
    ...dns.map((value) => ({ type: 'dns', value }) as const),
    ...ip.map((value) => ({ type: 'ip', value }) as const),
    ...uri.map((value) => ({ type: 'url', value }) as const),
  ]
}

const nameOf = ({ commonName, organisation }: SubjectName): JsonName => [
  { O: [organisation] },
  { CN: [commonName] },
]

/** The library's idea of a private key: an algorithm, and whatever its provider understands. */
function signingKey(key: CertificateKey): SigningKey {
  const algorithm =
    key.name === 'ecdsa-p256'
      ? { name: 'ECDSA', namedCurve: 'P-256', hash: { name: 'SHA-256' } }
      : { name: key.name.toUpperCase() }
  return { algorithm, ours: key } as unknown as SigningKey
}

type SigningKey = Extract<
  Parameters<typeof X509CertificateGenerator.create>[0],
  { signingKey: unknown }
>['signingKey']
type Provider = NonNullable<Parameters<typeof X509CertificateGenerator.create>[1]>

/** The part of a WebCrypto that the library calls. */
const provider = {
  subtle: {
    sign: (_algorithm: unknown, { ours }: { ours: CertificateKey }, octets: ArrayBuffer) =>
      Promise.resolve(owned(signWeb(ours, new Uint8Array(octets)))),
    exportKey: (_format: unknown, { ours }: { ours: CertificateKey }) =>
      Promise.resolve(owned(ours.spki)),
  },
} as unknown as Provider

/** A copy in memory of its own: the library takes whole buffers. */
const owned = (octets: Uint8Array): ArrayBuffer => new Uint8Array(octets).buffer

/**
 * A time for the library, which asks for a `Date` and turns it, like a number, into one of its own.
 *
 * This room takes its time from a port and makes no `Date` itself; a test reads the times back.
 */
const moment = (at: EpochMs): Date => at as unknown as Date

/** `digitalSignature` is for site statements, which an issuer signs beside certificates. */
const AUTHORITY_USAGE: KeyUsageFlags =
  KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature
const EXTENDED_KEY_USAGE = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const
const ID_CRL_NUMBER = '2.5.29.20'
const REASONS: Readonly<Record<RevocationReason, X509CrlReason>> = {
  unspecified: X509CrlReason.unspecified,
  'key-compromise': X509CrlReason.keyCompromise,
  'affiliation-changed': X509CrlReason.affiliationChanged,
  superseded: X509CrlReason.superseded,
  'cessation-of-operation': X509CrlReason.cessationOfOperation,
}
