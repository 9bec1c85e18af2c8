/**
 * All tables of a site.
 *
 * @module
 */

import type { Migration } from '#base'
import { auditMigrations } from '#audit'
import { exchangeMigrations } from '#exchange'
import { keystoreMigrations } from '#keystore'
import { partnerMigrations } from '#kme'
import { vaultMigrations } from '#vault'
import { alarmMigrations } from './alarms.ts'
import { daemonMigrations } from './daemons.ts'
import { controlMigrations } from './etsi-015/steering.ts'
import { knownSiteMigrations } from './known-sites.ts'
import { leadMigrations } from './lead.ts'
import { linkHistoryMigrations } from './link-history.ts'
import { keyMemoryMigrations } from './key-memory.ts'
import { declarationMigrations } from './declarations.ts'
import { networkMigrations } from './network-map.ts'
import { preSharedMigrations } from './pre-shared-store.ts'
import { sessionMigrations } from './sessions.ts'

/** In the order in which they are made. */
export const siteMigrations: readonly Migration[] = [
  ...auditMigrations,
  ...alarmMigrations,
  ...linkHistoryMigrations,
  ...keystoreMigrations,
  ...sessionMigrations,
  ...vaultMigrations,
  ...exchangeMigrations,
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
