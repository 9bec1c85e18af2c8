/**
 * The ports: everything a site needs from the outside world.
 *
 * Each is real in `gateway` and simulated in `world`. Rooms receive ports as arguments and never
 * reach for a socket, a file, a clock or a random number themselves.
 *
 * @module
 */

import type { Facts } from './refusal.ts'
import type { SiteId } from './ids.ts'
import type { EpochMs } from './units.ts'

/** Undoes a registration. Calling it twice does nothing. */
export type Cancel = () => void

export interface Clock {
  /** Wall-clock time. May jump either way; never decides how long something has lasted. */
  now(): EpochMs
  /** Milliseconds since some fixed moment; never goes back. */
  monotonicMs(): number
  /** Runs `task` once, `delayMs` from now or a little later. */
  after(delayMs: number, task: () => void): Cancel
}

/** A cryptographic random source. In the world it is seeded, and says so. */
export interface RandomSource {
  /** `simulated` only in tests and in the world: keys drawn from it protect nothing. */
  readonly kind: 'operating-system' | 'simulated'
  /** Fresh random octets; the caller owns the array. */
  octets(size: number): Uint8Array
}

/** One authenticated, encrypted, ordered connection to one other site. */
export interface Connection {
  /** The other end, as proven by its certificate. */
  readonly peer: SiteId
  /** What the dialling end said the connection is for, e.g. `peer` or `link:bristol-cambridge`. */
  readonly channel: string
  /**
   * Queues one message. Resolves when the transport can take more (back-pressure), not when it
   * has arrived. Rejects with a `PortRefusal` when the connection is gone. Does not copy: the
   * octets must not change afterwards.
   */
  send(message: Uint8Array): Promise<void>
  /** Calls back for each message in turn, waiting for the returned promise before the next. */
  receive(take: (message: Uint8Array) => Promise<void> | void): void
  /** Resolves once the connection is gone, whoever ended it. */
  readonly closed: Promise<void>
  close(): void
}

export interface Network {
  /** Accepts connections on `channel` names for which `channels` says yes. */
  accept(channels: (name: string) => boolean, take: (connection: Connection) => void): Cancel
  /** Connects to an enrolled site. Rejects with a `PortRefusal`. */
  dial(peer: SiteId, channel: string): Promise<Connection>
}

/** Files of one site, named by paths relative to its folder, with `/` between parts. */
export interface Disk {
  /** The whole file, or undefined if there is none. */
  read(path: string): Promise<Uint8Array | undefined>
  /** Replaces the whole file; durable (file and folder synced) when it resolves. */
  write(path: string, octets: Uint8Array): Promise<void>
  /** Overwrites octets in place, inside the present size; durable when it resolves. */
  overwrite(path: string, offset: number, octets: Uint8Array): Promise<void>
  /** Durable when it resolves; a missing file is no error. */
  remove(path: string): Promise<void>
  /** Paths of the files directly in a folder; empty if there is no such folder. */
  list(folder: string): Promise<readonly string[]>
  /** Paths of all files below a folder, a page at a time, while files may come and go. */
  pages(folder: string): AsyncIterable<readonly string[]>
}

export type SqlValue = string | number | bigint | Uint8Array | null
export type Row = Readonly<Record<string, SqlValue>>

/** SQL text (compiled by Kysely) and its parameters, in order. */
export interface Statement {
  readonly sql: string
  readonly parameters: readonly SqlValue[]
  /**
   * With a number: the transaction is undone, and `commit` rejects with `STORE_CONFLICT`, unless
   * the statement changes exactly so many rows. This is how a race is lost without harm.
   */
  readonly expectChanges?: number
}

/** The one durable database of a site. Audit leaf and data go into one `commit`. */
export interface Store {
  /** Sees every commit that was acknowledged before the call. */
  read(statement: Statement): Promise<readonly Row[]>
  /**
   * All statements or none, durable when it resolves. Calls made while a transaction is running
   * are committed together with one sync, each all-or-none by itself, in the order of the calls.
   * Resolves to the rows that each statement returned (`returning …`), empty for the others.
   */
  commit(statements: readonly Statement[]): Promise<readonly (readonly Row[])[]>
}

/** What one HTTP request says, after TLS and before any parsing of its body. */
export interface HttpRequest {
  readonly method: string
  /** Path without query, still percent-encoded. */
  readonly path: string
  readonly query: URLSearchParams
  readonly contentType: string | undefined
  readonly body: Uint8Array
  /** The verified client certificate, or undefined where the listener asks for none. */
  readonly client: ClientCertificate | undefined
  /** Network address of the other end, as the connection shows it. */
  readonly address?: string | undefined
}

/** The fields of a verified client certificate that may name a caller. */
export interface ClientCertificate {
  readonly commonName: string | undefined
  readonly uriNames: readonly string[]
  /** Upper-case hexadecimal, no separators. */
  readonly serialNumber: string
  /** SHA-256 of the DER form, lower-case hexadecimal. */
  readonly fingerprint: string
}

export interface HttpResponse {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: Uint8Array | string
}

export type HttpHandler = (request: HttpRequest) => Promise<HttpResponse>

export type LogLevel = 'debug' | 'info' | 'warning' | 'error'

/** Operational messages for the operator of this site; no secrets, nothing of a patient. */
export interface Log {
  write(level: LogLevel, event: string, facts?: Facts): void
}

/** All ports of one site. */
export interface Ports {
  readonly clock: Clock
  readonly random: RandomSource
  readonly network: Network
  readonly disk: Disk
  readonly store: Store
  readonly log: Log
}
