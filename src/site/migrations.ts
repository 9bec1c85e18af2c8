/**
 * All tables of a site; a trusted node has none for records.
 *
 * @module
 */

import type { Migration } from '#base'
import { auditMigrations } from '#audit'
import { keystoreMigrations } from '#keystore'
import { partnerMigrations } from '#kme'
import { alarmMigrations } from './alarms.ts'
import type { SiteConfiguration } from './config.ts'
import { daemonMigrations } from './daemons.ts'
import { controlMigrations } from './etsi-015/steering.ts'
import { knownSiteMigrations } from './known-sites.ts'
import { leadMigrations } from './lead.ts'
import { linkHistoryMigrations } from './link-history.ts'
import { keyMemoryMigrations } from './key-memory.ts'
import { declarationMigrations } from './declarations.ts'
import { networkMigrations } from './network-map.ts'
import { preSharedMigrations } from './pre-shared-store.ts'
import { siemMigrations } from './siem-keeper.ts'
import { sessionMigrations } from './sessions.ts'

/** The tables of a trusted node, or of a hospital, in the order in which they are made. */
export async function siteMigrations(
  role: SiteConfiguration['role'] = 'hospital',
): Promise<readonly Migration[]> {
  const records = role === 'hospital' ? await recordMigrations() : []
  return [
    ...auditMigrations,
    ...alarmMigrations,
    ...siemMigrations,
    ...linkHistoryMigrations,
    ...keystoreMigrations,
    ...sessionMigrations,
    ...records,
    ...knownSiteMigrations,
    ...preSharedMigrations,
    ...networkMigrations,
    ...keyMemoryMigrations,
    ...declarationMigrations,
    ...partnerMigrations,
    ...controlMigrations,
    ...leadMigrations,
    ...daemonMigrations,
  ]
}

/** Loaded only where there are records. */
async function recordMigrations(): Promise<readonly Migration[]> {
  const { accessMigrations } = await import('#access')
  const { vaultMigrations } = await import('#vault')
  const { exchangeMigrations } = await import('#exchange')
  const { fhirMigrations } = await import('#fhir')
  return [...vaultMigrations, ...exchangeMigrations, ...fhirMigrations, ...accessMigrations]
}
