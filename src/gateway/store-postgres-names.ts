/**
 * Names of prepared statements on one connection, so that PostgreSQL plans a text once.
 *
 * @module
 */

import { numbered } from './store-postgres-text.ts'

/** A text as the client takes it; with a name it is prepared under it. */
export interface NamedText {
  readonly text: string
  readonly name?: string
}

export class PreparedNames {
  readonly #known = new Map<string, NamedText>()

  /** The text for PostgreSQL; from some number of texts on without a name, planned each time. */
  of(sql: string): NamedText {
    const known = this.#known.get(sql)
    if (known !== undefined) return known
    const text = numbered(sql)
    if (this.#known.size >= PREPARED_MAX) return { text }
    const named = { text, name: `s${String(this.#known.size)}` }
    this.#known.set(sql, named)
    return named
  }
}

/** Statements prepared on one connection. */
const PREPARED_MAX = 512
