/**
 * Holder keys: made, wrapped, found again.
 *
 * A holder's row is read whenever its key is asked for. What was unwrapped from that very row stays for
 * some minutes (see `holder-key.ts`), and so do the counts of how often each key has wrapped.
 *
 * @module
 */

import {
  assert,
  bind,
  epochMs,
  newUuid,
  present,
  statement,
  uuidOctets,
  type Clock,
  type EpochMs,
  type RandomSource,
  type Row,
  type SecretBytes,
  type SiteId,
  type Statement,
  type Store,
  type Uuid,
} from '#base'
import { WrapCounter } from '#envelope'
import { KeptKeys, newHolderKey, type HolderKey } from './holder-key.ts'
import type { SiteKey } from './keys.ts'
import { HOLDER_KINDS, holderOf, traceKeyOf, type Holder, type HolderKind } from './keys.ts'
import type { Fault } from './findings.ts'
import { Kinds } from './kinds.ts'
import { damaged } from './refusal.ts'
import { numberOf, octetsOf } from './rows.ts'
import { db } from './tables.ts'
import { Places } from './search-place.ts'
import { FIRST_VERSION, type SiteKeyFiles } from './site-keys.ts'
import { Tags } from './tags.ts'
import { TrailKey } from './trail-key.ts'

/** What finds records, and pages of them. Whoever got it disposes each. */
export interface IndexKeys {
  readonly tags: Tags
  readonly kinds: Kinds
  readonly places: Places
  readonly trail: TrailKey
}

/** Where holder keys come from. Owns the site keys: one, or while it is changed two. */
export class Keyring implements Disposable {
  readonly #site: SiteId
  readonly #store: Store
  /** By version; the newest wraps what is new. Never empty. */
  readonly #siteKeys: Map<number, SiteKey>
  /** Wraps made under each holder's key, at least; read from the store when first needed. */
  readonly #counters = new Map<Uuid, WrapCounter>()
  readonly #kept: KeptKeys

  /** @param siteKeys   at least one; this object's from now on */
  constructor(at: Pick<KeyringPorts, 'site' | 'store' | 'clock'>, siteKeys: readonly SiteKey[]) {
    this.#site = at.site
    this.#store = at.store
    this.#kept = new KeptKeys(at)
    this.#siteKeys = new Map(siteKeys.map((key) => [key.version, key]))
  }

  /** Version of the site key that wraps what is new. */
  get version(): number {
    return Math.max(...this.#siteKeys.keys())
  }

  /** Versions of the site key that holders may name: several while it is changed. */
  get versions(): readonly number[] {
    return [...this.#siteKeys.keys()]
  }

  /** Takes a newer site key; what is new is wrapped under it from now on. */
  adopt(siteKey: SiteKey): void {
    assert(siteKey.version > this.version, 'a site key is followed by a newer one')
    this.#siteKeys.set(siteKey.version, siteKey)
  }

  /** Forgets all site keys but the newest. */
  retire(): void {
    for (const version of this.versions.filter((one) => one !== this.version)) {
      this.#siteKeys.get(version)?.[Symbol.dispose]()
      this.#siteKeys.delete(version)
    }
  }

  /** A holder's row under the newest site key. @throws VaultRefusal `VAULT_DAMAGED` */
  rewrap(
    holder: Holder,
    wrapped: Uint8Array,
    random: RandomSource,
  ): { readonly kek: number; readonly wrapped: Uint8Array } {
    using key = this.#unwrap(holder, wrapped)
    const kek = this.version
    return { kek, wrapped: this.#siteKey(kek).wrap({ ...holder, kek }, key, random) }
  }

  /** Forgets a holder's key and how often it has wrapped: the holder is no more. */
  forget(id: Uuid): void {
    this.#counters.delete(id)
    this.#kept.forget(id)
  }

  #siteKey(version: number): SiteKey {
    return present(this.#siteKeys.get(version), 'a site key in use')
  }

  #unwrap(holder: Holder, wrapped: Uint8Array): SecretBytes {
    const siteKey = this.#siteKeys.get(holder.kek)
    if (siteKey !== undefined) return siteKey.unwrap(holder, wrapped)
    throw damaged(`vault_holder ${holder.id}`, 'names a site key that is not in use')
  }

  /** The key of a holder, or undefined if there is no such holder. @throws VaultRefusal */
  async keyOf(id: Uuid): Promise<HolderKey | undefined> {
    return await this.#keyOf(id, await this.#counterOf(id))
  }

  /** As `keyOf`, for a key that only opens: it need not be counted how often it has wrapped. */
  async readerOf(id: Uuid): Promise<HolderKey | undefined> {
    return await this.#keyOf(id)
  }

  async #keyOf(id: Uuid, counter?: WrapCounter): Promise<HolderKey | undefined> {
    const row = (await this.#store.read(bind(SELECT_HOLDER, this.#site, uuidOctets(id)))).at(0)
    if (row === undefined) {
      this.#kept.forget(id)
      return undefined
    }
    const open = () => {
      const holder = holderOf(row)
      return { holder, key: this.#unwrap(holder, octetsOf(row, 'wrapped')) }
    }
    return this.#kept.lend(id, row, { counter, open })
  }

  /** The only holder of a kind that the site has one of. @throws VaultRefusal `VAULT_DAMAGED` */
  async siteHolder(kind: 'shared' | 'unassigned'): Promise<HolderKey> {
    const { id } = holderOf(await this.#siteHolderRow(kind))
    return present(await this.keyOf(id), 'a holder just read')
  }

  /** What finds records, for its new owner. @throws VaultRefusal `VAULT_DAMAGED` */
  async index(): Promise<IndexKeys> {
    const row = await this.#siteHolderRow('index')
    using key = this.#unwrap(holderOf(row), octetsOf(row, 'wrapped'))
    const site = this.#site
    return {
      tags: new Tags(key),
      kinds: new Kinds(site, key),
      places: new Places(site, key),
      trail: new TrailKey(site, traceKeyOf(key)),
    }
  }

  /** A new holder, which exists once its statement is committed. */
  newHolder(
    about: { readonly kind: HolderKind; readonly origin: SiteId; readonly since: EpochMs },
    random: RandomSource,
  ): { readonly key: HolderKey; readonly statement: Statement } {
    const [site, kek] = [this.#site, this.version]
    const holder: Holder = { id: newUuid(random), kek, ...about }
    const { key, wrapped } = this.#siteKey(kek).newHolderKey(holder, random)
    const counter = new WrapCounter()
    this.#counters.set(holder.id, counter)
    const { id, kind, origin, since } = holder
    const row = [site, uuidOctets(id), HOLDER_KINDS[kind], origin, since, kek, wrapped]
    const made = {
      key: newHolderKey({ ...holder, site }, key, counter),
      statement: bind(INSERT_HOLDER, ...row),
    }
    key[Symbol.dispose]()
    return made
  }

  /** A holder's row, checked: what a scrub does with each. @throws VaultRefusal */
  check(holder: Holder, wrapped: Uint8Array): void {
    this.#unwrap(holder, wrapped)[Symbol.dispose]()
  }

  /** What is wrong with the rows that show which site keys this store stands under. */
  async proofFaults(): Promise<readonly Fault[]> {
    const rows = await this.#store.read(bind(SELECT_KEK, this.#site))
    const versions = rows.map((row) => numberOf(row, 'kek'))
    const expected = this.versions
    const faults = expected
      .filter((version) => !versions.includes(version))
      .map((version) => ({ place: `vault_kek ${version}`, problem: 'the row is missing' }))
    for (const row of rows) {
      const version = numberOf(row, 'kek')
      const place = `vault_kek ${version}`
      const siteKey = this.#siteKeys.get(version)
      if (siteKey === undefined) faults.push({ place, problem: 'there is no such site key' })
      else if (!siteKey.isProvenBy(octetsOf(row, 'proof'))) {
        faults.push({ place, problem: 'the proof was changed' })
      }
    }
    return faults
  }

  async #siteHolderRow(kind: Exclude<HolderKind, 'patient'>): Promise<Row> {
    const rows = await this.#store.read(bind(SELECT_KIND, this.#site, HOLDER_KINDS[kind]))
    if (rows.length === 1) return rows[0]
    throw damaged('vault_holder', `expected one holder of kind ${HOLDER_KINDS[kind]}`)
  }

  async #counterOf(id: Uuid): Promise<WrapCounter> {
    const known = this.#counters.get(id)
    if (known !== undefined) return known
    const [row] = await this.#store.read(bind(SELECT_WRAPS, this.#site, uuidOctets(id)))
    // Two tasks may have come here at once; both must count in one counter.
    const counter = this.#counters.get(id) ?? new WrapCounter(numberOf(row, 'wraps'))
    if (this.#counters.size >= COUNTERS_MAX) this.#counters.clear()
    this.#counters.set(id, counter)
    return counter
  }

  [Symbol.dispose](): void {
    this.#kept[Symbol.dispose]()
    for (const siteKey of this.#siteKeys.values()) siteKey[Symbol.dispose]()
  }
}

/** What a keyring is opened with. */
export interface KeyringPorts {
  readonly site: SiteId
  readonly store: Store
  readonly clock: Clock
  readonly random: RandomSource
  readonly files: SiteKeyFiles
}

/**
 * Opens the keyring of a site; at the very first start makes the site's own holders.
 *
 * @param root   32 octets; not kept, stays with its owner
 * @throws VaultRefusal `VAULT_ROOT_WRONG`, `VAULT_KEY_GONE`
 */
export async function openKeyring(about: KeyringPorts, root: SecretBytes): Promise<Keyring> {
  const { site, store, files } = about
  const proofs = await store.read(bind(SELECT_KEK, site))
  if (proofs.length === 0) {
    const holders = await store.read(bind(COUNT_HOLDERS, site))
    if (numberOf(holders[0], 'count') > 0) throw damaged('vault_kek', 'the row is missing')
    return await firstStart(about)
  }
  using opened = new DisposableStack()
  const siteKeys: SiteKey[] = []
  for (const row of proofs) {
    const siteKey = opened.use(await files.read(numberOf(row, 'kek'), root))
    siteKey.check(octetsOf(row, 'proof'))
    siteKeys.push(siteKey)
  }
  opened.move()
  return new Keyring(about, siteKeys)
}

/** Makes the site's own holders, and notes which site key they stand under. */
async function firstStart(about: KeyringPorts): Promise<Keyring> {
  const { site, store, random, files } = about
  const since = epochMs(0)
  const siteKey = await files.make(FIRST_VERSION, random)
  const keyring = new Keyring(about, [siteKey])
  const holders = (['index', 'shared', 'unassigned'] as const).map((kind) =>
    keyring.newHolder({ kind, origin: site, since }, random),
  )
  for (const { key } of holders) key[Symbol.dispose]()
  await store.commit([insertKek(site, siteKey), ...holders.map((made) => made.statement)])
  return keyring
}

/** The row that names a site key. */
export const insertKek = (site: SiteId, siteKey: SiteKey): Statement =>
  bind(INSERT_KEK, site, siteKey.version, siteKey.proof())

/** What `holderOf` and `check` need of a row. */
export const holderColumns = ['holder_id', 'kind', 'origin', 'made_at', 'kek', 'wrapped'] as const

const COUNTERS_MAX = 10_000
const blank = new Uint8Array(0)
const SELECT_HOLDER = statement(
  db
    .selectFrom('vault_holder')
    .select(holderColumns)
    .where('site_id', '=', '')
    .where('holder_id', '=', blank),
)
const SELECT_KIND = statement(
  db
    .selectFrom('vault_holder')
    .select(holderColumns)
    .where('site_id', '=', '')
    .where('kind', '=', 0),
)
const INSERT_HOLDER = statement(
  db.insertInto('vault_holder').values({
    site_id: '',
    holder_id: blank,
    kind: 0,
    origin: '',
    made_at: 0,
    kek: 0,
    wrapped: blank,
  }),
)
const SELECT_KEK = statement(
  db.selectFrom('vault_kek').select(['kek', 'proof']).where('site_id', '=', ''),
)
const INSERT_KEK = statement(
  db.insertInto('vault_kek').values({ site_id: '', kek: 0, proof: blank }),
)
const COUNT_HOLDERS = statement(
  db
    .selectFrom('vault_holder')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('site_id', '=', ''),
)
const SELECT_WRAPS = statement(
  db
    .selectFrom('vault_holding')
    .innerJoin('vault_object', (join) =>
      join
        .onRef('vault_object.site_id', '=', 'vault_holding.site_id')
        .onRef('vault_object.object_id', '=', 'vault_holding.object_id'),
    )
    .select((select) => select.fn.sum<number>('vault_object.newest').as('wraps'))
    .where('vault_holding.site_id', '=', '')
    .where('vault_holding.holder_id', '=', blank),
)
