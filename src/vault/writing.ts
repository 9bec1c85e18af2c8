/**
 * What one commit of the vault holds, gathered: versions, their group, and the entries of the log.
 *
 * Everything becomes visible at once or not at all. The group is signed once, over all versions.
 *
 * @module
 */

import {
  base64,
  bind,
  concat,
  newUuid,
  statement,
  uuidOctets,
  type EpochMs,
  type SiteId,
  type Statement,
  type Uuid,
} from '#base'
import { eachStep, paced, type VaultContext } from './context.ts'
import { signGroup, statementHash, type ManifestEntry } from './group.ts'
import {
  deleteHoldings,
  insertHolding,
  insertObject,
  insertVersion,
  moveObject,
  type HoldingPart,
  type StoredObject,
} from './objects.ts'
import { db } from './tables.ts'

/** One version to be written. */
export interface NewVersion {
  readonly object: StoredObject
  /** The object as it is stored now; undefined if it is new. */
  readonly before: StoredObject | undefined
  readonly version: number
  /** FHIR resource type, also of one that is no more. */
  readonly type: string
  readonly hash: Uint8Array
  readonly octets: number
  readonly column: Uint8Array | null
  /** All holders of the object from now on; for an older version than the newest, none. */
  readonly holders: readonly Uuid[]
  /** Which part of their records it is. */
  readonly part: HoldingPart
  /** For what came from another site: its row in `vault_origin`. */
  readonly origin?: { readonly note: Uint8Array; readonly hash: Uint8Array }
}

/** What the log will say of a commit, beside its group. */
export interface Event {
  /** `vault.sealed` or `vault.received`. */
  readonly kind: 'vault.sealed' | 'vault.received'
  /** When the versions are written, by the clock of the site. */
  readonly at: EpochMs
  readonly actor: string
  /** The other site, for what was received. */
  readonly from?: SiteId
}

/** All statements that write these versions as one group, and log it. */
export async function writeGroup(
  context: VaultContext,
  versions: readonly NewVersion[],
  event: Event,
): Promise<Statement[]> {
  const { site, clock, random, signer, audit, kinds, groups } = context
  const { at } = event
  const group = newUuid(random)
  const entries = versions.map(({ object, version, hash, origin }): ManifestEntry => ({
    object: object.id,
    version,
    hash,
    ...(origin && { origin: origin.hash }),
  }))
  const signed = signGroup(signer, { site, group, at }, entries)
  const { statement: text, manifest, signature } = signed
  groups.signed(group, signed)
  const facts = {
    group,
    statement: base64(statementHash(text)),
    items: versions.length,
    ...(event.from && { from: event.from }),
  }
  const rows = await paced(
    clock,
    eachStep(versions, (version, place) => rowsOf(site, { ...version, group, place })),
  )
  return [
    ...rows.flat(),
    bind(INSERT_GROUP, site, uuidOctets(group), text, manifest, signature.mlDsa, signature.ed25519),
    kinds.roll(
      { id: group, at },
      versions.map(({ type }) => type),
      random,
    ),
    audit.append({ kind: event.kind, at, actor: event.actor, facts }),
  ]
}

function rowsOf(site: SiteId, item: NewVersion & { group: Uuid; place: number }): Statement[] {
  const { object, before, version, group, place, octets, hash, column, origin } = item
  const rows = [
    insertVersion(site, { object: object.id, version, group, place, octets, hash, column }),
  ]
  if (before === undefined) rows.push(insertObject(site, object))
  else if (object !== before)
    rows.push(moveObject(site, before, object), deleteHoldings(site, object.id))
  for (const holder of item.holders) rows.push(insertHolding(site, holder, item.part, object.id))
  if (origin) rows.push(bind(INSERT_ORIGIN, site, uuidOctets(object.id), version, origin.note))
  return rows
}

const blank = concat()
const INSERT_GROUP = statement(
  db.insertInto('vault_group').values({
    site_id: '',
    group_id: blank,
    statement: blank,
    manifest: blank,
    ml_dsa: blank,
    ed25519: blank,
  }),
)
const INSERT_ORIGIN = statement(
  db.insertInto('vault_origin').values({ site_id: '', object_id: blank, edition: 0, note: blank }),
)
