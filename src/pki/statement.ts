/**
 * Site statements: one signed object from which peers learn all public keys of a site.
 *
 * The issuer of the sites' hierarchy signs it (ML-DSA-65, under a label of its own). It has serial
 * numbers and times like a certificate, and is revoked like one. Verifying it needs the trusted
 * root, the revocation lists and the time.
 *
 * It says which keys a site has, not that the site is up, or honest.
 *
 * @module
 */

import {
  cborDoor,
  epochMs,
  Exactly,
  fromDeterministicCbor,
  door,
  kmeId,
  Octets,
  siteId,
  Text,
  toCbor,
  Type,
  Whole,
  type EpochMs,
  type KmeId,
  type SiteId,
} from '#base'
import { KEM_SIZES, rawPublic, sign, verify, type DualVerifier } from '#crypto'
import { cosignerNameOf, type NoteVerifier } from '#audit'
import { CERTIFICATE_OCTETS_MAX, type Certificate } from './certificate.ts'
import { verifyPath, type ChainRefusal, type Trust } from './chain.ts'
import { readCrl, revocationProblem } from './crl.ts'
import type { CertificateKey } from './keys.ts'

/** What an authority says of a site. */
export interface SiteStatement {
  readonly federation: string
  readonly site: SiteId
  readonly kme: KmeId
  /** Serial number of this statement, and of the TLS certificate issued with it. */
  readonly serial: string
  readonly tlsSerial: string
  readonly notBefore: EpochMs
  readonly notAfter: EpochMs
  /** Key of TLS between sites, SubjectPublicKeyInfo DER. */
  readonly tls: Uint8Array
  /** Keys of what the site states and signs. */
  readonly statement: DualVerifier
  /** Origin line of the site's log, and its keys. */
  readonly audit: {
    readonly origin: string
    readonly ed25519: Uint8Array
    readonly mlDsa44: Uint8Array
  }
  /** ML-KEM-1024 encapsulation key. Its holder proved the signing keys, not this one. */
  readonly kem: Uint8Array
}

export type StatementRefusal =
  /** Not a statement of our form. */
  | 'malformed'
  /** The certificate of its signer does not hold, or may not sign statements; see `issuer`. */
  | 'issuer'
  | 'signature-invalid'
  | 'not-yet-valid'
  | 'expired'
  | 'revoked'
  /** Of another site than the one asked for. */
  | 'site-other'

export type StatementCheck =
  | { readonly kind: 'verified'; readonly statement: SiteStatement }
  | {
      readonly kind: 'refused'
      readonly reason: StatementRefusal
      /** What is wrong with the certificate of the signer, where that is the reason. */
      readonly issuer?: ChainRefusal
    }

/** Signs a statement with the key of an issuer. @param issuer its certificate, DER */
export function signStatement(
  statement: SiteStatement,
  issuer: { readonly certificate: Uint8Array; readonly key: CertificateKey },
): Uint8Array {
  const { audit, statement: keys, ...rest } = statement
  const body = toCbor({ v: 1, ...rest, audit: { ...audit }, statement: { ...keys } })
  const { privateKey } = issuer.key
  const signer = { name: 'ml-dsa-65', publicKey: new Uint8Array(0), privateKey } as const
  return toCbor({ v: 1, body, issuer: issuer.certificate, signature: sign(signer, LABEL, body) })
}

/**
 * Verifies a statement: its signer up to a trusted root, its signature, its time, its revocation.
 *
 * @param trust.site   refuse the statement of any other site
 */
export function verifyStatement(
  octets: Uint8Array,
  trust: Trust & { readonly site?: SiteId },
): StatementCheck {
  const envelope = attempt(() => openEnvelope(octets))
  const statement = envelope && attempt(() => statementOf(envelope.body))
  if (envelope === undefined || statement === undefined) return refused('malformed')
  const path = verifyPath([envelope.issuer], trust)
  if (path.kind === 'refused') return { ...refused('issuer'), issuer: path.reason }
  const [issuer] = path.certificates
  if (!maySign(issuer)) return { ...refused('issuer'), issuer: 'key-usage' }
  const publicKey = { name: 'ml-dsa-65', publicKey: rawPublic(issuer.publicKey) } as const
  if (!verify(publicKey, LABEL, envelope.body, envelope.signature)) {
    return refused('signature-invalid')
  }
  if (trust.now < statement.notBefore) return refused('not-yet-valid')
  if (trust.now > statement.notAfter) return refused('expired')
  const lists = trust.crls.map(readCrl).filter((list) => list !== undefined)
  for (const serial of [statement.serial, statement.tlsSerial]) {
    const problem = revocationProblem(lists, issuer, { serial, now: trust.now })
    if (problem === 'revoked') return refused('revoked')
    if (problem !== undefined) return { ...refused('issuer'), issuer: problem }
  }
  if (trust.site !== undefined && trust.site !== statement.site) return refused('site-other')
  return { kind: 'verified', statement }
}

/** The keys under which the log of a site verifies. */
export const logVerifierOf = ({ audit }: SiteStatement): NoteVerifier => ({
  name: audit.origin,
  ed25519: audit.ed25519,
  mlDsa44: audit.mlDsa44,
})

/** The keys under which a site's cosignatures of other logs verify. */
export const cosignerVerifierOf = ({ audit }: SiteStatement): NoteVerifier => ({
  name: cosignerNameOf(audit.origin),
  ed25519: audit.ed25519,
  mlDsa44: audit.mlDsa44,
})

/** Only an issuing authority signs statements; that its key is ML-DSA-65 shows in the signature. */
function maySign({ basicConstraints, keyUsage }: Certificate): boolean {
  const wanted = DIGITAL_SIGNATURE | KEY_CERT_SIGN
  const isIssuer = basicConstraints?.isAuthority === true && basicConstraints.pathLength === 0
  return isIssuer && ((keyUsage ?? 0) & wanted) === wanted
}

function statementOf(body: Uint8Array): SiteStatement {
  const fields = openBody(fromDeterministicCbor(body, STATEMENT_OCTETS_MAX))
  const { federation, serial, tlsSerial, tls, statement, audit, kem } = fields
  return {
    ...{ federation, serial, tlsSerial, tls, statement, audit, kem },
    site: siteId(fields.site),
    kme: kmeId(fields.kme),
    notBefore: epochMs(fields.notBefore),
    notAfter: epochMs(fields.notAfter),
  }
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

const refused = (reason: StatementRefusal) => ({ kind: 'refused', reason }) as const

/** Octets of one statement: 8,200 of keys, 5,700 of the issuer's certificate, 3,309 of signature. */
export const STATEMENT_OCTETS_MAX = 32_768
const LABEL = 'photonward/site-statement/v1'
const DIGITAL_SIGNATURE = 0x01
const KEY_CERT_SIGN = 0x20

const openEnvelope = cborDoor(
  Exactly({
    v: Type.Literal(1),
    body: Octets(1, STATEMENT_OCTETS_MAX),
    issuer: Octets(1, CERTIFICATE_OCTETS_MAX),
    signature: Octets(3309),
  }),
  'site statement',
  STATEMENT_OCTETS_MAX,
)
const openBody = door(
  Exactly({
    v: Type.Literal(1),
    federation: Text(64, 1),
    site: Text(63, 1),
    kme: Text(64, 1),
    serial: Text(40, 2),
    tlsSerial: Text(40, 2),
    notBefore: Whole(0),
    notAfter: Whole(0),
    tls: Octets(1, 4096),
    statement: Exactly({ mlDsa: Octets(1952), ed25519: Octets(32) }),
    audit: Exactly({ origin: Text(255, 1), ed25519: Octets(32), mlDsa44: Octets(1312) }),
    kem: Octets(KEM_SIZES['ml-kem-1024'].encapsulationKey),
  }),
  'site statement',
)
