/**
 * Commits on their way to the writer thread, packed: a few flat arrays cross over for a fraction of
 * what the same values cost as objects, and a text of SQL crosses only once.
 *
 * One packer speaks to one unpacker, in order: both number the texts that were told. Opens no other
 * room's door at run time, for the writer thread does not (see `store-wire.ts`).
 *
 * @module
 */

import type { SqlValue, Statement } from '#base'
import type { Commit, PackedCommits, PackedValue } from './store-wire.ts'

/** Gathers commits. What is added is copied: it may change afterwards. */
export class CommitPacker {
  /** Texts that the other side knows, by their number. */
  readonly #texts = new Map<string, number>()
  #pack = emptyPack(false)
  #octets = new Uint8Array(OCTETS_AT_FIRST)
  #used = 0

  /** Whether nothing was added since the last `take`. */
  get isEmpty(): boolean {
    return this.#pack.plan.length === 0
  }

  add(statements: readonly Statement[]): void {
    const { plan } = this.#pack
    plan.push(statements.length)
    for (const { sql, parameters, expectChanges } of statements) {
      plan.push(this.#numberOf(sql), parameters.length, (expectChanges ?? -1) + 1)
      for (const value of parameters) this.#addValue(value)
    }
  }

  /** All that was added; its octets are to be transferred, not copied. */
  take(): PackedCommits {
    const octets = this.#octets.slice(0, this.#used)
    const pack = { ...this.#pack, octets }
    const anew = this.#texts.size >= TEXTS_MAX
    if (anew) this.#texts.clear()
    if (this.#octets.length > OCTETS_KEPT_MAX) this.#octets = new Uint8Array(OCTETS_AT_FIRST)
    this.#pack = emptyPack(anew)
    this.#used = 0
    return pack
  }

  #numberOf(sql: string): number {
    const known = this.#texts.get(sql)
    if (known !== undefined) return known
    const number = this.#texts.size
    this.#texts.set(sql, number)
    this.#pack.texts.push(sql)
    return number
  }

  #addValue(value: SqlValue): void {
    const { values } = this.#pack
    if (!(value instanceof Uint8Array)) {
      values.push(value)
      return
    }
    const end = this.#used + value.length
    if (end > this.#octets.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#octets.length))
      larger.set(this.#octets.subarray(0, this.#used))
      this.#octets = larger
    }
    this.#octets.set(value, this.#used)
    this.#used = end
    values.push(undefined, value.length)
  }
}

/** Turns packs back into commits. */
export class CommitUnpacker {
  readonly #texts: string[] = []

  /** The commits of a pack; their octets are parts of its own. */
  open({ anew, texts, plan, values, octets }: PackedCommits): readonly Commit[] {
    if (anew) this.#texts.length = 0
    this.#texts.push(...texts)
    const commits: Commit[] = []
    const rest = new Values(values, octets)
    for (let at = 0; at < plan.length;) {
      const statements: Statement[] = []
      for (let left = plan[at++]; left > 0; left--) {
        const sql = this.#texts[plan[at++]]
        const parameters = rest.take(plan[at++])
        const expectChanges = plan[at++] - 1
        statements.push(
          expectChanges < 0 ? { sql, parameters } : { sql, parameters, expectChanges },
        )
      }
      commits.push(statements)
    }
    return commits
  }
}

/** The values of a pack, taken from the front. */
class Values {
  readonly #values: readonly PackedValue[]
  readonly #octets: Uint8Array
  #at = 0
  #octetsAt = 0

  constructor(values: readonly PackedValue[], octets: Uint8Array) {
    this.#values = values
    this.#octets = octets
  }

  take(count: number): readonly SqlValue[] {
    const taken: SqlValue[] = []
    while (taken.length < count) {
      const value = this.#values[this.#at++]
      taken.push(value === undefined ? this.#takeOctets() : value)
    }
    return taken
  }

  #takeOctets(): Uint8Array {
    const length = this.#values[this.#at++]
    if (typeof length !== 'number') throw new TypeError('Octets in a pack have no length')
    const from = this.#octetsAt
    this.#octetsAt += length
    return this.#octets.subarray(from, this.#octetsAt)
  }
}

const emptyPack = (anew: boolean) => ({
  anew,
  texts: [] as string[],
  plan: [] as number[],
  values: [] as PackedValue[],
})

/** Texts that are numbered before numbering begins anew: some texts vary in their length. */
const TEXTS_MAX = 1024
const OCTETS_AT_FIRST = 16_384
/** A buffer that had to become larger than this is not kept. */
const OCTETS_KEPT_MAX = 2 ** 20
