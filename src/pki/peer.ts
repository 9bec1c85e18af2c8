/**
 * Certificates as `node:tls` hands them over, for the checks of this room.
 *
 * @module
 */

import { hex, sameOctets, type ClientCertificate } from '#base'
import { sha256 } from '#crypto'

import { readCertificate } from './certificate.ts'

/** What `tlsSocket.getPeerCertificate(true)` gives, as far as it is used here. */
export interface PeerCertificate {
  /** DER. */
  readonly raw: Uint8Array
  readonly issuerCertificate?: PeerCertificate
}

/** The chain that a peer showed, DER, leaf first; for `verifyChain`. */
export function chainOfPeer(peer: PeerCertificate): readonly Uint8Array[] {
  const chain: Uint8Array[] = []
  let next: PeerCertificate | undefined = peer
  while (next !== undefined && chain.length < CHAIN_MAX) {
    const der = new Uint8Array(next.raw)
    // A root is its own issuer there.
    if (chain.some((seen) => sameOctets(seen, der))) break
    chain.push(der)
    next = next.issuerCertificate
  }
  return chain
}

/** The fields of a certificate that may name a caller; undefined if it is not one of our profile. */
export function clientCertificateOf(der: Uint8Array): ClientCertificate | undefined {
  const certificate = readCertificate(der)
  if (certificate === undefined) return undefined
  const { commonName, names, serial } = certificate
  return {
    commonName,
    uriNames: names.uri,
    serialNumber: serial.toUpperCase(),
    fingerprint: fingerprintOf(der),
  }
}

/** SHA-256 of a certificate in hexadecimal: what operators compare, and what roots are pinned by. */
export const fingerprintOf = (der: Uint8Array): string => hex(sha256(der))

const CHAIN_MAX = 5
