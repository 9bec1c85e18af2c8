/**
 * Watches the log of every site of a world from outside: keeps a copy of each entry as it comes, and
 * holds the log against the copy and against what its witnesses have seen.
 *
 * Reads the tables beneath the site, so that nothing the site does can hide a change from it.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { eventOf, type AuditEvent } from '#audit'
import { sameOctets, type Row } from '#base'
import type { World, WorldSite } from '#world'

export class LogWatch {
  readonly #world: World
  /** Entries as they were when they came, by site. */
  readonly #kept = new Map<string, Uint8Array[]>()
  /** Heads that were held against the copy already. */
  readonly #compared = new Set<string>()

  constructor(world: World) {
    this.#world = world
    for (const { id } of world.sites) this.#kept.set(id, [])
  }

  /** Looks from now on, until the world ends. */
  start(): void {
    this.#world.time.after(EVERY_MS, () => {
      void this.look().then(() => this.start())
    })
  }

  /** Takes in what is new, and compares what the witnesses hold. */
  async look(): Promise<void> {
    for (const site of this.#world.sites) await this.#take(site)
    for (const witness of this.#world.sites) await this.#compareHeads(witness)
  }

  /** Compares every entry with its copy. */
  async compareAll(): Promise<void> {
    await this.look()
    for (const site of this.#world.sites) {
      const kept = this.#keptOf(site.id)
      const rows = await entriesFrom(site, 0)
      if (rows.length !== kept.length) this.#fault(site.id, 'has lost entries')
      for (const [at, { ix, leaf }] of rows.entries()) {
        const same = ix === at && sameOctets(leaf, kept.at(at) ?? NONE)
        if (!same) {
          this.#fault(site.id, `has changed entry ${at}`)
          return
        }
      }
    }
  }

  /** The events of a site, in order, out of the copies. */
  events(site: string): readonly AuditEvent[] {
    return this.#keptOf(site).map(eventOf)
  }

  async #take(site: WorldSite): Promise<void> {
    const kept = this.#keptOf(site.id)
    for (const { ix, leaf } of await entriesFrom(site, kept.length)) {
      if (ix !== kept.length) this.#fault(site.id, `has no entry ${kept.length}`)
      kept.push(leaf)
    }
    const [row] = await read(site, 'select count(*) as size from audit_entry where site_id = ?', [
      site.id,
    ])
    if (Number(row['size']) < kept.length) this.#fault(site.id, 'has lost entries')
  }

  async #compareHeads(witness: WorldSite): Promise<void> {
    const heads = 'select origin, size, root from audit_witnessed where site_id = ?'
    for (const { origin, size, root } of await read(witness, heads, [witness.id])) {
      const name = `${witness.id} ${String(origin)} ${String(size)}`
      const of = this.#world.sites.find((one) => one.configuration.logOrigin === origin)
      if (of === undefined || this.#compared.has(name)) continue
      this.#compared.add(name)
      const kept = this.#keptOf(of.id)
      if (kept.length < Number(size)) this.#fault(of.id, `lacks what ${witness.id} has witnessed`)
      else if (!sameOctets(rootOf(kept.slice(0, Number(size))), octetsOf(root))) {
        this.#fault(of.id, `is not what ${witness.id} has witnessed`)
      }
    }
  }

  #keptOf(site: string): Uint8Array[] {
    return this.#kept.get(site) ?? []
  }

  #fault(site: string, what: string): void {
    this.#world.report(`the log of ${site} ${what}`)
  }
}

async function entriesFrom(site: WorldSite, first: number) {
  const sql = 'select ix, leaf from audit_entry where site_id = ? and ix >= ? order by ix'
  const rows = await read(site, sql, [site.id, first])
  return rows.map(({ ix, leaf }) => ({ ix: Number(ix), leaf: octetsOf(leaf) }))
}

const read = (
  { store }: WorldSite,
  sql: string,
  parameters: readonly (string | number)[],
): Promise<readonly Row[]> => store.read({ sql, parameters })

const octetsOf = (value: Row[string]): Uint8Array => (value instanceof Uint8Array ? value : NONE)

/** The Merkle tree hash of RFC 9162 §2.1.1, written anew: a second opinion. */
export function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return sha256()
  if (leaves.length === 1) return sha256(Uint8Array.of(0), leaves[0])
  let split = 1
  while (split * 2 < leaves.length) split *= 2
  return sha256(Uint8Array.of(1), rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split)))
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

const NONE = new Uint8Array(0)
const EVERY_MS = 10 * 60_000
