/**
 * What the tests of this room share: a federation made once, and two sites of it.
 *
 * @module
 */

import { epochMs, kmeId, siteId, type EpochMs } from '#base'
import { seededRandom } from '#world/ports'
import { anchorsOf, createAuthority, type Authority, type Roots } from './authority.ts'
import { enrolmentRequest, readEnrolment, type SiteNames } from './enrolment.ts'
import { acceptGrant, grantSite, type Grant } from './grant.ts'
import { newSiteKeys, type SiteKeys } from './site-keys.ts'

/** Serial numbers that differ from run to run would make failures hard to repeat. */
export const random = seededRandom(1, 'pki')

/** The time of all that is made here, unless a test says otherwise. */
export const NOW: EpochMs = epochMs(1_767_225_600_000)

export const later = (ms: number): EpochMs => epochMs(NOW + ms)

export const namesOf = (name: string): SiteNames => ({
  federation: 'Test Federation',
  site: siteId(name),
  kme: kmeId(`kme-${name}`),
  origin: `photonward.example/${name}`,
  dns: [`${name}.example`],
  north: { dns: [`kme.${name}.example`], ip: ['192.0.2.7'] },
})

export interface EnrolledSite {
  readonly names: SiteNames
  readonly keys: SiteKeys
  readonly grant: Grant
}

export interface Federation {
  readonly authority: Authority
  readonly roots: Roots
  readonly sites: readonly EnrolledSite[]
}

/** Enrols one more site, as of `now`. */
export async function enrol(
  authority: Authority,
  name: string,
  now: EpochMs = NOW,
): Promise<{ readonly authority: Authority; readonly site: EnrolledSite }> {
  const [names, keys] = [namesOf(name), newSiteKeys()]
  const request = readEnrolment(await enrolmentRequest(keys, names, now), now)
  const granted = await grantSite(authority, request, { expected: names, now, random })
  const anchors = anchorsOf(authority)
  const grant = acceptGrant(granted.grant, keys, { ...names, anchors, now })
  return { authority: granted.authority, site: { names, keys, grant } }
}

/** A federation with two sites, as of `now`. */
export async function newFederation(now: EpochMs = NOW): Promise<Federation> {
  const created = await createAuthority('Test Federation', { now, random })
  const bristol = await enrol(created.authority, 'bristol', now)
  const cambridge = await enrol(bristol.authority, 'cambridge', now)
  const sites = [bristol.site, cambridge.site]
  return { authority: cambridge.authority, roots: created.roots, sites }
}

/** One federation for all tests that only read it. */
export const federation = newFederation()
