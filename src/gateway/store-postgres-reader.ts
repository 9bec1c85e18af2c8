/**
 * Reading from PostgreSQL, on a connection that cannot write and is made again after a cut.
 *
 * @module
 */

import type { Client } from 'pg'
import { PortRefusal, type Row, type SiteId, type Statement } from '#base'
import { refusalOf, refuseFaults } from './store-refusals.ts'
import { PreparedNames } from './store-postgres-names.ts'
import { connect, end, type PostgresAddress } from './store-postgres-session.ts'
import { isOfRows } from './store-postgres-text.ts'
import {
  isLost,
  plainRow,
  postgresFailure,
  postgresFault,
  toPostgres,
  UNREACHABLE,
} from './store-postgres-values.ts'
import type { Failure } from './store-wire.ts'

/** A connection, and what is kept for it. */
interface Reading {
  readonly client: Client
  readonly names: PreparedNames
}

/** Owns the reading connection, which it makes when it is first needed. */
export class PostgresReader implements AsyncDisposable {
  readonly #address: PostgresAddress
  readonly #site: SiteId
  #reading: Promise<Reading> | undefined

  constructor(address: PostgresAddress, site: SiteId) {
    this.#address = address
    this.#site = site
  }

  /** As the Store port says. A connection that was cut since it was last used costs no read. */
  async read({ sql, parameters }: Statement): Promise<readonly Row[]> {
    refuseFaults(parameters, postgresFault)
    refuseUnlessOfRows(sql)
    const values = parameters.map(toPostgres)
    const isKept = this.#reading !== undefined
    try {
      return await this.#ask(sql, values)
    } catch (error) {
      // Once only: on a connection that was just made, the database itself is the trouble.
      if (!isKept || !isLost(error)) throw told(error)
      return await this.#ask(sql, values).catch((again: unknown) => Promise.reject(told(again)))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const reading = await this.#reading?.catch(() => undefined)
    if (reading !== undefined) await end(reading.client)
  }

  /** @throws PortRefusal while no connection can be made, or what `pg` says */
  async #ask(sql: string, values: readonly unknown[]): Promise<readonly Row[]> {
    const connected = this.#connected()
    const reading = await connected
    try {
      const query = { ...reading.names.of(sql), values: [...values] }
      const { rows } = await reading.client.query<Record<string, unknown>>(query)
      return rows.map(plainRow)
    } catch (error) {
      if (isLost(error)) {
        // Others that waited on the same connection come here too, maybe after it was made again.
        if (this.#reading === connected) this.#reading = undefined
        void end(reading.client)
      }
      throw error
    }
  }

  #connected(): Promise<Reading> {
    this.#reading ??= connect(this.#address, { site: this.#site, writes: false }).then(
      (client) => ({ client, names: new PreparedNames() }),
      () => {
        this.#reading = undefined
        throw refusalOf(UNREACHABLE)
      },
    )
    return this.#reading
  }
}

const told = (error: unknown): PortRefusal =>
  error instanceof PortRefusal ? error : refusalOf(postgresFailure(error))

/** Refuses a statement that might do more than read and write rows. @throws PortRefusal */
export function refuseUnlessOfRows(sql: string): void {
  if (!isOfRows(sql)) throw refusalOf(NOT_OF_ROWS)
}

const NOT_OF_ROWS: Failure = {
  code: 'STORE_FAILED',
  message: 'A statement may only read and write rows',
  facts: {},
}
