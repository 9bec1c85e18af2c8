/**
 * Rows that only this site can read: what is kept of people, of apps and of what they asked for.
 *
 * A row is sealed under a key of the site's root key and bound to its kind, its identifier and its
 * version, so that none can be moved, altered or made without that key. What a row is looked up by
 * (a login name, a token) stands beside it as a keyed hash, a tag. Writes are statements for the
 * caller's own commit, next to the entry of the log that speaks of them.
 *
 * Whoever writes the database can take rows away or put an older copy of a whole row back; the log
 * then names versions that are not there.
 *
 * @module
 */

import {
  bind,
  cborDoor,
  door,
  statement,
  tablesOf,
  toCbor,
  utf8,
  type CborValue,
  type Migration,
  type RandomSource,
  type Row,
  type SecretBytes,
  type SiteId,
  type Statement,
  type Static,
  type Store,
  type TSchema,
} from '#base'
import { hmac, open, seal } from '#crypto'
import { AccessRefusal } from './refusal.ts'

/** Where rows lie, and under what. The key stays its owner's. */
export interface RowsInput {
  readonly site: SiteId
  readonly store: Store
  readonly random: RandomSource
  /** 32 octets. */
  readonly key: SecretBytes
}

/** A row as it was read. */
export interface Kept<T> {
  readonly id: string
  readonly version: number
  readonly value: T
}

/** What a kind of rows is called, and what one holds. */
export interface RowKind<S extends TSchema> {
  /** A neutral word: it stands in clear. */
  readonly kind: string
  readonly shape: S
  readonly octetsMax: number
}

/** Rows of one kind. */
export class SealedRows<S extends TSchema> {
  readonly #input: RowsInput
  readonly #kind: string
  readonly #octetsMax: number
  readonly #open: (octets: Uint8Array) => Static<S>
  readonly #check: (value: unknown) => Static<S>

  constructor(input: RowsInput, { kind, shape, octetsMax }: RowKind<S>) {
    this.#input = input
    this.#kind = kind
    this.#octetsMax = octetsMax
    this.#open = cborDoor(shape, `${kind} row`, octetsMax)
    this.#check = door(shape, `${kind} row`)
  }

  /** @throws AccessRefusal `ACCESS_ROW_DAMAGED` */
  async get(id: string): Promise<Kept<Static<S>> | undefined> {
    const { store, site } = this.#input
    const row = (await store.read(bind(SELECT, site, this.#kind, id))).at(0)
    return row === undefined ? undefined : this.#opened(row)
  }

  /** The row that has a tag. @throws AccessRefusal `ACCESS_ROW_DAMAGED` */
  async tagged(tag: string): Promise<Kept<Static<S>> | undefined> {
    const { store, site } = this.#input
    const asked = bind(SELECT_TAG, site, this.#tagOf(tag), this.#kind)
    const row = (await store.read(asked)).at(0)
    return row === undefined ? undefined : this.#opened(row)
  }

  /** Rows in the order of their identifiers, after one of these. */
  async list(page: { readonly after?: string; readonly limit: number }) {
    const { store, site } = this.#input
    const rows = await store.read(bind(LIST, site, this.#kind, page.after ?? '', page.limit))
    return rows.map((row) => this.#opened(row))
  }

  /**
   * A new row, with what it is found by. The commit fails with `STORE_CONFLICT` if the row, or
   * another with one of these tags, is there already.
   */
  insert(id: string, value: Static<S>, tags: readonly string[] = []): Statement[] {
    const { site } = this.#input
    const [nonce, sealed] = this.#sealed(id, 1, value)
    return [bind(INSERT, site, this.#kind, id, 1, nonce, sealed), ...this.#tags(id, tags)]
  }

  /**
   * The next version of a row, with all its tags. The commit fails with `STORE_CONFLICT` if the row
   * is another by then.
   */
  replace(kept: Kept<unknown>, value: Static<S>, tags: readonly string[] = []): Statement[] {
    const { site } = this.#input
    const { id, version } = kept
    const [nonce, sealed] = this.#sealed(id, version + 1, value)
    return [
      bind(UPDATE, version + 1, nonce, sealed, site, this.#kind, id, version),
      bind(DELETE_TAGS, site, this.#kind, id),
      ...this.#tags(id, tags),
    ]
  }

  /** Removes a row and its tags. The commit fails with `STORE_CONFLICT` if it is another by then. */
  remove({ id, version }: Kept<unknown>): Statement[] {
    const { site } = this.#input
    return [bind(DELETE, site, this.#kind, id, version), bind(DELETE_TAGS, site, this.#kind, id)]
  }

  #tags(id: string, tags: readonly string[]): Statement[] {
    const { site } = this.#input
    return tags.map((tag) => bind(INSERT_TAG, site, this.#tagOf(tag), this.#kind, id))
  }

  #tagOf(text: string): Uint8Array {
    const said = utf8(`photonward/access-tag/v1 ${this.#kind} ${text}`)
    return hmac('sha256', this.#input.key.reveal(), said)
  }

  #sealed(id: string, version: number, value: Static<S>): [Uint8Array, Uint8Array] {
    const { random, key } = this.#input
    // What could not be read again is not written.
    const octets = toCbor(this.#check(value) as CborValue)
    if (octets.length > this.#octetsMax) {
      const message = `A row has at most ${this.#octetsMax} octets, got ${octets.length}`
      throw new AccessRefusal('ACCESS_ROW_TOO_LARGE', message)
    }
    const nonce = random.octets(NONCE_OCTETS)
    const input = { key: key.reveal(), nonce, associated: this.#label(id, version) }
    return [nonce, seal('aes-256-gcm-siv', input, octets)]
  }

  #opened(row: Row): Kept<Static<S>> {
    const [id, version] = [String(row['id']), Number(row['version'])]
    const [nonce, sealed] = [row['nonce'], row['sealed']]
    try {
      if (!(nonce instanceof Uint8Array) || !(sealed instanceof Uint8Array)) {
        throw new TypeError('Expected octets')
      }
      const key = this.#input.key.reveal()
      const input = { key, nonce, associated: this.#label(id, version) }
      return { id, version, value: this.#open(open('aes-256-gcm-siv', input, sealed)) }
    } catch (cause) {
      const message = `A row of kind ${this.#kind} is damaged, or was not written by this site`
      throw new AccessRefusal('ACCESS_ROW_DAMAGED', message, { cause, facts: { row: id } })
    }
  }

  #label(id: string, version: number): Uint8Array {
    return utf8(`photonward/access-row/v1 ${this.#input.site} ${this.#kind} ${id} ${version}`)
  }
}

const NONCE_OCTETS = 12

interface RowTables {
  access_row: {
    site_id: string
    kind: string
    id: string
    version: number
    nonce: Uint8Array
    sealed: Uint8Array
  }
  access_tag: { site_id: string; tag: Uint8Array; kind: string; id: string }
}

/** The tables of this module. */
export const sealedRowMigrations: readonly Migration[] = [
  {
    id: 'access-row-1',
    statements: [
      `CREATE TABLE access_row (
        site_id TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, version BIGINT NOT NULL,
        nonce BLOB NOT NULL, sealed BLOB NOT NULL,
        PRIMARY KEY (site_id, kind, id))`,
      `CREATE TABLE access_tag (
        site_id TEXT NOT NULL, tag BLOB NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
        PRIMARY KEY (site_id, tag))`,
      'CREATE INDEX access_tag_row ON access_tag (site_id, kind, id)',
    ],
  },
]

const db = tablesOf<RowTables>()
const NONE = new Uint8Array(0)
const COLUMNS = ['id', 'version', 'nonce', 'sealed'] as const
const SELECT = statement(
  db
    .selectFrom('access_row')
    .select(COLUMNS)
    .where('site_id', '=', '')
    .where('kind', '=', '')
    .where('id', '=', ''),
)
const SELECT_TAG = statement(
  db
    .selectFrom('access_tag')
    .innerJoin('access_row', (join) =>
      join
        .onRef('access_row.site_id', '=', 'access_tag.site_id')
        .onRef('access_row.kind', '=', 'access_tag.kind')
        .onRef('access_row.id', '=', 'access_tag.id'),
    )
    .select(['access_row.id', 'access_row.version', 'access_row.nonce', 'access_row.sealed'])
    .where('access_tag.site_id', '=', '')
    .where('access_tag.tag', '=', NONE)
    .where('access_tag.kind', '=', ''),
)
const LIST = statement(
  db
    .selectFrom('access_row')
    .select(COLUMNS)
    .where('site_id', '=', '')
    .where('kind', '=', '')
    .where('id', '>', '')
    .orderBy('id')
    .limit(1),
)
const INSERT = statement(
  db
    .insertInto('access_row')
    .values({ site_id: '', kind: '', id: '', version: 1, nonce: NONE, sealed: NONE })
    .onConflict((on) => on.doNothing()),
  1,
)
const UPDATE = statement(
  db
    .updateTable('access_row')
    .set({ version: 1, nonce: NONE, sealed: NONE })
    .where('site_id', '=', '')
    .where('kind', '=', '')
    .where('id', '=', '')
    .where('version', '=', 1),
  1,
)
const DELETE = statement(
  db
    .deleteFrom('access_row')
    .where('site_id', '=', '')
    .where('kind', '=', '')
    .where('id', '=', '')
    .where('version', '=', 1),
  1,
)
const DELETE_TAGS = statement(
  db.deleteFrom('access_tag').where('site_id', '=', '').where('kind', '=', '').where('id', '=', ''),
)
const INSERT_TAG = statement(
  db
    .insertInto('access_tag')
    .values({ site_id: '', tag: NONE, kind: '', id: '' })
    .onConflict((on) => on.doNothing()),
  1,
)
