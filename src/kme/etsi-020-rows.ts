/**
 * What is remembered of keys that went to or came from partners, and acknowledgements that are owed.
 *
 * A row outlives its key: what was voided stays voided, and a key_ID that was used once is not taken
 * again, for `REMEMBERED_MS`. No row holds key bits or anything derived from them.
 *
 * @module
 */

import {
  bind,
  statement,
  tablesOf,
  type KeyId,
  type Migration,
  type SaeId,
  type SiteId,
  type SqlValue,
  type Statement,
  type Store,
  type Uuid,
} from '#base'

interface KeyTable {
  site_id: string
  key_id: string
  partner: string
  /** `in`: came from the partner. `out`: was sent there. */
  direction: string
  initiator: string
  /** Separated by spaces. */
  targets: string
  /** `kept`: fetchable here, or sent there. `voided`: never again. */
  state: string
  /** What the partner says beside the key, for its targets: JSON; empty for nothing. */
  beside: string
  at: number
}

interface AckTable {
  site_id: string
  ack: string
  partner: string
  url: string
  body: string
  at: number
}

/** The schema of keys shared with partners, in order. */
export const partnerMigrations: readonly Migration[] = [
  {
    id: 'kme-partner-1',
    statements: [
      `CREATE TABLE kme_partner_key (
        site_id TEXT NOT NULL, key_id TEXT NOT NULL, partner TEXT NOT NULL,
        direction TEXT NOT NULL, initiator TEXT NOT NULL, targets TEXT NOT NULL,
        state TEXT NOT NULL, beside TEXT NOT NULL, at BIGINT NOT NULL,
        PRIMARY KEY (site_id, key_id))`,
      'CREATE INDEX kme_partner_key_at ON kme_partner_key (site_id, at)',
      `CREATE TABLE kme_partner_ack (
        site_id TEXT NOT NULL, ack TEXT NOT NULL, partner TEXT NOT NULL,
        url TEXT NOT NULL, body TEXT NOT NULL, at BIGINT NOT NULL,
        PRIMARY KEY (site_id, ack))`,
    ],
  },
]

/** A key shared with a partner, as remembered. */
export interface PartnerKey {
  readonly keyId: KeyId
  readonly partner: SiteId
  readonly direction: 'in' | 'out'
  readonly initiator: SaeId
  readonly targets: readonly SaeId[]
  readonly state: 'kept' | 'voided'
  readonly extension: string
}

/** An acknowledgement that a partner has not confirmed. */
export interface OwedAck {
  readonly id: Uuid
  readonly partner: SiteId
  readonly url: string
  readonly body: string
  readonly at: number
}

/** Conflicts if the key_ID is remembered, whoever's it was. */
export const insertKey = (site: string, key: PartnerKey, at: number): Statement =>
  bind(INSERT_KEY, ...keyParameters(site, key, at))

/** Voids a key for good, whether or not it was ever heard of. */
export const voidKey = (site: string, key: PartnerKey, at: number): Statement =>
  bind(VOID_KEY, ...keyParameters(site, { ...key, state: 'voided' }, at), 'voided')

/** What is remembered of a key_ID. */
export async function readKey(
  { site, store }: { readonly site: SiteId; readonly store: Store },
  keyId: KeyId,
): Promise<PartnerKey | undefined> {
  const row = (await store.read(bind(SELECT_KEY, site, keyId))).at(0)
  if (row === undefined) return undefined
  return {
    keyId,
    // Written by this room alone.
    partner: textIn(row['partner']) as SiteId,
    direction: row['direction'] === 'in' ? 'in' : 'out',
    initiator: textIn(row['initiator']) as SaeId,
    targets: textIn(row['targets']).split(' ') as SaeId[],
    state: row['state'] === 'kept' ? 'kept' : 'voided',
    extension: textIn(row['beside']),
  }
}

/** Forgets what is older. */
export const forgetKeys = (site: string, before: number): Statement =>
  bind(FORGET_KEYS, site, before)

export const insertAck = (site: string, { id, partner, url, body, at }: OwedAck): Statement =>
  bind(INSERT_ACK, site, id, partner, url, body, at)

export const deleteAck = (site: string, id: Uuid): Statement => bind(DELETE_ACK, site, id)

/** All acknowledgements that are owed, oldest first. */
export async function readAcks(site: string, store: Store): Promise<readonly OwedAck[]> {
  return (await store.read(bind(SELECT_ACKS, site))).map((row) => ({
    id: textIn(row['ack']) as Uuid,
    partner: textIn(row['partner']) as SiteId,
    url: textIn(row['url']),
    body: textIn(row['body']),
    at: Number(row['at']),
  }))
}

const keyParameters = (site: string, key: PartnerKey, at: number): readonly SqlValue[] => [
  ...[site, key.keyId, key.partner, key.direction, key.initiator, key.targets.join(' ')],
  ...[key.state, key.extension, at],
]

const textIn = (value: SqlValue | undefined): string => (typeof value === 'string' ? value : '')

const db = tablesOf<{ kme_partner_key: KeyTable; kme_partner_ack: AckTable }>()
const NO_KEY: KeyTable = {
  ...{ site_id: '', key_id: '', partner: '', direction: '', initiator: '', targets: '' },
  ...{ state: '', beside: '', at: 0 },
}
const INSERT_KEY = statement(
  db
    .insertInto('kme_partner_key')
    .values(NO_KEY)
    .onConflict((on) => on.columns(['site_id', 'key_id']).doNothing()),
  1,
)
const VOID_KEY = statement(
  db
    .insertInto('kme_partner_key')
    .values(NO_KEY)
    .onConflict((on) => on.columns(['site_id', 'key_id']).doUpdateSet({ state: 'voided' })),
)
const SELECT_KEY = statement(
  db.selectFrom('kme_partner_key').selectAll().where('site_id', '=', '').where('key_id', '=', ''),
)
const FORGET_KEYS = statement(
  db.deleteFrom('kme_partner_key').where('site_id', '=', '').where('at', '<', 0),
)
const INSERT_ACK = statement(
  db
    .insertInto('kme_partner_ack')
    .values({ site_id: '', ack: '', partner: '', url: '', body: '', at: 0 }),
)
const DELETE_ACK = statement(
  db.deleteFrom('kme_partner_ack').where('site_id', '=', '').where('ack', '=', ''),
)
const SELECT_ACKS = statement(
  db.selectFrom('kme_partner_ack').selectAll().where('site_id', '=', '').orderBy('at'),
)
