/**
 * Names and addresses that may stand in a certificate, checked before anything is signed.
 *
 * @see RFC 5280 §4.2.1.6, RFC 1123 §2.1
 * @module
 */

import { PkiRefusal } from './refusal.ts'
import type { AlternativeNames } from './x509.ts'

/** Checks the name of a federation. @throws PkiRefusal unless 1–64 letters, digits, spaces, -.& */
export function checkFederation(name: string): string {
  return checked(name, FEDERATION, 'federation name')
}

/** Checks DNS names and IP addresses. @throws PkiRefusal `CERTIFICATE_TERMS_INVALID` */
export function checkNames({ dns = [], ip = [] }: AlternativeNames): void {
  if (dns.length + ip.length > NAMES_MAX) {
    throw new PkiRefusal('CERTIFICATE_TERMS_INVALID', `Expected at most ${NAMES_MAX} names`)
  }
  for (const name of dns) checked(name, DNS, 'DNS name')
  for (const address of ip) if (!IPV4.test(address)) checked(address, IPV6, 'IP address')
}

function checked(text: string, pattern: RegExp, what: string): string {
  if (pattern.test(text)) return text
  throw new PkiRefusal('CERTIFICATE_TERMS_INVALID', `Not a valid ${what}`, {
    facts: { characters: text.length },
  })
}

/** DNS names and addresses of one certificate. */
export const NAMES_MAX = 16
const FEDERATION = /^[A-Za-z0-9][A-Za-z0-9 .&-]{0,63}$/
const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
const DNS = new RegExp(`^(?=.{1,253}$)${LABEL}(?:\\.${LABEL})*$`)
const OCTET = '(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`)
/** Eight groups, or fewer around one `::`. */
const IPV6 =
  /^(?=[0-9a-f:]{2,39}$)(?:(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|(?!.*::.*::)(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,6})?::(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,6})?)$/
