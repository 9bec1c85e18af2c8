/**
 * All tables of this room.
 *
 * @module
 */

import type { Migration } from '#base'
import { onceMigrations } from './once.ts'
import { sealedRowMigrations } from './sealed-rows.ts'

export const accessMigrations: readonly Migration[] = [...onceMigrations, ...sealedRowMigrations]
