/**
 * Name constraints: which names the certificates below an authority may carry.
 *
 * Our own authorities set none; a hospital's might. DNS names, IP addresses and subject names are
 * judged; a URI under a URI constraint is refused unless it has a host, so that ours, which have
 * none, never slip through; names of forms that are constrained but not judged are refused.
 *
 * @see RFC 5280 §4.2.1.10
 * @module
 */

import { sameOctets, textOf } from '#base'
import { GENERAL_NAME, relativeNames, type Certificate } from './certificate.ts'
import { derElements, sequenceOf, type DerElement } from './der.ts'

/** Whether every name of a certificate is within the constraints of an authority above it. */
export function withinConstraints(constraints: Uint8Array, certificate: Certificate): boolean {
  const subtrees = readConstraints(constraints)
  if (subtrees === undefined) return false
  const { permitted, excluded } = subtrees
  const { dns, ip, uri, other } = certificate.names
  const within = <T>(tag: number, names: readonly T[], matches: Match<T>): boolean => {
    const allowed = permitted.filter((base) => base.tag === tag)
    const denied = excluded.filter((base) => base.tag === tag)
    return names.every(
      (name) =>
        (allowed.length === 0 || allowed.some((base) => matches(name, base.content))) &&
        !denied.some((base) => matches(name, base.content)),
    )
  }
  const constrained = [...permitted, ...excluded].map(({ tag }) => tag)
  const unjudged = constrained.some((tag) => !JUDGED.includes(tag))
  // A URI without a host must be refused where URIs are constrained: all of ours are such.
  const uriConstrained = constrained.includes(GENERAL_NAME.uri) && uri.length > 0
  return (
    !(unjudged && other) &&
    !uriConstrained &&
    within(GENERAL_NAME.dns, dns, dnsWithin) &&
    within(GENERAL_NAME.ip, ip, ipWithin) &&
    within(GENERAL_NAME.directory, [certificate.subject], nameWithin)
  )
}

type Match<T> = (name: T, base: Uint8Array) => boolean

interface Subtrees {
  readonly permitted: readonly DerElement[]
  readonly excluded: readonly DerElement[]
}

function readConstraints(der: Uint8Array): Subtrees | undefined {
  const members = sequenceOf(der)
  if (members === undefined || members.length === 0) return undefined
  const lists = new Map<number, readonly DerElement[]>()
  for (const { tag, content } of members) {
    const bases = derElements(content)?.map(({ whole }) => sequenceOf(whole))
    if (bases === undefined || (tag !== PERMITTED && tag !== EXCLUDED)) return undefined
    // RFC 5280: minimum is 0 and maximum absent, so a subtree is its base alone.
    if (bases.some((base) => base?.length !== 1)) return undefined
    lists.set(
      tag,
      bases.flatMap((base) => base ?? []),
    )
  }
  return { permitted: lists.get(PERMITTED) ?? [], excluded: lists.get(EXCLUDED) ?? [] }
}

/** The name itself, or with further labels on its left. */
function dnsWithin(name: string, base: Uint8Array): boolean {
  const suffix = textOf(base).toLowerCase()
  const host = name.toLowerCase()
  if (suffix === '' || host === suffix) return true
  return host.endsWith(suffix.startsWith('.') ? suffix : `.${suffix}`)
}

/** Address under mask; a base of the other address family matches nothing. */
function ipWithin(address: Uint8Array, base: Uint8Array): boolean {
  if (base.length !== address.length * 2) return false
  const mask = base.subarray(address.length)
  return address.every((octet, at) => (octet & mask[at]) === (base[at] & mask[at]))
}

/** The subject begins with the base, name by name. */
function nameWithin(subject: Uint8Array, base: Uint8Array): boolean {
  const [names, bases] = [relativeNames(subject), relativeNames(base)]
  if (names === undefined || bases === undefined) return false
  return bases.every((one, at) => at < names.length && sameOctets(names[at].whole, one.whole))
}

const PERMITTED = 0xa0
const EXCLUDED = 0xa1
const JUDGED: readonly number[] = Object.values(GENERAL_NAME)
