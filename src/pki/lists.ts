/**
 * Revocation lists on their way from an authority to the sites that hold its certificates.
 *
 * An authority signs new lists daily and after each revocation; a site puts them in the place of
 * those it holds, never older ones, and restarts its TLS contexts with them. Lists need no secrecy
 * and prove themselves, so any way of transport will do.
 *
 * @see RFC 5280 §5, §6.3
 * @module
 */

import { cborDoor, Exactly, Octets, sameOctets, toCbor, Type, type EpochMs } from '#base'
import { crlsOf, type Authority, type HierarchyName } from './authority.ts'
import { readCertificate } from './certificate.ts'
import { CRL_OCTETS_MAX, readCrl, revocationProblem } from './crl.ts'
import type { Grant, HeldChain } from './grant.ts'
import { PkiRefusal } from './refusal.ts'

/** Lists of both hierarchies, DER: each root's and each issuer's. */
export type RevocationLists = Readonly<Record<HierarchyName, readonly Uint8Array[]>>

/** The present lists of an authority, as one message. */
export const writeLists = ({ sites, north }: Authority): Uint8Array =>
  toCbor({ v: 1, sites: crlsOf(sites), north: crlsOf(north) })

/** @throws Refusal of `#base` for anything that is not such a message */
export function readLists(octets: Uint8Array): RevocationLists {
  const { sites, north } = openLists(octets)
  return { sites, north }
}

/**
 * What a site holds, with newer lists.
 *
 * Its own certificate may be on them: then it verifies no longer, at itself as at its peers.
 *
 * @throws PkiRefusal `GRANT_INVALID` if a list is not of the site's authorities, is over, or is older
 *   than the one it would replace; nothing is taken then
 */
export function renewLists(held: Grant, lists: RevocationLists, now: EpochMs): Grant {
  const { sites, north } = held
  return {
    ...held,
    sites: renewed('sites', sites, lists.sites, now),
    north: renewed('north', north, lists.north, now),
  }
}

function renewed(
  part: HierarchyName,
  held: HeldChain,
  crls: readonly Uint8Array[],
  now: EpochMs,
): HeldChain {
  const next = crls.map(readCrl).filter((list) => list !== undefined)
  // The chain was verified when it was granted; only the lists are new.
  const path = [...held.chain, held.root].map(readCertificate)
  for (const [place, certificate] of path.entries()) {
    const issuer = path.at(place + 1)
    if (certificate === undefined || issuer === undefined) continue
    const problem = revocationProblem(next, issuer, { serial: certificate.serial, now })
    if (problem !== undefined && problem !== 'revoked') throw invalid(part, problem)
  }
  for (const der of held.crls) {
    const before = readCrl(der)
    if (before === undefined) continue
    const isOlder = next.some(
      ({ issuer, thisUpdate }) =>
        sameOctets(issuer, before.issuer) && thisUpdate < before.thisUpdate,
    )
    if (isOlder) throw invalid(part, 'a list is older than the one held')
  }
  return { ...held, crls }
}

const invalid = (part: string, problem: string): PkiRefusal =>
  new PkiRefusal('GRANT_INVALID', `Revocation lists are refused: ${problem}`, { facts: { part } })

/** Octets of both hierarchies' lists. */
export const LISTS_OCTETS_MAX = 4 * CRL_OCTETS_MAX + 4096

const Lists = Type.Array(Octets(1, CRL_OCTETS_MAX), { minItems: 2, maxItems: 2 })
const openLists = cborDoor(
  Exactly({ v: Type.Literal(1), sites: Lists, north: Lists }),
  'revocation lists',
  LISTS_OCTETS_MAX,
)
