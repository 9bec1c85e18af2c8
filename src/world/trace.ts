/**
 * The trace of a world: one running hash over everything its sites did, in order.
 *
 * Two runs of the same seed have the same trace. Octets that cannot be seeded (encapsulations,
 * hedged signatures, keys of certificates) are left out: a step says when, who, what kind and how
 * large, never which.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import type { Statement } from '#base'

/** Owns the hash, and the last steps in clear for whoever looks for a difference. */
export class Trace {
  readonly #hash = createHash('sha256')
  readonly #newest: string[] = []
  #steps = 0

  /** Adds one step. @param what   place, kind and sizes; no octets */
  add(atMs: number, what: string): void {
    const line = `${atMs} ${what}`
    this.#steps++
    this.#hash.update(line).update('\n')
    this.#newest.push(line)
    if (this.#newest.length >= 2 * STEPS_KEPT) this.#newest.splice(0, STEPS_KEPT)
  }

  get steps(): number {
    return this.#steps
  }

  /** The hash as of now, in hexadecimal; more steps may follow. */
  digest(): string {
    return this.#hash.copy().digest('hex')
  }

  /** The newest steps in clear, oldest first. */
  newest(count: number): readonly string[] {
    return this.#newest.slice(-count)
  }
}

/** A commit in a few words: what each statement does to which table, and how many octets it holds. */
export function commitText(statements: readonly Statement[]): string {
  let octets = 0
  for (const { parameters } of statements) {
    for (const value of parameters) if (value instanceof Uint8Array) octets += value.length
  }
  return `${statements.map(({ sql }) => verbOf(sql)).join(' ')} ${octets}`
}

/** The folder of a path: names of files may be hashes of what cannot be seeded. */
export const folderOf = (path: string): string => path.slice(0, path.indexOf('/') + 1)

function verbOf(sql: string): string {
  const known = verbs.get(sql)
  if (known !== undefined) return known
  const [, verb = '', table = ''] = STATEMENT.exec(sql) ?? []
  const text = `${verb.toLowerCase()}:${table}`
  verbs.set(sql, text)
  return text
}

const verbs = new Map<string, string>()
const STATEMENT = /^\s*(insert|update|delete)\s+(?:into\s+|from\s+)?"?(\w+)/i
/** Steps that are kept in clear. */
const STEPS_KEPT = 1000
