/**
 * Enrolment: a site asks for its certificates, an authority grants them, the site checks the grant.
 *
 * The request carries every public key of the site and is signed by each signing key over the whole,
 * so nobody can enrol a key that is not theirs, or mix keys of two sites. The key for encapsulation
 * cannot sign: that it works shows at its first use. Who may enrol under a name is not decided by
 * the octets: the operator of the authority says which site he expects and compares the fingerprint.
 *
 * The site accepts a grant only if it is for its own keys and names, under roots it already trusts.
 *
 * @see RFC 2986 (requests), RFC 4211 §4 (proof of possession)
 * @module
 */

import {
  cborDoor,
  DAY_MS,
  epochMs,
  Exactly,
  hex,
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
import {
  KEM_SIZES,
  rawPublic,
  sha256,
  sign,
  verify,
  verifierOf,
  type DualVerifier,
  type SigningKeyPair,
} from '#crypto'
import { CERTIFICATE_OCTETS_MAX } from './certificate.ts'
import { publicKeyOf } from './keys.ts'
import { spkiOfRequest } from './issuing.ts'
import { checkFederation, checkNames, NAMES_MAX } from './names.ts'
import { PkiRefusal } from './refusal.ts'
import type { SiteKeys } from './site-keys.ts'
import { makeRequest } from './x509.ts'

/** What a site is called, and where it is reached. */
export interface SiteNames {
  readonly federation: string
  readonly site: SiteId
  readonly kme: KmeId
  /** Origin line of the site's log, such as `photonward.example/bristol`. */
  readonly origin: string
  /** DNS names of the site towards other sites, besides its own name. */
  readonly dns: readonly string[]
  /** Names and addresses of the listeners northbound, besides localhost. */
  readonly north: { readonly dns: readonly string[]; readonly ip: readonly string[] }
}

/** A request whose proofs are all good. */
export interface Enrolment extends SiteNames {
  readonly at: EpochMs
  /** PKCS #10, DER. */
  readonly tlsRequest: Uint8Array
  readonly northRequest: Uint8Array
  readonly statement: DualVerifier
  readonly audit: { readonly ed25519: Uint8Array; readonly mlDsa44: Uint8Array }
  readonly kem: Uint8Array
  /** SHA-256 of the request in hexadecimal: what two operators read to each other. */
  readonly fingerprint: string
}

/** Makes the enrolment request of a site. @throws PkiRefusal `CERTIFICATE_TERMS_INVALID` */
export async function enrolmentRequest(
  keys: SiteKeys,
  { federation, site, kme, origin, dns, north }: SiteNames,
  now: EpochMs,
): Promise<Uint8Array> {
  checkFederation(federation)
  checkNames({ dns })
  checkNames(north)
  const subject = { commonName: site, organisation: federation }
  const body = toCbor({
    v: 1,
    federation,
    site,
    kme,
    origin,
    dns,
    north: { ...north },
    at: now,
    tlsRequest: await makeRequest(subject, keys.tls),
    northRequest: await makeRequest(subject, keys.north),
    statement: { ...verifierOf(keys.statement) },
    audit: { ed25519: keys.audit.ed25519.publicKey, mlDsa44: keys.audit.mlDsa44.publicKey },
    kem: keys.kem.encapsulationKey,
  })
  const proofs = signersOf(keys).map(([name, key]) => [name, sign(key, LABEL, body)] as const)
  return toCbor({ v: 1, body, proofs: Object.fromEntries(proofs) })
}

/**
 * Reads a request and checks every proof in it, and that it is no older than a day.
 *
 * @throws PkiRefusal `ENROLMENT_INVALID`, with the fact `proof` where one is bad
 */
export function readEnrolment(octets: Uint8Array, now: EpochMs): Enrolment {
  const { body, proofs } = opened(() => openRequest(octets))
  const fields = opened(() => openBody(body))
  const tls = publicKeyOf(spkiOfRequest(fields.tlsRequest, 'ml-dsa-65'))
  spkiOfRequest(fields.northRequest, 'ecdsa-p256')
  const { statement, audit } = fields
  const checks = [
    ['tls', 'ml-dsa-65', tls === undefined ? new Uint8Array(0) : rawPublic(tls)],
    ['statementMlDsa', 'ml-dsa-65', statement.mlDsa],
    ['statementEd25519', 'ed25519', statement.ed25519],
    ['auditMlDsa', 'ml-dsa-44', audit.mlDsa44],
    ['auditEd25519', 'ed25519', audit.ed25519],
  ] as const
  for (const [proof, name, publicKey] of checks) {
    if (verify({ name, publicKey }, LABEL, body, proofs[proof])) continue
    throw invalid('An enrolment request does not prove possession of a key in it', { proof })
  }
  if (Math.abs(now - fields.at) > REQUEST_AGE_MAX_MS) {
    throw invalid('Expected an enrolment request of today', { at: fields.at })
  }
  const { federation, origin, dns, north, tlsRequest, northRequest, kem } = fields
  checkNames({ dns })
  checkNames(north)
  const { site, kme } = opened(() => ({ site: siteId(fields.site), kme: kmeId(fields.kme) }))
  return {
    ...{ federation, site, kme, origin, dns, north, at: epochMs(fields.at) },
    ...{ tlsRequest, northRequest, statement, audit, kem },
    fingerprint: hex(sha256(octets)),
  }
}

function signersOf(keys: SiteKeys): readonly (readonly [string, SigningKeyPair])[] {
  const { tls, statement, audit } = keys
  const tlsPublic = publicKeyOf(tls.spki)
  if (tlsPublic === undefined) throw invalid('The TLS key of a site is not readable', {})
  const publicKey = rawPublic(tlsPublic)
  return [
    ['tls', { name: 'ml-dsa-65', publicKey, privateKey: tls.privateKey }],
    ['statementMlDsa', statement.mlDsa],
    ['statementEd25519', statement.ed25519],
    ['auditMlDsa', audit.mlDsa44],
    ['auditEd25519', audit.ed25519],
  ]
}

function opened<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (cause instanceof PkiRefusal) throw cause
    throw new PkiRefusal('ENROLMENT_INVALID', 'Not an enrolment request', { cause })
  }
}

const invalid = (message: string, facts: Record<string, string | number>): PkiRefusal =>
  new PkiRefusal('ENROLMENT_INVALID', message, { facts })

/** Octets of one request: seven public keys and five signatures. */
export const ENROLMENT_OCTETS_MAX = 65_536
const REQUEST_AGE_MAX_MS = DAY_MS
const LABEL = 'photonward/enrolment/v1'

const Names = Type.Array(Text(253, 1), { maxItems: NAMES_MAX })
const Request = Octets(1, CERTIFICATE_OCTETS_MAX)
const openRequest = cborDoor(
  Exactly({
    v: Type.Literal(1),
    body: Octets(1, ENROLMENT_OCTETS_MAX),
    proofs: Exactly({
      tls: Octets(3309),
      statementMlDsa: Octets(3309),
      statementEd25519: Octets(64),
      auditMlDsa: Octets(2420),
      auditEd25519: Octets(64),
    }),
  }),
  'enrolment request',
  ENROLMENT_OCTETS_MAX,
)
const openBody = cborDoor(
  Exactly({
    v: Type.Literal(1),
    federation: Text(64, 1),
    site: Text(63, 1),
    kme: Text(64, 1),
    origin: Type.String({ pattern: '^[a-z0-9][a-z0-9.:/-]{0,199}$' }),
    dns: Names,
    north: Exactly({ dns: Names, ip: Names }),
    at: Whole(0),
    tlsRequest: Request,
    northRequest: Request,
    statement: Exactly({ mlDsa: Octets(1952), ed25519: Octets(32) }),
    audit: Exactly({ ed25519: Octets(32), mlDsa44: Octets(1312) }),
    kem: Octets(KEM_SIZES['ml-kem-1024'].encapsulationKey),
  }),
  'enrolment request',
  ENROLMENT_OCTETS_MAX,
)
