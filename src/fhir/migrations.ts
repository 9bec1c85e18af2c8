/**
 * Tables of this room: exports, and watches of subscriptions.
 *
 * @module
 */

import type { Migration } from '#base'
import { bulkMigrations } from './bulk/job.ts'
import { hookMigrations } from './hooks/watch.ts'

/** The schema of this room, in order. */
export const fhirMigrations: readonly Migration[] = [...bulkMigrations, ...hookMigrations]
