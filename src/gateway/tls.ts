/**
 * TLS settings of both worlds, and what a finished handshake can be asked.
 *
 * Between sites: TLS 1.3, ML-DSA certificates on both sides, and only hybrid or post-quantum key
 * exchange. Northbound (applications of today): TLS 1.3 with ECDSA certificates, hybrid preferred,
 * X25519 allowed, because their libraries may know nothing else.
 *
 * A list of groups that holds only post-quantum ones is the only thing that enforces them: a server
 * does not refuse what it merely likes less.
 *
 * @module
 */

import { constants, createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import { epochMs, type ClientCertificate, type EpochMs } from '#base'
import { GatewayRefusal } from './refusal.ts'

/** Key, certificate and trust of one end, all PEM. Made by `#pki`, handed in as text. */
export interface Credentials {
  /** PKCS#8 private key. */
  readonly key: string
  /** The leaf certificate, followed by those of the issuers between it and the root. */
  readonly cert: string
  /** Trusted root certificates, one or more in a row. */
  readonly ca: string
  /**
   * Revocation lists, one or more in a row, labelled `X509 CRL`. With any, there must be one of
   * every issuer in the chain, the root included: OpenSSL then refuses what it cannot look up.
   */
  readonly crl?: string
}

/**
 * Site to site. The groups are set by `ecdhCurve`: Node ignores an option named `groups`. Tickets
 * are off, for a session with ML-DSA certificates is too large for Node to resume anyway.
 */
export const PEER_TLS = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ecdhCurve: 'X25519MLKEM768:SecP384r1MLKEM1024',
  sigalgs: 'mldsa65:mldsa87',
  ciphers: 'TLS_AES_256_GCM_SHA384',
  secureOptions: constants.SSL_OP_NO_TICKET,
} as const

/** Northbound. `sigalgs` names those of the ECDSA hierarchy and what clients may sign with. */
export const NORTH_TLS = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ecdhCurve: 'X25519MLKEM768:X25519',
  ciphers: 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256',
  honorCipherOrder: true,
} as const

/** The options of a TLS server or client with these credentials. */
export type TlsOptions<S> = S & {
  readonly key: string
  readonly cert: string
  readonly ca: string[]
  readonly crl?: string[]
}

/**
 * Settings and credentials together, after a check that OpenSSL can use them.
 *
 * @throws GatewayRefusal `CREDENTIALS_INVALID`: not PEM, or key and certificate do not belong
 *   together
 */
export function tlsOptions<S extends object>(settings: S, credentials: Credentials): TlsOptions<S> {
  const { key, cert, ca, crl } = credentials
  try {
    // OpenSSL takes a missing key, or none among the trusted roots, without a word.
    const chain = pemBlocks(cert, 'CERTIFICATE')
    const leaf = new X509Certificate(chain[0])
    if (!leaf.checkPrivateKey(createPrivateKey(key))) throw new Error('Key of another certificate')
    const roots = pemBlocks(ca, 'CERTIFICATE')
    for (const root of roots) new X509Certificate(root)
    const lists = crl === undefined ? {} : { crl: pemBlocks(crl, 'X509 CRL') }
    const options = { ...settings, key, cert: chain.join('\n'), ca: roots, ...lists }
    secureContext(options)
    return options
  } catch (cause) {
    throw new GatewayRefusal(
      'CREDENTIALS_INVALID',
      'Key, certificate, trust anchor or revocation list cannot be used',
      { cause },
    )
  }
}

/** What OpenSSL makes of the options; for dialling with the same credentials many times. */
export const secureContext = (options: object): SecureContext => createSecureContext(options)

/**
 * The blocks of a text one by one: of several revocation lists Node reads only the first, and of
 * certificates without a line break between them OpenSSL reads none after the first.
 */
function pemBlocks(text: string, label: string): string[] {
  const blocks = text.match(new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----`, 'g'))
  if (blocks === null) throw new Error(`Expected PEM with the label ${label}`)
  return blocks
}

/** What is known of a connection's protection, as evidence. */
export interface TlsSession {
  readonly protocol: string
  readonly cipher: string
  /** Key exchange group, as OpenSSL spells it; undefined if it could not be read. */
  readonly group: string | undefined
  /** Whether the key exchange has a post-quantum part; undefined if the group is unknown. */
  readonly postQuantum: boolean | undefined
}

/** Reads what a finished handshake agreed on, at either end. */
export function tlsSession(socket: TLSSocket): TlsSession {
  const group = negotiatedGroup(socket)
  return {
    protocol: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher().name,
    group,
    postQuantum: group === undefined ? undefined : group.includes('MLKEM'),
  }
}

/** A client is told by Node; a server is not, but its session remembers. */
function negotiatedGroup(socket: TLSSocket): string | undefined {
  const told: unknown = socket.getEphemeralKeyInfo()
  if (typeof told === 'object' && told !== null && 'name' in told) return String(told.name)
  const session = socket.getSession()
  if (session === undefined) return undefined
  const group = sessionGroup(session)
  session.fill(0) // It holds the resumption secret.
  return group
}

/**
 * The key exchange group in an OpenSSL session (ssl_asn1.c, SSL_SESSION_ASN1: a SEQUENCE whose
 * element `[19] EXPLICIT INTEGER` is the TLS code point of the group).
 */
export function sessionGroup(der: Uint8Array): string | undefined {
  const outer = element(der, 0)
  if (outer === undefined || outer.tag !== SEQUENCE) return undefined
  for (let at = outer.from; at < outer.to;) {
    const inner = element(der, at)
    if (inner === undefined) return undefined
    at = inner.to
    if (inner.tag !== KEX_GROUP) continue
    const integer = element(der, inner.from)
    if (integer === undefined || integer.to - integer.from > 4) return undefined
    const point = der.subarray(integer.from, integer.to).reduce((sum, one) => sum * 256 + one, 0)
    return GROUPS.get(point) ?? `0x${point.toString(16)}`
  }
  return undefined
}

interface Element {
  readonly tag: number
  readonly from: number
  readonly to: number
}

/** One DER element with a tag of one octet, if it lies inside `der` as a whole. */
function element(der: Uint8Array, at: number): Element | undefined {
  if (at + 2 > der.length) return undefined
  const tag = der[at]
  const short = der[at + 1]
  const lengthOctets = short < 0x80 ? 0 : short & 0x7f
  const from = at + 2 + lengthOctets
  if (lengthOctets > 3 || from > der.length) return undefined
  let length = lengthOctets === 0 ? short : 0
  for (let i = at + 2; i < from; i++) length = length * 256 + der[i]
  const to = from + length
  return to > der.length ? undefined : { tag, from, to }
}

/** Why a listener ended a handshake: what is wrong with the certificate, or else OpenSSL's code. */
export function tlsRefusalReason(error: Error & { code?: string }, socket: TLSSocket): string {
  // A code such as CERT_HAS_EXPIRED, whatever its declared type.
  const certificate: unknown = socket.authorizationError
  return typeof certificate === 'string' ? certificate : (error.code ?? error.name)
}

/** The certificates that the other end showed, DER, leaf first. */
export function peerChain(socket: TLSSocket): readonly Uint8Array[] {
  const chain: Uint8Array[] = []
  for (
    let next = socket.getPeerX509Certificate();
    next !== undefined;
    next = next.issuerCertificate
  ) {
    chain.push(new Uint8Array(next.raw))
    // A root would be its own issuer.
    if (
      chain.length === CHAIN_MAX ||
      next.fingerprint256 === next.issuerCertificate?.fingerprint256
    ) {
      break
    }
  }
  return chain
}

/** A verified certificate of the other end, with its times. */
export interface PeerCertificate extends ClientCertificate {
  readonly notAfter: EpochMs
}

/** The fields of a verified certificate. A name that is there twice names nobody. */
export function certificateFields(certificate: X509Certificate): PeerCertificate {
  const { CN } = certificate.toLegacyObject().subject as { CN?: string | string[] }
  return {
    commonName: typeof CN === 'string' ? CN : undefined,
    uriNames: uriNames(certificate.subjectAltName ?? ''),
    serialNumber: certificate.serialNumber.toUpperCase(),
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    notAfter: epochMs(Math.max(0, Date.parse(certificate.validTo))),
  }
}

/**
 * The URIs in Node's text of a subjectAltName: `URI:a, DNS:"b, c"`.
 *
 * Values with a comma or a quote are JSON strings there. Read from the front, so that no value can
 * pose as several; a text of any other form names nobody, and a value in quotes is left out, for no
 * name of ours needs them.
 */
export function uriNames(text: string): readonly string[] {
  const names: string[] = []
  ENTRY.lastIndex = 0
  while (ENTRY.lastIndex < text.length) {
    const entry = ENTRY.exec(text)
    if (entry === null) return []
    if (entry[1] === 'URI' && !entry[2].startsWith('"')) names.push(entry[2])
  }
  return names
}

const ENTRY = /([A-Za-z][A-Za-z0-9 .]*):("(?:[^"\\]|\\.)*"|[^",]*)(?:, (?=.)|$)/y
const CHAIN_MAX = 8
const SEQUENCE = 0x30
/** `[19]`, constructed. */
const KEX_GROUP = 0xb3
/** IANA TLS Supported Groups, those OpenSSL 3.5 can negotiate in TLS 1.3. */
const GROUPS: ReadonlyMap<number, string> = new Map([
  [23, 'secp256r1'],
  [24, 'secp384r1'],
  [25, 'secp521r1'],
  [29, 'X25519'],
  [30, 'X448'],
  [512, 'MLKEM512'],
  [513, 'MLKEM768'],
  [514, 'MLKEM1024'],
  [4587, 'SecP256r1MLKEM768'],
  [4588, 'X25519MLKEM768'],
  [4589, 'SecP384r1MLKEM1024'],
])
