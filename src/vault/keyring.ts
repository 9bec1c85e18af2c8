/**
 * Holder keys: made, wrapped, found again.
 *
 * Keys are unwrapped for one task and cleared after it; nothing is cached but the counts of how
 * often each has wrapped.
 *
 * @module
 */

import {
  bind,
  epochMs,
  newUuid,
  present,
  statement,
  uuidOctets,
  type EpochMs,
  type RandomSource,
  type Row,
  type SecretBytes,
  type SiteId,
  type Statement,
  type Store,
  type Uuid,
} from '#base'
import { WrapCounter, WrappingKey } from '#envelope'
import { ChartKey } from './chart-key.ts'
import {
  chartKeyOf,
  HOLDER_KINDS,
  holderOf,
  SiteKey,
  trace,
  traceKeyOf,
  type Holder,
  type HolderKind,
} from './keys.ts'
import { Kinds } from './kinds.ts'
import { damaged } from './refusal.ts'
import { numberOf, octetsOf } from './rows.ts'
import { db } from './tables.ts'
import { Places } from './search-place.ts'
import { Tags } from './tags.ts'

/** A holder with its key at work. Whoever got it disposes it. */
export class HolderKey implements Disposable {
  readonly holder: Holder
  /** Wraps and opens the data keys of the holder's versions. */
  readonly wrapping: WrappingKey
  /** Seals and opens the index of the holder's resources. */
  readonly chart: ChartKey
  readonly #trace: Uint8Array

  /**
   * @param key       not kept, stays with its owner
   * @param counter   left out where the key only opens
   */
  constructor(
    { site, ...holder }: Holder & { readonly site: SiteId },
    key: SecretBytes,
    counter?: WrapCounter,
  ) {
    this.holder = holder
    this.wrapping = new WrappingKey({ id: holder.id, key, ...(counter && { counter }) })
    this.chart = new ChartKey(site, holder.id, chartKeyOf(key))
    this.#trace = traceKeyOf(key)
  }

  /** What stands in the log for this holder, under a salt of 32 random octets. */
  trace(salt: Uint8Array): Uint8Array {
    return trace(this.#trace, salt)
  }

  [Symbol.dispose](): void {
    this.wrapping[Symbol.dispose]()
    this.chart[Symbol.dispose]()
    this.#trace.fill(0)
  }
}

/** What finds records, and pages of them. Whoever got it disposes each. */
export interface IndexKeys {
  readonly tags: Tags
  readonly kinds: Kinds
  readonly places: Places
}

/** Where holder keys come from. Owns the site key. */
export class Keyring implements Disposable {
  readonly #siteKey: SiteKey
  readonly #store: Store
  /** Wraps made under each holder's key, at least; read from the store when first needed. */
  readonly #counters = new Map<Uuid, WrapCounter>()

  constructor(siteKey: SiteKey, store: Store) {
    this.#siteKey = siteKey
    this.#store = store
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
    const { site } = this.#siteKey
    const found = await this.#store.read(bind(SELECT_HOLDER, site, uuidOctets(id)))
    if (found.length === 0) return undefined
    const holder = holderOf(found[0])
    using key = this.#siteKey.unwrap(holder, octetsOf(found[0], 'wrapped'))
    return new HolderKey({ ...holder, site }, key, counter)
  }

  /** The only holder of a kind that the site has one of. @throws VaultRefusal `VAULT_DAMAGED` */
  async siteHolder(kind: 'shared' | 'unassigned'): Promise<HolderKey> {
    const { id } = holderOf(await this.#siteHolderRow(kind))
    return present(await this.keyOf(id), 'a holder just read')
  }

  /** What finds records, for its new owner. @throws VaultRefusal `VAULT_DAMAGED` */
  async index(): Promise<IndexKeys> {
    const row = await this.#siteHolderRow('index')
    using key = this.#siteKey.unwrap(holderOf(row), octetsOf(row, 'wrapped'))
    const { site } = this.#siteKey
    return { tags: new Tags(key), kinds: new Kinds(site, key), places: new Places(site, key) }
  }

  /** A new holder, which exists once its statement is committed. */
  newHolder(
    about: { readonly kind: HolderKind; readonly origin: SiteId; readonly since: EpochMs },
    random: RandomSource,
  ): { readonly key: HolderKey; readonly statement: Statement } {
    const { site, version: kek } = this.#siteKey
    const holder: Holder = { id: newUuid(random), kek, ...about }
    const { key, wrapped } = this.#siteKey.newHolderKey(holder, random)
    const counter = new WrapCounter()
    this.#counters.set(holder.id, counter)
    const { id, kind, origin, since } = holder
    const row = [site, uuidOctets(id), HOLDER_KINDS[kind], origin, since, kek, wrapped]
    const made = {
      key: new HolderKey({ ...holder, site }, key, counter),
      statement: bind(INSERT_HOLDER, ...row),
    }
    key[Symbol.dispose]()
    return made
  }

  /** A holder's row, checked: what a scrub does with each. @throws VaultRefusal */
  check(holder: Holder, wrapped: Uint8Array): void {
    this.#siteKey.unwrap(holder, wrapped)[Symbol.dispose]()
  }

  /** What is wrong with the rows that show which root key this store stands under. */
  async proofFaults(): Promise<readonly { readonly place: string; readonly problem: string }[]> {
    const { site, version } = this.#siteKey
    const place = `vault_kek ${version}`
    const rows = await this.#store.read(bind(SELECT_KEK, site))
    if (rows.length !== 1) return [{ place, problem: 'expected exactly one row' }]
    try {
      this.#siteKey.check(octetsOf(rows[0], 'proof'))
      return numberOf(rows[0], 'kek') === version ? [] : [{ place, problem: 'has another version' }]
    } catch {
      return [{ place, problem: 'the proof was changed' }]
    }
  }

  async #siteHolderRow(kind: Exclude<HolderKind, 'patient'>): Promise<Row> {
    const { site } = this.#siteKey
    const rows = await this.#store.read(bind(SELECT_KIND, site, HOLDER_KINDS[kind]))
    if (rows.length === 1) return rows[0]
    throw damaged('vault_holder', `expected one holder of kind ${HOLDER_KINDS[kind]}`)
  }

  async #counterOf(id: Uuid): Promise<WrapCounter> {
    const known = this.#counters.get(id)
    if (known !== undefined) return known
    const [row] = await this.#store.read(bind(SELECT_WRAPS, this.#siteKey.site, uuidOctets(id)))
    // Two tasks may have come here at once; both must count in one counter.
    const counter = this.#counters.get(id) ?? new WrapCounter(numberOf(row, 'wraps'))
    if (this.#counters.size >= COUNTERS_MAX) this.#counters.clear()
    this.#counters.set(id, counter)
    return counter
  }

  [Symbol.dispose](): void {
    this.#siteKey[Symbol.dispose]()
  }
}

/**
 * Opens the keyring of a site; at the very first start makes the site's own holders.
 *
 * @param root   32 octets; not kept, stays with its owner
 * @throws VaultRefusal `VAULT_ROOT_WRONG`
 */
export async function openKeyring(
  about: { readonly site: SiteId; readonly store: Store; readonly random: RandomSource },
  root: SecretBytes,
): Promise<Keyring> {
  const { site, store } = about
  const siteKey = new SiteKey(site, root)
  const keyring = new Keyring(siteKey, store)
  const proofs = await store.read(bind(SELECT_KEK, site))
  if (proofs.length > 0) {
    try {
      siteKey.check(octetsOf(proofs[0], 'proof'))
    } catch (error) {
      keyring[Symbol.dispose]()
      throw error
    }
    return keyring
  }
  const holders = await store.read(bind(COUNT_HOLDERS, site))
  if (numberOf(holders[0], 'count') > 0) {
    keyring[Symbol.dispose]()
    throw damaged('vault_kek', 'the row is missing')
  }
  return await firstStart(about, siteKey, keyring)
}

/** Makes the site's own holders, and notes which root key they stand under. */
async function firstStart(
  about: { readonly site: SiteId; readonly store: Store; readonly random: RandomSource },
  siteKey: SiteKey,
  keyring: Keyring,
): Promise<Keyring> {
  const { site, store, random } = about
  const since = epochMs(0)
  const holders = (['index', 'shared', 'unassigned'] as const).map((kind) =>
    keyring.newHolder({ kind, origin: site, since }, random),
  )
  for (const { key } of holders) key[Symbol.dispose]()
  const first = bind(INSERT_KEK, site, siteKey.version, siteKey.proof())
  await store.commit([first, ...holders.map((made) => made.statement)])
  return keyring
}

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
