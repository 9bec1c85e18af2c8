/**
 * What the Store port and its writer thread say to each other.
 *
 * Commits and outcomes go in order, so they carry no numbers: the n-th outcome is that of the n-th
 * commit. The writer thread opens no other room's door: that would double its start-up time.
 *
 * @module
 */

import type { Facts, Migration, PortRefusalCode, Row, SqlValue, Statement } from '#base'
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

/** A parameter; undefined says that the next value is the length of octets, which stand apart. */
export type PackedValue = Exclude<SqlValue, Uint8Array> | undefined

/** Commits as they cross to the writer thread; see `store-packing.ts`. */
export interface PackedCommits {
  /** Whether the numbers of texts begin anew with this pack. */
  readonly anew: boolean
  /** Texts that were not told before; the first ever told is number 0. */
  readonly texts: readonly string[]
  /**
   * For each commit how many statements it has; for each statement the number of its text, how many
   * parameters it has, and how many changes it expects plus 1, or 0 if any number will do.
   */
  readonly plan: readonly number[]
  /** The parameters of all statements, in order. */
  readonly values: readonly PackedValue[]
  /** The octets of all parameters that are octets, in order. */
  readonly octets: Uint8Array<ArrayBuffer>
}

export type ToWriter =
  | { readonly kind: 'commits'; readonly commits: PackedCommits }
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
