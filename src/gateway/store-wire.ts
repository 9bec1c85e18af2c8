/**
 * What the Store port and its writer thread say to each other.
 *
 * Commits and outcomes go in order, so they carry no numbers: the n-th outcome is that of the n-th
 * commit. The writer thread opens no other room's door: that would double its start-up time.
 *
 * @module
 */

import type { Facts, Migration, PortRefusalCode, Row, Statement } from '#base'
import type { GatewayRefusalCode } from './refusal.ts'

/** A migration and the SHA-256 of its statements, in hexadecimal. */
export interface KnownMigration extends Migration {
  readonly digest: string
}

/** What the writer thread is started with. */
export interface WriterSetup {
  readonly file: string
  readonly migrations: readonly KnownMigration[]
  readonly pagesMax: number | undefined
}

export type Commit = readonly Statement[]

export type ToWriter =
  | { readonly kind: 'commits'; readonly commits: readonly Commit[] }
  /** Bounds the size of the database, as a disk does. */
  | { readonly kind: 'limit'; readonly pagesMax: number }
  | { readonly kind: 'close' }

/** Why one commit was undone. Plain data: error classes do not survive between threads. */
export interface Failure {
  readonly code: PortRefusalCode
  readonly message: string
  readonly facts: Facts
  /** Text of the database's own error, where there was one. */
  readonly cause?: string
}

/** Rows of each statement, or null where no statement returned any. */
export type Outcome =
  | { readonly kind: 'committed'; readonly rows: readonly (readonly Row[])[] | null }
  | { readonly kind: 'undone'; readonly failure: Failure }

export type FromWriter =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'refused'
      readonly code: GatewayRefusalCode
      readonly message: string
      readonly facts: Facts
      /** Text of the database's own error, where there was one. */
      readonly cause: string | undefined
    }
  | { readonly kind: 'outcomes'; readonly outcomes: readonly Outcome[] }
  /** The disk failed under the database: nothing more can be promised, the writer has ended. */
  | { readonly kind: 'failed'; readonly failure: Failure }
