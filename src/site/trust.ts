/**
 * What a site's folder says of its trust, without any secret: when its parts end, and which of them
 * do not hold now. For `doctor`, and for alarms in time.
 *
 * @module
 */

import { kmeId, siteId, type Disk, type EpochMs, type Store } from '#base'
import { verifyHead, type HeadCheck } from '#audit'
import {
  CERTIFICATE_WARN_MS,
  logVerifierOf,
  readGrant,
  termsOf,
  verifyChain,
  verifyStatement,
  type CertificateUsage,
  type Grant,
  type HierarchyName,
  type SiteStatement,
  type Term,
} from '#pki'
import { FILES, needed, readAnchors, readLists, withLists } from './material.ts'

/** What an operator can do about a part that ends. */
export type TrustRemedy =
  /** Publish fresh revocation lists. */
  | 'publish'
  /** Request and issue the site's certificates anew. */
  | 'renew'
  /** Have the peer renew, and join the sites again. */
  | 'join'
  /** Make a new authority, or a new issuer under its offline root. */
  | 'authority'

/** A part of the trust, and its end. */
export interface TrustEnd {
  /** Such as `certificate between sites` or `statement of cambridge`. */
  readonly part: string
  readonly endsAt: EpochMs
  /** How long before the end there is cause to warn, in milliseconds. */
  readonly warnMs: number
  readonly remedy: TrustRemedy
}

/** A part that does not hold now, and why. */
export interface TrustRefusal {
  readonly part: string
  readonly reason: string
}

export interface TrustView {
  readonly ends: readonly TrustEnd[]
  readonly refused: readonly TrustRefusal[]
  /** This site's own statement, if it holds. */
  readonly own: SiteStatement | undefined
  /** Peers whose statements hold. */
  readonly peers: readonly SiteStatement[]
}

/**
 * Looks at the trust of a site as of `now`.
 *
 * Verifies chains and statements under the anchors and lists in the folder. Does not check that the
 * site has the keys to its certificates: they are sealed.
 *
 * @throws EnrolmentRefusal, PkiRefusal, or a refusal of `#base` if a file is missing or unreadable
 */
export async function inspectTrust(
  disk: Disk,
  about: { readonly site: string; readonly kme: string; readonly now: EpochMs },
): Promise<TrustView> {
  const { now } = about
  const octets = await needed(disk, FILES.grant, 'GRANT_MISSING', 'a grant; enrol it first')
  const grant = withLists(readGrant(octets), await readLists(disk))
  const anchors = await readAnchors(disk)
  const refused: TrustRefusal[] = [
    ...chainRefusal(grant, 'sites', {
      usage: 'site-server',
      name: siteId(about.site),
      now,
      anchors,
    }),
    ...chainRefusal(grant, 'north', { usage: 'kme-server', name: kmeId(about.kme), now, anchors }),
  ]
  const ends = termsOf(grant).map(endOf)
  const trust = { anchors: [anchors.sites], crls: grant.sites.crls, now }
  const own = verifyStatement(grant.statement, { ...trust, site: siteId(about.site) })
  if (own.kind === 'refused') refused.push({ part: 'own statement', reason: own.reason })
  const peers: SiteStatement[] = []
  for (const path of await disk.list('peers')) {
    const part = `statement of ${path.slice('peers/'.length).replace(/\.statement$/, '')}`
    const check = verifyStatement((await disk.read(path)) ?? new Uint8Array(0), trust)
    if (check.kind === 'refused') {
      refused.push({ part, reason: check.reason })
      continue
    }
    peers.push(check.statement)
    const { notAfter: endsAt } = check.statement
    ends.push({ part, endsAt, warnMs: CERTIFICATE_WARN_MS, remedy: 'join' })
  }
  return { ends, refused, own: own.kind === 'verified' ? own.statement : undefined, peers }
}

/** Whether the newest checkpoint of a site's log is its own, and the stored tree leads to it. */
export const inspectLogHead = (own: SiteStatement, store: Store): Promise<HeadCheck> =>
  verifyHead({ site: own.site, store }, logVerifierOf(own))

/** Whether a part is over, ends soon, or neither. */
export const stageOf = ({ endsAt, warnMs }: TrustEnd, now: EpochMs): 'ended' | 'ending' | 'good' =>
  endsAt <= now ? 'ended' : endsAt - warnMs <= now ? 'ending' : 'good'

function chainRefusal(
  grant: Grant,
  hierarchy: HierarchyName,
  expected: {
    readonly usage: CertificateUsage
    readonly name: string
    readonly now: EpochMs
    readonly anchors: Readonly<Record<HierarchyName, Uint8Array>>
  },
): readonly TrustRefusal[] {
  const { usage, name, now, anchors } = expected
  const part = `certificate ${WHERE[hierarchy]}`
  const { chain, crls } = grant[hierarchy]
  const check = verifyChain(chain, { anchors: [anchors[hierarchy]], crls, now, usage })
  if (check.kind === 'refused') {
    const place = check.place === 0 ? part : `authority above the ${part}`
    return [{ part: place, reason: check.reason }]
  }
  const { identity } = check.leaf
  const named =
    identity.kind === 'site' ? identity.site : identity.kind === 'kme' ? identity.kme : ''
  return named === name ? [] : [{ part, reason: `it is of ${named}, not of ${name}` }]
}

function endOf({ kind, hierarchy, endsAt, warnMs }: Term): TrustEnd {
  const where = WHERE[hierarchy]
  switch (kind) {
    case 'certificate':
      return { part: `certificate ${where}`, endsAt, warnMs, remedy: 'renew' }
    case 'issuer':
      return { part: `issuer ${where}`, endsAt, warnMs, remedy: 'authority' }
    case 'root':
      return { part: `root ${where}`, endsAt, warnMs, remedy: 'authority' }
    case 'revocation-list':
      return { part: `revocation list ${where}`, endsAt, warnMs, remedy: 'publish' }
    case 'root-revocation-list':
      return { part: `revocation list of the root ${where}`, endsAt, warnMs, remedy: 'authority' }
  }
}

const WHERE: Readonly<Record<HierarchyName, string>> = {
  sites: 'between sites',
  north: 'northbound',
}
