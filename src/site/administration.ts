/**
 * What whoever administers a site looks at: until when its trust lasts, and how it is configured.
 *
 * Tells no secret: certificates, lists and statements are public, and a configuration holds none.
 *
 * @module
 */

import type { AdministrationView } from '#contract'
import type { SiteParts } from './site.ts'
import { REMEDY_WORDS } from './trust-alarms.ts'
import { inspectTrust, stageOf } from './trust.ts'

/** @throws EnrolmentRefusal and others if a file of the folder is missing or damaged */
export async function administrationOf({ options }: SiteParts): Promise<AdministrationView> {
  const { configuration, material, ports, settings } = options
  const { site, kme } = configuration
  const now = ports.clock.now()
  const { ends, refused } = await inspectTrust(ports.disk, { site, kme, now })
  const standing = ends.map((end) => ({
    ...{ part: end.part, state: stageOf(end, now), endsAt: end.endsAt },
    says: REMEDY_WORDS[end.remedy],
  }))
  return {
    fingerprint: material.rootFingerprint,
    trust: [
      ...refused.map(({ part, reason }) => {
        return { part, state: 'refused' as const, endsAt: null, says: reason }
      }),
      ...standing.toSorted((a, b) => a.endsAt - b.endsAt),
    ],
    settings: settings?.() ?? null,
  }
}
