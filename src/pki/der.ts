/**
 * Just enough DER: taking elements apart to reach what is signed, small integers, and PEM.
 *
 * Certificates, requests and lists are built by `@peculiar/x509` and read by it and by OpenSSL; here
 * are the pieces that neither of them hands out. Reads definite, minimal lengths only.
 *
 * @see ITU-T X.690 §8.1, §10.1; RFC 7468 (PEM)
 * @module
 */

import { base64, concat } from '#base'

/** One DER element. */
export interface DerElement {
  /** The identifier octet; elements of ours have tags below 31. */
  readonly tag: number
  readonly content: Uint8Array
  /** Identifier, length and content. */
  readonly whole: Uint8Array
}

/** The elements that fill `octets` exactly, or undefined if it is not such a run. */
export function derElements(octets: Uint8Array): readonly DerElement[] | undefined {
  const elements: DerElement[] = []
  for (let at = 0; at < octets.length;) {
    const element = elementAt(octets, at)
    if (element === undefined || elements.length === ELEMENTS_MAX) return undefined
    elements.push(element)
    at += element.whole.length
  }
  return elements
}

/** The members of the one SEQUENCE that fills `octets`, or undefined. */
export function sequenceOf(octets: Uint8Array): readonly DerElement[] | undefined {
  const outer = derElements(octets)
  return outer?.length === 1 && outer[0].tag === SEQUENCE
    ? derElements(outer[0].content)
    : undefined
}

/** What is signed in a certificate, request or list, and the signature; undefined if malformed. */
export function signedParts(
  der: Uint8Array,
): { readonly signed: Uint8Array; readonly signature: Uint8Array } | undefined {
  const members = sequenceOf(der)
  if (members?.length !== 3 || members[2].tag !== BIT_STRING) return undefined
  const [signed, , { content }] = members
  // The first octet counts unused bits, of which a signature has none.
  if (content.length < 2 || content[0] !== 0) return undefined
  return { signed: signed.whole, signature: content.subarray(1) }
}

/** A DER INTEGER of a whole number of 0 or more. */
export function derInteger(value: number): Uint8Array {
  const octets: number[] = []
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256)
  if (octets.length === 0 || octets[0] >= 0x80) octets.unshift(0)
  return concat(Uint8Array.of(INTEGER, octets.length), Uint8Array.from(octets))
}

/** PEM of DER octets. The label of a revocation list is `X509 CRL`; nothing reads `CRL`. */
export function pem(label: 'CERTIFICATE' | 'X509 CRL', der: Uint8Array): string {
  const lines = base64(der).match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

function elementAt(octets: Uint8Array, at: number): DerElement | undefined {
  if (at + 2 > octets.length || (octets[at] & 0x1f) === 0x1f) return undefined
  const short = octets[at + 1]
  const lengthOctets = short < 0x80 ? 0 : short & 0x7f
  const from = at + 2 + lengthOctets
  if (short === 0x80 || lengthOctets > 4 || from > octets.length) return undefined
  let length = lengthOctets === 0 ? short : 0
  for (let i = at + 2; i < from; i++) length = length * 256 + octets[i]
  const isMinimal = lengthOctets === 0 || (length >= 0x80 && octets[at + 2] !== 0)
  if (!isMinimal || from + length > octets.length) return undefined
  const whole = octets.subarray(at, from + length)
  return { tag: octets[at], content: octets.subarray(from, from + length), whole }
}

const INTEGER = 0x02
const BIT_STRING = 0x03
const SEQUENCE = 0x30
/** A revocation list has one element for each revoked certificate. */
const ELEMENTS_MAX = 200_000
