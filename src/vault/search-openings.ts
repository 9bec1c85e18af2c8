/**
 * What one search opens: candidates that are looked at, resources that are given out.
 *
 * @module
 */

import type { Uuid } from '#base'
import type { ChartEntry } from './chart-page.ts'
import type { VaultContext } from './context.ts'
import { entryOf } from './indexing.ts'
import type { HolderKey } from './holder-key.ts'
import { holdersOfObject, objectById, type StoredObject } from './objects.ts'
import { openAt, Opening, patientOf, type Opened } from './opened.ts'
import { damaged } from './refusal.ts'
import type { SearchAsked } from './search.ts'
import { trailEntries, type Touched } from './trail.ts'

/** What one search has opened, each once. Owns the keys. */
export class Openings implements Disposable {
  readonly #context: VaultContext
  readonly #opened = new Map<Uuid, Promise<Opening>>()
  readonly #keys = new Map<Uuid, HolderKey>()
  /** Holders of what was shown to whoever decides, or given out. */
  readonly #shown = new Map<Uuid, Touched['patient']>()

  constructor(context: VaultContext) {
    this.#context = context
  }

  /** The resource of an entry. @throws VaultRefusal `VAULT_DAMAGED` */
  async of(entry: ChartEntry): Promise<Opened> {
    const known = this.#opened.get(entry.object)
    const opening = known ?? this.#open(entry)
    this.#opened.set(entry.object, opening)
    const { opened, key } = await opening
    await this.#note(opened, key.holder.id)
    return opened
  }

  /** What a chart would say of an object, from its newest version; undefined if that is no more. */
  async candidate(object: Uuid): Promise<ChartEntry | undefined> {
    const opening = this.#opened.get(object) ?? this.#openNewest(object)
    this.#opened.set(object, opening)
    const { opened } = await opening
    return opened.isGone ? undefined : entryOf(opened, opened.at)
  }

  async all(entries: readonly ChartEntry[]): Promise<readonly Opened[]> {
    const opened: Opened[] = []
    for (const entry of entries) opened.push(await this.of(entry))
    return opened
  }

  /**
   * Logs the search for everybody whose resources were shown, or for nobody.
   *
   * @param isWalk   a step of a walk, which need not be logged where nothing was shown
   */
  async log(asked: SearchAsked, items: number, isWalk = false): Promise<void> {
    const { actor, act, told } = asked
    const deed = { kind: 'vault.sought', actor, act, told, facts: { items } }
    const shown = [...this.#shown].map(([id, patient]) => ({ key: this.#keys.get(id), patient }))
    if (shown.length === 0 && isWalk) return
    // A search that found nobody is one that somebody made.
    const touched = shown.length === 0 ? [{}] : shown
    await this.#context.store.commit(trailEntries(this.#context, deed, touched))
  }

  /** Remembers everybody whom a resource is about, with a key of each. */
  async #note({ value, holders }: Opened, by: Uuid): Promise<void> {
    const patient = patientOf(value)
    for (const id of holders) {
      if (!this.#keys.has(id)) {
        const key = await this.#context.keyring.readerOf(id)
        if (key === undefined) continue
        this.#keys.set(id, key)
      }
      if (!this.#shown.has(id)) this.#shown.set(id, patient)
    }
    if (!this.#shown.has(by)) this.#shown.set(by, patient)
  }

  async #open({ object: id, version }: ChartEntry): Promise<Opening> {
    const object = await this.#object(id)
    if (object.newest !== version) await this.#requireOvertaken(id)
    return this.#kept(await openAt(this.#context, object, version))
  }

  async #openNewest(id: Uuid): Promise<Opening> {
    return this.#kept(await openAt(this.#context, await this.#object(id)))
  }

  async #object(id: Uuid): Promise<StoredObject> {
    const object = await objectById(this.#context, id)
    if (object === undefined) throw damaged(`vault_object ${id}`, 'the row is missing')
    return object
  }

  /** Keeps one key of each holder. */
  #kept(opening: Opening): Opening {
    const { key, opened } = opening
    const known = this.#keys.get(key.holder.id)
    if (known === undefined) {
      this.#keys.set(key.holder.id, key)
      return opening
    }
    key[Symbol.dispose]()
    return new Opening(opened, known)
  }

  /** Chart and version are written in one commit: they differ only where a commit came between. */
  async #requireOvertaken(id: Uuid): Promise<void> {
    const [holder] = await holdersOfObject(this.#context, id)
    const entry = (await this.#context.charts.of(holder)).entries.get(id)
    const object = await objectById(this.#context, id)
    if (entry === undefined || entry.version === object?.newest) return
    throw damaged(`vault_chart ${holder}`, 'does not list the newest versions')
  }

  [Symbol.dispose](): void {
    for (const key of this.#keys.values()) key[Symbol.dispose]()
  }
}
