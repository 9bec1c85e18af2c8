/**
 * Tables of the vault, and the statements of the hot paths.
 *
 *   vault_kek       one row a version of the site key: what proves that a root key is the right one
 *   vault_holder    a key of its own, wrapped: one for each patient, and a few for the site
 *   vault_lookup    keyed tags by which a holder is found
 *   vault_object    one row a resource: its newest version
 *   vault_holding   which objects belong to which holder
 *   vault_edition   one row a sealed version; large containers lie in files
 *   vault_group     what was written together: manifest, and two signatures over its root
 *   vault_roll      which types a group's versions have, sealed
 *   vault_chart     which pages the index of a holder's resources has, sealed
 *   vault_page      … and what they say, sealed
 *   vault_mark      keyed tags by which objects are found without knowing their holder
 *   vault_upto      in which form all charts and marks are there
 *   vault_origin    for what came from another site: how it was protected, and its place in …
 *   vault_foreign   … a group that the other site signed
 *   vault_regime    whether all of it was found to be about invented patients
 *   vault_tomb      a holder whose key was destroyed: what it held, signed
 *   vault_hold      a patient whose record must not be destroyed
 *
 * Everything in clear is random, counted, keyed, or the name of a site. Words are ours and neutral:
 * a search of the disk for any text of a record must find nothing, not even in the schema. Hence
 * editions, which are versions everywhere else, and SQL in capitals: "primary" is a FHIR text.
 * Our ids are octets: spelled out, one in 65,536 of them would hold the LOINC code 6298-4.
 *
 * @module
 */

import { tablesOf, type Migration } from '#base'

interface KekTable {
  readonly site_id: string
  readonly kek: number
  readonly proof: Uint8Array
}

interface HolderTable {
  readonly site_id: string
  readonly holder_id: Uint8Array
  /** `HolderKind` as a number. */
  readonly kind: number
  /** Site that sealed the first object. */
  readonly origin: string
  readonly made_at: number
  readonly kek: number
  /** nonce(12) ‖ sealed key(48). */
  readonly wrapped: Uint8Array
}

interface LookupTable {
  readonly site_id: string
  /** `LookupField` as a number. */
  readonly field: number
  readonly tag: Uint8Array
  readonly holder_id: Uint8Array
}

interface ObjectTable {
  readonly site_id: string
  readonly object_id: Uint8Array
  readonly origin: string
  readonly newest: number
  /** Tag of type and logical id. */
  readonly identity: Uint8Array
  /** Tag of the newest text. */
  readonly likeness: Uint8Array
}

interface HoldingTable {
  readonly site_id: string
  readonly holder_id: Uint8Array
  /** `HoldingPart` as a number. */
  readonly part: number
  readonly object_id: Uint8Array
}

interface VersionTable {
  readonly site_id: string
  readonly object_id: Uint8Array
  readonly edition: number
  readonly group_id: Uint8Array
  /** Index in the manifest of the group. */
  readonly place: number
  /** Octets of the container. */
  readonly octets: number
  readonly hash: Uint8Array
  /** Null where the container is a file named by its hash. */
  readonly container: Uint8Array | null
}

interface GroupTable {
  readonly site_id: string
  readonly group_id: Uint8Array
  readonly statement: Uint8Array
  readonly manifest: Uint8Array
  readonly ml_dsa: Uint8Array
  readonly ed25519: Uint8Array
}

interface RollTable {
  readonly site_id: string
  /** The time in the statement of the group, and its place among those of that millisecond. */
  readonly rank: number
  readonly group_id: Uint8Array
  /** nonce(12) ‖ sealed numbers of types ‖ tag(16): see `Kinds`. */
  readonly kinds: Uint8Array
}

interface ChartTable {
  readonly site_id: string
  readonly holder_id: Uint8Array
  /** Counts the changes of the chart. */
  readonly edition: number
  /** See `ChartKey`. */
  readonly head: Uint8Array
}

interface PageTable {
  readonly site_id: string
  readonly holder_id: Uint8Array
  readonly page_id: Uint8Array
  readonly sealed: Uint8Array
}

interface MarkTable {
  readonly site_id: string
  /** `MARK_FIELDS` as a number. */
  readonly field: number
  readonly tag: Uint8Array
  readonly object_id: Uint8Array
}

interface UptoTable {
  readonly site_id: string
  /** `INDEX_EDITION` when all charts and marks were complete. */
  readonly edition: number
}

interface OriginTable {
  readonly site_id: string
  readonly object_id: Uint8Array
  readonly edition: number
  readonly note: Uint8Array
}

interface ForeignTable {
  readonly site_id: string
  readonly origin: string
  readonly group_id: Uint8Array
  readonly statement: Uint8Array
  readonly ml_dsa: Uint8Array
  readonly ed25519: Uint8Array
}

interface RegimeTable {
  readonly site_id: string
  /** 1 while nothing has come in unchecked, else 0. */
  readonly checked: number
}

interface TombTable {
  readonly site_id: string
  readonly holder_id: Uint8Array
  readonly at: number
  readonly statement: Uint8Array
  readonly ml_dsa: Uint8Array
  readonly ed25519: Uint8Array
}

interface HoldTable {
  readonly site_id: string
  readonly holder_id: Uint8Array
  readonly cause: string
  readonly since: number
}

export interface VaultTables {
  readonly vault_kek: KekTable
  readonly vault_holder: HolderTable
  readonly vault_lookup: LookupTable
  readonly vault_object: ObjectTable
  readonly vault_holding: HoldingTable
  readonly vault_edition: VersionTable
  readonly vault_group: GroupTable
  readonly vault_roll: RollTable
  readonly vault_chart: ChartTable
  readonly vault_page: PageTable
  readonly vault_mark: MarkTable
  readonly vault_upto: UptoTable
  readonly vault_origin: OriginTable
  readonly vault_foreign: ForeignTable
  readonly vault_regime: RegimeTable
  readonly vault_tomb: TombTable
  readonly vault_hold: HoldTable
}

/** Query builder over the tables of this room. */
export const db = tablesOf<VaultTables>()

/** The schema of the vault, in order. */
export const vaultMigrations: readonly Migration[] = [
  {
    id: 'vault-1',
    statements: [
      `CREATE TABLE vault_kek (
        site_id TEXT NOT NULL, kek BIGINT NOT NULL, proof BLOB NOT NULL,
        PRIMARY KEY (site_id, kek))`,
      `CREATE TABLE vault_holder (
        site_id TEXT NOT NULL, holder_id BLOB NOT NULL, kind BIGINT NOT NULL, origin TEXT NOT NULL,
        made_at BIGINT NOT NULL, kek BIGINT NOT NULL, wrapped BLOB NOT NULL,
        PRIMARY KEY (site_id, holder_id))`,
      'CREATE INDEX vault_holder_kind ON vault_holder (site_id, kind, holder_id)',
      `CREATE TABLE vault_lookup (
        site_id TEXT NOT NULL, field BIGINT NOT NULL, tag BLOB NOT NULL, holder_id BLOB NOT NULL,
        PRIMARY KEY (site_id, field, tag, holder_id))`,
      'CREATE INDEX vault_lookup_holder ON vault_lookup (site_id, holder_id)',
      `CREATE TABLE vault_object (
        site_id TEXT NOT NULL, object_id BLOB NOT NULL, origin TEXT NOT NULL,
        newest BIGINT NOT NULL, identity BLOB NOT NULL, likeness BLOB NOT NULL,
        PRIMARY KEY (site_id, object_id))`,
      'CREATE INDEX vault_object_identity ON vault_object (site_id, identity)',
      `CREATE TABLE vault_holding (
        site_id TEXT NOT NULL, holder_id BLOB NOT NULL, part BIGINT NOT NULL,
        object_id BLOB NOT NULL, PRIMARY KEY (site_id, holder_id, part, object_id))`,
      'CREATE INDEX vault_holding_object ON vault_holding (site_id, object_id)',
      `CREATE TABLE vault_edition (
        site_id TEXT NOT NULL, object_id BLOB NOT NULL, edition BIGINT NOT NULL,
        group_id BLOB NOT NULL, place BIGINT NOT NULL, octets BIGINT NOT NULL,
        hash BLOB NOT NULL, container BLOB,
        PRIMARY KEY (site_id, object_id, edition))`,
      'CREATE INDEX vault_edition_octets ON vault_edition (site_id, octets)',
      `CREATE TABLE vault_group (
        site_id TEXT NOT NULL, group_id BLOB NOT NULL, statement BLOB NOT NULL,
        manifest BLOB NOT NULL, ml_dsa BLOB NOT NULL, ed25519 BLOB NOT NULL,
        PRIMARY KEY (site_id, group_id))`,
      `CREATE TABLE vault_origin (
        site_id TEXT NOT NULL, object_id BLOB NOT NULL, edition BIGINT NOT NULL,
        note BLOB NOT NULL, PRIMARY KEY (site_id, object_id, edition))`,
      `CREATE TABLE vault_foreign (
        site_id TEXT NOT NULL, origin TEXT NOT NULL, group_id BLOB NOT NULL,
        statement BLOB NOT NULL, ml_dsa BLOB NOT NULL, ed25519 BLOB NOT NULL,
        PRIMARY KEY (site_id, origin, group_id))`,
    ],
  },
  {
    id: 'vault-2',
    statements: [
      `CREATE TABLE vault_regime (
        site_id TEXT NOT NULL, checked BIGINT NOT NULL, PRIMARY KEY (site_id))`,
    ],
  },
  {
    id: 'vault-3',
    statements: [
      `CREATE TABLE vault_roll (
        site_id TEXT NOT NULL, rank BIGINT NOT NULL, group_id BLOB NOT NULL,
        kinds BLOB NOT NULL, PRIMARY KEY (site_id, group_id))`,
      'CREATE INDEX vault_roll_rank ON vault_roll (site_id, rank, group_id)',
    ],
  },
  {
    id: 'vault-4',
    statements: [
      `CREATE TABLE vault_chart (
        site_id TEXT NOT NULL, holder_id BLOB NOT NULL, edition BIGINT NOT NULL,
        head BLOB NOT NULL, PRIMARY KEY (site_id, holder_id))`,
      `CREATE TABLE vault_page (
        site_id TEXT NOT NULL, holder_id BLOB NOT NULL, page_id BLOB NOT NULL,
        sealed BLOB NOT NULL, PRIMARY KEY (site_id, holder_id, page_id))`,
      `CREATE TABLE vault_mark (
        site_id TEXT NOT NULL, field BIGINT NOT NULL, tag BLOB NOT NULL, object_id BLOB NOT NULL,
        PRIMARY KEY (site_id, field, tag, object_id))`,
      'CREATE INDEX vault_mark_object ON vault_mark (site_id, object_id, field, tag)',
      // Without all columns of its query in it, SQLite prefers the whole key to such an index.
      'DROP INDEX vault_holding_object',
      'CREATE INDEX vault_holding_object ON vault_holding (site_id, object_id, holder_id, part)',
      'DROP INDEX vault_lookup_holder',
      'CREATE INDEX vault_lookup_holder ON vault_lookup (site_id, holder_id, field, tag)',
      `CREATE TABLE vault_upto (
        site_id TEXT NOT NULL, edition BIGINT NOT NULL, PRIMARY KEY (site_id))`,
    ],
  },
  {
    id: 'vault-5',
    statements: [
      `CREATE TABLE vault_tomb (
        site_id TEXT NOT NULL, holder_id BLOB NOT NULL, at BIGINT NOT NULL,
        statement BLOB NOT NULL, ml_dsa BLOB NOT NULL, ed25519 BLOB NOT NULL,
        PRIMARY KEY (site_id, holder_id))`,
      `CREATE TABLE vault_hold (
        site_id TEXT NOT NULL, holder_id BLOB NOT NULL, cause TEXT NOT NULL, since BIGINT NOT NULL,
        PRIMARY KEY (site_id, holder_id))`,
    ],
  },
]
