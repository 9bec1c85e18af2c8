/**
 * Our SQL, as PostgreSQL wants it: numbered placeholders, its own names of types.
 *
 * Statements are written once, for SQLite. What differs is the text alone, never the meaning:
 * `blob` is `bytea`, `integer` has 64 bits, and text is ordered by its octets whatever the locale of
 * the database.
 *
 * @module
 */

/** A statement with `$1`, `$2` … for each `?` outside quotes. */
export function numbered(sql: string): string {
  let count = 0
  return outsideQuotes(sql, (part) => part.replaceAll('?', () => `$${String(++count)}`))
}

/** A definition with the types of PostgreSQL. */
export const defined = (sql: string): string =>
  outsideQuotes(sql, (part) =>
    part.replaceAll(/\b(?:blob|integer|real|text)\b/gi, (type) => TYPES[type.toLowerCase()]),
  )

/**
 * Whether a statement only reads and writes rows: none can end a transaction that others share, or
 * change the schema or a setting. PostgreSQL takes one command at a time in this protocol.
 */
export const isOfRows = (sql: string): boolean =>
  /^\s*(?:select|insert|update|delete|with)\b/i.test(sql)

function outsideQuotes(sql: string, change: (part: string) => string): string {
  return sql
    .split(QUOTED)
    .map((part, at) => (at % 2 === 0 ? change(part) : part))
    .join('')
}

/** A text in single quotes, or a name in double ones; doubled quotes stand for themselves. */
const QUOTED = /('(?:[^']|'')*'|"(?:[^"]|"")*")/

const TYPES: Readonly<Record<string, string>> = {
  blob: 'bytea',
  integer: 'bigint',
  real: 'double precision',
  text: 'text collate "C"',
}
