/**
 * When what a site's trust rests on ends: its certificates, those above them, revocation lists, and
 * statements. For warning in time; whether they hold is `chain`'s and `statement`'s question.
 *
 * @module
 */

import { DAY_MS, sameOctets, type EpochMs } from '#base'
import type { HierarchyName } from './authority.ts'
import { readCertificate } from './certificate.ts'
import { readCrl } from './crl.ts'
import type { Grant, HeldChain } from './grant.ts'

export type TermKind =
  /** The site's own certificate; it enrols anew for another. */
  | 'certificate'
  /** An issuer's; all it issued is to be issued anew by the next. */
  | 'issuer'
  | 'root'
  /** The issuer's revocation list, which the authority renews daily. */
  | 'revocation-list'
  /** The root's, which needs the offline root. */
  | 'root-revocation-list'

/** Something with an end, and from when on somebody should see to it. */
export interface Term {
  readonly kind: TermKind
  readonly hierarchy: HierarchyName
  readonly endsAt: EpochMs
  /** How long before its end there is cause to warn, in milliseconds. */
  readonly warnMs: number
}

/** All terms in a grant, with the revocation lists that it holds; unreadable parts are left out. */
export const termsOf = ({ sites, north }: Grant): readonly Term[] => [
  ...chainTerms('sites', sites),
  ...chainTerms('north', north),
]

/** How long before the end of a site's certificate or statement there is cause to warn. */
export const CERTIFICATE_WARN_MS = 10 * DAY_MS

function chainTerms(hierarchy: HierarchyName, { chain, root, crls }: HeldChain): readonly Term[] {
  const terms: Term[] = []
  const add = (kind: TermKind, endsAt: EpochMs): void => {
    terms.push({ kind, hierarchy, endsAt, warnMs: WARN_MS[kind] })
  }
  const above = readCertificate(root)
  for (const [place, der] of chain.entries()) {
    const certificate = readCertificate(der)
    if (certificate !== undefined) add(place === 0 ? 'certificate' : 'issuer', certificate.notAfter)
  }
  if (above !== undefined) add('root', above.notAfter)
  for (const der of crls) {
    const list = readCrl(der)
    if (list === undefined) continue
    const ofRoot = above !== undefined && sameOctets(list.issuer, above.subject)
    add(ofRoot ? 'root-revocation-list' : 'revocation-list', list.nextUpdate)
  }
  return terms
}

const WARN_MS: Readonly<Record<TermKind, number>> = {
  certificate: CERTIFICATE_WARN_MS,
  issuer: 90 * DAY_MS,
  root: 365 * DAY_MS,
  // Of a week: three daily renewals have been missed by then.
  'revocation-list': 4 * DAY_MS,
  'root-revocation-list': 90 * DAY_MS,
}
