/**
 * Columns of rows that a database gave back: it may have been tampered with, so each is checked.
 *
 * @module
 */

import { epochMs, siteId, uuidOf, type EpochMs, type Row, type SiteId, type Uuid } from '#base'
import { VaultRefusal } from './refusal.ts'

function textIn(row: Row, column: string): string {
  const value = row[column]
  if (typeof value === 'string') return value
  throw unreadable(column)
}

/** A whole number of a column; PostgreSQL gives large ones as texts or bigints. */
export function numberOf(row: Row, column: string): number {
  const value = Number(row[column])
  if (Number.isSafeInteger(value)) return value
  throw unreadable(column)
}

export function octetsOf(row: Row, column: string): Uint8Array {
  const value = row[column]
  if (value instanceof Uint8Array) return value
  throw unreadable(column)
}

/** One of our ids; its columns hold the 16 octets. */
export function idIn(row: Row, column: string): Uuid {
  const octets = octetsOf(row, column)
  if (octets.length !== 16) throw unreadable(column)
  return uuidOf(octets)
}

export function siteIn(row: Row, column: string): SiteId {
  const text = textIn(row, column)
  try {
    return siteId(text)
  } catch {
    throw unreadable(column)
  }
}

export function timeIn(row: Row, column: string): EpochMs {
  const value = numberOf(row, column)
  if (value < 0) throw unreadable(column)
  return epochMs(value)
}

const unreadable = (column: string): VaultRefusal =>
  new VaultRefusal('VAULT_DAMAGED', `Column ${column} of a row cannot be read`, {
    facts: { column },
  })
